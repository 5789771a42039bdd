//! Restores an archive, or a part of it, into a folder.

use std::collections::VecDeque;
use std::sync::Arc;

use format::{ArchiveFooter, ChunkId, Extent, IndexEntry, Verdict};

use super::archive::{Ambient, Watch, seconds};
use super::contents::{Contents, PathFilter};
use super::decode::{ChunkCache, Decoding};
use super::report::RestoreReport;
use super::throttle::Throttle;
use super::walk::cancelled;
use crate::archive::ChunkProvider;
use crate::error::{Error, ErrorKind, Result};
use crate::target::{Placed, PlacedFile, Target, TargetConfig};

/// What is restored, and how.
pub struct RestoreConfig {
    /// The paths that were asked for; none means all.
    pub filter: PathFilter,
    /// Where to.
    pub target: TargetConfig,
    /// Bytes of content that are written in a second, at most.
    pub rate_max: Option<u64>,
    /// Threads that read and decode ahead.
    pub workers: usize,
    /// Decoded chunks that are kept.
    pub chunk_count_max: usize,
}

/// Entries that are looked at ahead of their restoring, at most.
const ENTRIES_AHEAD_MAX: usize = 1024;

/// Looks ahead in the index, and has chunks read in the order in which they will be needed.
struct Lookahead<'a> {
    contents: Contents<'a>,
    cache: &'a ChunkCache<'a>,
    queue: VecDeque<Result<IndexEntry>>,
    /// Chunks of the queue's entries that nobody was told of yet.
    plan: VecDeque<ChunkId>,
    /// Chunks that are wanted and were not passed yet.
    wanted: usize,
    wanted_max: usize,
}

impl Lookahead<'_> {
    fn next(&mut self) -> Option<Result<IndexEntry>> {
        while self.plan.len() < self.wanted_max && self.queue.len() < ENTRIES_AHEAD_MAX {
            let Some(next) = self.contents.next() else { break };
            if let Ok(entry) = &next {
                self.plan.extend(chunks_of(entry));
            }
            self.queue.push_back(next);
        }
        self.want();
        self.queue.pop_front()
    }

    fn want(&mut self) {
        while self.wanted < self.wanted_max {
            let Some(chunk) = self.plan.pop_front() else { return };
            self.cache.want(chunk);
            self.wanted += 1;
        }
    }

    /// So many chunks of the order are used, or will never be.
    fn passed(&mut self, count: usize) {
        let wanted = count.min(self.wanted);
        self.wanted -= wanted;
        self.plan.drain(..(count - wanted).min(self.plan.len()));
        self.want();
    }
}

fn chunks_of(entry: &IndexEntry) -> impl Iterator<Item = ChunkId> {
    entry.extents.iter().filter_map(|extent| match extent {
        Extent::Data(run) => Some(run.chunk),
        Extent::Hole(_) => None,
    })
}

/// Restores. An error means that it could not go on at all; all else is among the faults.
pub fn restore(
    ambient: &Ambient,
    decoding: &Decoding<'_>,
    footer: &ArchiveFooter,
    config: RestoreConfig,
    watch: &Watch<'_>,
) -> Result<RestoreReport> {
    let began = ambient.clock.elapsed();
    let cache = ChunkCache::new(decoding, config.chunk_count_max);
    let contents = Contents::open(&cache, footer, config.filter)?;
    let everything = footer.entry_count;
    watch.progress.expect(everything, footer.content_length);
    let dry_run = config.target.dry_run;
    let mut restorer = Restorer {
        target: Target::open(config.target)?,
        lookahead: Lookahead {
            contents,
            cache: &cache,
            queue: VecDeque::new(),
            plan: VecDeque::new(),
            wanted: 0,
            wanted_max: (config.chunk_count_max / 4).max(1),
        },
        cache: &cache,
        throttle: Throttle::new(config.rate_max, Arc::clone(&ambient.clock)),
        watch,
        report: RestoreReport { dry_run, ..RestoreReport::default() },
    };
    let done = std::thread::scope(|scope| {
        for _ in 0..config.workers {
            scope.spawn(|| cache.read_ahead());
        }
        let done = restorer.run();
        cache.close();
        done
    });
    let mut report = restorer.finish(done)?;
    (report.chunks_read, report.stored_bytes_read) = decoding.counts();
    report.archive = footer.archive.to_string();
    report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok(report)
}

struct Restorer<'a> {
    target: Target,
    lookahead: Lookahead<'a>,
    cache: &'a ChunkCache<'a>,
    throttle: Throttle,
    watch: &'a Watch<'a>,
    report: RestoreReport,
}

impl Restorer<'_> {
    fn run(&mut self) -> Result<()> {
        while let Some(entry) = self.lookahead.next() {
            if self.watch.cancel.is_cancelled() {
                return Err(cancelled());
            }
            match entry {
                Ok(entry) => self.entry(&entry)?,
                Err(error) => self.fault(b"", &error),
            }
        }
        let unmatched: Vec<Vec<u8>> =
            self.lookahead.contents.unmatched().map(<[u8]>::to_vec).collect();
        for path in &unmatched {
            let message = format!("no entry {} in the archive", String::from_utf8_lossy(path));
            let error = Error::new(ErrorKind::Missing, message)
                .way_out("see what is in it: mover list STORE ARCHIVE");
            if self.report.entries == 0 && self.report.faults == 0 && self.report.held == 0 {
                return Err(error);
            }
            self.fault(path, &error);
        }
        Ok(())
    }

    fn entry(&mut self, entry: &IndexEntry) -> Result<()> {
        let chunk_count = chunks_of(entry).count();
        self.watch.progress.entry(&entry.entry.path);
        if entry.verdict >= Verdict::Hold {
            self.report.held += 1;
            self.lookahead.passed(chunk_count);
            return Ok(());
        }
        let placed = match self.target.begin(&entry.entry) {
            Ok(placed) => placed,
            Err(error) => {
                self.lookahead.passed(chunk_count);
                return self.failed(entry, error);
            }
        };
        let restored = match placed {
            Placed::NeedsContent(file) => self.content(entry, file),
            Placed::Done | Placed::LinkMade => {
                self.lookahead.passed(chunk_count);
                Ok(())
            }
        };
        match restored {
            Ok(()) => self.report.entries += 1,
            Err(error) => self.failed(entry, error)?,
        }
        for error in self.target.take_faults() {
            self.fault(&entry.entry.path, &error);
        }
        Ok(())
    }

    fn content(&mut self, entry: &IndexEntry, mut file: PlacedFile) -> Result<()> {
        let mut offset = 0;
        let mut left = chunks_of(entry).count();
        for extent in &entry.extents {
            if let Extent::Data(run) = extent {
                let written = self.run_into(run, &mut file, offset);
                if let Err(error) = written {
                    self.lookahead.passed(left);
                    return Err(error);
                }
                left -= 1;
                self.lookahead.passed(1);
            }
            offset += extent.length();
        }
        file.finish(offset)
    }

    fn run_into(&mut self, run: &format::Run, file: &mut PlacedFile, start: u64) -> Result<()> {
        if self.report.dry_run {
            return Ok(());
        }
        let chunk = self.cache.chunk(&run.chunk)?;
        let mut offset = start;
        for block in chunk.run(run)? {
            file.write_at(offset, block)?;
            offset += block.len() as u64;
        }
        self.report.bytes_written += run.length;
        self.watch.progress.bytes(run.length);
        self.throttle.moved(run.length);
        Ok(())
    }

    /// A fault of one entry; but a full disk stops everything, since all that follows would fail.
    fn failed(&mut self, entry: &IndexEntry, error: Error) -> Result<()> {
        if error.kind() == ErrorKind::Full {
            return Err(error.way_out(
                "make room, or name another folder; then run the same command with --overwrite",
            ));
        }
        if error.kind() == ErrorKind::Refused {
            self.report.refused += 1;
        }
        self.fault(&entry.entry.path, &error);
        Ok(())
    }

    fn fault(&mut self, path: &[u8], error: &Error) {
        self.report.faults += 1;
        self.watch.observer.fault(path, error);
    }

    /// Leaves all folders, whatever happened before, so that what was restored is as it should be.
    fn finish(self, done: Result<()>) -> Result<RestoreReport> {
        let Restorer { target, watch, mut report, .. } = self;
        for error in target.finish() {
            report.faults += 1;
            watch.observer.fault(b"", &error);
        }
        done.map(|()| report)
    }
}

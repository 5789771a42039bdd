//! Restores an archive, or a part of it, into a folder; goes on with one that was interrupted.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use format::{ArchiveFooter, ChunkId, EntryKind, Extent, IndexEntry, Run, Verdict};

use super::archive::{Ambient, Watch, seconds};
use super::cache::ChunkCache;
use super::contents::{Contents, PathFilter};
use super::decode::Decoding;
use super::filters::Unfiltered;
use super::finisher::{Finished, Finisher};
use super::report::RestoreReport;
use super::restart::{Earlier, Job, Journal, LONG_FILE_MIN, Marker};
use super::throttle::Throttle;
use crate::archive::{ChunkProvider, DecodedChunk};
use crate::error::{Error, ErrorKind, Result};
use crate::target::{Placed, PlacedFile, Target, TargetConfig};
use crate::threads;
use crate::units::path_text;

/// What is restored, and how.
pub struct RestoreConfig {
    /// The paths that were asked for; none means all.
    pub filter: PathFilter,
    /// Where to.
    pub target: TargetConfig,
    /// Where journals are kept, by which an interrupted restore goes on; without, none does.
    pub journals: Option<PathBuf>,
    /// Do not go on with an interrupted one.
    pub fresh: bool,
    /// Bytes of content that are written in a second, at most.
    pub rate_max: Option<u64>,
    /// Threads that read and decode ahead.
    pub workers: usize,
    /// Decoded chunks that are kept.
    pub chunk_count_max: usize,
}

/// Held entries that a note names.
const HELD_NAMED_MAX: usize = 8;
/// What can be done for what is held.
pub(super) const HELD_WAY_OUT: &str = "there is no way yet to restore it from here; where the source \
                                       is still there, archive it with other snoops, or --snoop none";
/// Entries that are looked at ahead of their restoring, at most.
const ENTRIES_AHEAD_MAX: usize = 1024;

/// Looks ahead in the index, and has chunks read in the order in which they will be needed.
struct Lookahead<'a> {
    contents: Contents<'a>,
    cache: &'a ChunkCache<'a>,
    queue: VecDeque<Result<Item>>,
    earlier: Earlier,
    /// Chunks of the queue's entries that nobody was told of yet.
    plan: VecDeque<ChunkId>,
    /// Chunks that are wanted and were not passed yet.
    wanted: usize,
    wanted_max: usize,
}

/// An entry whose chunks are planned, but for those that seem to be there already.
struct Item {
    entry: IndexEntry,
    /// Runs at its beginning that are not planned.
    skipped: usize,
    /// Chunks of it that are planned and not passed yet.
    planned: usize,
}

impl Lookahead<'_> {
    fn next(&mut self, target: &Target) -> Option<Result<Item>> {
        while self.plan.len() < self.wanted_max && self.queue.len() < ENTRIES_AHEAD_MAX {
            // A store that is away should not be waited for before that is told.
            if self.queue.back().is_some_and(Result::is_err) {
                break;
            }
            let Some(next) = self.contents.next() else { break };
            let item = next.map(|entry| self.planned(entry, target));
            self.queue.push_back(item);
        }
        self.want();
        self.queue.pop_front()
    }

    /// A guess is enough here: chunks that are not planned are read when they are needed after all.
    fn planned(&mut self, entry: IndexEntry, target: &Target) -> Item {
        let count = data_runs(&entry).count();
        let (covered, half) =
            (self.earlier.covers(&entry.entry.path), self.earlier.half(&entry.entry.path));
        let glance = if count > 0 && (covered || half.is_some()) {
            target.glance(&entry.entry)
        } else {
            None
        };
        let skipped = match (glance, half) {
            (Some((true, _)), _) if covered => count,
            // The last one is read once more, to be compared.
            (Some((_, length)), Some((_, believed))) => {
                runs_below(&entry, length.min(believed)).saturating_sub(1)
            }
            _ => 0,
        };
        self.plan.extend(data_runs(&entry).skip(skipped).map(|(_, run)| run.chunk));
        Item { entry, skipped, planned: count - skipped }
    }

    fn want(&mut self) {
        let count = self.plan.len().min(self.wanted_max.saturating_sub(self.wanted));
        if count > 0 {
            let chunks: Vec<ChunkId> = self.plan.drain(..count).collect();
            self.cache.want(&chunks);
            self.wanted += count;
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

/// The runs of a file's content, and where each begins.
fn data_runs(entry: &IndexEntry) -> impl Iterator<Item = (u64, &Run)> {
    let mut end = 0;
    entry.extents.iter().filter_map(move |extent| {
        let start = end;
        end += extent.length();
        match extent {
            Extent::Data(run) => Some((start, run)),
            Extent::Hole(_) => None,
        }
    })
}

/// How many runs end within the first `length` bytes.
fn runs_below(entry: &IndexEntry, length: u64) -> usize {
    data_runs(entry).take_while(|(start, run)| start + run.length <= length).count()
}

/// Whether reading again later may help.
fn is_passing(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Busy)
}

/// Restores. An error means that it could not go on at all; all else is among the faults.
pub fn restore(
    ambient: &Ambient,
    decoding: &Decoding<'_>,
    footer: &ArchiveFooter,
    mut config: RestoreConfig,
    watch: &Watch<'_>,
) -> Result<RestoreReport> {
    let began = ambient.clock.elapsed();
    let dry_run = config.target.dry_run;
    let filter = config.filter.clone();
    let into = config.target.into.clone();
    let journals = config.journals.take().filter(|_| !dry_run);
    let job = journals.as_deref().map(|journals| Job {
        journals,
        archive: footer.archive,
        into: &into,
        paths: filter.paths().collect(),
    });
    let found = match &job {
        None => None,
        Some(job) => journal_or_note(watch, Journal::open(job, !config.fresh))?.flatten(),
    };
    if let Some((_, earlier)) = &found {
        watch.observer.note("going on with this restore where it was interrupted");
        config.target.overwrite = true;
        config.target.was_empty = earlier.was_empty;
    }
    let cache = ChunkCache::new(decoding, config.chunk_count_max);
    let contents = Contents::open(&cache, footer, config.filter)?;
    watch.progress.expect(footer.entry_count, footer.content_length);
    let was_empty = !std::fs::read_dir(&into).is_ok_and(|mut listing| listing.next().is_some());
    let target = Target::open(config.target)?;
    let (journal, earlier) = match (found, &job) {
        (Some((journal, earlier)), _) => (Some(journal), earlier),
        (None, Some(job)) => {
            (journal_or_note(watch, Journal::create(job, was_empty))?, Earlier::default())
        }
        (None, None) => (None, Earlier::default()),
    };
    let mark = |journal| Marker::start(journal, target.syncer(), Arc::clone(&ambient.clock));
    let marker = journal.map(mark).transpose()?;
    let mut restorer = Restorer {
        decoding,
        target,
        lookahead: Lookahead {
            contents,
            cache: &cache,
            queue: VecDeque::new(),
            earlier,
            plan: VecDeque::new(),
            wanted: 0,
            wanted_max: (config.chunk_count_max / 4).max(1),
        },
        cache: &cache,
        throttle: Throttle::new(config.rate_max, Arc::clone(&ambient.clock), watch.cancel),
        watch,
        marker,
        finisher: Finisher::start()?,
        whole: (footer.entry_count, footer.content_length),
        unreached: false,
        held: Vec::new(),
        report: RestoreReport { dry_run, ..RestoreReport::default() },
    };
    let done = std::thread::scope(|scope| {
        let _closing = cache.closing();
        let started = (0..config.workers).try_for_each(|_| {
            let reader = cache.reader_ahead();
            threads::start_in(scope, "mover-decode", || reader.run()).map(drop)
        });
        started.and_then(|()| restorer.run())
    });
    let mut report = restorer.finish(done)?;
    (report.chunks_read, report.stored_bytes_read) = decoding.counts();
    report.retries = decoding.retries();
    report.tape_passes = decoding.tape_passes()?;
    report.archive = footer.archive.to_string();
    report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok(report)
}

/// A restore whose journal cannot be kept is still a restore; two at once are not.
fn journal_or_note<T>(watch: &Watch<'_>, journal: Result<T>) -> Result<Option<T>> {
    match journal {
        Ok(journal) => Ok(Some(journal)),
        Err(error) if error.kind() == ErrorKind::Busy => Err(error),
        Err(error) => {
            let text = format!("if this restore is interrupted, it cannot go on later: {error}");
            watch.observer.note(&text);
            Ok(None)
        }
    }
}

struct Restorer<'a> {
    decoding: &'a Decoding<'a>,
    target: Target,
    lookahead: Lookahead<'a>,
    cache: &'a ChunkCache<'a>,
    throttle: Throttle,
    watch: &'a Watch<'a>,
    marker: Option<Marker>,
    finisher: Finisher,
    /// Entries and bytes of content of the whole archive: a part of it is at its end earlier.
    whole: (u64, u64),
    /// The store could not be read for a while, so that trying again may help.
    unreached: bool,
    /// The first held entries.
    held: Vec<Vec<u8>>,
    report: RestoreReport,
}

impl Restorer<'_> {
    fn run(&mut self) -> Result<()> {
        while let Some(item) = self.lookahead.next(&self.target) {
            if self.watch.cancel.is_cancelled() {
                return Err(self.cancelled());
            }
            match item {
                Ok(mut item) => {
                    let done = self.entry(&mut item);
                    self.lookahead.passed(item.planned);
                    done?;
                }
                Err(error) => match self.given_up() {
                    Some(error) => return Err(error),
                    None => {
                        self.unreached |= is_passing(&error);
                        self.fault(b"", &error);
                    }
                },
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
        self.tell_held();
        Ok(())
    }

    /// What is held is not restored, and who asked for it by name is told so.
    fn tell_held(&mut self) {
        let only_held = self.lookahead.contents.only_held();
        let asked: Vec<Vec<u8>> = only_held.map(<[u8]>::to_vec).collect();
        for path in &asked {
            let message = format!("{} is held by a snoop, and not restored", path_text(path));
            let error = Error::new(ErrorKind::Refused, message);
            self.report.refused += 1;
            self.fault(path, &error.way_out(HELD_WAY_OUT));
        }
        let count = self.report.held;
        if count == 0 || self.lookahead.contents.is_all_held() {
            return;
        }
        let named: Vec<String> = self.held.iter().map(|path| path_text(path)).collect();
        let what = if count == 1 { "held entry is" } else { "held entries are" };
        let more = match count - self.held.len() as u64 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let text = format!("{count} {what} not restored: {}{more}", named.join(", "));
        self.watch.observer.note(&text);
    }

    fn entry(&mut self, item: &mut Item) -> Result<()> {
        let entry = &item.entry.entry;
        self.watch.progress.entry(&entry.path);
        if item.entry.verdict >= Verdict::Hold {
            self.report.held += 1;
            if self.held.len() < HELD_NAMED_MAX {
                self.held.push(entry.path.clone());
            }
            return Ok(());
        }
        if entry.kind != EntryKind::Directory
            && self.lookahead.earlier.covers(&entry.path)
            && self.target.recall(entry).is_ok()
        {
            let length = data_runs(&item.entry).map(|(_, run)| run.length).sum();
            self.keep(length);
            self.report.entries_kept += 1;
            self.report.entries += 1;
            return Ok(());
        }
        let restored = match self.resume(&item.entry) {
            Err(error) => Err(error),
            Ok(Some((file, from))) => self.content(item, file, from),
            Ok(None) => match self.target.begin(entry) {
                Ok(Placed::NeedsContent(file)) => self.content(item, file, 0),
                Ok(Placed::Done | Placed::LinkMade) => {
                    self.report.entries += 1;
                    Ok(())
                }
                Err(error) => return self.failed(&entry.path, error),
            },
        };
        let entry = &item.entry.entry;
        if let Err(error) = restored {
            self.failed(&entry.path, error)?;
        }
        let finished = self.finisher.finished();
        self.count(finished)?;
        for fault in self.target.take_faults() {
            self.fault(&fault.path, &fault.error);
        }
        // Folders are gone through again on the way to where an earlier session was: no progress.
        if let Some(marker) = self.marker.as_mut().filter(|_| entry.kind != EntryKind::Directory) {
            let share = self.report.share_of(self.whole);
            marker.reached(&entry.path, 0, None, share);
        }
        Ok(())
    }

    /// Files whose content was written are restored when all else is set too.
    fn count(&mut self, finished: Vec<Finished>) -> Result<()> {
        for (path, done) in finished {
            match done {
                Ok(()) => self.report.entries += 1,
                Err(error) => self.failed(&path, error)?,
            }
        }
        Ok(())
    }

    /// A file that was left half-written, and how many of its runs are there. The last of them is
    /// compared; if it is another, somebody was at the file, and it is written anew.
    fn resume(&mut self, entry: &IndexEntry) -> Result<Option<(PlacedFile, usize)>> {
        let Some((inode, believed)) = self.lookahead.earlier.half(&entry.entry.path) else {
            return Ok(None);
        };
        let Ok(Some(mut file)) = self.target.resume(&entry.entry) else { return Ok(None) };
        let there = runs_below(entry, file.length().min(believed));
        let ends_right = match file.inode() == inode {
            true => self.ends_right(entry, there, &mut file),
            false => Ok(false),
        };
        if !matches!(ends_right, Ok(true)) {
            // Placing it anew removes it, or says why that cannot be.
            file.pause();
            return ends_right.map(|_| None);
        }
        self.keep(data_runs(entry).take(there).map(|(_, run)| run.length).sum());
        self.report.resumed_files += 1;
        Ok(Some((file, there)))
    }

    /// An error where that cannot be known now, but will be by the next command.
    fn ends_right(&self, entry: &IndexEntry, there: usize, file: &mut PlacedFile) -> Result<bool> {
        let last = there.checked_sub(1).and_then(|last| data_runs(entry).nth(last));
        let Some((mut offset, run)) = last else { return Ok(false) };
        let chunk = match self.cache.chunk(&run.chunk) {
            Ok(chunk) => chunk,
            Err(error) if self.goes_on_later(&error) => return Err(error),
            Err(_) => return Ok(false),
        };
        let Ok(mut blocks) = chunk.run(run) else { return Ok(false) };
        let same = blocks.all(|block| {
            let start = offset;
            offset += block.len() as u64;
            file.holds(start, block)
        });
        // What lies behind is of no worth, and would show through holes.
        Ok(same && file.cut(offset).is_ok())
    }

    fn keep(&mut self, length: u64) {
        self.report.bytes_kept += length;
        self.watch.progress.bytes(length);
    }

    fn content(&mut self, item: &mut Item, mut file: PlacedFile, from: usize) -> Result<()> {
        let entry = &item.entry;
        let path = &entry.entry.path;
        let mut unfiltered = Unfiltered::open(self.decoding, &entry.options)?;
        // The middle of a filtered file cannot be found again.
        let long =
            self.marker.is_some() && entry.entry.size >= LONG_FILE_MIN && unfiltered.is_none();
        let inode = if long { file.inode() } else { 0 };
        if let Some(marker) = self.marker.as_ref().filter(|_| long) {
            // Nothing waits for its end: a kill meanwhile costs no file but this one.
            self.finisher.hand_over();
            marker.opened(path, inode);
        }
        let mut end = 0;
        for (index, (offset, run)) in data_runs(entry).enumerate() {
            if index >= from {
                let written = match self.watch.cancel.is_cancelled() {
                    true => Err(self.cancelled()),
                    false => match &mut unfiltered {
                        Some(unfiltered) => self.run_through(unfiltered, run, &mut file, &mut end),
                        None => self.run_into(run, &mut file, offset),
                    },
                };
                if let Err(error) = written {
                    if long && self.goes_on_later(&error) {
                        file.pause();
                    }
                    return Err(error);
                }
            }
            if index >= item.skipped {
                item.planned -= 1;
                self.lookahead.passed(1);
            }
            if let Some(marker) = self.marker.as_mut().filter(|_| long && index >= from) {
                let share = self.report.share_of(self.whole);
                marker.reached(path, inode, Some(offset + run.length), share);
            }
        }
        let length = match &mut unfiltered {
            Some(unfiltered) if !self.report.dry_run => {
                let rest = unfiltered.finish()?;
                file.write_at(end, rest)?;
                end + rest.len() as u64
            }
            _ => entry.extents.iter().map(Extent::length).sum(),
        };
        if long {
            // The journal knows of one long file at a time.
            file.finish(length)?;
            self.report.entries += 1;
        } else {
            self.finisher.finish(file, length);
        }
        Ok(())
    }

    /// Writes what the filters give back for a run, behind what they gave before.
    fn run_through(
        &mut self,
        unfiltered: &mut Unfiltered,
        run: &Run,
        file: &mut PlacedFile,
        end: &mut u64,
    ) -> Result<()> {
        if self.report.dry_run {
            return Ok(());
        }
        let chunk = self.chunk(run)?;
        for block in chunk.run(run)? {
            let bytes = unfiltered.next(block)?;
            file.write_at(*end, bytes)?;
            *end += bytes.len() as u64;
        }
        self.moved(run.length);
        Ok(())
    }

    fn chunk(&mut self, run: &Run) -> Result<Arc<DecodedChunk>> {
        self.cache.chunk(&run.chunk).inspect_err(|error| {
            self.unreached |= is_passing(error);
        })
    }

    fn moved(&mut self, length: u64) {
        self.report.bytes_written += length;
        self.watch.progress.bytes(length);
        self.throttle.moved(length);
    }

    fn run_into(&mut self, run: &Run, file: &mut PlacedFile, start: u64) -> Result<()> {
        if self.report.dry_run {
            return Ok(());
        }
        let chunk = self.chunk(run)?;
        let mut offset = start;
        for block in chunk.run(run)? {
            file.write_at(offset, block)?;
            offset += block.len() as u64;
        }
        self.moved(run.length);
        Ok(())
    }

    /// A fault of one entry; but a full disk stops everything, since all that follows would fail.
    fn failed(&mut self, path: &[u8], error: Error) -> Result<()> {
        if error.kind() == ErrorKind::Full {
            return Err(error.way_out(match self.marker.is_some() {
                true => "make room and run the same command again, which goes on from here",
                false => {
                    "make room, or name another folder; then run the same command with --overwrite"
                }
            }));
        }
        if error.kind() == ErrorKind::Cancelled {
            return Err(error);
        }
        if self.goes_on_later(&error)
            && let Some(given_up) = self.given_up()
        {
            return Err(given_up);
        }
        if error.kind() == ErrorKind::Refused {
            self.report.refused += 1;
        }
        self.fault(path, &error);
        Ok(())
    }

    /// Whether a failure ends this session, and not only the entry that met it.
    fn goes_on_later(&self, error: &Error) -> bool {
        match error.kind() {
            ErrorKind::Full | ErrorKind::Cancelled => true,
            ErrorKind::Io => self.decoding.away().is_some(),
            _ => false,
        }
    }

    fn cancelled(&self) -> Error {
        Error::new(ErrorKind::Cancelled, "stopped by the operator").way_out(self.again())
    }

    /// The end of a restore from a store that cannot be reached any more.
    fn given_up(&self) -> Option<Error> {
        self.decoding.given_up(self.again())
    }

    fn again(&self) -> &'static str {
        match self.marker.is_some() {
            true => "run the same command again, which goes on from here",
            false => "run the same command with --overwrite",
        }
    }

    fn fault(&mut self, path: &[u8], error: &Error) {
        self.report.faults += 1;
        self.watch.observer.fault(path, error);
    }

    /// Finishes all files and leaves all folders, whatever happened before, so that what was
    /// restored is as it should be.
    fn finish(mut self, done: Result<()>) -> Result<RestoreReport> {
        let finished = self.finisher.close();
        let counted = self.count(finished);
        let Restorer { target, watch, marker, unreached, mut report, .. } = self;
        for fault in target.finish() {
            report.faults += 1;
            watch.observer.fault(&fault.path, &fault.error);
        }
        done?;
        counted?;
        if let Some(marker) = marker.filter(|_| !unreached) {
            marker.remove();
        }
        Ok(report)
    }
}

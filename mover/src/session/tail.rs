//! The tail of the pipeline: encoded chunks in order, framed and given to the store.

use std::collections::BTreeSet;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Receiver;
use format::{
    ArchiveFooter, ChunkHeader, ChunkId, ChunkKind, Context, ContextPlace, Framing, RunChunk,
    RunFooter, RunHeader, SessionId,
};

use super::index_pools::IndexPools;
use super::progress::{Observer, Progress};
use crate::archive::EncodedChunk;
use crate::error::Result;
use crate::pipeline::{Meter, Resequencer, Sequenced};
use crate::store::WriteStore;

/// Chunks of a run, at most: what a torn run footer can cost a reader in looking.
const RUN_LENGTH_MAX: usize = 64;

/// How chunks are framed.
pub(super) struct Frames {
    pub(super) session: SessionId,
    /// For each route.
    pub(super) routes: Vec<(Framing, Context)>,
    pub(super) index: Arc<IndexPools>,
}

impl Frames {
    /// Of the index, and of what goes with it.
    fn index_context(&self, context: Context, used: &BTreeSet<u16>) -> Context {
        let pools = |route: &u16| self.routes[usize::from(*route)].1.pools();
        self.index.context(context, used.iter().flat_map(pools))
    }
}

struct OpenRun {
    header: RunHeader,
    chunks: Vec<RunChunk>,
}

/// Writes the chunks of one archive.
pub(super) struct Tail<'a> {
    writer: &'a mut dyn WriteStore,
    frames: Frames,
    /// Routes that a chunk has taken.
    used: BTreeSet<u16>,
    run: Option<OpenRun>,
    meter: Arc<Meter>,
    indexed: Arc<AtomicU64>,
    /// Data chunks with lower numbers were written by earlier sessions.
    first: u64,
    journal: Arc<File>,
    /// Chunks that were durable when the journal was synced last.
    durable: u64,
    observer: &'a dyn Observer,
    /// Chunks that were stored without their stages, since one of these failed.
    pub(super) untransformed: u64,
}

/// Of so many of them the reason is told; a component that fails always would fail a million times.
const FAILURE_NOTES_MAX: u64 = 5;

impl<'a> Tail<'a> {
    /// `indexed` is told which data chunks the data index has, from `first` on. `journal` is made
    /// durable whenever chunks are.
    pub(super) fn new(
        writer: &'a mut dyn WriteStore,
        frames: Frames,
        meter: Arc<Meter>,
        indexed: Arc<AtomicU64>,
        first: u64,
        journal: Arc<File>,
        observer: &'a dyn Observer,
    ) -> Tail<'a> {
        // An earlier session may have taken any of them.
        let used =
            (0..).zip(&frames.routes).map(|(route, _)| route).filter(|_| first > 0).collect();
        Tail {
            writer,
            frames,
            used,
            run: None,
            meter,
            indexed,
            first,
            journal,
            durable: 0,
            observer,
            untransformed: 0,
        }
    }

    /// Takes all chunks until there are no more: first the data, then the index.
    pub(super) fn run(
        &mut self,
        outputs: &Receiver<Sequenced<Result<EncodedChunk>>>,
        progress: &Progress,
    ) -> Result<()> {
        self.meter.add_instance();
        let mut order = Resequencer::default();
        let meter = Arc::clone(&self.meter);
        while let Ok(output) = meter.wait(|| outputs.recv()) {
            order.push(output);
            while let Some(chunk) = order.pop() {
                let chunk = chunk?;
                let stored = chunk.payload.len();
                meter.busy(|| self.take(chunk))?;
                meter.moved(stored, stored);
                progress.stored(stored as u64);
            }
        }
        Ok(())
    }

    fn take(&mut self, chunk: EncodedChunk) -> Result<()> {
        let (framing, context) = self.frames.routes[usize::from(chunk.route)].clone();
        // What no rule sends anywhere and has no content is as much of every pool as the index is.
        let of_all = chunk.is_bare && (chunk.kind != ChunkKind::Data || chunk.route == 0);
        let context = match of_all {
            true => self.frames.index_context(context, &self.used),
            false => context,
        };
        self.used.insert(chunk.route);
        if let Some(failure) = &chunk.failure {
            self.untransformed += 1;
            if self.untransformed <= FAILURE_NOTES_MAX {
                let what = "it is stored without its stages";
                self.observer.note(&format!("{failure}; {what}"));
            }
        }
        let place = match framing {
            Framing::Each | Framing::Both => ContextPlace::Here(context.clone()),
            // A run is of one stream, and an index is short.
            Framing::Run if chunk.kind != ChunkKind::Data => ContextPlace::Here(context.clone()),
            Framing::Run => ContextPlace::Run(self.run_of(chunk.chunk, &context)?),
        };
        let header = ChunkHeader {
            chunk: chunk.chunk,
            session: self.frames.session,
            kind: chunk.kind,
            plain_length: chunk.plain_length,
            stages: chunk.stages,
            context: place,
        };
        let mut footer = chunk.footer;
        if framing == Framing::Both {
            footer.context = Some(context);
        }
        if chunk.kind != ChunkKind::Data || framing != Framing::Run {
            self.close_run()?;
        }
        let indexed = self.writer.append_chunk(&header, &chunk.payload, &footer)?;
        if let Some(run) = &mut self.run {
            run.chunks.push(RunChunk {
                number: chunk.chunk.number,
                stored_length: u32::try_from(chunk.payload.len()).expect("bounded"),
                stored_crc: format::checksum(&chunk.payload),
            });
        }
        // From here on the store itself answers for the blocks of those chunks.
        self.indexed.store(self.first + indexed, Ordering::Relaxed);
        self.sync_journal();
        Ok(())
    }

    /// What the store keeps after a power loss, the journal should still know of.
    fn sync_journal(&mut self) {
        let durable = self.writer.durable_chunks();
        if durable != self.durable {
            self.durable = durable;
            // Where it fails, only a power loss could show it, and dedupe makes up for it.
            let _ = self.journal.sync_data();
        }
    }

    /// The run that a chunk goes into; opens one where there is none or the last is full.
    fn run_of(&mut self, chunk: ChunkId, context: &Context) -> Result<u64> {
        let is_over =
            |run: &OpenRun| run.chunks.len() >= RUN_LENGTH_MAX || run.header.context != *context;
        if self.run.as_ref().is_some_and(is_over) {
            self.close_run()?;
        }
        if self.run.is_none() {
            let header =
                RunHeader { first: chunk, session: self.frames.session, context: context.clone() };
            self.writer.append_run_header(&header)?;
            self.run = Some(OpenRun { header, chunks: Vec::new() });
        }
        Ok(self.run.as_ref().expect("opened above").header.first.number)
    }

    fn close_run(&mut self) -> Result<()> {
        match self.run.take() {
            Some(run) => {
                self.writer.append_run_footer(&RunFooter { header: run.header, chunks: run.chunks })
            }
            None => Ok(()),
        }
    }

    /// Closes the archive.
    pub(super) fn finish(mut self, footer: &ArchiveFooter) -> Result<()> {
        self.close_run()?;
        self.writer.end_archive(footer)
    }
}

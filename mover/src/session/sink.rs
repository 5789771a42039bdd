//! What the head packs into: the stretch with its buffers, the journal, and the data index.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use format::{BlockIdentity, Run};

use super::archive::ArchiveConfig;
use super::journal::JournalWriter;
use crate::archive::{BlockPlace, ChunkSink, KnownBlocks, PlainChunk, Position};
use crate::buffer::{Buffer, BufferPool};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{BURST, Meter, Stretch, encoded_length_max};
use crate::store::ReadStore;

/// The memory of the stretch.
pub(super) struct Pools {
    pub(super) plain: Arc<BufferPool>,
    pub(super) encoded: Arc<BufferPool>,
}

impl Pools {
    pub(super) fn new(config: &ArchiveConfig, workers: usize) -> Pools {
        let (plain, encoded) = Pools::counts(workers);
        let length = Pools::plain_length(config);
        Pools {
            plain: Arc::new(BufferPool::new(plain, length)),
            encoded: Arc::new(BufferPool::new(encoded, encoded_length_max(length))),
        }
    }

    /// Bytes of all of them.
    pub(super) fn memory(config: &ArchiveConfig, workers: usize) -> u64 {
        let (plain, encoded) = Pools::counts(workers);
        let length = Pools::plain_length(config);
        (plain * length + encoded * encoded_length_max(length)) as u64
    }

    /// Bytes of a plain buffer.
    pub(super) fn plain_length(config: &ArchiveConfig) -> usize {
        let longest = config.routes.iter().map(|route| route.chunk_length).max();
        let chunk_length = longest.expect("there is a route at least");
        chunk_length + chunk_length / 4
    }

    /// Plain buffers, and encoded ones.
    fn counts(workers: usize) -> (usize, usize) {
        let plain = workers // in the hands of workers
            + workers + BURST // queued before the stretch
            + 1 // being filled by the packer
            + 1; // being filled by the index
        let encoded = workers // in the hands of workers
            + workers // queued behind the stretch
            + workers // waiting for an earlier one
            + 1; // being written by the tail
        (plain, encoded)
    }

    pub(super) fn close(&self) {
        self.plain.close();
        self.encoded.close();
    }
}

/// Full chunks go into the stretch, and what they make complete into the journal.
pub(super) struct StretchSink {
    pub(super) stretch: Stretch<PlainChunk>,
    pub(super) plain: Arc<BufferPool>,
    pub(super) indexed: Arc<AtomicU64>,
    pub(super) journal: JournalWriter,
    /// Of packing: what is waited for is the stretch.
    pub(super) meter: Arc<Meter>,
}

fn stretch_is_gone() -> Error {
    Error::new(ErrorKind::Cancelled, "the pipeline was stopped behind its head")
}

impl ChunkSink for StretchSink {
    fn buffer(&mut self) -> Result<Buffer> {
        self.meter.wait(|| self.plain.acquire()).ok_or_else(stretch_is_gone)
    }

    fn push(&mut self, chunk: PlainChunk) -> Result<()> {
        match self.meter.wait(|| self.stretch.submit(chunk)) {
            true => Ok(()),
            false => Err(stretch_is_gone()),
        }
    }

    fn indexed(&self) -> u64 {
        self.indexed.load(Ordering::Relaxed)
    }

    fn checkpoint(&mut self, chunk: u64, open: Option<&Position<'_>>) -> Result<()> {
        self.journal.checkpoint(chunk, open)
    }

    fn withhold(&mut self, runs: &[Run]) {
        self.journal.withhold(runs);
    }
}

/// Where the blocks may lie that a route refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Domain {
    /// In all of these: none of them comes to need another one.
    pub(super) pools: Vec<String>,
    /// Or in one of these, where a rule says so.
    pub(super) besides: Vec<String>,
}

/// The store's data index, asked for a window's blocks at once.
pub(super) struct StoreBlocks {
    store: Arc<dyn ReadStore>,
    domains: Vec<Domain>,
    answers: HashMap<(BlockIdentity, u16), BlockPlace>,
}

impl StoreBlocks {
    pub(super) fn new(store: Arc<dyn ReadStore>, domains: Vec<Domain>) -> StoreBlocks {
        StoreBlocks { store, domains, answers: HashMap::new() }
    }
}

impl KnownBlocks for StoreBlocks {
    fn expect(&mut self, blocks: &[(BlockIdentity, u16)]) -> Result<()> {
        self.answers.clear();
        for (domain, Domain { pools, besides }) in (0_u16..).zip(&self.domains) {
            let of_domain = blocks.iter().filter(|(_, of)| *of == domain);
            let mut identities: Vec<_> = of_domain.map(|(identity, _)| *identity).collect();
            let besides = besides.iter().map(std::slice::from_ref);
            for pools in [&pools[..]].into_iter().chain(besides) {
                if identities.is_empty() {
                    break;
                }
                let places = self.store.lookup_blocks(&identities, pools)?;
                for (identity, place) in identities.iter().zip(places) {
                    let place = place.map(|crate::store::BlockPlace { chunk, ordinal, length }| {
                        BlockPlace { chunk, ordinal, length }
                    });
                    self.answers.extend(place.map(|place| ((*identity, domain), place)));
                }
                identities.retain(|identity| !self.answers.contains_key(&(*identity, domain)));
            }
        }
        Ok(())
    }

    fn find(&mut self, identity: &BlockIdentity, domain: u16) -> Result<Option<BlockPlace>> {
        Ok(self.answers.get(&(*identity, domain)).copied())
    }
}

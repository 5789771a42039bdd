//! What was appended and is not committed yet, so that the next chunk can already refer to it.

use std::collections::{HashMap, HashSet};

use format::{BlockEntry, BlockIdentity, ChunkId, Withheld};

use super::record::BlockPlace;

#[derive(Debug, Default)]
pub(super) struct Overlay {
    blocks: HashMap<BlockIdentity, BlockPlace>,
    chunks: HashSet<ChunkId>,
}

impl Overlay {
    pub(super) fn add(&mut self, chunk: ChunkId, blocks: &[BlockEntry]) {
        self.chunks.insert(chunk);
        for BlockEntry { ordinal, length, identity } in blocks {
            let place = BlockPlace { chunk, ordinal: *ordinal, length: *length };
            self.blocks.entry(*identity).or_insert(place);
        }
    }

    pub(super) fn block(&self, identity: &BlockIdentity) -> Option<BlockPlace> {
        self.blocks.get(identity).copied()
    }

    pub(super) fn has_chunk(&self, chunk: &ChunkId) -> bool {
        self.chunks.contains(chunk)
    }

    pub(super) fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// `withheld` is in ascending order.
    pub(super) fn withhold(&mut self, withheld: &[Withheld]) {
        self.blocks.retain(|_, place| {
            let block = Withheld { chunk: place.chunk, ordinal: place.ordinal };
            withheld.binary_search(&block).is_err()
        });
    }

    pub(super) fn clear(&mut self) {
        self.blocks.clear();
        self.chunks.clear();
    }
}

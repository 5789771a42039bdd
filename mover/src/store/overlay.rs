//! What was appended and is not committed yet, so that the next chunk can already refer to it.

use std::collections::{HashMap, HashSet};

use format::{BlockEntry, BlockIdentity, ChunkId, Withheld};

use super::record::BlockPlace;

#[derive(Debug, Default)]
pub(super) struct Overlay {
    /// By pool, as the shelf counts them.
    blocks: HashMap<(BlockIdentity, usize), BlockPlace>,
    chunks: HashSet<(ChunkId, usize)>,
}

impl Overlay {
    pub(super) fn add(&mut self, chunk: ChunkId, pool: usize, blocks: &[BlockEntry]) {
        self.chunks.insert((chunk, pool));
        for BlockEntry { ordinal, length, identity } in blocks {
            let place = BlockPlace { chunk, ordinal: *ordinal, length: *length };
            self.blocks.entry((*identity, pool)).or_insert(place);
        }
    }

    pub(super) fn block(&self, identity: &BlockIdentity, pool: usize) -> Option<BlockPlace> {
        self.blocks.get(&(*identity, pool)).copied()
    }

    pub(super) fn has_chunk(&self, chunk: &ChunkId, pool: usize) -> bool {
        self.chunks.contains(&(*chunk, pool))
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

//! A decoded chunk, and where decoded chunks come from.

use std::sync::Arc;

use format::{ChunkId, FilterRecord, Run, TagKind};

use crate::buffer::Buffer;
use crate::error::{Error, ErrorKind, Result};

/// The plain bytes of a chunk, checked, with its data blocks found.
#[derive(Debug)]
pub struct DecodedChunk {
    /// Its address.
    pub chunk: ChunkId,
    plain: Buffer,
    /// Start and length of each data block, by ordinal.
    blocks: Vec<(u32, u32)>,
}

impl DecodedChunk {
    /// Checks the CRC of every block of a data chunk and finds its data blocks.
    pub fn of_blocks(chunk: ChunkId, plain: Buffer) -> Result<DecodedChunk> {
        let mut blocks = Vec::new();
        for tagged in format::blocks(&plain) {
            let tagged = tagged.map_err(|cause| {
                Error::new(ErrorKind::Damaged, format!("{chunk}: a block in it")).because(cause)
            })?;
            tagged.options.require_known(&[FilterRecord::OPTION]).map_err(|cause| {
                let message = format!("{chunk}: a block in it");
                Error::new(ErrorKind::Unsupported, message).because(cause)
            })?;
            if tagged.tag.kind == TagKind::Data {
                let start = tagged.block.as_ptr().addr() - plain.as_ptr().addr();
                blocks.push((u32::try_from(start).expect("bounded"), tagged.tag.length));
            }
        }
        Ok(DecodedChunk { chunk, plain, blocks })
    }

    /// An index chunk: nothing to find in it.
    pub fn of_index(chunk: ChunkId, plain: Buffer) -> DecodedChunk {
        DecodedChunk { chunk, plain, blocks: Vec::new() }
    }

    /// How many data blocks there are, and how many bytes they are together.
    pub fn shape(&self) -> (u32, u64) {
        let count = u32::try_from(self.blocks.len()).expect("a chunk is bounded");
        (count, self.blocks.iter().map(|(_, length)| u64::from(*length)).sum())
    }

    /// All plain bytes.
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// The blocks that a run names, in order; they are there and of the run's length together.
    pub fn run(&self, run: &Run) -> Result<impl Iterator<Item = &[u8]>> {
        let wrong = |what: &str| {
            let message = format!("{}: {what} that an index names", self.chunk);
            Error::new(ErrorKind::Damaged, message)
        };
        let (first, count) = (run.first as usize, run.count as usize);
        let blocks = first.checked_add(count).and_then(|end| self.blocks.get(first..end));
        let blocks = blocks.ok_or_else(|| wrong("it has fewer blocks than"))?;
        if blocks.iter().map(|(_, length)| u64::from(*length)).sum::<u64>() != run.length {
            return Err(wrong("its blocks are not of the length"));
        }
        Ok(blocks.iter().map(|(start, length)| {
            let start = *start as usize;
            &self.plain[start..start + *length as usize]
        }))
    }
}

/// Gives decoded chunks by their address.
pub trait ChunkProvider {
    /// The chunk; every error names it.
    fn chunk(&self, chunk: &ChunkId) -> Result<Arc<DecodedChunk>>;
}

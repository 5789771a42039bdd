//! Writes and reads an archive: bytes into blocks, blocks into chunks, chunks through their
//! chain into what frames carry; and back.
//!
//! Knows no files, no volumes and no components: entries come in as [`format::Entry`], known
//! blocks and chunks through traits, stages as [`crate::pipeline::Transform`].

mod window;
mod packer;
mod needs;
mod arrived;
mod chain;
mod index;
mod reader;
mod stream;

pub use arrived::Arrived;
pub use chain::{Chain, ChainStage, DecodeVerify, EncodedChunk, NONCE_LENGTH, PlainChunk};
#[cfg(test)]
pub(crate) use index::entry_of_extents;
pub use index::{IndexReader, IndexWriter, each_record, join_records};
pub use needs::Needs;
pub use packer::{
    BlockPlace, ChunkSink, DEDUPE_LENGTH_MIN, Ended, KnownBlocks, PackRoute, Packer, Position,
    ResumedEntry,
};
pub use reader::{ChunkProvider, DecodedChunk};
pub use stream::StreamReader;
pub use window::{Part, Piece, Window};

//! The bytes of Mover: every frame, header and label, as values and back.
//!
//! A volume is a sequence of [`Frame`]s. A [`VolumeLabel`] comes first; then sessions, each a
//! [`SessionHeader`], archives and a [`SessionFooter`]; in an archive, between its header and its
//! footer, chunks: a [`ChunkHeader`] with the encoded payload, and a [`ChunkFooter`]. A chunk's
//! plain bytes are tagged [`blocks`]. `SPEC.md` beside this crate is normative; where the two
//! differ, this code is wrong.
//!
//! Nothing here does I/O, looks at a clock or panics on any bytes that it is given to decode.
//! Encoding panics on values past [`limits`], which the caller has to keep.
#![forbid(unsafe_code)]

// In suggested reading order.
pub mod limits;
mod error;
mod wire;
mod id;
mod frame;
mod label;
mod key;
mod component;
mod session;
mod archive;
mod chunk;
mod binding;
mod options;
mod filter;
mod tag;
mod entry;
mod index;
mod parity;

/// The format version that this code writes, and the newest that it reads.
pub const VERSION: u16 = 1;

pub use archive::{ArchiveDrop, ArchiveFooter, ArchiveHeader, ChunkRange, Framing, Withheld};
pub use binding::{BINDING_MAGIC, Binding};
pub use chunk::{
    BlockEntry, ChunkFooter, ChunkHeader, ChunkKind, Context, ContextPlace, RunChunk, RunFooter,
    RunHeader, StageRecord,
};
pub use component::{Component, ComponentEntry, Role};
pub use entry::{Entry, EntryKind, Xattr, compare_paths};
pub use error::{Error, Result};
pub use filter::FilterRecord;
pub use frame::{Frame, FrameKind, MAGIC, Prefix, find_magic};
pub use id::{
    ArchiveId, BlockIdentity, ChunkId, Digest, GroupId, SessionId, StoreId, StreamNumber, Timestamp,
};
pub use index::{Extent, Finding, IndexEntry, IndexPageWriter, PageEntry, index_entries};
pub use key::{Epoch, KeyGroup, Member, MemberKind};
pub use label::{VolumeFooter, VolumeLabel};
pub use options::{Item, MANDATORY, Options};
pub use parity::{PARITY_MAGIC, ParityColumn, ParityHeader, ParityKind, ParityTable};
pub use session::{SessionFooter, SessionHeader, SessionStatus};
pub use tag::{EntryEnd, Run, TagHeader, TagKind, Tagged, Verdict, blocks};

/// CRC-32C (Castagnoli), the checksum of everything here.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// CRC-32C of bytes of which `before` is the checksum, and behind them `bytes`.
pub fn checksum_more(before: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(before, bytes)
}

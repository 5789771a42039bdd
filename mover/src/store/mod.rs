//! A store: volumes in a folder, and a catalog that says where in them everything lies.
//!
//! ```text
//! STORE/volumes/00000001.volume ...   frames; the truth
//! STORE/catalog.sqlite                a cache, which is rebuilt from the volumes whenever needed
//! STORE/lock                          held by the one writer, and names it
//! ```
//!
//! The order of a commit, which SPEC 9 repeats:
//!
//! 1. Frames are appended to the volume; a chunk's header and footer frame are neighbours on it.
//! 2. The volume is synced. A new volume was synced, and its folder, before its first frame.
//! 3. One catalog transaction adds the rows and moves the volume's indexed length.
//! 4. Only now is anything acknowledged, or an archive visible.
//!
//! So the catalog never claims what a power loss can take, and what lies behind the indexed
//! length was never acknowledged: recovery indexes what is valid there, and cuts off a torn tail.
//! Without a catalog nobody knows what was acknowledged: then nothing is cut off, and writing
//! goes on in a new volume. A volume is closed, and synced, before the next one is made.
//!
//! Rows are made from frames by one piece of code, in the order of the frames, whether they were
//! just written or are found again: a rebuilt catalog is the same, row for row.

// In suggested reading order.
mod config;
mod record;
mod lock;
mod change;
mod catalog;
mod shelf;
mod pools;
mod volumes;
mod recovery;
mod compare;
mod walk;
mod overlay;
mod open;
mod reads;
mod check;
mod parity;
mod find;
mod needed;
mod writer;
mod interface;

pub use crate::media::MediumKind;
pub use compare::{Compared, Difference, compare};
pub use config::{CommitWindow, PoolConfig, StoreConfig};
pub use interface::{ArchiveProof, ReadStore, Traffic, WriteStore};
pub use needed::Needed;
pub use open::Store;
pub use parity::{ParityFault, ParityState};
pub use pools::{open_pool, pools, remember_home, remember_map, remember_parity, remember_pools};
pub use record::{
    Acknowledged, ArchiveRecord, BlockPlace, ChunkPlace, Fault, FaultKind, PoolRecord, Rebuilt,
    SessionRecord, StoredChunk, StreamEnd, VolumeRecord,
};
pub use recovery::rebuild;
pub use shelf::{FailedDrive, HOME_POOL};
pub use writer::{Healed, Protected, Step, StoreWriter};

#[cfg(test)]
pub(crate) mod tests;

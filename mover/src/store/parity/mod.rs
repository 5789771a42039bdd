//! Files of parity beside the volumes of a pool on disk, which heal them. SPEC 4.8.
//!
//! ```text
//! POOL/00000001.volume ...            what is protected
//! POOL/5f0c9b...-0.parity -1 ...      a set: its columns of parity, a file each
//! POOL/00000001.removed               the volume was taken out; sets that name it are going
//! ```
//!
//! What a session appended is protected at its end, by a set *within* its volume: lost sectors and
//! chunks of it are healed. As soon as enough volumes are closed, a set *across* them takes the
//! place of those: then whole volumes may be lost too. Either way so much parity is written as the
//! pool's `10+2` says, and no more.
//!
//! Nothing here is part of the truth: a store is as readable without parity as with it. A set is
//! there when all its files have their names, which they get when they are durable; a volume that
//! a set names, that is not there and of which no mark says that it was taken out, is lost. Sets
//! that know a lost volume, or more of one than is there, stay until it is back.

// In suggested reading order.
mod files;
mod plan;
mod vouch;
mod make;
mod heal;
mod check;
mod witness;

pub use check::{ParityFault, ParityState};
pub(super) use files::{Found, Lack, ParitySet, any_table, look, mark_removed, tidy};
pub(super) use heal::Healer;
pub(super) use make::{damaged, make};
pub(super) use plan::{Lying, Wanted, plan};
pub(super) use vouch::Voucher;
pub(super) use witness::Witness;

/// Bytes of a column that are worked on at once, unless a shard is longer.
const BATCH_LENGTH: usize = 256 << 10;

/// The code of a set, whose header keeps to the limits.
fn code(header: &format::ParityHeader) -> reed_solomon_erasure::galois_8::ReedSolomon {
    let (data, parity) = (header.columns.len(), usize::from(header.parity_count));
    reed_solomon_erasure::galois_8::ReedSolomon::new(data, parity)
        .expect("a header has a column of each, and at most 255")
}

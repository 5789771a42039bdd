//! The journal of an archive's session, on the machine that reads the source.
//!
//! Before a chunk leaves the head, the journal holds what a later session needs to go on behind
//! it: the entries that are complete, and how far the open one was read. A session that is run
//! again asks the store which chunks arrived, goes back to the checkpoint of the last of them,
//! and reads on from there; and the archive's index is made from the journal in any case.
//!
//! Records are sealed one by one and written at once: a killed process loses none, a power loss
//! those since the last sync, and what the store then has more is found again by dedupe.

mod file;
mod record;
mod resume;

pub use file::{Interrupted, interrupted};
pub(super) use file::{JournalReader, JournalWriter};
pub use record::Job;
pub(super) use record::{Counts, Head, Snoops};
pub(super) use resume::{OpenEntry, Resumed};

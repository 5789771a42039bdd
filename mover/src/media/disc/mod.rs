//! Discs that are written once: images that grow by disc sessions and mount anywhere.
//!
//! What is appended waits in a spool, a file that is synced like any other, so that a commit is
//! cheap. When enough has come together, or a session ends, it is burned as one disc session: a
//! file in the disc's ISO 9660 file system, named by the offset of its first byte. It is read back
//! and compared, and only then leaves the spool. SPEC 4.7 has the names.

// In suggested reading order.
mod xorriso;
mod state;
mod storage;

pub use storage::{DiscConfig, DiscStorage};

#[cfg(test)]
mod tests;

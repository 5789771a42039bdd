//! What the built-in guests and the SDK share: what a configuration is, a window split into
//! entries, saved states, and the checksum of blocks.
//!
//! Plain Rust without the contract in it, and without dependencies: the bytes of a built-in
//! component change with every change to a crate that it is made of.

pub mod config;
pub mod crc;
pub mod state;
pub mod window;

mod lanes;

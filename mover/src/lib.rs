//! The engine of Mover, and its command line.
//!
//! A [`session`] is where everything meets: a [`source`] gives entries, sandboxed components
//! ([`plugin`]) look at their bytes and cut them, [`archive`] packs blocks into chunks, a
//! [`pipeline`] takes the chunks through their stages, and a [`store`] appends them to volumes
//! ([`media`]) and commits; a restore goes the other way, into a [`target`].
//!
//! Read `docs/architecture.md` first, then the modules in the order below.
//! The bytes on media are the crate [`mod@format`], and `format/SPEC.md` says what they mean.

pub mod error;
pub mod ambient;
mod durable;
mod failpoint;
mod threads;
mod units;
mod pin;
pub mod buffer;
pub mod pipeline;
pub mod plugin;
pub mod source;
pub mod target;
pub mod archive;
pub mod media;
pub mod key;
pub mod store;
pub mod policy;
pub mod net;
pub mod session;
#[cfg(test)]
mod simulation;
pub mod kit;
pub mod cli;

pub use error::{Error, ErrorKind, Result};

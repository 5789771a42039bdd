//! The engine.

pub mod ambient;
pub mod error;
pub mod buffer;
pub mod pipeline;
pub mod plugin;
pub mod source;
pub mod target;
pub mod archive;
pub mod key;
pub use error::{Error, ErrorKind, Result};

//! Tests of a plugin on the host, with `cargo test` and without WebAssembly.
//!
//! Each harness calls a plugin as the host does, holds it to the bounds of its role, and panics
//! with the reason where a promise of the role is broken. `mover plugin test` runs the component
//! itself through more of the same.

mod data;
mod dedupe;
mod filter;
mod snoop;
mod transform;

pub use data::{Random, samples};
pub use dedupe::DedupeTest;
pub use filter::FilterTest;
pub use snoop::SnoopTest;
pub use transform::TransformTest;

use crate::config::{Config, parse};
use crate::error::Result;
use serde::de::DeserializeOwned;

/// Reads a configuration as a plugin's `open` is given it.
///
/// # Errors
///
/// What an operator is told of a wrong one.
pub fn config<C: Config + DeserializeOwned>(json: &str) -> Result<C> {
    parse(json)
}

#[cfg(test)]
mod tests;

//! Writes bindings from the contract: `cargo run -p bindgen`.
//!
//! They are checked in, so that a plugin's author compiles no generator and copies no WIT.
//!
//! Read in this order: here (all of them), `rust` (those of the SDK), `c` (those of projects in C).

mod c;
mod rust;

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use wit_bindgen_core::wit_parser::{PackageId, Resolve};

/// The roles of the contract; each has a world of its own.
const ROLES: &[&str] = &["transform", "snoop", "dedupe", "filter"];

/// A file that is made of the contract.
struct Generated {
    /// In the folder `plugins`.
    path: String,
    bytes: Vec<u8>,
}

impl Generated {
    fn place(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&self.path)
    }
}

fn main() -> Result<()> {
    for file in generated()? {
        std::fs::write(file.place(), &file.bytes)
            .with_context(|| format!("write {}", file.path))?;
    }
    Ok(())
}

fn generated() -> Result<Vec<Generated>> {
    let mut files = rust::bindings()?;
    files.extend(c::bindings()?);
    Ok(files)
}

/// The contract, read anew: generators change what they are given.
fn contract() -> Result<(Resolve, PackageId)> {
    let mut resolve = Resolve::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.1");
    let (package, _) = resolve.push_dir(&folder).context("read the contract in wit/0.1")?;
    Ok((resolve, package))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_bindings_are_what_the_contract_makes() {
        for file in generated().unwrap() {
            let is_fresh = std::fs::read(file.place()).unwrap() == file.bytes;
            assert!(is_fresh, "{} is stale: run `cargo run -p bindgen` in plugins/", file.path);
        }
    }
}

//! Writes the SDK's bindings from the contract: `cargo run -p bindgen`.
//!
//! They are checked in, so that a plugin's author compiles no generator and copies no WIT.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use wit_bindgen_core::{Files, wit_parser::Resolve};

/// The roles of the contract; each has a world of its own.
const ROLES: &[&str] = &["transform", "snoop", "dedupe", "filter"];

fn main() -> Result<()> {
    let folder = bindings_folder();
    for role in ROLES {
        let path = folder.join(format!("{role}.rs"));
        std::fs::write(&path, bindings(role)?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

/// The source of the module `mover_plugin::bindings::ROLE`.
fn bindings(role: &str) -> Result<String> {
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.1");
    let (package, _) = resolve.push_dir(&contract).context("read the contract in wit/0.1")?;
    let world = resolve.select_world(&[package], Some(&format!("{role}-plugin")))?;
    let options = wit_bindgen_rust::Opts {
        format: true,
        // The functions of one role, and the description of its world, come into a module by the
        // macro alone: who implements one role exports no other.
        pub_export_macro: true,
        export_macro_name: Some("export".to_owned()),
        default_bindings_module: Some(format!("::mover_plugin::bindings::{role}")),
        ..Default::default()
    };
    let mut files = Files::default();
    let mut generator = options.build();
    wit_bindgen_core::WorldGenerator::generate(&mut generator, &mut resolve, world, &mut files)?;
    let (_, source) = files.iter().next().context("the generator gives one file")?;
    String::from_utf8(source.to_vec()).context("the generator gives text")
}

fn bindings_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/src/bindings")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_bindings_are_what_the_contract_makes() {
        for role in ROLES {
            let path = bindings_folder().join(format!("{role}.rs"));
            let found = std::fs::read_to_string(&path).unwrap();
            let is_fresh = found == bindings(role).unwrap();
            assert!(is_fresh, "{role}.rs is stale: run `cargo run -p bindgen` in plugins/");
        }
    }
}

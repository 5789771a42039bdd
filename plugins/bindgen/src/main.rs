//! Writes the SDK's bindings from the contract: `cargo run -p bindgen`.
//!
//! They are checked in, so that a plugin's author compiles no generator and copies no WIT.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use wit_bindgen_core::{Files, wit_parser::Resolve};
use wit_bindgen_rust::WithOption;

/// The roles of the contract; each has a world of its own.
const ROLES: &[&str] = &["transform", "snoop", "dedupe", "filter"];
/// What all roles import; a module of its own, so that an error or a log line is of one type.
const SHARED: &str = "shared";
const IMPORTS: &[&str] = &["types", "log", "output"];

fn main() -> Result<()> {
    for module in modules() {
        let path = path_of(module);
        std::fs::write(&path, bindings(module)?)
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn modules() -> impl Iterator<Item = &'static str> {
    [SHARED].into_iter().chain(ROLES.iter().copied())
}

/// The source of the module `mover_plugin::bindings::MODULE`.
fn bindings(module: &str) -> Result<String> {
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/0.1");
    let (package, _) = resolve.push_dir(&contract).context("read the contract in wit/0.1")?;
    let interface = |name: &str| format!("mover:plugin/{name}@0.1.0");
    let is_shared = module == SHARED;
    let world = if is_shared {
        let imports: String =
            IMPORTS.iter().map(|name| format!("import {};", interface(name))).collect();
        let text = format!("package mover:sdk; world {SHARED} {{ {imports} }}");
        let package = resolve.push_str(SHARED, &text)?;
        resolve.select_world(&[package], Some(SHARED))?
    } else {
        resolve.select_world(&[package], Some(&format!("{module}-plugin")))?
    };
    let imported = |name: &&&str| {
        resolve.worlds[world]
            .imports
            .keys()
            .any(|key| resolve.name_world_key(key) == interface(name))
    };
    let elsewhere = |name: &&str| {
        let path = format!("crate::bindings::{SHARED}::mover::plugin::{name}");
        (interface(name), WithOption::Path(path))
    };
    let with = IMPORTS.iter().filter(|name| !is_shared && imported(name)).map(elsewhere).collect();
    let options = wit_bindgen_rust::Opts {
        format: true,
        // The functions of one role, and the description of its world, come into a module by the
        // macro alone: who implements one role exports no other.
        pub_export_macro: !is_shared,
        export_macro_name: (!is_shared).then(|| "export".to_owned()),
        default_bindings_module: (!is_shared)
            .then(|| format!("::mover_plugin::bindings::{module}")),
        // What is shared is described by the world of the role.
        disable_custom_section_link_helpers: is_shared,
        with,
        generate_all: true,
        ..Default::default()
    };
    let mut files = Files::default();
    let mut generator = options.build();
    wit_bindgen_core::WorldGenerator::generate(&mut generator, &mut resolve, world, &mut files)?;
    let (_, source) = files.iter().next().context("the generator gives one file")?;
    String::from_utf8(source.to_vec()).context("the generator gives text")
}

fn path_of(module: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/src/bindings");
    folder.join(format!("{module}.rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_bindings_are_what_the_contract_makes() {
        for module in modules() {
            let found = std::fs::read_to_string(path_of(module)).unwrap();
            let is_fresh = found == bindings(module).unwrap();
            assert!(is_fresh, "{module}.rs is stale: run `cargo run -p bindgen` in plugins/");
        }
    }
}

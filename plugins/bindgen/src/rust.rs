//! The bindings of the SDK, in Rust.

use anyhow::{Context, Result};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::WithOption;

use crate::{Generated, ROLES, contract};

/// What all roles import; a module of its own, so that an error or a log line is of one type.
const SHARED: &str = "shared";
const IMPORTS: &[&str] = &["types", "log", "output"];

/// The modules of `mover_plugin::bindings`.
pub(crate) fn bindings() -> Result<Vec<Generated>> {
    let modules = [SHARED].into_iter().chain(ROLES.iter().copied());
    modules
        .map(|module| {
            let path = format!("sdk/src/bindings/{module}.rs");
            Ok(Generated { path, bytes: source(module)? })
        })
        .collect()
}

/// The source of the module `mover_plugin::bindings::MODULE`.
fn source(module: &str) -> Result<Vec<u8>> {
    let (mut resolve, package) = contract()?;
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
    WorldGenerator::generate(&mut options.build(), &mut resolve, world, &mut files)?;
    let (_, source) = files.iter().next().context("the generator gives one file")?;
    Ok(source.to_vec())
}

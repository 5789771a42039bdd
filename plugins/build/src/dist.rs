//! What is kept in `plugins/dist`: the components, their digests, and the toolchain.

use crate::component::Component;
use crate::toolchain::Toolchain;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

const DIGESTS: &str = "digests.toml";
const TOOLCHAIN: &str = "toolchain.toml";

/// Replaces everything in `folder`.
pub(crate) fn write(folder: &Path, components: &[Component], toolchain: &Toolchain) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let files = files(components, toolchain);
    for name in names(folder)? {
        if !files.iter().any(|(own, _)| *own == name) {
            std::fs::remove_file(folder.join(&name)).with_context(|| format!("remove {name}"))?;
        }
    }
    for (name, bytes) in files {
        std::fs::write(folder.join(&name), bytes).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

/// One line for every file in `folder` that is not what was built.
pub(crate) fn compare(
    folder: &Path,
    components: &[Component],
    toolchain: &Toolchain,
) -> Result<Vec<String>> {
    let files = files(components, toolchain);
    let mut left = names(folder)?;
    let mut differences = Vec::new();
    for (name, expect) in files {
        match std::fs::read(folder.join(&name)) {
            Ok(bytes) if bytes == expect => {}
            Ok(_) => differences.push(format!("{name} differs from what the sources make")),
            Err(_) => differences.push(format!("{name} is missing")),
        }
        left.remove(&name);
    }
    differences.extend(left.iter().map(|name| format!("{name} has no source")));
    Ok(differences)
}

/// The text that names the toolchain of what is in `folder`; empty when nothing was ever built.
pub(crate) fn recorded_toolchain(folder: &Path) -> Result<String> {
    match std::fs::read_to_string(folder.join(TOOLCHAIN)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        text => text.with_context(|| format!("read {TOOLCHAIN}")),
    }
}

fn files(components: &[Component], toolchain: &Toolchain) -> Vec<(String, Vec<u8>)> {
    let mut digests = String::from("# Written by plugin-build.\n");
    let mut files = Vec::new();
    for component in components {
        let (name, digest, size) = (&component.name, component.digest(), component.bytes.len());
        write!(digests, "\n[{name}]\nblake3 = \"{digest}\"\nsize = {size}\n")
            .expect("writing to a string cannot fail");
        files.push((format!("{name}.wasm"), component.bytes.clone()));
    }
    files.push((DIGESTS.to_owned(), digests.into_bytes()));
    files.push((TOOLCHAIN.to_owned(), toolchain.to_toml().into_bytes()));
    files
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let name = file.with_context(|| format!("list {}", folder.display()))?.file_name();
        names.insert(name.to_string_lossy().into_owned());
    }
    Ok(names)
}

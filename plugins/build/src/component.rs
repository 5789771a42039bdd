//! The component of a guest, with its manifest.

use anyhow::{Context, Result, bail, ensure};
use componentise::CONTRACT_VERSION;
use serde_json::Value;
use std::path::Path;
use wasmparser::{Parser, Payload};

/// What a component may import. Anything else would be refused when it is loaded.
const IMPORTS: &[&str] = &["types", "log", "output"];

/// A finished component.
pub(crate) struct Component {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The names of all guests, in order: the folders that hold a manifest.
pub(crate) fn guests(plugins: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for folder in std::fs::read_dir(plugins).context("list the folder plugins")? {
        let folder = folder.context("list the folder plugins")?;
        if folder.path().join("manifest.json").is_file() {
            let name = folder.file_name().into_string();
            names.push(name.ok().context("the name of a guest is not text")?);
        }
    }
    names.sort();
    Ok(names)
}

impl Component {
    /// Makes the component `guest` and refuses one that the host would refuse.
    pub(crate) fn new(plugins: &Path, guest: &str, module: &[u8]) -> Result<Self> {
        let manifest = manifest(plugins, guest)?;
        let role = manifest["role"].as_str().context("its manifest names no role")?;
        let bytes = componentise::component(module, &manifest)?;
        check_imports_and_exports(&bytes, role)?;
        Ok(Self { name: guest.to_owned(), bytes })
    }

    /// The BLAKE3 digest of all bytes, in hexadecimal.
    pub(crate) fn digest(&self) -> String {
        blake3::hash(&self.bytes).to_hex().to_string()
    }
}

/// Reads a guest's manifest and completes it with what is known elsewhere.
fn manifest(plugins: &Path, guest: &str) -> Result<Value> {
    let path = plugins.join(guest).join("manifest.json");
    let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let mut manifest: Value =
        serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))?;
    ensure!(manifest["name"] == guest, "its manifest has another name");
    componentise::complete(&mut manifest, &version(plugins, guest)?)?;
    Ok(manifest)
}

/// The version in a guest's `Cargo.toml`, or the one that all guests share.
fn version(plugins: &Path, guest: &str) -> Result<String> {
    for path in [plugins.join(guest).join("Cargo.toml"), plugins.join("Cargo.toml")] {
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let value = text.lines().find_map(|line| line.strip_prefix("version = \""));
        if let Some(value) = value {
            return Ok(value.trim_end_matches('"').to_owned());
        }
    }
    bail!("no version in Cargo.toml")
}

fn check_imports_and_exports(component: &[u8], role: &str) -> Result<()> {
    let mut depth = 0;
    let mut exports = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            // Nested modules and components have imports of their own, between themselves.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(imports) if depth == 0 => {
                for import in imports {
                    check_import(import?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let expect = format!("mover:plugin/{role}@{CONTRACT_VERSION}");
    ensure!(exports == [expect.as_str()], "it exports {exports:?} instead of {expect}");
    Ok(())
}

fn check_import(name: &str) -> Result<()> {
    let allowed =
        IMPORTS.iter().any(|own| name == format!("mover:plugin/{own}@{CONTRACT_VERSION}"));
    ensure!(allowed, "it imports {name}, which no component may");
    Ok(())
}

//! The project of a plugin author: what it is written in, and how it becomes a component.

mod cargo;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// What a project is written in. Each knows its own tools and no other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectKind {
    /// Rust: a folder with a `Cargo.toml`.
    Cargo,
}

/// A core module, and what is known of it.
struct CoreModule {
    bytes: Vec<u8>,
    name: String,
    version: String,
}

/// A component that was built.
#[derive(Debug)]
pub struct BuiltComponent {
    /// All of it.
    pub bytes: Vec<u8>,
    /// The name of the project.
    pub name: String,
}

impl ProjectKind {
    /// What the project in a folder is written in.
    pub fn of(folder: &Path) -> Result<ProjectKind> {
        if folder.join("Cargo.toml").is_file() {
            return Ok(ProjectKind::Cargo);
        }
        let message = format!("{} is no project of a plugin", folder.display());
        Err(Error::new(ErrorKind::Missing, message)
            .way_out("go to a folder with a Cargo.toml, or make one with `mover plugin new`"))
    }

    fn build(self, folder: &Path) -> Result<CoreModule> {
        match self {
            ProjectKind::Cargo => cargo::build(folder),
        }
    }
}

/// Builds the project in a folder. Its tools write what they have to say to standard error.
///
/// The manifest is the custom section `mover:manifest` of the core module, where the SDK puts it,
/// or else the file `manifest.json` of the project, without version and contract.
pub fn build(folder: &Path) -> Result<BuiltComponent> {
    let CoreModule { bytes, name, version } = ProjectKind::of(folder)?.build(folder)?;
    let failed = |what: &str| Error::new(ErrorKind::Plugin, format!("{name}: {what}"));
    let (module, manifest) = componentise::take_manifest(&bytes)
        .map_err(|cause| failed("what was built cannot be read").because(cause))?;
    let manifest = match manifest {
        Some(manifest) => manifest,
        None => {
            let path = folder.join("manifest.json");
            let mut manifest = read(&path)?.ok_or_else(|| {
                failed("it has no manifest").way_out(format!(
                    "export it with the SDK: mover_plugin::export!(...), or write {}",
                    path.display()
                ))
            })?;
            componentise::complete(&mut manifest, &version)
                .map_err(|cause| failed("its manifest cannot be one").because(cause))?;
            manifest
        }
    };
    let bytes = componentise::component(&module, &manifest).map_err(|cause| {
        // anyhow tells causes in its long form alone.
        failed("it does not become a component")
            .because(format!("{cause:#}"))
            .way_out("export a role of the SDK, and build for wasm32-unknown-unknown")
    })?;
    Ok(BuiltComponent { bytes, name })
}

fn read(path: &PathBuf) -> Result<Option<Value>> {
    let text = match std::fs::read(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|cause| Error::io("reading", path, cause))?,
    };
    serde_json::from_slice(&text).map(Some).map_err(|cause| {
        Error::new(ErrorKind::Usage, format!("{} is not JSON", path.display())).because(cause)
    })
}

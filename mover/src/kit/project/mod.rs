//! The project of a plugin author: what it is written in, and how it becomes a component.

mod cargo;
mod clang;
mod interpreted;
mod node;
mod python;
mod tool;

use std::path::Path;

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// What a project is written in. Each knows its own tools and no other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectKind {
    /// Rust: a folder with a `Cargo.toml`.
    Cargo,
    /// C: a folder with C in `src`, and none of the other files.
    Clang,
    /// JavaScript: a folder with a `package.json`.
    Node,
    /// Python: a folder with a `pyproject.toml`.
    Python,
}

/// What the tools of a language made, and what is known of it.
struct Built {
    bytes: Vec<u8>,
    form: Form,
    name: String,
    /// Where it is not in `manifest.json`.
    version: Option<String>,
}

/// How far the tools of a language come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// To a core module, which is componentised here.
    CoreModule,
    /// To a component in which an interpreter runs the plugin.
    Interpreted,
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
        let known = [
            ("Cargo.toml", ProjectKind::Cargo),
            ("package.json", ProjectKind::Node),
            ("pyproject.toml", ProjectKind::Python),
        ];
        if let Some((_, kind)) = known.iter().find(|(file, _)| folder.join(file).is_file()) {
            return Ok(*kind);
        }
        if folder.join("manifest.json").is_file() && clang::has_sources(folder) {
            return Ok(ProjectKind::Clang);
        }
        let message = format!("{} is no project of a plugin", folder.display());
        Err(Error::new(ErrorKind::Missing, message).way_out(
            "go to a folder with a Cargo.toml, package.json or pyproject.toml, or with C in src \
             and a manifest.json, or make one with \
             `mover plugin new`",
        ))
    }

    fn build(self, folder: &Path) -> Result<Built> {
        match self {
            ProjectKind::Cargo => cargo::build(folder),
            ProjectKind::Clang => clang::build(folder),
            ProjectKind::Node => node::build(folder),
            ProjectKind::Python => python::build(folder),
        }
    }
}

/// Builds the project in a folder. Its tools write what they have to say to standard error.
///
/// The manifest is the custom section `mover:manifest` of the core module, where the SDK puts it,
/// or else the file `manifest.json` of the project, without contract, and without version where
/// the language has a file for it.
pub fn build(folder: &Path) -> Result<BuiltComponent> {
    let Built { bytes, form, name, version } = ProjectKind::of(folder)?.build(folder)?;
    let failed = |what: &str| Error::new(ErrorKind::Plugin, format!("{name}: {what}"));
    let (mut bytes, embedded) = match form {
        Form::CoreModule => componentise::take_manifest(&bytes)
            .map_err(|cause| failed("what was built cannot be read").because(cause))?,
        Form::Interpreted => (bytes, None),
    };
    let manifest = match embedded {
        Some(manifest) => manifest,
        None => {
            let path = folder.join("manifest.json");
            let mut manifest = read(&path)?.ok_or_else(|| {
                failed("it has no manifest").way_out(format!(
                    "export it with the SDK: mover_plugin::export!(...), or write {}",
                    path.display()
                ))
            })?;
            let own = manifest["version"].as_str().map(str::to_owned);
            let version = version.or(own).ok_or_else(|| {
                failed("it has no version").way_out(format!("write one in {}", path.display()))
            })?;
            componentise::complete(&mut manifest, &version)
                .map_err(|cause| failed("its manifest cannot be one").because(cause))?;
            if form == Form::Interpreted {
                manifest["interpreted"] = Value::Bool(true);
            }
            manifest
        }
    };
    let made = match form {
        Form::CoreModule => {
            componentise::component(&bytes, &manifest).map(|component| bytes = component)
        }
        Form::Interpreted => componentise::append_manifest(&mut bytes, &manifest),
    };
    made.map_err(|cause| {
        // anyhow tells causes in its long form alone.
        failed("it does not become a component")
            .because(format!("{cause:#}"))
            .way_out("export a role of the SDK, and build for wasm32-unknown-unknown")
    })?;
    Ok(BuiltComponent { bytes, name })
}

fn read(path: &Path) -> Result<Option<Value>> {
    let text = match std::fs::read(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|cause| Error::io("reading", path, cause))?,
    };
    serde_json::from_slice(&text).map(Some).map_err(|cause| {
        Error::new(ErrorKind::Usage, format!("{} is not JSON", path.display())).because(cause)
    })
}

//! What builds of projects have in common whose plugins an interpreter runs.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use serde_json::Value;

use super::{Built, Form, read};
use crate::error::{Error, ErrorKind, Result};

static CONTRACT: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../wit/0.1");

/// The folder `target` of a project, and what a build puts there.
pub(super) struct Workshop {
    /// The role, which names the world and the file that joins the plugin to it.
    pub(super) role: String,
    /// The text of `manifest.json`.
    pub(super) manifest: String,
    folder: PathBuf,
}

impl Workshop {
    /// Makes it ready: with the contract, and without what an earlier build made.
    pub(super) fn open(project: &Path) -> Result<Workshop> {
        let path = project.join("manifest.json");
        let manifest = read(&path)?.unwrap_or_default();
        let role = manifest["role"].as_str().unwrap_or_default().to_owned();
        if !["snoop", "transform", "filter", "dedupe"].contains(&role.as_str()) {
            let message = format!("{} names no role", path.display());
            return Err(Error::new(ErrorKind::Usage, message)
                .way_out(r#"write "role": "snoop", or what else it is"#));
        }
        // Tools run in the project, and take no path from where Mover was started.
        let folder = fs::canonicalize(project)
            .map_err(|cause| Error::io("opening", project, cause))?
            .join("target");
        let workshop = Workshop { role, manifest: manifest.to_string(), folder };
        for file in CONTRACT.files() {
            let name = file.path().display();
            workshop.write(&format!("wit/{name}"), file.contents())?;
        }
        match fs::remove_file(workshop.output()) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("removing", workshop.output(), cause))
            }
            _ => Ok(workshop),
        }
    }

    pub(super) fn path(&self, below: &str) -> PathBuf {
        self.folder.join(below)
    }

    pub(super) fn world(&self) -> String {
        format!("{}-plugin", self.role)
    }

    /// Where the tools put the component.
    pub(super) fn output(&self) -> PathBuf {
        self.path("component.wasm")
    }

    pub(super) fn write(&self, below: &str, bytes: &[u8]) -> Result<()> {
        let path = self.path(below);
        let parent = path.parent().expect("it is below a folder");
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|cause| Error::io("writing", &path, cause))
    }

    /// Whether a file of the project is not what it was when `mark` was written.
    pub(super) fn has_changed(&self, text: &str, mark: &str) -> bool {
        fs::read_to_string(self.path(mark)).ok().as_deref() != Some(text)
    }

    /// Takes what the tools made. `of` is the table of the project that has its name and version.
    pub(super) fn built(&self, of: &Value, file: &str) -> Result<Built> {
        let text = |key: &str| {
            of[key].as_str().map(str::to_owned).ok_or_else(|| {
                Error::new(ErrorKind::Usage, format!("{file} has no {key}"))
                    .way_out(format!("write {key} there"))
            })
        };
        let output = self.output();
        let bytes = fs::read(&output).map_err(|cause| Error::io("reading", &output, cause))?;
        let (name, version) = (text("name")?, Some(text("version")?));
        Ok(Built { bytes, form: Form::Interpreted, name, version })
    }
}

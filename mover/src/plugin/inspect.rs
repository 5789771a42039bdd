//! Looks into a component without compiling or running it: manifest, imports and exports.

use format::{Digest, Role};
use wasmparser::{ComponentExternalKind, Parser, Payload};

use super::guest::clean;
use super::manifest::{CONTRACT, Manifest, SECTION};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a component, at most.
pub(super) const COMPONENT_LENGTH_MAX: usize = 64 << 20;
/// Imports and exports of a component's outermost level, at most.
const NAME_COUNT_MAX: usize = 64;
/// The interfaces that a component may import.
const OFFERED: [&str; 3] = ["types", "log", "output"];

/// What a component is, read without running it.
#[derive(Debug)]
pub struct Description {
    /// Its bytes.
    pub length: u64,
    /// BLAKE3 of them.
    pub digest: Digest,
    /// What it says of itself, where that can be read.
    pub manifest: Option<Manifest>,
    /// What it asks the host for.
    pub imports: Vec<String>,
    /// The interfaces that it offers.
    pub exports: Vec<String>,
    /// Why this host does not run it: all that was found, what was looked at first first.
    pub mistakes: Vec<Error>,
}

/// Looks at a component; what is wrong with it is told in [`Description::mistakes`].
pub fn describe(bytes: &[u8]) -> Description {
    let mut description = Description {
        length: bytes.len() as u64,
        digest: Digest(*blake3::hash(bytes).as_bytes()),
        manifest: None,
        imports: Vec::new(),
        exports: Vec::new(),
        mistakes: Vec::new(),
    };
    match description.read(bytes) {
        Ok(()) => description.judge(),
        Err(error) => description.mistakes.push(error),
    }
    description
}

/// Reads the manifest, and refuses what this host cannot or must not run, by name.
pub(super) fn inspect(bytes: &[u8]) -> Result<(Manifest, Digest)> {
    let Description { manifest, digest, mistakes, .. } = describe(bytes);
    match mistakes.into_iter().next() {
        Some(mistake) => Err(mistake),
        None => Ok((manifest.expect("without one there is a mistake"), digest)),
    }
}

impl Description {
    fn read(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > COMPONENT_LENGTH_MAX {
            let message =
                format!("it has {} bytes, at most {COMPONENT_LENGTH_MAX} may be", bytes.len());
            return Err(Error::new(ErrorKind::Plugin, message)
                .way_out("build it with optimisation, and without debug information"));
        }
        let malformed = |cause: wasmparser::BinaryReaderError| {
            let message = "it is not a WebAssembly component";
            Error::new(ErrorKind::Plugin, message).because(clean(&cause.to_string()))
        };
        let mut manifests = Vec::new();
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(malformed)? {
                Payload::Version { encoding, .. } => {
                    if depth == 0 && encoding != wasmparser::Encoding::Component {
                        let message = "it is a core module, not a component";
                        return Err(Error::new(ErrorKind::Plugin, message)
                            .way_out("build its project with `mover plugin build`"));
                    }
                    depth += 1;
                }
                Payload::End(_) => depth -= 1,
                Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => {
                    manifests.push(section.data());
                }
                Payload::ComponentImportSection(section) if depth == 1 => {
                    for import in section {
                        push(&mut self.imports, import.map_err(malformed)?.name.name)?;
                    }
                }
                Payload::ComponentExportSection(section) if depth == 1 => {
                    for export in section {
                        let export = export.map_err(malformed)?;
                        if export.kind == ComponentExternalKind::Instance {
                            push(&mut self.exports, export.name.name)?;
                        }
                    }
                }
                _ => {}
            }
        }
        // What a component must not have is said even where it says nothing of itself.
        self.judge_imports();
        let message = match manifests[..] {
            [section] => {
                self.manifest = Some(Manifest::parse(section)?);
                return Ok(());
            }
            [] => format!("it has no section {SECTION}, its manifest"),
            // Another reader might take another one.
            _ => "it has more than one manifest".to_owned(),
        };
        Err(Error::new(ErrorKind::Plugin, message)
            .way_out("build its project with `mover plugin build`, which writes one"))
    }

    fn judge_imports(&mut self) {
        for import in &self.imports {
            let Some(name) = import.strip_prefix("mover:plugin/") else {
                let message =
                    format!("it asks for {import}; a component may import mover:plugin only");
                self.mistakes.push(
                    Error::new(ErrorKind::Refused, message)
                        .way_out("build it for wasm32-unknown-unknown, which brings no WASI"),
                );
                continue;
            };
            let (interface, version) = name.split_once('@').unwrap_or((name, ""));
            if !OFFERED.contains(&interface) || !is_of_track(version) {
                let message = format!(
                    "it asks for {import}; this mover offers types, log and output of \
                     mover:plugin {CONTRACT}"
                );
                self.mistakes.push(
                    Error::new(ErrorKind::Unsupported, message)
                        .way_out("rebuild it with `mover plugin build` of this mover"),
                );
            }
        }
    }

    fn judge(&mut self) {
        let Some(manifest) = &self.manifest else { return };
        self.mistakes.extend(manifest.mistakes());
        let Ok(role) = manifest.role() else { return };
        let role = role_name(role);
        let is_role = |export: &String| {
            export
                .strip_prefix("mover:plugin/")
                .and_then(|name| name.split_once('@'))
                .is_some_and(|(interface, version)| interface == role && is_of_track(version))
        };
        if !self.exports.iter().any(is_role) {
            let message = format!(
                "{} says that it is a {role}, and does not export mover:plugin/{role}@{CONTRACT}",
                manifest.name.escape_debug()
            );
            let exports = match &self.exports[..] {
                [] => "it exports nothing".to_owned(),
                exports => format!("it exports {}", exports.join(", ")),
            };
            let way_out = format!("{exports}: mend its role, or rebuild it for this contract");
            self.mistakes.push(Error::new(ErrorKind::Plugin, message).way_out(way_out));
        }
    }
}

/// A role's name, as manifests and the contract have it.
pub fn role_name(role: Role) -> &'static str {
    match role {
        Role::Filter => "filter",
        Role::Snoop => "snoop",
        Role::Dedupe => "dedupe",
        Role::Transform => "transform",
    }
}

fn push(names: &mut Vec<String>, name: &str) -> Result<()> {
    if names.len() >= NAME_COUNT_MAX {
        let message = format!("it has more than {NAME_COUNT_MAX} imports or exports");
        return Err(Error::new(ErrorKind::Plugin, message));
    }
    names.push(name.chars().take(200).flat_map(char::escape_debug).collect());
    Ok(())
}

fn is_of_track(version: &str) -> bool {
    version.strip_prefix(CONTRACT).is_some_and(|rest| rest.starts_with('.'))
}

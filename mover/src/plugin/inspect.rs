//! Looks into a component without compiling or running it: manifest, imports and exports.

use format::Role;
use wasmparser::{ComponentExternalKind, Parser, Payload};

use super::manifest::{CONTRACT, Manifest, SECTION};
use crate::error::{Error, ErrorKind, Result};

/// Bytes of a component, at most.
pub(super) const COMPONENT_LENGTH_MAX: usize = 64 << 20;
/// Imports and exports of a component's outermost level, at most.
const NAME_COUNT_MAX: usize = 64;

/// Reads the manifest, and refuses what this host cannot or must not run, by name.
pub(super) fn inspect(bytes: &[u8]) -> Result<Manifest> {
    if bytes.len() > COMPONENT_LENGTH_MAX {
        let message =
            format!("it has {} bytes, at most {COMPONENT_LENGTH_MAX} may be", bytes.len());
        return Err(Error::new(ErrorKind::Plugin, message));
    }
    let malformed = |cause: wasmparser::BinaryReaderError| {
        Error::new(ErrorKind::Plugin, "it is not a WebAssembly component").because(cause)
    };
    let mut manifest = None;
    let mut imports = Vec::new();
    let mut exports = Vec::new();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding != wasmparser::Encoding::Component {
                    let message = "it is a core module, not a component";
                    return Err(Error::new(ErrorKind::Plugin, message)
                        .way_out("turn it into one: wasm-tools component new"));
                }
                depth += 1;
            }
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => {
                manifest = Some(Manifest::parse(section.data())?);
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    push(&mut imports, import.map_err(malformed)?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(malformed)?;
                    if export.kind == ComponentExternalKind::Instance {
                        push(&mut exports, export.name.name)?;
                    }
                }
            }
            _ => {}
        }
    }
    // The imports come first: what a component must not have is said even where it says nothing.
    check_imports(&imports)?;
    let manifest = manifest.ok_or_else(|| {
        Error::new(ErrorKind::Plugin, format!("it has no section {SECTION}"))
            .way_out("build it with Mover's kit, which writes its manifest")
    })?;
    check_exports(&manifest, &exports)?;
    Ok(manifest)
}

fn push(names: &mut Vec<String>, name: &str) -> Result<()> {
    if names.len() >= NAME_COUNT_MAX {
        let message = format!("it has more than {NAME_COUNT_MAX} imports or exports");
        return Err(Error::new(ErrorKind::Plugin, message));
    }
    names.push(name.chars().take(200).flat_map(char::escape_debug).collect());
    Ok(())
}

fn check_imports(imports: &[String]) -> Result<()> {
    for import in imports {
        let Some(name) = import.strip_prefix("mover:plugin/") else {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("it asks for {import}; a component may import mover:plugin only"),
            )
            .way_out("build it for wasm32-unknown-unknown, which brings no WASI"));
        };
        let (interface, version) = name.split_once('@').unwrap_or((name, ""));
        let offered = ["types", "log", "output"].contains(&interface);
        if !offered || !is_of_track(version) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "it asks for {import}; this mover offers types, log and output of \
                     mover:plugin {CONTRACT}"
                ),
            ));
        }
    }
    Ok(())
}

fn check_exports(manifest: &Manifest, exports: &[String]) -> Result<()> {
    let role = match manifest.role()? {
        Role::Filter => "filter",
        Role::Snoop => "snoop",
        Role::Dedupe => "dedupe",
        Role::Transform => "transform",
    };
    let exported = exports.iter().any(|export| {
        export
            .strip_prefix("mover:plugin/")
            .and_then(|name| name.split_once('@'))
            .is_some_and(|(interface, version)| interface == role && is_of_track(version))
    });
    if exported {
        return Ok(());
    }
    let message = format!(
        "{} says that it is a {role}, and does not export mover:plugin/{role}@{CONTRACT}",
        manifest.name
    );
    Err(Error::new(ErrorKind::Plugin, message))
}

fn is_of_track(version: &str) -> bool {
    version.strip_prefix(CONTRACT).is_some_and(|rest| rest.starts_with('.'))
}

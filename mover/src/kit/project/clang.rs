//! Projects in C: clang and its linker for WebAssembly build them, without a C library.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::tool::Tool;
use super::{Built, Form, read};
use crate::error::{Error, ErrorKind, Result};

const INSTALL: &str = "install clang and lld, the packages clang-22 and lld-22 of Debian, or name \
                       another clang in CC";
/// Names that distributions have for clang, the newest first.
const NAMES: [&str; 7] =
    ["clang-22", "clang-21", "clang-20", "clang-19", "clang-18", "clang-17", "clang"];

/// Whether there is C in a folder's `src`.
pub(super) fn has_sources(folder: &Path) -> bool {
    files(&folder.join("src"), "c").is_ok_and(|files| !files.is_empty())
}

/// Builds all C in `src` and `kit`, with the objects in `kit` that describe the contract.
pub(super) fn build(folder: &Path) -> Result<Built> {
    let manifest = read(&folder.join("manifest.json"))?.unwrap_or_default();
    let Value::String(name) = &manifest["name"] else {
        let message = format!("{} has a manifest.json without a name", folder.display());
        return Err(Error::new(ErrorKind::Usage, message).way_out(r#"write "name" there"#));
    };
    // clang runs in the project, and takes no path from where Mover was started.
    let folder = fs::canonicalize(folder).map_err(|cause| Error::io("opening", folder, cause))?;
    let target = folder.join("target");
    fs::create_dir_all(&target).map_err(|cause| Error::io("making", &target, cause))?;
    let module = target.join("module.wasm");
    let mut arguments: Vec<OsString> = [
        "--target=wasm32",
        "-std=c17",
        "-O3",
        "-msimd128",
        "-mbulk-memory",
        "-Wall",
        "-ffreestanding",
        // Loops that copy stay loops: the functions in kit/ must not call themselves.
        "-fno-builtin",
        "-nostdlibinc",
        "-isystem",
        "kit/include",
        "-nostdlib",
        // A wasm-opt that happens to be installed would make other bytes.
        "--no-wasm-opt",
        "-Wl,--no-entry,--strip-debug,-z,stack-size=65536",
    ]
    .map(OsString::from)
    .to_vec();
    for (part, ending) in [("src", "c"), ("kit", "c"), ("kit", "o")] {
        let below = files(&folder.join(part), ending)?;
        // Not by their whole paths, which would be in the component's messages.
        arguments.extend(below.iter().map(|path| Path::new(part).join(path).into_os_string()));
    }
    arguments.extend([OsString::from("-o"), module.clone().into_os_string()]);
    let program = compiler()?;
    Tool { program: &program, install: INSTALL }.run(&folder, arguments)?;
    let bytes = fs::read(&module).map_err(|cause| Error::io("reading", &module, cause))?;
    Ok(Built { bytes, form: Form::CoreModule, name: name.clone(), version: None })
}

/// `CC`, or the newest clang that starts.
fn compiler() -> Result<OsString> {
    if let Some(named) = std::env::var_os("CC") {
        return Ok(named);
    }
    let starts = |name: &&&str| {
        let mut command = Command::new(OsStr::new(name));
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    match NAMES.iter().find(starts) {
        Some(name) => Ok(OsString::from(name)),
        None => Err(Error::new(ErrorKind::Missing, "there is no clang").way_out(INSTALL)),
    }
}

/// The names of a folder's files with an ending, in order, so that builds repeat.
fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let failed = |cause: std::io::Error| Error::io("reading", folder, cause);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = PathBuf::from(entry.map_err(failed)?.file_name());
        if name.extension() == Some(OsStr::new(ending)) {
            files.push(name);
        }
    }
    files.sort();
    Ok(files)
}

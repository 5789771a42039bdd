//! Projects in Rust: cargo builds them.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{Built, Form};
use crate::error::{Error, ErrorKind, Result};

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the package in a folder, with its own configuration of cargo.
pub(super) fn build(folder: &Path) -> Result<Built> {
    check_target(folder)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(&cargo);
    // What people read goes to standard error, as always; what was built is told as JSON.
    command
        .args(["build", "--release", "--target", TARGET])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|cause| {
        Error::io("starting", &cargo, cause).way_out("install Rust from https://rustup.rs")
    })?;
    let stdout = child.stdout.take().expect("it is piped");
    let mut found = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(|cause| Error::io("reading from", &cargo, cause))?;
        found.extend(serde_json::from_str(&line).ok().and_then(|message| artifact(&message)));
    }
    let status = child.wait().map_err(|cause| Error::io("waiting for", &cargo, cause))?;
    if !status.success() {
        let message = format!("{} does not build", folder.display());
        return Err(Error::new(ErrorKind::Usage, message).way_out("mend what cargo told above"));
    }
    match (found.pop(), found.pop()) {
        (Some(Artifact { path, name, version }), None) => {
            let bytes = std::fs::read(&path).map_err(|cause| Error::io("reading", &path, cause))?;
            Ok(Built { bytes, form: Form::CoreModule, name, version: Some(version) })
        }
        (None, _) => {
            let message = format!("{} has no library for WebAssembly", folder.display());
            Err(Error::new(ErrorKind::Usage, message)
                .way_out(r#"write crate-type = ["cdylib"] under [lib] in its Cargo.toml"#))
        }
        (Some(_), Some(_)) => {
            let message = format!("{} has several plugins", folder.display());
            Err(Error::new(ErrorKind::Usage, message).way_out("name the folder of one of them"))
        }
    }
}

struct Artifact {
    path: PathBuf,
    name: String,
    version: String,
}

/// A core module, if this message of cargo is about one.
fn artifact(message: &Value) -> Option<Artifact> {
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let is_library = |kind: &Value| kind == "cdylib";
    if !message["target"]["crate_types"].as_array()?.iter().any(is_library) {
        return None;
    }
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    let path = files.into_iter().find(|file| file.ends_with(".wasm"))?;
    let (name, version) = package(message["package_id"].as_str()?)?;
    Some(Artifact { path: path.into(), name, version })
}

/// Name and version of a package id: `path+file:///FOLDER#VERSION`, where the folder has the
/// package's name, or `path+file:///FOLDER#NAME@VERSION`.
fn package(id: &str) -> Option<(String, String)> {
    let (place, package) = id.rsplit_once('#')?;
    let (name, version) = match package.split_once('@') {
        Some(both) => both,
        None => (place.rsplit('/').next()?, package),
    };
    Some((name.to_owned(), version.to_owned()))
}

/// Whether Rust can build for WebAssembly; the toolchain is the one that the folder asks for.
fn check_target(folder: &Path) -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let output = Command::new(&rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(folder)
        .output()
        .map_err(|cause| {
            Error::io("starting", &rustc, cause).way_out("install Rust from https://rustup.rs")
        })?;
    let library = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && Path::new(&library).is_dir() {
        return Ok(());
    }
    let message = format!("Rust's library for {TARGET} is missing");
    Err(Error::new(ErrorKind::Missing, message).way_out(format!("rustup target add {TARGET}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_package_ids_have_a_name_and_a_version() {
        let pair = |name: &str| Some((name.to_owned(), "0.1.0".to_owned()));
        assert_eq!(package("path+file:///a/mine#0.1.0"), pair("mine"));
        assert_eq!(package("path+file:///a/mine#yours@0.1.0"), pair("yours"));
        assert_eq!(package("nonsense"), None);
    }
}

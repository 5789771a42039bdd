//! Rebuilds the built-in components into `plugins/dist`.
//!
//! `cargo run --release -p plugin-build` writes them; with `--check` it builds them elsewhere and
//! says whether `dist` holds what the sources make. The bytes depend on the sources, on
//! `plugins/Cargo.lock` and on the toolchain that `dist/toolchain.toml` names, and on nothing else:
//! not on where the checkout is, nor on who builds.
//!
//! Read in this order: `toolchain` (what builds, and with which flags), `shuffles` (what the host's
//! compiler would make slow), `component` (from a core module to a component with its manifest),
//! `dist` (what is kept, and the comparison).

mod component;
mod dist;
mod shuffles;
mod toolchain;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("plugin-build: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let check = match arguments[..] {
        [] => false,
        ["--check"] => true,
        _ => bail!("usage: plugin-build [--check]"),
    };
    let plugins = plugins_folder()?;
    let toolchain = toolchain::Toolchain::find()?;
    if check { check_dist(&plugins, &toolchain) } else { write_dist(&plugins, &toolchain) }
}

fn write_dist(plugins: &Path, toolchain: &toolchain::Toolchain) -> Result<ExitCode> {
    let components = build(plugins, &plugins.join("target"), toolchain)?;
    dist::write(&plugins.join("dist"), &components, toolchain)?;
    for component in &components {
        println!("{:9} {} {}", component.bytes.len(), component.digest(), component.name);
    }
    Ok(ExitCode::SUCCESS)
}

fn check_dist(plugins: &Path, toolchain: &toolchain::Toolchain) -> Result<ExitCode> {
    let recorded = dist::recorded_toolchain(&plugins.join("dist"))?;
    let folder = tempfile::tempdir().context("make a temporary folder")?;
    let components = build(plugins, folder.path(), toolchain)?;
    let differences = dist::compare(&plugins.join("dist"), &components, toolchain)?;
    if recorded != toolchain.to_toml() {
        eprintln!("warning: the toolchain is not the one that made plugins/dist;");
        eprintln!("warning: the guests build, but whether dist is theirs cannot be said");
        eprintln!("recorded:\n{recorded}here:\n{}", toolchain.to_toml());
        return Ok(ExitCode::SUCCESS);
    }
    if differences.is_empty() {
        println!("plugins/dist holds what the sources make");
        return Ok(ExitCode::SUCCESS);
    }
    for difference in differences {
        eprintln!("{difference}");
    }
    eprintln!("run `cargo run --release -p plugin-build` and commit plugins/dist");
    Ok(ExitCode::FAILURE)
}

fn build(
    plugins: &Path,
    target: &Path,
    toolchain: &toolchain::Toolchain,
) -> Result<Vec<component::Component>> {
    let mut components = Vec::new();
    for guest in component::guests(plugins)? {
        let module = toolchain.build(plugins, target, &guest)?;
        let module = shuffles::of_one_vector(&module)?;
        let component = component::Component::new(plugins, &guest, &module)
            .with_context(|| format!("make the component {guest}"))?;
        components.push(component);
    }
    Ok(components)
}

/// The folder above this crate: `cargo run` says where it is now, also after a checkout has moved.
fn plugins_folder() -> Result<PathBuf> {
    let own = std::env::var_os("CARGO_MANIFEST_DIR");
    let own = own.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let plugins = own.join("..").canonicalize().context("find the folder plugins")?;
    Ok(plugins)
}

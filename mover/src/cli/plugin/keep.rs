//! `mover plugin add`, `remove` and `list`: the plugin folder.

use std::path::Path;

use serde_json::Value;

use super::inspect::document;
use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::console::Console;
use crate::cli::open::plugin_folder;
use crate::error::{Error, ErrorKind, Result};
use crate::pin;
use crate::plugin::{Description, PluginFolder, builtin, describe};

fn folder(global: &Global) -> Result<PluginFolder> {
    plugin_folder(global).ok_or_else(|| {
        Error::new(ErrorKind::Missing, "this user has no folder for components")
            .way_out("name one with --plugins or MOVER_PLUGIN_FOLDER")
    })
}

pub(super) fn add(file: &Path, global: &Global, console: &Console) -> Result<Outcome> {
    let bytes = std::fs::read(file).map_err(|cause| Error::io("reading", file, cause))?;
    let path = folder(global)?.add(&bytes).map_err(|cause| {
        let hint = cause.hint().unwrap_or("see `mover plugin check`").to_owned();
        Error::new(cause.kind(), format!("{} cannot be added", file.display()))
            .because(cause)
            .way_out(hint)
    })?;
    let description = describe(&bytes);
    if let Some(manifest) = &description.manifest {
        console.line(&format!("{} {} is {}", manifest.name, manifest.version, path.display()))?;
        console.line(&format!("  digest {}", pin::show(&description.digest)))?;
    }
    console.document("component", with_path(&description, &path))?;
    Ok(Outcome::default())
}

pub(super) fn remove(
    name: &str,
    version: Option<&str>,
    global: &Global,
    console: &Console,
) -> Result<Outcome> {
    let folder = folder(global)?;
    let mut kept = folder.named(name)?;
    kept.retain(|kept| version.is_none_or(|version| kept.manifest().version == version));
    if kept.is_empty() {
        let version = version.map(|version| format!(" {version}")).unwrap_or_default();
        let message = format!("there is no {name}{version} in {}", folder.path().display());
        return Err(Error::new(ErrorKind::Missing, message)
            .way_out("`mover plugin list` shows what there is"));
    }
    for kept in kept {
        std::fs::remove_file(&kept.path)
            .map_err(|cause| Error::io("removing", &kept.path, cause))?;
        console.line(&format!("removed {}", kept.path.display()))?;
        console.document("removed", with_path(&kept.description, &kept.path))?;
    }
    Ok(Outcome::default())
}

pub(super) fn list(global: &Global, console: &Console) -> Result<Outcome> {
    for name in builtin::names() {
        let description = describe(builtin::find(name).expect("it is named"));
        console.line(&row(&description, "built in"))?;
        console.document("component", document(&description, true))?;
    }
    for kept in plugin_folder(global).map(|folder| folder.list()).transpose()?.unwrap_or_default() {
        let mark = match &kept.description {
            Description { mistakes, .. } if !mistakes.is_empty() => "does not fit",
            Description { manifest: Some(manifest), .. } if manifest.interpreted => "interpreted",
            _ => "",
        };
        console.line(&row(&kept.description, mark))?;
        console.document("component", with_path(&kept.description, &kept.path))?;
    }
    Ok(Outcome::default())
}

fn row(description: &Description, mark: &str) -> String {
    let Some(manifest) = &description.manifest else { return String::new() };
    let text = |text: &str| text.escape_debug().to_string();
    let (name, version, role) =
        (text(&manifest.name), text(&manifest.version), text(&manifest.role));
    format!("{name:<18} {version:<8} {role:<10} {mark:<12} {}", pin::show(&description.digest))
}

fn with_path(description: &Description, path: &Path) -> Value {
    let mut document = document(description, false);
    document["path"] = path.display().to_string().into();
    document
}

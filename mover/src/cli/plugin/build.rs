//! `mover plugin new` and `mover plugin build`: from nothing to a component.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::arguments::{New, RoleArgument};
use super::check;
use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::console::Console;
use crate::error::{Error, Result};
use crate::kit::{BuiltComponent, build, new_project};
use crate::pin;
use crate::units::show;

pub(super) fn new(command: &New, console: &Console) -> Result<Outcome> {
    let New { name, role, lang, into } = command;
    let folder = into.clone().unwrap_or_else(|| PathBuf::from(name));
    let role = match role {
        RoleArgument::Filter => format::Role::Filter,
        RoleArgument::Snoop => format::Role::Snoop,
        RoleArgument::Dedupe => format::Role::Dedupe,
        RoleArgument::Transform => format::Role::Transform,
    };
    let files = new_project(&folder, name, role, *lang)?;
    let shown = folder.display();
    console.line(&format!("{shown} has what {name} needs:"))?;
    for file in &files {
        console.line(&format!("  {file}"))?;
    }
    let test = lang.test_command();
    console.line(&format!("next: cd {shown} && {test} && mover plugin build"))?;
    console.document("project", json!({ "folder": folder, "name": name, "files": files }))?;
    Ok(Outcome::default())
}

pub(super) fn run(
    folder: &Path,
    output: Option<&Path>,
    global: &Global,
    console: &Console,
) -> Result<Outcome> {
    let BuiltComponent { bytes, name } = build(folder)?;
    let output = output.map_or_else(|| folder.join(format!("{name}.wasm")), Path::to_owned);
    std::fs::write(&output, &bytes).map_err(|cause| Error::io("writing", &output, cause))?;
    let (shown, length) = (output.display(), bytes.len() as u64);
    let digest = pin::show(&format::Digest(*blake3::hash(&bytes).as_bytes()));
    console.line(&format!("{shown}: {}, {digest}", show(length)))?;
    console.document("built", json!({ "path": output, "length": length, "digest": digest }))?;
    check::run(&shown.to_string(), &bytes, None, global, console)
}

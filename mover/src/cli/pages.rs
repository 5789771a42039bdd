//! Completions and man pages, from the same definition as the command line itself.

use std::io::Write;
use std::path::Path;

use super::arguments::{Completions, Man};
use super::{Outcome, definition};
use crate::error::{Error, Result};

pub(super) fn completions(command: &Completions) -> Result<Outcome> {
    // Into memory first: where nobody reads it to its end, generating panics.
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut definition(), "mover", &mut script);
    let mut output = std::io::stdout().lock();
    output
        .write_all(&script)
        .and_then(|()| output.flush())
        .map_err(|cause| Error::io("writing", "standard output", cause))?;
    Ok(Outcome::default())
}

pub(super) fn man(command: &Man) -> Result<Outcome> {
    let folder = &command.folder;
    std::fs::create_dir_all(folder).map_err(|cause| Error::io("making", folder, cause))?;
    let mut top = definition();
    top.build();
    write_page(folder, &top)?;
    Ok(Outcome::default())
}

fn write_page(folder: &Path, command: &clap::Command) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .title(name.to_uppercase())
        .render(&mut page)
        .and_then(|()| std::fs::write(&path, &page))
        .map_err(|cause| Error::io("writing", &path, cause))?;
    for subcommand in command.get_subcommands().filter(|command| command.get_name() != "help") {
        write_page(folder, subcommand)?;
    }
    Ok(())
}

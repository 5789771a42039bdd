//! `mover resume`: goes on with what was interrupted on this machine.

use std::process::Command;

use serde_json::json;

use super::Outcome;
use super::arguments::Resume;
use super::console::Console;
use crate::ambient::SystemRandom;
use crate::error::{Error, ErrorKind, Result};
use crate::session::{Interrupted, interrupted};

pub(super) fn run(command: &Resume, console: &Console) -> Result<Outcome> {
    let prefix = command.archive.as_deref().unwrap_or_default().to_ascii_lowercase();
    let mut found = interrupted(None, &SystemRandom)?;
    found.retain(|one| one.archive.starts_with(&prefix));
    if command.list {
        return list(&found, console);
    }
    match &found[..] {
        [one] => go_on(one),
        [] => Err(Error::new(ErrorKind::Missing, "nothing was interrupted on this machine")
            .way_out("an archive that is unfinished elsewhere goes on where it was begun")),
        many => {
            list(many, console)?;
            let message = format!("{} archives were interrupted on this machine", many.len());
            Err(Error::new(ErrorKind::Usage, message).way_out("name one: mover resume ID"))
        }
    }
}

fn list(found: &[Interrupted], console: &Console) -> Result<Outcome> {
    for one in found {
        let Interrupted { archive, name, store, job, .. } = one;
        let command = job.arguments.join(" ");
        console.line(&format!("{}  {name} into {store}: mover {command}", &archive[..8]))?;
        let document = json!({
            "archive": archive, "name": name, "store": store,
            "arguments": job.arguments, "folder": job.folder,
        });
        console.document("interrupted", document)?;
    }
    Ok(Outcome::default())
}

/// Runs the command again, in its folder and in the place of this one: it finds its journal.
fn go_on(one: &Interrupted) -> Result<Outcome> {
    use std::os::unix::process::CommandExt;
    let failed = |cause| Error::io("running", "the interrupted command", cause);
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command.args(&one.job.arguments);
    if !one.job.folder.is_empty() {
        command.current_dir(&one.job.folder);
    }
    Err(failed(command.exec()))
}

//! `mover policy`: is a policy right, and where would each file go?

use std::path::{Path, PathBuf};

use serde_json::json;

use super::Outcome;
use super::arguments::{Global, Policy as Command, PolicyCommand};
use super::console::Console;
use super::open::{ambient, cancel_on_signals, engine};
use super::place::{Place, open_store};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Cancel;
use crate::policy::{Policy, TEMPLATE, Totals, check};
use crate::session::{self, MappedRoutes, Progress, RouteConfig, StageSpec, Watch, stage_of};
use crate::source::{SourceConfig, raise_open_file_limit};
use crate::units::counted;

/// What editors check policies with; `docs/policy.md` says how.
const SCHEMA: &str = include_str!("../../../docs/policy.schema.json");

pub(super) fn run(command: Command, global: &Global, console: &Console) -> Result<Outcome> {
    match command.command {
        PolicyCommand::New => print(TEMPLATE, console),
        PolicyCommand::Schema => print(SCHEMA, console),
        PolicyCommand::Check { file } => look(&file, console),
        PolicyCommand::Explain { file, paths } => explain(&file, paths, global, console),
    }
}

fn print(text: &str, console: &Console) -> Result<Outcome> {
    for line in text.lines() {
        console.line(line)?;
    }
    console.document("text", json!({ "text": text }))?;
    Ok(Outcome::default())
}

fn look(file: &Path, console: &Console) -> Result<Outcome> {
    let text = std::fs::read_to_string(file).map_err(|cause| Error::io("reading", file, cause))?;
    let complaints = check(&text);
    for complaint in &complaints {
        let kind = if complaint.is_error { "error" } else { "warning" };
        let (path, line, column) = (file.display(), complaint.line, complaint.column);
        console.line(&format!("{path}:{line}:{column}: {kind}: {}", complaint.message))?;
        console.line(&format!("  try: {}", complaint.way_out))?;
        console.document("complaint", complaint)?;
    }
    let errors = complaints.iter().filter(|complaint| complaint.is_error).count();
    if errors > 0 {
        let errors = counted(errors as u64, "error", "errors");
        let message = format!("{} has {errors}", file.display());
        return Err(Error::new(ErrorKind::Usage, message).way_out("mend what is told above"));
    }
    console.line(&format!("{} is right", file.display()))?;
    Ok(Outcome { faults: !complaints.is_empty(), refused: false })
}

fn explain(
    file: &Path,
    paths: Vec<PathBuf>,
    global: &Global,
    console: &Console,
) -> Result<Outcome> {
    raise_open_file_limit()?;
    let policy = Policy::read(file)?;
    let archive = &policy.archive;
    let name = archive.name.clone().unwrap_or_default();
    let routes = MappedRoutes::new(&policy, &name, ambient().clock.now(), RouteConfig::default())?;
    let snoops: Vec<StageSpec> = match &archive.snoops[..] {
        [] => vec![StageSpec::new("snoop-type", "{}"), StageSpec::new("snoop-yara", "{}")],
        [none] if none.component() == "none" => Vec::new(),
        given => given.iter().map(stage_of).collect(),
    };
    let cancel = cancel_on_signals()?;
    let encrypted = is_encrypted(archive.store.as_deref(), global, &cancel, console)?;
    // Whoever asks for a few paths wants to know which rules they did not fall under.
    let in_detail = !paths.is_empty();
    let source = SourceConfig {
        roots: if paths.is_empty() { archive.paths.clone() } else { paths },
        excludes: archive.excludes(),
        one_file_system: archive.one_file_system,
        ..SourceConfig::default()
    };
    if source.roots.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "nothing to explain is named")
            .way_out("give a PATH, or paths = in [archive]"));
    }
    let engine = engine(global, console)?;
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let mut totals = Totals::new(routes.map().rules().map(|rule| rule.name.as_str()));
    session::explain(&engine, &routes, &snoops, encrypted, &source, &watch, &mut |file| {
        totals.add(file);
        console.document("file", file)?;
        file.lines(in_detail).iter().try_for_each(|line| console.line(line))
    })?;
    totals.lines().iter().try_for_each(|line| console.line(line))?;
    console.document("totals", &totals)?;
    Ok(Outcome::default())
}

/// Whether the store has keys; one that cannot be asked is taken to have them.
fn is_encrypted(
    store: Option<&Path>,
    global: &Global,
    cancel: &Cancel,
    console: &Console,
) -> Result<bool> {
    let Some(store) = store else { return Ok(true) };
    if let Place::Folder(folder) = Place::of(store)?
        && !folder.exists()
    {
        return Ok(true);
    }
    Ok(open_store(store, global, cancel, console)?.current_group()?.is_encrypted())
}

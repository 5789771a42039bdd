//! `mover restore`: gets an archive back, or a part of it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use format::ArchiveFooter;
use serde_json::Value;

use super::Outcome;
use super::agent;
use super::arguments::{Global, Restore};
use super::console::Console;
use super::drives::tell_failed_drives;
use super::list::readable;
use super::open::{ambient, cancel_on_signals, engine, keyring, path_bytes, workers};
use super::place::open_store;
use super::status;
use crate::error::{Error, ErrorKind, Result};
use crate::key::StateFolder;
use crate::net::{Address, state_folder};
use crate::session::board::{self, Notice};
use crate::session::{
    self, Decoding, PathFilter, Progress, RestoreConfig, RestorePlan, RestoreReport, Staged,
    VolumePlan, Watch,
};
use crate::source::raise_open_file_limit;
use crate::store::MediumKind;
use crate::target::TargetConfig;
use crate::units::{counted, show};

/// Decoded chunks that are kept: about 48 MiB.
const CHUNK_COUNT_MAX: usize = 48;

pub(super) fn run(command: Restore, global: &Global, console: &Console) -> Result<Outcome> {
    raise_open_file_limit()?;
    let cancel = cancel_on_signals()?;
    let into = command.into.as_deref().and_then(Path::to_str);
    if let Some(into) = into.filter(|into| Address::is_address(into)) {
        let report = agent::restore(&command, into, global, &cancel, console)?;
        return tell_agent(&report, into, console);
    }
    let store = open_store(&command.store, global, &cancel, console)?;
    let record = store.find_archive(&command.archive)?;
    let footer = &readable(&*store, &record, console)?;
    let keyring = keyring(&*store, global)?;
    let engine = engine(global, console)?;
    let decoding = Decoding::new(&*store, &engine, &keyring);
    let progress = Arc::new(Progress::default());
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let notice = Notice {
        kind: "restore",
        archive: record.header.name.clone(),
        store: command.store.display().to_string(),
    };
    let _posted = status::post(notice, &progress, &cancel, console);
    if command.plan {
        let filter = PathFilter::new(path_bytes(&command.paths));
        return tell_plan(&session::plan(&*store, &decoding, footer, filter, &watch)?, console);
    }
    let Some(into) = command.into.clone() else {
        to_stdout(&command, &decoding, footer, &watch)?;
        return Ok(Outcome { faults: tell_failed_drives(&*store, console), refused: false });
    };
    let mut target = TargetConfig::new(&into);
    target.overwrite = command.overwrite;
    target.dry_run = command.dry_run;
    // Without a state folder nothing can go on later, but all can be restored.
    let state = StateFolder::open(None, store.id())
        .inspect_err(|error| {
            let text = format!("if this restore is interrupted, it cannot go on later: {error}");
            console.note(&text);
        })
        .ok();
    let journals = state.map(|state| state.path().join("restores"));
    let config = RestoreConfig {
        filter: PathFilter::new(path_bytes(&command.paths)),
        target,
        journals,
        fresh: command.fresh,
        rate_max: command.limit_rate.map(|size| size.0),
        workers: workers(command.workers),
        chunk_count_max: CHUNK_COUNT_MAX,
    };
    let mut report = console.watch(&progress, || {
        let has_tapes = store.volumes()?.iter().any(|it| it.kind == MediumKind::Tape);
        if !has_tapes || command.dry_run {
            return session::restore(&ambient(), &decoding, footer, config, &watch);
        }
        let plan = session::plan(&*store, &decoding, footer, config.filter.clone(), &watch)?;
        if !plan.is_staged() {
            return session::restore(&ambient(), &decoding, footer, config, &watch);
        }
        let folder = into.parent().filter(|parent| parent.is_dir()).unwrap_or(Path::new("."));
        let staged = Staged::fetch(&*store, &plan, folder, &watch)?;
        let decoding = Decoding::new(&staged, &engine, &keyring);
        session::restore(&ambient(), &decoding, footer, config, &watch)
    })?;
    report.name.clone_from(&record.header.name);
    let drives_failed = tell_failed_drives(&*store, console);
    tell(&report, &into, console)?;
    // An entry that would have left the folder was refused by policy: the strongest word but one.
    Ok(Outcome { faults: report.faults > 0 || drives_failed, refused: report.refused > 0 })
}

/// One file's content, to standard output or to the program that attaches.
fn to_stdout(
    command: &Restore,
    decoding: &Decoding<'_>,
    footer: &ArchiveFooter,
    watch: &Watch<'_>,
) -> Result<()> {
    let attached = match &command.attach {
        Some(name) => Some(board::wait_for_end(&state_folder(None)?, name, watch.cancel)?),
        None => None,
    };
    let path = one_path(command)?;
    match attached {
        Some(mut socket) => session::extract(decoding, footer, path, &mut socket, watch)?,
        None => session::extract(decoding, footer, path, &mut std::io::stdout().lock(), watch)?,
    };
    Ok(())
}

/// The one file whose content is wanted.
fn one_path(command: &Restore) -> Result<&[u8]> {
    match &command.paths[..] {
        [path] => Ok(path.as_os_str().as_bytes()),
        _ => Err(Error::new(ErrorKind::Usage, "a pipe takes the content of one file")
            .way_out("name one PATH behind the archive")),
    }
}

/// The volumes that a restore would need, in the order of need.
fn tell_plan(plan: &RestorePlan, console: &Console) -> Result<Outcome> {
    console.document("plan", plan)?;
    for volume in &plan.volumes {
        let VolumePlan { label, pool, kind, chunks, stored_bytes, staged, .. } = volume;
        let how = if *staged { ", read once before all else" } else { "" };
        let bytes = show(*stored_bytes);
        let chunks = counted(*chunks, "chunk", "chunks");
        console.line(&format!("{label}  {kind} of pool {pool}: {chunks}, {bytes}{how}"))?;
    }
    console.counts([(
        plan.missing_chunks,
        "chunk lies on no volume that is known",
        "chunks lie on no volume that is known",
    )])?;
    Ok(Outcome { faults: plan.missing_chunks > 0, refused: false })
}

/// The end of an agent's restore.
fn tell_agent(report: &Value, into: &str, console: &Console) -> Result<Outcome> {
    console.document("report", report)?;
    let number = |key: &str| report[key].as_u64().unwrap_or(0);
    let id = report["archive"].as_str().unwrap_or_default();
    console.line(&format!(
        "restored {} ({}) into {into}: {}, {}",
        report["name"].as_str().unwrap_or_default(),
        &id[..id.len().min(8)],
        counted(number("entries"), "entry", "entries"),
        show(number("bytes_written")),
    ))?;
    let (faults, refused) = (number("faults"), number("refused"));
    console.counts([(faults, "fault, told above", "faults, each told above")])?;
    Ok(Outcome { faults: faults > 0, refused: refused > 0 })
}

fn tell(report: &RestoreReport, into: &Path, console: &Console) -> Result<()> {
    console.document("report", report)?;
    let verb = if report.dry_run { "would restore" } else { "restored" };
    console.line(&format!(
        "{verb} {} ({}) into {}: {}, {} in {:.1} s",
        report.name,
        &report.archive[..8],
        into.display(),
        counted(report.entries, "entry", "entries"),
        show(report.bytes_written),
        report.seconds,
    ))?;
    if report.entries_kept + report.resumed_files > 0 {
        console.line(&format!(
            "  {} there already, {} half-written: {} were not written again",
            counted(report.entries_kept, "entry was", "entries were"),
            counted(report.resumed_files, "file was", "files were"),
            show(report.bytes_kept),
        ))?;
    }
    if !report.tape_passes.is_empty() {
        let passes = report.tape_passes.iter().map(|(tape, count)| format!("{tape} {count}"));
        console.line(&format!("  passes over tapes: {}", passes.collect::<Vec<_>>().join(", ")))?;
    }
    console.counts([
        (
            report.refused,
            "refused: held by a snoop, or it would have left the folder",
            "refused: held by a snoop, or they would have left the folder",
        ),
        (report.faults, "fault, told above", "faults, each told above"),
    ])?;
    Ok(())
}

//! `mover restore`: gets an archive back, or a part of it.

use super::Outcome;
use super::arguments::{Global, Restore};
use super::console::Console;
use super::list::finished;
use super::open::{ambient, cancel_on_signals, engine, keyring, path_bytes, workers};
use super::size::show;
use crate::error::Result;
use crate::key::StateFolder;
use crate::session::{self, Decoding, PathFilter, Progress, RestoreConfig, RestoreReport, Watch};
use crate::source::raise_open_file_limit;
use crate::store::{Store, StoreConfig};
use crate::target::TargetConfig;

/// Decoded chunks that are kept: about 48 MiB.
const CHUNK_COUNT_MAX: usize = 48;

pub(super) fn run(command: Restore, global: &Global, console: &Console) -> Result<Outcome> {
    raise_open_file_limit()?;
    let store = Store::open(&StoreConfig::new(&command.store))?;
    let record = store.find_archive(&command.archive)?;
    let footer = finished(&record)?;
    let mut target = TargetConfig::new(&command.into);
    target.overwrite = command.overwrite;
    target.dry_run = command.dry_run;
    let keyring = keyring(&store, global)?;
    let engine = engine(console)?;
    let decoding = Decoding::new(&store, &engine, &keyring);
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
    let progress = Progress::default();
    let cancel = cancel_on_signals()?;
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let mut report = console
        .watch(&progress, || session::restore(&ambient(), &decoding, footer, config, &watch))?;
    report.name.clone_from(&record.header.name);
    tell(&report, &command, console)?;
    // An entry that would have left the folder was refused by policy: the strongest word but one.
    Ok(Outcome { faults: report.faults > 0, refused: report.refused > 0 })
}

fn tell(report: &RestoreReport, command: &Restore, console: &Console) -> Result<()> {
    console.document("report", report)?;
    let verb = if report.dry_run { "would restore" } else { "restored" };
    console.line(&format!(
        "{verb} {} ({}) into {}: {} entries, {} in {:.1} s",
        report.name,
        &report.archive[..8],
        command.into.display(),
        report.entries,
        show(report.bytes_written),
        report.seconds,
    ))?;
    if report.entries_kept + report.resumed_files > 0 {
        console.line(&format!(
            "  {} entries were there already, {} files were half-written: {} were not written again",
            report.entries_kept,
            report.resumed_files,
            show(report.bytes_kept),
        ))?;
    }
    for (count, what) in [
        (report.held, "held by a snoop, and not restored"),
        (report.refused, "refused, since they would have left the folder"),
        (report.faults, "faults, each told above"),
    ] {
        if count > 0 {
            console.line(&format!("  {count} {what}"))?;
        }
    }
    Ok(())
}

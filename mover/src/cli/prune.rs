//! `mover prune`: forgets old archives, and gives back their room.

use std::collections::BTreeMap;

use super::Outcome;
use super::arguments::Prune;
use super::console::Console;
use super::open::{ambient, cancel_on_signals};
use super::place::local;
use crate::error::{Error, ErrorKind, Result};
use crate::session::{self, Keep, Progress, PruneConfig, PruneReport, Watch};
use crate::store::StoreWriter;
use crate::units::show;

pub(super) fn run(command: &Prune, console: &Console) -> Result<Outcome> {
    let path = command.store.clone().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no store was named").way_out("name the store to prune")
    })?;
    let mut writer = StoreWriter::open(&local(&path, "pruning")?, "prune")?;
    let config = PruneConfig {
        keep: Keep {
            last: command.keep_last,
            daily: command.keep_daily,
            weekly: command.keep_weekly,
            monthly: command.keep_monthly,
            yearly: command.keep_yearly,
            within: command.keep_within.map(|time| time.0),
        },
        pools: BTreeMap::new(),
        locked_for: BTreeMap::new(),
        used_max: f64::from(command.used_max) / 100.0,
        dry_run: command.dry_run,
    };
    let cancel = cancel_on_signals()?;
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let report =
        console.watch(&progress, || session::prune(&ambient(), &mut writer, &config, &watch))?;
    tell(&report, console)?;
    Ok(Outcome::default())
}

fn tell(report: &PruneReport, console: &Console) -> Result<()> {
    console.document("report", report)?;
    let would = if report.dry_run { "would be " } else { "" };
    for decision in &report.archives {
        let id = &decision.archive[..8];
        let name = &decision.name;
        let line = match &decision.kept_by[..] {
            [] => format!("{would}dropped  {id}  {name}"),
            rules => format!("kept     {id}  {name}  {}", rules.join(", ")),
        };
        console.line(&line)?;
    }
    console.line(&format!(
        "{} archives {would}dropped, {} volumes {would}taken out: {}",
        report.dropped,
        report.volumes_removed,
        show(report.bytes_freed.saturating_sub(report.bytes_moved)),
    ))?;
    if report.bytes_moved > 0 {
        console.line(&format!("  {} {would}moved for that", show(report.bytes_moved)))?;
    }
    if report.volumes_locked > 0 {
        console.line(&format!("  {} volumes are locked, and stay", report.volumes_locked))?;
    }
    Ok(())
}

//! `mover prune`: forgets old archives, and gives back their room.

use std::collections::BTreeMap;

use super::Outcome;
use super::arguments::Prune;
use super::console::Console;
use super::open::{ambient, cancel_on_signals};
use super::parity;
use super::place::local;
use crate::error::{Error, ErrorKind, Result};
use crate::policy::{Policy, Retention};
use crate::session::{self, Keep, Progress, PruneConfig, PruneReport, Watch};
use crate::store::StoreWriter;
use crate::units::{counted, show};

pub(super) fn run(command: &Prune, console: &Console) -> Result<Outcome> {
    let policy = command.policy.as_deref().map(Policy::read).transpose()?;
    let named = policy.as_ref().and_then(|policy| policy.archive.store.clone());
    let path = command.store.clone().or(named).ok_or_else(|| {
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
        pools: retention(policy.as_ref(), keep),
        locked_for: retention(policy.as_ref(), |kept| kept.locked_for),
        used_max: f64::from(command.used_max) / 100.0,
        dry_run: command.dry_run,
    };
    let cancel = cancel_on_signals()?;
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let report =
        console.watch(&progress, || session::prune(&ambient(), &mut writer, &config, &watch))?;
    let unprotected = match config.dry_run {
        true => false,
        false => parity::protect(&mut writer, &cancel, console)?,
    };
    tell(&report, console)?;
    Ok(Outcome { faults: unprotected, refused: false })
}

/// What a policy says of each pool that it says something of.
fn retention<T>(
    policy: Option<&Policy>,
    what: impl Fn(&Retention) -> Option<T>,
) -> BTreeMap<String, T> {
    let all = policy.into_iter().flat_map(|policy| &policy.retention);
    all.filter_map(|(pool, retention)| Some((pool.clone(), what(retention)?))).collect()
}

fn keep(retention: &Retention) -> Option<Keep> {
    let Retention { last, daily, weekly, monthly, yearly, within, .. } = *retention;
    Some(Keep { last, daily, weekly, monthly, yearly, within })
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
        "{} {would}dropped, {} {would}taken out: {}",
        counted(report.dropped, "archive", "archives"),
        counted(report.volumes_removed, "volume", "volumes"),
        show(report.bytes_freed.saturating_sub(report.bytes_moved)),
    ))?;
    if report.bytes_moved > 0 {
        console.line(&format!("  {} {would}moved for that", show(report.bytes_moved)))?;
    }
    console.counts([(
        report.volumes_locked,
        "volume is locked, and stays",
        "volumes are locked, and stay",
    )])
}

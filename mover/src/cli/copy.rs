//! `mover copy`: archives in one more pool.

use super::Outcome;
use super::arguments::Copy;
use super::console::Console;
use super::drives::tell_failed_drives;
use super::open::{ambient, cancel_on_signals};
use super::parity;
use super::place::local;
use crate::error::Result;
use crate::session::{self, CopyConfig, CopyReport, CopySource, Progress, Watch};
use crate::store::{ReadStore, StoreWriter};
use crate::units::{counted, show};

pub(super) fn run(command: &Copy, console: &Console) -> Result<Outcome> {
    let config = local(&command.store, "copying between pools")?;
    let writer = StoreWriter::open(&config, "copy")?;
    let store = writer.store();
    let archives = match command.all {
        true => {
            let mut all = store.archives()?;
            all.retain(|record| record.footer.is_some() && record.dropped.is_none());
            all
        }
        false => {
            let find = |name: &String| store.find_archive(name);
            command.archives.iter().map(find).collect::<Result<_>>()?
        }
    };
    let source = CopySource::Archives(archives);
    let config = CopyConfig { pool: command.to_pool.clone(), verify: !command.no_verify };
    copy(writer, &source, &config, console)
}

/// Copies, and tells of it.
pub(super) fn copy(
    mut writer: StoreWriter,
    source: &CopySource,
    config: &CopyConfig,
    console: &Console,
) -> Result<Outcome> {
    let cancel = cancel_on_signals()?;
    let group = writer.store().current_group()?;
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let report = loop {
        let group = group.clone();
        let done = console.watch(&progress, || {
            session::copy(&ambient(), &mut writer, group, source, config, &watch)
        });
        let error = match done {
            Ok(report) => break report,
            Err(error) => error,
        };
        let Some(anew) = writer.without_failed_drives()? else { return Err(error) };
        console.note(&format!("{error}; going on with the other drives"));
        writer = anew;
    };
    let unprotected = parity::protect(&mut writer, &cancel, console)?;
    let drives_failed = tell_failed_drives(&*writer.store(), console);
    tell(&report, console)?;
    let faults = report.faults > 0 || drives_failed || unprotected;
    Ok(Outcome { faults, refused: false })
}

fn tell(report: &CopyReport, console: &Console) -> Result<()> {
    console.document("report", report)?;
    console.line(&format!(
        "copied {} to pool {}: {} in {:.1} s",
        counted(report.chunks, "chunk", "chunks"),
        report.pool,
        show(report.stored_bytes),
        report.seconds,
    ))?;
    console.counts([
        (report.archives, "archive can be read from there", "archives can be read from there"),
        (report.chunks_there, "chunk was there already", "chunks were there already"),
        (
            report.verified,
            "chunk was read back and is right",
            "chunks were read back and are right",
        ),
        (report.volumes_removed, "volume was taken out", "volumes were taken out"),
        (report.faults, "fault, told above", "faults, each told above"),
    ])?;
    Ok(())
}

//! `mover verify`: checks a store, and mends it.

use std::collections::BTreeSet;
use std::sync::Arc;

use format::ChunkId;

use super::Outcome;
use super::arguments::{Global, Verify};
use super::console::Console;
use super::drives::tell_failed_drives;
use super::open::{ambient, cancel_on_signals, engine, keyring, workers};
use super::parity::{protect_anew, tell_healed};
use super::place::{local, open_store};
use crate::error::Result;
use crate::key::Keyring;
use crate::pipeline::Cancel;
use crate::session::{
    self, Damage, Decoding, Progress, RepairReport, VerifyConfig, VerifyReport, Watch,
};
use crate::store::{ReadStore, Store, StoreWriter};
use crate::units::{counted, show};

pub(super) fn run(command: Verify, global: &Global, console: &Console) -> Result<Outcome> {
    let cancel = cancel_on_signals()?;
    if command.repair {
        return repair(&command, global, console, &cancel);
    }
    let store = open_store(&command.store, global, &cancel, console)?;
    let (report, _) = check(&command, &*store, global, console, &cancel)?;
    let drives_failed = tell_failed_drives(&*store, console);
    Ok(Outcome { faults: report.damaged > 0 || drives_failed, refused: false })
}

fn check(
    command: &Verify,
    store: &dyn ReadStore,
    global: &Global,
    console: &Console,
    cancel: &Cancel,
) -> Result<(VerifyReport, Damage)> {
    let archive = match &command.archive {
        Some(name) => Some(store.find_archive(name)?.header.archive),
        None => None,
    };
    // Checksums stand outside the encryption: without `--read` no key is needed.
    let keyring = if command.read { keyring(store, global)? } else { Keyring::empty() };
    let engine = engine(global, console)?;
    let decoding = Decoding::new(store, &engine, &keyring);
    let config = VerifyConfig { read: command.read, archive, workers: workers(command.workers) };
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel };
    let (report, damage) = console
        .watch(&progress, || session::verify(&ambient(), store, &decoding, &config, &watch))?;
    console.document("report", &report)?;
    console.line(&format!(
        "checked {} of {}, {} in {:.1} s{}",
        counted(report.chunks, "chunk", "chunks"),
        counted(report.archives, "archive", "archives"),
        show(report.stored_bytes_read),
        report.seconds,
        if report.decoded { ", all decoded" } else { "" },
    ))?;
    match report.damaged {
        0 => console.line("  all is well")?,
        count => console.line(&format!("  {count} damaged or missing, each told above"))?,
    }
    Ok((report, damage))
}

/// Exits as one without faults where nothing is wrong any more.
fn repair(
    command: &Verify,
    global: &Global,
    console: &Console,
    cancel: &Cancel,
) -> Result<Outcome> {
    let open = || StoreWriter::open(&local(&command.store, "repairing")?, "verify --repair");
    let mut writer = open()?;
    let (mut checked, mut damage) = check(command, &*writer.store(), global, console, cancel)?;
    if checked.damaged == 0 {
        return Ok(Outcome::default());
    }
    // Parity first: it puts volumes back as they were, and what it mends need not be written anew.
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel };
    let healed =
        console.watch(&progress, || session::heal(&mut writer, &damage.volumes, &watch))?;
    if !healed.volumes.is_empty() || healed.lost_bytes > 0 {
        tell_healed(&healed, console)?;
    }
    if !healed.volumes.is_empty() {
        drop(writer);
        writer = open()?;
        (checked, damage) = check(command, &*writer.store(), global, console, cancel)?;
    }
    let mut is_well = true;
    if checked.damaged > 0 && !damage.is_of_parity_alone() {
        let report = by_copies(&mut writer, &damage, global, console, cancel)?;
        is_well = report.is_well();
    }
    let unprotected = protect_anew(&mut writer, &damage.parity, cancel, console)?;
    Ok(Outcome { faults: !is_well || unprotected, refused: false })
}

fn by_copies(
    writer: &mut StoreWriter,
    damage: &Damage,
    global: &Global,
    console: &Console,
    cancel: &Cancel,
) -> Result<RepairReport> {
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel };
    let (mut report, lost) =
        console.watch(&progress, || session::repair(&ambient(), writer, damage, &watch))?;
    if !lost.is_empty() {
        let store = writer.store();
        report.lost_entries = name_lost(&store, &lost, global, console, &watch)?;
    }
    tell(&report, console)?;
    Ok(report)
}

/// Which files are lost stands in what is encrypted. None without a key.
fn name_lost(
    store: &Arc<Store>,
    lost: &BTreeSet<ChunkId>,
    global: &Global,
    console: &Console,
    watch: &Watch<'_>,
) -> Result<Option<u64>> {
    let keyring = match keyring(&**store, global) {
        Ok(keyring) => keyring,
        Err(error) => {
            console.note(&format!("which files are lost cannot be told: {error}"));
            return Ok(None);
        }
    };
    let engine = engine(global, console)?;
    let decoding = Decoding::new(&**store, &engine, &keyring);
    session::name_lost(store, &decoding, lost, watch).map(Some)
}

fn tell(report: &RepairReport, console: &Console) -> Result<()> {
    console.document("repair", report)?;
    console.line(&format!(
        "healed {} damaged copies of chunks, {} written in {:.1} s",
        report.healed,
        show(report.stored_bytes),
        report.seconds
    ))?;
    console.counts([
        (
            report.moved,
            "sound chunk was moved to a new volume",
            "sound chunks were moved to new volumes",
        ),
        (report.volumes_removed, "damaged volume was taken out", "damaged volumes were taken out"),
        (report.volumes_left, "damaged volume stays", "damaged volumes stay"),
        (
            report.lost_chunks,
            "chunk is lost: no sound copy is left",
            "chunks are lost: no sound copy is left",
        ),
        (
            report.beyond_repair,
            "fault told above is mended by no copy",
            "faults told above are mended by no copy",
        ),
        (
            report.lost_entries.unwrap_or(0),
            "entry is not whole any more, named above",
            "entries are not whole any more, each named above",
        ),
    ])?;
    if report.lost_chunks > 0 {
        console.line("  archive their source again: what is still there is stored anew")?;
    }
    Ok(())
}

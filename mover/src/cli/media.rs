//! `mover media`: pools, volumes, and what they lie on.

use std::path::Path;

use serde_json::json;

use super::Outcome;
use super::arguments::{Media as Command, MediaCommand};
use super::console::Console;
use super::copy::copy;
use super::place::{local, remember};
use crate::error::{Error, ErrorKind, Result};
use crate::media::{
    Media,
    tape::{Place as Cartridged, TapeStorage},
};
use crate::session::{CopyConfig, CopySource};
use crate::store::{Store, StoreWriter, VolumeRecord, open_pool, pools, rebuild};
use crate::units::show;

pub(super) fn run(command: Command, console: &Console) -> Result<Outcome> {
    match command.command {
        MediaCommand::List { store, policy } => {
            if let Some(policy) = policy {
                remember(&store, &policy)?;
            }
            list(&store, console)
        }
        MediaCommand::Migrate { store, volumes, from_pool, to_pool, keep, no_verify } => {
            let writer = StoreWriter::open(&local(&store, "migrating")?, "media migrate")?;
            let volumes = volumes_to_migrate(&writer.store(), volumes, from_pool.as_deref())?;
            let source = CopySource::Volumes { volumes, keep };
            let config = CopyConfig { pool: to_pool, verify: !no_verify };
            copy(writer, &source, &config, console)
        }
        MediaCommand::Scan { store, policy, adopt } => {
            if adopt {
                make_folder(&store)?;
            }
            if let Some(policy) = policy {
                remember(&store, &policy)?;
            }
            scan(&store, console)
        }
        MediaCommand::Label { store, pool, overwrite } => label(&store, &pool, &overwrite, console),
        MediaCommand::Eject { store, pool, cartridges } => {
            eject(&store, &pool, &cartridges, console)
        }
    }
}

fn volumes_to_migrate(
    store: &Store,
    numbers: Vec<u32>,
    from_pool: Option<&str>,
) -> Result<Vec<u32>> {
    let volumes = store.volumes()?;
    if let Some(pool) = from_pool {
        let of_pool = |volume: &&VolumeRecord| volume.pool == pool && volume.closed;
        return Ok(volumes.iter().filter(of_pool).map(|volume| volume.number).collect());
    }
    for number in &numbers {
        if !volumes.iter().any(|volume| volume.number == *number) {
            let message = format!("the store has no volume {number}");
            return Err(Error::new(ErrorKind::Missing, message)
                .way_out("`mover media list` shows which there are"));
        }
    }
    Ok(numbers)
}

fn list(path: &Path, console: &Console) -> Result<Outcome> {
    let store = Store::open(&local(path, "listing media")?)?;
    let volumes = store.volumes()?;
    for pool in store.pools() {
        console.line(&format!("pool {} ({})", pool.name, pool.kind.name()))?;
        console.document("pool", json!({ "name": pool.name, "kind": pool.kind.name() }))?;
        for volume in volumes.iter().filter(|volume| volume.pool == pool.name) {
            let VolumeRecord { number, label, length, closed, chunk_count, .. } = volume;
            let state = if *closed { "closed" } else { "open" };
            let length_shown = show(*length);
            console.line(&format!(
                "  {number:>4}  {length_shown:>10}  {chunk_count:>8} chunks  {state:<6}  {label}"
            ))?;
            let document = json!({
                "number": number,
                "pool": pool.name,
                "kind": pool.kind.name(),
                "label": label,
                "length": length,
                "chunks": chunk_count,
                "closed": closed,
            });
            console.document("volume", document)?;
        }
    }
    list_cartridges(path, console)?;
    let faults = store.faults()?;
    for fault in &faults {
        console.line(&format!("  {fault}"))?;
    }
    Ok(Outcome { faults: faults.iter().any(|fault| fault.is_loss()), refused: false })
}

/// The folder of a store of which nothing is left here.
fn make_folder(store: &Path) -> Result<()> {
    let volumes = store.join("volumes");
    std::fs::create_dir_all(&volumes)
        .map_err(|cause| Error::io("making the folder of a store", &volumes, cause))
}

fn label(store: &Path, pool: &str, barcode: &str, console: &Console) -> Result<Outcome> {
    local(store, "labelling")?;
    tapes(store, pool)?.take_over(barcode)?;
    console.line(&format!("{barcode} is blank, and belongs to pool {pool}"))?;
    console.document("label", json!({ "barcode": barcode, "pool": pool }))?;
    Ok(Outcome::default())
}

fn eject(store: &Path, pool: &str, barcodes: &[String], console: &Console) -> Result<Outcome> {
    local(store, "ejecting")?;
    let tapes = tapes(store, pool)?;
    for barcode in barcodes {
        tapes.eject(barcode)?;
        console.line(&format!("{barcode} can be taken out"))?;
        console.document("eject", json!({ "barcode": barcode, "pool": pool }))?;
    }
    Ok(Outcome::default())
}

/// The cartridges of a pool.
fn tapes(store: &Path, pool: &str) -> Result<TapeStorage> {
    let specs = pools(store)?;
    let spec = specs.get(pool).ok_or_else(|| {
        let known: Vec<&str> = specs.keys().map(String::as_str).collect();
        Error::new(ErrorKind::Missing, format!("the store has no pool {pool} besides its own"))
            .way_out(format!("it has these: {}", known.join(", ")))
    })?;
    match open_pool(store, pool, spec)? {
        Media::Tape(tapes) => Ok(tapes),
        _ => {
            let message = format!("pool {pool} has no cartridges");
            Err(Error::new(ErrorKind::Usage, message)
                .way_out("name a pool of tapes; other media need neither labels nor a door"))
        }
    }
}

/// Cartridges that hold no volume, or that cannot be used.
fn list_cartridges(path: &Path, console: &Console) -> Result<()> {
    for (name, spec) in pools(path)? {
        let Media::Tape(tape) = open_pool(path, &name, &spec)? else { continue };
        for (barcode, known, place) in tape.cartridges()? {
            let place = match place {
                Cartridged::Drive(drive) => format!("drive {drive}"),
                Cartridged::Slot => "at hand".to_owned(),
                Cartridged::Shelf => "on a shelf".to_owned(),
            };
            let holds = match (&known.problem, &known.volume) {
                (Some(problem), _) => problem.clone(),
                (None, Some(volume)) => volume.clone(),
                (None, None) => "blank".to_owned(),
            };
            let (loads, labels) = (known.loads, known.labels);
            console.line(&format!(
                "  {barcode:<12} {place:<10} loaded {loads} times, written anew {labels}  {holds}"
            ))?;
            let document = json!({
                "barcode": barcode, "pool": name, "place": place, "volume": known.volume,
                "loads": loads, "labels": labels, "problem": known.problem,
            });
            console.document("cartridge", document)?;
        }
    }
    Ok(())
}

fn scan(path: &Path, console: &Console) -> Result<Outcome> {
    for (name, spec) in pools(path)? {
        match open_pool(path, &name, &spec)? {
            Media::Tape(tape) => tape.scan()?,
            Media::Disc(discs) => discs.scan()?,
            // What they hold can be listed at any time.
            Media::Disk(_) | Media::Object(_) => {}
        }
    }
    let rebuilt = rebuild(&local(path, "scanning media")?)?;
    let (volumes, chunks) = (rebuilt.volumes, rebuilt.chunks);
    console.line(&format!("found {chunks} chunks on {volumes} volumes"))?;
    let faults: Vec<String> = rebuilt.faults.iter().map(ToString::to_string).collect();
    for fault in &faults {
        console.line(&format!("  {fault}"))?;
    }
    console.document("scan", json!({ "volumes": volumes, "chunks": chunks, "faults": faults }))?;
    Ok(Outcome { faults: !faults.is_empty(), refused: false })
}

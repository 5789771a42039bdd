//! `mover media`: pools, volumes, and what they lie on.

use std::path::Path;

use serde_json::json;

use super::Outcome;
use super::arguments::{Media as Command, MediaCommand};
use super::catalog::tell_rebuilt;
use super::console::Console;
use super::copy::copy;
use super::parity;
use super::place::{local, remember};
use crate::error::{Error, ErrorKind, Result};
use crate::media::disc::DiscStorage;
use crate::media::tape::{Place as Cartridged, TapeStorage};
use crate::media::{Media, MediumKind, PoolSpec};
use crate::session::{CopyConfig, CopySource};
use crate::store::{Fault, HOME_POOL, Store, StoreWriter, VolumeRecord, open_pool, pools, rebuild};
use crate::units::{counted, show};

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
        MediaCommand::Protect { store, pool, parity } => {
            parity::run(&store, pool.as_deref(), parity.as_deref(), console)
        }
        MediaCommand::Close { store, pool } => close(&store, &pool, console),
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
        store.check_pool(pool)?;
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
    let (volumes, specs) = (store.volumes()?, pools(path)?);
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
        if let Some(spec) = specs.get(&pool.name) {
            list_carriers(path, &pool.name, spec, console)?;
        }
    }
    parity::list(&store, console)?;
    let faults = store.faults()?;
    for fault in &faults {
        console.line(&format!("  {fault}"))?;
    }
    Ok(Outcome { faults: faults.iter().any(Fault::is_wrong), refused: false })
}

/// The folder of a store of which nothing is left here.
fn make_folder(store: &Path) -> Result<()> {
    let volumes = store.join("volumes");
    std::fs::create_dir_all(&volumes)
        .map_err(|cause| Error::io("making the folder of a store", &volumes, cause))
}

/// The media of a pool that is not in the store's own folder.
fn media(store: &Path, pool: &str) -> Result<Media> {
    let specs = pools(store)?;
    let spec = specs.get(pool).ok_or_else(|| {
        let known: Vec<&str> =
            [HOME_POOL].into_iter().chain(specs.keys().map(String::as_str)).collect();
        Error::new(ErrorKind::Missing, format!("store {} has no pool {pool}", store.display()))
            .way_out(format!("it has {}", known.join(", ")))
    })?;
    open_pool(store, pool, spec)
}

/// What of a pool can be labelled and taken out.
enum Carriers {
    Tape(TapeStorage),
    Disc(DiscStorage),
}

fn carriers(store: &Path, pool: &str) -> Result<Carriers> {
    let place = match pool {
        HOME_POOL => "on disk",
        pool => match media(store, pool)? {
            Media::Tape(tape) => return Ok(Carriers::Tape(tape)),
            Media::Disc(discs) => return Ok(Carriers::Disc(discs)),
            Media::Disk(_) => "on disk",
            Media::Object(_) => "in an object store",
        },
    };
    let message =
        format!("pool {pool} is {place}: only cartridges and discs are labelled or ejected");
    let mut specs = pools(store)?;
    specs.retain(|_, spec| matches!(spec.kind(), MediumKind::Tape | MediumKind::Optical));
    let names: Vec<&str> = specs.keys().map(String::as_str).collect();
    let way_out = match &names[..] {
        [] => "the store has no pool of cartridges or discs; a policy adds one".to_owned(),
        names => format!("name a pool of cartridges or discs: {}", names.join(", ")),
    };
    Err(Error::new(ErrorKind::Usage, message).way_out(way_out))
}

fn close(store: &Path, pool: &str, console: &Console) -> Result<Outcome> {
    let mut writer = StoreWriter::open(&local(store, "closing a volume")?, "media close")?;
    let number = writer.close(pool)?;
    // The recorder is free for what an earlier command left in the spool.
    drop(writer);
    if pool != HOME_POOL
        && let Media::Disc(discs) = media(store, pool)?
    {
        discs.burn_all()?;
    }
    console.line(&match number {
        Some(number) => format!("volume {number} of pool {pool} is closed"),
        None => format!("pool {pool} has no open volume"),
    })?;
    console.document("close", json!({ "pool": pool, "volume": number }))?;
    Ok(Outcome::default())
}

fn label(store: &Path, pool: &str, barcode: &str, console: &Console) -> Result<Outcome> {
    local(store, "labelling")?;
    match carriers(store, pool)? {
        Carriers::Tape(tape) => tape.take_over(barcode)?,
        Carriers::Disc(discs) => discs.take_over(barcode)?,
    }
    console.line(&format!("{barcode} is blank, and belongs to pool {pool}"))?;
    console.document("label", json!({ "barcode": barcode, "pool": pool }))?;
    Ok(Outcome::default())
}

fn eject(store: &Path, pool: &str, names: &[String], console: &Console) -> Result<Outcome> {
    local(store, "ejecting")?;
    let carriers = carriers(store, pool)?;
    for name in names {
        match &carriers {
            Carriers::Tape(tape) => tape.eject(name)?,
            Carriers::Disc(discs) => discs.eject(name)?,
        }
        console.line(&format!("{name} can be taken out"))?;
        console.document("eject", json!({ "name": name, "pool": pool }))?;
    }
    Ok(Outcome::default())
}

/// What the volumes of a pool lie on, or could, where it can be taken out.
fn list_carriers(path: &Path, pool: &str, spec: &PoolSpec, console: &Console) -> Result<()> {
    let tape = match open_pool(path, pool, spec)? {
        Media::Tape(tape) => tape,
        Media::Disc(discs) => return list_discs(pool, &discs, console),
        Media::Disk(_) | Media::Object(_) => return Ok(()),
    };
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
            "  {barcode:<12} {place:<10} loaded {}, written anew {labels}  {holds}",
            counted(loads, "time", "times")
        ))?;
        let document = json!({
            "barcode": barcode, "pool": pool, "place": place, "volume": known.volume,
            "loads": loads, "labels": labels, "problem": known.problem,
        });
        console.document("cartridge", document)?;
    }
    Ok(())
}

fn list_discs(pool: &str, discs: &DiscStorage, console: &Console) -> Result<()> {
    for (disc, known, is_at_hand) in discs.discs()? {
        let place = if is_at_hand { "at hand" } else { "on a shelf" };
        let (burned, capacity, burns) = (known.burned(), discs.capacity(), known.burns);
        let state = match (&known.problem, &known.volume) {
            (Some(problem), _) => problem.clone(),
            (None, Some(volume)) if burned == 0 => format!("{volume} waits in the spool"),
            (None, Some(volume)) if known.finished => format!("{volume}, closed"),
            (None, Some(volume)) => volume.clone(),
            (None, None) => "blank".to_owned(),
        };
        let full = burned * 100 / capacity.max(1);
        console.line(&format!(
            "  {disc:<12} {place:<10} {full:>3} % of {}, written {}  {state}",
            show(capacity),
            counted(burns, "time", "times")
        ))?;
        let document = json!({
            "disc": disc, "pool": pool, "at_hand": is_at_hand, "volume": known.volume,
            "burned": burned, "capacity": capacity, "burns": burns, "closed": known.finished,
            "problem": known.problem,
        });
        console.document("disc", document)?;
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
    tell_rebuilt(&rebuild(&local(path, "scanning media")?)?, console)
}

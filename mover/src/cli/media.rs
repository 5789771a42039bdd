//! `mover media`: pools, volumes, and what they lie on.

use std::path::Path;

use serde_json::json;

use super::Outcome;
use super::arguments::{Media, MediaCommand};
use super::console::Console;
use super::copy::copy;
use super::place::{local, remember};
use crate::error::{Error, ErrorKind, Result};
use crate::session::{CopyConfig, CopySource};
use crate::store::{Store, StoreWriter, VolumeRecord, rebuild};
use crate::units::show;

pub(super) fn run(command: Media, console: &Console) -> Result<Outcome> {
    match command.command {
        MediaCommand::List { store, policy } => {
            if let Some(policy) = policy {
                remember(&store, &policy)?;
            }
            list(&store, console)
        }
        MediaCommand::Migrate { store, volumes, from_pool, to_pool, keep, no_verify } => {
            let mut writer = StoreWriter::open(&local(&store, "migrating")?, "media migrate")?;
            let volumes = volumes_to_migrate(&writer.store(), volumes, from_pool.as_deref())?;
            let source = CopySource::Volumes { volumes, keep };
            let config = CopyConfig { pool: to_pool, verify: !no_verify };
            copy(&mut writer, &source, &config, console)
        }
        MediaCommand::Scan { store } => scan(&store, console),
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
    let faults = store.faults()?;
    for fault in &faults {
        console.line(&format!("  {fault}"))?;
    }
    Ok(Outcome { faults: faults.iter().any(|fault| fault.is_loss()), refused: false })
}

fn scan(path: &Path, console: &Console) -> Result<Outcome> {
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

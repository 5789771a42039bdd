//! `mover drop`: archives that are no longer shown.

use serde_json::json;

use super::Outcome;
use super::arguments::{Drop, Global};
use super::console::Console;
use super::open::{ambient, cancel_on_signals};
use super::parity;
use super::place::{open_store, open_writer};
use crate::error::Result;
use crate::store::{ArchiveRecord, ReadStore};

pub(super) fn run(command: Drop, global: &Global, console: &Console) -> Result<Outcome> {
    let cancel = cancel_on_signals()?;
    if command.dry_run {
        let store = open_store(&command.store, global, &cancel, console)?;
        for record in find_all(&*store, &command.archives)? {
            tell(&record, true, console)?;
        }
        return Ok(Outcome::default());
    }
    let mut writer = open_writer(&command.store, |_| {}, "drop", global, &cancel, console)?;
    // All are found before any is dropped.
    let records = find_all(&*writer.store(), &command.archives)?;
    for record in records {
        writer.drop_archive(&record.header.archive, ambient().clock.now())?;
        tell(&record, false, console)?;
    }
    let faults = parity::protect(&mut *writer, &cancel, console)?;
    Ok(Outcome { faults, refused: false })
}

fn find_all(store: &dyn ReadStore, names: &[String]) -> Result<Vec<ArchiveRecord>> {
    names.iter().map(|name| store.find_archive(name)).collect()
}

fn tell(record: &ArchiveRecord, dry_run: bool, console: &Console) -> Result<()> {
    let (id, name) = (record.header.archive.to_string(), &record.header.name);
    let verb = if dry_run { "would drop" } else { "dropped" };
    console.line(&format!("{verb} {name} ({})", &id[..8]))?;
    console.document("drop", json!({ "id": id, "name": name, "dry_run": dry_run }))
}

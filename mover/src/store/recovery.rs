//! Brings the catalog into step with the volumes, or makes it anew from them.
//!
//! Runs under the lock, or, where a store cannot be written, on a catalog in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use format::StoreId;

use super::catalog::{Catalog, Place, VolumeRow, query};
use super::config::StoreConfig;
use super::failpoint::{self, reach};
use super::lock::{self, Attempt};
use super::record::Rebuilt;
use super::volumes;
use super::walk::{Tail, walk};
use crate::media::{Storage, VolumeReader, VolumeWriter, volume_file};
use crate::{Error, ErrorKind, Result};

/// What a recovery has to know.
pub(super) struct Recovery<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) lengths: &'a BTreeMap<u32, u64>,
    /// Volumes may be synced and cut.
    pub(super) writable: bool,
    /// The catalog is older than this run, so that it says what was acknowledged.
    pub(super) vouched: bool,
}

/// Whether the catalog knows all that the volume files hold, and nothing else.
pub(super) fn is_in_step(rows: &[VolumeRow], lengths: &BTreeMap<u32, u64>) -> bool {
    let known: BTreeMap<u32, u64> =
        rows.iter().map(|row| (row.number, row.indexed_length)).collect();
    let known = |number: &u32| known.get(number).copied().unwrap_or(0);
    lengths.iter().all(|(number, length)| known(number) == *length)
        && rows.iter().all(|row| row.indexed_length == 0 || lengths.contains_key(&row.number))
}

impl Recovery<'_> {
    /// Indexes what the catalog does not know, and forgets what is lost. Gives chunks found.
    pub(super) fn run(&self, catalog: &mut Catalog) -> Result<u64> {
        let rows = query::volumes(&catalog.connection)?;
        let indexing = catalog.begin()?;
        for row in &rows {
            let length = self.lengths.get(&row.number).copied();
            if length.unwrap_or(0) < row.indexed_length {
                indexing.cut(row.number, length, row.indexed_length)?;
            }
        }
        indexing.commit()?;
        let last = self.lengths.keys().next_back().copied();
        let faults = query::faults(&catalog.connection)?;
        let mut chunks = 0;
        for (number, length) in self.lengths {
            let row = rows.iter().find(|row| row.number == *number);
            let from = row.map_or(0, |row| row.indexed_length);
            if *length > from {
                // A file that came back may have been acknowledged whole before it was missed.
                let is_back = from == 0 && faults.iter().any(|fault| fault.volume == *number);
                let tail = match (Some(*number) == last, self.vouched && !is_back) {
                    (false, _) => Tail::Synced,
                    (true, true) => Tail::Unacknowledged,
                    (true, false) => Tail::Unknown,
                };
                chunks += self.volume(catalog, *number, from, tail)?;
            }
        }
        Ok(chunks)
    }

    fn volume(&self, catalog: &mut Catalog, number: u32, from: u64, tail: Tail) -> Result<u64> {
        let file = volume_file(number);
        if self.writable {
            // What a killed writer left may not be durable yet; the catalog must not outrun it.
            self.storage.append(&file)?.sync()?;
            self.storage.sync()?;
        }
        let reader = VolumeReader::open(self.storage.as_ref(), &file)?;
        let walked = walk(catalog, reader, number, from, tail)?;
        reach(failpoint::RECOVERY_INDEXED)?;
        if self.writable && tail == Tail::Unacknowledged {
            VolumeWriter::open(self.storage.as_ref(), &file, walked.length)?;
            reach(failpoint::RECOVERY_TRUNCATED)?;
        }
        Ok(walked.chunks)
    }
}

/// Opens the catalog of a store whose lock is held, in step with its volumes.
pub(super) fn open_catalog(
    config: &StoreConfig,
    storage: &Arc<dyn Storage>,
    store: StoreId,
    lengths: &BTreeMap<u32, u64>,
) -> Result<Catalog> {
    let path = config.catalog();
    let opened = Catalog::open(&path, store, config.cache_size)?;
    let Some(mut catalog) = opened else {
        make_catalog(config, storage, store, lengths)?;
        let opened = Catalog::open(&path, store, config.cache_size)?;
        return opened
            .ok_or_else(|| Error::new(ErrorKind::Io, format!("{} vanished", path.display())));
    };
    Recovery { storage, lengths, writable: true, vouched: true }.run(&mut catalog)?;
    Ok(catalog)
}

/// Makes the catalog anew beside its place, and moves it there when it is whole.
fn make_catalog(
    config: &StoreConfig,
    storage: &Arc<dyn Storage>,
    store: StoreId,
    lengths: &BTreeMap<u32, u64>,
) -> Result<u64> {
    let path = config.catalog();
    let fresh = beside(&path, ".new");
    discard(&fresh)?;
    let mut catalog = Catalog::create(&Place::File(fresh.clone()), store, config.cache_size)?;
    let recovery = Recovery { storage, lengths, writable: true, vouched: false };
    let chunks = recovery.run(&mut catalog)?;
    catalog.settle()?;
    drop(catalog);
    if path.exists() {
        let aside = beside(&path, ".set-aside");
        discard(&aside)?;
        rename(&path, &aside)?;
    }
    // A log of the catalog that was here would be taken for one of the new catalog's.
    discard(&path)?;
    rename(&fresh, &path)?;
    Ok(chunks)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Removes a catalog with its log.
fn discard(path: &Path) -> Result<()> {
    for path in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io("removing", &path, cause));
            }
            _ => {}
        }
    }
    Ok(())
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).map_err(|cause| Error::io("renaming", from, cause))
}

/// Makes the catalog of a store anew, from its volumes alone.
pub fn rebuild(config: &StoreConfig) -> Result<Rebuilt> {
    super::open::look_at(config)?;
    let doing = "catalog rebuild";
    let _lock = match lock::acquire(&config.lock(), doing, config.clock.as_ref())? {
        Attempt::Held(lock) => lock,
        Attempt::Busy(error) | Attempt::Unwritable(error) => return Err(error),
    };
    let storage = config.storage();
    let lengths = volumes::lengths(&storage)?;
    let (store, _) = volumes::identify(&storage, &lengths)?;
    let chunks = make_catalog(config, &storage, store, &lengths)?;
    let catalog = Catalog::open(&config.catalog(), store, config.cache_size)?;
    let catalog = catalog.expect("it was just made, under the lock");
    let faults = query::faults(&catalog.connection)?;
    Ok(Rebuilt { volumes: lengths.len() as u64, chunks, faults })
}

//! Brings the catalog into step with the volumes, or makes it anew from them.
//!
//! Runs under the lock, or, where a store cannot be written, on a catalog in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use format::StoreId;

use super::catalog::{Catalog, Place, VolumeRow, query};
use super::config::StoreConfig;
use super::lock::{self, Attempt};
use super::record::Rebuilt;
use super::shelf::Shelf;
use super::volumes;
use super::walk::{Tail, Unindexed, walk};
use crate::failpoint::{self, reach};
use crate::media::{MediumKind, Payloads, Scan, VolumeReader, VolumeWriter, give_up, volume_file};
use crate::{Error, ErrorKind, Result};

/// What a recovery has to know.
pub(super) struct Recovery<'a> {
    pub(super) shelf: &'a Shelf,
    pub(super) lengths: &'a BTreeMap<u32, u64>,
    /// Volumes may be synced and cut.
    pub(super) writable: bool,
    /// The catalog is older than this run, so that it says what was acknowledged.
    pub(super) vouched: bool,
}

/// Whether the catalog knows all that the volume files hold, and nothing else.
pub(super) fn is_in_step(shelf: &Shelf, rows: &[VolumeRow], lengths: &BTreeMap<u32, u64>) -> bool {
    let known: BTreeMap<u32, u64> =
        rows.iter().map(|row| (row.number, row.indexed_length)).collect();
    let known = |number: &u32| known.get(number).copied().unwrap_or(0);
    let is_there = |row: &VolumeRow| row.indexed_length == 0 || lengths.contains_key(&row.number);
    lengths.iter().all(|(number, length)| known(number) == *length)
        && rows.iter().all(|row| is_there(row) || !is_missed(shelf, row))
}

/// A volume that is not there ought to be: a cartridge on a shelf is not missed, and nothing is
/// known of a pool that this machine is not told of.
fn is_missed(shelf: &Shelf, row: &VolumeRow) -> bool {
    let pool = shelf.pool(&row.pool);
    pool.is_ok_and(|pool| shelf.traits(pool).kind == MediumKind::Disk)
}

impl Recovery<'_> {
    /// Indexes what the catalog does not know, and forgets what is lost. Gives chunks found.
    pub(super) fn run(&self, catalog: &mut Catalog) -> Result<u64> {
        let rows = query::volumes(&catalog.connection)?;
        let mut indexing = catalog.begin()?;
        self.shelf.pools().iter().try_for_each(|pool| indexing.know_pool(&pool.name))?;
        for row in &rows {
            let length = self.lengths.get(&row.number).copied();
            let is_away = length.is_none() && !is_missed(self.shelf, row);
            if length.unwrap_or(0) < row.indexed_length && !is_away {
                indexing.cut((row.number, &row.pool), length, row.indexed_length)?;
            }
        }
        indexing.commit()?;
        let last = self.last_of_pools();
        let faults = query::faults(&catalog.connection)?;
        let mut chunks = 0;
        let mut volumes: Vec<_> = self.lengths.iter().collect();
        // The home pool first, as its headers were written first: rows come in the same order.
        volumes.sort_by_key(|(number, _)| (self.shelf.pool_of(**number), **number));
        for (number, length) in volumes {
            let row = rows.iter().find(|row| row.number == *number);
            let from = row.map_or(0, |row| row.indexed_length);
            if *length > from {
                // What came back may have been acknowledged before it was missed.
                let of_volume = || faults.iter().filter(|fault| fault.volume == *number);
                let is_back = of_volume().any(|fault| from == 0 || fault.kind.is_of_absence());
                let can_truncate = self.can_truncate(*number);
                let vouched = self.vouched && !is_back && can_truncate;
                let tail = match (last.contains(number), vouched) {
                    (false, _) => Tail::Synced,
                    (true, true) => Tail::Unacknowledged,
                    (true, false) => Tail::Unknown,
                };
                let volume = Unindexed {
                    number: *number,
                    pool: self.shelf.pool_name(*number),
                    from,
                    tail,
                    closed: row.is_some_and(|row| row.closed),
                    is_back,
                };
                match self.volume(catalog, volume) {
                    Ok(found) => chunks += found,
                    // On a shelf, or in a drive that does not answer: what lies behind was never
                    // acknowledged, and is looked at when the volume is at hand.
                    Err(_) if from > 0 && !self.shelf.is_at_hand(*number) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        if rows.is_empty() {
            let mut indexing = catalog.begin()?;
            indexing.sweep_late()?;
            indexing.commit()?;
        }
        Ok(chunks)
    }

    fn volume(&self, catalog: &mut Catalog, volume: Unindexed<'_>) -> Result<u64> {
        let Unindexed { number, from, tail, .. } = volume;
        let (file, storage) = (volume_file(number), self.shelf.storage(number)?);
        if self.writable {
            // What a killed writer left may not be durable yet; the catalog must not outrun it.
            let mut written = storage.append(&file)?;
            if let Err(error) = written.sync() {
                if tail == Tail::Unacknowledged {
                    give_up(&mut *written, &storage.traits(), from);
                }
                return Err(error);
            }
            storage.sync()?;
        }
        let reader = VolumeReader::open(storage.as_ref(), &file)?;
        // What a later volume vouches for was checked when it was written: its payloads are left to
        // `verify`, so that a rebuild reads headers and tables only.
        let payloads = if tail == Tail::Synced { Payloads::Skip } else { Payloads::Check };
        let scan = Scan::new(reader, from, payloads)?;
        let scan = if self.shelf.is_at_hand(number) { scan.over_bad_sectors() } else { scan };
        let walked = walk(catalog, scan, volume)?;
        reach(failpoint::RECOVERY_INDEXED)?;
        if self.writable && tail == Tail::Unacknowledged {
            VolumeWriter::open(storage.as_ref(), &file, walked.length)?;
            reach(failpoint::RECOVERY_TRUNCATED)?;
        }
        Ok(walked.chunks)
    }

    /// The volumes that may have been written to when their writer was killed.
    fn last_of_pools(&self) -> BTreeSet<u32> {
        let mut last = BTreeMap::new();
        for number in self.lengths.keys() {
            last.insert(self.shelf.pool_of(*number), *number);
        }
        last.into_values().collect()
    }

    fn can_truncate(&self, number: u32) -> bool {
        self.shelf.pool_of(number).is_some_and(|pool| self.shelf.traits(pool).can_truncate)
    }
}

/// Opens the catalog of a store whose lock is held, in step with its volumes.
pub(super) fn open_catalog(
    config: &StoreConfig,
    shelf: &Shelf,
    store: StoreId,
    lengths: &BTreeMap<u32, u64>,
) -> Result<Catalog> {
    let path = config.catalog();
    let opened = Catalog::open(&path, store, config.cache_size)?;
    let Some(mut catalog) = opened else {
        make_catalog(config, shelf, store, lengths)?;
        let opened = Catalog::open(&path, store, config.cache_size)?;
        return opened
            .ok_or_else(|| Error::new(ErrorKind::Io, format!("{} vanished", path.display())));
    };
    Recovery { shelf, lengths, writable: true, vouched: true }.run(&mut catalog)?;
    Ok(catalog)
}

/// Makes the catalog anew beside its place, and moves it there when it is whole.
fn make_catalog(
    config: &StoreConfig,
    shelf: &Shelf,
    store: StoreId,
    lengths: &BTreeMap<u32, u64>,
) -> Result<u64> {
    let path = config.catalog();
    let fresh = beside(&path, ".new");
    discard(&fresh)?;
    let mut catalog = Catalog::create(&Place::File(fresh.clone()), store, config.cache_size)?;
    let recovery = Recovery { shelf, lengths, writable: true, vouched: false };
    let chunks = recovery.run(&mut catalog)?;
    catalog.settle()?;
    drop(catalog);
    reach(failpoint::CATALOG_MADE)?;
    if path.exists() {
        let aside = beside(&path, ".set-aside");
        discard(&aside)?;
        rename(&path, &aside)?;
    }
    reach(failpoint::CATALOG_SET_ASIDE)?;
    // A log of the catalog that was here would be taken for one of the new catalog's.
    discard(&path)?;
    rename(&fresh, &path)?;
    Ok(chunks)
}

pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Removes a catalog with its log.
pub(super) fn discard(path: &Path) -> Result<()> {
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
    let shelf = Shelf::new(config);
    let lengths = shelf.lengths()?;
    let (store, _) = volumes::identify(&shelf, &lengths)?;
    let chunks = make_catalog(config, &shelf, store, &lengths)?;
    let catalog = Catalog::open(&config.catalog(), store, config.cache_size)?;
    let catalog = catalog.expect("it was just made, under the lock");
    let faults = query::faults(&catalog.connection)?;
    Ok(Rebuilt { volumes: lengths.len() as u64, chunks, faults })
}

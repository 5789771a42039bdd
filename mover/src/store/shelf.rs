//! The pools of a store: which there are, and on the medium of which each volume lies.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use super::config::{PoolConfig, StoreConfig};
use crate::media::{
    MediumKind, MediumTraits, Storage, VolumeReader, VolumeWriter, volume_file, volume_number,
};
use crate::{Error, ErrorKind, Result};

/// The pool that every store has, in its own folder: it holds what says which archives there are,
/// and whatever no rule sends elsewhere.
pub const HOME_POOL: &str = "default";

/// A drive that is left alone, since it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedDrive {
    /// The pool's name.
    pub pool: String,
    /// The drive, counted from 0 in the order of the pool's drives.
    pub drive: usize,
    /// How it failed.
    pub cause: String,
}

/// All pools, in the order of their configuration; the home pool is the first.
#[derive(Debug)]
pub(super) struct Shelf {
    pools: Vec<PoolConfig>,
    /// See [`StoreConfig::map`].
    map: BTreeMap<String, Vec<String>>,
    /// The pool of each volume, as of the last look.
    places: RwLock<BTreeMap<u32, usize>>,
}

impl Shelf {
    pub(super) fn new(config: &StoreConfig) -> Arc<Shelf> {
        let home = PoolConfig {
            name: HOME_POOL.to_owned(),
            storage: config.storage(),
            volume_size: config.volume_size,
            streams: 1,
            parity: config.parity,
        };
        let pools = [home].into_iter().chain(config.pools.iter().cloned()).collect();
        Arc::new(Shelf { pools, map: config.map.clone(), places: RwLock::default() })
    }

    /// Bytes of all volumes, by number; of those on a shelf, as they were synced last.
    pub(super) fn lengths(&self) -> Result<BTreeMap<u32, u64>> {
        let (mut lengths, mut places) = (BTreeMap::new(), BTreeMap::new());
        for (at, pool) in self.pools.iter().enumerate() {
            let volumes = pool.storage.list()?;
            for number in volumes.iter().filter_map(|name| volume_number(name)) {
                let file = volume_file(number);
                if let Some(other) = places.insert(number, at) {
                    let (one, two) = (&self.pools[other].name, &pool.name);
                    let message = format!("both pool {one} and pool {two} hold {file}");
                    return Err(Error::new(ErrorKind::Refused, message)
                        .way_out("move one of them away: a store has one volume of each number"));
                }
                lengths.insert(number, pool.storage.length(&file)?);
            }
        }
        *self.places.write().expect("no holder panics") = places;
        Ok(lengths)
    }

    /// The pools on disk, with their places among all: those that parity stands beside.
    pub(super) fn on_disk(&self) -> impl Iterator<Item = (usize, &PoolConfig)> {
        let is_disk = |pool: &PoolConfig| pool.storage.traits().kind == MediumKind::Disk;
        self.pools.iter().enumerate().filter(move |(_, pool)| is_disk(pool))
    }

    /// The place of a pool among all.
    pub(super) fn pool(&self, name: &str) -> Result<usize> {
        self.pools.iter().position(|pool| pool.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.pools.iter().map(|pool| pool.name.as_str()).collect();
            Error::new(ErrorKind::Missing, format!("the store has no pool {name} at hand")).way_out(
                format!(
                    "it has {}; mount the disk of the pool, or add it by a policy",
                    known.join(", ")
                ),
            )
        })
    }

    /// The pools that chunks come to which a source sends to pools of these names, in their order;
    /// none is the home pool.
    pub(super) fn pools_for<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<usize>> {
        let mut names: Vec<&str> = names.into_iter().collect();
        if names.is_empty() {
            names.push(HOME_POOL);
        }
        let mut pools = Vec::new();
        for name in names {
            let instead = self.map.get(name).into_iter().flatten().map(String::as_str);
            let here: Vec<&str> = match self.map.contains_key(name) {
                true => instead.collect(),
                false => vec![name],
            };
            for name in here {
                let pool = self.pool(name)?;
                if !pools.contains(&pool) {
                    pools.push(pool);
                }
            }
        }
        Ok(pools)
    }

    pub(super) fn pools(&self) -> &[PoolConfig] {
        &self.pools
    }

    pub(super) fn name(&self, pool: usize) -> &str {
        &self.pools[pool].name
    }

    pub(super) fn traits(&self, pool: usize) -> MediumTraits {
        self.pools[pool].storage.traits()
    }

    /// The pool of a volume.
    pub(super) fn pool_of(&self, volume: u32) -> Option<usize> {
        self.places.read().expect("no holder panics").get(&volume).copied()
    }

    /// The name of a volume's pool; that of the home pool where it is on none that is known.
    pub(super) fn pool_name(&self, volume: u32) -> &str {
        self.pool_of(volume).map_or(HOME_POOL, |pool| self.name(pool))
    }

    /// Reading it needs nothing to be fetched.
    pub(super) fn is_at_hand(&self, volume: u32) -> bool {
        self.pool_of(volume).is_some_and(|pool| self.traits(pool).kind == MediumKind::Disk)
    }

    /// What a volume lies on.
    pub(super) fn kind(&self, volume: u32) -> MediumKind {
        self.pool_of(volume).map_or(MediumKind::Disk, |pool| self.traits(pool).kind)
    }

    /// How many volumes of the pool of one can be read at once.
    pub(super) fn drive_count(&self, volume: u32) -> u16 {
        let drives = self.pool_of(volume).map_or(1, |pool| self.pools[pool].storage.drive_count());
        u16::try_from(drives).unwrap_or(u16::MAX)
    }

    /// The drives of all pools that failed, and are left alone.
    pub(super) fn failed_drives(&self) -> Vec<FailedDrive> {
        let of_pool = |pool: &PoolConfig| {
            let named = |(drive, cause)| FailedDrive { pool: pool.name.clone(), drive, cause };
            pool.storage.failed_drives().into_iter().map(named).collect::<Vec<_>>()
        };
        self.pools.iter().flat_map(of_pool).collect()
    }

    /// Passes over volumes that were gone through.
    pub(super) fn passes(&self) -> Vec<(u32, u64)> {
        let places = self.places.read().expect("no holder panics");
        let passes = places.iter().map(|(volume, pool)| {
            (*volume, self.pools[*pool].storage.passes(&volume_file(*volume)))
        });
        passes.filter(|(_, passes)| *passes > 0).collect()
    }

    /// How far away a volume is; less is nearer.
    pub(super) fn reach(&self, volume: u32) -> u8 {
        match self.pool_of(volume).map(|pool| self.traits(pool).kind) {
            Some(MediumKind::Disk) => 0,
            Some(MediumKind::Object) => 1,
            Some(MediumKind::Optical) => 2,
            Some(MediumKind::Tape) => 3,
            None => 4,
        }
    }

    pub(super) fn storage(&self, volume: u32) -> Result<&Arc<dyn Storage>> {
        if self.pool_of(volume).is_none() {
            // A writer beside this reader may have made it since.
            self.lengths()?;
        }
        let pool = self.pool_of(volume).ok_or_else(|| {
            let message = format!("no pool holds {}", volume_file(volume));
            Error::new(ErrorKind::Missing, message)
        })?;
        Ok(&self.pools[pool].storage)
    }

    pub(super) fn reader(&self, volume: u32) -> Result<VolumeReader> {
        VolumeReader::open(self.storage(volume)?.as_ref(), &volume_file(volume))
    }

    /// Makes a volume, or goes on with one that a crash left empty.
    pub(super) fn create(&self, pool: usize, volume: u32) -> Result<VolumeWriter> {
        let storage = self.pools[pool].storage.as_ref();
        let file = volume_file(volume);
        let writer = match storage.list()?.contains(&file) {
            true => VolumeWriter::open(storage, &file, 0)?,
            false => VolumeWriter::create(storage, &file)?,
        };
        self.places.write().expect("no holder panics").insert(volume, pool);
        Ok(writer)
    }
}

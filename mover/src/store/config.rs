//! Where a store is, and how it is written.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::ambient::{Clock, Random, SystemClock, SystemRandom};
use crate::media::{DiskStorage, Parity, Storage};

/// A pool beside the home pool.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Its name, by which rules and chunks' contexts call it.
    pub name: String,
    /// Its media.
    pub storage: Arc<dyn Storage>,
    /// Bytes at which a volume ends, if its medium does not end before.
    pub volume_size: u64,
    /// Volumes that are written at once, at most; never more than there are drives.
    pub streams: usize,
    /// Files of parity beside the volumes.
    pub parity: Option<Parity>,
}

/// What may be appended between two commits: what a power loss can take, of which nothing was
/// acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct CommitWindow {
    /// Bytes, about.
    pub bytes: u64,
    /// Time, where anything was appended.
    pub interval: Duration,
}

/// Where a store is, and how it is written.
#[derive(Clone)]
pub struct StoreConfig {
    /// The store's folder.
    pub path: PathBuf,
    /// Bytes at which a volume ends; a single chunk that is larger gets a volume of its own.
    pub volume_size: u64,
    /// When a commit is due.
    pub window: CommitWindow,
    /// When it is due where a tape is written: a drive that has to write out all that it holds
    /// stops, and takes its time to stream again.
    pub tape_window: CommitWindow,
    /// Bytes of catalog that each connection keeps in memory, at most.
    pub cache_size: u64,
    /// What the volumes of the home pool lie on; none is the folder `volumes` of the store.
    pub storage: Option<Arc<dyn Storage>>,
    /// The parity of the home pool.
    pub parity: Option<Parity>,
    /// The pools beside the home pool.
    pub pools: Vec<PoolConfig>,
    /// The store's own storage map: by the name of a pool that a source sends chunks to, where they
    /// go instead. What it does not name goes to the pool of that name.
    pub map: BTreeMap<String, Vec<String>>,
    /// Tells when a commit is due.
    pub clock: Arc<dyn Clock>,
    /// Makes a new store's identity.
    pub random: Arc<dyn Random>,
}

impl StoreConfig {
    /// Every default.
    pub fn new(path: impl Into<PathBuf>) -> StoreConfig {
        StoreConfig {
            path: path.into(),
            volume_size: 1 << 30,
            window: CommitWindow { bytes: 64 << 20, interval: Duration::from_secs(5) },
            tape_window: CommitWindow { bytes: 2 << 30, interval: Duration::from_secs(60) },
            cache_size: 16 << 20,
            storage: None,
            parity: None,
            pools: Vec::new(),
            map: BTreeMap::new(),
            clock: Arc::new(SystemClock::start()),
            random: Arc::new(SystemRandom),
        }
    }

    pub(super) fn storage(&self) -> Arc<dyn Storage> {
        let folder = || -> Arc<dyn Storage> { Arc::new(DiskStorage::new(self.volumes())) };
        self.storage.clone().unwrap_or_else(folder)
    }

    pub(super) fn volumes(&self) -> PathBuf {
        self.path.join("volumes")
    }

    pub(super) fn catalog(&self) -> PathBuf {
        self.path.join("catalog.sqlite")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }
}

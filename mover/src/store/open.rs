//! Makes a store, and opens one for reading.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use format::{FrameKind, KeyGroup, StoreId};

use super::catalog::{Catalog, Connections, Place, query};
use super::change::Change;
use super::config::StoreConfig;
use super::lock::{self, Attempt};
use super::overlay::Overlay;
use super::record::Fault;
use super::recovery::{Recovery, is_in_step, open_catalog};
use super::shelf::{HOME_POOL, Shelf};
use super::volumes;
use super::writer::label;
use crate::ambient::random_bytes;
use crate::media::{FrameParts, VolumeReader, VolumeWriter, volume_file, volume_number};
use crate::{Error, ErrorKind, Result, durable};

/// A store that is read, by any number of threads. It sees what is committed; only
/// [`Store::lookup_blocks`] of a writer's store also sees what was appended since.
#[derive(Debug)]
pub struct Store {
    pub(super) id: StoreId,
    pub(super) path: PathBuf,
    pub(super) shelf: Arc<Shelf>,
    pub(super) connections: Connections,
    pub(super) readers: Mutex<HashMap<u32, VolumeReader>>,
    pub(super) overlay: RwLock<Overlay>,
    /// What was wrong with labels when the store was opened.
    pub(super) label_faults: Vec<Fault>,
}

impl Store {
    /// Makes a store in a folder that is empty or not there.
    pub fn create(config: &StoreConfig, group: &KeyGroup) -> Result<StoreId> {
        let path = &config.path;
        let failed = |cause: std::io::Error| Error::io("making store", path, cause);
        std::fs::create_dir_all(path).map_err(failed)?;
        if std::fs::read_dir(path).map_err(failed)?.next().is_some() {
            let message = format!("{} is not empty", path.display());
            return Err(Error::new(ErrorKind::Exists, message)
                .way_out("name a folder that is empty or does not exist"));
        }
        let _lock = match lock::acquire(&config.lock(), "init", config.clock.as_ref())? {
            Attempt::Held(lock) => lock,
            Attempt::Busy(error) | Attempt::Unwritable(error) => return Err(error),
        };
        std::fs::create_dir(config.volumes()).map_err(failed)?;
        durable::sync_folder(path)?;
        durable::sync_folder(&parent(path))?;
        let id = StoreId(random_bytes(config.random.as_ref()));
        let storage = config.storage();
        let mut volume = VolumeWriter::create(storage.as_ref(), &volume_file(1))?;
        let mut body = Vec::new();
        group.encode(&mut body);
        let label = label(id, 1, config.clock.now(), HOME_POOL);
        let parts = |kind, body| FrameParts { kind, body, payload: &[] };
        let frames = [parts(FrameKind::VolumeLabel, &label), parts(FrameKind::KeyGroup, &body)];
        volume.append(&frames, u64::MAX)?.expect("nothing passes the largest offset");
        volume.sync()?;
        let place = Place::File(config.catalog());
        let mut catalog = Catalog::create(&place, id, config.cache_size)?;
        let mut indexing = catalog.begin()?;
        indexing.apply(&Change::Group(group.clone()))?;
        indexing.volume(1, HOME_POOL, volume.length(), false)?;
        indexing.commit()?;
        Ok(id)
    }

    /// Opens a store for reading, beside its writer where there is one.
    pub fn open(config: &StoreConfig) -> Result<Store> {
        look_at(config)?;
        let shelf = Shelf::new(config);
        let lengths = shelf.lengths()?;
        let (id, label_faults) = volumes::identify(&shelf, &lengths)?;
        let connections = readable(config, &shelf, id, &lengths)?;
        Ok(Store::new(config, shelf, id, connections, label_faults))
    }

    pub(super) fn new(
        config: &StoreConfig,
        shelf: Arc<Shelf>,
        id: StoreId,
        connections: Connections,
        label_faults: Vec<Fault>,
    ) -> Store {
        let path = config.path.clone();
        let (readers, overlay) = (Mutex::default(), RwLock::default());
        Store { id, path, shelf, connections, readers, overlay, label_faults }
    }
}

/// A catalog in step with the volumes, as good as it can be had.
fn readable(
    config: &StoreConfig,
    shelf: &Arc<Shelf>,
    id: StoreId,
    lengths: &BTreeMap<u32, u64>,
) -> Result<Connections> {
    let (path, cache_size) = (config.catalog(), config.cache_size);
    if let Some(known) = Connections::open(&path, id, cache_size) {
        if is_in_step(shelf, &known.with(query::volumes)?, lengths) {
            return Ok(known);
        }
        return match lock::acquire(&config.lock(), lock::RECOVERY, config.clock.as_ref())? {
            // The lengths may be those of a moment ago: now nobody writes.
            Attempt::Held(_lock) => match recovered(config, shelf, id) {
                // What was acknowledged is in the catalog as it is; the rest can wait for room.
                Err(error) if error.kind() == ErrorKind::Full => Ok(known),
                recovered => recovered,
            },
            // The writer is ahead of what it has committed, as it should be.
            Attempt::Busy(_) => Ok(known),
            Attempt::Unwritable(_) => in_memory(config, shelf, id, lengths),
        };
    }
    match lock::acquire(&config.lock(), lock::RECOVERY, config.clock.as_ref())? {
        Attempt::Held(_lock) => recovered(config, shelf, id),
        Attempt::Busy(error) => Err(error.way_out("its catalog is being made; try again later")),
        Attempt::Unwritable(_) => in_memory(config, shelf, id, lengths),
    }
}

fn recovered(config: &StoreConfig, shelf: &Shelf, id: StoreId) -> Result<Connections> {
    let lengths = shelf.lengths()?;
    drop(open_catalog(config, shelf, id, &lengths)?);
    Ok(Connections::new(Place::File(config.catalog()), config.cache_size))
}

pub(super) fn in_memory(
    config: &StoreConfig,
    shelf: &Shelf,
    store: StoreId,
    lengths: &BTreeMap<u32, u64>,
) -> Result<Connections> {
    // Each has a name of its own: the name alone is what its connections share.
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let place = Place::Memory(format!("mover-{}-{count}", std::process::id()));
    let mut catalog = Catalog::create(&place, store, config.cache_size)?;
    Recovery { shelf, lengths, writable: false, vouched: false }.run(&mut catalog)?;
    Ok(Connections::memory(place, config.cache_size, catalog))
}

/// Refuses what is no store, and says what it is instead.
pub(super) fn look_at(config: &StoreConfig) -> Result<()> {
    let path = config.path.display();
    match std::fs::metadata(&config.path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => {
            return Err(Error::new(ErrorKind::Refused, format!("{path} is a file, no store"))
                .way_out("check the path: a store is a folder"));
        }
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::new(ErrorKind::Missing, format!("no store at {path}"))
                .way_out(format!("check the path; `mover init {path}` makes a new one")));
        }
        Err(cause) => return Err(Error::io("opening store", &config.path, cause)),
    }
    let no_store = || {
        Error::new(ErrorKind::Refused, format!("{path} is a folder, but no store"))
            .way_out("check the path, or make a store in a new folder: mover init DIR")
    };
    if config.storage.is_none() && !config.volumes().is_dir() {
        return Err(no_store());
    }
    let is_volume = |name: &String| volume_number(name).is_some();
    if config.storage().list()?.iter().any(is_volume) {
        return Ok(());
    }
    for pool in &config.pools {
        // The home pool is lost; the others are enough.
        if pool.storage.list()?.iter().any(is_volume) {
            return Ok(());
        }
    }
    Err(no_store())
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

//! The one writer of a store: appends frames, and commits them.

// In suggested reading order.
mod piece;
mod begun;
mod lane;
mod volume;
mod append;
mod commit;
mod copy;
mod remove;
mod mend;
mod protect;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::catalog::{Catalog, Connections, Place, query};
use super::config::StoreConfig;
use super::lock::{self, Attempt, Lock};
use super::open::{Store, look_at};
use super::parity::Witness;
use super::record::Acknowledged;
use super::recovery::open_catalog;
use super::shelf::Shelf;
use super::volumes;
use crate::{Error, ErrorKind, Result};

use begun::BegunSession;
use lane::{HOME, Lane, PoolState};
pub(super) use piece::label;
pub use protect::{Healed, Protected, Step};

/// Writes to a store. Everything that a [`Store`] answers, it answers too.
///
/// Dropping it without a commit loses only what was not acknowledged. After a failed write it
/// refuses everything: what reached the volume is found when the store is opened again.
pub struct StoreWriter {
    store: Arc<Store>,
    catalog: Catalog,
    config: StoreConfig,
    /// The command, for others that want to write.
    doing: String,
    /// Drives that had failed when this writer was opened.
    failed_drive_count: usize,
    _lock: Lock,
    /// Those of all pools.
    lanes: Vec<Lane>,
    /// As the shelf counts them.
    pools: Vec<PoolState>,
    /// The number of the next volume to be made, in whatever pool.
    next_number: u32,
    sessions: Vec<BegunSession>,
    /// Frames of the key groups' latest revisions: bodies, in order of first appearance.
    groups: Vec<Vec<u8>>,
    appended: Acknowledged,
    acknowledged: Acknowledged,
    /// When the first of what is not committed was appended.
    waiting_since: Option<Duration>,
    failure: Option<(ErrorKind, String)>,
}

impl StoreWriter {
    /// Takes the lock and recovers what an earlier writer left. `doing` is the command, which a
    /// refusal to others names.
    pub fn open(config: &StoreConfig, doing: &str) -> Result<StoreWriter> {
        look_at(config)?;
        let lock = match lock::acquire(&config.lock(), doing, config.clock.as_ref())? {
            Attempt::Held(lock) => lock,
            Attempt::Busy(error) | Attempt::Unwritable(error) => return Err(error),
        };
        let shelf = Shelf::new(config);
        let lengths = shelf.lengths()?;
        let (id, label_faults) = volumes::identify(&shelf, &lengths)?;
        let mut catalog = open_catalog(config, &shelf, id, &lengths)?;
        let witness = Witness::of(&shelf, id)?;
        witness.close_cut(&mut catalog, &shelf)?;
        let rows = query::volumes(&catalog.connection)?;
        let failed_drive_count = shelf.failed_drives().len();
        let (lanes, pools) = lane::lanes(&shelf, &rows, &lengths);
        let last_file = lengths.keys().next_back().copied().unwrap_or(0);
        let last_row = rows.iter().map(|row| row.number).max().unwrap_or(0);
        let next_number = last_file.max(last_row).max(witness.last_number) + 1;
        let groups = query::groups(&catalog.connection)?.iter().map(piece::group).collect();
        let connections = Connections::new(Place::File(config.catalog()), config.cache_size);
        Ok(StoreWriter {
            store: Arc::new(Store::new(config, shelf, id, connections, label_faults)),
            catalog,
            config: config.clone(),
            doing: doing.to_owned(),
            failed_drive_count,
            _lock: lock,
            lanes,
            pools,
            next_number,
            sessions: Vec::new(),
            groups,
            appended: Acknowledged::default(),
            acknowledged: Acknowledged::default(),
            waiting_since: None,
            failure: None,
        })
    }

    /// The same store, opened anew without the drives that failed since this writer was opened;
    /// none where none did. What was not acknowledged is lost, as with any writer that is dropped.
    pub fn without_failed_drives(self) -> Result<Option<StoreWriter>> {
        if self.store.failed_drives().len() == self.failed_drive_count {
            return Ok(None);
        }
        let (config, doing) = (self.config.clone(), self.doing.clone());
        drop(self);
        StoreWriter::open(&config, &doing).map(Some)
    }

    /// The store, for lookups and reads on other threads.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    /// What is durable and indexed of what this writer appended.
    pub fn acknowledged(&self) -> Acknowledged {
        self.acknowledged
    }

    /// Hands what was appended to the operating system: a kill of this process cannot take it any
    /// more, a power loss can.
    pub fn write_out(&mut self) -> Result<()> {
        self.healthy()?;
        let mut open = self.lanes.iter_mut().filter_map(|lane| lane.volume.as_mut());
        let written = open.try_for_each(|volume| volume.writer.write_out());
        written.map_err(|error| self.poison(error))
    }

    /// Forgets a session that was begun and will not be ended here, so that it can be begun again.
    pub fn abandon_session(&mut self, session: &format::SessionId) {
        self.sessions.retain(|begun| begun.header.session != *session);
    }

    fn healthy(&self) -> Result<()> {
        match &self.failure {
            Some((kind, message)) => {
                let store = self.store.path.display();
                let message = format!("store {store} is no longer written since {message}");
                Err(Error::new(*kind, message).way_out("run the same command again"))
            }
            None => Ok(()),
        }
    }

    /// Keeps the first failure: nothing is written after it.
    fn poison(&mut self, error: Error) -> Error {
        let open = self.lanes.iter().filter_map(|lane| lane.volume.as_ref());
        let numbers: Vec<String> = open.map(|volume| format!("{:08}", volume.number)).collect();
        let numbers = match &numbers[..] {
            [] => format!("{:08}", self.next_number),
            numbers => numbers.join(", "),
        };
        self.poison_by(&format!("volume {numbers}"), error)
    }

    /// The same for a failure of one pool.
    fn poison_in(&mut self, pool: usize, error: Error) -> Error {
        match pool {
            HOME => self.poison(error),
            pool => self.poison_by(&format!("pool {}", self.store.shelf.name(pool)), error),
        }
    }

    fn poison_by(&mut self, place: &str, error: Error) -> Error {
        let bytes = self.appended.bytes - self.acknowledged.bytes;
        let what = match error.kind() {
            ErrorKind::Full => "no room while writing",
            _ => "a failure while writing",
        };
        let message = format!("{what} {place}: {bytes} bytes were not acknowledged");
        self.failure = Some((error.kind(), message.clone()));
        let way_out = match (error.hint(), error.kind()) {
            (Some(hint), _) => hint.to_owned(),
            (None, ErrorKind::Full) => "free some space and run the same command again".to_owned(),
            (None, _) => "run the same command again".to_owned(),
        };
        Error::new(error.kind(), message).because(error).way_out(way_out)
    }
}

impl Deref for StoreWriter {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

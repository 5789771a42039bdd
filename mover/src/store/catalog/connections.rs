//! Connections to the catalog: where it is, and a few idle ones for readers on any thread.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use format::StoreId;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{Catalog, failed, schema};
use crate::{Error, ErrorKind, Result};

/// Idle connections that are kept; each holds its cache.
const IDLE_MAX: usize = 4;
/// Statements that each connection keeps prepared: more than there are here.
const STATEMENT_COUNT: usize = 64;
/// Readers and the writer hardly ever wait for each other; a checkpoint is the exception.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a catalog is.
#[derive(Clone, Debug)]
pub(in crate::store) enum Place {
    /// In a file, with its log beside it.
    File(PathBuf),
    /// In a file that nobody can write: on a read-only mount.
    Immutable(PathBuf),
    /// In memory, under a name, for as long as a connection is open.
    Memory(String),
}

impl Place {
    pub(super) fn connect(&self, flags: OpenFlags, cache_size: u64) -> Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connecting = || -> rusqlite::Result<Connection> {
            let connection = match self {
                Place::File(path) => Connection::open_with_flags(path, flags | access(flags))?,
                Place::Immutable(path) => Connection::open_with_flags(
                    format!("file:{}?immutable=1", escape(path)),
                    OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
                )?,
                Place::Memory(name) => Connection::open_with_flags(
                    format!("file:{name}?mode=memory&cache=shared"),
                    flags | OpenFlags::SQLITE_OPEN_READ_WRITE,
                )?,
            };
            // Else every lookup is prepared anew, in case its values call for another plan.
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.set_prepared_statement_cache_capacity(STATEMENT_COUNT);
            let kibibytes = i64::try_from(cache_size >> 10).unwrap_or(i64::MAX).max(64);
            connection.pragma_update(None, "cache_size", -kibibytes)?;
            if matches!(self, Place::File(_)) && access(flags).contains(WRITABLE) {
                connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
                // Recovery cuts off what the catalog says was never acknowledged: so it must not
                // forget a commit in a power loss. One sync more for each commit is cheap.
                connection.pragma_update(None, "synchronous", "FULL")?;
            }
            Ok(connection)
        };
        connecting().map_err(|cause| failed("opening the catalog", cause))
    }
}

const WRITABLE: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE;

/// Creating takes writing; what does not ask for writing reads.
fn access(flags: OpenFlags) -> OpenFlags {
    match flags.intersects(WRITABLE | OpenFlags::SQLITE_OPEN_CREATE) {
        true => WRITABLE,
        false => OpenFlags::SQLITE_OPEN_READ_ONLY,
    }
}

fn escape(path: &Path) -> String {
    let mut escaped = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => escaped.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => escaped.push(char::from(*byte)),
            byte => write!(escaped, "%{byte:02X}").expect("writing to a string"),
        }
    }
    escaped
}

/// Reading connections.
#[derive(Debug)]
pub(in crate::store) struct Connections {
    place: Place,
    cache_size: u64,
    idle: Mutex<Vec<Connection>>,
    /// What keeps a catalog in memory there.
    _kept: Mutex<Option<Catalog>>,
}

impl Connections {
    /// Opens a catalog that is known to be there.
    pub(in crate::store) fn new(place: Place, cache_size: u64) -> Connections {
        Connections { place, cache_size, idle: Mutex::default(), _kept: Mutex::default() }
    }

    /// Reads a catalog in memory.
    pub(in crate::store) fn memory(place: Place, cache_size: u64, catalog: Catalog) -> Connections {
        Connections { place, cache_size, idle: Mutex::default(), _kept: Mutex::new(Some(catalog)) }
    }

    /// Opens the catalog of a store, if there is one that can be read.
    pub(in crate::store) fn open(
        path: &Path,
        store: StoreId,
        cache_size: u64,
    ) -> Option<Connections> {
        if !path.exists() {
            return None;
        }
        let mut places = vec![Place::File(path.to_owned())];
        // Without a log the file is all of it; with one, it is not, and must not be read alone.
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        if !std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) && is_read_only(path) {
            places.push(Place::Immutable(path.to_owned()));
        }
        places.into_iter().map(|place| Connections::new(place, cache_size)).find(|pool| {
            let known = pool.with(|connection| schema::is_known(connection, store));
            known.unwrap_or(false)
        })
    }

    /// Lends a connection.
    pub(in crate::store) fn with<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let idle = self.idle.lock().expect("no holder panics").pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.place.connect(OpenFlags::empty(), self.cache_size)?,
        };
        let done = work(&connection);
        // One that failed is not lent again: it may be the reason.
        if done.as_ref().err().map(Error::kind) != Some(ErrorKind::Io) {
            let mut idle = self.idle.lock().expect("no holder panics");
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
        }
        done
    }
}

/// Whether the folder refuses a new file, so that nobody here can be writing to the catalog.
fn is_read_only(path: &Path) -> bool {
    use rustix::fs::{Access, access};
    path.parent().is_some_and(|folder| access(folder, Access::WRITE_OK).is_err())
}

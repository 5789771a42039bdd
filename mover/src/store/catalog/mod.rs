//! The catalog: a SQLite file that says where everything lies. A cache; the volumes are the truth.

// In suggested reading order.
mod schema;
mod connections;
pub(super) mod query;
mod indexing;
mod cut;

use std::path::Path;

use format::{ChunkId, ChunkKind, StoreId, StreamNumber};
use rusqlite::{Connection, OpenFlags};

pub(super) use connections::{Connections, Place};
pub(super) use indexing::Indexing;
pub(super) use query::VolumeRow;

use crate::{Error, ErrorKind, Result};

/// The writer's connection.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) connection: Connection,
}

impl Catalog {
    /// Makes an empty catalog.
    pub(super) fn create(place: &Place, store: StoreId, cache_size: u64) -> Result<Catalog> {
        let connection = place.connect(OpenFlags::SQLITE_OPEN_CREATE, cache_size)?;
        let making = || -> rusqlite::Result<()> {
            connection.execute_batch(schema::TABLES)?;
            connection.execute("INSERT INTO store (id) VALUES (?1)", [&store.0[..]])?;
            connection.pragma_update(None, "user_version", schema::VERSION)
        };
        making().map_err(|cause| failed("making the catalog", cause))?;
        Ok(Catalog { connection })
    }

    /// Opens a catalog of this store and of this schema; none where it is anything else.
    pub(super) fn open(path: &Path, store: StoreId, cache_size: u64) -> Result<Option<Catalog>> {
        if !path.exists() {
            return Ok(None);
        }
        let place = Place::File(path.to_owned());
        let opened = place.connect(OpenFlags::SQLITE_OPEN_READ_WRITE, cache_size);
        let known = opened.and_then(|connection| {
            let known = schema::is_known(&connection, store)?;
            Ok(known.then_some(Catalog { connection }))
        });
        match known {
            Err(error) if error.kind() == ErrorKind::Damaged => Ok(None),
            known => known,
        }
    }

    /// Begins a transaction; dropping it undoes everything.
    pub(super) fn begin(&mut self) -> Result<Indexing<'_>> {
        let transaction = self.connection.transaction();
        Ok(Indexing::new(transaction.map_err(|cause| failed("writing the catalog", cause))?))
    }

    /// Empties the log into the file, so that the file alone is all of it.
    pub(super) fn settle(&self) -> Result<()> {
        let settled = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        settled.map_err(|cause| failed("writing the catalog", cause))
    }
}

/// An error of SQLite, by the decision that it calls for.
pub(super) fn failed(doing: &str, cause: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let kind = match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ErrorKind::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ErrorKind::Damaged,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ErrorKind::Busy,
        _ => ErrorKind::Io,
    };
    let error = Error::new(kind, doing).because(cause);
    match kind {
        ErrorKind::Damaged => error.way_out("run `mover catalog rebuild`: the volumes are enough"),
        _ => error,
    }
}

/// Bytes of the catalog that are not what was put there.
fn unreadable(cause: format::Error) -> Error {
    Error::new(ErrorKind::Damaged, "reading the catalog")
        .because(cause)
        .way_out("run `mover catalog rebuild`: the volumes are enough")
}

/// A chunk's address in columns; `archive` is interned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct ChunkKey {
    archive: i64,
    stream: i64,
    number: i64,
}

impl ChunkKey {
    fn new(archive: i64, chunk: &ChunkId) -> ChunkKey {
        ChunkKey { archive, stream: stream_column(chunk.stream), number: chunk.number as i64 }
    }
}

/// Signed, so that the index stream, the highest of all, takes one byte of SQLite's.
fn stream_column(stream: StreamNumber) -> i64 {
    i64::from(stream.0.cast_signed())
}

fn stream_of(column: i64) -> StreamNumber {
    StreamNumber(u32::try_from(column & 0xffff_ffff).expect("masked"))
}

fn kind_of(column: i64) -> ChunkKind {
    match column {
        2 => ChunkKind::IndexPage,
        3 => ChunkKind::IndexRoot,
        _ => ChunkKind::Data,
    }
}

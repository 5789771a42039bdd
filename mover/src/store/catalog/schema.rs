//! The tables. Identities of 16 bytes are interned as small integers, in order of appearance.

use format::StoreId;
use rusqlite::Connection;

use super::failed;
use crate::Result;

/// Counts changes of the tables: a catalog of any other version is made anew from the volumes.
pub(super) const VERSION: i64 = 2;

/// Numbers that can pass `i64` keep their bits and turn negative. A chunk may lie on several
/// volumes, as a copy or while it is moved; a block is known once in each pool.
pub(super) const TABLES: &str = "
CREATE TABLE store (id BLOB NOT NULL) STRICT;
CREATE TABLE pools (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE volumes (
    number INTEGER PRIMARY KEY, pool INTEGER NOT NULL, indexed_length INTEGER NOT NULL,
    closed INTEGER NOT NULL
) STRICT;
CREATE TABLE key_groups (
    id INTEGER PRIMARY KEY, key_group BLOB NOT NULL UNIQUE, revision INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE components (
    digest BLOB NOT NULL, volume INTEGER NOT NULL, offset INTEGER NOT NULL,
    length INTEGER NOT NULL, PRIMARY KEY (digest, volume)
) STRICT, WITHOUT ROWID;
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, session BLOB NOT NULL UNIQUE, header BLOB,
    ended_seconds INTEGER, ended_nanoseconds INTEGER, status INTEGER
) STRICT;
CREATE TABLE archives (
    id INTEGER PRIMARY KEY, archive BLOB NOT NULL UNIQUE, header BLOB,
    footer BLOB, footer_lists BLOB, dropped_seconds INTEGER, dropped_nanoseconds INTEGER,
    stored_length INTEGER NOT NULL DEFAULT 0, chunk_count INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE archive_sessions (
    archive INTEGER NOT NULL, session INTEGER NOT NULL, PRIMARY KEY (archive, session)
) STRICT, WITHOUT ROWID;
CREATE TABLE chunks (
    archive INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,
    volume INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    footer_length INTEGER NOT NULL, kind INTEGER NOT NULL, session INTEGER NOT NULL,
    PRIMARY KEY (archive, stream, number, volume)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX chunks_by_place ON chunks (volume, offset);
CREATE TABLE runs (
    archive INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (archive, stream, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE blocks (
    identity BLOB NOT NULL, pool INTEGER NOT NULL, archive INTEGER NOT NULL,
    stream INTEGER NOT NULL, number INTEGER NOT NULL, ordinal INTEGER NOT NULL,
    length INTEGER NOT NULL, PRIMARY KEY (identity, pool)
) STRICT, WITHOUT ROWID;
CREATE TABLE faults (
    volume INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    kind INTEGER NOT NULL, PRIMARY KEY (volume, offset)
) STRICT, WITHOUT ROWID;
";

/// Whether these are the tables above, and of this store.
pub(super) fn is_known(connection: &Connection, store: StoreId) -> Result<bool> {
    let reading = |cause| failed("reading the catalog", cause);
    let version: i64 =
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(reading)?;
    if version != VERSION {
        return Ok(false);
    }
    let id: Vec<u8> =
        connection.query_row("SELECT id FROM store", [], |row| row.get(0)).map_err(reading)?;
    Ok(id == store.0)
}

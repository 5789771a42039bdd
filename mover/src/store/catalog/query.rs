//! Questions to the catalog.

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, BlockIdentity, ChunkId, ChunkRange, Digest, Framing,
    KeyGroup, RunHeader, SessionHeader, SessionId, SessionStatus, StreamNumber, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{ChunkKey, failed, kind_of, stream_column, stream_of, unreadable};
use crate::Result;
use crate::store::record::{
    ArchiveRecord, BlockPlace, ChunkPlace, Fault, FaultKind, SessionRecord, StreamEnd,
};

/// A volume, as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct VolumeRow {
    pub(in crate::store) number: u32,
    pub(in crate::store) pool: String,
    pub(in crate::store) indexed_length: u64,
    pub(in crate::store) closed: bool,
}

/// Columns and joins of a chunk's place, in the order that `chunk_place` reads.
const PLACE: &str = "
    SELECT archives.archive, chunks.stream, chunks.number, sessions.session, chunks.volume,
           chunks.offset, chunks.length, chunks.footer_length, chunks.kind
    FROM chunks JOIN archives ON archives.id = chunks.archive
                JOIN sessions ON sessions.id = chunks.session";

fn all<T>(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let query = || connection.prepare_cached(statement)?.query_map(values, read)?.collect();
    let rows: rusqlite::Result<Vec<T>> = query();
    rows.map_err(|cause| failed("reading the catalog", cause))
}

fn one<T>(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    let query = || connection.prepare_cached(statement)?.query_row(values, read).optional();
    query().map_err(|cause| failed("reading the catalog", cause))
}

pub(in crate::store) fn volumes(connection: &Connection) -> Result<Vec<VolumeRow>> {
    let statement = "SELECT number, indexed_length, closed, pools.name FROM volumes
        JOIN pools ON pools.id = volumes.pool ORDER BY number";
    all(connection, statement, [], |row| {
        Ok(VolumeRow {
            number: row.get(0)?,
            indexed_length: row.get::<_, i64>(1)? as u64,
            closed: row.get(2)?,
            pool: row.get(3)?,
        })
    })
}

pub(in crate::store) fn chunk_count(connection: &Connection, volume: u32) -> Result<u64> {
    let statement = "SELECT count(*) FROM chunks WHERE volume = ?1";
    let count: Option<i64> = one(connection, statement, [volume], |row| row.get(0))?;
    Ok(count.unwrap_or(0) as u64)
}

pub(in crate::store) fn faults(connection: &Connection) -> Result<Vec<Fault>> {
    let statement = "SELECT volume, offset, length, kind FROM faults ORDER BY volume, offset";
    all(connection, statement, [], |row| {
        let kind = match row.get(3)? {
            2 => FaultKind::Torn,
            3 => FaultKind::Cut,
            4 => FaultKind::Missing,
            5 => FaultKind::Unacknowledged,
            6 => FaultKind::Unreadable,
            _ => FaultKind::Damaged,
        };
        let (offset, length) = (row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64);
        Ok(Fault { volume: row.get(0)?, offset, length, kind })
    })
}

pub(in crate::store) fn groups(connection: &Connection) -> Result<Vec<KeyGroup>> {
    let statement = "SELECT body FROM key_groups ORDER BY id";
    let bodies: Vec<Vec<u8>> = all(connection, statement, [], |row| row.get(0))?;
    bodies.iter().map(|body| KeyGroup::decode(body).map_err(unreadable)).collect()
}

pub(in crate::store) fn components(
    connection: &Connection,
    digest: &Digest,
) -> Result<Vec<(u32, u64, u64)>> {
    let statement = "SELECT volume, offset, length FROM components WHERE digest = ?1";
    all(connection, statement, [&digest.0[..]], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64))
    })
}

pub(in crate::store) fn volume_components(
    connection: &Connection,
    volume: u32,
) -> Result<Vec<Digest>> {
    let statement = "SELECT digest FROM components WHERE volume = ?1";
    all(connection, statement, [volume], |row| Ok(Digest(row.get(0)?)))
}

type SessionColumns = (Option<Vec<u8>>, Option<i64>, Option<u32>, Option<u8>);

fn session_record(columns: SessionColumns) -> Result<Option<SessionRecord>> {
    let (Some(body), seconds, nanoseconds, status) = columns else { return Ok(None) };
    let header = SessionHeader::decode(&body).map_err(unreadable)?;
    let ended = seconds.zip(nanoseconds).zip(status).map(|((seconds, nanoseconds), status)| {
        let status = match status {
            0 => SessionStatus::Complete,
            1 => SessionStatus::CompleteWithFaults,
            _ => SessionStatus::Failed,
        };
        (Timestamp { seconds, nanoseconds }, status)
    });
    Ok(Some(SessionRecord { header, ended }))
}

/// Those whose header is known; all, or one.
pub(in crate::store) fn sessions(
    connection: &Connection,
    session: Option<&SessionId>,
) -> Result<Vec<SessionRecord>> {
    let statement = "SELECT header, ended_seconds, ended_nanoseconds, status FROM sessions
        WHERE ?1 IS NULL OR session = ?1 ORDER BY id";
    let id = session.map(|session| &session.0[..]);
    let rows = all(connection, statement, params![id], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    rows.into_iter().filter_map(|columns| session_record(columns).transpose()).collect()
}

struct ArchiveRow {
    id: i64,
    archive: ArchiveId,
    header: Option<Vec<u8>>,
    footer: Option<(Vec<u8>, Vec<u8>)>,
    dropped: Option<Timestamp>,
    stored_length: u64,
    chunk_count: u64,
}

fn archive_row(row: &Row<'_>) -> rusqlite::Result<ArchiveRow> {
    let (footer, lists): (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(3)?, row.get(4)?);
    let (seconds, nanoseconds): (Option<i64>, Option<u32>) = (row.get(5)?, row.get(6)?);
    Ok(ArchiveRow {
        id: row.get(0)?,
        archive: ArchiveId(row.get(1)?),
        header: row.get(2)?,
        footer: footer.zip(lists),
        dropped: seconds
            .zip(nanoseconds)
            .map(|(seconds, nanoseconds)| Timestamp { seconds, nanoseconds }),
        stored_length: row.get::<_, i64>(7)? as u64,
        chunk_count: row.get::<_, i64>(8)? as u64,
    })
}

impl ArchiveRow {
    /// None for an archive that others only refer to: nothing of it is here.
    fn record(self, connection: &Connection) -> Result<Option<ArchiveRecord>> {
        if self.header.is_none() && self.footer.is_none() && self.chunk_count == 0 {
            return Ok(None);
        }
        let statement = "SELECT sessions.session FROM archive_sessions
            JOIN sessions ON sessions.id = archive_sessions.session
            WHERE archive_sessions.archive = ?1 ORDER BY sessions.id";
        let sessions = all(connection, statement, [self.id], |row| Ok(SessionId(row.get(0)?)))?;
        let footer = match &self.footer {
            Some((body, lists)) => Some(ArchiveFooter::decode(body, lists).map_err(unreadable)?),
            None => None,
        };
        let header = match &self.header {
            Some(body) => ArchiveHeader::decode(body).map_err(unreadable)?,
            None => ArchiveHeader {
                archive: self.archive,
                session: footer.as_ref().map_or(SessionId::default(), |footer| footer.session),
                name: format!("lost-name-{}", &self.archive.to_string()[..8]),
                source: [0; 32],
                started: Timestamp::default(),
                parent: ArchiveId::default(),
                framing: Framing::Each,
            },
        };
        Ok(Some(ArchiveRecord {
            header,
            header_lost: self.header.is_none(),
            footer,
            dropped: self.dropped,
            sessions,
            stored_length: self.stored_length,
            chunk_count: self.chunk_count,
        }))
    }
}

/// All archives, or one.
pub(in crate::store) fn archives(
    connection: &Connection,
    archive: Option<&ArchiveId>,
) -> Result<Vec<ArchiveRecord>> {
    let statement = "SELECT id, archive, header, footer, footer_lists, dropped_seconds,
        dropped_nanoseconds, stored_length, chunk_count FROM archives
        WHERE ?1 IS NULL OR archive = ?1 ORDER BY id";
    let id = archive.map(|archive| &archive.0[..]);
    let rows = all(connection, statement, params![id], archive_row)?;
    rows.into_iter().filter_map(|row| row.record(connection).transpose()).collect()
}

fn archive_id(connection: &Connection, archive: &ArchiveId) -> Result<Option<i64>> {
    let statement = "SELECT id FROM archives WHERE archive = ?1";
    one(connection, statement, [&archive.0[..]], |row| row.get(0))
}

pub(in crate::store) fn stream_ends(
    connection: &Connection,
    archive: &ArchiveId,
) -> Result<Vec<StreamEnd>> {
    let Some(id) = archive_id(connection, archive)? else { return Ok(Vec::new()) };
    // A number is behind a gap where fewer chunks lie before it than its value.
    let statement = "SELECT stream, max(number) + 1, count(DISTINCT number) FROM chunks
        WHERE archive = ?1 GROUP BY stream";
    let rows: Vec<(i64, i64, i64)> =
        all(connection, statement, [id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut ends = Vec::new();
    for (stream, next, count) in rows {
        let complete = match next == count {
            true => next,
            false => first_gap(connection, id, stream)?,
        };
        let stream = stream_of(stream);
        ends.push(StreamEnd { stream, complete: complete as u64, next: next as u64 });
    }
    ends.sort_unstable_by_key(|end| end.stream);
    Ok(ends)
}

fn first_gap(connection: &Connection, archive: i64, stream: i64) -> Result<i64> {
    let statement = "SELECT count(*) FROM (
        SELECT number, row_number() OVER (ORDER BY number) - 1 AS place FROM
        (SELECT DISTINCT number FROM chunks WHERE archive = ?1 AND stream = ?2))
        WHERE number = place";
    Ok(one(connection, statement, [archive, stream], |row| row.get(0))?.unwrap_or(0))
}

fn chunk_place(row: &Row<'_>) -> rusqlite::Result<ChunkPlace> {
    let number = |at| row.get::<_, i64>(at);
    let chunk = ChunkId {
        archive: ArchiveId(row.get(0)?),
        stream: stream_of(number(1)?),
        number: number(2)? as u64,
    };
    Ok(ChunkPlace {
        chunk,
        session: SessionId(row.get(3)?),
        volume: row.get(4)?,
        offset: number(5)? as u64,
        length: number(6)? as u64,
        footer_length: number(7)? as u64,
        kind: kind_of(number(8)?),
    })
}

/// All places of a chunk, in the order of volumes.
pub(in crate::store) fn chunk(connection: &Connection, chunk: &ChunkId) -> Result<Vec<ChunkPlace>> {
    let statement = format!(
        "{PLACE} WHERE archives.archive = ?1 AND chunks.stream = ?2 AND chunks.number = ?3
         ORDER BY chunks.volume"
    );
    let key = params![&chunk.archive.0[..], stream_column(chunk.stream), chunk.number as i64];
    all(connection, &statement, key, chunk_place)
}

/// The pools that hold chunks of an archive, by name.
pub(in crate::store) fn pools_of(
    connection: &Connection,
    archive: &ArchiveId,
) -> Result<Vec<String>> {
    let Some(archive) = archive_id(connection, archive)? else { return Ok(Vec::new()) };
    // By volumes, which are few, and not by chunks, which are many.
    let statement = "SELECT DISTINCT pools.name FROM volumes JOIN pools ON pools.id = volumes.pool
        WHERE EXISTS (SELECT 1 FROM chunks
                      WHERE chunks.archive = ?1 AND chunks.volume = volumes.number)";
    all(connection, statement, [archive], |row| row.get(0))
}

/// The pools that hold chunks of a range, by name.
pub(in crate::store) fn pools_of_range(
    connection: &Connection,
    range: &ChunkRange,
) -> Result<Vec<String>> {
    let Some(archive) = archive_id(connection, &range.archive)? else { return Ok(Vec::new()) };
    let statement = "SELECT DISTINCT pools.name FROM chunks
        JOIN volumes ON volumes.number = chunks.volume JOIN pools ON pools.id = volumes.pool
        WHERE chunks.archive = ?1 AND chunks.stream = ?2
        AND chunks.number >= ?3 AND chunks.number < ?4";
    let (stream, end) = (stream_column(range.stream), range.first.saturating_add(range.count));
    let values = params![archive, stream, range.first as i64, end as i64];
    all(connection, statement, values, |row| row.get(0))
}

/// How many chunks of a range are known.
pub(in crate::store) fn count_of(connection: &Connection, range: &ChunkRange) -> Result<u64> {
    let Some(archive) = archive_id(connection, &range.archive)? else { return Ok(0) };
    let statement = "SELECT count(DISTINCT number) FROM chunks
        WHERE archive = ?1 AND stream = ?2 AND number >= ?3 AND number < ?4";
    let (stream, end) = (stream_column(range.stream), range.first.saturating_add(range.count));
    let values = params![archive, stream, range.first as i64, end as i64];
    Ok(one(connection, statement, values, |row| row.get::<_, i64>(0))?.unwrap_or(0) as u64)
}

pub(in crate::store) fn volume_chunks(
    connection: &Connection,
    volume: u32,
) -> Result<Vec<ChunkPlace>> {
    let statement = format!("{PLACE} WHERE chunks.volume = ?1 ORDER BY chunks.offset");
    all(connection, &statement, [volume], chunk_place)
}

pub(in crate::store) fn run(
    connection: &Connection,
    chunk: &ChunkId,
    number: u64,
) -> Result<Option<RunHeader>> {
    let Some(archive) = archive_id(connection, &chunk.archive)? else { return Ok(None) };
    let ChunkKey { archive, stream, .. } = ChunkKey::new(archive, chunk);
    let statement = "SELECT body FROM runs WHERE archive = ?1 AND stream = ?2 AND number = ?3";
    let body: Option<Vec<u8>> =
        one(connection, statement, [archive, stream, number as i64], |row| row.get(0))?;
    body.map(|body| RunHeader::decode(&body).map_err(unreadable)).transpose()
}

pub(in crate::store) fn block(
    connection: &Connection,
    identity: &BlockIdentity,
    pool: &str,
) -> Result<Option<BlockPlace>> {
    let statement = "SELECT archives.archive, blocks.stream, blocks.number, ordinal, length
        FROM blocks JOIN archives ON archives.id = blocks.archive
        WHERE identity = ?1 AND pool = (SELECT id FROM pools WHERE name = ?2)";
    one(connection, statement, params![&identity.0[..], pool], |row| {
        let stream: StreamNumber = stream_of(row.get(1)?);
        let number = row.get::<_, i64>(2)? as u64;
        let chunk = ChunkId { archive: ArchiveId(row.get(0)?), stream, number };
        Ok(BlockPlace { chunk, ordinal: row.get(3)?, length: row.get(4)? })
    })
}

//! One transaction: changes in the order of their frames become rows.

use std::collections::{HashMap, HashSet};

use format::{
    ArchiveDrop, ArchiveFooter, ArchiveId, BlockEntry, BlockIdentity, ChunkRange, KeyGroup,
    RunHeader, SessionFooter, SessionHeader, SessionId, Withheld,
};
use rusqlite::{OptionalExtension, Params, ToSql, Transaction, params};

use super::{ChunkKey, failed, unreadable};
use crate::Result;
use crate::store::change::Change;
use crate::store::needed::{is_within, join};
use crate::store::record::{ChunkPlace, Fault, FaultKind};

/// Rows that a transaction gathers, at most, before whoever drives it should commit. Tests commit in
/// the middle of their small volumes, too.
const BLOCKS_MAX: usize = if cfg!(test) { 8 } else { 256 << 10 };
/// Rows of blocks that are looked at and removed at a time.
const SWEEP_COUNT: i64 = 10_000;

pub(in crate::store) struct Indexing<'c> {
    pub(super) transaction: Transaction<'c>,
    archives: HashMap<ArchiveId, i64>,
    sessions: HashMap<SessionId, i64>,
    /// The pools of the volumes that chunks come from.
    pools: HashMap<u32, i64>,
    /// Gathered, so that they go into their trees in order of keys.
    chunks: Vec<(ChunkKey, i64, ChunkPlace)>,
    blocks: Vec<(BlockIdentity, i64, ChunkKey, u32, u32)>,
}

impl<'c> Indexing<'c> {
    pub(super) fn new(transaction: Transaction<'c>) -> Indexing<'c> {
        Indexing {
            transaction,
            archives: HashMap::new(),
            sessions: HashMap::new(),
            pools: HashMap::new(),
            chunks: Vec::new(),
            blocks: Vec::new(),
        }
    }

    /// Whether it is time to commit.
    pub(in crate::store) fn is_full(&self) -> bool {
        self.blocks.len() >= BLOCKS_MAX || self.chunks.len() >= BLOCKS_MAX
    }

    pub(in crate::store) fn apply(&mut self, change: &Change) -> Result<()> {
        match change {
            Change::Group(group) => self.group(group),
            Change::Component { digest, volume, offset, length } => self.execute(
                "INSERT OR IGNORE INTO components VALUES (?1, ?2, ?3, ?4)",
                params![&digest.0[..], volume, *offset as i64, *length as i64],
            ),
            Change::Session(header) => self.session(header),
            Change::SessionEnd(footer) => self.session_end(footer),
            Change::Archive(header) => {
                let archive = self.archive_id(&header.archive)?;
                let session = self.session_id(&header.session)?;
                let mut body = Vec::new();
                header.encode(&mut body);
                self.execute(
                    "UPDATE archives SET header = ?2 WHERE id = ?1 AND header IS NULL",
                    params![archive, body],
                )?;
                self.execute(
                    "INSERT OR IGNORE INTO archive_sessions VALUES (?1, ?2)",
                    [archive, session],
                )
            }
            Change::ArchiveEnd(footer) => self.archive_end(footer),
            Change::Drop(drop) => self.drop_archive(drop),
            Change::Run(header) => self.run(header),
            Change::Chunk(place, blocks) => self.chunk(place, blocks),
        }
    }

    /// Gives a pool its number, so that it is the same however often the catalog is made.
    pub(in crate::store) fn know_pool(&mut self, name: &str) -> Result<()> {
        self.intern("pools", "name", name).map(drop)
    }

    /// Says which pool a volume belongs to, before any of its chunks.
    pub(in crate::store) fn know(&mut self, number: u32, pool: &str) -> Result<()> {
        let pool = self.intern("pools", "name", pool)?;
        self.pools.insert(number, pool);
        Ok(())
    }

    /// Says how far a volume is indexed.
    pub(in crate::store) fn volume(
        &self,
        number: u32,
        pool: &str,
        length: u64,
        closed: bool,
    ) -> Result<()> {
        let pool = self.intern("pools", "name", pool)?;
        self.execute(
            "INSERT OR REPLACE INTO volumes VALUES (?1, ?2, ?3, ?4)",
            params![number, pool, length as i64, closed],
        )
    }

    /// A volume is not written any more.
    pub(in crate::store) fn close(&self, number: u32) -> Result<()> {
        self.execute("UPDATE volumes SET closed = 1 WHERE number = ?1", [number])
    }

    pub(in crate::store) fn fault(&self, fault: &Fault) -> Result<()> {
        let Fault { volume, offset, length, kind } = fault;
        self.execute(
            "INSERT OR REPLACE INTO faults VALUES (?1, ?2, ?3, ?4)",
            params![volume, *offset as i64, *length as i64, *kind as u8],
        )
    }

    /// What is wrong with a volume is looked for anew. That it is missed stays: see `found`.
    pub(in crate::store) fn forget_damage(&self, volume: u32) -> Result<()> {
        let absence = params![volume, FaultKind::Cut as u8, FaultKind::Missing as u8];
        self.execute("DELETE FROM faults WHERE volume = ?1 AND kind NOT IN (?2, ?3)", absence)
    }

    /// What was missed of a volume is there again, up to `end`.
    pub(in crate::store) fn found(&self, volume: u32, end: u64) -> Result<()> {
        let absence = params![volume, end as i64, FaultKind::Cut as u8, FaultKind::Missing as u8];
        self.execute(
            "UPDATE OR REPLACE faults SET kind = ?3, length = offset + length - ?2, offset = ?2
             WHERE volume = ?1 AND kind IN (?3, ?4) AND offset < ?2 AND offset + length > ?2",
            absence,
        )?;
        self.execute(
            "DELETE FROM faults WHERE volume = ?1 AND kind IN (?3, ?4) AND offset + length <= ?2",
            absence,
        )
    }

    /// A volume is scanned from its beginning: what was said of it is no longer true.
    pub(in crate::store) fn forget_faults(&self, volume: u32) -> Result<()> {
        self.execute("DELETE FROM faults WHERE volume = ?1", [volume])
    }

    pub(in crate::store) fn commit(mut self) -> Result<()> {
        self.flush()?;
        self.transaction.commit().map_err(|cause| failed("writing the catalog", cause))
    }

    pub(super) fn execute(&self, statement: &str, values: impl Params) -> Result<()> {
        self.count(statement, values).map(drop)
    }

    /// Rows that changed.
    fn count(&self, statement: &str, values: impl Params) -> Result<usize> {
        let execute = || self.transaction.prepare_cached(statement)?.execute(values);
        execute().map_err(|cause| failed("writing the catalog", cause))
    }

    fn group(&self, group: &KeyGroup) -> Result<()> {
        let mut body = Vec::new();
        group.encode(&mut body);
        self.execute(
            "INSERT INTO key_groups (key_group, revision, body) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET revision = excluded.revision, body = excluded.body
             WHERE excluded.revision > revision",
            params![&group.group.0[..], group.revision, body],
        )
    }

    fn session(&mut self, header: &SessionHeader) -> Result<()> {
        let session = self.session_id(&header.session)?;
        let mut body = Vec::new();
        header.encode(&mut body);
        self.execute(
            "UPDATE sessions SET header = ?2 WHERE id = ?1 AND header IS NULL",
            params![session, body],
        )
    }

    fn session_end(&mut self, footer: &SessionFooter) -> Result<()> {
        footer.groups.iter().try_for_each(|group| self.group(group))?;
        self.session(&footer.header)?;
        let session = self.session_id(&footer.header.session)?;
        self.execute(
            "UPDATE sessions SET ended_seconds = ?2, ended_nanoseconds = ?3, status = ?4
             WHERE id = ?1 AND status IS NULL",
            params![session, footer.ended.seconds, footer.ended.nanoseconds, footer.status as u8],
        )
    }

    fn archive_end(&mut self, footer: &ArchiveFooter) -> Result<()> {
        let archive = self.archive_id(&footer.archive)?;
        let (mut body, mut lists) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut lists);
        self.execute(
            "UPDATE archives SET footer = ?2, footer_lists = ?3 WHERE id = ?1 AND footer IS NULL",
            params![archive, body, lists],
        )?;
        self.withhold(&footer.withheld)
    }

    /// Forgets blocks that nothing may refer to.
    fn withhold(&mut self, blocks: &[Withheld]) -> Result<()> {
        if blocks.is_empty() {
            return Ok(());
        }
        self.flush()?;
        let mut withheld = HashSet::new();
        for Withheld { chunk, ordinal } in blocks {
            let key = ChunkKey::new(self.archive_id(&chunk.archive)?, chunk);
            withheld.insert((key, *ordinal));
        }
        // One walk over all blocks: an index from chunks to blocks would double the table for
        // what hardly ever happens.
        self.sweep("1", |key, ordinal| withheld.contains(&(key, ordinal)))
    }

    fn drop_archive(&mut self, drop: &ArchiveDrop) -> Result<()> {
        let archive = self.archive_id(&drop.archive)?;
        self.execute(
            "UPDATE archives SET dropped_seconds = ?2, dropped_nanoseconds = ?3
             WHERE id = ?1 AND dropped_seconds IS NULL",
            params![archive, drop.dropped.seconds, drop.dropped.nanoseconds],
        )?;
        self.sweep_dropped()
    }

    /// Forgets the blocks that ends of archives withhold and that drops let go: these may have been
    /// read before the chunks that they speak of, from another pool, or before a volume came back.
    pub(in crate::store) fn sweep_late(&mut self) -> Result<()> {
        let withheld: Vec<Withheld> =
            self.footers("1")?.into_iter().flat_map(|footer| footer.withheld).collect();
        self.withhold(&withheld)?;
        self.sweep_dropped()
    }

    /// Forgets the blocks of dropped archives: one stays known as long as an archive that can be
    /// seen needs its chunk.
    fn sweep_dropped(&mut self) -> Result<()> {
        self.flush()?;
        let any = "SELECT EXISTS (SELECT 1 FROM archives WHERE dropped_seconds IS NOT NULL)";
        let any = self.transaction.query_row(any, [], |row| row.get(0));
        if !any.map_err(|cause| failed("reading the catalog", cause))? {
            return Ok(());
        }
        let needed = self.needed()?;
        let dropped = "archive IN (SELECT id FROM archives WHERE dropped_seconds IS NOT NULL)";
        self.sweep(dropped, |key, _| !is_within(&needed, &key))
    }

    /// The ends of all archives of a condition.
    fn footers(&self, condition: &str) -> Result<Vec<ArchiveFooter>> {
        let reading = |cause| failed("reading the catalog", cause);
        let statement = format!(
            "SELECT footer, footer_lists FROM archives WHERE footer IS NOT NULL AND {condition}"
        );
        let mut statement = self.transaction.prepare_cached(&statement).map_err(reading)?;
        let mut rows = statement.query([]).map_err(reading)?;
        let mut footers = Vec::new();
        while let Some(row) = rows.next().map_err(reading)? {
            let body: Vec<u8> = row.get(0).map_err(reading)?;
            let lists: Vec<u8> = row.get(1).map_err(reading)?;
            footers.push(ArchiveFooter::decode(&body, &lists).map_err(unreadable)?);
        }
        Ok(footers)
    }

    /// What archives that can be seen need of dropped ones: first and last, ascending, apart.
    fn needed(&mut self) -> Result<Vec<(ChunkKey, ChunkKey)>> {
        let footers = self.footers("dropped_seconds IS NULL")?;
        let ranges = footers.into_iter().flat_map(|footer| footer.needs);
        let mut needed: Vec<(ChunkKey, ChunkKey)> = Vec::new();
        for ChunkRange { archive, stream, first, count } in ranges {
            let chunk = format::ChunkId { archive, stream, number: first };
            let first = ChunkKey::new(self.archive_id(&archive)?, &chunk);
            let last = ChunkKey { number: first.number.saturating_add(count as i64 - 1), ..first };
            needed.push((first, last));
        }
        join(&mut needed, |one, other| (one.archive, one.stream) == (other.archive, other.stream));
        Ok(needed)
    }

    /// Removes the blocks, among those of a condition, that `goes` says.
    fn sweep(&self, condition: &str, goes: impl Fn(ChunkKey, u32) -> bool) -> Result<()> {
        let reading = |cause| failed("reading the catalog", cause);
        let statement = format!(
            "SELECT identity, pool, archive, stream, number, ordinal FROM blocks
             WHERE (identity, pool) > (?1, ?2) AND {condition} ORDER BY identity, pool LIMIT ?3"
        );
        let mut last: (Vec<u8>, i64) = (Vec::new(), 0);
        loop {
            let mut gone = Vec::new();
            let mut count = 0;
            {
                let mut statement = self.transaction.prepare_cached(&statement).map_err(reading)?;
                let mut rows =
                    statement.query(params![last.0, last.1, SWEEP_COUNT]).map_err(reading)?;
                while let Some(row) = rows.next().map_err(reading)? {
                    let column = |at| row.get::<_, i64>(at).map_err(reading);
                    last = (row.get(0).map_err(reading)?, column(1)?);
                    let (archive, stream, number) = (column(2)?, column(3)?, column(4)?);
                    if goes(ChunkKey { archive, stream, number }, column(5)? as u32) {
                        gone.push(last.clone());
                    }
                    count += 1;
                }
            }
            for (identity, pool) in gone {
                let block = params![identity, pool];
                self.execute("DELETE FROM blocks WHERE identity = ?1 AND pool = ?2", block)?;
            }
            if count < SWEEP_COUNT {
                return Ok(());
            }
        }
    }

    fn run(&mut self, header: &RunHeader) -> Result<()> {
        let key = ChunkKey::new(self.archive_id(&header.first.archive)?, &header.first);
        let mut body = Vec::new();
        header.encode(&mut body);
        self.execute(
            "INSERT OR IGNORE INTO runs VALUES (?1, ?2, ?3, ?4)",
            params![key.archive, key.stream, key.number, body],
        )
    }

    fn chunk(&mut self, place: &ChunkPlace, blocks: &[BlockEntry]) -> Result<()> {
        let archive = self.archive_id(&place.chunk.archive)?;
        let session = self.session_id(&place.session)?;
        let key = ChunkKey::new(archive, &place.chunk);
        self.chunks.push((key, session, *place));
        let pool = self.pools[&place.volume];
        for BlockEntry { ordinal, length, identity } in blocks {
            self.blocks.push((*identity, pool, key, *ordinal, *length));
        }
        Ok(())
    }

    /// Puts what is gathered into the tables. A chunk or block that is there already stays.
    fn flush(&mut self) -> Result<()> {
        let mut chunks = std::mem::take(&mut self.chunks);
        chunks.sort_by_key(|(key, ..)| *key);
        let mut totals: HashMap<i64, (i64, i64)> = HashMap::new();
        for (ChunkKey { archive, stream, number }, session, place) in chunks {
            let ChunkPlace { volume, offset, length, footer_length, kind, .. } = place;
            let lengths = [offset as i64, length as i64, footer_length as i64];
            let [offset, length, footer_length] = lengths;
            let kind = kind as u8;
            let inserted = self.count(
                "INSERT OR IGNORE INTO chunks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    archive,
                    stream,
                    number,
                    volume,
                    offset,
                    length,
                    footer_length,
                    kind,
                    session
                ],
            )?;
            if inserted > 0 {
                let total = totals.entry(archive).or_default();
                *total = (total.0 + length + footer_length, total.1 + 1);
            }
        }
        for (archive, (length, count)) in totals {
            self.execute(
                "UPDATE archives SET stored_length = stored_length + ?2,
                 chunk_count = chunk_count + ?3 WHERE id = ?1",
                [archive, length, count],
            )?;
        }
        let mut blocks = std::mem::take(&mut self.blocks);
        // Stable: of the same block twice, the first stays.
        blocks.sort_by_key(|(identity, pool, ..)| (*identity, *pool));
        for (identity, pool, ChunkKey { archive, stream, number }, ordinal, length) in blocks {
            self.execute(
                "INSERT OR IGNORE INTO blocks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![&identity.0[..], pool, archive, stream, number, ordinal, length],
            )?;
        }
        Ok(())
    }

    fn archive_id(&mut self, archive: &ArchiveId) -> Result<i64> {
        if let Some(id) = self.archives.get(archive) {
            return Ok(*id);
        }
        let found = self.intern("archives", "archive", &archive.0[..])?;
        self.archives.insert(*archive, found);
        Ok(found)
    }

    fn session_id(&mut self, session: &SessionId) -> Result<i64> {
        if let Some(id) = self.sessions.get(session) {
            return Ok(*id);
        }
        let found = self.intern("sessions", "session", &session.0[..])?;
        self.sessions.insert(*session, found);
        Ok(found)
    }

    fn intern(&self, table: &str, column: &str, id: impl ToSql + Copy) -> Result<i64> {
        let find = format!("SELECT id FROM {table} WHERE {column} = ?1");
        let find = || {
            let mut statement = self.transaction.prepare_cached(&find)?;
            statement.query_row([id], |row| row.get(0)).optional()
        };
        let found = find().map_err(|cause| failed("reading the catalog", cause))?;
        if let Some(found) = found {
            return Ok(found);
        }
        self.execute(&format!("INSERT INTO {table} ({column}) VALUES (?1)"), [id])?;
        Ok(self.transaction.last_insert_rowid())
    }
}

//! What a store answers to its readers.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use format::{
    ArchiveId, BlockIdentity, ChunkFooter, ChunkHeader, ChunkId, ChunkRange, Context, ContextPlace,
    Digest, FrameKind, KeyGroup, SessionHeader, SessionId, StoreId, VolumeLabel,
};

use super::catalog::query;
use super::config::PoolConfig;
use super::open::Store;
use super::pools;
use super::record::{
    ArchiveRecord, BlockPlace, ChunkPlace, Fault, PoolRecord, SessionRecord, StoredChunk,
    StreamEnd, VolumeRecord,
};
use super::shelf::FailedDrive;
use super::volumes;
use crate::media::{FrameBytes, VolumeReader, volume_file};
use crate::{Error, ErrorKind, Result};

/// Volume files that are kept open.
const READERS_MAX: usize = 64;

impl Store {
    /// The store's identity.
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its key groups, each in its latest revision, in order of first appearance.
    pub fn groups(&self) -> Result<Vec<KeyGroup>> {
        self.connections.with(query::groups)
    }

    /// The key group to write under.
    pub fn current_group(&self) -> Result<KeyGroup> {
        self.groups()?.pop().ok_or_else(|| {
            let message = format!("store {} has no readable key group", self.path.display());
            Error::new(ErrorKind::Damaged, message)
        })
    }

    /// All archives in order of first appearance, unfinished and dropped ones too.
    pub fn archives(&self) -> Result<Vec<ArchiveRecord>> {
        self.connections.with(|connection| query::archives(connection, None))
    }

    /// One archive.
    pub fn archive(&self, archive: &ArchiveId) -> Result<ArchiveRecord> {
        let found =
            self.connections.with(|connection| query::archives(connection, Some(archive)))?.pop();
        found.ok_or_else(|| {
            let message = format!("no archive {archive} in store {}", self.path.display());
            Error::new(ErrorKind::Missing, message)
        })
    }

    /// Where the streams of an archive end; of an unfinished one too.
    pub fn stream_ends(&self, archive: &ArchiveId) -> Result<Vec<StreamEnd>> {
        self.connections.with(|connection| query::stream_ends(connection, archive))
    }

    /// A session's header.
    pub fn session(&self, session: &SessionId) -> Result<SessionHeader> {
        let found =
            self.connections.with(|connection| query::sessions(connection, Some(session)))?;
        found.into_iter().next().map(|record| record.header).ok_or_else(|| {
            let message = format!("no header of session {session} is readable");
            Error::new(ErrorKind::Missing, message)
        })
    }

    /// All sessions in order of appearance.
    pub fn sessions(&self) -> Result<Vec<SessionRecord>> {
        self.connections.with(|connection| query::sessions(connection, None))
    }

    /// A component's bytes, from the first copy whose digest is right.
    pub fn component(&self, digest: &Digest) -> Result<Vec<u8>> {
        let places = self.connections.with(|connection| query::components(connection, digest))?;
        let missing = || Error::new(ErrorKind::Missing, format!("no component {digest}"));
        let mut failure = None;
        for (volume, offset, length) in places {
            let frame = self.frame(volume, offset, length, FrameKind::Component);
            match frame.map(FrameBytes::into_payload) {
                Ok(payload) if blake3::hash(&payload).as_bytes() == &digest.0 => {
                    return Ok(payload);
                }
                Ok(_) => {
                    let file = volume_file(volume);
                    let message = format!("component {digest} on {file} at {offset:#x} is another");
                    failure = Some(Error::new(ErrorKind::Damaged, message));
                }
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(missing))
    }

    /// Where a chunk lies, or one of its copies: the one that is quickest to read. None where it is
    /// not known.
    pub fn chunk_place(&self, chunk: &ChunkId) -> Result<Option<ChunkPlace>> {
        Ok(self.copies(chunk)?.into_iter().next())
    }

    /// Where all copies of a chunk lie, those first that are quicker to read.
    pub fn copies(&self, chunk: &ChunkId) -> Result<Vec<ChunkPlace>> {
        let mut places = self.connections.with(|connection| query::chunk(connection, chunk))?;
        places.sort_by_key(|place| self.shelf.reach(place.volume));
        Ok(places)
    }

    /// How many chunks of the ranges are not known, as far as they are committed.
    pub fn lacking(&self, ranges: &[ChunkRange]) -> Result<u64> {
        let lacks = |connection: &rusqlite::Connection, range: &ChunkRange| {
            Ok(range.count.saturating_sub(query::count_of(connection, range)?))
        };
        self.connections
            .with(|connection| ranges.iter().map(|range| lacks(connection, range)).sum())
    }

    /// Reads a chunk; its footer is not looked at.
    pub fn read_chunk(&self, chunk: &ChunkId) -> Result<StoredChunk> {
        self.with_any_copy(chunk, |place| {
            let (header, frame) = self.chunk_header(&place)?;
            let context = self.context(&header, &place)?;
            Ok(StoredChunk { header, context, payload: frame.into_payload(), place })
        })
    }

    /// Checks every checksum of a chunk, and that header and footer are its own.
    pub fn verify_chunk(&self, chunk: &ChunkId) -> Result<ChunkFooter> {
        self.with_any_copy(chunk, |place| self.verify_copy(&place))
    }

    /// A chunk's footer.
    pub fn chunk_footer(&self, chunk: &ChunkId) -> Result<ChunkFooter> {
        self.with_any_copy(chunk, |place| self.footer(&place))
    }

    /// Where blocks lie, committed or just appended, in the order of the question. Only those that
    /// lie in every one of `pools` are found, so that an archive never comes to need a medium that
    /// no rule sends it to; none is the home pool.
    pub fn lookup_blocks(
        &self,
        identities: &[BlockIdentity],
        pools: &[String],
    ) -> Result<Vec<Option<BlockPlace>>> {
        let pools = self.shelf.pools_for(pools.iter().map(String::as_str))?;
        let (first, others) = pools.split_first().expect("the home pool at least");
        let mut places: Vec<Option<BlockPlace>> = {
            let overlay = self.overlay.read().expect("no holder panics");
            let place = |identity| {
                let place: BlockPlace = overlay.block(identity, *first)?;
                others.iter().all(|pool| overlay.has_chunk(&place.chunk, *pool)).then_some(place)
            };
            identities.iter().map(place).collect()
        };
        self.connections.with(|connection| {
            // One snapshot, and one round of locks, for all of them.
            let transaction = connection.unchecked_transaction();
            let _transaction = transaction
                .map_err(|cause| super::catalog::failed("reading the catalog", cause))?;
            for (identity, place) in identities.iter().zip(&mut places) {
                if place.is_none() {
                    let found = query::block(connection, identity, self.shelf.name(*first))?;
                    *place = match found {
                        Some(found) if !others.is_empty() => {
                            let copies = query::chunk(connection, &found.chunk)?;
                            let is_in = |pool: &usize| {
                                let mut copies = copies.iter();
                                copies.any(|copy| self.shelf.pool_of(copy.volume) == Some(*pool))
                            };
                            others.iter().all(is_in).then_some(found)
                        }
                        found => found,
                    };
                }
            }
            Ok(())
        })?;
        Ok(places)
    }

    /// All volumes, as the catalog knows them and as they are.
    pub fn volumes(&self) -> Result<Vec<VolumeRecord>> {
        let rows = self.connections.with(|connection| {
            let count = |row: query::VolumeRow| {
                let count = query::chunk_count(connection, row.number)?;
                Ok((row, count))
            };
            query::volumes(connection)?.into_iter().map(count).collect::<Result<Vec<_>>>()
        })?;
        let mut lengths = self.shelf.lengths()?;
        let mut records = Vec::new();
        for (row, chunk_count) in rows {
            records.push(VolumeRecord {
                number: row.number,
                pool: row.pool,
                kind: self.shelf.kind(row.number),
                file: volume_file(row.number),
                label: self.volume_path(row.number).display().to_string(),
                length: lengths.remove(&row.number).unwrap_or(0),
                indexed_length: row.indexed_length,
                closed: row.closed,
                chunk_count,
                drive_count: self.shelf.drive_count(row.number),
            });
        }
        for (number, length) in lengths {
            let file = volume_file(number);
            let (indexed_length, closed, chunk_count) = (0, false, 0);
            records.push(VolumeRecord {
                number,
                pool: self.shelf.pool_name(number).to_owned(),
                kind: self.shelf.kind(number),
                file,
                label: self.volume_path(number).display().to_string(),
                length,
                indexed_length,
                closed,
                chunk_count,
                drive_count: self.shelf.drive_count(number),
            });
        }
        records.sort_unstable_by_key(|record| record.number);
        Ok(records)
    }

    /// Its pools, the home pool first.
    pub fn pools(&self) -> Vec<PoolRecord> {
        let record = |(at, pool): (usize, &PoolConfig)| PoolRecord {
            name: pool.name.clone(),
            kind: self.shelf.traits(at).kind,
        };
        self.shelf.pools().iter().enumerate().map(record).collect()
    }

    /// Refuses a pool that is not there to be written to, before anything is begun.
    pub fn check_pool(&self, name: &str) -> Result<()> {
        let known: Vec<&str> = self.shelf.pools().iter().map(|pool| pool.name.as_str()).collect();
        if known.contains(&name) {
            return Ok(());
        }
        let path = self.path.display();
        if pools::pools(&self.path)?.contains_key(name) {
            let message = format!("store {path} has no pool {name} at hand");
            return Err(Error::new(ErrorKind::Missing, message).way_out("mount the pool's disk"));
        }
        let known = known.join(", ");
        Err(Error::new(ErrorKind::Missing, format!("store {path} has no pool {name}")).way_out(
            format!("it has {known}; add one by a policy: mover media list {path} --policy FILE"),
        ))
    }

    /// The pools that hold chunks which an archive needs, its own or others', by name.
    pub fn archive_pools(&self, record: &ArchiveRecord) -> Result<BTreeSet<String>> {
        let own = &record.header.archive;
        let needs = record.footer.iter().flat_map(|footer| &footer.needs);
        let mut pools = self.pools_of(needs)?;
        pools.extend(self.connections.with(|connection| query::pools_of(connection, own))?);
        Ok(pools)
    }

    /// The pools that hold chunks of these ranges, or copies of them, by name.
    pub fn pools_of<'a>(
        &self,
        ranges: impl IntoIterator<Item = &'a ChunkRange>,
    ) -> Result<BTreeSet<String>> {
        self.connections.with(|connection| {
            let mut pools = BTreeSet::new();
            for range in ranges {
                pools.extend(query::pools_of_range(connection, range)?);
            }
            Ok(pools)
        })
    }

    /// What a volume's label says; it is fetched for that.
    pub fn volume_label(&self, volume: u32) -> Result<VolumeLabel> {
        volumes::label(&self.reader(volume)?)
    }

    /// What people call a volume: its file, or its pool and barcode.
    pub fn volume_path(&self, volume: u32) -> PathBuf {
        let file = volume_file(volume);
        self.shelf.storage(volume).map_or_else(|_| PathBuf::from(&file), |it| it.path(&file))
    }

    /// Copies of chunks on all volumes.
    pub fn chunk_count(&self) -> Result<u64> {
        let volumes = self.connections.with(query::volumes)?;
        let count = |row: &query::VolumeRow| {
            self.connections.with(|connection| query::chunk_count(connection, row.number))
        };
        volumes.iter().map(count).sum()
    }

    /// The pool of a volume; none where no pool that is at hand holds it.
    pub fn volume_pool(&self, volume: u32) -> Option<&str> {
        self.shelf.pool_of(volume).map(|pool| self.shelf.name(pool))
    }

    /// Where the copy of a chunk in a pool lies; a whole one, where there is one.
    pub fn copy_in(&self, chunk: &ChunkId, pool: &str) -> Result<Option<ChunkPlace>> {
        let pool = self.shelf.pool(pool)?;
        let is_there = |place: &ChunkPlace| self.shelf.pool_of(place.volume) == Some(pool);
        let copies = self.copies(chunk)?.into_iter().filter(is_there);
        Ok(copies.max_by_key(|place| place.footer_length > 0))
    }

    /// Checks every checksum of one copy of a chunk.
    pub fn verify_copy(&self, place: &ChunkPlace) -> Result<ChunkFooter> {
        let (header, _) = self.chunk_header(place)?;
        self.context(&header, place)?;
        self.footer(place)
    }

    /// How often each volume was gone through since the store was opened, where that takes time: a
    /// tape from its beginning on, or from further back than it stood.
    pub fn passes(&self) -> Vec<(u32, u64)> {
        self.shelf.passes()
    }

    /// The drives of all pools that failed since these were opened, and are left alone.
    pub fn failed_drives(&self) -> Vec<FailedDrive> {
        self.shelf.failed_drives()
    }

    /// The chunks of a volume, in order of their places.
    pub fn volume_chunks(&self, volume: u32) -> Result<Vec<ChunkPlace>> {
        self.connections.with(|connection| query::volume_chunks(connection, volume))
    }

    /// All that is known to be wrong with the volumes.
    pub fn faults(&self) -> Result<Vec<Fault>> {
        let mut faults = self.connections.with(query::faults)?;
        for fault in &self.label_faults {
            let known = |other: &Fault| (other.volume, other.offset) == (fault.volume, 0);
            if !faults.iter().any(known) {
                faults.push(*fault);
            }
        }
        faults.sort_unstable_by_key(|fault| (fault.volume, fault.offset));
        Ok(faults)
    }

    /// Does something with the first copy of a chunk that lets it; the error is that of the
    /// first one that did not.
    fn with_any_copy<T>(
        &self,
        chunk: &ChunkId,
        what: impl Fn(ChunkPlace) -> Result<T>,
    ) -> Result<T> {
        let mut failure = None;
        for place in self.copies(chunk)? {
            match what(place) {
                Ok(done) => return Ok(done),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| {
            let message = format!("{chunk} is not in store {}", self.path.display());
            Error::new(ErrorKind::Missing, message)
        }))
    }

    fn chunk_header(&self, place: &ChunkPlace) -> Result<(ChunkHeader, FrameBytes)> {
        let frame = self.frame(place.volume, place.offset, place.length, FrameKind::ChunkHeader);
        let frame = frame.map_err(|error| about(place, error))?;
        let header = ChunkHeader::decode(frame.body()).map_err(|cause| damaged(place, cause))?;
        match header.chunk == place.chunk {
            true => Ok((header, frame)),
            false => Err(other(place)),
        }
    }

    fn context(&self, header: &ChunkHeader, place: &ChunkPlace) -> Result<Context> {
        let number = match &header.context {
            ContextPlace::Here(context) => return Ok(context.clone()),
            ContextPlace::Run(number) => *number,
        };
        let found =
            self.connections.with(|connection| query::run(connection, &header.chunk, number))?;
        let run = found.filter(|run| run.context.chain.len() == header.stages.len());
        run.map(|run| run.context).ok_or_else(|| {
            let message = format!("no header of its run {number} is readable");
            about(place, Error::new(ErrorKind::Damaged, message))
        })
    }

    fn footer(&self, place: &ChunkPlace) -> Result<ChunkFooter> {
        if place.footer_length == 0 {
            let rule = "a chunk has a footer that can be read";
            return Err(damaged(place, format::Error::Invalid { what: "chunk footer", rule }));
        }
        let (offset, length) = (place.offset + place.length, place.footer_length);
        let frame = self.frame(place.volume, offset, length, FrameKind::ChunkFooter);
        let frame = frame.map_err(|error| about(place, error))?;
        let footer = ChunkFooter::decode(frame.body(), frame.payload());
        let footer = footer.map_err(|cause| damaged(place, cause))?;
        match footer.chunk == place.chunk {
            true => Ok(footer),
            false => Err(other(place)),
        }
    }

    fn frame(&self, volume: u32, offset: u64, length: u64, kind: FrameKind) -> Result<FrameBytes> {
        self.reader(volume)?.frame(offset, length, kind)
    }

    /// A volume is about to go.
    pub(super) fn forget_reader(&self, volume: u32) {
        self.readers.lock().expect("no holder panics").remove(&volume);
    }

    pub(super) fn reader(&self, volume: u32) -> Result<VolumeReader> {
        let mut readers = self.readers.lock().expect("no holder panics");
        if let Some(reader) = readers.get(&volume) {
            return Ok(reader.clone());
        }
        let reader = self.shelf.reader(volume)?;
        if readers.len() >= READERS_MAX {
            readers.clear();
        }
        readers.insert(volume, reader.clone());
        Ok(reader)
    }
}

fn about(place: &ChunkPlace, error: Error) -> Error {
    let ChunkPlace { chunk, volume, offset, .. } = place;
    let message = format!("{chunk} in volume {volume:08} at {offset:#x}");
    Error::new(error.kind(), message).because(error)
}

fn damaged(place: &ChunkPlace, cause: format::Error) -> Error {
    about(place, Error::new(ErrorKind::Damaged, "unreadable").because(cause))
}

fn other(place: &ChunkPlace) -> Error {
    about(place, Error::new(ErrorKind::Damaged, "another chunk lies there"))
}

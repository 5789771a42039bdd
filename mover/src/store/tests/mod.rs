//! A small session on a fake medium: several chunks, two archives, volumes of a few kilobytes.
//!
//! The rig writes it call by call and keeps a log of what was acknowledged; each test then hurts
//! the store in its own way and holds the log against what can still be read.

mod crash;
mod damage;
mod matrix;
mod parity;
mod daily;
mod pools;
mod rebuild;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, BlockEntry, BlockIdentity, ChunkFooter, ChunkHeader,
    ChunkId, ChunkKind, Component, ComponentEntry, Context, ContextPlace, Digest, Framing, GroupId,
    KeyGroup, Role, RunChunk, RunFooter, RunHeader, SessionFooter, SessionHeader, SessionId,
    SessionStatus, StageRecord, StreamNumber, Timestamp, Withheld,
};
use tempfile::TempDir;

use super::{CommitWindow, Store, StoreConfig, StoreWriter};
use crate::Result;
use crate::ambient::{SeededRandom, SteppingClock, random_bytes};
use crate::media::FakeStorage;

pub(crate) const VOLUME_SIZE: u64 = 6_000;
const WINDOW: CommitWindow = CommitWindow { bytes: 1_800, interval: Duration::from_secs(3600) };
const BLOCK_LENGTH: u32 = 100;

/// A store whose volumes are in memory and whose catalog is in a real file.
pub(crate) struct Rig {
    pub(crate) folder: TempDir,
    pub(crate) storage: FakeStorage,
    pub(crate) config: StoreConfig,
}

/// What a run of the session was promised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// All chunks, in the order of their appends, with their payloads.
    pub(crate) appended: Vec<(ChunkId, Vec<u8>)>,
    pub(crate) acknowledged: usize,
    /// Archives whose footer was handed over.
    pub(crate) ended: Vec<ArchiveId>,
    /// Those of which a commit came back.
    pub(crate) finished: Vec<ArchiveId>,
}

impl Rig {
    pub(crate) fn new() -> Rig {
        let rig = Rig::on(FakeStorage::new());
        Store::create(&rig.config, &group(1)).unwrap();
        rig
    }

    /// A folder without a catalog beside volumes that are there.
    pub(crate) fn on(storage: FakeStorage) -> Rig {
        // In memory where there is such a place: hundreds of catalogs need no real disk's syncs.
        let memory = Path::new("/dev/shm");
        let folder = match memory.is_dir() {
            true => tempfile::tempdir_in(memory),
            false => tempfile::tempdir(),
        };
        let folder = folder.unwrap();
        let config = StoreConfig {
            volume_size: VOLUME_SIZE,
            window: WINDOW,
            tape_window: WINDOW,
            storage: Some(Arc::new(storage.clone())),
            clock: Arc::new(SteppingClock::default()),
            random: Arc::new(SeededRandom::new(7)),
            ..StoreConfig::new(folder.path())
        };
        Rig { folder, storage, config }
    }

    /// Other volumes beside a copy of this catalog; none where there was none.
    pub(crate) fn with_volumes(&self, storage: FakeStorage) -> Rig {
        let rig = Rig::on(storage);
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), rig.folder.path().join(entry.file_name())).unwrap();
            }
        }
        rig
    }

    /// The same volumes without a catalog.
    pub(crate) fn without_catalog(&self) -> Rig {
        Rig::on(self.storage.kill())
    }

    pub(crate) fn writer(&self) -> Result<StoreWriter> {
        StoreWriter::open(&self.config, "test")
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.config).unwrap()
    }

    /// A session and an archive of such a name are begun.
    pub(crate) fn begun(&self, name: &str) -> (StoreWriter, ArchiveHeader) {
        let mut writer = self.writer().unwrap();
        let header = session_header(&writer, 1);
        let (component, bytes) = component();
        writer.begin_session(&header, &[(component, &bytes[..])]).unwrap();
        let archive = archive_header(header.session, 1, name);
        writer.begin_archive(&archive).unwrap();
        (writer, archive)
    }

    /// Writes the whole session.
    pub(crate) fn archive(&self, seed: u64) -> Log {
        let mut log = Log::default();
        session(&mut self.writer().unwrap(), seed, &mut log).unwrap();
        log
    }
}

pub(crate) fn group(revision: u32) -> KeyGroup {
    KeyGroup {
        group: GroupId([9; 16]),
        revision,
        created: Timestamp::default(),
        recipient: String::new(),
        members: Vec::new(),
    }
}

pub(crate) fn component() -> (Component, Vec<u8>) {
    let bytes: Vec<u8> = random_bytes::<300>(&SeededRandom::new(300)).to_vec();
    let digest = Digest(*blake3::hash(&bytes).as_bytes());
    (Component { digest, name: "zstd".into(), version: "0.1.0".into() }, bytes)
}

pub(crate) fn session_header(store: &Store, seed: u64) -> SessionHeader {
    let (component, _) = component();
    SessionHeader {
        session: SessionId(random_bytes(&SeededRandom::new(seed))),
        store: store.id(),
        job: "test".into(),
        writer: [1; 32],
        software: "mover test".into(),
        started: Timestamp { seconds: 5, nanoseconds: 6 },
        components: vec![ComponentEntry {
            role: Role::Transform,
            name: component.name,
            version: component.version,
            digest: component.digest,
            config: "{}".into(),
            config_digest: Digest(*blake3::hash(b"{}").as_bytes()),
            keyed: false,
        }],
        epochs: Vec::new(),
    }
}

pub(crate) fn archive_header(session: SessionId, seed: u64, name: &str) -> ArchiveHeader {
    ArchiveHeader {
        archive: ArchiveId(random_bytes(&SeededRandom::new(seed << 8 | name.len() as u64))),
        session,
        name: name.into(),
        source: [2; 32],
        started: Timestamp { seconds: 7, nanoseconds: 8 },
        parent: ArchiveId::default(),
        framing: Framing::Each,
    }
}

/// A chunk that follows from its address alone.
pub(crate) fn chunk(
    chunk: ChunkId,
    session: SessionId,
    context: ContextPlace,
) -> (ChunkHeader, Vec<u8>, ChunkFooter) {
    let hash = blake3::hash(format!("{chunk:?}").as_bytes());
    let seed = hash.as_bytes().first_chunk().expect("a hash has 32 bytes");
    let random = SeededRandom::new(u64::from_le_bytes(*seed));
    let payload = random_bytes::<900>(&random)[..300 + 80 * (chunk.number as usize % 7)].to_vec();
    let stages = vec![StageRecord { plain_length: 3 * BLOCK_LENGTH, nonce: Vec::new() }];
    let kind = match chunk.stream {
        StreamNumber::INDEX => ChunkKind::IndexPage,
        _ => ChunkKind::Data,
    };
    let plain_length = 3 * BLOCK_LENGTH;
    let header = ChunkHeader { chunk, session, kind, plain_length, stages, context };
    let block = |ordinal| BlockEntry {
        ordinal,
        length: BLOCK_LENGTH,
        identity: BlockIdentity(random_bytes(&random)),
    };
    let blocks = match kind {
        ChunkKind::Data => (0..3).map(block).collect(),
        _ => Vec::new(),
    };
    (header, payload, ChunkFooter { chunk, context: None, blocks, needs: Vec::new() })
}

pub(crate) fn context() -> Context {
    Context { epoch: 0, chain: vec![0], ..Context::default() }
}

fn append(
    writer: &mut StoreWriter,
    log: &mut Log,
    (header, payload, footer): (ChunkHeader, Vec<u8>, ChunkFooter),
) -> Result<RunChunk> {
    let stored_length = payload.len() as u32;
    let number = header.chunk.number;
    log.appended.push((header.chunk, payload.clone()));
    let appended = writer.append_chunk(&header, &payload, &footer);
    log.acknowledged = writer.acknowledged().chunks as usize;
    appended?;
    Ok(RunChunk { number, stored_length, stored_crc: 0 })
}

fn ended(header: &ArchiveHeader, withheld: Vec<Withheld>) -> ArchiveFooter {
    ArchiveFooter {
        archive: header.archive,
        session: header.session,
        entry_count: 3,
        withheld,
        ..ArchiveFooter::default()
    }
}

/// The session: archive `one` with its context in each chunk, `three` in a run.
pub(crate) fn session(writer: &mut StoreWriter, seed: u64, log: &mut Log) -> Result<()> {
    let header = session_header(writer, seed);
    let session = header.session;
    let (component, bytes) = component();
    writer.begin_session(&header, &[(component, &bytes[..])])?;
    let one = archive_header(session, seed, "one");
    let id = |archive, stream, number| ChunkId { archive, stream, number };
    let three = ArchiveHeader { framing: Framing::Run, ..archive_header(session, seed, "three") };
    writer.begin_archive(&one)?;
    for number in 0..7 {
        let id = id(one.archive, StreamNumber(0), number);
        append(writer, log, chunk(id, session, ContextPlace::Here(context())))?;
    }
    writer.begin_archive(&three)?;
    let first = id(three.archive, StreamNumber(0), 0);
    let run = RunHeader { first, session, context: context() };
    writer.append_run_header(&run)?;
    let mut chunks = Vec::new();
    for number in 0..6 {
        let id = id(three.archive, StreamNumber(0), number);
        chunks.push(append(writer, log, chunk(id, session, ContextPlace::Run(0)))?);
    }
    writer.append_run_footer(&RunFooter { header: run, chunks })?;
    let index = id(one.archive, StreamNumber::INDEX, 0);
    append(writer, log, chunk(index, session, ContextPlace::Here(context())))?;
    let withheld = Withheld { chunk: id(one.archive, StreamNumber(0), 2), ordinal: 1 };
    log.ended.push(one.archive);
    writer.end_archive(&ended(&one, vec![withheld]))?;
    log.finished.push(one.archive);
    log.ended.push(three.archive);
    writer.end_archive(&ended(&three, Vec::new()))?;
    let ended = Timestamp { seconds: 9, nanoseconds: 10 };
    let (status, groups) = (SessionStatus::Complete, vec![group(1)]);
    writer.end_session(&SessionFooter { ended, status, header, groups })?;
    log.finished.push(three.archive);
    log.acknowledged = writer.acknowledged().chunks as usize;
    Ok(())
}

/// Holds what a store says against what its writer was promised.
pub(crate) fn check(store: &Store, log: &Log) {
    let payloads: BTreeMap<_, _> = log.appended.iter().cloned().collect();
    for (chunk, payload) in &log.appended[..log.acknowledged] {
        let read = store.read_chunk(chunk).unwrap();
        assert_eq!((&read.payload, &read.context), (payload, &context()));
        store.verify_chunk(chunk).unwrap();
    }
    let archives = store.archives().unwrap();
    for finished in &log.finished {
        let record = archives.iter().find(|record| record.header.archive == *finished).unwrap();
        assert!(record.footer.is_some() && !record.header_lost, "{record:?}");
    }
    for record in archives.iter().filter(|record| record.footer.is_some()) {
        let archive = record.header.archive;
        let mine = |chunk: &&ChunkId| chunk.archive == archive;
        if log.appended.iter().any(|(chunk, _)| chunk.archive == archive) {
            assert!(log.ended.contains(&archive), "half-written and shown as finished");
        }
        for chunk in payloads.keys().filter(mine) {
            assert_eq!(store.read_chunk(chunk).unwrap().payload, payloads[chunk]);
        }
    }
    for (chunk, _) in &log.appended {
        let (_, _, footer) = self::chunk(*chunk, SessionId::default(), ContextPlace::Run(0));
        for block in footer.blocks {
            // Whatever a lookup gives can be read.
            if let Some(place) = store.lookup_blocks(&[block.identity], &[]).unwrap()[0] {
                assert_eq!((place.chunk, place.ordinal), (*chunk, block.ordinal));
                assert!(store.verify_chunk(&place.chunk).unwrap().blocks.contains(&block));
                let withheld = (chunk.number, block.ordinal) == (2, 1);
                let is_one = log.finished.first() == Some(&chunk.archive);
                assert!(!(withheld && is_one), "a withheld block is found");
            }
        }
    }
}

/// Every row of a catalog, as text.
pub(crate) fn rows(folder: &Path) -> Vec<String> {
    let connection = rusqlite::Connection::open(folder.join("catalog.sqlite")).unwrap();
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let mut statement = connection.prepare(tables).unwrap();
    let tables: Vec<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(rusqlite::Result::unwrap).collect();
    let mut all = Vec::new();
    for table in tables {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let count = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let value = |at| row.get::<_, rusqlite::types::Value>(at).unwrap();
            let values: Vec<_> = (0..count).map(value).collect();
            lines.push(format!("{table}: {values:?}"));
        }
        lines.sort_unstable();
        all.append(&mut lines);
    }
    all
}

//! A store's catalog: filled by a writer, asked for blocks, made anew.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use format::{
    ArchiveHeader, ArchiveId, BlockEntry, BlockIdentity, ChunkFooter, ChunkHeader, ChunkId,
    ChunkKind, Context, ContextPlace, Framing, SessionHeader, SessionId, StreamNumber, Timestamp,
};
use mover::ambient::{SeededRandom, SteppingClock};
use mover::key::unencrypted_group;
use mover::store::{CommitWindow, Store, StoreConfig, StoreWriter, rebuild};

use crate::counted;
use crate::random::Random;

const SESSION: SessionId = SessionId([3; 16]);
const ARCHIVE: ArchiveId = ArchiveId([1; 16]);
const CHUNK_COUNT: u64 = 250;
/// As of a chunk of 1 MiB that is cut into blocks of 64 KiB.
const BLOCK_COUNT: u32 = 16;
/// Short: what bytes cost stands elsewhere.
const PAYLOAD_LENGTH: usize = 512;

/// A store that commits when it is told to, and not by how slow the machine is.
fn config(folder: &Path) -> StoreConfig {
    let window = CommitWindow { bytes: u64::MAX, interval: Duration::MAX };
    let clock = Arc::new(SteppingClock::default());
    let random = Arc::new(SeededRandom::new(1));
    StoreConfig { window, clock, random, ..StoreConfig::new(folder.join("store")) }
}

/// Its blocks have identities that follow from the number.
fn chunk(number: u64) -> (ChunkHeader, ChunkFooter) {
    let chunk = ChunkId { archive: ARCHIVE, stream: StreamNumber(0), number };
    let mut random = Random::new(number);
    let block = |ordinal| BlockEntry {
        ordinal,
        length: 64 << 10,
        identity: BlockIdentity(random.bytes(32).try_into().expect("so many were asked for")),
    };
    let blocks = (0..BLOCK_COUNT).map(block).collect();
    let header = ChunkHeader {
        chunk,
        session: SESSION,
        kind: ChunkKind::Data,
        plain_length: BLOCK_COUNT * (64 << 10),
        stages: Vec::new(),
        context: ContextPlace::Here(Context::default()),
    };
    (header, ChunkFooter { chunk, context: None, blocks, needs: Vec::new() })
}

/// A writer whose session and archive are begun.
fn writer(config: &StoreConfig) -> StoreWriter {
    let group = unencrypted_group(config.random.as_ref(), config.clock.as_ref());
    let store = Store::create(config, &group).expect("a new store");
    let mut writer = StoreWriter::open(config, "loops").expect("nobody else writes");
    let session = SessionHeader {
        session: SESSION,
        store,
        job: "loops".to_owned(),
        writer: [1; 32],
        software: "loops".to_owned(),
        started: Timestamp::default(),
        components: Vec::new(),
        epochs: Vec::new(),
    };
    writer.begin_session(&session, &[]).expect("a write");
    let archive = ArchiveHeader {
        archive: ARCHIVE,
        session: SESSION,
        name: "loops".to_owned(),
        source: [2; 32],
        started: Timestamp::default(),
        parent: ArchiveId::default(),
        framing: Framing::Each,
    };
    writer.begin_archive(&archive).expect("a write");
    writer
}

fn fill(writer: &mut StoreWriter, chunks: &[(ChunkHeader, ChunkFooter)], payload: &[u8]) {
    for (header, footer) in chunks {
        writer.append_chunk(header, payload, footer).expect("a write");
    }
    writer.commit().expect("a commit");
}

fn filled(folder: &Path) -> StoreConfig {
    let config = config(folder);
    let chunks: Vec<_> = (0..CHUNK_COUNT).map(chunk).collect();
    fill(&mut writer(&config), &chunks, &[0; PAYLOAD_LENGTH]);
    config
}

/// The tail of an archive: chunks with their tables, and one commit.
pub(crate) fn committed(folder: &Path) -> u64 {
    let mut writer = writer(&config(folder));
    let chunks: Vec<_> = (0..CHUNK_COUNT).map(chunk).collect();
    let payload = [0; PAYLOAD_LENGTH];
    counted(|| fill(&mut writer, &chunks, &payload));
    CHUNK_COUNT * u64::from(BLOCK_COUNT)
}

/// The question of each window, by turns for blocks that are there and that are not.
pub(crate) fn looked_up(folder: &Path) -> u64 {
    let store = Store::open(&filled(folder)).expect("a store");
    let identities = |number| chunk(number).1.blocks.into_iter().map(|block| block.identity);
    // Every fourth number: half of them are those of chunks that are there.
    let asked: Vec<Vec<_>> =
        (0..CHUNK_COUNT / 2).map(|number| identities(number * 4).collect()).collect();
    // The first question opens a connection.
    store.lookup_blocks(&asked[0], &[]).expect("an answer");
    let found = counted(|| {
        let lookup = |window: &Vec<_>| store.lookup_blocks(window, &[]).expect("an answer");
        asked.iter().map(lookup).map(|found| found.iter().flatten().count()).sum::<usize>()
    });
    let count = asked.iter().map(Vec::len).sum::<usize>();
    assert!(found > count / 3 && found < count, "{found} of {count}");
    count as u64
}

/// Where each lies, and its frame; what its bytes cost stands elsewhere.
pub(crate) fn read(folder: &Path) -> u64 {
    let store = Store::open(&filled(folder)).expect("a store");
    let id = |number| ChunkId { archive: ARCHIVE, stream: StreamNumber(0), number };
    // The first question opens a connection and a volume.
    store.read_chunk(&id(0)).expect("a chunk");
    counted(|| {
        for number in 0..CHUNK_COUNT {
            store.read_chunk(&id(number)).expect("a chunk");
        }
    });
    CHUNK_COUNT
}

/// The catalog from the volumes alone.
pub(crate) fn recovered(folder: &Path) -> u64 {
    let config = filled(folder);
    let rebuilt = counted(|| rebuild(&config)).expect("a catalog");
    assert_eq!(rebuilt.chunks, CHUNK_COUNT);
    CHUNK_COUNT * u64::from(BLOCK_COUNT)
}

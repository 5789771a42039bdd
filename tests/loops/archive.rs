//! Entries and blocks into chunks and an index, and back.

use std::path::Path;
use std::sync::Arc;

use format::{
    ArchiveFooter, ArchiveId, BlockIdentity, ChunkId, Entry, EntryEnd, EntryKind, Extent,
    IndexEntry, Options, Run, StoreId, StreamNumber, Timestamp, Verdict,
};
use mover::Result;
use mover::archive::{
    Arrived, BlockPlace, ChunkProvider, ChunkSink, DecodedChunk, IndexWriter, KnownBlocks,
    PackRoute, Packer, PlainChunk,
};
use mover::buffer::{Buffer, BufferPool};
use mover::key::DomainSecret;
use mover::session::{Contents, PathFilter};

use crate::counted;
use crate::random::Random;

const ARCHIVE: ArchiveId = ArchiveId([1; 16]);
const EARLIER: ArchiveId = ArchiveId([2; 16]);
const CHUNK_LENGTH: usize = 1 << 20;
/// The average of blocks as they are cut.
const BLOCK_LENGTH: usize = 64 << 10;
/// Too short to be looked for.
const SMALL_FILE_LENGTH: usize = 300;
const SMALL_FILE_COUNT: u64 = 3000;
const ENTRY_COUNT: u64 = 5000;

/// Keeps what it is given.
struct Sink {
    pool: BufferPool,
    chunks: Vec<PlainChunk>,
}

impl Sink {
    fn new() -> Sink {
        Sink { pool: BufferPool::new(16, CHUNK_LENGTH * 5 / 4), chunks: Vec::new() }
    }
}

impl ChunkSink for Sink {
    fn buffer(&mut self) -> Result<Buffer> {
        Ok(self.pool.acquire().expect("it is never closed"))
    }

    fn push(&mut self, chunk: PlainChunk) -> Result<()> {
        self.chunks.push(chunk);
        Ok(())
    }

    fn indexed(&self) -> u64 {
        self.chunks.len() as u64
    }
}

/// An earlier archive has every other block.
struct EveryOther;

impl KnownBlocks for EveryOther {
    fn find(&mut self, identity: &BlockIdentity, _domain: u16) -> Result<Option<BlockPlace>> {
        let number = identity.0[1].into();
        let chunk = ChunkId { archive: EARLIER, stream: StreamNumber(0), number };
        let place = BlockPlace { chunk, ordinal: 0, length: 4 << 10 };
        Ok((identity.0[0] % 2 == 1).then_some(place))
    }
}

fn packer() -> Packer<Sink, EveryOther> {
    let route = PackRoute { chunk_length: CHUNK_LENGTH, domain: 0, apart: false };
    Packer::new(ARCHIVE, StreamNumber(0), vec![route], Sink::new(), EveryOther)
}

/// In the order of paths.
pub(crate) fn entry(number: u64, size: usize) -> Entry {
    let (folder, file) = (number / 50, number % 50);
    let path = format!("usr/share/doc/package-{folder:04}/chapter-{file:02}.txt");
    let mut entry = Entry::new(path, EntryKind::File);
    entry.mode = 0o644;
    entry.mtime = Timestamp { seconds: 1_700_000_000, nanoseconds: 5 };
    entry.ctime = entry.mtime;
    entry.size = size as u64;
    (entry.device, entry.inode) = (7, number);
    entry
}

fn end(size: usize) -> EntryEnd {
    EntryEnd { size: size as u64, verdict: Verdict::Pass, faulty: false }
}

/// The one hash that is not in WebAssembly.
pub(crate) fn identified(_folder: &Path) -> u64 {
    let domain = DomainSecret::of_open_store(StoreId([7; 16]), "loops");
    let bytes = Random::new(1).bytes(32 * BLOCK_LENGTH);
    let identify = |block| domain.identity(block);
    counted(|| bytes.chunks(BLOCK_LENGTH).map(identify).collect::<Vec<_>>());
    bytes.len() as u64
}

fn small_files() -> (Vec<Entry>, Vec<u8>) {
    let entries = (0..SMALL_FILE_COUNT).map(|number| entry(number, SMALL_FILE_LENGTH));
    (entries.collect(), Random::new(1).bytes(SMALL_FILE_LENGTH))
}

fn pack(entries: &[Entry], bytes: &[u8]) -> Vec<PlainChunk> {
    let (mut packer, none) = (packer(), Options::default());
    let crc = format::checksum(bytes);
    for (number, entry) in (1..).zip(entries) {
        packer.begin(number, entry, &none).expect("a chunk");
        packer.data(0, bytes, crc, None).expect("a chunk");
        packer.end(end(bytes.len()), &[]).expect("a chunk");
    }
    packer.finish().expect("a chunk").0.chunks
}

/// Files that share chunks.
pub(crate) fn files_packed(_folder: &Path) -> u64 {
    let (entries, bytes) = small_files();
    let chunks = counted(|| pack(&entries, &bytes));
    assert!(chunks.len() > 1);
    SMALL_FILE_COUNT
}

/// One long file, of which every other block is known.
pub(crate) fn blocks_packed(_folder: &Path) -> u64 {
    const LENGTH: usize = 4 << 10;
    const COUNT: usize = 2048;
    let mut random = Random::new(1);
    let bytes = random.bytes(LENGTH);
    let crc = format::checksum(&bytes);
    let identity = |number: usize| {
        let mut identity: [u8; 32] = random.bytes(32).try_into().expect("so many were asked for");
        identity[0] = u8::from(number % 2 == 1);
        (BlockIdentity(identity), 0)
    };
    let identities: Vec<_> = (0..COUNT).map(identity).collect();
    let mut packer = packer();
    let entry = entry(0, COUNT * LENGTH);
    let (sink, ..) = counted(|| {
        packer.begin(1, &entry, &Options::default()).expect("a chunk");
        let mut offset = 0;
        for window in identities.chunks(16) {
            packer.expect(window).expect("an answer");
            for (identity, _) in window {
                packer.data(offset, &bytes, crc, Some(*identity)).expect("a chunk");
                offset += bytes.len() as u64;
            }
        }
        packer.end(end(COUNT * LENGTH), &[]).expect("a chunk");
        packer.finish().expect("a chunk")
    });
    assert!(sink.chunks.iter().map(|chunk| chunk.blocks.len()).sum::<usize>() == COUNT / 2);
    COUNT as u64
}

/// What a restore does with the chunks of small files before it writes any of them.
pub(crate) fn blocks_opened(_folder: &Path) -> u64 {
    let (entries, bytes) = small_files();
    let chunks = pack(&entries, &bytes);
    let open = |it: PlainChunk| DecodedChunk::of_blocks(it.chunk, it.plain).expect("it is sound");
    let opened: Vec<_> = counted(|| chunks.into_iter().map(open).collect());
    opened.iter().map(|chunk| u64::from(chunk.shape().0)).sum()
}

/// Files with one extent each.
fn index_entries() -> Vec<IndexEntry> {
    let of = |number: u64| {
        let chunk = ChunkId { archive: ARCHIVE, stream: StreamNumber(0), number: number / 1000 };
        let first = u32::try_from(number % 1000).expect("less than a thousand");
        let length = SMALL_FILE_LENGTH as u64;
        IndexEntry {
            number: number + 1,
            entry: entry(number, SMALL_FILE_LENGTH),
            extents: vec![Extent::Data(Run { chunk, first, count: 1, length })],
            verdict: Verdict::Pass,
            faulty: false,
            findings: Vec::new(),
            options: Options::default(),
        }
    };
    (0..ENTRY_COUNT).map(of).collect()
}

/// Chunks of the index, and how many of them are pages and roots.
fn index(entries: &[IndexEntry]) -> (Vec<PlainChunk>, (u64, u64)) {
    let (mut sink, mut writer) = (Sink::new(), IndexWriter::new(ARCHIVE, Arrived::default()));
    for entry in entries {
        writer.push(entry, &mut sink).expect("a chunk");
    }
    let counts = writer.finish(&mut sink).expect("a chunk");
    (sink.chunks, counts)
}

/// What every archive ends with.
pub(crate) fn entries_indexed(_folder: &Path) -> u64 {
    let entries = index_entries();
    let (_, (pages, roots)) = counted(|| index(&entries));
    assert!(pages > 1 && roots == 1);
    ENTRY_COUNT
}

/// The chunks of an index, as they come out of a cache.
struct Index(Vec<Arc<DecodedChunk>>);

impl ChunkProvider for Index {
    fn chunk(&self, chunk: &ChunkId) -> Result<Arc<DecodedChunk>> {
        let at = usize::try_from(chunk.number).expect("it was asked for by its number");
        Ok(Arc::clone(&self.0[at]))
    }
}

/// What a restore, a listing and the comparison with the parent archive go along.
pub(crate) fn entries_listed(_folder: &Path) -> u64 {
    let (chunks, (index_page_count, index_root_count)) = index(&index_entries());
    let decoded = |it: PlainChunk| Arc::new(DecodedChunk::of_index(it.chunk, it.plain));
    let index = Index(chunks.into_iter().map(decoded).collect());
    let archive = ARCHIVE;
    let footer =
        ArchiveFooter { archive, index_page_count, index_root_count, ..ArchiveFooter::default() };
    let count = counted(|| {
        let contents = Contents::open(&index, &footer, PathFilter::default()).expect("a root");
        contents.inspect(|entry| assert!(entry.is_ok(), "a page")).count()
    });
    count as u64
}

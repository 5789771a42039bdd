//! Packs entries and blocks into chunks: small things share one, and known blocks become
//! references. What goes in comes in order; full chunks go out through a [`ChunkSink`].

use std::collections::{BTreeSet, HashMap, HashSet};

use format::{
    ArchiveId, BlockEntry, BlockIdentity, ChunkId, ChunkKind, Entry, EntryEnd, Extent, Finding,
    Options, Run, StreamNumber, TagHeader, TagKind, Verdict, Withheld, limits,
};

use super::{Arrived, Needs, PlainChunk};
use crate::buffer::Buffer;
use crate::error::{Error, ErrorKind, Result};

/// A shorter block is stored where it stands: a reference to it would save next to nothing,
/// and its identity in the block table would cost more than that.
pub const DEDUPE_LENGTH_MIN: usize = 512;

/// What an archive's footer has room for beside the chunks that it needs: told while it is packed,
/// and not when all of it has been written. SPEC 4.5.
const WITHHELD_COUNT_MAX: usize = (limits::FRAME_PAYLOAD_LENGTH_MAX as usize - (8 << 20)) / 32;

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockPlace {
    /// The chunk.
    pub chunk: ChunkId,
    /// Its ordinal among the chunk's data blocks.
    pub ordinal: u32,
    /// Its plain bytes.
    pub length: u32,
}

/// The data index, as far as packing needs it.
pub trait KnownBlocks {
    /// Says which blocks will be asked for next, each with the domain that it is to be found in, so
    /// that one question can answer for them all.
    fn expect(&mut self, _blocks: &[(BlockIdentity, u16)]) -> Result<()> {
        Ok(())
    }
    /// Where a block of this identity lies, if the store has it in this domain.
    fn find(&mut self, identity: &BlockIdentity, domain: u16) -> Result<Option<BlockPlace>>;
}

/// Where full chunks go.
pub trait ChunkSink {
    /// An empty buffer for the next chunk; waits for one.
    fn buffer(&mut self) -> Result<Buffer>;
    /// Takes a full chunk.
    fn push(&mut self, chunk: PlainChunk) -> Result<()>;
    /// All chunks of the stream below this number are in the data index now.
    fn indexed(&self) -> u64;
    /// Hears of a data chunk that is full, before it is pushed: how far it reaches, so that a
    /// later session can go on behind it. None where no entry is open at its end.
    fn checkpoint(&mut self, _chunk: u64, _open: Option<&Position<'_>>) -> Result<()> {
        Ok(())
    }
    /// Hears of runs that must never be referred to.
    fn withhold(&mut self, _runs: &[Run]) {}
}

/// How far the open entry is in chunks that are full.
#[derive(Debug)]
pub struct Position<'a> {
    /// The entry's number in the archive.
    pub number: u64,
    /// The entry.
    pub entry: &'a Entry,
    /// The number of its next block.
    pub next_block: u32,
    /// Where its next byte lies in its content.
    pub offset: u64,
    /// Where its content lies up to there.
    pub extents: &'a [Extent],
    /// What of that was written for this entry.
    pub written: &'a [Run],
}

/// What packing has to know of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackRoute {
    /// Plain bytes of a chunk, about.
    pub chunk_length: usize,
    /// Routes of one domain may refer to each other's blocks; see [`KnownBlocks`].
    pub domain: u16,
    /// Each file with content begins a chunk of its own.
    pub apart: bool,
}

/// A block of this session that the data index may not show yet.
#[derive(Clone, Copy, Debug)]
struct Recent {
    number: u64,
    ordinal: u32,
    length: u32,
}

/// The chunk being filled.
#[derive(Debug)]
struct Open {
    route: u16,
    plain: Buffer,
    /// Bytes of content that it stands for, those included that it only refers to.
    covered: u64,
    data_count: u32,
    blocks: Vec<BlockEntry>,
    needs: BTreeSet<ChunkId>,
}

/// The entry being packed.
#[derive(Debug, Default)]
struct OpenEntry {
    /// 0 where none is open.
    number: u64,
    entry: Option<Box<Entry>>,
    next_block: u32,
    /// Where its next byte lies.
    offset: u64,
    extents: Vec<Extent>,
    /// What of the extents was written for this entry, and so is garbage if it is withheld.
    written: Vec<Run>,
    /// References not yet written, and where the first of them begins in the entry.
    pending: Vec<Run>,
    pending_offset: u64,
}

/// What became of an entry.
#[derive(Debug)]
pub struct Ended {
    /// Where its content lies.
    pub extents: Vec<Extent>,
}

/// An entry that an earlier session began; see [`Position`].
#[derive(Clone, Debug)]
pub struct ResumedEntry {
    /// Its number in the archive.
    pub number: u64,
    /// The entry.
    pub entry: Entry,
    /// The number of its next block.
    pub next_block: u32,
    /// Where its next byte lies in its content.
    pub offset: u64,
    /// Where its content lies up to there.
    pub extents: Vec<Extent>,
    /// What of that was written for this entry.
    pub written: Vec<Run>,
}

/// A chunk stands for this many times its own length of content, at most.
const COVERED_FACTOR: u64 = 64;

/// Runs in one reference block, at most.
const RUN_COUNT_MAX: usize = 1024;

/// Packs one stream of an archive.
#[derive(Debug)]
pub struct Packer<S, K> {
    archive: ArchiveId,
    stream: StreamNumber,
    routes: Vec<PackRoute>,
    /// The route of what comes next.
    route: u16,
    sink: S,
    known: K,
    number: u64,
    open: Option<Open>,
    entry: OpenEntry,
    /// By domain.
    recent: HashMap<(BlockIdentity, u16), Recent>,
    withheld: HashSet<(ChunkId, u32)>,
    needs: Needs,
    deduplicated_length: u64,
}

impl<S: ChunkSink, K: KnownBlocks> Packer<S, K> {
    /// Packs chunks for routes, of which the first is taken until [`Packer::turn_to`] says else.
    pub fn new(
        archive: ArchiveId,
        stream: StreamNumber,
        routes: Vec<PackRoute>,
        sink: S,
        known: K,
    ) -> Packer<S, K> {
        Packer {
            archive,
            stream,
            routes,
            route: 0,
            sink,
            known,
            number: 0,
            open: None,
            entry: OpenEntry::default(),
            recent: HashMap::new(),
            withheld: HashSet::new(),
            needs: Needs::default(),
            deduplicated_length: 0,
        }
    }

    /// Where the chunks go.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    /// Bytes of content that were found to be known, other than in unchanged files.
    pub fn deduplicated_length(&self) -> u64 {
        self.deduplicated_length
    }

    /// Goes on with an archive as an earlier session left it. What has `arrived` of it is needed,
    /// and what comes has numbers from `number` on; others before that are needed only where
    /// something refers to them. `needs` are those of the entries that are complete.
    pub fn resume(
        &mut self,
        (arrived, number): (&Arrived, u64),
        withheld: &[Withheld],
        open: Option<ResumedEntry>,
        needs: Needs,
    ) {
        self.needs = needs;
        for number in arrived.numbers() {
            let (archive, stream) = (self.archive, self.stream);
            self.needs.insert(ChunkId { archive, stream, number });
        }
        self.number = number;
        self.withheld.extend(withheld.iter().map(|block| (block.chunk, block.ordinal)));
        if let Some(ResumedEntry { number, entry, next_block, offset, extents, written }) = open {
            self.reuse(&extents);
            let entry = Some(Box::new(entry));
            self.entry = OpenEntry {
                number,
                entry,
                next_block,
                offset,
                extents,
                written,
                ..OpenEntry::default()
            };
        }
    }

    /// The route that what comes next takes. Chunks of one archive are of one order whatever their
    /// route is, so that a session can go on behind any of them: turning ends the open chunk.
    pub fn turn_to(&mut self, route: u16) -> Result<()> {
        if route != self.route {
            self.flush_references()?;
            self.seal()?;
            self.route = route;
        }
        Ok(())
    }

    /// The route of the chunk that is open, or of what comes next.
    pub fn route(&self) -> u16 {
        self.route
    }

    /// Where blocks of a route may be found.
    pub fn domain_of(&self, route: u16) -> u16 {
        self.routes[usize::from(route)].domain
    }

    /// Says which blocks come next, with their domains.
    pub fn expect(&mut self, blocks: &[(BlockIdentity, u16)]) -> Result<()> {
        // Before the question: what is indexed by now is in the answer.
        let indexed = self.sink.indexed();
        self.recent.retain(|_, recent| recent.number >= indexed);
        self.known.expect(blocks)
    }

    /// Gives up the open entry: what it has written stays, and nothing shows it.
    pub fn abandon(&mut self) {
        self.entry = OpenEntry::default();
    }

    /// Says something of the archive itself; before the first entry.
    pub fn describe(&mut self, options: &Options) -> Result<()> {
        self.tag(TagKind::Metadata, 0, 0, &[], crc32c(&[]), options)
    }

    /// Opens an entry; `options` say which filters its content went through.
    pub fn begin(&mut self, number: u64, entry: &Entry, options: &Options) -> Result<()> {
        match self.routes[usize::from(self.route)].apart && entry.size > 0 {
            true => self.seal()?,
            false => self.seal_if_full()?,
        }
        let entry_copy = Some(Box::new(entry.clone()));
        self.entry = OpenEntry { number, entry: entry_copy, ..OpenEntry::default() };
        let mut bytes = Vec::with_capacity(256);
        entry.encode(&mut bytes);
        self.tag(TagKind::Entry, 0, 0, &bytes, crc32c(&bytes), options)
    }

    /// Adds a block of content. `identity` is given where the block is long enough to look for.
    pub fn data(
        &mut self,
        offset: u64,
        bytes: &[u8],
        crc: u32,
        identity: Option<BlockIdentity>,
    ) -> Result<()> {
        if let Some(identity) = &identity
            && let Some(place) = self.find(identity, bytes.len())?
        {
            self.deduplicated_length += bytes.len() as u64;
            return self.refer(offset, place.as_run());
        }
        self.flush_references()?;
        self.seal_if_full()?;
        let (chunk, ordinal) = (self.chunk_id(), self.open()?.data_count);
        let length = u32::try_from(bytes.len()).expect("a block is bounded");
        let block = self.next_block();
        self.tag(TagKind::Data, offset, block, bytes, crc, &Options::default())?;
        self.entry.offset = offset + bytes.len() as u64;
        let open = self.open()?;
        open.covered += bytes.len() as u64;
        open.data_count += 1;
        if let Some(identity) = identity {
            open.blocks.push(BlockEntry { ordinal, length, identity });
            let recent = Recent { number: chunk.number, ordinal, length };
            let domain = self.domain_of(self.route);
            self.recent.insert((identity, domain), recent);
        }
        let run = Run { chunk, first: ordinal, count: 1, length: length.into() };
        push_run(&mut self.entry.written, run);
        push_extent(&mut self.entry.extents, run);
        Ok(())
    }

    /// Adds a hole.
    pub fn hole(&mut self, offset: u64, length: u64) -> Result<()> {
        self.flush_references()?;
        self.seal_if_full()?;
        let block = self.next_block();
        let bytes = length.to_le_bytes();
        self.tag(TagKind::Hole, offset, block, &bytes, crc32c(&bytes), &Options::default())?;
        self.entry.extents.push(Extent::Hole(length));
        self.entry.offset = offset + length;
        Ok(())
    }

    /// Notes what an unchanged file needs. Nothing of it goes into the stream: it stands in the
    /// index alone, so that a further archive of a tree costs what has changed in it (SPEC 6.3).
    pub fn reuse(&mut self, extents: &[Extent]) {
        for extent in extents {
            if let Extent::Data(run) = extent {
                self.needs.insert(run.chunk);
            }
        }
    }

    /// Closes the entry.
    pub fn end(&mut self, end: EntryEnd, findings: &[Finding]) -> Result<Ended> {
        self.flush_references()?;
        if !findings.is_empty() {
            let mut options = Options::default();
            for finding in findings {
                let mut value = Vec::new();
                finding.encode(&mut value);
                // What does not fit is in the report; the verdict itself always stands.
                if options.encoded_length() + value.len() + 6 < format::limits::OPTIONS_LENGTH_MAX {
                    options.push(Finding::OPTION, value);
                }
            }
            self.tag(TagKind::Metadata, 0, 0, &[], crc32c(&[]), &options)?;
        }
        let mut bytes = Vec::with_capacity(10);
        end.encode(&mut bytes);
        self.tag(TagKind::End, 0, 0, &bytes, crc32c(&bytes), &Options::default())?;
        let entry = std::mem::take(&mut self.entry);
        if end.verdict >= Verdict::Hold {
            self.withhold(&entry.written)?;
        }
        Ok(Ended { extents: entry.extents })
    }

    /// Seals the last chunk. Gives what the archive needs, and what must not be referred to.
    pub fn finish(mut self) -> Result<(S, Needs, Vec<Withheld>)> {
        self.seal()?;
        let withheld = self.withheld.iter();
        let mut withheld: Vec<_> = withheld
            .map(|(chunk, ordinal)| Withheld { chunk: *chunk, ordinal: *ordinal })
            .collect();
        withheld.sort_unstable();
        Ok((self.sink, self.needs, withheld))
    }

    /// Looks among this session's blocks and in the data index; length and identity must agree.
    fn find(&mut self, identity: &BlockIdentity, length: usize) -> Result<Option<BlockPlace>> {
        let domain = self.domain_of(self.route);
        let place = match self.recent.get(&(*identity, domain)) {
            Some(recent) => Some(BlockPlace {
                chunk: ChunkId {
                    archive: self.archive,
                    stream: self.stream,
                    number: recent.number,
                },
                ordinal: recent.ordinal,
                length: recent.length,
            }),
            None => self.known.find(identity, domain)?,
        };
        // Held blocks are never referred to, even before the data index has forgotten them.
        Ok(place.filter(|place| {
            place.length as usize == length
                && !self.withheld.contains(&(place.chunk, place.ordinal))
        }))
    }

    fn refer(&mut self, offset: u64, run: Run) -> Result<()> {
        if self.entry.pending.is_empty() {
            self.entry.pending_offset = offset;
        }
        push_run(&mut self.entry.pending, run);
        push_extent(&mut self.entry.extents, run);
        self.needs.insert(run.chunk);
        self.entry.offset = offset + run.length;
        match self.entry.pending.len() > RUN_COUNT_MAX {
            true => self.flush_references(),
            false => Ok(()),
        }
    }

    fn flush_references(&mut self) -> Result<()> {
        if self.entry.pending.is_empty() {
            return Ok(());
        }
        let runs = std::mem::take(&mut self.entry.pending);
        let mut bytes = Vec::with_capacity(runs.len() * Run::LEN);
        let here = self.chunk_id();
        for run in &runs {
            run.encode(&mut bytes);
            if run.chunk != here {
                self.open()?.needs.insert(run.chunk);
            }
        }
        let (offset, block) = (self.entry.pending_offset, self.next_block());
        self.open()?.covered += runs.iter().map(|run| run.length).sum::<u64>();
        self.tag(TagKind::Reference, offset, block, &bytes, crc32c(&bytes), &Options::default())?;
        // Nothing is pending now: a chunk ends only where a session could go on.
        self.seal_if_full()
    }

    fn withhold(&mut self, written: &[Run]) -> Result<()> {
        let places = |run: &Run| {
            let chunk = run.chunk;
            (run.first..run.first + run.count).map(move |ordinal| (chunk, ordinal))
        };
        self.withheld.extend(written.iter().flat_map(places));
        if self.withheld.len() > WITHHELD_COUNT_MAX {
            let message = "more blocks are held or left out than one archive can tell of";
            return Err(Error::new(ErrorKind::Unsupported, message).way_out(
                "exclude such files from it, or archive them apart, in smaller archives",
            ));
        }
        self.sink.withhold(written);
        if let Some(open) = &mut self.open {
            let here = ChunkId { archive: self.archive, stream: self.stream, number: self.number };
            open.blocks.retain(|block| !self.withheld.contains(&(here, block.ordinal)));
        }
        let (archive, stream) = (self.archive, self.stream);
        self.recent.retain(|_, recent| {
            let chunk = ChunkId { archive, stream, number: recent.number };
            !self.withheld.contains(&(chunk, recent.ordinal))
        });
        Ok(())
    }

    fn next_block(&mut self) -> u32 {
        self.entry.next_block += 1;
        self.entry.next_block - 1
    }

    fn chunk_id(&self) -> ChunkId {
        ChunkId { archive: self.archive, stream: self.stream, number: self.number }
    }

    fn tag(
        &mut self,
        kind: TagKind,
        offset: u64,
        block: u32,
        bytes: &[u8],
        crc: u32,
        options: &Options,
    ) -> Result<()> {
        let length = u32::try_from(bytes.len()).expect("blocks are bounded");
        let tag = TagHeader { kind, entry: self.entry.number, offset, block, length, crc };
        let plain = &mut self.open()?.plain;
        tag.encode(options, plain);
        plain.extend_from_slice(bytes);
        Ok(())
    }

    fn open(&mut self) -> Result<&mut Open> {
        if self.open.is_none() {
            self.open = Some(Open {
                route: self.route,
                plain: self.sink.buffer()?,
                covered: 0,
                data_count: 0,
                blocks: Vec::new(),
                needs: BTreeSet::new(),
            });
        }
        Ok(self.open.as_mut().expect("opened above"))
    }

    fn seal_if_full(&mut self) -> Result<()> {
        // One of references alone ends too, or a session that is cut would go far back.
        let chunk_length = self.routes[usize::from(self.route)].chunk_length;
        let covered_max = chunk_length as u64 * COVERED_FACTOR;
        let full = |open: &Open| open.plain.len() >= chunk_length || open.covered >= covered_max;
        match self.open.as_ref().is_some_and(full) {
            true => self.seal(),
            false => Ok(()),
        }
    }

    fn seal(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let chunk = self.chunk_id();
        self.needs.insert(chunk);
        self.number += 1;
        let position = self.entry.entry.as_ref().map(|entry| Position {
            number: self.entry.number,
            entry,
            next_block: self.entry.next_block,
            offset: self.entry.offset,
            extents: &self.entry.extents,
            written: &self.entry.written,
        });
        self.sink.checkpoint(chunk.number, position.as_ref())?;
        self.sink.push(PlainChunk {
            chunk,
            kind: ChunkKind::Data,
            route: open.route,
            plain: open.plain,
            blocks: open.blocks,
            needs: open.needs.into_iter().collect(),
            is_bare: open.covered == 0,
        })
    }
}

impl BlockPlace {
    fn as_run(&self) -> Run {
        Run { chunk: self.chunk, first: self.ordinal, count: 1, length: self.length.into() }
    }
}

/// Adds a run, joined to the last where they are neighbours.
fn push_run(runs: &mut Vec<Run>, run: Run) {
    if let Some(last) = runs.last_mut()
        && last.chunk == run.chunk
        && last.first + last.count == run.first
    {
        last.count += run.count;
        last.length += run.length;
        return;
    }
    runs.push(run);
}

fn push_extent(extents: &mut Vec<Extent>, run: Run) {
    if let Some(Extent::Data(last)) = extents.last_mut()
        && last.chunk == run.chunk
        && last.first + last.count == run.first
    {
        last.count += run.count;
        last.length += run.length;
        return;
    }
    extents.push(Extent::Data(run));
}

fn crc32c(bytes: &[u8]) -> u32 {
    format::checksum(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nowhere;

    impl ChunkSink for Nowhere {
        fn buffer(&mut self) -> Result<Buffer> {
            panic!("nothing is packed")
        }

        fn push(&mut self, _chunk: PlainChunk) -> Result<()> {
            panic!("nothing is packed")
        }

        fn indexed(&self) -> u64 {
            0
        }
    }

    impl KnownBlocks for Nowhere {
        fn find(&mut self, _: &BlockIdentity, _: u16) -> Result<Option<BlockPlace>> {
            Ok(None)
        }
    }

    #[test]
    fn more_withheld_blocks_than_a_footer_has_room_for_are_refused_while_packing() {
        let archive = ArchiveId([1; 16]);
        let mut packer = Packer::new(archive, StreamNumber(0), Vec::new(), Nowhere, Nowhere);
        let chunk = ChunkId { archive, stream: StreamNumber(0), number: 7 };
        let run = |first, count| Run { chunk, first, count, length: 1 };
        let most = u32::try_from(WITHHELD_COUNT_MAX).unwrap();
        packer.withhold(&[run(0, most)]).unwrap();
        let refused = packer.withhold(&[run(most, 1)]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unsupported);
    }
}

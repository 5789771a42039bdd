//! Puts entries together from an archive's data stream alone: slower than the index, and there
//! for when a part of the index is damaged. Unchanged entries are not in it (SPEC 6.4).

use std::collections::{HashMap, VecDeque};

use format::{
    ArchiveId, ChunkId, Entry, EntryEnd, EntryKind, Extent, Finding, IndexEntry, Options, Run,
    StreamNumber, TagKind, Tagged, Verdict,
};

use super::ChunkProvider;
use crate::error::{Error, ErrorKind, Result};

/// The entry that was opened last.
struct Open {
    number: u64,
    entry: Entry,
    extents: Vec<Extent>,
    findings: Vec<Finding>,
    options: Options,
}

/// Reads a stream from its first chunk to its last.
pub struct StreamReader<'a> {
    chunks: &'a dyn ChunkProvider,
    archive: ArchiveId,
    next: u64,
    end: u64,
    open: Option<Open>,
    ready: VecDeque<IndexEntry>,
    /// Content of files with several names; the later names have none of their own.
    links: HashMap<u64, (Vec<Extent>, Options)>,
    failures: u32,
}

/// Chunks in a row that may be unreadable: how many there are is a claim of the archive's footer.
const FAILURE_COUNT_MAX: u32 = 1024;

impl<'a> StreamReader<'a> {
    /// Reads `count` chunks of stream 0.
    pub fn open(chunks: &'a dyn ChunkProvider, archive: ArchiveId, count: u64) -> StreamReader<'a> {
        let (open, ready, links) = (None, VecDeque::new(), HashMap::new());
        StreamReader { chunks, archive, next: 0, end: count, open, ready, links, failures: 0 }
    }

    fn read_chunk(&mut self) -> Result<()> {
        let (archive, stream) = (self.archive, StreamNumber(0));
        let id = ChunkId { archive, stream, number: self.next };
        self.next += 1;
        let chunk = self.chunks.chunk(&id).inspect_err(|_| self.open = None)?;
        let mut ordinal = 0;
        for tagged in format::blocks(chunk.plain()) {
            let taken = tagged.and_then(|tagged| {
                let taken = self.take(id, ordinal, &tagged);
                ordinal += u32::from(tagged.tag.kind == TagKind::Data);
                taken
            });
            taken.map_err(|cause| {
                self.open = None;
                Error::new(ErrorKind::Damaged, id.to_string()).because(cause)
            })?;
        }
        Ok(())
    }

    fn take(&mut self, chunk: ChunkId, ordinal: u32, tagged: &Tagged<'_>) -> format::Result<()> {
        if tagged.tag.kind == TagKind::Entry {
            let (number, entry) = (tagged.tag.entry, Entry::decode(tagged.block)?);
            let (extents, findings) = (Vec::new(), Vec::new());
            let options = tagged.options.clone();
            self.open = Some(Open { number, entry, extents, findings, options });
            return Ok(());
        }
        // What belongs to an entry whose beginning was lost is lost with it.
        let Some(open) = self.open.as_mut().filter(|open| open.number == tagged.tag.entry) else {
            return Ok(());
        };
        match tagged.tag.kind {
            TagKind::Entry => {}
            TagKind::Data => {
                let length = tagged.tag.length.into();
                open.extents.push(Extent::Data(Run { chunk, first: ordinal, count: 1, length }));
            }
            TagKind::Reference => {
                open.extents.extend(Run::decode_all(tagged.block)?.into_iter().map(Extent::Data));
            }
            TagKind::Hole => open.extents.push(Extent::Hole(tagged.hole_length()?)),
            TagKind::Metadata => {
                for value in tagged.options.get(Finding::OPTION) {
                    open.findings.push(Finding::decode(value)?);
                }
            }
            TagKind::End => {
                let end = EntryEnd::decode(tagged.block)?;
                self.close(end);
            }
        }
        Ok(())
    }

    fn close(&mut self, end: EntryEnd) {
        let Some(Open { number, mut entry, mut extents, findings, mut options }) = self.open.take()
        else {
            return;
        };
        let length = if entry.kind == EntryKind::File { end.size } else { 0 };
        // What filters made of a file is of another length.
        if options.is_empty() {
            entry.size = length;
        }
        if entry.link_group != 0 && entry.kind == EntryKind::File {
            if extents.is_empty() {
                let linked = self.links.get(&entry.link_group).cloned();
                (extents, options) = linked.unwrap_or_default();
            } else {
                self.links.insert(entry.link_group, (extents.clone(), options.clone()));
            }
        }
        // Never show less of a file than there was: its first name may have been lost.
        let whole = extents.iter().map(Extent::length).sum::<u64>() == length;
        if end.verdict != Verdict::Stop && whole {
            let (verdict, faulty) = (end.verdict, end.faulty);
            self.ready.push_back(IndexEntry {
                number,
                entry,
                extents,
                verdict,
                faulty,
                findings,
                options,
            });
        }
    }
}

impl Iterator for StreamReader<'_> {
    type Item = Result<IndexEntry>;

    /// The next entry in path order; an error costs the entries that its chunk touches.
    fn next(&mut self) -> Option<Result<IndexEntry>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Some(Ok(entry));
            }
            if self.next >= self.end || self.failures > FAILURE_COUNT_MAX {
                return None;
            }
            match self.read_chunk() {
                Ok(()) => self.failures = 0,
                Err(error) => {
                    self.failures += 1;
                    return Some(Err(error));
                }
            }
        }
    }
}

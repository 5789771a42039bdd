//! Writes an archive's index while its entries come by, and reads it page by page.

use std::sync::Arc;

use format::{
    ArchiveFooter, ArchiveId, ChunkId, ChunkKind, Extent, IndexEntry, IndexPageWriter, PageEntry,
    StreamNumber, compare_paths, index_entries,
};

use super::{Arrived, ChunkProvider, ChunkSink, DecodedChunk, PlainChunk};
use crate::error::{Error, ErrorKind, Result};

/// Plain bytes of a page, about: small enough that finding one path reads little.
const PAGE_LENGTH: usize = 256 << 10;

/// Collects entries in path order into pages; pages and root go out as chunks of the index stream.
#[derive(Debug)]
pub struct IndexWriter {
    archive: ArchiveId,
    page: IndexPageWriter,
    root: Vec<PageEntry>,
    number: u64,
    /// Chunks that are in the store already.
    arrived: Arrived,
    /// Visible entries so far.
    pub entry_count: u64,
    /// Their content so far.
    pub content_length: u64,
}

impl IndexWriter {
    /// An empty index, of which an earlier session has brought some chunks into the store: the same
    /// entries make the same pages, so they are not made into chunks again.
    pub fn new(archive: ArchiveId, arrived: Arrived) -> IndexWriter {
        IndexWriter {
            archive,
            page: IndexPageWriter::default(),
            root: Vec::new(),
            number: 0,
            arrived,
            entry_count: 0,
            content_length: 0,
        }
    }

    /// Adds an entry. One with very many extents becomes several records of the same number.
    pub fn push(&mut self, entry: &IndexEntry, sink: &mut impl ChunkSink) -> Result<()> {
        self.entry_count += 1;
        self.content_length += entry.extents.iter().map(Extent::length).sum::<u64>();
        each_record(entry, |record| self.push_record(record, sink))
    }

    fn push_record(&mut self, record: &IndexEntry, sink: &mut impl ChunkSink) -> Result<()> {
        self.page.push(record);
        match self.page.encoded_length() >= PAGE_LENGTH {
            true => self.seal(sink),
            false => Ok(()),
        }
    }

    fn seal(&mut self, sink: &mut impl ChunkSink) -> Result<()> {
        let mut plain = sink.buffer()?;
        self.root.push(self.page.finish(&mut plain));
        self.emit(ChunkKind::IndexPage, plain, sink)
    }

    fn emit(
        &mut self,
        kind: ChunkKind,
        plain: crate::buffer::Buffer,
        sink: &mut impl ChunkSink,
    ) -> Result<()> {
        let chunk =
            ChunkId { archive: self.archive, stream: StreamNumber::INDEX, number: self.number };
        self.number += 1;
        if self.arrived.has(chunk.number) {
            return Ok(());
        }
        // The way that everything goes which no rule sends elsewhere.
        let (route, blocks, needs) = (0, Vec::new(), Vec::new());
        sink.push(PlainChunk { chunk, kind, route, plain, blocks, needs, is_bare: true })
    }

    /// Sends the last page and the root; gives how many chunks of each there are.
    pub fn finish(mut self, sink: &mut impl ChunkSink) -> Result<(u64, u64)> {
        if !self.page.is_empty() {
            self.seal(sink)?;
        }
        let page_count = self.number;
        let root = std::mem::take(&mut self.root);
        let mut plain = sink.buffer()?;
        for page in &root {
            page.encode(&mut plain);
            if plain.len() >= PAGE_LENGTH {
                let full = std::mem::replace(&mut plain, sink.buffer()?);
                self.emit(ChunkKind::IndexRoot, full, sink)?;
            }
        }
        self.emit(ChunkKind::IndexRoot, plain, sink)?;
        Ok((page_count, self.number - page_count))
    }
}

/// Reads an archive's index.
#[derive(Debug)]
pub struct IndexReader {
    archive: ArchiveId,
    pages: Vec<PageEntry>,
}

impl IndexReader {
    /// Reads the root.
    pub fn open(chunks: &dyn ChunkProvider, footer: &ArchiveFooter) -> Result<IndexReader> {
        let archive = footer.archive;
        let mut pages = Vec::new();
        let roots = footer.index_page_count..footer.index_page_count + footer.index_root_count;
        for number in roots {
            let chunk = chunks.chunk(&index_chunk(archive, number))?;
            let entries = PageEntry::decode_all(chunk.plain());
            pages.extend(entries.map_err(|cause| damaged(chunk.chunk, cause))?);
        }
        if pages.len() as u64 != footer.index_page_count {
            let message = format!("the index of archive {archive} lists another number of pages");
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        Ok(IndexReader { archive, pages })
    }

    /// How many pages there are.
    pub fn page_count(&self) -> usize {
        self.pages.len()
    }

    /// What the root says of a page.
    pub fn page_entry(&self, page: usize) -> &PageEntry {
        &self.pages[page]
    }

    /// The address of a page's chunk.
    pub fn page_chunk(&self, page: usize) -> ChunkId {
        index_chunk(self.archive, page as u64)
    }

    /// The first page that can hold `path`; those after it may go on with what lies below it.
    pub fn page_of(&self, path: &[u8]) -> usize {
        let after =
            self.pages.partition_point(|page| compare_paths(&page.first_path, path).is_lt());
        // The record itself may be the last of the page before the first that begins with it.
        after.saturating_sub(1)
    }

    /// Reads a page.
    pub fn page(&self, chunks: &dyn ChunkProvider, page: usize) -> Result<Vec<IndexEntry>> {
        let chunk: Arc<DecodedChunk> = chunks.chunk(&self.page_chunk(page))?;
        let entries = index_entries(chunk.plain()).map_err(|cause| damaged(chunk.chunk, cause))?;
        entries.collect::<format::Result<_>>().map_err(|cause| damaged(chunk.chunk, cause))
    }
}

/// An entry for tests, with so many extents.
#[cfg(test)]
pub(crate) fn entry_of_extents(number: u64, extents: usize) -> IndexEntry {
    IndexEntry {
        number,
        entry: format::Entry::new(format!("file-{number}"), format::EntryKind::File),
        extents: vec![Extent::Hole(4096); extents],
        verdict: format::Verdict::Pass,
        faulty: false,
        findings: Vec::new(),
        options: format::Options::default(),
    }
}

/// Gives `take` the records of an entry: several of the same number where it has very many extents.
pub fn each_record(
    entry: &IndexEntry,
    mut take: impl FnMut(&IndexEntry) -> Result<()>,
) -> Result<()> {
    let most = format::limits::EXTENT_COUNT_MAX;
    if entry.extents.len() <= most {
        return take(entry);
    }
    entry.extents.chunks(most).try_for_each(|extents| {
        // By its fields: a clone would have all extents each time.
        take(&IndexEntry {
            number: entry.number,
            entry: entry.entry.clone(),
            extents: extents.to_vec(),
            verdict: entry.verdict,
            faulty: entry.faulty,
            findings: entry.findings.clone(),
            options: entry.options.clone(),
        })
    })
}

/// Joins following records of the same entry.
pub fn join_records(last: &mut Option<IndexEntry>, record: IndexEntry) -> Option<IndexEntry> {
    match last {
        Some(open) if open.number == record.number => {
            open.extents.extend(record.extents);
            None
        }
        _ => last.replace(record),
    }
}

fn index_chunk(archive: ArchiveId, number: u64) -> ChunkId {
    ChunkId { archive, stream: StreamNumber::INDEX, number }
}

fn damaged(chunk: ChunkId, cause: format::Error) -> Error {
    Error::new(ErrorKind::Damaged, chunk.to_string()).because(cause)
}

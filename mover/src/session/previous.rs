//! The parent archive: the newest one of the same source, compared with so that unchanged files
//! are not read. Its index comes from the store, or, on a machine that cannot read what it writes,
//! from the local record that it sealed when it wrote it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use format::{
    ArchiveId, ChunkId, ComponentEntry, Extent, IndexEntry, IndexPageWriter, Role, Timestamp,
    index_entries,
};

use super::access::WriteAccess;
use super::feed::{Comparison, Previous};
use super::progress::Observer;
use crate::archive::{ChunkProvider, IndexReader, each_record, join_records};
use crate::error::{Error, ErrorKind, Result};
use crate::key::{RecordKey, StateFolder};
use crate::store::ReadStore;

/// An archive to compare with.
pub(super) struct Parent<'a> {
    pub(super) archive: ArchiveId,
    started: Timestamp,
    previous: Box<dyn Previous + 'a>,
}

impl<'a> Parent<'a> {
    pub(super) fn into_comparison(self) -> Comparison<'a> {
        Comparison::new(self.previous, self.started)
    }
}

/// Where a parent is looked for.
pub(super) struct Search<'a> {
    pub(super) store: &'a dyn ReadStore,
    pub(super) chunks: &'a (dyn ChunkProvider + Sync),
    pub(super) source: [u8; 32],
}

impl<'a> Search<'a> {
    /// The parent, if there is one that can be compared with. Files would go unseen by snoops that
    /// the parent did not have; then there is none, and all is read.
    pub(super) fn find(
        &self,
        access: &WriteAccess,
        table: &[ComponentEntry],
        observer: &dyn Observer,
    ) -> Result<Option<Parent<'a>>> {
        if access.keeps_record {
            return Ok(self.record(&access.state, table));
        }
        let archives = self.store.archives()?;
        let newest = archives.iter().rev().find(|archive| {
            let of_source = archive.header.source == self.source && archive.dropped.is_none();
            of_source && archive.footer.is_some()
        });
        let Some(newest) = newest else { return Ok(None) };
        let footer = newest.footer.as_ref().expect("looked for");
        let header = &newest.header;
        let opened = self.store.session(&header.session).and_then(|session| {
            let reader = IndexReader::open(self.chunks, footer)?;
            Ok((session, reader))
        });
        let (session, reader) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                observer.note(&format!(
                    "the last archive of this source cannot be compared with, so that every file \
                     is read: {error}"
                ));
                return Ok(None);
            }
        };
        if snoops_digest(&session.components) != snoops_digest(table) {
            observer
                .note("the snoops are not those of the last archive, so that every file is read");
            return Ok(None);
        }
        let previous = StoredIndex {
            pages: Pages::default(),
            reader,
            chunks: self.chunks,
            stored: Stored::new(self.store),
        };
        let previous = Box::new(previous);
        Ok(Some(Parent { archive: header.archive, started: header.started, previous }))
    }

    /// The parent by the local record; whatever is wrong with it, it is only a cache.
    fn record(&self, state: &StateFolder, table: &[ComponentEntry]) -> Option<Parent<'a>> {
        let key = state.record_key().ok()?;
        let file = File::open(record_path(state, self.source)).ok()?;
        let mut input = key.open(BufReader::new(file)).ok()?;
        let mut head = [0; RECORD_HEAD_LEN];
        input.read_exact(&mut head).ok()?;
        let (archive, started, snoops) = decode_head(&head);
        if snoops != snoops_digest(table) {
            return None;
        }
        let previous = SealedIndex {
            input: Box::new(input),
            pages: Pages::default(),
            stored: Stored::new(self.store),
        };
        Some(Parent { archive, started, previous: Box::new(previous) })
    }
}

/// Entries out of pages, with records of one entry joined.
#[derive(Default)]
struct Pages {
    page: usize,
    records: std::vec::IntoIter<IndexEntry>,
    last: Option<IndexEntry>,
    /// Nothing is behind the last page, to be asked for again.
    is_over: bool,
}

impl Pages {
    fn next(
        &mut self,
        mut read: impl FnMut(usize) -> Result<Option<Vec<IndexEntry>>>,
    ) -> Result<Option<IndexEntry>> {
        while !self.is_over {
            for record in self.records.by_ref() {
                if let Some(whole) = join_records(&mut self.last, record) {
                    return Ok(Some(whole));
                }
            }
            match read(self.page)? {
                Some(records) => self.records = records.into_iter(),
                None => {
                    self.is_over = true;
                    return Ok(self.last.take());
                }
            }
            self.page += 1;
        }
        Ok(None)
    }
}

/// Answers whether the chunks of an entry are still there.
struct Stored<'a> {
    store: &'a dyn ReadStore,
    known: HashMap<ChunkId, bool>,
}

/// Answers that are remembered; neighbours in a tree lie in the same chunks.
const KNOWN_COUNT_MAX: usize = 4096;
/// Chunks that are asked for at once: the next entries lie in the next ones.
const ASKED_COUNT: u64 = 256;

impl<'a> Stored<'a> {
    fn new(store: &'a dyn ReadStore) -> Stored<'a> {
        Stored { store, known: HashMap::new() }
    }

    fn has_all(&mut self, entry: &IndexEntry) -> bool {
        entry.extents.iter().all(|extent| match extent {
            Extent::Hole(_) => true,
            Extent::Data(run) => self.has(run.chunk),
        })
    }

    fn has(&mut self, chunk: ChunkId) -> bool {
        if let Some(known) = self.known.get(&chunk) {
            return *known;
        }
        if self.known.len() >= KNOWN_COUNT_MAX {
            self.known.clear();
        }
        // A data index that cannot answer is a reason to read the file, not to fail.
        let asked: Vec<ChunkId> = (0..ASKED_COUNT)
            .map(|ahead| ChunkId { number: chunk.number + ahead, ..chunk })
            .collect();
        let Ok(places) = self.store.chunk_places(&asked) else { return false };
        self.known
            .extend(asked.iter().zip(&places).map(|(chunk, place)| (*chunk, place.is_some())));
        self.known[&chunk]
    }
}

/// The parent's index in the store.
struct StoredIndex<'a> {
    reader: IndexReader,
    chunks: &'a (dyn ChunkProvider + Sync),
    pages: Pages,
    stored: Stored<'a>,
}

impl Previous for StoredIndex<'_> {
    fn next(&mut self) -> Option<Result<IndexEntry>> {
        let (reader, chunks) = (&self.reader, self.chunks);
        let read = |page| match page < reader.page_count() {
            true => reader.page(chunks, page).map(Some),
            false => Ok(None),
        };
        self.pages.next(read).transpose()
    }

    fn is_stored(&mut self, entry: &IndexEntry) -> bool {
        self.stored.has_all(entry)
    }
}

/// The parent's index in the local record.
struct SealedIndex<'a> {
    input: Box<dyn Read + Send>,
    pages: Pages,
    stored: Stored<'a>,
}

impl Previous for SealedIndex<'_> {
    fn next(&mut self) -> Option<Result<IndexEntry>> {
        let input = &mut self.input;
        self.pages.next(|_| read_page(input)).transpose()
    }

    fn is_stored(&mut self, entry: &IndexEntry) -> bool {
        self.stored.has_all(entry)
    }
}

/// Archive id, begin, and a digest of the snoops; pages follow, each behind its length.
const RECORD_HEAD_LEN: usize = 16 + 12 + 32;
/// Plain bytes of a page, about.
const RECORD_PAGE_LENGTH: usize = 256 << 10;

fn read_page(input: &mut impl Read) -> Result<Option<Vec<IndexEntry>>> {
    let failed = |cause| Error::io("reading", "the local record", cause);
    let mut length = [0; 4];
    input.read_exact(&mut length).map_err(failed)?;
    let length = u32::from_le_bytes(length);
    if length == 0 {
        return Ok(None);
    }
    let mut page = vec![0; length as usize];
    input.read_exact(&mut page).map_err(failed)?;
    let damaged =
        |cause: format::Error| Error::new(ErrorKind::Damaged, "the local record").because(cause);
    let entries = index_entries(&page).map_err(damaged)?;
    entries.collect::<format::Result<_>>().map(Some).map_err(damaged)
}

fn decode_head(head: &[u8; RECORD_HEAD_LEN]) -> (ArchiveId, Timestamp, [u8; 32]) {
    let (archive, rest) = head.split_at(16);
    let (seconds, rest) = rest.split_at(8);
    let (nanoseconds, snoops) = rest.split_at(4);
    let started = Timestamp {
        seconds: i64::from_le_bytes(seconds.try_into().expect("8 bytes")),
        nanoseconds: u32::from_le_bytes(nanoseconds.try_into().expect("4 bytes")),
    };
    let archive = ArchiveId(archive.try_into().expect("16 bytes"));
    (archive, started, snoops.try_into().expect("32 bytes"))
}

fn record_path(state: &StateFolder, source: [u8; 32]) -> PathBuf {
    state.path().join(format!("{}.record", &hex::encode(source)[..32]))
}

fn snoops_digest(table: &[ComponentEntry]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for entry in table.iter().filter(|entry| entry.role == Role::Snoop) {
        hasher.update(&entry.digest.0);
        hasher.update(&entry.config_digest.0);
    }
    *hasher.finalize().as_bytes()
}

/// Seals the index of an archive as it is written, for the next one on this machine.
pub(super) struct RecordWriter {
    output: crate::key::Sealer<BufWriter<tempfile::NamedTempFile>>,
    page: IndexPageWriter,
    path: PathBuf,
}

impl RecordWriter {
    /// A record beside the last one.
    pub(super) fn create(
        state: &StateFolder,
        source: [u8; 32],
        archive: ArchiveId,
        started: Timestamp,
        table: &[ComponentEntry],
    ) -> Result<RecordWriter> {
        let key: RecordKey = state.record_key()?;
        let path = record_path(state, source);
        let file = tempfile::NamedTempFile::new_in(state.path())
            .map_err(|cause| Error::io("making a record in", state.path(), cause))?;
        let mut output = key.seal(BufWriter::new(file))?;
        let mut head = Vec::with_capacity(RECORD_HEAD_LEN);
        head.extend_from_slice(&archive.0);
        head.extend_from_slice(&started.seconds.to_le_bytes());
        head.extend_from_slice(&started.nanoseconds.to_le_bytes());
        head.extend_from_slice(&snoops_digest(table));
        output.write_all(&head).map_err(|cause| Error::io("writing", &path, cause))?;
        Ok(RecordWriter { output, page: IndexPageWriter::default(), path })
    }

    fn write_page(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        self.page.finish(&mut bytes);
        let length = u32::try_from(bytes.len()).expect("a page is bounded");
        self.output
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.output.write_all(&bytes))
            .map_err(|cause| Error::io("writing", &self.path, cause))
    }

    /// Puts the record in the place of the last one.
    pub(super) fn finish(mut self) -> Result<()> {
        if !self.page.is_empty() {
            self.write_page()?;
        }
        let path = self.path;
        let failed = |cause| Error::io("writing", &path, cause);
        self.output.write_all(&0u32.to_le_bytes()).map_err(failed)?;
        let file = self.output.finish().map_err(failed)?;
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}

impl RecordWriter {
    /// Adds an entry.
    pub(super) fn push(&mut self, entry: &IndexEntry) -> Result<()> {
        each_record(entry, |record| {
            self.page.push(record);
            match self.page.encoded_length() >= RECORD_PAGE_LENGTH {
                true => self.write_page(),
                false => Ok(()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use format::StoreId;

    use super::*;
    use crate::archive::entry_of_extents;

    #[test]
    fn a_record_has_entries_of_any_number_of_extents() {
        let base = tempfile::tempdir().unwrap();
        let state = StateFolder::open(Some(base.path()), StoreId([1; 16])).unwrap();
        let (source, archive) = ([2; 32], ArchiveId([3; 16]));
        let started = Timestamp::default();
        let mut writer = RecordWriter::create(&state, source, archive, started, &[]).unwrap();
        let entries = [entry_of_extents(1, 200_000), entry_of_extents(2, 1)];
        entries.iter().for_each(|entry| writer.push(entry).unwrap());
        writer.finish().unwrap();
        let file = File::open(record_path(&state, source)).unwrap();
        let mut input = state.record_key().unwrap().open(BufReader::new(file)).unwrap();
        let mut head = [0; RECORD_HEAD_LEN];
        input.read_exact(&mut head).unwrap();
        let mut pages = Pages::default();
        for expected in &entries {
            let found = pages.next(|_| read_page(&mut input)).unwrap().unwrap();
            assert!(found == *expected, "{} extents", found.extents.len());
        }
        assert!(pages.next(|_| read_page(&mut input)).unwrap().is_none());
    }
}

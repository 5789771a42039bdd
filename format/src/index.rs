//! An archive's own index: every entry in path order, with where its content lies. SPEC 9.2.

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::id::ChunkId;
use crate::limits;
use crate::options::Options;
use crate::tag::{Run, Verdict, decode_verdict};
use crate::wire::{Put, Take};

/// A part of an entry's content, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Data blocks of one chunk.
    Data(Run),
    /// So many bytes that are not there and read as zeros.
    Hole(u64),
}

impl Extent {
    /// Bytes of content.
    pub fn length(&self) -> u64 {
        match self {
            Extent::Data(run) => run.length,
            Extent::Hole(length) => *length,
        }
    }
}

/// Something that a snoop found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// The component that found it.
    pub component: String,
    /// What it is.
    pub name: String,
    /// Where in the entry it begins.
    pub offset: u64,
    /// How long it is; 0 where it is about the whole entry.
    pub length: u32,
    /// A detail; may be empty.
    pub detail: String,
}

impl Finding {
    /// Appends it; also the value of the option [`Finding::OPTION`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_bytes(self.component.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_bytes(self.name.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_u64(self.offset);
        out.put_u32(self.length);
        out.put_bytes(self.detail.as_bytes(), limits::NAME_LENGTH_MAX);
    }

    /// The key of an option of a metadata tag that holds a finding.
    pub const OPTION: u16 = 1;

    fn take(take: &mut Take<'_>) -> Result<Finding> {
        Ok(Finding {
            component: take.text(limits::NAME_LENGTH_MAX)?,
            name: take.text(limits::NAME_LENGTH_MAX)?,
            offset: take.u64()?,
            length: take.u32()?,
            detail: take.text(limits::NAME_LENGTH_MAX)?,
        })
    }

    /// Reads one that fills `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Finding> {
        let mut take = Take::new("finding", bytes);
        let finding = Finding::take(&mut take)?;
        take.end()?;
        Ok(finding)
    }
}

/// One entry of an index, or a part of one: an entry with more extents than
/// [`limits::EXTENT_COUNT_MAX`] is followed by records of the same number, whose extents go on
/// where those of the record before ended. All else in them repeats the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// The entry's number in its archive.
    pub number: u64,
    /// The entry.
    pub entry: Entry,
    /// Its content, at most [`limits::EXTENT_COUNT_MAX`] extents. Every name of a hard-linked file
    /// has it, so that each can be restored alone.
    pub extents: Vec<Extent>,
    /// What the snoops said; never [`Verdict::Stop`], which leaves an entry out.
    pub verdict: Verdict,
    /// It was read with faults.
    pub faulty: bool,
    /// What they found.
    pub findings: Vec<Finding>,
    /// What else a reader has to know: the filters that its content went through, see
    /// [`crate::FilterRecord`]. A reader refuses mandatory ones that it does not know.
    pub options: Options,
}

/// Flags of a record.
const FAULTY: u8 = 1;
const OPTIONS: u8 = 2;

const DATA: u8 = 1;
const HOLE: u8 = 2;
/// A hole is the shortest extent: a kind and a length.
const EXTENT_LEN_MIN: usize = 9;
/// A finding without a word in it.
const FINDING_LEN_MIN: usize = 24;

/// A page under construction. Chunks are named once a page, by their place in its table.
#[derive(Debug, Default)]
pub struct IndexPageWriter {
    chunks: Vec<ChunkId>,
    places: std::collections::HashMap<ChunkId, u32>,
    count: u32,
    entries: Vec<u8>,
    first_path: Vec<u8>,
}

impl IndexPageWriter {
    /// Adds an entry; paths must ascend by [`crate::compare_paths`].
    ///
    /// Panics on more extents than [`limits::EXTENT_COUNT_MAX`].
    pub fn push(&mut self, entry: &IndexEntry) {
        if self.count == 0 {
            self.first_path.clone_from(&entry.entry.path);
        }
        self.count += 1;
        let out = &mut self.entries;
        out.put_u64(entry.number);
        entry.entry.encode(out);
        out.put_u8(entry.verdict as u8);
        let flags = u8::from(entry.faulty) * FAULTY + u8::from(!entry.options.is_empty()) * OPTIONS;
        out.put_u8(flags);
        out.put_count(entry.extents.len(), limits::EXTENT_COUNT_MAX);
        for extent in &entry.extents {
            match extent {
                Extent::Hole(length) => {
                    out.put_u8(HOLE);
                    out.put_u64(*length);
                }
                Extent::Data(run) => {
                    let next = u32::try_from(self.chunks.len()).expect("bounded by limits");
                    let place = *self.places.entry(run.chunk).or_insert_with(|| {
                        self.chunks.push(run.chunk);
                        next
                    });
                    out.put_u8(DATA);
                    out.put_u32(place);
                    out.put_u32(run.first);
                    out.put_u32(run.count);
                    out.put_u64(run.length);
                }
            }
        }
        out.put_count(entry.findings.len(), limits::FINDING_COUNT_MAX);
        for finding in &entry.findings {
            finding.encode(out);
        }
        if !entry.options.is_empty() {
            entry.options.encode(out);
        }
    }

    /// Bytes that [`IndexPageWriter::finish`] would give now.
    pub fn encoded_length(&self) -> usize {
        8 + self.chunks.len() * ChunkId::LEN + self.entries.len()
    }

    /// Whether no entry was added since the last page.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends the page's plain bytes, gives what the root says of it, and begins another page.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> PageEntry {
        out.put_count(self.chunks.len(), limits::CHUNK_PLAIN_LENGTH_MAX as usize);
        for chunk in &self.chunks {
            chunk.encode(out);
        }
        out.put_u32(self.count);
        out.put_raw(&self.entries);
        let page =
            PageEntry { entry_count: self.count, first_path: std::mem::take(&mut self.first_path) };
        self.chunks.clear();
        self.places.clear();
        self.count = 0;
        self.entries.clear();
        page
    }
}

/// Reads the entries of a page's plain bytes in order; ends after the first error.
pub fn index_entries(plain: &[u8]) -> Result<impl Iterator<Item = Result<IndexEntry>> + '_> {
    let mut take = Take::new("index page", plain);
    let count = take.count(limits::CHUNK_PLAIN_LENGTH_MAX as usize, ChunkId::LEN)?;
    let chunks: Vec<ChunkId> =
        (0..count).map(|_| ChunkId::decode(&mut take)).collect::<Result<_>>()?;
    let mut left = take.u32()?;
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let next = if left == 0 {
            let surplus = !take.rest().is_empty();
            failed = true;
            return surplus.then_some(Err(Error::Invalid {
                what: "index page",
                rule: "no bytes follow the last entry",
            }));
        } else {
            left -= 1;
            next_entry(&mut take, &chunks)
        };
        failed = next.is_err();
        Some(next)
    }))
}

fn next_entry(take: &mut Take<'_>, chunks: &[ChunkId]) -> Result<IndexEntry> {
    let what = "index page";
    let number = take.u64()?;
    if number == 0 {
        return Err(take.invalid("entries are numbered from 1"));
    }
    let entry = Entry::take(take)?;
    let verdict = decode_verdict(take.u8()?)?;
    if verdict == Verdict::Stop {
        return Err(take.invalid("a stopped entry is left out"));
    }
    let flags = take.u8()?;
    if flags & !(FAULTY | OPTIONS) != 0 {
        return Err(Error::Unknown { what: "flag of an index record", value: flags.into() });
    }
    let faulty = flags & FAULTY != 0;
    let count = take.count(limits::EXTENT_COUNT_MAX, EXTENT_LEN_MIN)?;
    let mut extents = Vec::with_capacity(count);
    let mut total: u64 = 0;
    for _ in 0..count {
        let extent = match take.u8()? {
            HOLE => Extent::Hole(take.u64_at_most(limits::CONTENT_LENGTH_MAX)?),
            DATA => {
                let place = take.u32()? as usize;
                let chunk = *chunks.get(place).ok_or(Error::Invalid {
                    what,
                    rule: "an extent names a chunk of the page's table",
                })?;
                Extent::Data(Run::take(chunk, take)?)
            }
            value => return Err(Error::Unknown { what: "extent kind", value: value.into() }),
        };
        // Neither term passes 2^63, so that the sum cannot overflow.
        total += extent.length();
        if total > limits::CONTENT_LENGTH_MAX {
            return Err(take.invalid("extents together are bounded by limits"));
        }
        extents.push(extent);
    }
    let count = take.count(limits::FINDING_COUNT_MAX, FINDING_LEN_MIN)?;
    let findings = (0..count).map(|_| Finding::take(take)).collect::<Result<_>>()?;
    let options = match flags & OPTIONS {
        0 => Options::default(),
        _ => Options::decode(take)?,
    };
    if flags & OPTIONS != 0 && options.is_empty() {
        return Err(take.invalid("options that are announced are there"));
    }
    Ok(IndexEntry { number, entry, extents, verdict, faulty, findings, options })
}

/// What the root says of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageEntry {
    /// Its entries.
    pub entry_count: u32,
    /// The path of the first of them.
    pub first_path: Vec<u8>,
}

impl PageEntry {
    /// Appends it to a root chunk's plain bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.entry_count);
        out.put_bytes(&self.first_path, limits::PATH_LENGTH_MAX);
    }

    /// Reads all of a root chunk's plain bytes.
    pub fn decode_all(plain: &[u8]) -> Result<Vec<PageEntry>> {
        let mut take = Take::new("index root", plain);
        let mut pages = Vec::new();
        while !take.rest().is_empty() {
            let entry_count = take.u32()?;
            let first_path = take.bytes(limits::PATH_LENGTH_MAX)?.to_vec();
            pages.push(PageEntry { entry_count, first_path });
        }
        Ok(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(extents: Vec<Extent>) -> IndexEntry {
        let entry = Entry::new("a", crate::EntryKind::File);
        let (verdict, faulty, findings) = (Verdict::Pass, false, Vec::new());
        let options = Options::default();
        IndexEntry { number: 1, entry, extents, verdict, faulty, findings, options }
    }

    fn page(record: &IndexEntry) -> Vec<u8> {
        let (mut page, mut plain) = (IndexPageWriter::default(), Vec::new());
        page.push(record);
        page.finish(&mut plain);
        plain
    }

    fn read(plain: &[u8]) -> Result<Vec<IndexEntry>> {
        index_entries(plain)?.collect()
    }

    fn run(number: u64) -> Extent {
        let chunk = ChunkId { number, ..ChunkId::default() };
        Extent::Data(Run { chunk, first: 0, count: 1, length: 9 })
    }

    #[test]
    fn a_chunk_is_named_once_a_page() {
        let record = record(vec![run(5), run(4), run(5), Extent::Hole(7), run(5)]);
        let plain = page(&record);
        assert_eq!(plain[..4], [2, 0, 0, 0]);
        assert_eq!(read(&plain), Ok(vec![record]));
    }

    #[test]
    fn a_page_is_empty_before_its_first_entry_and_behind_its_end() {
        let mut page = IndexPageWriter::default();
        assert!(page.is_empty());
        page.push(&record(Vec::new()));
        assert!(!page.is_empty());
        page.finish(&mut Vec::new());
        assert!(page.is_empty());
    }

    #[test]
    fn a_record_has_so_many_extents_and_no_more() {
        let most = record(vec![Extent::Hole(1); limits::EXTENT_COUNT_MAX]);
        let mut plain = page(&most);
        assert_eq!(read(&plain), Ok(vec![most]));
        // Page head, number, entry, verdict and flag stand before the count.
        let at = 8 + 8 + 89 + 2;
        assert_eq!(plain[at..at + 4], [0, 0, 1, 0]);
        plain[at] = 1;
        let error = Error::Limit { what: "index page", limit: 65_536, found: 65_537 };
        assert_eq!(read(&plain), Err(error));
        let more = record(vec![Extent::Hole(1); limits::EXTENT_COUNT_MAX + 1]);
        assert!(std::panic::catch_unwind(|| page(&more)).is_err());
    }

    #[test]
    fn each_rule_has_its_error() {
        let plain = page(&record(vec![run(5)]));
        let check = |at: usize, value: u8, expected: fn(&Error) -> bool| {
            let mut plain = plain.clone();
            plain[at] = value;
            let error = read(&plain).expect_err("it was changed");
            assert!(expected(&error), "{at}: {error}");
        };
        let invalid = |error: &Error| matches!(error, Error::Invalid { .. });
        let verdict = 4 + 28 + 4 + 8 + 89;
        check(0, 9, |error| matches!(error, Error::Truncated { .. }));
        check(32, 0, invalid);
        check(32, 2, |error| matches!(error, Error::Truncated { .. }));
        check(36, 0, invalid);
        check(verdict, 3, invalid);
        check(verdict, 4, |error| matches!(error, Error::Unknown { what: "verdict", .. }));
        check(verdict + 1, 2, |error| matches!(error, Error::Truncated { .. }));
        check(verdict + 1, 4, |error| matches!(error, Error::Unknown { .. }));
        check(verdict + 6, 3, |error| matches!(error, Error::Unknown { what: "extent kind", .. }));
        check(verdict + 7, 1, invalid);
        check(verdict + 15, 0, invalid);
        check(verdict + 23, 0xff, |error| matches!(error, Error::Limit { .. }));
        check(verdict + 27, 65, |error| matches!(error, Error::Limit { limit: 64, .. }));
    }

    #[test]
    fn extents_together_cannot_overflow() {
        let hole = Extent::Hole(limits::CONTENT_LENGTH_MAX);
        assert!(read(&page(&record(vec![hole]))).is_ok());
        for more in [hole, Extent::Hole(1)] {
            let found = read(&page(&record(vec![hole, more])));
            assert!(matches!(found, Err(Error::Invalid { .. })));
        }
    }

    #[test]
    fn nothing_is_read_behind_an_error() {
        let mut plain = page(&record(Vec::new()));
        plain.push(0);
        let found: Vec<bool> =
            index_entries(&plain).expect("a page").map(|entry| entry.is_ok()).collect();
        assert_eq!(found, [true, false]);
    }
}

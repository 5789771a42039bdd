//! The entries of an archive in path order, all or those at and below some paths.
//!
//! They come from the index. Where a part of it is damaged, the entries of that part come from the
//! data stream, which has all that the archive read itself; only what was unchanged since the
//! parent archive is then missing, and that is said.

use std::collections::VecDeque;
use std::iter::Peekable;

use format::{
    ArchiveFooter, ArchiveHeader, ChunkId, ChunkRange, IndexEntry, StreamNumber, Verdict,
    compare_paths,
};

use crate::archive::{ChunkProvider, IndexReader, StreamReader, join_records};
use crate::error::{Error, ErrorKind, Result};
use crate::store::ReadStore;

/// Reads only the index pages that can hold what was asked for.
pub struct Contents<'a> {
    chunks: &'a dyn ChunkProvider,
    reader: Option<IndexReader>,
    footer: ArchiveFooter,
    filter: PathFilter,
    page: usize,
    records: std::vec::IntoIter<IndexEntry>,
    last: Option<IndexEntry>,
    /// What to say before going on.
    faults: VecDeque<Error>,
    /// Entries of the data stream, in the place of a damaged part of the index.
    instead: Option<Instead<'a>>,
    /// The path that was given last.
    given: Option<Vec<u8>>,
}

/// The data stream, between what came before a damaged part of the index and what comes behind.
struct Instead<'a> {
    stream: Peekable<StreamReader<'a>>,
    end: Option<Vec<u8>>,
}

impl<'a> Contents<'a> {
    /// Reads the index's root. Fails where not even the data stream could stand in for it.
    pub fn open(
        chunks: &'a dyn ChunkProvider,
        footer: &ArchiveFooter,
        filter: PathFilter,
    ) -> Result<Contents<'a>> {
        let mut contents = Contents {
            chunks,
            reader: None,
            footer: footer.clone(),
            filter,
            page: 0,
            records: Vec::new().into_iter(),
            last: None,
            faults: VecDeque::new(),
            instead: None,
            given: None,
        };
        if footer.index_root_count == 0 {
            // It was never finished: there is no index, and nothing is wrong with that.
            contents.instead = Some(contents.stream(None));
            return Ok(contents);
        }
        match IndexReader::open(chunks, footer) {
            Ok(reader) => contents.reader = Some(reader),
            Err(error) if is_damage(&error) => contents.stand_in(error, None),
            Err(error) => return Err(error),
        }
        Ok(contents)
    }

    /// Goes on with the data stream, up to the path `end` of the index.
    fn stand_in(&mut self, error: Error, end: Option<Vec<u8>>) {
        self.faults.push_back(error);
        self.faults.push_back(Error::new(
            ErrorKind::Damaged,
            "a part of the index is damaged: its entries are taken from the data stream, and those \
             that were unchanged since the archive before are missing here; restore them from that",
        ));
        self.instead = Some(self.stream(end));
    }

    /// The data stream, up to the path `end`.
    fn stream(&self, end: Option<Vec<u8>>) -> Instead<'a> {
        let own = |range: &&ChunkRange| {
            range.archive == self.footer.archive && range.stream == StreamNumber(0)
        };
        let ends = self.footer.needs.iter().filter(own).map(|range| range.first + range.count);
        let count = ends.max().unwrap_or(0);
        let stream = StreamReader::open(self.chunks, self.footer.archive, count).peekable();
        Instead { stream, end }
    }

    /// The next entry of the data stream that stands for the damaged part.
    fn next_instead(&mut self) -> Result<Option<IndexEntry>> {
        let Some(instead) = &mut self.instead else { return Ok(None) };
        loop {
            let behind = match instead.stream.peek() {
                None => true,
                Some(Err(_)) => false,
                Some(Ok(entry)) => instead
                    .end
                    .as_ref()
                    .is_some_and(|end| compare_paths(&entry.entry.path, end).is_ge()),
            };
            if behind {
                self.instead = None;
                return Ok(None);
            }
            let entry = instead.stream.next().expect("peeked at")?;
            let given = self.given.as_ref();
            if given.is_none_or(|given| compare_paths(&entry.entry.path, given).is_gt()) {
                return Ok(Some(entry));
            }
        }
    }

    /// The paths that were asked for and matched nothing so far.
    pub fn unmatched(&self) -> impl Iterator<Item = &[u8]> {
        let unmatched = self.filter.paths.iter().filter(|path| !path.matched);
        unmatched.map(|path| path.path.as_slice())
    }

    /// The paths that were asked for and matched held entries alone so far.
    pub fn only_held(&self) -> impl Iterator<Item = &[u8]> {
        let held = self.filter.paths.iter().filter(|path| path.matched && path.only_held);
        held.map(|path| path.path.as_slice())
    }

    /// Whether paths were asked for, and nothing but held entries matched any of them so far.
    pub fn is_all_held(&self) -> bool {
        let paths = &self.filter.paths;
        !paths.is_empty() && paths.iter().all(|path| !path.matched || path.only_held)
    }

    fn next_whole(&mut self) -> Result<Option<IndexEntry>> {
        loop {
            if let Some(error) = self.faults.pop_front() {
                return Err(error);
            }
            if let Some(entry) = self.next_instead()? {
                return Ok(Some(entry));
            }
            for record in self.records.by_ref() {
                if let Some(whole) = join_records(&mut self.last, record) {
                    return Ok(Some(whole));
                }
            }
            let Some(reader) = &self.reader else { return Ok(None) };
            while self.page < reader.page_count() && !may_match(&self.filter, reader, self.page) {
                self.page += 1;
            }
            if self.page >= reader.page_count() {
                return Ok(self.last.take());
            }
            let page = self.page;
            self.page += 1;
            match reader.page(self.chunks, page) {
                Ok(records) => self.records = records.into_iter(),
                Err(error) if is_damage(&error) => {
                    let next = (page + 1 < reader.page_count())
                        .then(|| reader.page_entry(page + 1).first_path.clone());
                    // What was read whole comes first.
                    let last = self.last.take();
                    if let Some(last) = &last {
                        self.given = Some(last.entry.path.clone());
                    }
                    self.stand_in(error, next);
                    if last.is_some() {
                        return Ok(last);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Chunks whose places are asked for at once.
const ASKED_COUNT: u64 = 1024;

/// A footer for an archive that has none: it needs the data chunks that are there, and has no index.
pub fn unfinished_footer(store: &dyn ReadStore, header: &ArchiveHeader) -> Result<ArchiveFooter> {
    let ArchiveHeader { archive, session, started, .. } = *header;
    let stream = StreamNumber(0);
    let mut count = 0;
    loop {
        let asked: Vec<ChunkId> = (count..count + ASKED_COUNT)
            .map(|number| ChunkId { archive, stream, number })
            .collect();
        let places = store.chunk_places(&asked)?;
        let there = places.iter().take_while(|place| place.is_some()).count() as u64;
        count += there;
        if there < ASKED_COUNT {
            break;
        }
    }
    let needs = match count {
        0 => Vec::new(),
        count => vec![ChunkRange { archive, stream, first: 0, count }],
    };
    Ok(ArchiveFooter {
        archive,
        session,
        finished: started,
        entry_count: 0,
        content_length: 0,
        fault_count: 0,
        index_page_count: 0,
        index_root_count: 0,
        needs,
        withheld: Vec::new(),
    })
}

fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing)
}

fn may_match(filter: &PathFilter, reader: &IndexReader, page: usize) -> bool {
    let first = &reader.page_entry(page).first_path;
    let next =
        (page + 1 < reader.page_count()).then(|| reader.page_entry(page + 1).first_path.as_slice());
    filter.may_match(first, next)
}

impl Iterator for Contents<'_> {
    type Item = Result<IndexEntry>;

    /// The next entry; an error is told once, and the next call goes on behind it.
    fn next(&mut self) -> Option<Result<IndexEntry>> {
        loop {
            match self.next_whole() {
                Ok(Some(entry)) => {
                    self.given = Some(entry.entry.path.clone());
                    if self.filter.matches(&entry.entry.path, entry.verdict >= Verdict::Hold) {
                        return Some(Ok(entry));
                    }
                }
                Ok(None) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Paths that were asked for; none means all.
#[derive(Clone, Debug, Default)]
pub struct PathFilter {
    paths: Vec<Asked>,
}

#[derive(Clone, Debug)]
struct Asked {
    path: Vec<u8>,
    matched: bool,
    only_held: bool,
}

impl PathFilter {
    /// Paths as an operator types them: `/a`, `./a` and `a/` all mean `a`; empty ones mean all.
    pub fn new<P: AsRef<[u8]>>(paths: impl IntoIterator<Item = P>) -> PathFilter {
        let clean = |path: P| {
            let components = path.as_ref().split(|byte| *byte == b'/');
            let named = components.filter(|name| !name.is_empty() && *name != b".");
            named.collect::<Vec<_>>().join(&b'/')
        };
        let mut paths: Vec<Vec<u8>> = paths.into_iter().map(clean).collect();
        if paths.iter().any(Vec::is_empty) {
            paths.clear();
        }
        let asked = |path| Asked { path, matched: false, only_held: true };
        PathFilter { paths: paths.into_iter().map(asked).collect() }
    }

    /// Whether everything is asked for.
    pub fn is_all(&self) -> bool {
        self.paths.is_empty()
    }

    /// The paths that were asked for.
    pub(super) fn paths(&self) -> impl Iterator<Item = &[u8]> {
        self.paths.iter().map(|asked| asked.path.as_slice())
    }

    fn matches(&mut self, path: &[u8], is_held: bool) -> bool {
        let mut matches = self.paths.is_empty();
        for asked in &mut self.paths {
            if is_at_or_below(path, &asked.path) {
                asked.matched = true;
                asked.only_held &= is_held;
                matches = true;
            }
        }
        matches
    }

    /// Whether a page from `first` up to the page that begins with `next` can hold a match.
    fn may_match(&self, first: &[u8], next: Option<&[u8]>) -> bool {
        self.paths.is_empty()
            || self.paths.iter().any(|asked| {
                let begins_before = format::compare_paths(first, &asked.path).is_le()
                    || is_at_or_below(first, &asked.path);
                // Equal counts too: the records of one entry may go on in the next page.
                let ends_behind =
                    next.is_none_or(|next| format::compare_paths(next, &asked.path).is_ge());
                begins_before && ends_behind
            })
    }
}

fn is_at_or_below(path: &[u8], top: &[u8]) -> bool {
    path.strip_prefix(top).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_as_people_type_them() {
        let mut filter = PathFilter::new(["/usr/lib/", "./etc"]);
        let mut matches = |path: &[u8]| filter.matches(path, false);
        assert!(matches(b"usr/lib") && matches(b"usr/lib/x") && matches(b"etc"));
        assert!(!matches(b"usr/library") && !matches(b"usr"));
        assert!(PathFilter::new(["."]).is_all());
    }

    #[test]
    fn only_pages_that_can_hold_a_path_are_read() {
        let filter = PathFilter::new(["b/c"]);
        assert!(!filter.may_match(b"", Some(b"b")));
        assert!(filter.may_match(b"b", Some(b"b/c")));
        assert!(filter.may_match(b"b", Some(b"b/d")));
        assert!(filter.may_match(b"b/c/x", None));
        assert!(!filter.may_match(b"b/d", None));
    }
}

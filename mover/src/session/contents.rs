//! The entries of an archive in path order, all or those at and below some paths.

use format::{ArchiveFooter, IndexEntry};

use crate::archive::{ChunkProvider, IndexReader, join_records};
use crate::error::Result;

/// Reads only the index pages that can hold what was asked for.
pub struct Contents<'a> {
    chunks: &'a dyn ChunkProvider,
    reader: IndexReader,
    filter: PathFilter,
    page: usize,
    records: std::vec::IntoIter<IndexEntry>,
    last: Option<IndexEntry>,
}

impl<'a> Contents<'a> {
    /// Reads the index's root.
    pub fn open(
        chunks: &'a dyn ChunkProvider,
        footer: &ArchiveFooter,
        filter: PathFilter,
    ) -> Result<Contents<'a>> {
        let reader = IndexReader::open(chunks, footer)?;
        Ok(Contents { chunks, reader, filter, page: 0, records: Vec::new().into_iter(), last: None })
    }

    /// The paths that were asked for and matched nothing so far.
    pub fn unmatched(&self) -> impl Iterator<Item = &[u8]> {
        let unmatched = self.filter.paths.iter().filter(|path| !path.matched);
        unmatched.map(|path| path.path.as_slice())
    }

    fn next_whole(&mut self) -> Result<Option<IndexEntry>> {
        loop {
            for record in self.records.by_ref() {
                if let Some(whole) = join_records(&mut self.last, record) {
                    return Ok(Some(whole));
                }
            }
            while self.page < self.reader.page_count() && !self.may_match(self.page) {
                self.page += 1;
            }
            if self.page >= self.reader.page_count() {
                return Ok(self.last.take());
            }
            // Before reading: a damaged page is told once, and the next call goes on behind it.
            self.page += 1;
            self.records = self.reader.page(self.chunks, self.page - 1)?.into_iter();
        }
    }

    fn may_match(&self, page: usize) -> bool {
        let first = &self.reader.page_entry(page).first_path;
        let next = (page + 1 < self.reader.page_count())
            .then(|| self.reader.page_entry(page + 1).first_path.as_slice());
        self.filter.may_match(first, next)
    }
}

impl Iterator for Contents<'_> {
    type Item = Result<IndexEntry>;

    /// The next entry; after an error, what follows the page that could not be read.
    fn next(&mut self) -> Option<Result<IndexEntry>> {
        loop {
            match self.next_whole() {
                Ok(Some(entry)) if self.filter.matches(&entry.entry.path) => {
                    return Some(Ok(entry));
                }
                Ok(Some(_)) => {}
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
        let asked = |path| Asked { path, matched: false };
        PathFilter { paths: paths.into_iter().map(asked).collect() }
    }

    /// Whether everything is asked for.
    pub fn is_all(&self) -> bool {
        self.paths.is_empty()
    }

    fn matches(&mut self, path: &[u8]) -> bool {
        let mut matches = self.paths.is_empty();
        for asked in &mut self.paths {
            if is_at_or_below(path, &asked.path) {
                asked.matched = true;
                matches = true;
            }
        }
        matches
    }

    /// Whether a page from `first` up to the page that begins with `next` can hold a match.
    fn may_match(&self, first: &[u8], next: Option<&[u8]>) -> bool {
        self.paths.is_empty()
            || self.paths.iter().any(|asked| {
                let begins_before =
                    format::compare_paths(first, &asked.path).is_le() || is_at_or_below(first, &asked.path);
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
        assert!(filter.matches(b"usr/lib") && filter.matches(b"usr/lib/x") && filter.matches(b"etc"));
        assert!(!filter.matches(b"usr/library") && !filter.matches(b"usr"));
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

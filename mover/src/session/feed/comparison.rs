//! What of a source is as it was in the parent archive.

use format::{Entry, EntryKind, IndexEntry, Timestamp, Verdict, compare_paths};

use crate::error::Result;
use crate::session::unscanned::UNSCANNED;

/// The entries of the parent archive, in path order.
pub(in crate::session) trait Previous: Send {
    /// The next; an error ends the comparison, and what is left is read anew.
    fn next(&mut self) -> Option<Result<IndexEntry>>;
    /// Whether all content of an entry is still in the store.
    fn is_stored(&mut self, entry: &IndexEntry) -> bool;
}

/// What there is when nothing is to be compared.
pub(in crate::session) struct NoPrevious;

impl Previous for NoPrevious {
    fn next(&mut self) -> Option<Result<IndexEntry>> {
        None
    }

    fn is_stored(&mut self, _entry: &IndexEntry) -> bool {
        false
    }
}

/// A file whose status was changed less than this before the parent archive began may have been
/// changed again within the same tick of the file system's clock.
const CLOCK_TICK_NS: i128 = 20_000_000;

/// Walks along the parent archive beside the source.
pub(in crate::session) struct Comparison<'p> {
    previous: Box<dyn Previous + 'p>,
    ahead: Option<IndexEntry>,
    /// When the parent archive began.
    since: Timestamp,
}

impl<'p> Comparison<'p> {
    pub(in crate::session) fn new(
        previous: Box<dyn Previous + 'p>,
        since: Timestamp,
    ) -> Comparison<'p> {
        Comparison { previous, ahead: None, since }
    }

    pub(in crate::session) fn none() -> Comparison<'p> {
        Comparison::new(Box::new(NoPrevious), Timestamp::default())
    }

    /// The parent's entry of a file that has not changed since; paths must ascend.
    pub(in crate::session) fn unchanged(&mut self, entry: &Entry) -> Result<Option<IndexEntry>> {
        loop {
            if self.ahead.is_none() {
                self.ahead = self.previous.next().transpose()?;
            }
            let Some(ahead) = &self.ahead else { return Ok(None) };
            match compare_paths(&ahead.entry.path, &entry.path) {
                std::cmp::Ordering::Less => self.ahead = None,
                std::cmp::Ordering::Greater => return Ok(None),
                std::cmp::Ordering::Equal => break,
            }
        }
        let found = self.ahead.take().expect("the loop ends with one");
        let same = is_same(&found, entry) && !self.is_racy(entry);
        Ok((same && self.previous.is_stored(&found)).then_some(found))
    }

    fn is_racy(&self, entry: &Entry) -> bool {
        nanoseconds(entry.ctime) + CLOCK_TICK_NS >= nanoseconds(self.since)
    }
}

fn is_same(previous: &IndexEntry, entry: &Entry) -> bool {
    let was = &previous.entry;
    // The device number is left out: it changes with the order in which disks are found at boot.
    was.kind == EntryKind::File
        && was.size == entry.size
        && was.mtime == entry.mtime
        && was.ctime == entry.ctime
        && was.inode == entry.inode
        && !previous.faulty
        && previous.verdict < Verdict::Stop
        // What a snoop failed at is shown to it again.
        && !previous.findings.iter().any(|finding| finding.name == UNSCANNED)
}

fn nanoseconds(time: Timestamp) -> i128 {
    i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds)
}

//! Feeds the head from a source: new and changed files are read, unchanged ones are not.

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};
use format::{Entry, EntryKind, IndexEntry, Timestamp, Verdict, compare_paths};

use super::filters::{Filter, Filtered, options_of};
use super::head::Head;
use super::journal::OpenEntry;
use super::progress::Progress;
use super::throttle::Throttle;
use super::unscanned::UNSCANNED;
use crate::archive::{KnownBlocks, Part, Piece};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Cancel, Meter};
use crate::policy::HEAD_LENGTH;
use crate::source::{self, Fault, FileReader, Found, Stdin, Walker};

/// The entries of the parent archive, in path order.
pub(super) trait Previous {
    /// The next; an error ends the comparison, and what is left is read anew.
    fn next(&mut self) -> Option<Result<IndexEntry>>;
    /// Whether all content of an entry is still in the store.
    fn is_stored(&mut self, entry: &IndexEntry) -> bool;
}

/// What there is when nothing is to be compared.
pub(super) struct NoPrevious;

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

/// Bytes of an entry without its content, at most; Linux gives an inode far fewer attributes.
const ENTRY_LENGTH_MAX: usize = 4 << 20;

/// Walks along the parent archive beside the source.
pub(super) struct Comparison<'p> {
    previous: Box<dyn Previous + 'p>,
    ahead: Option<IndexEntry>,
    /// When the parent archive began.
    since: Timestamp,
}

impl<'p> Comparison<'p> {
    pub(super) fn new(previous: Box<dyn Previous + 'p>, since: Timestamp) -> Comparison<'p> {
        Comparison { previous, ahead: None, since }
    }

    pub(super) fn none() -> Comparison<'p> {
        Comparison::new(Box::new(NoPrevious), Timestamp::default())
    }

    /// The parent's entry of a file that has not changed since; paths must ascend.
    pub(super) fn unchanged(&mut self, entry: &Entry) -> Result<Option<IndexEntry>> {
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

/// Where an earlier session left the walk.
pub(super) enum WalkFrom {
    /// At the beginning.
    Start,
    /// Behind an entry.
    Behind(Vec<u8>),
    /// Inside an entry.
    Inside(Box<OpenEntry>),
}

/// Reads a source into a head.
pub(super) struct Feed<'a, 'b, K> {
    pub(super) head: &'a mut Head<'b, K>,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
    pub(super) throttle: Throttle,
    pub(super) walk_meter: Arc<Meter>,
    pub(super) read_meter: &'a Meter,
    pub(super) filters: &'a [Filter],
    pub(super) number: u64,
}

impl<K: KnownBlocks> Feed<'_, '_, K> {
    /// Walks a source, all of it or from where an earlier session stood. The walk has a thread of
    /// its own, a little ahead: what it costs is the kernel's time.
    pub(super) fn walk(
        &mut self,
        mut walker: Walker,
        comparison: Comparison<'_>,
        from: WalkFrom,
    ) -> Result<()> {
        let (mut behind, mut inside) = (None, None);
        match from {
            WalkFrom::Start => {}
            WalkFrom::Behind(path) => {
                walker.go_on_from(&path);
                behind = Some(path);
            }
            WalkFrom::Inside(open) => {
                walker.go_on_from(&open.entry.path);
                inside = Some(open);
            }
        }
        let (batches, ahead) = bounded(BATCHES_AHEAD_MAX);
        let meter = Arc::clone(&self.walk_meter);
        std::thread::scope(|scope| {
            let walk = move || walk_ahead(walker, &meter, &batches);
            let thread = std::thread::Builder::new().name("mover-walk".to_owned());
            thread.spawn_scoped(scope, walk).expect("the system starts threads");
            self.found(ahead, comparison, behind, inside)
        })
    }

    /// Takes what the walk has found, in its order.
    fn found(
        &mut self,
        ahead: Receiver<Vec<Result<Found, Fault>>>,
        mut comparison: Comparison<'_>,
        mut behind: Option<Vec<u8>>,
        mut inside: Option<Box<OpenEntry>>,
    ) -> Result<()> {
        // Groups of names whose first one could not be read: the next name is tried instead.
        let mut unread_groups = HashSet::new();
        let meter = self.read_meter;
        for found in std::iter::from_fn(|| meter.wait(|| ahead.recv()).ok()).flatten() {
            self.check_cancelled()?;
            let found = match found {
                Ok(found) => found,
                Err(fault) => {
                    self.head.fault(&fault.path, &fault.error);
                    continue;
                }
            };
            if behind.take().is_some_and(|path| path == found.entry.path) {
                continue;
            }
            if let Some(open) = inside.take() {
                let why = if !is_unchanged_since(&open.entry, &found.entry) {
                    "it has changed since"
                } else if !options_of(self.filters, &found.entry).is_empty() {
                    "a filter cannot go on in the middle"
                } else {
                    self.rest_of_file(&found, *open)?;
                    continue;
                };
                self.head.restart_entry(&open.entry.path, why);
            }
            if found.entry.encoded_length() > ENTRY_LENGTH_MAX {
                let message = "its attributes are too long to be archived";
                self.head.fault(&found.entry.path, &Error::new(ErrorKind::Unsupported, message));
                continue;
            }
            if found.entry.kind != EntryKind::File {
                self.number += 1;
                let (number, entry) = (self.number, Box::new(found.entry));
                self.head.push(Part::Bare { number, entry })?;
                continue;
            }
            let group = found.entry.link_group;
            if !found.first_link && !unread_groups.remove(&group) {
                self.number += 1;
                let (number, entry) = (self.number, Box::new(found.entry));
                self.head.push(Part::Bare { number, entry })?;
                continue;
            }
            let unchanged = comparison.unchanged(&found.entry).unwrap_or_else(|error| {
                self.head.fault(&found.entry.path, &error);
                comparison = Comparison::none();
                None
            });
            let same_filters =
                |previous: &IndexEntry| previous.options == options_of(self.filters, &found.entry);
            if let Some(previous) = unchanged.filter(same_filters) {
                self.push_unchanged(found.entry, previous)?;
            } else if !self.file(&found)? && group != 0 {
                unread_groups.insert(group);
            }
        }
        Ok(())
    }

    fn push_unchanged(&mut self, entry: Entry, previous: IndexEntry) -> Result<()> {
        self.number += 1;
        let previous = Box::new(IndexEntry { entry, ..previous });
        self.head.push(Part::Unchanged { number: self.number, previous })
    }

    /// Reads one file; false when it could not even be opened.
    fn file(&mut self, found: &Found) -> Result<bool> {
        let mut reader = match self.read_meter.busy(|| found.open()) {
            Ok(reader) => reader,
            Err(fault) => {
                self.head.report.files += 1;
                self.head.fault(&fault.path, &fault.error);
                return Ok(false);
            }
        };
        self.number += 1;
        let (size, error) = self.begun(&found.entry, &mut |buffer| reader.next(buffer))?;
        let error = error.or_else(|| finish(reader));
        if let Some(error) = &error {
            self.head.fault(&found.entry.path, error);
        }
        self.head.push(Part::End { size, faulty: error.is_some() })?;
        Ok(true)
    }

    /// Reads a file from where an earlier session stood in it.
    fn rest_of_file(&mut self, found: &Found, mut open: OpenEntry) -> Result<()> {
        // Groups of names are numbered anew where their first name is seen anew.
        open.entry.link_group = found.entry.link_group;
        let mut reader = match self.read_meter.busy(|| found.open()) {
            Ok(reader) => reader,
            Err(fault) => {
                self.head.fault(&fault.path, &fault.error);
                self.head.restart_entry(&open.entry.path, "it cannot be opened any more");
                return Ok(());
            }
        };
        let offset = open.offset;
        let mut buffer = vec![0; CATCH_UP_LENGTH];
        // What decides on an entry's way may be its beginning.
        let mut first = vec![0; HEAD_LENGTH];
        let mut length = 0;
        while length < first.len() {
            match reader.next(&mut first[length..]) {
                Ok(source::Piece::Data { length: more, .. }) => length += more,
                Ok(source::Piece::Hole { .. }) => {}
                Ok(source::Piece::End) | Err(_) => break,
            }
        }
        first.truncate(length);
        reader.seek(open.snoops.seen.min(offset));
        let mut at = open.snoops.seen.min(offset);
        while at < offset {
            let room =
                usize::try_from(offset - at).map_or(buffer.len(), |left| left.min(buffer.len()));
            at = match reader.next(&mut buffer[..room]) {
                Ok(source::Piece::Data { offset, length }) => {
                    self.head.report.bytes_read += length as u64;
                    self.head.catch_up(&buffer[..length])?;
                    offset + length as u64
                }
                Ok(source::Piece::Hole { offset, length }) => offset + length,
                // It is told again, and counted, where the content is read.
                Ok(source::Piece::End) | Err(_) => break,
            };
        }
        reader.seek(offset);
        self.head.resume_entry(open, &first);
        let (size, error) = self.content(&mut |buffer| reader.next(buffer), offset)?;
        let error = error.or_else(|| finish(reader));
        if let Some(error) = &error {
            self.head.fault(&found.entry.path, error);
        }
        self.head.push(Part::End { size, faulty: error.is_some() })
    }

    /// Reads one entry from a pipe.
    pub(super) fn stdin(&mut self, mut stdin: Stdin<Box<dyn Read + Send>>) -> Result<()> {
        self.number += 1;
        let entry = stdin.entry().clone();
        let (size, error) = self.begun(&entry, &mut |buffer| stdin.next(buffer))?;
        if let Some(error) = &error {
            self.head.fault(&entry.path, error);
        }
        self.head.push(Part::End { size, faulty: error.is_some() })
    }

    /// Begins an entry, and reads its content through its filters; gives the size of what came out
    /// of them, and what ended it too early.
    fn begun(
        &mut self,
        entry: &Entry,
        next: &mut dyn FnMut(&mut [u8]) -> Result<source::Piece>,
    ) -> Result<(u64, Option<Error>)> {
        let options = options_of(self.filters, entry);
        let is_filtered = !options.is_empty();
        self.head.push(Part::Begin {
            number: self.number,
            entry: Box::new(entry.clone()),
            options,
        })?;
        if !is_filtered {
            return self.content(next, 0);
        }
        let mut filtered = Filtered::open(self.filters, entry, next)?;
        let read = self.content(&mut |buffer| filtered.next(buffer), 0)?;
        match filtered.failure {
            // Half of what a filter makes of a file is nothing that could be given back.
            Some(failure) => {
                let path = String::from_utf8_lossy(&entry.path);
                Err(Error::new(failure.kind(), format!("filtering {path}")).because(failure))
            }
            None => Ok(read),
        }
    }

    /// Reads the content of the open entry behind `size`; gives its size, and what ended it too
    /// early.
    fn content(
        &mut self,
        next: &mut dyn FnMut(&mut [u8]) -> Result<source::Piece>,
        mut size: u64,
    ) -> Result<(u64, Option<Error>)> {
        loop {
            self.check_cancelled()?;
            self.head.work_if_full()?;
            let meter = self.read_meter;
            let piece = self.head.window.read_with(|room| {
                let piece = meter.busy(|| next(room));
                match piece {
                    Ok(source::Piece::Data { length, .. }) => (length, piece),
                    _ => (0, piece),
                }
            });
            match piece {
                Ok(source::Piece::Data { offset, length }) => {
                    self.head.window.mark_data(offset, length);
                    size = offset + length as u64;
                    self.head.report.bytes_read += length as u64;
                    self.progress.bytes(length as u64);
                    meter.moved(length, 0);
                    self.throttle.moved(length as u64);
                }
                Ok(source::Piece::Hole { offset, length }) => {
                    size = offset + length;
                    let length = usize::try_from(length).expect("64-bit platforms only");
                    self.head.push(Part::Hole(Piece { offset, length }))?;
                }
                Ok(source::Piece::End) => return Ok((size, None)),
                Err(error) => return Ok((size, Some(error))),
            }
        }
    }

    fn check_cancelled(&self) -> Result<()> {
        match self.cancel.is_cancelled() {
            true => Err(cancelled()),
            false => Ok(()),
        }
    }
}

/// Entries that the walk hands over at once.
const BATCH_LENGTH: usize = 64;
/// Batches that wait: about what is found while a window is packed. Each entry may hold an open
/// folder, and a process may have 1024 files open, of which the walk itself takes up to 256.
const BATCHES_AHEAD_MAX: usize = 8;

/// Walks until nothing is left, or nobody listens any more.
fn walk_ahead(mut walker: Walker, meter: &Meter, batches: &Sender<Vec<Result<Found, Fault>>>) {
    meter.add_instance();
    loop {
        let mut batch = Vec::with_capacity(BATCH_LENGTH);
        meter.busy(|| batch.extend(std::iter::from_fn(|| walker.next()).take(BATCH_LENGTH)));
        if batch.is_empty() || meter.wait(|| batches.send(batch)).is_err() {
            return;
        }
    }
}

fn finish(reader: FileReader) -> Option<Error> {
    reader.finish().err().map(|fault| fault.error)
}

/// Bytes that are read at once where only the snoops want them.
const CATCH_UP_LENGTH: usize = 256 << 10;

/// Whether a file is as it was when an earlier session began to read it.
fn is_unchanged_since(was: &Entry, now: &Entry) -> bool {
    was.path == now.path
        && was.kind == now.kind
        && was.size == now.size
        && was.mtime == now.mtime
        && was.ctime == now.ctime
        && was.inode == now.inode
}

/// What a stopped session ends with.
pub(super) fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "stopped by the operator")
        .way_out("run the same command again, or `mover resume`: it goes on from here")
}

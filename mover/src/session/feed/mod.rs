//! Fills windows from a source, ahead of the head: new and changed files are read, unchanged ones
//! are not.
//!
//! The walk has a thread of its own, and so has reading: what both cost is the kernel's time. What
//! goes wrong with an entry takes its place among the parts, so that the head tells and counts it
//! in order.

mod comparison;
mod file;
mod walk;
mod windows;

use std::collections::HashSet;
use std::io::Read;
use std::sync::Arc;

use crossbeam_channel::Receiver;
use format::{Entry, EntryKind, IndexEntry};

pub(super) use self::comparison::{Comparison, Previous};
use self::walk::{Batch, walk_ahead};
pub(super) use self::windows::{Filled, Filling, Told, windows};
use super::filters::{Filter, options_of};
use super::journal::OpenEntry;
use super::progress::Progress;
use super::throttle::Throttle;
use crate::archive::Part;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Cancel, Meter};
use crate::source::{Stdin, Walker};

/// Bytes of an entry without its content, at most; Linux gives an inode far fewer attributes.
const ENTRY_LENGTH_MAX: usize = 4 << 20;

/// Where an earlier session left the walk.
pub(super) enum WalkFrom {
    /// At the beginning.
    Start,
    /// Behind an entry.
    Behind(Vec<u8>),
    /// Inside an entry.
    Inside(Box<OpenEntry>),
}

/// What is read.
pub(super) enum Feedstock<'a> {
    /// Nothing: an earlier session has read all of it.
    Nothing,
    /// A walk beside the parent archive, all of it or from where an earlier session stood.
    Files(Box<Walker>, Comparison<'a>, WalkFrom),
    /// One entry from a pipe.
    Stdin(Stdin<Box<dyn Read + Send>>),
}

/// Reads a source into windows.
pub(super) struct Feed<'a> {
    pub(super) windows: Filling,
    pub(super) progress: &'a Progress,
    pub(super) cancel: &'a Cancel,
    pub(super) throttle: Throttle,
    pub(super) walk_meter: Arc<Meter>,
    pub(super) read_meter: Arc<Meter>,
    pub(super) filters: &'a [Filter],
    /// Of the last entry.
    pub(super) number: u64,
}

impl Feed<'_> {
    /// Reads all of it.
    pub(super) fn run(mut self, stock: Feedstock<'_>) -> Result<()> {
        self.read_meter.add_instance();
        match stock {
            Feedstock::Nothing => {}
            Feedstock::Files(walker, comparison, from) => self.files(*walker, comparison, from)?,
            Feedstock::Stdin(stdin) => self.stdin(stdin)?,
        }
        self.windows.finish()
    }

    fn files(
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
        let meter = Arc::clone(&self.walk_meter);
        std::thread::scope(|scope| {
            let ahead = walk_ahead(scope, walker, meter)?;
            self.found(ahead, comparison, behind, inside)
        })
    }

    /// Takes what the walk has found, in its order.
    fn found(
        &mut self,
        ahead: Receiver<Batch>,
        mut comparison: Comparison<'_>,
        mut behind: Option<Vec<u8>>,
        mut inside: Option<Box<OpenEntry>>,
    ) -> Result<()> {
        // Groups of names whose first one could not be read: the next name is tried instead.
        let mut unread_groups = HashSet::new();
        let meter = Arc::clone(&self.read_meter);
        for found in std::iter::from_fn(|| meter.wait(|| ahead.recv()).ok()).flatten() {
            self.check_cancelled()?;
            let found = match found {
                Ok(found) => found,
                Err(fault) => {
                    self.fault(fault.path, fault.error)?;
                    continue;
                }
            };
            if behind.take().is_some_and(|path| path == found.entry.path) {
                continue;
            }
            if let Some(open) = inside.take() {
                let why = match self.cannot_go_on(&open.entry, &found.entry) {
                    Some(why) => why,
                    None => {
                        self.rest_of_file(&found, open)?;
                        continue;
                    }
                };
                self.windows.tell(Told::Restarted(open.entry.path, why))?;
            }
            if found.entry.encoded_length() > ENTRY_LENGTH_MAX {
                let message = "its attributes are too long to be archived";
                self.fault(found.entry.path, Error::new(ErrorKind::Unsupported, message))?;
                continue;
            }
            let group = found.entry.link_group;
            let is_bare = found.entry.kind != EntryKind::File
                || (!found.first_link && !unread_groups.remove(&group));
            if is_bare {
                self.number += 1;
                let entry = Box::new(found.entry);
                self.windows.push(Part::Bare { number: self.number, entry })?;
                continue;
            }
            let unchanged = match comparison.unchanged(&found.entry) {
                Ok(unchanged) => unchanged,
                Err(error) => {
                    self.fault(found.entry.path.clone(), error)?;
                    comparison = Comparison::none();
                    None
                }
            };
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

    /// Why an entry that an earlier session began cannot be gone on with in its middle.
    fn cannot_go_on(&self, was: &Entry, now: &Entry) -> Option<&'static str> {
        if !is_unchanged_since(was, now) {
            Some("it has changed since")
        } else if !options_of(self.filters, now).is_empty() {
            Some("a filter cannot go on in the middle")
        } else {
            None
        }
    }

    fn push_unchanged(&mut self, entry: Entry, previous: IndexEntry) -> Result<()> {
        self.number += 1;
        let previous = Box::new(IndexEntry { entry, ..previous });
        self.windows.push(Part::Unchanged { number: self.number, previous })
    }

    /// Something went wrong with an entry; its name is told behind all that was read before it.
    fn fault(&mut self, path: Vec<u8>, error: Error) -> Result<()> {
        self.windows.push(Part::Fault { path, error, is_unread: false })
    }

    fn check_cancelled(&self) -> Result<()> {
        match self.cancel.is_cancelled() {
            true => Err(cancelled()),
            false => Ok(()),
        }
    }
}

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

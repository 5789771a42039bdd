//! Reads the content of one entry into windows.

use std::io::Read;

use format::Entry;

use super::windows::Told;
use super::{Feed, OpenEntry};
use crate::archive::{Part, Piece};
use crate::error::{Error, Result};
use crate::policy::HEAD_LENGTH;
use crate::session::filters::{Filtered, options_of};
use crate::source::{self, FileReader, Found, Stdin};

/// Bytes that are read at once where only the snoops want them.
const CATCH_UP_LENGTH: usize = 256 << 10;

impl Feed<'_> {
    /// Reads one file; false when it could not even be opened.
    pub(super) fn file(&mut self, found: &Found) -> Result<bool> {
        let mut reader = match self.read_meter.busy(|| found.open()) {
            Ok(reader) => reader,
            Err(fault) => {
                let (path, error) = (fault.path, fault.error);
                self.windows.push(Part::Fault { path, error, is_unread: true })?;
                return Ok(false);
            }
        };
        self.number += 1;
        let (size, error) = self.begun(&found.entry, &mut |buffer| reader.next(buffer))?;
        self.end(&found.entry, size, error.or_else(|| finish(reader)))?;
        Ok(true)
    }

    /// Reads a file from where an earlier session stood in it.
    pub(super) fn rest_of_file(&mut self, found: &Found, mut open: Box<OpenEntry>) -> Result<()> {
        // Groups of names are numbered anew where their first name is seen anew.
        open.entry.link_group = found.entry.link_group;
        let mut reader = match self.read_meter.busy(|| found.open()) {
            Ok(reader) => reader,
            Err(fault) => {
                self.fault(fault.path, fault.error)?;
                let why = "it cannot be opened any more";
                return self.windows.tell(Told::Restarted(open.entry.path, why));
            }
        };
        let offset = open.offset;
        let first = first_bytes(&mut reader);
        let mut at = open.snoops.seen.min(offset);
        reader.seek(at);
        while at < offset {
            let room = usize::try_from(offset - at).unwrap_or(usize::MAX).min(CATCH_UP_LENGTH);
            let mut bytes = vec![0; room];
            at = match reader.next(&mut bytes) {
                Ok(source::Piece::Data { offset, length }) => {
                    bytes.truncate(length);
                    self.windows.tell(Told::CatchUp(bytes))?;
                    offset + length as u64
                }
                Ok(source::Piece::Hole { offset, length }) => offset + length,
                // It is told again, and counted, where the content is read.
                Ok(source::Piece::End) | Err(_) => break,
            };
        }
        reader.seek(offset);
        self.windows.tell(Told::Resumed(open, first))?;
        let (size, error) = self.content(&mut |buffer| reader.next(buffer), offset)?;
        self.end(&found.entry, size, error.or_else(|| finish(reader)))
    }

    /// Reads one entry from a pipe.
    pub(super) fn stdin(&mut self, mut stdin: Stdin<Box<dyn Read + Send>>) -> Result<()> {
        self.number += 1;
        let entry = stdin.entry().clone();
        let (size, error) = self.begun(&entry, &mut |buffer| stdin.next(buffer))?;
        self.end(&entry, size, error)
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
        let (number, begun) = (self.number, Box::new(entry.clone()));
        self.windows.push(Part::Begin { number, entry: begun, options })?;
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

    /// Ends the open entry, and tells what ended it too early.
    fn end(&mut self, entry: &Entry, size: u64, error: Option<Error>) -> Result<()> {
        let faulty = error.is_some();
        // First the end: nothing may stand between content that waits to be cut and what cuts it.
        self.windows.push(Part::End { size, faulty })?;
        match error {
            Some(error) => self.fault(entry.path.clone(), error),
            None => Ok(()),
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
            let meter = &self.read_meter;
            let window = self.windows.window()?;
            let piece = window.read_with(|room| {
                let piece = meter.busy(|| next(room));
                match piece {
                    Ok(source::Piece::Data { length, .. }) => (length, piece),
                    _ => (0, piece),
                }
            });
            match piece {
                Ok(source::Piece::Data { offset, length }) => {
                    window.mark_data(offset, length);
                    size = offset + length as u64;
                    self.progress.bytes(length as u64);
                    meter.moved(length, 0);
                    self.throttle.moved(length as u64);
                }
                Ok(source::Piece::Hole { offset, length }) => {
                    size = offset + length;
                    let length = usize::try_from(length).expect("64-bit platforms only");
                    self.windows.push(Part::Hole(Piece { offset, length }))?;
                }
                Ok(source::Piece::End) => return Ok((size, None)),
                Err(error) => return Ok((size, Some(error))),
            }
        }
    }
}

/// The first bytes of a file, as many as may decide on its way.
fn first_bytes(reader: &mut FileReader) -> Vec<u8> {
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
    first
}

fn finish(reader: FileReader) -> Option<Error> {
    reader.finish().err().map(|fault| fault.error)
}

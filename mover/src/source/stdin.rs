//! One entry whose content comes through a pipe, and whose size is known only at its end.

use std::io::{ErrorKind as IoErrorKind, Read};

use format::{Entry, EntryKind, Timestamp};
use rustix::process::{getegid, geteuid};

use super::{Piece, shown};
use crate::{Error, ErrorKind, Result};

/// A source of one file, from any reader.
#[derive(Debug)]
pub struct Stdin<R> {
    input: R,
    entry: Entry,
}

impl<R: Read> Stdin<R> {
    /// `name` is the entry's path; `now` becomes its time, since a pipe has none.
    pub fn open(name: &[u8], now: Timestamp, input: R) -> Result<Stdin<R>> {
        let mut entry = Entry::new(name, EntryKind::File);
        if name.is_empty() || !entry.path_is_safe() {
            let message = format!("{} cannot be the name of an entry", shown(name).display());
            return Err(Error::new(ErrorKind::Usage, message)
                .way_out("name it by a relative path without . and .."));
        }
        // What comes through a pipe may be a dump of secrets.
        entry.mode = 0o600;
        entry.uid = geteuid().as_raw();
        entry.gid = getegid().as_raw();
        entry.mtime = now;
        entry.ctime = now;
        Ok(Stdin { input, entry })
    }

    /// The entry; its size is what was read so far, and so complete only after the end.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Reads what comes next, and fills the buffer unless the end comes first.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        let offset = self.entry.size;
        let mut length = 0;
        while length < buffer.len() {
            match self.input.read(&mut buffer[length..]) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("reading", shown(&self.entry.path), error)),
            }
        }
        self.entry.size += length as u64;
        Ok(if length == 0 { Piece::End } else { Piece::Data { offset, length } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, as a slow pipe does.
    struct Drops<'a>(&'a [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.0.len().min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn a_pipe_becomes_an_entry_of_full_pieces() {
        let now = Timestamp { seconds: 5, nanoseconds: 6 };
        let mut stdin = Stdin::open(b"dump/all.sql", now, Drops(b"hello")).unwrap();
        let mut buffer = [0; 4];
        let pieces: Vec<Piece> = (0..4).map(|_| stdin.next(&mut buffer).unwrap()).collect();
        assert_eq!(pieces[0], Piece::Data { offset: 0, length: 4 });
        assert_eq!(pieces[1], Piece::Data { offset: 4, length: 1 });
        assert_eq!(pieces[2..], [Piece::End, Piece::End]);
        assert_eq!((stdin.entry().size, stdin.entry().mtime), (5, now));
    }

    #[test]
    fn a_name_that_leaves_the_archive_is_refused() {
        for name in ["", "/etc/passwd", "../x", "a//b", "."] {
            let error = Stdin::open(name.as_bytes(), Timestamp::default(), &b""[..]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
        }
    }
}

//! Reads a file's content in order, as data and holes.
//!
//! What is read belongs to the entry as the walk saw it: never more than its size, and a file that
//! has changed since is a named fault, with its content kept as it was read.

use format::{Entry, Timestamp};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Advice, FileType, Mode, OFlags, SeekFrom, Statx, fadvise, openat, seek};
use rustix::io::{Errno, pread, retry_on_intr};

use super::inode::{file_type, identity, stat_open, timestamp};
use super::{Fault, shown};
use crate::{Error, ErrorKind, Result};

/// From this size on the kernel is told that all will be read, so that it reads further ahead.
const ADVISE_SIZE_MIN: u64 = 1 << 20;
/// `st_blocks` counts in these, whatever the file system.
const STAT_BLOCK_SIZE: u64 = 512;

/// What comes next in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes, now in the buffer.
    Data {
        /// Where they begin in the file.
        offset: u64,
        /// How many; never zero.
        length: usize,
    },
    /// Nothing but zeros, which were never stored.
    Hole {
        /// Where they begin in the file.
        offset: u64,
        /// How many; never zero.
        length: u64,
    },
    /// The file's end.
    End,
}

/// An open file and how far it was read.
#[derive(Debug)]
pub struct FileReader {
    file: OwnedFd,
    path: Vec<u8>,
    size: u64,
    mtime: Timestamp,
    ctime: Timestamp,
    offset: u64,
    /// Up to here there is no hole.
    data_end: u64,
    is_short: bool,
}

/// Opens a regular file and nothing else: neither through a link nor so that a pipe would block.
/// What is known of it now comes with it.
pub(super) fn open_regular(
    folder: BorrowedFd<'_>,
    name: &[u8],
) -> rustix::io::Result<Option<(OwnedFd, Statx)>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match open_quietly(folder, name, flags) {
        Ok(file) => file,
        // A link; a socket, or a device without a driver.
        Err(Errno::LOOP | Errno::NXIO | Errno::NODEV) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let stat = stat_open(file.as_fd())?;
    Ok((file_type(&stat) == FileType::RegularFile).then_some((file, stat)))
}

/// Opens without touching the time of last access, which only an owner may ask for.
pub(super) fn open_quietly(
    folder: BorrowedFd<'_>,
    name: &[u8],
    flags: OFlags,
) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::CLOEXEC;
    let open = |flags| retry_on_intr(|| openat(folder, name, flags, Mode::empty()));
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        result => result,
    }
}

impl FileReader {
    /// Opens the file of an entry and checks that it still is the same one.
    pub(super) fn open(
        folder: BorrowedFd<'_>,
        name: &[u8],
        entry: &Entry,
    ) -> Result<FileReader, Fault> {
        let path = &entry.path;
        let failed = |errno| Fault::io("opening", path, errno);
        let replaced = || {
            let message = format!("{} was replaced after it was found", shown(path).display());
            Fault { path: path.clone(), error: Error::new(ErrorKind::Busy, message) }
        };
        let (file, stat) = open_regular(folder, name).map_err(failed)?.ok_or_else(replaced)?;
        if identity(&stat) != (entry.device, entry.inode) {
            return Err(replaced());
        }
        if entry.size >= ADVISE_SIZE_MIN {
            // Advice that is not taken costs speed only.
            let _ = fadvise(&file, 0, None, Advice::Sequential);
        }
        let is_dense = stat.stx_blocks.saturating_mul(STAT_BLOCK_SIZE) >= entry.size;
        Ok(FileReader {
            file,
            path: path.clone(),
            size: entry.size,
            mtime: entry.mtime,
            ctime: entry.ctime,
            offset: 0,
            data_end: if is_dense { entry.size } else { 0 },
            is_short: false,
        })
    }

    /// Goes on at an offset, such as where an earlier session stopped.
    pub fn seek(&mut self, offset: u64) {
        self.offset = offset.min(self.size);
        if self.data_end < self.size {
            self.data_end = 0;
        }
    }

    /// Reads what comes next; data goes to the start of `buffer`, which must not be empty.
    pub fn next(&mut self, buffer: &mut [u8]) -> Result<Piece> {
        if self.offset >= self.size {
            return Ok(Piece::End);
        }
        if self.offset >= self.data_end
            && let Some(hole) = self.skip_hole()?
        {
            return Ok(hole);
        }
        let left = usize::try_from(self.data_end - self.offset).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let length = retry_on_intr(|| pread(&self.file, &mut buffer[..wanted], self.offset))
            .map_err(|errno| Error::io("reading", shown(&self.path), errno))?;
        if length == 0 {
            self.is_short = true;
            self.offset = self.size;
            return Ok(Piece::End);
        }
        let offset = self.offset;
        self.offset += length as u64;
        Ok(Piece::Data { offset, length })
    }

    /// Finds out how far data reaches from here, or the hole that begins here.
    fn skip_hole(&mut self) -> Result<Option<Piece>> {
        let offset = self.offset;
        let start = match seek(&self.file, SeekFrom::Data(offset)) {
            Ok(start) => start.min(self.size),
            // No data up to the end.
            Err(Errno::NXIO) => self.size,
            // A file system that knows no holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => {
                self.data_end = self.size;
                return Ok(None);
            }
            Err(errno) => {
                return Err(Error::io("finding the holes of", shown(&self.path), errno));
            }
        };
        if start > offset {
            self.offset = start;
            return Ok(Some(Piece::Hole { offset, length: start - offset }));
        }
        let end = seek(&self.file, SeekFrom::Hole(offset)).unwrap_or(self.size);
        self.data_end = end.clamp(offset + 1, self.size);
        Ok(None)
    }

    /// Ends the reading; a file that has changed since it was found is a fault.
    pub fn finish(self) -> Result<(), Fault> {
        let stat = stat_open(self.file.as_fd())
            .map_err(|errno| Fault::io("reading", &self.path, errno))?;
        let is_same = !self.is_short
            && stat.stx_size == self.size
            && timestamp(stat.stx_mtime) == self.mtime
            && timestamp(stat.stx_ctime) == self.ctime;
        if is_same {
            return Ok(());
        }
        let message = format!("{} changed while it was read", shown(&self.path).display());
        let way_out = "archive it again when it is quiet; it was kept as it was read";
        let error = Error::new(ErrorKind::Busy, message).way_out(way_out);
        Err(Fault { path: self.path, error })
    }
}

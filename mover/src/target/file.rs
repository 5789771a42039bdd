//! A file that is being restored: content first, then everything else, and gone if that fails.

use std::mem;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use format::Entry;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ftruncate, openat, unlinkat};
use rustix::io::{Errno, pread, pwrite};
use rustix::process::geteuid;

use super::attributes::{Inode, apply, identity, stat_open};
use super::{Site, last_name, links, make_anew};
use crate::{Error, Result};

/// Until it is finished, nobody else may read or run it.
const UNFINISHED_MODE: u32 = 0o600;

/// An open file of a target. Dropped without [`PlacedFile::finish`], it is removed.
pub struct PlacedFile {
    site: Arc<Site>,
    /// Absent in a dry run.
    folder: Option<Arc<OwnedFd>>,
    /// Absent in a dry run, and when the file is out of our hands.
    file: Option<OwnedFd>,
    entry: Entry,
    /// Where the last byte that was written ends.
    end: u64,
}

impl std::fmt::Debug for PlacedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlacedFile").field("entry", &self.entry).finish_non_exhaustive()
    }
}

impl PlacedFile {
    pub(super) fn create(
        site: &Arc<Site>,
        folder: Arc<OwnedFd>,
        entry: &Entry,
    ) -> Result<PlacedFile> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let file = make_anew(site, &folder, &entry.path, || {
            let mode = Mode::from_raw_mode(UNFINISHED_MODE);
            openat(&folder, last_name(&entry.path), flags | OFlags::CLOEXEC, mode)
        })?;
        let site = Arc::clone(site);
        let (folder, entry) = (Some(folder), entry.clone());
        let placed = PlacedFile { site, folder, file: Some(file), entry, end: 0 };
        placed.note()?;
        Ok(placed)
    }

    /// Opens what an earlier session has left; anything that could be somebody else's is not.
    pub(super) fn reopen(
        site: &Arc<Site>,
        folder: Arc<OwnedFd>,
        entry: &Entry,
    ) -> Result<Option<PlacedFile>> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let failed = |errno| site.failed("opening", &entry.path, errno);
        let file = match openat(&folder, last_name(&entry.path), flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT | Errno::LOOP | Errno::NXIO | Errno::ISDIR | Errno::ACCESS) => {
                return Ok(None);
            }
            Err(errno) => return Err(failed(errno)),
        };
        let stat = stat_open(&file).map_err(failed)?;
        let mode = u32::from(stat.stx_mode);
        let is_ours = FileType::from_raw_mode(mode) == FileType::RegularFile
            && mode & 0o7777 == UNFINISHED_MODE
            && stat.stx_nlink == 1
            && stat.stx_uid == geteuid().as_raw();
        if !is_ours {
            return Ok(None);
        }
        let site = Arc::clone(site);
        let (folder, entry, end) = (Some(folder), entry.clone(), stat.stx_size);
        let placed = PlacedFile { site, folder, file: Some(file), entry, end };
        placed.note()?;
        Ok(Some(placed))
    }

    pub(super) fn pretend(site: &Arc<Site>, entry: &Entry) -> PlacedFile {
        let (site, entry) = (Arc::clone(site), entry.clone());
        PlacedFile { site, folder: None, file: None, entry, end: 0 }
    }

    fn note(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        links::note(&self.site, file, &self.entry, false)
    }

    /// The entry that it is made from.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Bytes from the start that an earlier session may have written; holes count as written.
    pub fn length(&self) -> u64 {
        self.end
    }

    /// Its inode number, by which a later session knows it again; 0 in a dry run.
    pub fn inode(&self) -> u64 {
        self.file.as_ref().and_then(|file| stat_open(file).ok()).map_or(0, |stat| stat.stx_ino)
    }

    /// Whether a file that was gone on with holds these bytes; what cannot be read is not there.
    pub fn holds(&self, offset: u64, bytes: &[u8]) -> bool {
        let Some(file) = &self.file else { return false };
        let mut there = vec![0; bytes.len()];
        let mut read = 0;
        while read < there.len() {
            match pread(file, &mut there[read..], offset + read as u64) {
                Ok(0) => return false,
                Ok(count) => read += count,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
        there == bytes
    }

    /// Forgets what an earlier session has written from `length` on.
    pub fn cut(&mut self, length: u64) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        ftruncate(file, length).map_err(|errno| self.failed("sizing", errno))?;
        self.end = length;
        Ok(())
    }

    /// Writes content; what is never written stays a hole.
    pub fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<()> {
        let end = offset
            .checked_add(bytes.len() as u64)
            .ok_or_else(|| self.site.failed("writing", &self.entry.path, Errno::FBIG))?;
        let Some(file) = &self.file else { return Ok(()) };
        let mut written = 0;
        while written < bytes.len() {
            match pwrite(file, &bytes[written..], offset + written as u64) {
                Ok(0) => return Err(self.failed("writing", Errno::IO)),
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.failed("writing", errno)),
            }
        }
        self.end = self.end.max(end);
        Ok(())
    }

    /// Ends the content at `size` and sets everything that the entry says.
    /// What cannot be set is among the target's faults.
    pub fn finish(mut self, size: u64) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        if self.end != size {
            ftruncate(file, size).map_err(|errno| self.failed("sizing", errno))?;
        }
        apply(&self.site, &Inode::Opened(file), &self.entry, true);
        links::settle(&self.site, &self.entry);
        self.file = None;
        Ok(())
    }

    /// Leaves it half-written for a later session, which goes on with `Target::resume`.
    pub fn pause(mut self) {
        self.file = None;
    }

    fn failed(&self, doing: &str, errno: Errno) -> Error {
        self.site.failed(doing, &self.entry.path, errno)
    }

    fn remove(&self, file: &OwnedFd) -> rustix::io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let name = last_name(&self.entry.path);
        let there = stat_open(&links::open_name(folder, name)?)?;
        // Somebody may have put something else there.
        if identity(&there) == identity(&stat_open(file)?) {
            unlinkat(folder, name, AtFlags::empty())?;
        }
        Ok(())
    }
}

impl Drop for PlacedFile {
    fn drop(&mut self) {
        let Some(file) = mem::take(&mut self.file) else { return };
        links::abandon(&self.site, &self.entry);
        match self.remove(&file) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => {
                let error = self.failed("removing the unfinished", errno);
                self.site.fault(&self.entry.path, error);
            }
        }
    }
}

//! A volume that is written: its end is in the spool.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use super::storage::DiscStorage;
use crate::media::{AppendFile, Room};
use crate::{Error, ErrorKind, Result};

/// What a disc session takes besides its files: descriptors, the tree of all sessions, padding.
const SESSION_OVERHEAD: u64 = 1 << 20;
/// What closes a volume has to fit behind the early warning.
const RESERVE: u64 = 4 << 20;

pub(super) struct DiscFile {
    storage: DiscStorage,
    name: String,
    file: File,
    burned: u64,
    spooled: u64,
}

impl DiscFile {
    pub(super) fn open(storage: &DiscStorage, name: &str) -> Result<DiscFile> {
        let burned = storage.disc(name)?.1.burned();
        let path = storage.spool(name, burned);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|cause| Error::io("opening spool", &path, cause))?;
        let spooled = storage.spooled(name, burned)?;
        Ok(DiscFile { storage: storage.clone(), name: name.to_owned(), file, burned, spooled })
    }

    fn burn(&mut self) -> Result<()> {
        self.storage.burn(&self.name)?;
        *self = DiscFile::open(&self.storage, &self.name)?;
        Ok(())
    }

    fn failed(&self, doing: &str, cause: std::io::Error) -> Error {
        Error::io(doing, self.storage.spool(&self.name, self.burned), cause)
    }
}

impl AppendFile for DiscFile {
    fn length(&self) -> u64 {
        self.burned + self.spooled
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Room> {
        if self.burned > 0 && self.storage.burner.is_write_once() {
            let (disc, _) = self.storage.disc(&self.name)?;
            let message = format!("{} was burned on disc {disc}, which is closed", self.name);
            return Err(Error::new(ErrorKind::Refused, message).way_out("begin another volume"));
        }
        let written = self.file.write_all_at(bytes, self.spooled);
        written.map_err(|cause| self.failed("writing", cause))?;
        self.spooled += bytes.len() as u64;
        let sessions = self.storage.disc(&self.name)?.1.segments.len() as u64 + 1;
        let taken = self.length() + sessions * SESSION_OVERHEAD;
        let capacity = self.storage.config.capacity;
        match taken + RESERVE.min(capacity / 4) >= capacity {
            true => Ok(Room::Low),
            false => Ok(Room::Ample),
        }
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|cause| self.failed("syncing", cause))
    }

    fn rest(&mut self) -> Result<()> {
        let is_enough = self.spooled >= self.storage.config.session_length;
        match is_enough && !self.storage.burner.is_write_once() {
            true => self.burn(),
            false => Ok(()),
        }
    }

    fn truncate(&mut self, length: u64) -> Result<()> {
        let Some(spooled) = length.checked_sub(self.burned) else {
            let message = format!("{} was burned beyond {length}", self.name);
            return Err(Error::new(ErrorKind::Refused, message));
        };
        let cut = self.file.set_len(spooled);
        cut.map_err(|cause| self.failed("truncating", cause))?;
        self.spooled = spooled;
        Ok(())
    }

    /// A disc that is burned once is burned when its volume is finished: until then the spool, which
    /// is durable, is all there is of it.
    fn settle(&mut self) -> Result<()> {
        self.sync()?;
        match self.storage.burner.is_write_once() {
            true => Ok(()),
            false => self.burn(),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.sync()?;
        let (disc, _) = self.storage.disc(&self.name)?;
        // A kill from here on leaves a volume that is burned before the next one begins.
        self.storage.update(|discs| discs.known.entry(disc).or_default().finished = true)?;
        self.burn()?;
        let (disc, known) = self.storage.disc(&self.name)?;
        // An empty spool stays of no use.
        let path = self.storage.spool(&self.name, known.burned());
        let _ = std::fs::remove_file(path);
        self.storage.burner.close(&disc)
    }
}

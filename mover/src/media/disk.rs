//! Volumes as files in a folder of a local disk or a NAS.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::storage::{AppendFile, ReadFile, Room, Storage};
use super::writeback::Writeback;
use crate::{Error, Result, durable};

/// A folder.
#[derive(Clone, Debug)]
pub struct DiskStorage {
    folder: PathBuf,
}

impl DiskStorage {
    /// The folder has to exist before anything is created in it.
    pub fn new(folder: impl Into<PathBuf>) -> DiskStorage {
        DiskStorage { folder: folder.into() }
    }
}

impl Storage for DiskStorage {
    fn list(&self) -> Result<Vec<String>> {
        let failed = |cause: io::Error| Error::io("reading folder", &self.folder, cause);
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let path = self.path(name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|cause| Error::io("creating", &path, cause))?;
        Ok(Box::new(Appended { file, path, length: 0, writeback: Writeback::default() }))
    }

    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let path = self.path(name);
        let failed = |cause| Error::io("opening", &path, cause);
        let file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Box::new(Appended { file, path, length, writeback: Writeback::default() }))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        let path = self.path(name);
        let file = File::open(&path).map_err(|cause| Error::io("opening", &path, cause))?;
        Ok(Arc::new(Read { file, path }))
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        std::fs::remove_file(&path).map_err(|cause| Error::io("removing", &path, cause))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from, to) = (self.path(from), self.path(to));
        std::fs::rename(&from, &to).map_err(|cause| Error::io("renaming", &from, cause))
    }

    fn sync(&self) -> Result<()> {
        durable::sync_folder(&self.folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

struct Appended {
    file: File,
    path: PathBuf,
    length: u64,
    writeback: Writeback,
}

impl AppendFile for Appended {
    fn length(&self) -> u64 {
        self.length
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Room> {
        let written = self.file.write_all_at(bytes, self.length);
        written.map_err(|cause| Error::io("writing", &self.path, cause))?;
        self.length += bytes.len() as u64;
        self.writeback.appended(&self.path, bytes.len() as u64);
        // A disk that is full says so by an error; how full it is depends on others too.
        Ok(Room::Ample)
    }

    fn sync(&mut self) -> Result<()> {
        // The length is the only metadata that matters, and `fdatasync` keeps it.
        self.file.sync_data().map_err(|cause| Error::io("syncing", &self.path, cause))
    }

    fn truncate(&mut self, length: u64) -> Result<()> {
        let cut = self.file.set_len(length);
        cut.map_err(|cause| Error::io("truncating", &self.path, cause))?;
        self.length = length;
        Ok(())
    }
}

struct Read {
    file: File,
    path: PathBuf,
}

impl ReadFile for Read {
    fn length(&self) -> Result<u64> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(|cause| Error::io("reading", &self.path, cause))?.len())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(Error::io("reading", &self.path, cause)),
            }
        }
        Ok(filled)
    }
}

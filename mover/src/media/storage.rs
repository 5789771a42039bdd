//! What a volume needs of the thing that it lies on: the one trait behind which all media are.
//!
//! A volume is a file that only grows, wherever it is: on a disk it is one, on a tape its records
//! in their order are it, on a disc the files of its disc sessions, in an object store its objects.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Result;

/// What carries volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediumKind {
    /// Files in a folder, local or on a NAS.
    Disk,
    /// Tape cartridges.
    Tape,
    /// Write-once discs.
    Optical,
    /// Objects of an S3-compatible store.
    Object,
}

impl MediumKind {
    /// As it is written in policy files and shown to people.
    pub fn name(self) -> &'static str {
        match self {
            MediumKind::Disk => "disk",
            MediumKind::Tape => "tape",
            MediumKind::Optical => "optical",
            MediumKind::Object => "object",
        }
    }
}

/// What a writer has to know of a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediumTraits {
    /// What it is.
    pub kind: MediumKind,
    /// Every write is a multiple of so many bytes, and what is made durable is padded to one
    /// (SPEC 3.4); 1 where any length will do.
    pub record_length: u32,
    /// [`AppendFile::truncate`] works: a torn tail can be given back.
    pub can_truncate: bool,
}

impl MediumTraits {
    /// Files in a folder.
    pub const DISK: MediumTraits =
        MediumTraits { kind: MediumKind::Disk, record_length: 1, can_truncate: true };
}

/// Whether there is room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// There is.
    Ample,
    /// All of what was given is written, and the end is near: what closes the volume still fits,
    /// and nothing else should be written.
    Low,
}

/// Volumes of one pool, as files that only grow. Names are plain file names.
pub trait Storage: fmt::Debug + Send + Sync {
    /// What a writer has to know of it.
    fn traits(&self) -> MediumTraits {
        MediumTraits::DISK
    }
    /// All volumes, in ascending order of names; those included that are on a shelf.
    fn list(&self) -> Result<Vec<String>>;
    /// Bytes of a volume, without fetching it from a shelf: for a medium that can be taken out,
    /// those that were synced last.
    fn length(&self, name: &str) -> Result<u64> {
        self.open(name)?.length()
    }
    /// Makes an empty volume, which must not exist. Durable after its sync and [`Storage::sync`].
    ///
    /// Fails with [`crate::ErrorKind::Full`] where the pool has no medium left for it.
    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>>;
    /// Goes on with a volume at its end.
    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>>;
    /// Opens a volume for reading. A medium that has to be fetched is fetched by the first read.
    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>>;
    /// How often a volume was gone through since the pool was opened, where that takes a tape's time.
    fn passes(&self, _name: &str) -> u64 {
        0
    }
    /// How many volumes can be written and read at once without fetching another medium, where
    /// media have to be fetched: the drives.
    fn drive_count(&self) -> usize {
        1
    }
    /// The drives that failed since the pool was opened, each with the reason; they are left alone.
    fn failed_drives(&self) -> Vec<(usize, String)> {
        Vec::new()
    }
    /// Takes a volume away, for ever: its file is removed, its cartridge is blank again, its disc is
    /// retired. Fails with [`crate::ErrorKind::Refused`] where a lock forbids it.
    fn remove(&self, name: &str) -> Result<()>;
    /// Puts the file `from` in the place of the file `to`, in one step, whether there is one or not.
    /// Durable after [`Storage::sync`]. Only where volumes are files.
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let message = format!("putting {from} in the place of {to}: this medium cannot do that");
        Err(crate::Error::new(crate::ErrorKind::Unsupported, message))
    }
    /// Makes names durable.
    fn sync(&self) -> Result<()>;
    /// What people call the volume: a path, or the pool and the barcode.
    fn path(&self, name: &str) -> PathBuf;
}

/// A volume that is written at its end.
pub trait AppendFile: Send {
    /// Bytes in it.
    fn length(&self) -> u64;
    /// Appends all of `bytes`; after an error nobody knows how many of them are there.
    fn write(&mut self, bytes: &[u8]) -> Result<Room>;
    /// Whether the next write has to wait for earlier ones.
    fn is_busy(&mut self) -> bool {
        false
    }
    /// Makes all that was written durable.
    fn sync(&mut self) -> Result<()>;
    /// Cuts off what is behind `length`: only ever a tail that nobody was promised.
    fn truncate(&mut self, length: u64) -> Result<()>;
    /// What was synced is known by now: a durable spool may go to the medium itself, if it is long
    /// enough. Never before, since what nobody vouches for may have to be cut off again.
    fn rest(&mut self) -> Result<()> {
        Ok(())
    }
    /// Nothing comes for a while: what a durable spool holds goes to the medium itself.
    fn settle(&mut self) -> Result<()> {
        self.sync()
    }
    /// No more will be written to this volume. Durable when it returns.
    fn finish(&mut self) -> Result<()> {
        self.sync()
    }
}

/// A volume that is read at any place, by any number of threads.
pub trait ReadFile: Send + Sync {
    /// Bytes in it now.
    fn length(&self) -> Result<u64>;
    /// Fills `bytes` from `offset` on; less only at the end of the volume.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize>;
}

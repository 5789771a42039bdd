//! What a volume needs of the thing that it lies on.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::Result;

/// One folder of files that only grow. Names are plain file names.
pub trait Storage: fmt::Debug + Send + Sync {
    /// All files, in ascending order of names.
    fn list(&self) -> Result<Vec<String>>;
    /// Makes an empty file, which must not exist. Durable after its sync and [`Storage::sync`].
    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>>;
    /// Goes on with a file at its end.
    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>>;
    /// Opens a file for reading.
    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>>;
    /// Makes names durable.
    fn sync(&self) -> Result<()>;
    /// What people call the file.
    fn path(&self, name: &str) -> PathBuf;
}

/// A file that is written at its end.
pub trait AppendFile: Send {
    /// Bytes in it.
    fn length(&self) -> u64;
    /// Appends all of `bytes`; after an error nobody knows how many of them are there.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;
    /// Makes all that was written durable.
    fn sync(&mut self) -> Result<()>;
    /// Cuts off what is behind `length`: only ever a tail that nobody was promised.
    fn truncate(&mut self, length: u64) -> Result<()>;
}

/// A file that is read at any place, by any number of threads.
pub trait ReadFile: Send + Sync {
    /// Bytes in it now.
    fn length(&self) -> Result<u64>;
    /// Fills `bytes` from `offset` on; less only at the end of the file.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize>;
}

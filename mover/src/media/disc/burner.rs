//! What burns discs and reads them, whatever is behind it.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::state::Part;
use crate::Result;

/// What is to be burned: bytes of a volume that wait in a spool.
#[derive(Clone, Copy, Debug)]
pub struct Burning<'a> {
    /// The volume.
    pub volume: &'a str,
    /// Where the bytes begin in the volume.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    /// Where they are, from the first byte of this file on.
    pub spool: &'a Path,
}

/// A file on a disc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BurnedFile {
    /// Its path, from the root.
    pub path: String,
    /// Where its bytes begin on the disc; they lie together.
    pub at: u64,
    /// Bytes of it.
    pub length: u64,
}

/// What is found on a disc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Nothing was ever written on it.
    pub is_blank: bool,
    /// When it was made, so that later ones are greater; empty where only one can hold a volume.
    pub created: String,
    /// All files; none on a blank disc, and on one that is none of ours.
    pub files: Vec<BurnedFile>,
}

/// A drive for discs, or a folder of images that stand for them.
pub trait Burner: fmt::Debug + Send + Sync {
    /// A disc is burned once, and one whose burning fails is spoilt.
    fn is_write_once(&self) -> bool;
    /// A disc can be looked at without a person who brings it.
    fn is_unattended(&self) -> bool;
    /// Names of discs that may be written if they are blank, in the order in which they are used.
    fn candidates(&self) -> Result<Vec<String>>;
    /// Names of all discs of the pool that are at hand.
    fn inventory(&self) -> Result<Vec<String>>;
    /// Keeps all others from a disc for as long as the file lives; none where that is not needed.
    fn hold(&self, disc: &str) -> Result<Option<File>>;
    /// Looks at a disc.
    fn look(&self, disc: &str) -> Result<Content>;
    /// Makes ready to burn; fails where that is not possible, and nothing was written yet: with
    /// [`crate::ErrorKind::Refused`] where the disc is not blank.
    fn prepare(&self, disc: &str, burning: &Burning<'_>) -> Result<()>;
    /// Burns what was made ready. It is not looked at again.
    fn burn(&self, disc: &str, burning: &Burning<'_>, held: Option<&File>) -> Result<()>;
    /// Nothing more is burned on a disc. Durable when it returns.
    fn close(&self, disc: &str) -> Result<()>;
    /// Makes what was burned durable.
    fn sync(&self, disc: &str) -> Result<()>;
    /// Fills `bytes`, which end within the part, from its byte `within` on. Fails with
    /// [`crate::ErrorKind::Refused`] where the disc is another one.
    fn read(&self, disc: &str, part: &Part, within: u64, bytes: &mut [u8]) -> Result<()>;
    /// Puts a disc where a person can take it.
    fn eject(&self, disc: &str) -> Result<()>;
    /// What people call a disc.
    fn path(&self, disc: &str) -> PathBuf;
}

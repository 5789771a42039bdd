//! Where entries come from: a walk over files, or standard input.
//!
//! A walk gives entries in the order of `format::compare_paths` and opens their content on demand.
//! Whatever cannot be read is a [`Fault`] that names its path, and the walk goes on.
//! Nothing here follows a symbolic link below the roots, and nothing but regular files is opened.

mod walker;
mod roots;
mod rules;
mod names;
mod inode;
mod links;
mod reader;
mod stdin;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{Error, Result};

pub use reader::{FileReader, Piece};
pub use stdin::Stdin;
pub use walker::{Found, Walker};

/// What to walk and what to leave out.
///
/// One root that is a folder gives its content as the archive's root, with an entry for itself at
/// the empty path. Any other root, and each of several, lies under its last component.
#[derive(Clone, Debug, Default)]
pub struct SourceConfig {
    /// Files and folders; symbolic links among them are followed only to a folder, and only if
    /// they end in a slash or stand alone. No rule excludes a root.
    pub roots: Vec<PathBuf>,
    /// Globs as in a gitignore file that lies at the archive's root.
    pub excludes: Vec<String>,
    /// Files of such globs, one a line.
    pub exclude_from: Vec<PathBuf>,
    /// Names of files such as `.moverignore` that hold globs for the folder that they lie in.
    pub ignore_file_names: Vec<OsString>,
    /// Keep to the file system of each root; mount points are archived as empty folders.
    pub one_file_system: bool,
    /// Leave out what lies beside a valid `CACHEDIR.TAG`.
    pub exclude_caches: bool,
}

/// One thing that could not be archived, or not faithfully.
#[derive(Debug)]
pub struct Fault {
    /// The path in the archive.
    pub path: Vec<u8>,
    /// What happened; its message names the path too.
    pub error: Error,
}

impl Fault {
    /// A failed system call.
    fn io(doing: &str, path: &[u8], cause: rustix::io::Errno) -> Fault {
        Fault { path: path.to_vec(), error: Error::io(doing, shown(path), cause) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// The archive's root has an empty path, which would read like a hole in a message.
fn shown(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(if path.is_empty() { b"." } else { path }))
}

/// Lifts the soft limit of open files to the hard one, and gives it; to be called once, early.
pub fn raise_open_file_limit() -> Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        setrlimit(Resource::Nofile, raised).map_err(|errno| {
            Error::io("raising the limit of open files", "RLIMIT_NOFILE", errno)
        })?;
    }
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;

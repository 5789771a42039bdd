//! One error for the whole engine: what kind, what happened to which thing, why, and the way out.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Kinds exist for decisions: retry, skip and report, ask for a key, stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Bytes on a medium are not what was written.
    Damaged,
    /// Something that was named is not there.
    Missing,
    /// Something is there that must not be.
    Exists,
    /// Somebody else holds it.
    Busy,
    /// A rule forbids it: an access right, a policy, a path that leaves its folder.
    Refused,
    /// Right in itself, but not for this version.
    Unsupported,
    /// No key, or the wrong one.
    Key,
    /// A component trapped, passed a limit or gave an error.
    Plugin,
    /// The medium or the disk is full.
    Full,
    /// The operator stopped it.
    Cancelled,
    /// The operator asked for something that makes no sense.
    Usage,
    /// Any other failure of the operating system.
    Io,
}

/// Names the thing, the cause and, where there is one, the way out.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    way_out: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// `message` is lower case, has no full stop and names the thing.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), way_out: None, source: None }
    }

    /// A failed system call: `doing` is a gerund, such as `reading`.
    pub fn io(doing: &str, path: impl AsRef<Path>, cause: impl Into<io::Error>) -> Error {
        let cause = cause.into();
        let kind = match cause.kind() {
            io::ErrorKind::NotFound => ErrorKind::Missing,
            io::ErrorKind::AlreadyExists => ErrorKind::Exists,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            _ => ErrorKind::Io,
        };
        Error::new(kind, format!("{doing} {}", path.as_ref().display())).because(cause)
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
        self.source = Some(cause.into());
        self
    }

    /// The same failure, told of the thing that was worked on: kind and way out stay.
    #[must_use]
    pub fn during(self, doing: impl Into<String>) -> Error {
        let way_out = self.way_out.clone();
        let error = Error::new(self.kind, doing).because(self);
        Error { way_out, ..error }
    }

    /// Adds what the operator can do.
    #[must_use]
    pub fn way_out(mut self, way_out: impl Into<String>) -> Error {
        self.way_out = Some(way_out.into());
        self
    }

    /// For decisions.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the operator can do, if anybody knows.
    pub fn hint(&self) -> Option<&str> {
        self.way_out.as_deref()
    }
}

impl fmt::Display for Error {
    /// The message and all its causes, in one line; the way out is told apart, by [`Error::hint`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|source| source as &dyn StdError);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            // Our own errors print their causes themselves.
            cause = if error.is::<Error>() { None } else { error.source() };
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

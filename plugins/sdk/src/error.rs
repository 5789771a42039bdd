//! Expected failures: what a plugin may answer instead of a result.

use crate::bindings::shared::mover::plugin::types;
use std::fmt::{self, Display};

/// What went wrong; the host decides by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The configuration does not fit; the message names the key.
    Config,
    /// The input was not made by this plugin with this configuration.
    Corrupt,
    /// An authenticating cipher found that the input or its binding was changed.
    Authentication,
    /// The input or the configuration asks for something that this version cannot do.
    Unsupported,
    /// A bound of the plugin's own was passed.
    Limit,
    /// Anything else; the message says what.
    Other,
}

/// An expected failure, told to the operator. Panic for bugs only: a panic costs the instance.
///
/// It is no `std::error::Error` itself, so that `?` can turn every one of those into
/// [`ErrorKind::Other`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What the host decides by.
    pub kind: ErrorKind,
    /// One line for a person, lower case, no full stop; 1024 bytes of it reach the log.
    pub message: String,
}

/// A result of a plugin.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    fn new(kind: ErrorKind, message: impl Display) -> Self {
        Self { kind, message: message.to_string() }
    }

    /// The configuration does not fit: name the key.
    pub fn config(message: impl Display) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// The input was not made by this plugin with this configuration.
    pub fn corrupt(message: impl Display) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// The input or its binding was changed.
    pub fn authentication(message: impl Display) -> Self {
        Self::new(ErrorKind::Authentication, message)
    }

    /// This version cannot do what is asked for.
    pub fn unsupported(message: impl Display) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A bound of the plugin's own was passed.
    pub fn limit(message: impl Display) -> Self {
        Self::new(ErrorKind::Limit, message)
    }

    /// Anything else.
    pub fn other(message: impl Display) -> Self {
        Self::new(ErrorKind::Other, message)
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::other(error)
    }
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        use types::ErrorKind as Kind;
        let kind = match error.kind {
            ErrorKind::Config => Kind::InvalidConfig,
            ErrorKind::Corrupt => Kind::CorruptInput,
            ErrorKind::Authentication => Kind::AuthenticationFailed,
            ErrorKind::Unsupported => Kind::Unsupported,
            ErrorKind::Limit => Kind::LimitExceeded,
            ErrorKind::Other => Kind::Other,
        };
        Self { kind, message: error.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_std_becomes_one_of_another_kind() {
        fn parse() -> Result<u32> {
            Ok("x".parse::<u32>()?)
        }
        assert_eq!(parse().unwrap_err(), Error::other("invalid digit found in string"));
    }
}

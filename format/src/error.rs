//! Why bytes were refused. Every variant names the thing and the broken rule.

use std::fmt;

/// The bytes do not say what SPEC.md lets them say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Fewer bytes than the thing needs; more of them may make it whole.
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes that it needs at least.
        needed: usize,
        /// Bytes that were there.
        have: usize,
    },
    /// A checksum does not agree with the bytes that it covers.
    Checksum {
        /// What the checksum covers.
        what: &'static str,
        /// The value on the medium.
        stored: u32,
        /// The value of the bytes that were read.
        computed: u32,
    },
    /// Written by a format version that this code does not know.
    Version {
        /// The version on the medium.
        found: u16,
    },
    /// A length or a count passes a limit of [`crate::limits`].
    Limit {
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: u64,
        /// What was found.
        found: u64,
    },
    /// A code that SPEC.md does not define, or an option that must be understood and is not.
    Unknown {
        /// What kind of code.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// Any other broken rule.
    Invalid {
        /// What is wrong.
        what: &'static str,
        /// The rule of SPEC.md that it breaks.
        rule: &'static str,
    },
}

/// The result of every decoder here.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Truncated { what, needed, have } => {
                write!(f, "{what} is cut short: {needed} bytes needed, {have} there")
            }
            Error::Checksum { what, stored, computed } => write!(
                f,
                "checksum of {what} does not match: {stored:08x} stored, {computed:08x} read"
            ),
            Error::Version { found: 0 } => {
                f.write_str("format version 0 was a draft; read it with the mover that wrote it")
            }
            Error::Version { found } => write!(
                f,
                "format version {found} is newer than this mover reads ({}); use a newer mover",
                crate::VERSION
            ),
            Error::Limit { what, limit, found } => {
                write!(f, "{what} of {found} passes the limit of {limit}")
            }
            Error::Unknown { what, value } => write!(f, "unknown {what} {value:#x}"),
            Error::Invalid { what, rule } => write!(f, "{what}: {rule}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_thing_and_the_cause() {
        let check = |error: Error, message: &str| assert_eq!(error.to_string(), message);
        let what = "frame";
        check(
            Error::Truncated { what, needed: 32, have: 7 },
            "frame is cut short: 32 bytes needed, 7 there",
        );
        check(
            Error::Checksum { what, stored: 0xab, computed: 1 },
            "checksum of frame does not match: 000000ab stored, 00000001 read",
        );
        check(
            Error::Version { found: 9 },
            "format version 9 is newer than this mover reads (1); use a newer mover",
        );
        check(Error::Limit { what, limit: 4, found: 5 }, "frame of 5 passes the limit of 4");
        check(Error::Unknown { what: "role", value: 255 }, "unknown role 0xff");
        check(Error::Invalid { what, rule: "it is whole" }, "frame: it is whole");
    }
}

//! Reads values of a policy file, and says where one is wrong.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use crate::error::{Error, ErrorKind};
use crate::units::{Size, Time};

/// A mistake, by file, line and column.
pub(super) fn wrong(path: &Path, text: &str, cause: &toml::de::Error) -> Error {
    let (line, column) = place_of(text, cause.span().map_or(0, |span| span.start));
    let what = cause.message().replace('\n', "; ");
    Error::new(ErrorKind::Usage, format!("{}:{line}:{column}: {what}", path.display()))
        .way_out("see docs/policy.md for what can stand in a policy file")
}

/// Line and column of a byte, from 1.
pub(super) fn place_of(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

/// A time that may be missing.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// A size: bytes, or a number with a unit.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Size>().map(|size| size.0).map_err(explain)
}

/// A time: a number with s, m or h.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse::<Time>().map(|time| time.0).map_err(explain)
}

fn explain<E: de::Error>(error: Error) -> E {
    E::custom(format!("{error}; {}", error.hint().unwrap_or_default()))
}

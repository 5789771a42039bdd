//! How long a pool keeps what is in it.

use std::time::Duration;

use serde::Deserialize;

use super::read;

/// What a pool keeps; an archive that any of these keeps stays, and without any all stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Retention {
    /// The newest so many archives of each name.
    pub last: u32,
    /// The newest of each of so many days.
    pub daily: u32,
    /// Of weeks.
    pub weekly: u32,
    /// Of months.
    pub monthly: u32,
    /// Of years.
    pub yearly: u32,
    /// All that are younger.
    #[serde(deserialize_with = "read::some_duration")]
    pub within: Option<Duration>,
    /// Volumes stay for so long after they were labelled, whatever the rest says.
    #[serde(deserialize_with = "read::some_duration")]
    pub locked_for: Option<Duration>,
}

//! Sizes, rates and times as people write them: `64M`, `1.5GiB`, `200k/s` (always powers of 1024),
//! `30s`, `5m`, `2d`; and counts and paths as people are told them.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, ErrorKind, Result};

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl std::str::FromStr for Size {
    type Err = Error;

    fn from_str(text: &str) -> Result<Size> {
        let wrong = || {
            Error::new(ErrorKind::Usage, format!("{text} is not a size"))
                .way_out("write it as 65536, 64K, 1.5M or 2GiB")
        };
        let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let unit = unit.trim().to_ascii_lowercase();
        let unit = unit.strip_suffix("/s").unwrap_or(&unit);
        let unit = unit.strip_suffix('b').unwrap_or(unit);
        let unit = unit.strip_suffix('i').unwrap_or(unit);
        let shift = match unit {
            "" => 0,
            "k" => 10,
            "m" => 20,
            "g" => 30,
            "t" => 40,
            _ => return Err(wrong()),
        };
        let bytes = number * (1u64 << shift) as f64;
        match bytes.is_finite() && (1.0..=1e18).contains(&bytes) {
            #[allow(clippy::cast_possible_truncation, reason = "checked to be in range")]
            #[allow(clippy::cast_sign_loss, reason = "checked to be positive")]
            true => Ok(Size(bytes as u64)),
            false => Err(wrong()),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // The largest unit that loses nothing.
        let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K"), (0, "")];
        let fits =
            |(shift, _): &&(u32, &str)| self.0.is_multiple_of(1 << shift) && self.0 >> shift > 0;
        let (shift, unit) = units.iter().find(fits).unwrap_or(&(0, ""));
        serializer.serialize_str(&format!("{}{unit}", self.0 >> shift))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| {
            de::Error::custom(format!("{error}; {}", error.hint().unwrap_or_default()))
        })
    }
}

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) Duration);

impl std::str::FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Time> {
        let wrong = || {
            Error::new(ErrorKind::Usage, format!("{text} is not a time"))
                .way_out("write it as 30s, 5m, 1h, 2d or 3w")
        };
        let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(at);
        let seconds = match unit.trim() {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return Err(wrong()),
        };
        let number = number.parse::<u64>().map_err(|_| wrong())?;
        let seconds = number.checked_mul(seconds).ok_or_else(wrong)?;
        Ok(Time(Duration::from_secs(seconds)))
    }
}

/// How many there are of something, for people: `1 volume`, `2 volumes`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A path for a terminal: control characters in names must not reach it.
pub(crate) fn path_text(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    match text.chars().any(char::is_control) {
        true => text.escape_debug().to_string(),
        false => text.into_owned(),
    }
}

/// Bytes for people, with three figures.
pub(crate) fn show(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_in_seconds_minutes_and_hours() {
        let parse = |text: &str| text.parse::<Time>().map(|time| time.0.as_secs()).ok();
        assert_eq!(
            (parse("30"), parse("30s"), parse("5m"), parse("1h")),
            (Some(30), Some(30), Some(300), Some(3600))
        );
        for wrong in ["", "s", "-1s", "5y", "99999999999999999h"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn one_is_said_otherwise_than_several() {
        let said = [0, 1, 2].map(|count| counted(count, "volume was", "volumes were"));
        assert_eq!(said, ["0 volumes were", "1 volume was", "2 volumes were"]);
    }

    #[test]
    fn sizes_are_taken_with_every_usual_unit() {
        let parse = |text: &str| text.parse::<Size>().map(|size| size.0).ok();
        assert_eq!(parse("65536"), Some(65536));
        assert_eq!(parse("64K"), Some(64 << 10));
        assert_eq!(parse("1.5MiB"), Some(3 << 19));
        assert_eq!(parse("2gb/s"), Some(2 << 30));
        for wrong in ["", "K", "-1", "1x", "0", "1e99T"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}

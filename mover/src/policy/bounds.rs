//! Bounds of a number, as people write them: `>1M`, `<=30d`, `>=1M, <1G`.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::units::{Size, Time};
use crate::{Error, ErrorKind, Result};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// Bits of entropy for each byte: 0 to 8.
    Bits,
}

/// All that lies between two ends, either of which may be missing.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    text: String,
    low: Option<End>,
    high: Option<End>,
    /// The largest number that there is of the unit.
    most: f64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct End {
    at: f64,
    /// The number itself lies within, too.
    is_within: bool,
}

impl Bounds {
    /// Reads bounds; all of them have to hold.
    pub(super) fn parse(text: &str, unit: Unit) -> Result<Bounds> {
        let most = if unit == Unit::Bits { 8.0 } else { f64::INFINITY };
        let mut bounds = Bounds { text: text.to_owned(), low: None, high: None, most };
        for part in text.split(',') {
            let part = part.trim();
            let (sign, rest) = ["<=", ">=", "<", ">"]
                .iter()
                .find_map(|sign| Some((*sign, part.strip_prefix(sign)?)))
                .ok_or_else(|| unit.wrong(text))?;
            let end = End { at: unit.number(rest.trim())?, is_within: sign.ends_with('=') };
            let place = if sign.starts_with('<') { &mut bounds.high } else { &mut bounds.low };
            if place.replace(end).is_some() {
                return Err(unit.wrong(text));
            }
        }
        Ok(bounds)
    }

    /// As they were written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a number lies within.
    pub fn hold(&self, number: f64) -> bool {
        let low = self.low.is_none_or(|end| number > end.at || (end.is_within && number == end.at));
        let high =
            self.high.is_none_or(|end| number < end.at || (end.is_within && number == end.at));
        low && high
    }

    /// Whether no number lies within.
    pub(super) fn is_empty(&self) -> bool {
        let least = End { at: 0.0, is_within: true };
        let most = End { at: self.most, is_within: true };
        let low = self.low.filter(|end| end.at >= 0.0).unwrap_or(least);
        let high = self.high.filter(|end| end.at <= self.most).unwrap_or(most);
        low.at > high.at || (low.at == high.at && !(low.is_within && high.is_within))
    }

    /// Whether all that lies within `other` lies within this.
    pub(super) fn cover(&self, other: &Bounds) -> bool {
        let inside = |end: Option<End>, of: Option<End>, sign: f64| match (end, of) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(end), Some(of)) => {
                let by = (of.at - end.at) * sign;
                by > 0.0 || (by == 0.0 && (end.is_within || !of.is_within))
            }
        };
        inside(self.low, other.low, 1.0) && inside(self.high, other.high, -1.0)
    }
}

impl Unit {
    #[allow(clippy::cast_precision_loss, reason = "nobody draws a line at the byte there")]
    fn number(self, text: &str) -> Result<f64> {
        match self {
            // A size of nothing is none elsewhere, and a good bound here.
            Unit::Bytes if text == "0" => Ok(0.0),
            Unit::Bytes => Ok(text.parse::<Size>()?.0 as f64),
            Unit::Seconds => Ok(text.parse::<Time>()?.0.as_secs_f64()),
            Unit::Bits => match text.parse() {
                Ok(bits) if (0.0..=8.0).contains(&bits) => Ok(bits),
                _ => Err(self.wrong(text)),
            },
        }
    }

    fn wrong(self, text: &str) -> Error {
        let (what, way_out) = match self {
            Unit::Bytes => ("no bound of sizes", "write it as \">1M\", \"<=64K\" or \">=1M, <1G\""),
            Unit::Seconds => ("no bound of ages", "write it as \">30d\", \"<1h\" or \">=1d, <4w\""),
            Unit::Bits => (
                "no bound of entropies",
                "write it as \">7.5\" or \"<5\"; 0 to 8 bits are possible",
            ),
        };
        Error::new(ErrorKind::Usage, format!("{text:?} is {what}")).way_out(way_out)
    }
}

impl Serialize for Bounds {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
    unit: Unit,
) -> std::result::Result<Option<Bounds>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let explain =
        |error: Error| de::Error::custom(format!("{error}; {}", error.hint().unwrap_or_default()));
    Bounds::parse(&text, unit).map(Some).map_err(explain)
}

/// Bounds of a size in bytes.
pub(super) fn size<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Bounds>, D::Error> {
    read(deserializer, Unit::Bytes)
}

/// Bounds of an age.
pub(super) fn age<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Bounds>, D::Error> {
    read(deserializer, Unit::Seconds)
}

/// Bounds of an entropy.
pub(super) fn entropy<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Option<Bounds>, D::Error> {
    read(deserializer, Unit::Bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Bounds {
        Bounds::parse(text, Unit::Bytes).unwrap()
    }

    #[test]
    fn each_sign_means_what_it_says() {
        let cases = [(">1K", [false, false, true]), (">=1K", [false, true, true])];
        for (text, expect) in cases.into_iter().chain([
            ("<1K", [true, false, false]),
            ("<=1K", [true, true, false]),
            (">=1K, <=1K", [false, true, false]),
            ("> 1000 ,<1025", [true, true, false]),
        ]) {
            let found = [1023.0, 1024.0, 1025.0].map(|size| bytes(text).hold(size));
            assert_eq!(found, expect, "{text}");
        }
        assert!(bytes(">0").hold(1.0) && !bytes(">0").hold(0.0) && bytes("<=0").hold(0.0));
    }

    #[test]
    fn what_is_no_bound_is_refused() {
        for text in ["", "1M", "=1M", ">", ">many", ">1M >2M", ">1M, >2M", "<1,", "!1M"] {
            assert!(Bounds::parse(text, Unit::Bytes).is_err(), "{text}");
        }
        for text in [">9", "<-1", ">NaN", ">inf"] {
            assert!(Bounds::parse(text, Unit::Bits).is_err(), "{text}");
        }
        assert!(Bounds::parse(">30d", Unit::Seconds).is_ok());
    }

    #[test]
    fn bounds_that_exclude_each_other_are_empty() {
        for (text, expect) in
            [(">1M, <1K", true), (">1M, <1M", true), (">=1M, <=1M", false), ("<0", true)]
        {
            assert_eq!(bytes(text).is_empty(), expect, "{text}");
        }
        assert!(Bounds::parse(">8", Unit::Bits).unwrap().is_empty());
        assert!(!Bounds::parse(">=8", Unit::Bits).unwrap().is_empty());
    }

    #[test]
    fn a_wider_one_covers_a_narrower_one() {
        for (wide, narrow, expect) in [
            (">1M", ">2M", true),
            (">2M", ">1M", false),
            (">1M", ">=1M", false),
            (">=1M", ">1M", true),
            (">1M", ">2M, <1G", true),
            (">1M, <1G", ">2M", false),
            ("<1G", "<1M", true),
            ("<1M", ">1M", false),
        ] {
            assert_eq!(bytes(wide).cover(&bytes(narrow)), expect, "{wide} {narrow}");
        }
    }
}

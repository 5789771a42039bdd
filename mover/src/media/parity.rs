//! How much parity a pool has, as people write it: `10+2`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, ErrorKind, Result};

/// So many columns of data, and so many of parity that stand in for as many lost ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parity {
    /// Volumes of a set.
    pub data: u8,
    /// Files of parity beside them: how many of all these may be lost.
    pub parity: u8,
}

impl FromStr for Parity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Parity> {
        let wrong = || {
            Error::new(ErrorKind::Usage, format!("{text} is no N+M, such as 10+2")).way_out(
                "10+2 is two of parity for ten volumes: any two may be lost; at most 255 in all",
            )
        };
        let (data, parity) = text.split_once('+').ok_or_else(wrong)?;
        let count = |text: &str| text.parse::<u8>().ok().filter(|count| *count > 0);
        let (Some(data), Some(parity)) = (count(data), count(parity)) else { return Err(wrong()) };
        match data.checked_add(parity) {
            Some(_) => Ok(Parity { data, parity }),
            None => Err(wrong()),
        }
    }
}

impl fmt::Display for Parity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.data, self.parity)
    }
}

impl Serialize for Parity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Parity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parity, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|error: Error| {
            de::Error::custom(format!("{error}; {}", error.hint().unwrap_or_default()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        for text in ["10+2", "1+1", "254+1", "1+254"] {
            assert_eq!(text.parse::<Parity>().unwrap().to_string(), text);
        }
        for text in ["", "10", "10+", "+2", "0+2", "10+0", "254+2", "10+2+1", "ten+2", "300+1"] {
            let error = text.parse::<Parity>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
            assert!(error.hint().unwrap().contains("10+2"), "{text}");
        }
    }
}

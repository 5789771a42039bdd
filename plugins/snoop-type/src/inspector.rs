//! Follows entries through windows: keeps their first bytes, counts a sample of the others.

use crate::entropy::{Counts, Logarithms};
use crate::kind;
use shared::config::object;
use shared::state::{StateError, StateReader, StateWriter};
use shared::window::{EndsError, Part, parts};

/// What is looked at for a content type.
const HEAD_LENGTH: usize = 8 << 10;
/// Of every MiB the first 64 KiB are counted: counting all would take most of the time, and
/// says the same of all but the oddest entries.
const SAMPLE_EVERY: u64 = 1 << 20;
const SAMPLE_LENGTH: u64 = 64 << 10;
/// The layout of a saved state.
const STATE_VERSION: u8 = 1;

/// There is nothing to choose.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct InspectorConfig {}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) content_type: &'static str,
    /// Bits per byte in the sample.
    pub(crate) entropy: f64,
}

/// The entry that goes on, and what does not change from entry to entry.
pub(crate) struct Inspector {
    /// How much of the entry was seen.
    offset: u64,
    head: Vec<u8>,
    counts: Counts,
    logarithms: Logarithms,
}

impl Inspector {
    /// Takes an empty `config` for the defaults; an error is a message.
    pub(crate) fn open(config: &str) -> Result<Self, String> {
        let config = object(config).map_err(|error| error.to_string())?;
        serde_json::from_str::<InspectorConfig>(config).map_err(|error| error.to_string())?;
        Ok(Self {
            offset: 0,
            head: Vec::with_capacity(HEAD_LENGTH),
            counts: Counts::default(),
            logarithms: Logarithms::new(),
        })
    }

    /// Takes up where the inspector that gave `state` was.
    pub(crate) fn resume(&mut self, state: &[u8]) -> Result<(), StateError> {
        let mut reader = StateReader::new(state, STATE_VERSION)?;
        self.offset = reader.integer()?;
        self.head = reader.bytes()?.to_vec();
        if self.head.len() > HEAD_LENGTH {
            return Err(StateError);
        }
        self.counts = Counts::read(&mut reader)?;
        reader.finish()
    }

    /// Gives what `resume` needs.
    pub(crate) fn save(&self) -> Vec<u8> {
        let mut writer = StateWriter::new(STATE_VERSION);
        writer.integer(self.offset);
        writer.bytes(&self.head);
        self.counts.write(&mut writer);
        writer.finish()
    }

    /// Looks at the next bytes and answers for every entry that ends in them.
    pub(crate) fn inspect(
        &mut self,
        window: &[u8],
        ends: &[u32],
    ) -> Result<Vec<Answer>, EndsError> {
        let mut answers = Vec::with_capacity(ends.len());
        for part in parts(window, ends)? {
            answers.extend(self.inspect_part(part));
        }
        Ok(answers)
    }

    fn inspect_part(&mut self, part: Part<'_>) -> Option<Answer> {
        let whole = self.offset == 0 && part.last;
        if !whole {
            let room = HEAD_LENGTH - self.head.len();
            self.head.extend_from_slice(&part.bytes[..room.min(part.bytes.len())]);
        }
        for sample in samples(self.offset, part.bytes) {
            self.counts.count(sample);
        }
        self.offset += part.bytes.len() as u64;
        if !part.last {
            return None;
        }
        let short = &part.bytes[..HEAD_LENGTH.min(part.bytes.len())];
        let head = if whole { short } else { &self.head };
        let answer = Answer {
            content_type: kind::content_type(head),
            entropy: self.counts.entropy(&self.logarithms),
        };
        self.offset = 0;
        self.head.clear();
        self.counts.clear();
        Some(answer)
    }
}

/// The parts of `bytes`, which begin at `offset` of their entry, that are counted.
fn samples(offset: u64, mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut position = offset % SAMPLE_EVERY;
    std::iter::from_fn(move || {
        while !bytes.is_empty() {
            let counted = position < SAMPLE_LENGTH;
            let end = if counted { SAMPLE_LENGTH } else { SAMPLE_EVERY };
            let length = bytes.len().min((end - position) as usize);
            let (now, rest) = bytes.split_at(length);
            bytes = rest;
            position = (position + length as u64) % SAMPLE_EVERY;
            if counted {
                return Some(now);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Vec<u8> {
        let noise = |n: u32| (n.wrapping_mul(2_654_435_761) >> 11) as u8;
        let mut entry = b"\x89PNG\r\n\x1a\n".to_vec();
        entry.extend((0..2_500_000).map(noise));
        entry
    }

    #[test]
    fn answers_do_not_depend_on_windows_nor_on_entries_before() {
        let entry = entry();
        let whole = |entry: &[u8]| {
            let mut inspector = Inspector::open("").unwrap();
            inspector.inspect(entry, &[entry.len() as u32]).unwrap()[0]
        };
        let expect = whole(&entry);
        assert_eq!(expect.content_type, "image/png");
        assert!(expect.entropy > 7.9);
        for window in [1000, 65_536, 100_001, 1 << 20] {
            let mut inspector = Inspector::open("{}").unwrap();
            assert_eq!(inspector.inspect(b"text", &[4]).unwrap()[0].content_type, "text/plain");
            for bytes in entry.chunks(window) {
                assert!(inspector.inspect(bytes, &[]).unwrap().is_empty());
            }
            let answers = inspector.inspect(b"xx", &[0, 0, 2]).unwrap();
            assert_eq!(answers, [expect, whole(b""), whole(b"xx")]);
        }
    }

    #[test]
    fn a_resumed_inspector_answers_as_one_that_went_on() {
        let entry = entry();
        for cut in [0, 5, 9000, 1_100_000] {
            let mut first = Inspector::open("").unwrap();
            first.inspect(&entry[..cut], &[]).unwrap();
            let state = first.save();
            let mut second = Inspector::open("").unwrap();
            second.resume(&state).unwrap();
            let rest = &entry[cut..];
            let ends = [rest.len() as u32];
            assert_eq!(first.inspect(rest, &ends).unwrap(), second.inspect(rest, &ends).unwrap());
            assert!(second.resume(&state[..state.len() - 1]).is_err());
        }
    }

    #[test]
    fn only_the_beginning_of_every_mebibyte_is_counted() {
        let bytes = vec![0; 3 << 20];
        let lengths = |offset, length: usize| {
            samples(offset, &bytes[..length]).map(<[u8]>::len).collect::<Vec<_>>()
        };
        assert_eq!(lengths(0, 3 << 20), [65_536, 65_536, 65_536]);
        assert_eq!(lengths(65_530, 10), [6]);
        assert_eq!(lengths((5 << 20) - 1, 3), [2]);
        assert_eq!(lengths(70_000, 900_000), [0_usize; 0]);
    }
}

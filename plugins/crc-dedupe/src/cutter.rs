//! Windows with many entries, cut into blocks.
//!
//! A cutter holds nothing but its configuration: the same bytes after any cut give the same
//! blocks, whatever came before and however the windows lie.

use crate::gear::Gear;
use serde::Deserialize;
use shared::config::object;
use shared::window::{EndsError, parts};

/// The contract's bound for a block.
const BLOCK_LENGTH_MAX: u32 = 1 << 20;
/// Below this, the headers of blocks cost more than dedupe saves.
const BLOCK_LENGTH_MIN: u32 = 256;

/// Lengths of blocks in bytes.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CutterConfig {
    min: u32,
    average: u32,
    max: u32,
}

impl Default for CutterConfig {
    fn default() -> Self {
        Self { min: 16 << 10, average: 64 << 10, max: 256 << 10 }
    }
}

/// One configured cutter.
pub(crate) struct Cutter {
    gear: Gear,
}

impl Cutter {
    /// Takes an empty `config` for the defaults; an error is a message.
    pub(crate) fn open(config: &str) -> Result<Self, String> {
        let config = object(config).map_err(|error| error.to_string())?;
        let config: CutterConfig =
            serde_json::from_str(config).map_err(|error| error.to_string())?;
        let CutterConfig { min, average, max } = config;
        if min < BLOCK_LENGTH_MIN || max > BLOCK_LENGTH_MAX {
            return Err(format!(
                "min is at least {BLOCK_LENGTH_MIN}, max at most {BLOCK_LENGTH_MAX}"
            ));
        }
        if min > average / 2 || average > max / 2 {
            return Err("min is at most half of average, and average at most half of max".into());
        }
        Ok(Self { gear: Gear::new(min as usize, average as usize, max as usize) })
    }

    /// No block is longer.
    pub(crate) fn block_length_max(&self) -> u32 {
        self.gear.max() as u32
    }

    /// Gives `block` of every block whose end is certain.
    ///
    /// `block` is called at once, while the bytes that were just looked at are still in the cache.
    pub(crate) fn cut<T>(
        &self,
        window: &[u8],
        ends: &[u32],
        block: impl Fn(&[u8]) -> T,
    ) -> Result<Vec<T>, EndsError> {
        let mut blocks = Vec::with_capacity(ends.len() + window.len() / self.gear.average() * 2);
        for part in parts(window, ends)? {
            let mut rest = part.bytes;
            while let Some(length) = self.gear.cut(rest, part.last) {
                blocks.push(block(&rest[..length]));
                rest = &rest[length..];
            }
        }
        Ok(blocks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(length: usize, mut seed: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() < length {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            bytes.extend_from_slice(&seed.to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    fn lengths(cutter: &Cutter, window: &[u8], ends: &[u32]) -> Vec<usize> {
        cutter.cut(window, ends, <[u8]>::len).unwrap()
    }

    /// Cuts one entry in windows of `window` bytes, as the host does.
    fn in_windows(cutter: &Cutter, entry: &[u8], window: usize) -> Vec<usize> {
        let mut found = Vec::new();
        let mut start = 0;
        while start < entry.len() {
            let end = (start + window).min(entry.len());
            let ends = if end == entry.len() { vec![(end - start) as u32] } else { vec![] };
            let blocks = lengths(cutter, &entry[start..end], &ends);
            assert!(!blocks.is_empty(), "a window with a whole block in it gives one");
            start += blocks.iter().sum::<usize>();
            found.extend(blocks);
        }
        found
    }

    #[test]
    fn cuts_do_not_depend_on_where_windows_lie() {
        let entry = random(5_000_000, 1);
        let cutter = Cutter::open("").unwrap();
        let expect = lengths(&cutter, &entry, &[entry.len() as u32]);
        assert_eq!(expect.iter().sum::<usize>(), entry.len());
        for window in [256 << 10, 300_001, 1 << 20, 1_048_579] {
            assert_eq!(in_windows(&cutter, &entry, window), expect);
        }
    }

    #[test]
    fn every_block_but_the_last_of_an_entry_is_in_bounds_and_average_is_near() {
        let entry = random(40_000_000, 2);
        for config in ["", "{\"min\": 512, \"average\": 3000, \"max\": 20000}"] {
            let cutter = Cutter::open(config).unwrap();
            let blocks = lengths(&cutter, &entry, &[entry.len() as u32]);
            let (last, blocks) = blocks.split_last().unwrap();
            let range = cutter.gear.min()..=cutter.gear.max();
            assert!(blocks.iter().all(|length| range.contains(length)));
            assert!(*last <= cutter.gear.max());
            let average = entry.len() / blocks.len();
            let expect = cutter.gear.average();
            assert!((expect * 2 / 3..expect * 3 / 2).contains(&average), "{average}");
        }
    }

    #[test]
    fn cuts_come_back_after_bytes_were_put_in_or_taken_out() {
        let entry = random(4_000_000, 3);
        let cutter = Cutter::open("").unwrap();
        let cuts = |entry: &[u8]| {
            let mut end = 0;
            let blocks = lengths(&cutter, entry, &[entry.len() as u32]);
            // From the back, where nothing has moved.
            blocks
                .iter()
                .map(|length| {
                    end += length;
                    entry.len() - end
                })
                .collect::<Vec<_>>()
        };
        let before = cuts(&entry);
        let longer = [&entry[..100], b"something new", &entry[100..]].concat();
        let shorter = [&entry[..10_000], &entry[10_777..]].concat();
        for changed in [longer, shorter] {
            let after = cuts(&changed);
            let known = after.iter().filter(|cut| before.contains(cut)).count();
            assert!(known + 5 >= after.len(), "{known} of {}", after.len());
        }
    }

    #[test]
    fn every_end_is_a_cut_and_entries_do_not_depend_on_each_other() {
        let bytes = random(700_000, 4);
        let cutter = Cutter::open("").unwrap();
        let alone = lengths(&cutter, &bytes[5..600_000], &[599_995]);
        let ends = [0, 5, 5, 600_000, 600_001];
        let mut expect = vec![5];
        expect.extend(alone);
        expect.push(1);
        let found = lengths(&cutter, &bytes, &ends);
        assert_eq!(found[..expect.len()], expect);
        assert!(cutter.cut(&bytes, &[700_001], <[u8]>::len).is_err());
        assert!(lengths(&cutter, &bytes[..1000], &[]).is_empty());
        assert!(lengths(&cutter, &[], &[0, 0]).is_empty());
    }

    #[test]
    fn runs_of_one_byte_are_cut_at_max() {
        let cutter = Cutter::open("").unwrap();
        for byte in 0..=255 {
            let blocks = lengths(&cutter, &vec![byte; 600_000], &[600_000]);
            assert_eq!(blocks[..2], [256 << 10, 256 << 10], "{byte}");
        }
    }

    #[test]
    fn a_wrong_configuration_is_refused() {
        for config in [
            "{\"min\": 255}",
            "{\"max\": 1048577}",
            "{\"average\": 20000}",
            "{\"average\": 200000}",
            "{\"averag\": 65536}",
            "x",
        ] {
            assert!(Cutter::open(config).is_err(), "{config}");
        }
    }
}

//! Keeps differences of numbers instead of the numbers.
//!
//! Read in this order: here (the filter), `numbers` (the arithmetic).

mod numbers;

use mover_plugin::{Config, Direction, Filter, Output, Result};
use numbers::Numbers;
use serde::Deserialize;

/// What is kept of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Config)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Their difference: for integers that change little.
    Delta,
    /// The bits in which they differ: for floats that change little.
    Xor,
}

/// What an operator may configure.
#[derive(Debug, Deserialize, Config)]
pub struct DeltaConfig {
    /// bytes of a number
    #[config(minimum = 1, maximum = 8, default = 1)]
    width: usize,
    /// the number before is so many numbers back: 2 for stereo, 3 for red, green and blue, the
    /// columns of a table
    #[config(minimum = 1, maximum = 65536, default = 1)]
    stride: usize,
    /// what is kept: their difference, or the bits in which they differ
    #[config(default = "delta")]
    mode: Mode,
    /// the most significant byte comes first
    #[config(default = false)]
    big_endian: bool,
}

/// One entry on its way through.
#[derive(Debug)]
pub struct Delta {
    numbers: Numbers,
    width: usize,
    /// The beginning of a number whose end comes with the next bytes.
    begun: Vec<u8>,
}

impl Filter for Delta {
    type Config = DeltaConfig;

    fn open(config: DeltaConfig, direction: Direction) -> Result<Self> {
        let width = config.width;
        Ok(Self { numbers: Numbers::new(&config, direction), width, begun: Vec::new() })
    }

    fn next(&mut self, input: &[u8], output: &mut Output<'_>) -> Result<()> {
        self.begun.extend_from_slice(input);
        let whole = self.begun.len() / self.width * self.width;
        self.numbers.rewrite(&mut self.begun[..whole]);
        output.put(&self.begun[..whole]);
        self.begun.drain(..whole);
        Ok(())
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<()> {
        // What is left is no number, and stays as it is.
        output.put(&self.begun);
        self.begun.clear();
        self.numbers.restart();
        Ok(())
    }
}

mover_plugin::export!(filter: Delta, memory_max = 16 << 20);

#[cfg(test)]
mod tests {
    use super::*;
    use mover_plugin::test::{FilterTest, samples};

    #[test]
    fn every_entry_comes_back_at_every_width() {
        for width in 1..=8 {
            for rest in
                [r#""mode": "xor""#, r#""stride": 3"#, r#""stride": 1000, "big_endian": true"#]
            {
                let test = FilterTest::<Delta>::new(&format!("{{\"width\": {width}, {rest}}}"));
                for (_, entry) in samples() {
                    test.round_trip(&entry);
                }
            }
        }
    }

    #[test]
    fn numbers_that_grow_steadily_become_equal() {
        let numbers: Vec<u8> = (0..1000_u16).flat_map(|n| (40 * n).to_le_bytes()).collect();
        let found = FilterTest::<Delta>::new(r#"{"width": 2}"#).round_trip(&numbers);
        assert_eq!(found[..2], [0, 0]);
        assert!(found[2..].as_chunks::<2>().0.iter().all(|number| *number == [40, 0]));

        let numbers: Vec<u8> = (0..1000_u32).flat_map(|n| n.to_be_bytes()[1..].to_vec()).collect();
        let test = FilterTest::<Delta>::new(r#"{"width": 3, "stride": 2, "big_endian": true}"#);
        let found = test.round_trip(&numbers);
        assert!(found[6..].as_chunks::<3>().0.iter().all(|number| *number == [0, 0, 2]));
    }

    #[test]
    fn equal_floats_become_zeros_with_xor() {
        let numbers = 1.25_f64.to_le_bytes().repeat(100);
        let found = FilterTest::<Delta>::new(r#"{"width": 8, "mode": "xor"}"#).round_trip(&numbers);
        assert_eq!(found[8..], [0; 792]);
    }

    #[test]
    fn bytes_after_the_last_number_stay_as_they_are() {
        let found = FilterTest::<Delta>::new(r#"{"width": 4}"#).round_trip(b"abcdabcdxyz");
        assert_eq!(found, b"abcd\0\0\0\0xyz");
    }
}

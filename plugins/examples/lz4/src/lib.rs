//! Compresses chunks with LZ4.
//!
//! An encoded chunk begins with one byte that says whether an LZ4 block follows, or the chunk.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};
use mover_plugin::{Chunk, Config, Error, Output, Result, Transform};
use serde::Deserialize;

const STORED: u8 = 0;
const COMPRESSED: u8 = 1;

/// What an operator may configure.
#[derive(Debug, Deserialize, Config)]
pub struct Lz4Config {
    /// percent by which a chunk has to shrink; one that shrinks by less is stored as it is, and
    /// costs no time when it is read
    #[config(maximum = 90, default = 2)]
    minimum_gain: u8,
}

/// A compressor and its buffer.
#[derive(Debug)]
pub struct Lz4 {
    minimum_gain: usize,
    buffer: Vec<u8>,
}

impl Transform for Lz4 {
    type Config = Lz4Config;

    fn open(config: Lz4Config, _key: &[u8]) -> Result<Self> {
        Ok(Self { minimum_gain: config.minimum_gain.into(), buffer: Vec::new() })
    }

    fn encode(&mut self, _: &Chunk, input: Vec<u8>, output: &mut Output<'_>) -> Result<()> {
        self.buffer.resize(1 + get_maximum_output_size(input.len()), 0);
        self.buffer[0] = COMPRESSED;
        let length = compress_into(&input, &mut self.buffer[1..])?;
        let length_max = input.len() - input.len() * self.minimum_gain / 100;
        if length < length_max {
            output.put(&self.buffer[..1 + length]);
        } else {
            output.put(&[STORED]);
            output.put(&input);
        }
        Ok(())
    }

    fn decode(&mut self, chunk: &Chunk, input: Vec<u8>, output: &mut Output<'_>) -> Result<()> {
        let (form, input) = input.split_first().ok_or_else(|| Error::corrupt("it is empty"))?;
        let plain = match *form {
            STORED => input,
            COMPRESSED => {
                self.buffer.resize(chunk.plain_length, 0);
                let buffer = &mut self.buffer[..chunk.plain_length];
                let length = decompress_into(input, buffer).map_err(Error::corrupt)?;
                &self.buffer[..length]
            }
            other => return Err(Error::corrupt(format!("a chunk of the form {other}"))),
        };
        if plain.len() != chunk.plain_length {
            let (found, expect) = (plain.len(), chunk.plain_length);
            return Err(Error::corrupt(format!("{found} bytes instead of {expect}")));
        }
        output.put(plain);
        Ok(())
    }
}

mover_plugin::export!(transform: Lz4);

#[cfg(test)]
mod tests {
    use super::*;
    use mover_plugin::ErrorKind;
    use mover_plugin::test::{Random, TransformTest, samples};

    #[test]
    fn every_chunk_comes_back() {
        for config in ["", r#"{"minimum_gain": 0}"#, r#"{"minimum_gain": 90}"#] {
            for (_, chunk) in samples() {
                TransformTest::<Lz4>::new(config).round_trip(&chunk);
            }
        }
    }

    #[test]
    fn what_compresses_becomes_shorter_and_noise_one_byte_longer() {
        let test = TransformTest::<Lz4>::new("");
        assert!(test.round_trip(&[7; 100_000]).len() < 1000);
        assert_eq!(test.round_trip(&Random::new(1).bytes(100_000)).len(), 100_001);
    }

    #[test]
    fn a_damaged_chunk_is_an_error_or_other_bytes() {
        let test = TransformTest::<Lz4>::new("");
        let encoded = test.round_trip(&b"0123456789".repeat(100));
        for length in 0..encoded.len() {
            let error = test.decode(&encoded[..length], 1000).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Corrupt);
        }
        let mut random = Random::new(2);
        for _ in 0..10_000 {
            let mut damaged = encoded.clone();
            damaged[random.below(encoded.len())] = random.number() as u8;
            let _ = test.decode(&damaged, 1000);
        }
    }

    #[test]
    fn a_wrong_configuration_is_told_by_its_key() {
        let error = TransformTest::<Lz4>::new(r#"{"minimum_gain": 91}"#).encode(b"").unwrap_err();
        assert_eq!(error, Error::config("minimum_gain: 91 is not from 0 to 90"));
    }
}

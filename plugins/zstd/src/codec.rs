//! One Zstandard frame for each chunk, and back.
//!
//! A frame carries its content size and no checksum: chunks have their own.
//! Contexts and the output buffer are made once, because making them costs more than a small chunk.

use serde::Deserialize;
use shared::config::object;
use std::fmt;
use zstd_safe::{CCtx, CParameter, DCtx};

/// No window is of use beyond the longest chunk, 16 MiB.
const WINDOW_LOG_MAX: u32 = 24;
/// The shortest window of Zstandard.
const WINDOW_LOG_MIN: u32 = 10;
/// Zstandard goes to -131072, but below this it hardly compresses.
const LEVEL_MIN: i32 = -7;
const LEVEL_MAX: i32 = 22;

/// What the operator may choose.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CodecConfig {
    level: i32,
    window_log: Option<u32>,
}

impl Default for CodecConfig {
    fn default() -> Self {
        Self { level: 3, window_log: None }
    }
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) enum Error {
    Config(String),
    Corrupt(&'static str),
    /// Linear memory is at its limit.
    Memory,
    Library(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(message) => f.write_str(message),
            Self::Corrupt(rule) => write!(f, "not the frame of this chunk: {rule}"),
            Self::Memory => f.write_str("no memory for a chunk of this length"),
            Self::Library(message) => write!(f, "zstd: {message}"),
        }
    }
}

/// Encodes and decodes; each side is made when it is first needed.
pub(crate) struct Codec {
    config: CodecConfig,
    encoder: Option<CCtx<'static>>,
    decoder: Option<DCtx<'static>>,
    /// Kept at the greatest length so far, so that it is cleared once and not for every chunk.
    output: Vec<u8>,
}

impl Codec {
    /// Takes an empty `config` for the defaults.
    pub(crate) fn open(config: &str) -> Result<Self, Error> {
        let config = object(config).map_err(|error| Error::Config(error.to_string()))?;
        let config: CodecConfig =
            serde_json::from_str(config).map_err(|error| Error::Config(error.to_string()))?;
        if !(LEVEL_MIN..=LEVEL_MAX).contains(&config.level) {
            return Err(Error::Config(format!("level is {LEVEL_MIN} to {LEVEL_MAX}")));
        }
        if config.window_log.is_some_and(|log| !(WINDOW_LOG_MIN..=WINDOW_LOG_MAX).contains(&log)) {
            let message = format!("window_log is {WINDOW_LOG_MIN} to {WINDOW_LOG_MAX}");
            return Err(Error::Config(message));
        }
        Ok(Self { config, encoder: None, decoder: None, output: Vec::new() })
    }

    /// Gives the frame for `input`.
    pub(crate) fn encode(&mut self, input: &[u8]) -> Result<&[u8], Error> {
        if self.encoder.is_none() {
            self.encoder = Some(encoder(self.config)?);
        }
        let encoder = self.encoder.as_mut().expect("it was just made");
        let output = grow(&mut self.output, zstd_safe::compress_bound(input.len()))?;
        let length = encoder.compress2(output, input).map_err(library_error)?;
        Ok(&self.output[..length])
    }

    /// Gives the `plain_length` bytes that `input` is the frame of.
    pub(crate) fn decode(&mut self, input: &[u8], plain_length: u32) -> Result<&[u8], Error> {
        match zstd_safe::get_frame_content_size(input) {
            Ok(Some(length)) if length == u64::from(plain_length) => {}
            Ok(_) => return Err(Error::Corrupt("its content has another length")),
            Err(_) => return Err(Error::Corrupt("it has no frame header")),
        }
        // The library decodes frame after frame, and skips skippable ones: here one is all.
        if zstd_safe::find_frame_compressed_size(input) != Ok(input.len()) {
            return Err(Error::Corrupt("it ends elsewhere than its input"));
        }
        if self.decoder.is_none() {
            self.decoder = Some(DCtx::try_create().ok_or(Error::Memory)?);
        }
        let decoder = self.decoder.as_mut().expect("it was just made");
        let output = grow(&mut self.output, plain_length as usize)?;
        match decoder.decompress(output, input) {
            Ok(length) if length == plain_length as usize => Ok(&self.output[..length]),
            Ok(_) => Err(Error::Corrupt("its content has another length than its header says")),
            Err(code) => Err(Error::Corrupt(zstd_safe::get_error_name(code))),
        }
    }
}

fn encoder(config: CodecConfig) -> Result<CCtx<'static>, Error> {
    let mut encoder = CCtx::try_create().ok_or(Error::Memory)?;
    let window = config.window_log.map(CParameter::WindowLog);
    let parameters = [
        CParameter::CompressionLevel(config.level),
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
    ];
    for parameter in parameters.into_iter().chain(window) {
        encoder.set_parameter(parameter).map_err(library_error)?;
    }
    Ok(encoder)
}

fn library_error(code: zstd_safe::ErrorCode) -> Error {
    let name = zstd_safe::get_error_name(code);
    if name.contains("memory") { Error::Memory } else { Error::Library(name) }
}

/// Gives the first `length` bytes of a buffer that only ever grows.
fn grow(buffer: &mut Vec<u8>, length: usize) -> Result<&mut [u8], Error> {
    if buffer.len() < length {
        // A failed reservation is an error of this chunk; a failed `resize` would be a trap.
        buffer.try_reserve_exact(length - buffer.len()).map_err(|_| Error::Memory)?;
        buffer.resize(length, 0);
    }
    Ok(&mut buffer[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|index| if index % 3 == 0 { next() } else { b'a' }).collect()
    }

    fn corrupt(codec: &mut Codec, input: &[u8], plain_length: u32) -> bool {
        matches!(codec.decode(input, plain_length), Err(Error::Corrupt(_)))
    }

    #[test]
    fn every_level_gives_back_what_it_was_given() {
        let plain = sample(70_000);
        for level in LEVEL_MIN..=LEVEL_MAX {
            let mut codec = Codec::open(&format!("{{\"level\": {level}}}")).unwrap();
            for length in [0, 1, 100, 70_000, 500] {
                let plain = &plain[..length];
                let encoded = codec.encode(plain).unwrap().to_vec();
                assert!(encoded.len() <= length + length / 8 + 1024);
                assert_eq!(codec.decode(&encoded, length as u32).unwrap(), plain);
            }
        }
    }

    #[test]
    fn a_codec_in_use_encodes_as_a_new_one_does() {
        let mut used = Codec::open("{}").unwrap();
        used.encode(&sample(50_000)).unwrap();
        let expect =
            Codec::open("").unwrap().encode(b"again and again and again").unwrap().to_vec();
        assert_eq!(used.encode(b"again and again and again").unwrap(), expect);
    }

    #[test]
    fn what_is_not_the_frame_is_refused() {
        let mut codec = Codec::open("{\"window_log\": 17}").unwrap();
        let plain = sample(10_000);
        let encoded = codec.encode(&plain).unwrap().to_vec();
        assert!(corrupt(&mut codec, &encoded, 9_999));
        assert!(corrupt(&mut codec, &encoded, u32::MAX));
        assert!(corrupt(&mut codec, b"", 0));
        assert!(corrupt(&mut codec, b"anything at all", 15));
        assert!(corrupt(&mut codec, &[encoded.clone(), encoded.clone()].concat(), 10_000));
        for length in 0..encoded.len() {
            assert!(corrupt(&mut codec, &encoded[..length], 10_000));
        }
        for index in 0..encoded.len() {
            let mut damaged = encoded.clone();
            damaged[index] ^= 0x55;
            // Without a checksum not every change is seen, but none may give another length.
            if let Ok(found) = codec.decode(&damaged, 10_000) {
                assert_eq!(found.len(), 10_000);
            }
        }
    }

    #[test]
    fn a_wrong_configuration_is_refused() {
        for config in
            ["{\"level\": 23}", "{\"level\": -8}", "{\"window_log\": 25}", "[", "[]", "{\"a\":1}"]
        {
            assert!(matches!(Codec::open(config), Err(Error::Config(_))), "{config}");
        }
    }
}

//! Chunks through a transform.

use crate::config::parse;
use crate::error::Result;
use crate::output::Output;
use crate::transform::{Chunk, Transform};
use std::marker::PhantomData;

/// A transform with one configuration.
#[derive(Debug)]
pub struct TransformTest<T> {
    config: String,
    key: Vec<u8>,
    nonce: Vec<u8>,
    transform: PhantomData<T>,
}

impl<T: Transform> TransformTest<T> {
    /// With a configuration in JSON; `""` is the default one.
    pub fn new(config: &str) -> Self {
        let config = config.to_owned();
        Self { config, key: Vec::new(), nonce: Vec::new(), transform: PhantomData }
    }

    /// With a key and a nonce, as for a manifest with `keyed`.
    pub fn keyed(self) -> Self {
        Self { key: (0..32).collect(), nonce: (100..124).collect(), ..self }
    }

    /// Encodes one chunk in a fresh instance.
    ///
    /// # Panics
    ///
    /// When more comes out than may.
    pub fn encode(&self, input: &[u8]) -> Result<Vec<u8>> {
        self.encode_with(&mut self.open()?, input)
    }

    /// Decodes one chunk of `plain_length` bytes in a fresh instance. `input` may be anything.
    ///
    /// # Panics
    ///
    /// When it succeeds and does not give exactly `plain_length` bytes.
    pub fn decode(&self, input: &[u8], plain_length: usize) -> Result<Vec<u8>> {
        let mut found = Vec::new();
        let mut write = |bytes: &[u8]| {
            found.extend_from_slice(bytes);
            let length = found.len();
            assert!(length <= plain_length, "decode wrote {length} bytes of {plain_length}");
        };
        let chunk = self.chunk(plain_length);
        self.open()?.decode(&chunk, input.to_vec(), &mut Output::new(&mut write))?;
        assert_eq!(found.len(), plain_length, "decode left out the end");
        Ok(found)
    }

    /// Encodes a chunk, decodes it again, and gives the encoded form.
    ///
    /// # Panics
    ///
    /// When something else comes back, or encoding again gives other bytes: in a fresh instance,
    /// or in one that has encoded another chunk before.
    pub fn round_trip(&self, input: &[u8]) -> Vec<u8> {
        let expect = self.encode(input).expect("encode succeeds");
        let mut used = self.open().expect("open succeeds");
        self.encode_with(&mut used, b"another chunk").expect("encode succeeds");
        for again in [self.encode(input), self.encode_with(&mut used, input)] {
            assert!(
                again.expect("encode succeeds") == expect,
                "encode gives other bytes each time"
            );
        }
        let found = self.decode(&expect, input.len()).expect("decode succeeds");
        assert!(found == input, "decode gives other bytes than encode was given");
        expect
    }

    fn open(&self) -> Result<T> {
        T::open(parse(&self.config)?, &self.key)
    }

    fn encode_with(&self, transform: &mut T, input: &[u8]) -> Result<Vec<u8>> {
        let most = input.len() + input.len() / 8 + 1024;
        let mut found = Vec::new();
        let mut write = |bytes: &[u8]| {
            found.extend_from_slice(bytes);
            assert!(found.len() <= most, "encode wrote {} bytes, {most} may be", found.len());
        };
        let chunk = self.chunk(input.len());
        transform.encode(&chunk, input.to_vec(), &mut Output::new(&mut write))?;
        Ok(found)
    }

    fn chunk(&self, plain_length: usize) -> Chunk {
        Chunk { plain_length, nonce: self.nonce.clone(), binding: b"chunk 7".to_vec() }
    }
}

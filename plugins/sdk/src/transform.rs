//! The role transform: encodes and decodes chunks.

use crate::bindings::shared::mover::plugin::output::Sink;
use crate::bindings::shared::mover::plugin::types;
use crate::bindings::transform::exports::mover::plugin::transform as contract;
use crate::config::{self, Config};
use crate::error::Result;
use crate::output::Output;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::marker::PhantomData;

/// What is particular to one chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Bytes before `encode`, and so exactly what `decode` has to give back.
    pub plain_length: usize,
    /// 24 random bytes where the manifest says `keyed`, the same in `encode` and `decode`;
    /// otherwise empty.
    pub nonce: Vec<u8>,
    /// What the chunk is, in canonical bytes, the same in `encode` and `decode`: associated data
    /// for a cipher that authenticates.
    pub binding: Vec<u8>,
}

/// Encodes and decodes chunks: compression, encryption, anything that can be undone.
///
/// Chunks come in any order: none may depend on another, and the same chunk must always give the
/// same bytes.
pub trait Transform: Sized + 'static {
    /// What an operator may configure; [`NoConfig`](crate::NoConfig) where that is nothing.
    type Config: Config + DeserializeOwned;

    /// Makes ready; whatever is costly to set up belongs here. `key` is 32 bytes where the
    /// manifest says `keyed`, otherwise empty.
    fn open(config: Self::Config, key: &[u8]) -> Result<Self>;

    /// Writes the encoded form of `input`: at most its length, an eighth more, and 1 KiB.
    /// `input` belongs to the plugin, to be changed in place where that helps.
    fn encode(&mut self, chunk: &Chunk, input: Vec<u8>, output: &mut Output<'_>) -> Result<()>;

    /// Writes exactly the `plain_length` bytes that `encode` was given. `input` may be anything:
    /// answer damage with [`Error::corrupt`](crate::Error::corrupt), and allocate no more than
    /// `plain_length` asks for.
    fn decode(&mut self, chunk: &Chunk, input: Vec<u8>, output: &mut Output<'_>) -> Result<()>;
}

/// What [`export!`](crate::export) exports for a transform.
#[doc(hidden)]
#[derive(Debug)]
pub struct Component<T>(PhantomData<T>);

/// A transform behind the contract's shared reference.
#[doc(hidden)]
#[derive(Debug)]
pub struct Codec<T>(RefCell<T>);

impl<T: Transform> contract::Guest for Component<T> {
    type Codec = Codec<T>;
}

impl<T: Transform> contract::GuestCodec for Codec<T> {
    fn open(config: String, key: Vec<u8>) -> Result<contract::Codec, types::Error> {
        let transform = T::open(config::parse(&config)?, &key)?;
        Ok(contract::Codec::new(Codec(RefCell::new(transform))))
    }

    fn encode(
        &self,
        chunk: contract::ChunkInfo,
        input: Vec<u8>,
        sink: &Sink,
    ) -> Result<(), types::Error> {
        let mut write = |bytes: &[u8]| sink.write(bytes);
        let mut output = Output::new(&mut write);
        Ok(self.0.borrow_mut().encode(&chunk.into(), input, &mut output)?)
    }

    fn decode(
        &self,
        chunk: contract::ChunkInfo,
        input: Vec<u8>,
        sink: &Sink,
    ) -> Result<(), types::Error> {
        let mut write = |bytes: &[u8]| sink.write(bytes);
        let mut output = Output::new(&mut write);
        Ok(self.0.borrow_mut().decode(&chunk.into(), input, &mut output)?)
    }
}

impl From<contract::ChunkInfo> for Chunk {
    fn from(chunk: contract::ChunkInfo) -> Self {
        let plain_length = chunk.plain_length as usize;
        Self { plain_length, nonce: chunk.nonce, binding: chunk.binding }
    }
}

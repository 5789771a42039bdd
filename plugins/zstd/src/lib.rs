//! Compresses chunks with Zstandard: the C library, at every level.
//!
//! This file ties `codec` to the contract; what is particular to Zstandard is there.

mod codec;

#[allow(unsafe_code, unreachable_pub, missing_docs, reason = "generated from wit/")]
mod contract {
    wit_bindgen::generate!({ world: "transform-plugin", path: "../../wit/0.1" });
    export!(Component with_types_in self);
    pub(crate) struct Component;
}

use contract::exports::mover::plugin::transform::{ChunkInfo, Codec, Guest, GuestCodec};
use contract::mover::plugin::output::Sink;
use contract::mover::plugin::types::{Error, ErrorKind};
use std::cell::RefCell;

impl Guest for contract::Component {
    type Codec = RefCell<codec::Codec>;
}

impl GuestCodec for RefCell<codec::Codec> {
    fn open(config: String, key: Vec<u8>) -> Result<Codec, Error> {
        if !key.is_empty() {
            let message = "zstd takes no key".to_owned();
            return Err(Error { kind: ErrorKind::InvalidConfig, message });
        }
        Ok(Codec::new(RefCell::new(codec::Codec::open(&config)?)))
    }

    fn encode(&self, chunk: ChunkInfo, input: Vec<u8>, output: &Sink) -> Result<(), Error> {
        let _ = chunk;
        output.write(self.borrow_mut().encode(&input)?);
        Ok(())
    }

    fn decode(&self, chunk: ChunkInfo, input: Vec<u8>, output: &Sink) -> Result<(), Error> {
        output.write(self.borrow_mut().decode(&input, chunk.plain_length)?);
        Ok(())
    }
}

impl From<codec::Error> for Error {
    fn from(error: codec::Error) -> Self {
        let kind = match error {
            codec::Error::Config(_) => ErrorKind::InvalidConfig,
            codec::Error::Corrupt(_) => ErrorKind::CorruptInput,
            codec::Error::Memory => ErrorKind::LimitExceeded,
            codec::Error::Library(_) => ErrorKind::Other,
        };
        Error { kind, message: error.to_string() }
    }
}

//! Encrypts and authenticates chunks with XChaCha20-Poly1305.
//!
//! This file ties `codec` to the contract.
//! Read in this order: `codec` (the construction), `chacha` over `lanes`, `poly1305`.
//!
//! The cipher is written here because no library has it in vectors of WebAssembly and in wide
//! arithmetic; the tests hold it against one, and against the vectors of the RFC.

mod chacha;
mod codec;
mod lanes;
mod poly1305;

#[allow(unsafe_code, unreachable_pub, missing_docs, reason = "generated from wit/")]
mod contract {
    wit_bindgen::generate!({ world: "transform-plugin", path: "../../wit/0.1" });
    export!(Component with_types_in self);
    pub(crate) struct Component;
}

use contract::exports::mover::plugin::transform::{ChunkInfo, Codec, Guest, GuestCodec};
use contract::mover::plugin::output::Sink;
use contract::mover::plugin::types::{Error, ErrorKind};

impl Guest for contract::Component {
    type Codec = codec::Codec;
}

impl GuestCodec for codec::Codec {
    fn open(config: String, key: Vec<u8>) -> Result<Codec, Error> {
        Ok(Codec::new(codec::Codec::open(&config, key)?))
    }

    fn encode(&self, chunk: ChunkInfo, mut input: Vec<u8>, output: &Sink) -> Result<(), Error> {
        let tag = self.encrypt(&chunk.nonce, &chunk.binding, &mut input)?;
        output.write(&input);
        output.write(&tag);
        Ok(())
    }

    fn decode(&self, chunk: ChunkInfo, mut input: Vec<u8>, output: &Sink) -> Result<(), Error> {
        let plain = self.decrypt(&chunk.nonce, &chunk.binding, &mut input, chunk.plain_length)?;
        output.write(plain);
        Ok(())
    }
}

impl From<codec::Error> for Error {
    fn from(error: codec::Error) -> Self {
        let kind = match error {
            codec::Error::Config(_) | codec::Error::Key => ErrorKind::InvalidConfig,
            codec::Error::Nonce => ErrorKind::Other,
            codec::Error::Length => ErrorKind::CorruptInput,
            codec::Error::Authentication => ErrorKind::AuthenticationFailed,
            codec::Error::Limit => ErrorKind::LimitExceeded,
        };
        Error { kind, message: error.to_string() }
    }
}

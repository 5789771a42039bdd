//! The binding: what an authenticated cipher is told that a chunk is. SPEC 7.
//!
//! It says what, never where: volume, framing, route and stored length may change in a copy.

use crate::id::{ChunkId, Digest};
use crate::wire::Put;

/// The first 8 bytes of the SHA-256 of `mover binding`.
pub const BINDING_MAGIC: [u8; 8] = [0x82, 0x40, 0x7a, 0xf7, 0x27, 0x21, 0x12, 0x16];

/// What is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding<'a> {
    /// The chunk's address.
    pub chunk: ChunkId,
    /// What its plain bytes are.
    pub kind: crate::ChunkKind,
    /// The key epoch.
    pub epoch: u32,
    /// The chunk's plain bytes, before the first stage.
    pub plain_length: u32,
    /// The place of the cipher in the chain, from 0.
    pub position: u16,
    /// Digests of component and configuration of every stage of the chain, in order.
    pub chain: &'a [(Digest, Digest)],
}

impl Binding<'_> {
    /// The associated data.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + 64 * self.chain.len());
        out.put_raw(&BINDING_MAGIC);
        out.put_u16(crate::VERSION);
        out.put_u16(self.position);
        self.chunk.encode(&mut out);
        out.put_u8(self.kind as u8);
        out.put_u32(self.epoch);
        out.put_u32(self.plain_length);
        out.put_u16(u16::try_from(self.chain.len()).expect("bounded by limits"));
        for (component, config) in self.chain {
            out.put_raw(&component.0);
            out.put_raw(&config.0);
        }
        out
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_counts() {
        let digests = [[1; 32], [2; 32], [3; 32], [4; 32]].map(Digest);
        let chain = [(digests[0], digests[1]), (digests[2], digests[3])];
        let exchanged = [(digests[1], digests[0]), (digests[2], digests[3])];
        let binding = Binding {
            chunk: ChunkId::default(),
            kind: crate::ChunkKind::Data,
            epoch: 0,
            plain_length: 0,
            position: 0,
            chain: &chain,
        };
        let mut seen = vec![binding.encode()];
        assert_eq!(seen[0].len(), 51 + 64 * 2);
        let changes: [fn(&mut Binding<'_>); 8] = [
            |binding| binding.chunk.archive.0[15] = 1,
            |binding| binding.chunk.stream.0 = 1,
            |binding| binding.chunk.number = 1,
            |binding| binding.kind = crate::ChunkKind::IndexPage,
            |binding| binding.epoch = 1,
            |binding| binding.plain_length = 1,
            |binding| binding.position = 1,
            |binding| binding.chain = &binding.chain[..1],
        ];
        for change in changes {
            let mut other = binding.clone();
            change(&mut other);
            seen.push(other.encode());
        }
        seen.push(Binding { chain: &exchanged, ..binding }.encode());
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}

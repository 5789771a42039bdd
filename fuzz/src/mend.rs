//! Makes checksums right again, so that what was changed is looked at behind them.
//!
//! No fuzzer finds a CRC-32C by chance: without this, every change would end at the first check.

use format::{ChunkKind, FrameKind, MAGIC, Prefix, TagHeader, checksum};

// Of a frame's prefix, SPEC 3.1.
const KIND: usize = 10;
const BODY_LENGTH: usize = 12;
const PAYLOAD_LENGTH: usize = 16;
const BODY_CRC: usize = 20;
const PAYLOAD_CRC: usize = 24;
const PREFIX_CRC: usize = 28;

// Of a chunk header's body, SPEC 5.2.
const CHUNK_KIND: usize = 44;
const PLAIN_LENGTH: usize = 46;
const CHAIN_LENGTH: usize = 50;

// Of a tag header, SPEC 6.1.
const FLAGS: usize = 1;
const BLOCK_LENGTH: usize = 24;
const BLOCK_CRC: usize = 28;

/// Makes every frame of a volume sound: it reaches to the next magic, and its checksums agree.
///
/// Bytes that were put in or taken out lengthen or shorten the frame that they were in.
pub fn volume(bytes: &mut [u8]) {
    let mut start = next_magic(bytes, 0);
    while start < bytes.len() {
        let end = next_magic(bytes, start + MAGIC.len());
        frame(&mut bytes[start..end]);
        start = end;
    }
}

fn next_magic(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let found = rest.windows(MAGIC.len()).position(|window| window == MAGIC);
    found.map_or(bytes.len(), |at| from + at)
}

fn frame(bytes: &mut [u8]) {
    let Some((prefix, rest)) = bytes.split_at_mut_checked(Prefix::LEN) else { return };
    let body_length = (u32_at(prefix, BODY_LENGTH) as usize).min(rest.len());
    let (body, payload) = rest.split_at_mut(body_length);
    put_u32(prefix, BODY_LENGTH, body.len() as u32);
    put_u32(prefix, PAYLOAD_LENGTH, payload.len() as u32);
    if prefix[KIND..BODY_LENGTH] == (FrameKind::ChunkHeader as u16).to_le_bytes() {
        chunk(body, payload);
    }
    put_u32(prefix, BODY_CRC, checksum(body));
    put_u32(prefix, PAYLOAD_CRC, checksum(payload));
    let crc = checksum(&prefix[..PREFIX_CRC]);
    put_u32(prefix, PREFIX_CRC, crc);
}

/// A chunk without stages: its payload is its plain bytes.
fn chunk(body: &mut [u8], payload: &mut [u8]) {
    if body.len() < CHAIN_LENGTH + 2 || body[CHAIN_LENGTH..CHAIN_LENGTH + 2] != [0, 0] {
        return;
    }
    put_u32(body, PLAIN_LENGTH, payload.len() as u32);
    if body[CHUNK_KIND] == ChunkKind::Data as u8 {
        blocks(payload);
    }
}

/// Makes the checksums of tagged blocks right, as far as their lengths can be followed.
pub fn blocks(plain: &mut [u8]) {
    let mut rest = plain;
    while rest.len() >= TagHeader::LEN {
        let (header, behind) = rest.split_at_mut(TagHeader::LEN);
        let mut start = 0;
        if header[FLAGS] & 1 != 0 {
            let Some(options) = behind.get(..4) else { return };
            start = 4 + u32_at(options, 0) as usize;
        }
        let end = start + u32_at(header, BLOCK_LENGTH) as usize;
        let Some(block) = behind.get(start..end) else { return };
        put_u32(header, BLOCK_CRC, checksum(block));
        rest = &mut behind[end..];
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

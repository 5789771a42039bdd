//! CRC-32C (Castagnoli), without the instructions for it that WebAssembly does not have.
//!
//! 64 bytes at a time are folded into the next 64, as one does with a carry-less product; here
//! the product by a constant is 32 lookups of nibbles in sixteen lanes.
//! What is left, and anything short, goes through tables eight bytes at a time.
//! In wasmtime this is about three times as fast as tables alone.

use crate::lanes::Lanes;

/// The polynomial with its bits reflected, as the checksum is defined.
const POLYNOMIAL: u32 = 0x82f6_3b78;
/// Bytes folded at once: sixteen words of four.
const FOLD: usize = 64;
/// Below this, setting up costs more than folding saves.
const FOLD_MIN: usize = 4 * FOLD;

/// What a byte becomes when `index + 1` bytes are taken, itself and zeros after it.
static TABLES: [[u32; 256]; 8] = tables();
/// For each byte of a word and each of its nibbles: what the four bytes of the word become when
/// 64 zero bytes are taken. Indexed by byte, nibble (low first), byte of the result.
static NIBBLES: [[[[u8; 16]; 4]; 2]; 4] = nibbles();

/// The checksum of `bytes`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    let (register, rest) = if bytes.len() >= FOLD_MIN { fold(bytes) } else { (!0, bytes) };
    !take(register, rest)
}

/// Takes all of `bytes` into the register by tables.
fn take(mut register: u32, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let [a, b, c, d, e, f, g, h] = eight.map(usize::from);
        let [w, x, y, z] = register.to_le_bytes().map(usize::from);
        register = TABLES[7][a ^ w]
            ^ TABLES[6][b ^ x]
            ^ TABLES[5][c ^ y]
            ^ TABLES[4][d ^ z]
            ^ TABLES[3][e]
            ^ TABLES[2][f]
            ^ TABLES[1][g]
            ^ TABLES[0][h];
    }
    for byte in rest {
        register = (register >> 8) ^ TABLES[0][usize::from(register as u8 ^ byte)];
    }
    register
}

/// Takes as many whole 64 bytes as there are, and gives the register after them and the rest.
fn fold(bytes: &[u8]) -> (u32, &[u8]) {
    let (blocks, rest) = bytes.as_chunks::<FOLD>();
    let (first, blocks) = blocks.split_first().expect("there are FOLD_MIN bytes");
    // The register begins as ones, which is the same as ones added to the first word.
    let mut first = *first;
    for byte in &mut first[..4] {
        *byte = !*byte;
    }
    let tables = NIBBLES.map(|byte| byte.map(|nibble| nibble.map(Lanes::new)));
    let mut planes = planes(&first);
    for block in blocks {
        let mut next = self::planes(block);
        for (plane, tables) in planes.iter().zip(&tables) {
            let low = plane.low_nibbles();
            let high = plane.high_nibbles();
            for (index, next) in next.iter_mut().enumerate() {
                *next = next.xor(tables[0][index].look_up(low));
                *next = next.xor(tables[1][index].look_up(high));
            }
        }
        planes = next;
    }
    let planes = planes.map(Lanes::to_bytes);
    let mut folded = [0; FOLD];
    for (index, byte) in folded.iter_mut().enumerate() {
        *byte = planes[index % 4][index / 4];
    }
    (take(0, &folded), rest)
}

/// Sixteen words as four planes: the first bytes of all, the second, and so on.
fn planes(block: &[u8; FOLD]) -> [Lanes; 4] {
    let [a, b, c, d] = [0, 16, 32, 48].map(|start| Lanes::load(block, start).group_bytes());
    let (ab_low, ab_high) = (a.interleave_low(b), a.interleave_high(b));
    let (cd_low, cd_high) = (c.interleave_low(d), c.interleave_high(d));
    [
        ab_low.join_low(cd_low),
        ab_low.join_high(cd_low),
        ab_high.join_low(cd_high),
        ab_high.join_high(cd_high),
    ]
}

/// The register after one more byte, itself already added.
const fn take_zero(register: u32) -> u32 {
    let mut register = register;
    let mut bit = 0;
    while bit < 8 {
        register = (register >> 1) ^ (POLYNOMIAL * (register & 1));
        bit += 1;
    }
    register
}

const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut register = byte as u32;
        let mut index = 0;
        while index < 8 {
            register = take_zero(register);
            tables[index][byte] = register;
            index += 1;
        }
        byte += 1;
    }
    tables
}

const fn nibbles() -> [[[[u8; 16]; 4]; 2]; 4] {
    let mut tables = [[[[0; 16]; 4]; 2]; 4];
    let mut index = 0;
    while index < 4 * 2 * 16 {
        let (byte, nibble, value) = (index / 32, index / 16 % 2, index % 16);
        let mut register = (value as u32) << (8 * byte + 4 * nibble);
        let mut taken = 0;
        while taken < FOLD {
            register = take_zero(register);
            taken += 1;
        }
        let result = register.to_le_bytes();
        let mut plane = 0;
        while plane < 4 {
            tables[byte][nibble][plane][value] = result[plane];
            plane += 1;
        }
        index += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bit_by_bit(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |register, byte| take_zero(register ^ u32::from(*byte)))
    }

    #[test]
    fn the_known_vectors_hold() {
        assert_eq!(crc32c(b""), 0);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn every_length_gives_what_single_bits_give() {
        let bytes: Vec<u8> = (0..3000_u32).map(|n| (n.wrapping_mul(40_503) >> 7) as u8).collect();
        for length in 0..1000 {
            let bytes = &bytes[length..2 * length];
            assert_eq!(crc32c(bytes), bit_by_bit(bytes), "{length}");
        }
        assert_eq!(crc32c(&bytes), bit_by_bit(&bytes));
    }
}

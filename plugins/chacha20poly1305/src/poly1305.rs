//! Poly1305 (RFC 8439, section 2.5), in words of 64 bits and products of 128, which WebAssembly
//! with wide arithmetic has as instructions. Takes the same time for all messages of one length.

use crate::chacha::{PARTS, Stride};

const BLOCK_LENGTH: usize = 16;
/// Bits that a key must not have (RFC 8439, section 2.5): so 5/4 of `r1` is a whole number, and no
/// sum of products below overflows.
const CLAMP: [u64; 2] = [0x0fff_fffc_0fff_ffff, 0x0fff_fffc_0fff_fffc];

/// A message that is being authenticated.
pub(crate) struct Poly1305 {
    r: [u64; 2],
    /// 5/4 of `r[1]`: what is beyond 130 bits comes back times 5.
    r1_folded: u64,
    s: [u64; 2],
    /// Below 2^131 between blocks; the last word has no more than 3 bits.
    h: [u64; 3],
}

impl Drop for Poly1305 {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.r);
        zeroize::Zeroize::zeroize(&mut self.r1_folded);
        zeroize::Zeroize::zeroize(&mut self.s);
        zeroize::Zeroize::zeroize(&mut self.h);
    }
}

impl Poly1305 {
    /// For one message: a second one under the same key would give the key away.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let (words, _) = key.as_chunks::<8>();
        let word = |index: usize| u64::from_le_bytes(words[index]);
        let r = [word(0) & CLAMP[0], word(1) & CLAMP[1]];
        let r1_folded = r[1] + (r[1] >> 2);
        Self { r, r1_folded, s: [word(2), word(3)], h: [0; 3] }
    }

    /// Takes the next bytes, and zeros behind them up to a whole block (RFC 8439, section 2.8).
    pub(crate) fn take_padded(&mut self, bytes: &[u8]) {
        let (blocks, rest) = bytes.as_chunks::<BLOCK_LENGTH>();
        let mut h = self.h;
        for block in blocks {
            h = self.step(h, block);
        }
        if !rest.is_empty() {
            let mut last = [0; BLOCK_LENGTH];
            last[..rest.len()].copy_from_slice(rest);
            h = self.step(h, &last);
        }
        self.h = h;
    }

    /// Takes one of [`PARTS`] parts of a stride: all of them, in their order, are the stride.
    #[inline(always)]
    pub(crate) fn take_part(&mut self, stride: &Stride, part: usize) {
        let (blocks, _) = stride.as_chunks::<BLOCK_LENGTH>();
        let count = blocks.len() / PARTS;
        for block in &blocks[count * part..count * (part + 1)] {
            self.h = self.step(self.h, block);
        }
    }

    /// `(h + block + 2^128) * r`, not wholly reduced.
    #[inline(always)]
    fn step(&self, [h0, h1, h2]: [u64; 3], block: &[u8; BLOCK_LENGTH]) -> [u64; 3] {
        let wide = |a: u64, b: u64| u128::from(a) * u128::from(b);
        let [r0, r1] = self.r;
        let (low, carry) = u128::from_le_bytes(*block).overflowing_add(join(h0, h1));
        let (h0, h1) = split(low);
        let h2 = h2 + 1 + u64::from(carry);
        // Below 2^124 each, as r is below 2^60 and h2 below 2^4.
        let d0 = wide(h0, r0) + wide(h1, self.r1_folded);
        let d1 = wide(h0, r1) + wide(h1, r0) + u128::from(h2 * self.r1_folded);
        let (d0_low, d0_high) = split(d0);
        let (d1_low, d1_high) = split(d1 + u128::from(d0_high));
        let top = h2 * r0 + d1_high;
        // What is beyond 130 bits, times 5: its four times are `top` without its last two bits.
        let (low, carry) =
            join(d0_low, d1_low).overflowing_add(u128::from((top & !3) + (top >> 2)));
        let (h0, h1) = split(low);
        [h0, h1, (top & 3) + u64::from(carry)]
    }

    /// The tag of all that was taken.
    pub(crate) fn tag(self) -> [u8; 16] {
        let [h0, h1, h2] = self.h;
        let low = join(h0, h1);
        // h is less than twice 2^130 - 5, so one subtraction is enough: adding 5 shows in the bits
        // from 130 on whether it is due.
        let (reduced, carry) = low.overflowing_add(5);
        let is_beyond = (h2 + u64::from(carry)) >> 2 != 0;
        let mask = 0_u128.wrapping_sub(u128::from(is_beyond));
        let low = (reduced & mask) | (low & !mask);
        low.wrapping_add(join(self.s[0], self.s[1])).to_le_bytes()
    }
}

fn join(low: u64, high: u64) -> u128 {
    u128::from(low) | (u128::from(high) << 64)
}

#[allow(clippy::cast_possible_truncation, reason = "the halves of it")]
fn split(wide: u128) -> (u64, u64) {
    (wide as u64, (wide >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::poly1305::universal_hash::{KeyInit, UniversalHash};

    fn ours(key: &[u8; 32], message: &[u8]) -> [u8; 16] {
        let mut mac = Poly1305::new(key);
        mac.take_padded(message);
        mac.tag()
    }

    fn theirs(key: &[u8; 32], message: &[u8]) -> [u8; 16] {
        let mut mac = ::poly1305::Poly1305::new(&(*key).into());
        mac.update_padded(message);
        mac.finalize().into()
    }

    /// Numbers at the edges, where carries and the last reduction are.
    const WORDS: [u64; 8] = [0, 1, 4, 0xffff_ffff, 1 << 63, u64::MAX - 5, u64::MAX - 1, u64::MAX];

    fn word(seed: &mut u64) -> u64 {
        *seed =
            seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chosen = (*seed >> 40) as usize % 16;
        WORDS.get(chosen).copied().unwrap_or(seed.rotate_left(29))
    }

    fn bytes(length: usize, seed: &mut u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            bytes.extend(word(seed).to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn any_message_has_the_tag_that_the_library_gives() {
        let mut seed = 1;
        for round in 0..20_000 {
            let key = bytes(32, &mut seed).try_into().unwrap();
            let message = bytes(round % 200, &mut seed);
            assert_eq!(ours(&key, &message), theirs(&key, &message), "{key:?} {message:?}");
        }
    }

    #[test]
    fn the_numbers_around_the_modulus_are_reduced() {
        // RFC 8439, appendix A.3, vectors 7 to 11 and the like: r is 1 or 2, and messages are
        // blocks of ones.
        for r in [1, 2, 4] {
            let mut key = [0; 32];
            key[0] = r;
            for last in [0, 0xf0, 0xfa, 0xfb, 0xfc, 0xfe, 0xff] {
                for count in 1..6 {
                    let mut message = vec![0xff; 16 * count];
                    message[16 * (count - 1)] = last;
                    assert_eq!(ours(&key, &message), theirs(&key, &message), "{r} {last} {count}");
                }
            }
        }
    }

    #[test]
    fn the_tag_of_the_rfc_comes_out() {
        // RFC 8439, appendix A.3, vector 2: r is 0, and the tag is s.
        let mut key = [0; 32];
        key[16..].copy_from_slice(&[
            0x36, 0xe5, 0xf6, 0xb5, 0xc5, 0xe0, 0x60, 0x70, 0xf0, 0xef, 0xca, 0x96, 0x22, 0x7a,
            0x86, 0x3e,
        ]);
        assert_eq!(ours(&key, b"any submission to the IETF"), key[16..]);
    }
}

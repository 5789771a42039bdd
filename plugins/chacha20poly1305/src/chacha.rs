//! The stream of ChaCha20 (RFC 8439, section 2.4), four blocks at a time.

use crate::lanes::Lanes;

/// A block of the stream.
pub(crate) const BLOCK_LENGTH: usize = 64;
/// What is made at once.
pub(crate) const STRIDE_LENGTH: usize = 4 * BLOCK_LENGTH;
const DOUBLE_ROUNDS: usize = 10;
/// How many parts of something else find room beside the making of a stride.
pub(crate) const PARTS: usize = 8;
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

pub(crate) type Stride = [u8; STRIDE_LENGTH];

/// A place in the stream of one key and one nonce, at a border of blocks.
pub(crate) struct ChaCha {
    /// The state of RFC 8439, section 2.3; word 12 counts blocks.
    state: [u32; 16],
}

impl Drop for ChaCha {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.state);
    }
}

impl ChaCha {
    /// At the block `counter`.
    pub(crate) fn new(key: &[u8; 32], nonce: &[u8; 12], counter: u32) -> Self {
        let mut state = [0; 16];
        state[..4].copy_from_slice(&CONSTANTS);
        let (key, _) = key.as_chunks::<4>();
        let (nonce, _) = nonce.as_chunks::<4>();
        for (word, bytes) in state[4..12].iter_mut().zip(key) {
            *word = u32::from_le_bytes(*bytes);
        }
        state[12] = counter;
        for (word, bytes) in state[13..].iter_mut().zip(nonce) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self { state }
    }

    /// Puts the stream over `bytes`. All but the last call are given whole strides.
    pub(crate) fn apply(&mut self, bytes: &mut [u8]) {
        let (strides, rest) = bytes.as_chunks_mut();
        for stride in strides {
            self.next(|_| ()).put_over(stride);
        }
        if !rest.is_empty() {
            let mut last = [0; STRIDE_LENGTH];
            last[..rest.len()].copy_from_slice(rest);
            self.next(|_| ()).put_over(&mut last);
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }

    /// The stream of the next stride, while `beside` does each of [`PARTS`] parts of something
    /// else: what works on words goes on while the vectors are being worked on.
    #[inline(always)]
    pub(crate) fn next(&mut self, mut beside: impl FnMut(usize)) -> Stream {
        let mut begun = self.state.map(Lanes::splat);
        begun[12] = begun[12].add(Lanes::new([0, 1, 2, 3]));
        let mut words = begun;
        for part in 0..PARTS {
            double_round(&mut words);
            beside(part);
        }
        for _ in PARTS..DOUBLE_ROUNDS {
            double_round(&mut words);
        }
        self.state[12] = self.state[12].wrapping_add(4);
        Stream { words: std::array::from_fn(|word| words[word].add(begun[word])) }
    }
}

/// The stream of one stride.
pub(crate) struct Stream {
    /// Each is that word of four blocks.
    words: [Lanes; 16],
}

impl Stream {
    #[inline(always)]
    pub(crate) fn put_over(self, stride: &mut Stride) {
        let (places, _) = stride.as_chunks_mut::<16>();
        let (quarters, _) = self.words.as_chunks::<4>();
        for (quarter, rows) in quarters.iter().enumerate() {
            // Lane by lane the words are those of four blocks; together they are of one.
            for (block, lanes) in Lanes::transposed(*rows).into_iter().enumerate() {
                lanes.xor_into(&mut places[4 * block + quarter]);
            }
        }
    }
}

/// A round over columns and one over diagonals (RFC 8439, section 2.3).
#[inline(always)]
fn double_round(x: &mut [Lanes; 16]) {
    quarter_round(x, [0, 4, 8, 12]);
    quarter_round(x, [1, 5, 9, 13]);
    quarter_round(x, [2, 6, 10, 14]);
    quarter_round(x, [3, 7, 11, 15]);
    quarter_round(x, [0, 5, 10, 15]);
    quarter_round(x, [1, 6, 11, 12]);
    quarter_round(x, [2, 7, 8, 13]);
    quarter_round(x, [3, 4, 9, 14]);
}

#[inline(always)]
fn quarter_round(x: &mut [Lanes; 16], [a, b, c, d]: [usize; 4]) {
    x[a] = x[a].add(x[b]);
    x[d] = x[d].xor(x[a]).rotate::<16>();
    x[c] = x[c].add(x[d]);
    x[b] = x[b].xor(x[c]).rotate::<12>();
    x[a] = x[a].add(x[b]);
    x[d] = x[d].xor(x[a]).rotate::<8>();
    x[c] = x[c].add(x[d]);
    x[b] = x[b].xor(x[c]).rotate::<7>();
}

#[cfg(test)]
mod tests {
    use super::*;
    use chacha20::ChaCha20;
    use chacha20::cipher::{KeyIvInit, StreamCipher};

    #[test]
    fn the_block_of_the_rfc_comes_out() {
        // RFC 8439, section 2.3.2.
        let key = std::array::from_fn(|index| index as u8);
        let mut block = [0; BLOCK_LENGTH];
        ChaCha::new(&key, &[0, 0, 0, 9, 0, 0, 0, 0x4a, 0, 0, 0, 0], 1).apply(&mut block);
        let expect = [0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f];
        assert_eq!(block[..12], expect);
        assert_eq!(block[60..], [0xa2, 0x50, 0x3c, 0x4e]);
    }

    #[test]
    fn any_length_is_what_the_library_makes() {
        let key = std::array::from_fn(|index| (index * 7 + 3) as u8);
        let nonce = std::array::from_fn(|index| (index * 5 + 1) as u8);
        for length in (0..1100).chain([4096, 65_536, 65_537]) {
            let mut ours = vec![0x5a; length];
            let mut theirs = ours.clone();
            ChaCha::new(&key, &nonce, 0).apply(&mut ours);
            ChaCha20::new(&key.into(), &nonce.into()).apply_keystream(&mut theirs);
            assert!(ours == theirs, "{length}");
        }
    }

    #[test]
    fn the_stream_goes_on_from_call_to_call() {
        let mut whole = vec![1; 10 * STRIDE_LENGTH + 5];
        let mut parts = whole.clone();
        ChaCha::new(&[9; 32], &[8; 12], u32::MAX - 3).apply(&mut whole);
        let mut stream = ChaCha::new(&[9; 32], &[8; 12], u32::MAX - 3);
        let (first, rest) = parts.split_at_mut(3 * STRIDE_LENGTH);
        stream.apply(first);
        stream.apply(rest);
        assert!(whole == parts);
    }
}

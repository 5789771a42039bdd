//! Bytes and choices that follow from a seed, fast enough for many megabytes.

/// SplitMix64: the same numbers for the same seed, on every machine.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a length fits 64 bits");
        usize::try_from(self.next() % bound).expect("it is below a length")
    }

    pub(super) fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_le_bytes()[..part.len()]);
        }
    }

    /// Bytes that cannot be compressed.
    pub(super) fn noise(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes);
        bytes
    }

    /// Lines of words, as in a log.
    pub(super) fn text(&mut self, length: usize) -> Vec<u8> {
        const WORDS: [&str; 16] = [
            "the",
            "request",
            "of",
            "user",
            "connected",
            "failed:",
            "timeout",
            "after",
            "retry",
            "at",
            "/var/log/app.log",
            "42",
            "ok",
            "warning",
            "session",
            "closed",
        ];
        let mut bytes = Vec::with_capacity(length + 32);
        while bytes.len() < length {
            let word = WORDS[self.below(WORDS.len())];
            bytes.extend_from_slice(word.as_bytes());
            bytes.push(if self.below(12) == 0 { b'\n' } else { b' ' });
        }
        bytes.truncate(length);
        bytes
    }

    /// Records of two numbers that count up, as in a table of numbers.
    pub(super) fn records(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 16);
        let mut number = self.next() % 1000;
        while bytes.len() < length {
            number += self.next() % 7;
            bytes.extend_from_slice(&number.to_le_bytes());
            bytes.extend_from_slice(&(number * 3).to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

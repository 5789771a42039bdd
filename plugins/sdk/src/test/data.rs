//! Data to test with.

/// Numbers that look random, and are the same for the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        // Xorshift: never zero, since it did not begin so.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() >> 16) as usize % bound
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| (self.number() >> 32) as u8).collect()
    }

    /// `bytes` in pieces: some of one byte, some of a few, some of many; never an empty one.
    pub fn pieces<'a>(&mut self, bytes: &'a [u8]) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let most = [1, 16, 5000, rest.len()][self.below(4)].min(rest.len());
            let (piece, after) = rest.split_at(1 + self.below(most));
            pieces.push(piece);
            rest = after;
        }
        pieces
    }
}

/// Entries or chunks with a name each: empty, tiny, zeros, text, periodic, incompressible; the
/// longest has 300,000 bytes.
pub fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let text = b"The quick brown fox jumps over the lazy dog, and then, at 12:30, it rests.\n";
    let repeat = |bytes: &[u8], length| bytes.iter().copied().cycle().take(length).collect();
    vec![
        ("empty", Vec::new()),
        ("one byte", vec![b'x']),
        ("zeros", vec![0; 100_000]),
        ("text", repeat(text, 200_000)),
        ("periodic", repeat(&Random::new(1).bytes(1001), 150_000)),
        ("incompressible", Random::new(2).bytes(300_000)),
    ]
}

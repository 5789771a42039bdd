//! Where to cut: a gear hash with normalised chunking, after FastCDC (Xia and others, 2016).
//!
//! The hash of a position depends on the 64 bytes before it and on nothing else.
//! Up to the average length a cut needs more zero bits than after it, which draws the lengths
//! together. Changing anything here changes all cuts: stored blocks would not be found again.

/// How many bytes the hash remembers: each shifts out of 64 bits after as many more.
const MEMORY: usize = 64;
/// How many zero bits more before the average length, and fewer after it.
/// FastCDC's choice is 2, but then cuts take 2.3 blocks to come back after a change, not 1.4.
const NORMALISATION: u32 = 1;

/// One random number for each byte.
static GEAR: [u64; 256] = gear();

/// The rules for one configuration.
pub(crate) struct Gear {
    min: usize,
    average: usize,
    max: usize,
    /// A hash below it is a cut, before the average length and after it.
    strict: u64,
    loose: u64,
}

impl Gear {
    /// `min` is at least 64, and `min <= average <= max`.
    pub(crate) fn new(min: usize, average: usize, max: usize) -> Self {
        assert!((MEMORY..=average).contains(&min) && average <= max);
        // Normalised, lengths come out at `average` when the part after `min` is drawn for.
        let bits = (average - min).max(1).ilog2();
        let below = |bits: u32| u64::MAX >> bits;
        Self {
            min,
            average,
            max,
            strict: below(bits + NORMALISATION),
            loose: below(bits.saturating_sub(NORMALISATION)),
        }
    }

    #[cfg(test)]
    pub(crate) fn min(&self) -> usize {
        self.min
    }

    pub(crate) fn average(&self) -> usize {
        self.average
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// The length of the next block of `bytes`, which are an entry's rest where `last` is set.
    /// None when it is not certain yet, or when nothing is left.
    pub(crate) fn cut(&self, bytes: &[u8], last: bool) -> Option<usize> {
        if bytes.len() > self.min {
            let mut hash = 0;
            for byte in &bytes[self.min - MEMORY..self.min] {
                hash = step(hash, *byte);
            }
            let strict_end = self.average.min(bytes.len());
            let loose_end = self.max.min(bytes.len());
            let found = find(bytes, self.min, strict_end, &mut hash, self.strict)
                .or_else(|| find(bytes, strict_end, loose_end, &mut hash, self.loose));
            if found.is_some() {
                return found;
            }
        }
        if bytes.len() >= self.max {
            Some(self.max)
        } else if last && !bytes.is_empty() {
            Some(bytes.len())
        } else {
            None
        }
    }
}

fn step(hash: u64, byte: u8) -> u64 {
    (hash << 1).wrapping_add(GEAR[byte as usize])
}

/// The first position after `start`, up to `end`, whose hash is below `below`.
fn find(bytes: &[u8], start: usize, end: usize, hash: &mut u64, below: u64) -> Option<usize> {
    let mut position = start;
    let (eights, rest) = bytes[start..end].as_chunks::<8>();
    for eight in eights {
        // Bytes are taken out of one word: one load instead of eight, beside those of the numbers.
        let word = u64::from_le_bytes(*eight);
        let number = |index: usize| GEAR[usize::from((word >> (8 * index)) as u8)];
        for index in [0, 2, 4, 6] {
            // A step waits for the one before. Two of them in one, from what does not depend on
            // the hash, leave the processor something to do meanwhile.
            let first = number(index);
            let two = (first << 1).wrapping_add(number(index + 1));
            if (*hash << 1).wrapping_add(first) <= below {
                return Some(position + index + 1);
            }
            *hash = (*hash << 2).wrapping_add(two);
            if *hash <= below {
                return Some(position + index + 2);
            }
        }
        position += 8;
    }
    for byte in rest {
        *hash = step(*hash, *byte);
        position += 1;
        if *hash <= below {
            return Some(position);
        }
    }
    None
}

/// SplitMix64 from 0 (Steele, Lea and Flood, 2014): numbers that anyone can make again.
const fn gear() -> [u64; 256] {
    let mut gear = [0; 256];
    let mut state = 0_u64;
    let mut index = 0;
    while index < gear.len() {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        gear[index] = mixed ^ (mixed >> 31);
        index += 1;
    }
    gear
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same, step by step.
    fn find_singly(bytes: &[u8], start: usize, end: usize, below: u64) -> Option<usize> {
        let mut hash = 0;
        (start..end).find_map(|index| {
            hash = step(hash, bytes[index]);
            (hash <= below).then_some(index + 1)
        })
    }

    #[test]
    fn two_steps_in_one_find_what_single_steps_find() {
        let byte = |n: u32| (n.wrapping_mul(2_654_435_761) >> 13) as u8;
        let bytes: Vec<u8> = (0..40_000).map(byte).collect();
        for below in [4, 8, 11, 63].map(|bits| u64::MAX >> bits) {
            for start in [0, 1, 2, 3, 1000] {
                let found = find(&bytes, start, bytes.len(), &mut 0, below);
                assert_eq!(found, find_singly(&bytes, start, bytes.len(), below));
            }
            // Found or not within the last bytes, of which there are not eight.
            for (start, length) in (0..200).flat_map(|start| (0..20).map(move |it| (start, it))) {
                let found = find(&bytes, start, start + length, &mut 0, below);
                assert_eq!(found, find_singly(&bytes, start, start + length, below));
            }
        }
    }

    #[test]
    fn the_numbers_are_those_of_the_generator() {
        // The first output of SplitMix64 with seed 0, in its published vectors.
        assert_eq!(GEAR[0], 0xe220_a839_7b1d_cdaf);
    }
}

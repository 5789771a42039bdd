//! Shannon entropy of bytes, in bits per byte: 8 for what no compressor can shorten.

use shared::state::{StateError, StateReader, StateWriter};

/// How often each byte came.
pub(crate) struct Counts {
    counts: [u64; 256],
}

impl Default for Counts {
    fn default() -> Self {
        Self { counts: [0; 256] }
    }
}

impl Counts {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.counts = [0; 256];
    }

    /// Counts every byte.
    pub(crate) fn count(&mut self, bytes: &[u8]) {
        if bytes.len() < 4096 {
            for byte in bytes {
                self.counts[usize::from(*byte)] += 1;
            }
            return;
        }
        // Runs of one byte would wait for their own last addition; four tables take turns.
        let mut tables = [[0_u32; 256]; 4];
        for part in bytes.chunks(u32::MAX as usize) {
            let (fours, rest) = part.as_chunks::<4>();
            for four in fours {
                for (table, byte) in tables.iter_mut().zip(four) {
                    table[usize::from(*byte)] += 1;
                }
            }
            for byte in rest {
                tables[0][usize::from(*byte)] += 1;
            }
        }
        for table in tables {
            for (count, more) in self.counts.iter_mut().zip(table) {
                *count += u64::from(more);
            }
        }
    }

    /// The entropy of all bytes counted; 0 when there are none.
    pub(crate) fn entropy(&self, logarithms: &Logarithms) -> f64 {
        let total: u64 = self.counts.iter().sum();
        if total == 0 {
            return 0.0;
        }
        let sum: f64 = self.counts.iter().map(|count| logarithms.product(*count)).sum();
        let total = total as f64;
        // Rounding may give a very small negative number, which would print as -0.00.
        (total.log2() - sum / total).max(0.0)
    }

    /// Appends the counts to a saved state.
    pub(crate) fn write(&self, writer: &mut StateWriter) {
        for count in self.counts {
            writer.integer(count);
        }
    }

    /// Takes the counts from a saved state.
    pub(crate) fn read(reader: &mut StateReader<'_>) -> Result<Self, StateError> {
        let mut counts = Self::default();
        let mut total = 0_u64;
        for count in &mut counts.counts {
            *count = reader.integer()?;
            total = total.checked_add(*count).ok_or(StateError)?;
        }
        Ok(counts)
    }
}

/// `n` times its binary logarithm, at hand for small `n`: most entries are short, and 256
/// logarithms would cost more than all else that is done for them.
pub(crate) struct Logarithms {
    products: Vec<f64>,
}

impl Logarithms {
    const COUNT: u64 = 1024;

    pub(crate) fn new() -> Self {
        Self { products: (0..Self::COUNT).map(product).collect() }
    }

    fn product(&self, number: u64) -> f64 {
        match self.products.get(number as usize) {
            Some(product) if number < Self::COUNT => *product,
            _ => product(number),
        }
    }
}

fn product(number: u64) -> f64 {
    if number == 0 { 0.0 } else { number as f64 * (number as f64).log2() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: f64) {
        let mut counts = Counts::default();
        counts.count(bytes);
        let found = counts.entropy(&Logarithms::new());
        assert!((found - expect).abs() < 1e-9, "{found} {expect}");
    }

    #[test]
    fn entropy_is_that_of_the_textbook() {
        check(b"", 0.0);
        check(b"aaaa", 0.0);
        check(&[7; 100_000], 0.0);
        check(b"abababab", 1.0);
        check(b"aaab", 0.811_278_124_459_132_8);
        let all: Vec<u8> = (0..=255).cycle().take(256 * 64).collect();
        check(&all, 8.0);
        check(&all[..256], 8.0);
    }
}

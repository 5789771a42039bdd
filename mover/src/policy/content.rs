//! What bytes are: their content type and their entropy.

/// The same code as in the component `snoop-type`, so that a rule and a finding never disagree.
#[path = "../../../plugins/snoop-type/src/kind.rs"]
mod kind;

/// Bytes that are looked at for a type.
const HEAD_LENGTH: usize = 8 << 10;
/// Of so many bytes the first part is counted; the rest says the same of nearly all content.
const SAMPLE_EVERY: usize = 256 << 10;
const SAMPLE_LENGTH: usize = 64 << 10;

/// The content type of bytes, by their beginning.
pub(super) fn content_type(bytes: &[u8]) -> &'static str {
    kind::content_type(&bytes[..bytes.len().min(HEAD_LENGTH)])
}

/// Shannon's entropy in bits for each byte: 0 to 8, where 8 cannot be compressed.
pub fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [[0_u32; 256]; 4];
    let mut total = 0_u32;
    for part in bytes.chunks(SAMPLE_EVERY) {
        let sample = &part[..part.len().min(SAMPLE_LENGTH)];
        // Four tables, so that equal bytes do not wait for each other.
        for (at, byte) in sample.iter().enumerate() {
            counts[at % 4][usize::from(*byte)] += 1;
        }
        total += u32::try_from(sample.len()).expect("a sample is short");
    }
    let of_byte = |byte: usize| counts.iter().map(|table| table[byte]).sum::<u32>();
    let term = |count: u32| match count {
        0 => 0.0,
        count => {
            let share = f64::from(count) / f64::from(total);
            -share * share.log2()
        }
    };
    (0..256).map(|byte| term(of_byte(byte))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_eight_bits_and_one_byte_has_none() {
        let even: Vec<u8> = (0..=255).cycle().take(100_000).collect();
        assert!((entropy(&even) - 8.0).abs() < 0.01);
        assert!(entropy(&[7; 5000]).abs() < 1e-9);
        assert!(entropy(b"").abs() < 1e-9);
        let text = "what people write has between four and five bits".repeat(100);
        assert!((3.5..4.6).contains(&entropy(text.as_bytes())), "{}", entropy(text.as_bytes()));
        assert_eq!(content_type(b"%PDF-1.7"), "application/pdf");
    }
}

//! What bytes are: their content type and their entropy.

/// The same code as in the component `snoop-type`, so that a rule and a finding never disagree.
#[path = "../../../plugins/snoop-type/src/kind.rs"]
mod kind;

/// Bytes that are looked at for a type.
const TYPE_LENGTH: usize = 8 << 10;
/// Bytes of an entry's beginning that rules on the whole entry look at. They look at the same ones
/// for each of its parts: otherwise an entry might change its rule half way.
pub const HEAD_LENGTH: usize = 256 << 10;
/// Of so many bytes the first part is counted; the rest says the same of nearly all content.
const SAMPLE_EVERY: usize = 256 << 10;
const SAMPLE_LENGTH: usize = 64 << 10;

/// The content type of bytes, by their beginning.
pub(super) fn content_type(bytes: &[u8]) -> &'static str {
    kind::content_type(&bytes[..bytes.len().min(TYPE_LENGTH)])
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

    #[test]
    fn bytes_of_no_sense_have_a_type_all_the_same() {
        // It runs outside of a sandbox: beginnings of known types that go on as noise must not
        // bring it down.
        let magics: [&[u8]; 12] = [
            b"PK\x03\x04",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            b"\x7fELF",
            b"MZ",
            b"RIFF",
            b"\xff\xfb",
            b"%PDF",
            b"\x1a\x45\xdf\xa3",
            b"\0\0\0\x20ftyp",
            b"<!DOCTYPE",
            b"\xca\xfe\xba\xbe",
            b"",
        ];
        let noise = crate::media::conformance::bytes(7, 1 << 16);
        for (round, part) in noise.chunks(64).enumerate() {
            for magic in magics {
                let bytes = [magic, &part[..round % 65]].concat();
                assert!(!content_type(&bytes).is_empty());
                assert!((0.0..=8.0).contains(&entropy(&bytes)));
            }
        }
    }
}

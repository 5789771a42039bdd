//! Numbers in command blocks and answers, which are big-endian and of odd lengths.

/// The number of `length` bytes at `at`. What is behind the end of `bytes` counts as zeros, since
/// devices cut their answers short where they have no more to say.
pub(super) fn get(bytes: &[u8], at: usize, length: usize) -> u64 {
    (at..at + length)
        .fold(0, |number, index| (number << 8) | u64::from(bytes.get(index).copied().unwrap_or(0)))
}

/// As [`get`], for the two-byte numbers of which there are most.
pub(super) fn get16(bytes: &[u8], at: usize) -> u16 {
    get(bytes, at, 2) as u16
}

/// As [`get`], for four bytes.
pub(super) fn get32(bytes: &[u8], at: usize) -> u32 {
    get(bytes, at, 4) as u32
}

/// Puts the lowest `length` bytes of `number` at `at`, which must lie in `bytes`.
pub(super) fn put(bytes: &mut [u8], at: usize, length: usize, number: u64) {
    for (index, byte) in bytes[at..at + length].iter_mut().rev().enumerate() {
        *byte = (number >> (8 * index)) as u8;
    }
}

/// The text of `length` bytes at `at` without the blanks and zeros around it; characters that are
/// not printable ASCII become `?`, because it ends up on a terminal.
pub(super) fn text(bytes: &[u8], at: usize, length: usize) -> String {
    let end = bytes.len().min(at.saturating_add(length));
    let field = bytes.get(at..end).unwrap_or_default();
    let shown = field.iter().map(|byte| match byte {
        0 => ' ',
        0x20..=0x7e => char::from(*byte),
        _ => '?',
    });
    shown.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_and_come() {
        let mut bytes = [0xff; 8];
        put(&mut bytes, 1, 3, 0x0001_0203);
        assert_eq!(bytes, [0xff, 1, 2, 3, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(get(&bytes, 1, 3), 0x01_0203);
        assert_eq!(get16(&bytes, 2), 0x0203);
        assert_eq!(get32(&bytes, 0), 0xff01_0203);
        assert_eq!(get32(&bytes, 6), 0xffff_0000, "short answers read as zeros");
    }

    #[test]
    fn text_is_safe_to_show() {
        assert_eq!(text(b"  AB\0\x1b[1m ", 0, 10), "AB ?[1m");
        assert_eq!(text(b"AB", 5, 10), "");
    }
}

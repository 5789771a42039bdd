//! The content type of an entry's first bytes.

/// Nothing better is known.
const BINARY: &str = "application/octet-stream";
const TEXT: &str = "text/plain";
const EMPTY: &str = "application/x-empty";

/// Magic numbers first; where there are none, whether it reads as text.
pub(crate) fn content_type(head: &[u8]) -> &'static str {
    if head.is_empty() {
        return EMPTY;
    }
    match infer::get(head) {
        Some(kind) => kind.mime_type(),
        None if is_text(head) => TEXT,
        None => BINARY,
    }
}

/// UTF-8 or UTF-16 with a byte order mark, or any other bytes with hardly a control character,
/// as in the encodings that came before Unicode.
fn is_text(head: &[u8]) -> bool {
    if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    let is_control = |byte: &u8| match byte {
        b'\t' | b'\n' | b'\r' | 0x0c | 0x08 | 0x1b => false,
        _ => *byte < 0x20 || *byte == 0x7f,
    };
    if head.contains(&0) {
        return false;
    }
    let controls = head.iter().filter(|byte| is_control(byte)).count();
    let valid = match std::str::from_utf8(head) {
        Ok(_) => true,
        // The head may end in the middle of a character.
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    let high = head.iter().filter(|byte| **byte >= 0x80).count();
    if valid { controls * 50 <= head.len() } else { controls == 0 && high * 3 <= head.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(head: &[u8], expect: &str) {
        assert_eq!(content_type(head), expect, "{head:?}");
    }

    #[test]
    fn known_beginnings_have_their_types() {
        check(b"", "application/x-empty");
        check(b"%PDF-1.7", "application/pdf");
        check(&[&b"\x7fELF\x02\x01\x01"[..], &[0; 60]].concat(), "application/x-executable");
        check(b"\x1f\x8b\x08\x00", "application/gzip");
        check(b"\x28\xb5\x2f\xfd\x00", "application/zstd");
        check(b"\xff\xd8\xff\xe0", "image/jpeg");
    }

    #[test]
    fn the_rest_is_text_or_binary() {
        check(b"plain", "text/plain");
        check("gr\u{fc}n".as_bytes(), "text/plain");
        check(&"gr\u{fc}n".as_bytes()[..3], "text/plain");
        check(b"gr\xfcn und blau", "text/plain");
        check(b"\xff\xfea\0b\0", "text/plain");
        check(b"a\0b", "application/octet-stream");
        check(b"\x01\x02\x03", "application/octet-stream");
        check(&[0xc3], "application/octet-stream");
    }
}

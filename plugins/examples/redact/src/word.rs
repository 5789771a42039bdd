//! What is taken out of one word.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Whether a byte can be a part of what is taken out.
pub(crate) fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-:@~/=".contains(&byte)
}

/// Whether the next word is a token.
pub(crate) fn announces_token(word: &[u8]) -> bool {
    let word = word.strip_suffix(b":").unwrap_or(word);
    word.eq_ignore_ascii_case(b"bearer") || word.eq_ignore_ascii_case(b"basic")
}

/// Appends `word` to `kept` without its addresses.
pub(crate) fn redact(word: &[u8], emails: bool, addresses: bool, kept: &mut Vec<u8>) {
    let mut rest = word;
    while !rest.is_empty() {
        // An address begins where no letter, digit or dot stands before.
        let before = word[..word.len() - rest.len()].last();
        let may_begin = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'.');
        let email = (emails && may_begin).then(|| email(rest)).flatten();
        let address = || (addresses && may_begin).then(|| ip_address(rest)).flatten();
        if let Some(length) = email {
            kept.extend_from_slice(b"[email]");
            rest = &rest[length..];
        } else if let Some((length, mark)) = address() {
            kept.extend_from_slice(mark);
            rest = &rest[length..];
        } else {
            kept.push(rest[0]);
            rest = &rest[1..];
        }
    }
}

/// How long the e-mail address is that `text` begins with.
fn email(text: &[u8]) -> Option<usize> {
    let is_local = |byte: &u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let is_domain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    let at = text.iter().position(|byte| !is_local(byte))?;
    if at == 0 || text[at] != b'@' {
        return None;
    }
    let domain = &text[at + 1..];
    let end = domain.iter().position(|byte| !is_domain(byte)).unwrap_or(domain.len());
    let domain = domain[..end].trim_suffix_of(b".-");
    let dot = domain.iter().rposition(|byte| *byte == b'.')?;
    let top = &domain[dot + 1..];
    let is_name = dot > 0 && top.len() >= 2 && top.iter().all(u8::is_ascii_alphabetic);
    is_name.then_some(at + 1 + domain.len())
}

/// How long the IP address is that `text` begins with, and what stands for it.
fn ip_address(text: &[u8]) -> Option<(usize, &'static [u8])> {
    let run = |is_part: fn(&u8) -> bool| {
        let end = text.iter().position(|byte| !is_part(byte)).unwrap_or(text.len());
        let follows_word = text.get(end).is_some_and(u8::is_ascii_alphanumeric);
        let run = std::str::from_utf8(&text[..end]).unwrap_or_default();
        if follows_word { "" } else { run.trim_end_matches('.') }
    };
    let four = run(|byte| byte.is_ascii_digit() || *byte == b'.');
    if four.parse::<Ipv4Addr>().is_ok() {
        return Some((four.len(), b"[ipv4]"));
    }
    let six = run(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte));
    // `addr: fe80::1: up` has colons that are not the address's.
    let six = [six, six.strip_suffix(':').unwrap_or_default()];
    let six = six.into_iter().find(|six| six.len() > 2 && six.parse::<Ipv6Addr>().is_ok())?;
    Some((six.len(), b"[ipv6]"))
}

/// What slices of bytes lack.
trait TrimSuffix {
    /// Without the bytes at its end that are in `set`.
    fn trim_suffix_of(&self, set: &[u8]) -> &[u8];
}

impl TrimSuffix for [u8] {
    fn trim_suffix_of(&self, set: &[u8]) -> &[u8] {
        let end = self.iter().rposition(|byte| !set.contains(byte)).map_or(0, |last| last + 1);
        &self[..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expect: &str) {
        let mut kept = Vec::new();
        redact(word.as_bytes(), true, true, &mut kept);
        assert_eq!(String::from_utf8(kept).unwrap(), expect);
    }

    #[test]
    fn addresses_are_found_inside_of_words() {
        for (word, expect) in [
            ("user=a.b@c-d.example", "user=[email]"),
            ("mailto:a@b.org.", "mailto:[email]."),
            ("a@b.org:c@d.org", "[email]:[email]"),
            ("127.0.0.1", "[ipv4]"),
            ("127.0.0.1.", "[ipv4]."),
            ("http://10.0.0.1:80/a", "http://[ipv4]:80/a"),
            ("10.0.0.1/10.0.0.2", "[ipv4]/[ipv4]"),
            ("2001:db8::1", "[ipv6]"),
            ("2001:db8:0:0:0:0:0:1:", "[ipv6]:"),
            ("::ffff:1.2.3.4", "[ipv6]"),
            ("ip=::1", "ip=[ipv6]"),
        ] {
            check(word, expect);
        }
    }

    #[test]
    fn words_that_look_like_addresses_stay() {
        for word in [
            "a@b",
            "@b.org",
            "a@.org",
            "1.2.3",
            "256.1.1.1",
            "v1.2.3.4x",
            "1.2.3.4.5",
            "::",
            "std::net",
            "12:30:45",
        ] {
            check(word, word);
        }
    }
}

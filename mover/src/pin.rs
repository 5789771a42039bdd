//! How the digest of a component is written down: `blake3:` and 64 hexadecimal digits.

use format::Digest;

use crate::error::{Error, ErrorKind, Result};

/// What a digest begins with, so that another kind can come beside it.
pub(crate) const PREFIX: &str = "blake3:";

/// A digest, as policies and command lines have it.
pub(crate) fn show(digest: &Digest) -> String {
    format!("{PREFIX}{digest}")
}

/// Reads what [`show`] wrote.
pub(crate) fn parse(text: &str) -> Result<Digest> {
    let wrong = || {
        let message = format!("{} is not a digest", text.escape_debug());
        Error::new(ErrorKind::Usage, message)
            .way_out("write blake3: and 64 hexadecimal digits, as `mover plugin inspect` shows it")
    };
    let digits = text.strip_prefix(PREFIX).ok_or_else(wrong)?;
    let mut digest = [0; 32];
    hex::decode_to_slice(digits, &mut digest).map_err(|_| wrong())?;
    Ok(Digest(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_and_nothing_else() {
        let digest = Digest([0xab; 32]);
        let text = show(&digest);
        assert_eq!(parse(&text).unwrap(), digest);
        for wrong in ["", "blake3:", &text[7..], &text[..70], &format!("{text}0")] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}

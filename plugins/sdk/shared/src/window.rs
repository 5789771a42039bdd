//! Splits a window into the entries that lie in it.

/// The bytes of one entry that lie in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Possibly none: an entry may be empty, or end where the window begins.
    pub bytes: &'a [u8],
    /// Whether the entry ends here.
    pub last: bool,
}

/// The `ends` of a window descend, or lie outside it: a bug of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndsError;

impl core::fmt::Display for EndsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the ends of entries are not ascending positions in the window")
    }
}

/// Gives one part for every end, and one more for bytes after the last end.
///
/// Checks all of `ends` first, so that no part is handled when another one is wrong.
pub fn parts<'a>(
    window: &'a [u8],
    ends: &'a [u32],
) -> Result<impl Iterator<Item = Part<'a>>, EndsError> {
    if !ends.is_sorted() || ends.last().is_some_and(|end| *end as usize > window.len()) {
        return Err(EndsError);
    }
    let mut start = 0;
    let closed = ends.iter().map(move |end| {
        let bytes = &window[start..*end as usize];
        start = *end as usize;
        Part { bytes, last: true }
    });
    let rest = &window[ends.last().map_or(0, |end| *end as usize)..];
    let open = (!rest.is_empty()).then_some(Part { bytes: rest, last: false });
    Ok(closed.chain(open))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(window: &[u8], ends: &[u32], expect: &[(&[u8], bool)]) {
        let found: Vec<_> =
            parts(window, ends).unwrap().map(|part| (part.bytes, part.last)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn every_end_gives_a_part_and_the_rest_gives_an_open_one() {
        check(b"", &[], &[]);
        check(b"", &[0, 0], &[(b"", true), (b"", true)]);
        check(b"abc", &[], &[(b"abc", false)]);
        check(b"abc", &[3], &[(b"abc", true)]);
        check(b"abc", &[1, 1], &[(b"a", true), (b"", true), (b"bc", false)]);
        check(b"abc", &[0, 3], &[(b"", true), (b"abc", true)]);
    }

    #[test]
    fn wrong_ends_are_refused() {
        assert!(parts(b"abc", &[4]).is_err());
        assert!(parts(b"abc", &[2, 1]).is_err());
        assert!(parts(b"abc", &[9, 3]).is_err());
    }
}

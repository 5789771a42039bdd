//! Little-endian integers and length-prefixed bytes: the only code here that knows offsets.

use crate::error::{Error, Result};

/// Appends integers and bytes to a growing buffer.
pub(crate) trait Put {
    fn put_u8(&mut self, value: u8);
    fn put_u16(&mut self, value: u16);
    fn put_u32(&mut self, value: u32);
    fn put_u64(&mut self, value: u64);
    fn put_i64(&mut self, value: i64);
    fn put_raw(&mut self, bytes: &[u8]);
    /// A `u32` length, then the bytes, of which there are at most `limit`: what is longer would
    /// be refused by every reader, and so must never be written.
    fn put_bytes(&mut self, bytes: &[u8], limit: usize);
    /// A `u32` count of at most `limit`.
    fn put_count(&mut self, count: usize, limit: usize);
}

impl Put for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_u16(&mut self, value: u16) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_i64(&mut self, value: i64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_raw(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
    fn put_bytes(&mut self, bytes: &[u8], limit: usize) {
        self.put_count(bytes.len(), limit);
        self.extend_from_slice(bytes);
    }
    fn put_count(&mut self, count: usize, limit: usize) {
        assert!(count <= limit, "{count} passes the limit of {limit} that readers enforce");
        self.put_u32(u32::try_from(count).expect("every limit fits"));
    }
}

/// Takes integers and bytes off the front of a slice; never past its end.
pub(crate) struct Take<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Take<'a> {
    /// `what` names the thing in errors.
    pub(crate) fn new(what: &'static str, bytes: &'a [u8]) -> Take<'a> {
        Take { what, rest: bytes }
    }

    pub(crate) fn raw(&mut self, length: usize) -> Result<&'a [u8]> {
        if self.rest.len() < length {
            return Err(Error::Truncated {
                what: self.what,
                needed: length,
                have: self.rest.len(),
            });
        }
        let (head, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.raw(N)?.try_into().expect("raw gives as many bytes as were asked for"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }
    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }
    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }
    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }
    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    /// A `u32` length of at most `limit`, then the bytes.
    pub(crate) fn bytes(&mut self, limit: usize) -> Result<&'a [u8]> {
        let length = self.u32()? as usize;
        self.check(length, limit)?;
        self.raw(length)
    }

    /// Like [`Take::bytes`], and valid UTF-8.
    pub(crate) fn text(&mut self, limit: usize) -> Result<String> {
        let what = self.what;
        let bytes = self.bytes(limit)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(Error::Invalid { what, rule: "text is UTF-8" }),
        }
    }

    /// A `u32` count of at most `limit`, of things that take at least `size` bytes each,
    /// so that a lying count cannot make anybody reserve memory.
    pub(crate) fn count(&mut self, limit: usize, size: usize) -> Result<usize> {
        let count = self.u32()? as usize;
        self.check(count, limit)?;
        let needed = count.saturating_mul(size);
        if needed > self.rest.len() {
            return Err(Error::Truncated { what: self.what, needed, have: self.rest.len() });
        }
        Ok(count)
    }

    /// A `u64` of at most `limit`.
    pub(crate) fn u64_at_most(&mut self, limit: u64) -> Result<u64> {
        match self.u64()? {
            found if found > limit => Err(Error::Limit { what: self.what, limit, found }),
            found => Ok(found),
        }
    }

    /// A `u32` of at most `limit`.
    pub(crate) fn u32_at_most(&mut self, limit: u32) -> Result<u32> {
        let found = self.u32()?;
        self.check(found as usize, limit as usize)?;
        Ok(found)
    }

    /// The error of a broken rule.
    pub(crate) fn invalid(&self, rule: &'static str) -> Error {
        Error::Invalid { what: self.what, rule }
    }

    fn check(&self, found: usize, limit: usize) -> Result<()> {
        if found > limit {
            return Err(Error::Limit { what: self.what, limit: limit as u64, found: found as u64 });
        }
        Ok(())
    }

    /// What has not been taken yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Every byte must have been taken: an encoding has one form only.
    pub(crate) fn end(self) -> Result<()> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(Error::Invalid { what: self.what, rule: "no bytes follow the last field" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lying_count_reserves_nothing() {
        let bytes = [0xff, 0xff, 0, 0, 1];
        let take = || Take::new("list", &bytes);
        let short = Error::Truncated { what: "list", needed: 65_535 * 9, have: 1 };
        assert_eq!(take().count(65_535, 9), Err(short));
        let over = Error::Limit { what: "list", limit: 65_534, found: 65_535 };
        assert_eq!(take().count(65_534, 0), Err(over));
        assert_eq!(take().count(65_535, 0), Ok(65_535));
        assert!(Take::new("list", &[0xff; 4]).count(usize::MAX, usize::MAX).is_err());
    }

    #[test]
    fn text_is_utf8_and_bounded() {
        let text = |bytes: &[u8]| Take::new("text", bytes).text(2);
        assert_eq!(text(&[2, 0, 0, 0, 0xc3, 0xa9]), Ok("\u{e9}".to_owned()));
        let invalid = Error::Invalid { what: "text", rule: "text is UTF-8" };
        assert_eq!(text(&[1, 0, 0, 0, 0xc3]), Err(invalid));
        assert!(matches!(
            text(&[3, 0, 0, 0, 1, 2, 3]),
            Err(Error::Limit { limit: 2, found: 3, .. })
        ));
        assert!(matches!(text(&[2, 0, 0, 0, 1]), Err(Error::Truncated { needed: 2, have: 1, .. })));
    }

    #[test]
    fn nothing_may_be_left() {
        let mut take = Take::new("thing", &[7, 8]);
        assert_eq!(take.u8(), Ok(7));
        assert!(matches!(take.end(), Err(Error::Invalid { what: "thing", .. })));
    }

    #[test]
    fn what_readers_would_refuse_is_not_written() {
        let write = |length: usize| Vec::new().put_bytes(&vec![0; length], 4);
        assert!(std::panic::catch_unwind(|| write(4)).is_ok());
        assert!(std::panic::catch_unwind(|| write(5)).is_err());
    }
}

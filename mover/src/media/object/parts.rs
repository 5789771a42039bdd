//! The parts of a volume: which bytes of it each object holds.

use crate::{Error, ErrorKind, Result};

/// Digits in the name of a part, so that names are in the order of offsets: all of a `u64`.
const DIGITS: usize = 20;

/// An object that holds bytes of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Of its first byte in the volume.
    pub(super) offset: u64,
    /// Bytes in it.
    pub(super) length: u64,
}

impl Part {
    /// Of the first byte that is not in it.
    pub(super) fn end(&self) -> u64 {
        // A listing is untrusted.
        self.offset.saturating_add(self.length)
    }
}

/// The name of the part that begins at `offset`.
pub(super) fn part_name(offset: u64) -> String {
    format!("{offset:0DIGITS$}")
}

/// Where the part of this name begins; none where it is the name of something else.
pub(super) fn part_offset(name: &str) -> Option<u64> {
    let digits = name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| name.parse().ok()).flatten()
}

/// All parts that are known of a volume, in the order of their offsets.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts(Vec<Part>);

impl Parts {
    /// Adds parts, in the order of their offsets, all of them behind those that are there.
    pub(super) fn extend(&mut self, parts: Vec<Part>) {
        let last = self.last().map(|part| part.offset);
        self.0.extend(parts.into_iter().filter(|part| last.is_none_or(|last| part.offset > last)));
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Part> {
        self.0.iter()
    }

    pub(super) fn last(&self) -> Option<Part> {
        self.0.last().copied()
    }

    /// Bytes of the volume, those included that are missing before its last part.
    pub(super) fn length(&self) -> u64 {
        self.last().map_or(0, |part| part.end())
    }

    /// The part in which the byte at `offset` is; none at or behind the end of the last one.
    ///
    /// Fails with [`ErrorKind::Damaged`] where the parts do not join there.
    pub(super) fn find(&self, volume: &str, offset: u64) -> Result<Option<Part>> {
        let behind = self.0.partition_point(|part| part.offset <= offset);
        let part = behind.checked_sub(1).map(|index| self.0[index]);
        let next = self.0.get(behind).map(|part| part.offset);
        match (part, next) {
            (Some(part), Some(next)) if part.end() > next => Err(overlap(volume, part, next)),
            (Some(part), _) if offset < part.end() => Ok(Some(part)),
            (_, None) => Ok(None),
            (part, Some(next)) => Err(gap(volume, part.map_or(0, |part| part.end()), next)),
        }
    }

    /// Fails with [`ErrorKind::Damaged`] unless every part begins where the one before it ends.
    pub(super) fn check(&self, volume: &str) -> Result<()> {
        let mut end = 0;
        let mut before = None;
        for part in &self.0 {
            match (part.offset, before) {
                (offset, Some(before)) if offset < end => {
                    return Err(overlap(volume, before, offset));
                }
                (offset, _) if offset > end => return Err(gap(volume, end, offset)),
                _ => (),
            }
            end = part.end();
            before = Some(*part);
        }
        Ok(())
    }
}

fn gap(volume: &str, from: u64, to: u64) -> Error {
    let message = format!(
        "{volume}: the bytes from {from} to {to} are missing: a part {}, or the end of the one before",
        part_name(from)
    );
    Error::new(ErrorKind::Damaged, message)
        .way_out("bring the object back, e.g. an older version of it, or repair from another copy")
}

fn overlap(volume: &str, part: Part, next: u64) -> Error {
    let message = format!(
        "{volume}: the part {} has {} bytes and reaches into the part {}",
        part_name(part.offset),
        part.length,
        part_name(next),
    );
    Error::new(ErrorKind::Damaged, message)
        .way_out("see who has written there, and repair from another copy")
}

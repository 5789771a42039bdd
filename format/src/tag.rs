//! The tag header: the fixed prefix of every block inside a chunk. SPEC 6.1.

use crate::error::{Error, Result};
use crate::id::ChunkId;
use crate::limits;
use crate::options::Options;
use crate::wire::{Put, Take};

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TagKind {
    /// The block is an encoded [`crate::Entry`]: it opens the entry of its number.
    Entry = 1,
    /// The block is content.
    Data = 2,
    /// The block lists [`Run`]s: content that lies in other chunks, or earlier in this one.
    Reference = 3,
    /// The block is a `u64`: as many bytes of content are a hole.
    Hole = 4,
    /// The block is empty; the options header says something of the entry,
    /// or of the archive where the entry number is 0.
    Metadata = 5,
    /// The block is an encoded [`crate::EntryEnd`]: it closes the entry.
    End = 6,
}

impl TagKind {
    fn decode(value: u8) -> Result<TagKind> {
        Ok(match value {
            1 => TagKind::Entry,
            2 => TagKind::Data,
            3 => TagKind::Reference,
            4 => TagKind::Hole,
            5 => TagKind::Metadata,
            6 => TagKind::End,
            _ => return Err(Error::Unknown { what: "tag kind", value: value.into() }),
        })
    }

    fn length_max(self) -> u32 {
        match self {
            TagKind::Data => limits::BLOCK_LENGTH_MAX,
            _ => limits::CHUNK_PLAIN_LENGTH_MAX,
        }
    }
}

/// Says what the next bytes are and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagHeader {
    /// What the block is.
    pub kind: TagKind,
    /// The entry's number in its archive, from 1; 0 means the archive itself.
    pub entry: u64,
    /// Where in the entry's content the block begins.
    pub offset: u64,
    /// The block's number among the entry's data, reference and hole blocks, from 0.
    pub block: u32,
    /// Bytes of the block, without this header and the options header.
    pub length: u32,
    /// CRC-32C of the block.
    pub crc: u32,
}

const OPTIONS_FOLLOW: u8 = 1;

impl TagHeader {
    /// Bytes of the header.
    pub const LEN: usize = 32;

    /// Appends the header and, where there are any, the options; the block is to follow.
    pub fn encode(&self, options: &Options, out: &mut Vec<u8>) {
        assert!(self.length <= self.kind.length_max(), "a block is bounded by limits");
        out.put_u8(self.kind as u8);
        out.put_u8(if options.is_empty() { 0 } else { OPTIONS_FOLLOW });
        out.put_u16(0);
        out.put_u32(self.block);
        out.put_u64(self.entry);
        out.put_u64(self.offset);
        out.put_u32(self.length);
        out.put_u32(self.crc);
        if !options.is_empty() {
            options.encode(out);
        }
    }
}

/// A block with its headers, borrowed from a chunk's plain bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<'a> {
    /// The tag header.
    pub tag: TagHeader,
    /// The options header; empty where there is none.
    pub options: Options,
    /// The block itself; its CRC agreed.
    pub block: &'a [u8],
}

impl Tagged<'_> {
    /// Bytes of content that the block of a [`TagKind::Hole`] stands for; an error for all others.
    pub fn hole_length(&self) -> Result<u64> {
        let mut take = Take::new("hole", self.block);
        if self.tag.kind != TagKind::Hole {
            return Err(take.invalid("only a hole has its length"));
        }
        let length = take.u64_at_most(limits::CONTENT_LENGTH_MAX)?;
        take.end()?;
        Ok(length)
    }
}

/// Reads the blocks of a chunk's plain bytes in order; ends after the first error.
pub fn blocks(plain: &[u8]) -> impl Iterator<Item = Result<Tagged<'_>>> {
    let mut take = Some(Take::new("tagged block", plain));
    std::iter::from_fn(move || {
        let reading = take.as_mut()?;
        if reading.rest().is_empty() {
            return None;
        }
        let block = next_block(reading);
        if block.is_err() {
            take = None;
        }
        Some(block)
    })
}

fn next_block<'a>(take: &mut Take<'a>) -> Result<Tagged<'a>> {
    let what = "tag header";
    let kind = TagKind::decode(take.u8()?)?;
    let flags = take.u8()?;
    if flags & !OPTIONS_FOLLOW != 0 || take.u16()? != 0 {
        return Err(Error::Invalid { what, rule: "reserved bits are 0" });
    }
    let block = take.u32()?;
    let (entry, offset) = (take.u64()?, take.u64_at_most(limits::CONTENT_LENGTH_MAX)?);
    let (length, crc) = (take.u32()?, take.u32()?);
    let tag = TagHeader { kind, entry, offset, block, length, crc };
    let options = match flags & OPTIONS_FOLLOW {
        0 => Options::default(),
        _ => Options::decode(take)?,
    };
    if flags & OPTIONS_FOLLOW != 0 && options.is_empty() {
        return Err(Error::Invalid { what, rule: "an options header that follows is not empty" });
    }
    check_shape(&tag)?;
    let block = take.raw(length as usize)?;
    match crc32c::crc32c(block) {
        computed if computed == crc => Ok(Tagged { tag, options, block }),
        computed => Err(Error::Checksum { what: "block", stored: crc, computed }),
    }
}

fn check_shape(tag: &TagHeader) -> Result<()> {
    let (what, limit) = ("tag header", tag.kind.length_max());
    if tag.length > limit {
        return Err(Error::Limit { what, limit: limit.into(), found: tag.length.into() });
    }
    if tag.entry == 0 && tag.kind != TagKind::Metadata {
        return Err(Error::Invalid { what, rule: "only metadata is of the archive itself" });
    }
    let length = tag.length as usize;
    let fits = match tag.kind {
        TagKind::Entry | TagKind::Data => length > 0,
        TagKind::Reference => length > 0 && length.is_multiple_of(Run::LEN),
        TagKind::Hole => length == 8,
        TagKind::Metadata => length == 0,
        TagKind::End => length == EntryEnd::LEN,
    };
    match fits {
        true => Ok(()),
        false => Err(Error::Invalid { what, rule: "a block has the length that its kind has" }),
    }
}

/// Neighbouring data blocks of one chunk that are content of an entry, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The chunk that holds them.
    pub chunk: ChunkId,
    /// The ordinal of the first among the chunk's data blocks, from 0.
    pub first: u32,
    /// How many, at least one.
    pub count: u32,
    /// Their plain bytes together.
    pub length: u64,
}

impl Run {
    /// Bytes in a reference block.
    pub const LEN: usize = ChunkId::LEN + 16;

    /// Appends the run to a reference block.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.chunk.encode(out);
        out.put_u32(self.first);
        out.put_u32(self.count);
        out.put_u64(self.length);
    }

    /// Reads all runs of a reference block.
    pub fn decode_all(bytes: &[u8]) -> Result<Vec<Run>> {
        let mut take = Take::new("reference block", bytes);
        let mut runs = Vec::with_capacity(bytes.len() / Run::LEN);
        while !take.rest().is_empty() {
            let chunk = ChunkId::decode(&mut take)?;
            runs.push(Run::take(chunk, &mut take)?);
        }
        Ok(runs)
    }

    /// Reads what follows the chunk's address, however that was said.
    pub(crate) fn take(chunk: ChunkId, take: &mut Take<'_>) -> Result<Run> {
        let (first, count) = (take.u32()?, take.u32()?);
        let length = take.u64_at_most(limits::CHUNK_PLAIN_LENGTH_MAX.into())?;
        if count == 0 || first.checked_add(count).is_none() {
            return Err(take.invalid("a run holds at least one block and ends in bounds"));
        }
        Ok(Run { chunk, first, count, length })
    }
}

/// What a snoop made of an entry, the strongest of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Nothing to say.
    #[default]
    Pass = 0,
    /// Findings are kept beside the entry.
    Tag = 1,
    /// Kept, but not restored.
    Hold = 2,
    /// Left out: its bytes are garbage.
    Stop = 3,
}

/// Closes an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryEnd {
    /// Bytes of content that were read, holes included.
    pub size: u64,
    /// The last word of the snoops.
    pub verdict: Verdict,
    /// The source changed while it was read, or could not be read to its end.
    pub faulty: bool,
}

impl EntryEnd {
    /// Bytes in the block that closes an entry.
    pub const LEN: usize = 10;

    /// Appends it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u64(self.size);
        out.put_u8(self.verdict as u8);
        out.put_u8(self.faulty.into());
    }

    /// Reads one that fills `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<EntryEnd> {
        let mut take = Take::new("end of entry", bytes);
        let end = EntryEnd {
            size: take.u64_at_most(limits::CONTENT_LENGTH_MAX)?,
            verdict: decode_verdict(take.u8()?)?,
            faulty: decode_bool("end of entry", take.u8()?)?,
        };
        take.end()?;
        Ok(end)
    }
}

pub(crate) fn decode_verdict(value: u8) -> Result<Verdict> {
    Ok(match value {
        0 => Verdict::Pass,
        1 => Verdict::Tag,
        2 => Verdict::Hold,
        3 => Verdict::Stop,
        _ => return Err(Error::Unknown { what: "verdict", value: value.into() }),
    })
}

pub(crate) fn decode_bool(what: &'static str, value: u8) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::Invalid { what, rule: "a flag is 0 or 1" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(kind: TagKind, entry: u64, block: &[u8]) -> Vec<u8> {
        let length = u32::try_from(block.len()).expect("small");
        let crc = crc32c::crc32c(block);
        let mut bytes = Vec::new();
        TagHeader { kind, entry, offset: 0, block: 0, length, crc }
            .encode(&Options::default(), &mut bytes);
        bytes.extend_from_slice(block);
        bytes
    }

    fn first(plain: &[u8]) -> Result<Tagged<'_>> {
        blocks(plain).next().expect("there is one")
    }

    #[test]
    fn each_kind_has_its_length() {
        let check = |kind, entry, length: usize, fits: bool| {
            let plain = tagged(kind, entry, &vec![0; length]);
            assert_eq!(first(&plain).is_ok(), fits, "{kind:?} {entry} {length}");
        };
        check(TagKind::Entry, 1, 0, false);
        check(TagKind::Entry, 0, 1, false);
        check(TagKind::Entry, 1, 1, true);
        check(TagKind::Data, 1, 0, false);
        check(TagKind::Data, 0, 9, false);
        check(TagKind::Data, 1, limits::BLOCK_LENGTH_MAX as usize, true);
        check(TagKind::Reference, 1, 43, false);
        check(TagKind::Reference, 1, 0, false);
        check(TagKind::Reference, 1, 88, true);
        check(TagKind::Hole, 1, 7, false);
        check(TagKind::Hole, 1, 8, true);
        check(TagKind::Metadata, 1, 1, false);
        check(TagKind::Metadata, 0, 0, true);
        check(TagKind::End, 1, 9, false);
        check(TagKind::End, 1, 10, true);
    }

    #[test]
    fn each_rule_has_its_error() {
        let plain = tagged(TagKind::Data, 1, b"content");
        let check = |at: usize, value: u8, expected: fn(&Error) -> bool| {
            let mut plain = plain.clone();
            plain[at] = value;
            let error = first(&plain).expect_err("it was changed");
            assert!(expected(&error), "{error}");
        };
        check(0, 0, |error| matches!(error, Error::Unknown { what: "tag kind", value: 0 }));
        check(0, 7, |error| matches!(error, Error::Unknown { .. }));
        check(1, 2, |error| matches!(error, Error::Invalid { .. }));
        check(2, 1, |error| matches!(error, Error::Invalid { .. }));
        check(23, 0x80, |error| matches!(error, Error::Limit { .. }));
        check(24, 8, |error| matches!(error, Error::Truncated { needed: 8, have: 7, .. }));
        check(26, 0x11, |error| matches!(error, Error::Limit { .. }));
        check(32, b'C', |error| matches!(error, Error::Checksum { what: "block", .. }));
        // Of an options header that is said to follow, and is empty.
        let mut plain = tagged(TagKind::Metadata, 1, &[]);
        plain[1] = OPTIONS_FOLLOW;
        plain.extend_from_slice(&[0; 4]);
        assert!(matches!(first(&plain), Err(Error::Invalid { .. })));
    }

    #[test]
    fn nothing_is_read_behind_an_error() {
        let mut plain = tagged(TagKind::Data, 1, b"one");
        let whole = plain.len();
        plain.extend(tagged(TagKind::Data, 1, b"two"));
        plain[whole] = 99;
        plain.extend(tagged(TagKind::Data, 1, b"three"));
        let found: Vec<bool> = blocks(&plain).map(|tagged| tagged.is_ok()).collect();
        assert_eq!(found, [true, false]);
    }

    #[test]
    fn a_hole_has_a_bounded_length() {
        let hole = |length: u64| {
            let plain = tagged(TagKind::Hole, 1, &length.to_le_bytes());
            first(&plain).and_then(|tagged| tagged.hole_length())
        };
        assert_eq!(hole(4096), Ok(4096));
        assert!(matches!(hole(1 << 63), Err(Error::Limit { .. })));
        let data = tagged(TagKind::Data, 1, &[0; 8]);
        assert!(first(&data).and_then(|tagged| tagged.hole_length()).is_err());
    }

    #[test]
    fn runs_are_sound() {
        let decode = |first, count, length| {
            let run = Run { chunk: ChunkId::default(), first, count, length };
            let mut bytes = Vec::new();
            run.encode(&mut bytes);
            assert_eq!(bytes.len(), Run::LEN);
            Run::decode_all(&bytes)
        };
        assert!(decode(u32::MAX - 1, 1, 1 << 24).is_ok());
        assert!(matches!(decode(0, 0, 1), Err(Error::Invalid { .. })));
        assert!(matches!(decode(u32::MAX, 1, 1), Err(Error::Invalid { .. })));
        assert!(matches!(decode(0, 1, (1 << 24) + 1), Err(Error::Limit { .. })));
        assert!(matches!(Run::decode_all(&[0; 43]), Err(Error::Truncated { .. })));
    }

    #[test]
    fn an_end_has_known_codes() {
        let end = EntryEnd { size: 9, verdict: Verdict::Stop, faulty: true };
        let mut bytes = Vec::new();
        end.encode(&mut bytes);
        assert_eq!(EntryEnd::decode(&bytes), Ok(end));
        bytes[8] = 4;
        let error = Error::Unknown { what: "verdict", value: 4 };
        assert_eq!(EntryEnd::decode(&bytes), Err(error));
        (bytes[8], bytes[9]) = (0, 2);
        assert!(matches!(EntryEnd::decode(&bytes), Err(Error::Invalid { .. })));
        (bytes[7], bytes[9]) = (0x80, 0);
        assert!(matches!(EntryEnd::decode(&bytes), Err(Error::Limit { .. })));
    }
}

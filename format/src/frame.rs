//! A frame: a fixed prefix, a body and a payload, each with its own CRC-32C. SPEC 3.
//!
//! The prefix can be trusted before the body is read, and the body before the payload.
//! Every frame begins with the same magic, so that a scanner finds the next one after damage.

use crate::error::{Error, Result};
use crate::limits;

/// The first 8 bytes of the SHA-256 of `mover frame`.
pub const MAGIC: [u8; 8] = [0x19, 0xd1, 0x1f, 0xa5, 0xcb, 0xf2, 0xa3, 0x82];

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum FrameKind {
    /// Names a volume; the first frame of each.
    VolumeLabel = 1,
    /// Closes a volume.
    VolumeFooter = 2,
    /// Says who can read what is written from here on.
    KeyGroup = 3,
    /// Carries a component, unencoded.
    Component = 4,
    /// Opens a session.
    SessionHeader = 5,
    /// Closes a session, and repeats its header.
    SessionFooter = 6,
    /// Opens an archive.
    ArchiveHeader = 7,
    /// Closes an archive and makes it visible.
    ArchiveFooter = 8,
    /// Says that an archive is dropped.
    ArchiveDrop = 9,
    /// Gives the context of a run of chunks.
    RunHeader = 10,
    /// Closes a run and lists its chunks.
    RunFooter = 11,
    /// A chunk's numbers and lengths; its payload is the encoded chunk.
    ChunkHeader = 12,
    /// Closes a chunk; its payload is the block table and the needs.
    ChunkFooter = 13,
    /// Fills a tape record, so that what is in front of it can be made durable.
    Padding = 14,
}

impl FrameKind {
    fn decode(value: u16) -> Result<FrameKind> {
        use FrameKind::*;
        const ALL: [FrameKind; 14] = [
            VolumeLabel,
            VolumeFooter,
            KeyGroup,
            Component,
            SessionHeader,
            SessionFooter,
            ArchiveHeader,
            ArchiveFooter,
            ArchiveDrop,
            RunHeader,
            RunFooter,
            ChunkHeader,
            ChunkFooter,
            Padding,
        ];
        ALL.into_iter()
            .find(|kind| *kind as u16 == value)
            .ok_or(Error::Unknown { what: "frame kind", value: value.into() })
    }
}

/// The fixed part in front of every frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// What the frame holds.
    pub kind: FrameKind,
    /// Bytes of the body, right after the prefix.
    pub body_length: u32,
    /// Bytes of the payload, right after the body.
    pub payload_length: u32,
    /// CRC-32C of the body.
    pub body_crc: u32,
    /// CRC-32C of the payload.
    pub payload_crc: u32,
}

// Offsets chain, so that a new field cannot silently overlap an old one. SPEC 3.1.
const VERSION: usize = MAGIC.len();
const KIND: usize = VERSION + 2;
const BODY_LENGTH: usize = KIND + 2;
const PAYLOAD_LENGTH: usize = BODY_LENGTH + 4;
const BODY_CRC: usize = PAYLOAD_LENGTH + 4;
const PAYLOAD_CRC: usize = BODY_CRC + 4;
const PREFIX_CRC: usize = PAYLOAD_CRC + 4;
const _: () = assert!(PREFIX_CRC + 4 == Prefix::LEN);

impl Prefix {
    /// Bytes on the medium.
    pub const LEN: usize = 32;

    /// The prefix for a body and a payload.
    ///
    /// Panics where one of them passes its limit: no reader would take such a frame.
    pub fn new(kind: FrameKind, body: &[u8], payload: &[u8]) -> Prefix {
        let length = |bytes: &[u8], limit: u32| {
            let length = u32::try_from(bytes.len()).ok().filter(|length| *length <= limit);
            length.expect("a frame's body and payload are bounded by limits")
        };
        Prefix {
            kind,
            body_length: length(body, limits::FRAME_BODY_LENGTH_MAX),
            payload_length: length(payload, limits::FRAME_PAYLOAD_LENGTH_MAX),
            body_crc: crc32c::crc32c(body),
            payload_crc: crc32c::crc32c(payload),
        }
    }

    /// The prefix as bytes.
    pub fn encode(&self) -> [u8; Prefix::LEN] {
        let mut bytes = [0; Prefix::LEN];
        bytes[..VERSION].copy_from_slice(&MAGIC);
        bytes[VERSION..KIND].copy_from_slice(&crate::VERSION.to_le_bytes());
        bytes[KIND..BODY_LENGTH].copy_from_slice(&(self.kind as u16).to_le_bytes());
        bytes[BODY_LENGTH..PAYLOAD_LENGTH].copy_from_slice(&self.body_length.to_le_bytes());
        bytes[PAYLOAD_LENGTH..BODY_CRC].copy_from_slice(&self.payload_length.to_le_bytes());
        bytes[BODY_CRC..PAYLOAD_CRC].copy_from_slice(&self.body_crc.to_le_bytes());
        bytes[PAYLOAD_CRC..PREFIX_CRC].copy_from_slice(&self.payload_crc.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..PREFIX_CRC]);
        bytes[PREFIX_CRC..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads a prefix from the front of `bytes`.
    ///
    /// The checksum is looked at before the version, so that damage is not taken for the future;
    /// the version before the kind, so that the future is not taken for damage.
    pub fn decode(bytes: &[u8]) -> Result<Prefix> {
        let what = "frame prefix";
        if bytes.len() < Prefix::LEN {
            return Err(Error::Truncated { what, needed: Prefix::LEN, have: bytes.len() });
        }
        if bytes[..VERSION] != MAGIC {
            return Err(Error::Invalid { what, rule: "a frame begins with the magic" });
        }
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let (stored, computed) = (u32_at(PREFIX_CRC), crc32c::crc32c(&bytes[..PREFIX_CRC]));
        if stored != computed {
            return Err(Error::Checksum { what, stored, computed });
        }
        let version = u16_at(VERSION);
        // Version 0 was a draft, and nothing was promised for what it wrote.
        if version > crate::VERSION || version == 0 {
            return Err(Error::Version { found: version });
        }
        let prefix = Prefix {
            kind: FrameKind::decode(u16_at(KIND))?,
            body_length: u32_at(BODY_LENGTH),
            payload_length: u32_at(PAYLOAD_LENGTH),
            body_crc: u32_at(BODY_CRC),
            payload_crc: u32_at(PAYLOAD_CRC),
        };
        let limit = |what, found: u32, limit: u32| match found > limit {
            true => Err(Error::Limit { what, limit: limit.into(), found: found.into() }),
            false => Ok(()),
        };
        limit("frame body", prefix.body_length, limits::FRAME_BODY_LENGTH_MAX)?;
        limit("frame payload", prefix.payload_length, limits::FRAME_PAYLOAD_LENGTH_MAX)?;
        Ok(prefix)
    }

    /// Bytes of the whole frame.
    pub fn frame_length(&self) -> u64 {
        Prefix::LEN as u64 + u64::from(self.body_length) + u64::from(self.payload_length)
    }

    /// Checks the body's bytes.
    pub fn check_body(&self, body: &[u8]) -> Result<()> {
        check("frame body", self.body_length, self.body_crc, body)
    }

    /// Checks the payload's bytes.
    pub fn check_payload(&self, payload: &[u8]) -> Result<()> {
        check("frame payload", self.payload_length, self.payload_crc, payload)
    }
}

fn check(what: &'static str, length: u32, stored: u32, bytes: &[u8]) -> Result<()> {
    if bytes.len() > length as usize {
        return Err(Error::Invalid { what, rule: "it has the length that the prefix says" });
    }
    if bytes.len() < length as usize {
        return Err(Error::Truncated { what, needed: length as usize, have: bytes.len() });
    }
    match crc32c::crc32c(bytes) {
        computed if computed == stored => Ok(()),
        computed => Err(Error::Checksum { what, stored, computed }),
    }
}

/// A whole frame, borrowed from the bytes that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its prefix.
    pub prefix: Prefix,
    /// Its checked body.
    pub body: &'a [u8],
    /// Its checked payload.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Appends a frame.
    pub fn encode(kind: FrameKind, body: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&Prefix::new(kind, body, payload).encode());
        out.extend_from_slice(body);
        out.extend_from_slice(payload);
    }

    /// Reads a frame from the front of `bytes`, and what follows it.
    pub fn decode(bytes: &'a [u8]) -> Result<(Frame<'a>, &'a [u8])> {
        let prefix = Prefix::decode(bytes)?;
        let length = usize::try_from(prefix.frame_length()).expect("bounded by limits");
        if bytes.len() < length {
            return Err(Error::Truncated { what: "frame", needed: length, have: bytes.len() });
        }
        let (frame, rest) = bytes.split_at(length);
        let (body, payload) = frame[Prefix::LEN..].split_at(prefix.body_length as usize);
        prefix.check_body(body)?;
        prefix.check_payload(payload)?;
        Ok((Frame { prefix, body, payload }, rest))
    }
}

/// Where the next frame may begin, at or after the front of `bytes`.
///
/// Where only the first bytes of a magic are left at the end, their position is given:
/// more bytes may make it whole.
pub fn find_magic(bytes: &[u8]) -> Option<usize> {
    (0..bytes.len()).find(|at| {
        let rest = &bytes[*at..];
        let length = rest.len().min(MAGIC.len());
        rest[..length] == MAGIC[..length]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame with one field changed, and its prefix's checksum right again.
    fn changed(at: usize, value: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Frame::encode(FrameKind::VolumeFooter, b"body", b"payload", &mut bytes);
        bytes[at..at + value.len()].copy_from_slice(value);
        let crc = crc32c::crc32c(&bytes[..PREFIX_CRC]).to_le_bytes();
        bytes[PREFIX_CRC..Prefix::LEN].copy_from_slice(&crc);
        bytes
    }

    #[test]
    fn each_check_has_its_error() {
        let check = |at: usize, value: &[u8], expected: fn(&Error) -> bool| {
            let error = Frame::decode(&changed(at, value)).expect_err("it was changed");
            assert!(expected(&error), "{error}");
        };
        check(0, b"x", |error| matches!(error, Error::Invalid { .. }));
        check(VERSION, &[2, 0], |error| matches!(error, Error::Version { found: 2 }));
        check(VERSION, &[0, 0], |error| matches!(error, Error::Version { found: 0 }));
        check(KIND, &[0, 0], |error| matches!(error, Error::Unknown { value: 0, .. }));
        check(KIND, &[15, 0], |error| matches!(error, Error::Unknown { value: 15, .. }));
        check(BODY_LENGTH, &[1, 0, 0, 1], |error| {
            matches!(error, Error::Limit { what: "frame body", .. })
        });
        check(PAYLOAD_LENGTH, &[1, 0, 0, 4], |error| {
            matches!(error, Error::Limit { what: "frame payload", .. })
        });
        check(BODY_LENGTH, &[5], |error| matches!(error, Error::Truncated { what: "frame", .. }));
        check(BODY_CRC, &[0; 4], |error| {
            matches!(error, Error::Checksum { what: "frame body", .. })
        });
        check(PAYLOAD_CRC, &[0; 4], |error| {
            matches!(error, Error::Checksum { what: "frame payload", .. })
        });
    }

    #[test]
    fn damage_is_not_taken_for_the_future() {
        let mut bytes = changed(0, b"");
        bytes[VERSION] = 9;
        let error = Prefix::decode(&bytes).expect_err("it was damaged");
        assert!(matches!(error, Error::Checksum { what: "frame prefix", .. }));
    }

    #[test]
    fn a_body_of_another_length_is_refused_either_way() {
        let prefix = Prefix::new(FrameKind::Component, b"body", b"");
        assert_eq!(prefix.check_body(b"body"), Ok(()));
        assert!(matches!(prefix.check_body(b"bod"), Err(Error::Truncated { .. })));
        assert!(matches!(prefix.check_body(b"bodyx"), Err(Error::Invalid { .. })));
        assert!(matches!(prefix.check_payload(b"x"), Err(Error::Invalid { .. })));
    }

    #[test]
    fn a_frame_past_the_limits_is_not_written() {
        let body = vec![0; limits::FRAME_BODY_LENGTH_MAX as usize + 1];
        let written = std::panic::catch_unwind(|| Prefix::new(FrameKind::RunFooter, &body, &[]));
        assert!(written.is_err());
    }

    #[test]
    fn a_prefix_at_the_limits_is_read_with_nothing_behind_it() {
        let (body_length, payload_length) =
            (limits::FRAME_BODY_LENGTH_MAX, limits::FRAME_PAYLOAD_LENGTH_MAX);
        let kind = FrameKind::Component;
        let prefix = Prefix { kind, body_length, payload_length, body_crc: 1, payload_crc: 2 };
        assert_eq!(Prefix::decode(&prefix.encode()), Ok(prefix));
    }

    #[test]
    fn a_magic_is_found_where_it_may_begin() {
        let magic = &MAGIC[..];
        let check = |parts: &[&[u8]], expected| assert_eq!(find_magic(&parts.concat()), expected);
        check(&[], None);
        check(&[b"none"], None);
        check(&[magic], Some(0));
        check(&[b"ab", magic, b"cd"], Some(2));
        check(&[&magic[..3], magic], Some(3));
        check(&[b"ab", &magic[..5]], Some(2));
        check(&[&magic[..5], b"ab"], None);
    }
}

//! Identities: random ones of 16 bytes, digests of 32, and a chunk's address inside its archive.

use std::fmt;

use crate::error::Result;
use crate::limits;
use crate::wire::{Put, Take};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $length]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

id!(
    /// A store: a set of volumes with one catalog.
    StoreId,
    16
);
id!(
    /// One run of a job.
    SessionId,
    16
);
id!(
    /// One archive.
    ArchiveId,
    16
);
id!(
    /// One key group: the people and machines that can read what was written under it.
    GroupId,
    16
);
id!(
    /// An unkeyed BLAKE3-256, of a component or of a configuration.
    Digest,
    32
);
id!(
    /// The keyed BLAKE3-256 of a block's plain bytes; the key belongs to the dedupe domain.
    BlockIdentity,
    32
);

/// Which of an archive's parallel parts a chunk belongs to; each is numbered from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamNumber(pub u32);

impl StreamNumber {
    /// The stream of an archive's own index.
    pub const INDEX: StreamNumber = StreamNumber(u32::MAX);
}

/// A chunk's address: unique for ever, and the same wherever the chunk is copied to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ChunkId {
    /// The archive that the chunk was written for.
    pub archive: ArchiveId,
    /// The stream inside the archive.
    pub stream: StreamNumber,
    /// The chunk's number inside the stream.
    pub number: u64,
}

impl ChunkId {
    /// Bytes on the medium.
    pub const LEN: usize = 28;

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        assert!(self.number <= limits::CHUNK_NUMBER_MAX, "chunk numbers are bounded by limits");
        out.put_raw(&self.archive.0);
        out.put_u32(self.stream.0);
        out.put_u64(self.number);
    }

    pub(crate) fn decode(take: &mut Take<'_>) -> Result<ChunkId> {
        Ok(ChunkId {
            archive: ArchiveId(take.array()?),
            stream: StreamNumber(take.u32()?),
            number: take.u64_at_most(limits::CHUNK_NUMBER_MAX)?,
        })
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let archive = &self.archive.to_string()[..8];
        if self.stream == StreamNumber::INDEX {
            write!(f, "index chunk {} of archive {archive}", self.number)
        } else {
            write!(f, "chunk {}.{} of archive {archive}", self.stream.0, self.number)
        }
    }
}

/// A moment: seconds and nanoseconds since 1970-01-01 00:00 UTC; seconds may be negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp {
    /// Whole seconds, rounded down.
    pub seconds: i64,
    /// The rest, below 1,000,000,000.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// More nanoseconds than a second has, as some file systems give them, become the most that
    /// it has: such a file must not make an archive that nobody can read.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_i64(self.seconds);
        out.put_u32(self.nanoseconds.min(limits::NANOSECONDS_MAX));
    }

    pub(crate) fn decode(take: &mut Take<'_>) -> Result<Timestamp> {
        let seconds = take.i64()?;
        Ok(Timestamp { seconds, nanoseconds: take.u32_at_most(limits::NANOSECONDS_MAX)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn ids_are_shown_in_hexadecimal() {
        let archive = ArchiveId([0xab; 16]);
        assert_eq!(archive.to_string(), "ab".repeat(16));
        assert_eq!(format!("{archive:?}"), format!("ArchiveId({})", "ab".repeat(16)));
        let chunk = ChunkId { archive, stream: StreamNumber(2), number: 17 };
        assert_eq!(chunk.to_string(), "chunk 2.17 of archive abababab");
        let chunk = ChunkId { stream: StreamNumber::INDEX, ..chunk };
        assert_eq!(chunk.to_string(), "index chunk 17 of archive abababab");
    }

    #[test]
    fn a_chunk_number_is_bounded() {
        let chunk = ChunkId { number: limits::CHUNK_NUMBER_MAX, ..ChunkId::default() };
        let mut bytes = Vec::new();
        chunk.encode(&mut bytes);
        assert_eq!(bytes.len(), ChunkId::LEN);
        assert_eq!(ChunkId::decode(&mut Take::new("chunk", &bytes)), Ok(chunk));
        bytes[27] = 0x40;
        let found = ChunkId::decode(&mut Take::new("chunk", &bytes));
        assert!(matches!(found, Err(Error::Limit { .. })));
    }

    #[test]
    fn nanoseconds_stay_below_a_second() {
        let mut bytes = Vec::new();
        Timestamp { seconds: -1, nanoseconds: u32::MAX }.encode(&mut bytes);
        let decode = |bytes: &[u8]| Timestamp::decode(&mut Take::new("time", bytes));
        let clamped = Timestamp { seconds: -1, nanoseconds: limits::NANOSECONDS_MAX };
        assert_eq!(decode(&bytes), Ok(clamped));
        bytes[8..].copy_from_slice(&1_000_000_000_u32.to_le_bytes());
        let limit = limits::NANOSECONDS_MAX.into();
        let over = Error::Limit { what: "time", limit, found: 1_000_000_000 };
        assert_eq!(decode(&bytes), Err(over));
    }
}

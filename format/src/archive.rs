//! Archive header, footer and drop record. SPEC 4.5.

use crate::error::{Error, Result};
use crate::id::{ArchiveId, ChunkId, SessionId, StreamNumber, Timestamp};
use crate::limits;
use crate::wire::{Put, Take};

/// How much context stands around the chunks of an archive. SPEC 5.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Framing {
    /// The context stands in every chunk header.
    Each = 1,
    /// The context stands once, in a run header; a run footer lists the chunks.
    Run = 2,
    /// The context stands in every chunk header and again in every chunk footer.
    Both = 3,
}

/// Opens an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveHeader {
    /// Its identity.
    pub archive: ArchiveId,
    /// The session that begins or continues it here.
    pub session: SessionId,
    /// The name that the operator gave it. In the clear: SPEC 10.
    pub name: String,
    /// A keyed digest of what is archived, the same for every archive of one source; or zeros.
    pub source: [u8; 32],
    /// When it began.
    pub started: Timestamp,
    /// The archive of the same source that this one was compared with; zeros where there is none.
    pub parent: ArchiveId,
    /// How its chunks are framed.
    pub framing: Framing,
}

impl ArchiveHeader {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_raw(&self.archive.0);
        out.put_raw(&self.session.0);
        out.put_bytes(self.name.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_raw(&self.source);
        self.started.encode(out);
        out.put_raw(&self.parent.0);
        out.put_u8(self.framing as u8);
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<ArchiveHeader> {
        let mut take = Take::new("archive header", body);
        let header = ArchiveHeader {
            archive: ArchiveId(take.array()?),
            session: SessionId(take.array()?),
            name: take.text(limits::NAME_LENGTH_MAX)?,
            source: take.array()?,
            started: Timestamp::decode(&mut take)?,
            parent: ArchiveId(take.array()?),
            framing: match take.u8()? {
                1 => Framing::Each,
                2 => Framing::Run,
                3 => Framing::Both,
                value => return Err(Error::Unknown { what: "framing", value: value.into() }),
            },
        };
        take.end()?;
        Ok(header)
    }
}

/// Chunks of one stream with neighbouring numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkRange {
    /// The archive that they were written for.
    pub archive: ArchiveId,
    /// The stream.
    pub stream: StreamNumber,
    /// The first number.
    pub first: u64,
    /// How many, at least one.
    ///
    /// Never a promise: a footer is not authenticated, so look for the chunks that are there
    /// instead of counting up to it.
    pub count: u64,
}

impl ChunkRange {
    fn is_sound(&self) -> bool {
        // The end is one past a number, so that it may pass the highest number by one.
        let end = self.first.checked_add(self.count);
        self.count > 0 && end.is_some_and(|end| end <= limits::CHUNK_NUMBER_MAX + 1)
    }

    /// Both are sound.
    fn is_before(&self, next: &ChunkRange) -> bool {
        let stream = |range: &ChunkRange| (range.archive, range.stream);
        stream(self) < stream(next)
            || (stream(self) == stream(next) && self.first + self.count <= next.first)
    }
}

/// A data block that must not be referred to: its entry was held or stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Withheld {
    /// The chunk that it lies in.
    pub chunk: ChunkId,
    /// Its ordinal among the chunk's data blocks.
    pub ordinal: u32,
}

/// Closes an archive and makes it visible. The lists are the frame's payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveFooter {
    /// Its identity.
    pub archive: ArchiveId,
    /// The session that closed it.
    pub session: SessionId,
    /// When it was closed.
    pub finished: Timestamp,
    /// Entries that can be seen.
    pub entry_count: u64,
    /// Their content, holes included, in bytes.
    pub content_length: u64,
    /// Entries that were read with faults.
    pub fault_count: u64,
    /// Chunks of the index stream that hold pages, numbered from 0.
    pub index_page_count: u64,
    /// Chunks of the index stream behind the pages that hold the root.
    pub index_root_count: u64,
    /// Every chunk that a restore needs, its own and others', ascending.
    pub needs: Vec<ChunkRange>,
    /// Blocks that must not be referred to, ascending.
    pub withheld: Vec<Withheld>,
}

/// What a payload has room for is the only bound of its lists.
const LIST_COUNT_MAX: usize = limits::FRAME_PAYLOAD_LENGTH_MAX as usize;
const RANGE_LEN: usize = 36;
const WITHHELD_LEN: usize = ChunkId::LEN + 4;

impl ArchiveFooter {
    /// Appends the frame's body and payload.
    pub fn encode(&self, body: &mut Vec<u8>, payload: &mut Vec<u8>) {
        body.put_raw(&self.archive.0);
        body.put_raw(&self.session.0);
        self.finished.encode(body);
        body.put_u64(self.entry_count);
        body.put_u64(self.content_length);
        body.put_u64(self.fault_count);
        body.put_u64(self.index_page_count);
        body.put_u64(self.index_root_count);
        payload.put_count(self.needs.len(), LIST_COUNT_MAX);
        for range in &self.needs {
            payload.put_raw(&range.archive.0);
            payload.put_u32(range.stream.0);
            payload.put_u64(range.first);
            payload.put_u64(range.count);
        }
        payload.put_count(self.withheld.len(), LIST_COUNT_MAX);
        for withheld in &self.withheld {
            withheld.chunk.encode(payload);
            payload.put_u32(withheld.ordinal);
        }
    }

    /// Reads a frame's body and payload.
    pub fn decode(body: &[u8], payload: &[u8]) -> Result<ArchiveFooter> {
        let mut take = Take::new("archive footer", body);
        let mut footer = ArchiveFooter {
            archive: ArchiveId(take.array()?),
            session: SessionId(take.array()?),
            finished: Timestamp::decode(&mut take)?,
            entry_count: take.u64()?,
            content_length: take.u64()?,
            fault_count: take.u64()?,
            index_page_count: take.u64()?,
            index_root_count: take.u64()?,
            ..ArchiveFooter::default()
        };
        take.end()?;
        let mut take = Take::new("archive footer", payload);
        let count = take.count(LIST_COUNT_MAX, RANGE_LEN)?;
        footer.needs.reserve_exact(count);
        for _ in 0..count {
            let range = ChunkRange {
                archive: ArchiveId(take.array()?),
                stream: StreamNumber(take.u32()?),
                first: take.u64()?,
                count: take.u64()?,
            };
            if !range.is_sound() {
                return Err(take.invalid("a range holds at least one chunk and ends in bounds"));
            }
            if footer.needs.last().is_some_and(|last| !last.is_before(&range)) {
                return Err(take.invalid("ranges ascend and do not overlap"));
            }
            footer.needs.push(range);
        }
        let count = take.count(LIST_COUNT_MAX, WITHHELD_LEN)?;
        footer.withheld.reserve_exact(count);
        for _ in 0..count {
            let chunk = ChunkId::decode(&mut take)?;
            let withheld = Withheld { chunk, ordinal: take.u32()? };
            if footer.withheld.last().is_some_and(|last| *last >= withheld) {
                return Err(take.invalid("withheld blocks ascend"));
            }
            footer.withheld.push(withheld);
        }
        take.end()?;
        Ok(footer)
    }
}

/// Says that an archive is dropped: it is no longer shown, and prune may reclaim its chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveDrop {
    /// The archive.
    pub archive: ArchiveId,
    /// When it was dropped.
    pub dropped: Timestamp,
}

impl ArchiveDrop {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_raw(&self.archive.0);
        self.dropped.encode(out);
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<ArchiveDrop> {
        let mut take = Take::new("drop record", body);
        let archive = ArchiveId(take.array()?);
        let dropped = Timestamp::decode(&mut take)?;
        take.end()?;
        Ok(ArchiveDrop { archive, dropped })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framings_are_known() {
        let header = ArchiveHeader {
            archive: ArchiveId([1; 16]),
            session: SessionId([2; 16]),
            name: "n".to_owned(),
            source: [0; 32],
            started: Timestamp::default(),
            parent: ArchiveId::default(),
            framing: Framing::Both,
        };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        assert_eq!(ArchiveHeader::decode(&bytes), Ok(header));
        *bytes.last_mut().expect("not empty") = 4;
        let error = Error::Unknown { what: "framing", value: 4 };
        assert_eq!(ArchiveHeader::decode(&bytes), Err(error));
    }

    fn again(needs: &[(u32, u64, u64)], withheld: &[u32]) -> Result<ArchiveFooter> {
        let archive = ArchiveId::default();
        let range = |(stream, first, count): &(u32, u64, u64)| ChunkRange {
            archive,
            stream: StreamNumber(*stream),
            first: *first,
            count: *count,
        };
        let withheld_block =
            |ordinal: &u32| Withheld { chunk: ChunkId::default(), ordinal: *ordinal };
        let footer = ArchiveFooter {
            needs: needs.iter().map(range).collect(),
            withheld: withheld.iter().map(withheld_block).collect(),
            ..ArchiveFooter::default()
        };
        let (mut body, mut payload) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut payload);
        let read = ArchiveFooter::decode(&body, &payload)?;
        assert_eq!(read, footer);
        Ok(read)
    }

    #[test]
    fn lists_ascend_and_ranges_are_sound() {
        let end = limits::CHUNK_NUMBER_MAX + 1;
        for sound in [&[(0, 0, 1), (0, 1, 2), (1, 0, end)][..], &[(0, end - 1, 1)]] {
            assert!(again(sound, &[3, 4]).is_ok());
        }
        let wrong: [&[(u32, u64, u64)]; 7] = [
            &[(0, 0, 0)],
            &[(0, 1, end)],
            &[(0, u64::MAX, 2)],
            &[(0, 1, u64::MAX)],
            &[(0, 0, 2), (0, 1, 1)],
            &[(0, 1, 1), (0, 0, 1)],
            &[(1, 0, 1), (0, 0, 1)],
        ];
        for wrong in wrong {
            assert!(matches!(again(wrong, &[]), Err(Error::Invalid { .. })), "{wrong:?}");
        }
        for wrong in [[3, 3], [4, 3]] {
            assert!(matches!(again(&[], &wrong), Err(Error::Invalid { .. })));
        }
    }

    #[test]
    fn lying_counts_of_needs_and_of_withheld_blocks_are_refused() {
        let (mut body, mut payload) = (Vec::new(), Vec::new());
        ArchiveFooter::default().encode(&mut body, &mut payload);
        for (at, expected) in [(0, 36_000_000), (4, 32_000_000)] {
            let mut payload = payload.clone();
            payload[at..at + 4].copy_from_slice(&1_000_000_u32.to_le_bytes());
            let error = ArchiveFooter::decode(&body, &payload);
            assert!(matches!(error, Err(Error::Truncated { needed, .. }) if needed == expected));
        }
    }
}

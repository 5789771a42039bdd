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
        out.put_bytes(self.name.as_bytes());
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
    /// How many.
    pub count: u64,
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
        payload.put_u32(u32::try_from(self.needs.len()).expect("bounded by limits"));
        for range in &self.needs {
            payload.put_raw(&range.archive.0);
            payload.put_u32(range.stream.0);
            payload.put_u64(range.first);
            payload.put_u64(range.count);
        }
        payload.put_u32(u32::try_from(self.withheld.len()).expect("bounded by limits"));
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
        let count = take.count(limits::FRAME_PAYLOAD_LENGTH_MAX as usize, RANGE_LEN)?;
        for _ in 0..count {
            footer.needs.push(ChunkRange {
                archive: ArchiveId(take.array()?),
                stream: StreamNumber(take.u32()?),
                first: take.u64()?,
                count: take.u64()?,
            });
        }
        let count = take.count(limits::FRAME_PAYLOAD_LENGTH_MAX as usize, WITHHELD_LEN)?;
        for _ in 0..count {
            let chunk = ChunkId::decode(&mut take)?;
            footer.withheld.push(Withheld { chunk, ordinal: take.u32()? });
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

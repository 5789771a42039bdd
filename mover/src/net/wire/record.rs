//! Records of a store as they are sent. Headers and footers go as their bodies of SPEC.

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, ChunkId, ChunkKind, SessionHeader, SessionId,
    SessionStatus, StreamNumber, Timestamp,
};
use serde::{Deserialize, Serialize};

use super::ChunkKey;
use crate::error::{Error, ErrorKind, Result};
use crate::store::MediumKind;
use crate::store::{
    ArchiveRecord, ChunkPlace, Fault, FaultKind, SessionRecord, StreamEnd, VolumeRecord,
};

/// A chunk's address, to be sent.
pub fn chunk_key(chunk: &ChunkId) -> ChunkKey {
    (chunk.archive.0, chunk.stream.0, chunk.number)
}

/// A chunk's address, as it was sent.
pub fn chunk_id((archive, stream, number): &ChunkKey) -> ChunkId {
    ChunkId { archive: ArchiveId(*archive), stream: StreamNumber(*stream), number: *number }
}

fn garbled(cause: format::Error) -> Error {
    Error::new(ErrorKind::Damaged, "the peer sent a record that cannot be read").because(cause)
}

/// An archive; its footer's lists come behind the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveInfo {
    header: Vec<u8>,
    header_lost: bool,
    footer: Option<(Vec<u8>, u32)>,
    dropped: Option<(i64, u32)>,
    sessions: Vec<[u8; 16]>,
    stored_length: u64,
    chunk_count: u64,
}

impl ArchiveInfo {
    /// To be sent; appends the footer's lists to `lists`.
    pub fn new(record: &ArchiveRecord, lists: &mut Vec<u8>) -> ArchiveInfo {
        let mut header = Vec::new();
        record.header.encode(&mut header);
        let footer = record.footer.as_ref().map(|footer| {
            let (mut body, mut payload) = (Vec::new(), Vec::new());
            footer.encode(&mut body, &mut payload);
            lists.extend_from_slice(&payload);
            (body, u32::try_from(payload.len()).expect("bounded by the limits of frames"))
        });
        ArchiveInfo {
            header,
            header_lost: record.header_lost,
            footer,
            dropped: record.dropped.map(|time| (time.seconds, time.nanoseconds)),
            sessions: record.sessions.iter().map(|session| session.0).collect(),
            stored_length: record.stored_length,
            chunk_count: record.chunk_count,
        }
    }

    /// As it was sent; takes the footer's lists from the beginning of `lists`.
    pub fn record(self, lists: &mut &[u8]) -> Result<ArchiveRecord> {
        let footer = match self.footer {
            Some((body, length)) => {
                let (own, rest) = lists.split_at_checked(length as usize).ok_or_else(|| {
                    Error::new(ErrorKind::Damaged, "the peer sent an archive without its lists")
                })?;
                *lists = rest;
                Some(ArchiveFooter::decode(&body, own).map_err(garbled)?)
            }
            None => None,
        };
        Ok(ArchiveRecord {
            header: ArchiveHeader::decode(&self.header).map_err(garbled)?,
            header_lost: self.header_lost,
            footer,
            dropped: self.dropped.map(|(seconds, nanoseconds)| Timestamp { seconds, nanoseconds }),
            sessions: self.sessions.into_iter().map(SessionId).collect(),
            stored_length: self.stored_length,
            chunk_count: self.chunk_count,
        })
    }
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionInfo {
    header: Vec<u8>,
    ended: Option<(i64, u32, u8)>,
}

impl SessionInfo {
    /// To be sent.
    pub fn new(record: &SessionRecord) -> SessionInfo {
        let mut header = Vec::new();
        record.header.encode(&mut header);
        let status = |status| match status {
            SessionStatus::Complete => 0,
            SessionStatus::CompleteWithFaults => 1,
            SessionStatus::Failed => 2,
        };
        let ended = record.ended.as_ref();
        let ended = ended.map(|(time, end)| (time.seconds, time.nanoseconds, status(*end)));
        SessionInfo { header, ended }
    }

    /// As it was sent.
    pub fn record(self) -> Result<SessionRecord> {
        let ended = self.ended.map(|(seconds, nanoseconds, status)| {
            let status = match status {
                0 => SessionStatus::Complete,
                1 => SessionStatus::CompleteWithFaults,
                _ => SessionStatus::Failed,
            };
            (Timestamp { seconds, nanoseconds }, status)
        });
        Ok(SessionRecord { header: SessionHeader::decode(&self.header).map_err(garbled)?, ended })
    }
}

/// A chunk's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceInfo {
    chunk: ChunkKey,
    kind: u8,
    session: [u8; 16],
    volume: u32,
    offset: u64,
    length: u64,
    footer_length: u64,
}

impl PlaceInfo {
    /// To be sent.
    pub fn new(place: &ChunkPlace) -> PlaceInfo {
        PlaceInfo {
            chunk: chunk_key(&place.chunk),
            kind: place.kind as u8,
            session: place.session.0,
            volume: place.volume,
            offset: place.offset,
            length: place.length,
            footer_length: place.footer_length,
        }
    }

    /// As it was sent.
    pub fn place(&self) -> ChunkPlace {
        ChunkPlace {
            chunk: chunk_id(&self.chunk),
            kind: match self.kind {
                2 => ChunkKind::IndexPage,
                3 => ChunkKind::IndexRoot,
                _ => ChunkKind::Data,
            },
            session: SessionId(self.session),
            volume: self.volume,
            offset: self.offset,
            length: self.length,
            footer_length: self.footer_length,
        }
    }
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeInfo {
    number: u32,
    pool: String,
    kind: u8,
    file: String,
    label: String,
    length: u64,
    indexed_length: u64,
    closed: bool,
    chunk_count: u64,
    drive_count: u16,
}

impl VolumeInfo {
    /// To be sent.
    pub fn new(record: VolumeRecord) -> VolumeInfo {
        let VolumeRecord { number, pool, kind, file, label, .. } = record;
        let VolumeRecord { length, indexed_length, closed, chunk_count, drive_count, .. } = record;
        let kind = KINDS.iter().position(|known| *known == kind);
        let kind = u8::try_from(kind.unwrap_or(0)).expect("there are few");
        VolumeInfo {
            number,
            pool,
            kind,
            file,
            label,
            length,
            indexed_length,
            closed,
            chunk_count,
            drive_count,
        }
    }

    /// As it was sent.
    pub fn record(self) -> VolumeRecord {
        let VolumeInfo { number, pool, kind, file, label, .. } = self;
        let VolumeInfo { length, indexed_length, closed, chunk_count, drive_count, .. } = self;
        let kind = KINDS.get(usize::from(kind)).copied().unwrap_or(MediumKind::Disk);
        VolumeRecord {
            number,
            pool,
            kind,
            file,
            label,
            length,
            indexed_length,
            closed,
            chunk_count,
            drive_count,
        }
    }
}

/// By their numbers.
const KINDS: [MediumKind; 4] =
    [MediumKind::Disk, MediumKind::Tape, MediumKind::Optical, MediumKind::Object];

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultInfo {
    volume: u32,
    offset: u64,
    length: u64,
    kind: u8,
}

impl FaultInfo {
    /// To be sent.
    pub fn new(fault: &Fault) -> FaultInfo {
        let Fault { volume, offset, length, kind } = *fault;
        FaultInfo { volume, offset, length, kind: kind as u8 }
    }

    /// As it was sent.
    pub fn fault(&self) -> Fault {
        let kind = match self.kind {
            2 => FaultKind::Torn,
            3 => FaultKind::Cut,
            4 => FaultKind::Missing,
            5 => FaultKind::Unacknowledged,
            6 => FaultKind::Unreadable,
            _ => FaultKind::Damaged,
        };
        Fault { volume: self.volume, offset: self.offset, length: self.length, kind }
    }
}

/// Where a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndInfo {
    stream: u32,
    complete: u64,
    next: u64,
}

impl EndInfo {
    /// To be sent.
    pub fn new(end: &StreamEnd) -> EndInfo {
        EndInfo { stream: end.stream.0, complete: end.complete, next: end.next }
    }

    /// As it was sent.
    pub fn end(&self) -> StreamEnd {
        let stream = StreamNumber(self.stream);
        StreamEnd { stream, complete: self.complete, next: self.next }
    }
}

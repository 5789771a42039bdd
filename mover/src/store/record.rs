//! What a store answers.

use std::fmt;

use format::{
    ArchiveFooter, ArchiveHeader, ChunkHeader, ChunkId, ChunkKind, Context, ContextPlace, Frame,
    FrameKind, SessionHeader, SessionId, SessionStatus, StreamNumber, Timestamp,
};

use crate::error::{Error, ErrorKind, Result};
use crate::media::MediumKind;

/// An archive, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveRecord {
    /// The first of its headers: its session is the one that began it.
    pub header: ArchiveHeader,
    /// Every copy of the header is damaged; the one here is made up, and its name says so.
    pub header_lost: bool,
    /// None while it is unfinished.
    pub footer: Option<ArchiveFooter>,
    /// When it was dropped.
    pub dropped: Option<Timestamp>,
    /// The sessions that wrote to it, in order.
    pub sessions: Vec<SessionId>,
    /// Bytes of its own chunks on the volumes.
    pub stored_length: u64,
    /// Its own chunks.
    pub chunk_count: u64,
}

/// A session, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Its header.
    pub header: SessionHeader,
    /// When and how it ended; none where nothing says so.
    pub ended: Option<(Timestamp, SessionStatus)>,
}

/// Where a stream of an archive ends.
///
/// The two numbers differ only where a chunk was lost: go on before it with what is archived, but
/// under numbers from `next` on, since a number names the same bytes for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// The stream.
    pub stream: StreamNumber,
    /// All chunks with lower numbers are there.
    pub complete: u64,
    /// The first number that was never used.
    pub next: u64,
}

/// A chunk that was read; its checksums agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredChunk {
    /// Its header.
    pub header: ChunkHeader,
    /// Its context, wherever that stands.
    pub context: Context,
    /// Its encoded bytes.
    pub payload: Vec<u8>,
    /// Where it lies.
    pub place: ChunkPlace,
}

impl StoredChunk {
    /// All of it but its place as one frame, for whoever keeps or brings it elsewhere: its header has
    /// the context wherever that stood, so that nobody asks for it apart.
    pub(crate) fn into_frame(self) -> Vec<u8> {
        let header = ChunkHeader { context: ContextPlace::Here(self.context), ..self.header };
        let (mut body, mut frame) = (Vec::new(), Vec::new());
        header.encode(&mut body);
        Frame::encode(FrameKind::ChunkHeader, &body, &self.payload, &mut frame);
        frame
    }

    /// A chunk out of such a frame; `place` says where one with this header lies.
    pub(crate) fn from_frame(
        bytes: &[u8],
        place: impl FnOnce(&ChunkHeader) -> ChunkPlace,
    ) -> Result<StoredChunk> {
        let damaged = |cause| Error::new(ErrorKind::Damaged, "a chunk's frame").because(cause);
        let (frame, _) = Frame::decode(bytes).map_err(damaged)?;
        let header = ChunkHeader::decode(frame.body).map_err(damaged)?;
        let ContextPlace::Here(context) = header.context.clone() else {
            return Err(Error::new(ErrorKind::Damaged, "a chunk's frame without its context"));
        };
        let place = place(&header);
        Ok(StoredChunk { header, context, payload: frame.payload.to_vec(), place })
    }
}

/// Where a chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlace {
    /// The chunk.
    pub chunk: ChunkId,
    /// What its plain bytes are.
    pub kind: ChunkKind,
    /// The session whose table and epochs it uses.
    pub session: SessionId,
    /// The volume's number.
    pub volume: u32,
    /// Where its header frame begins.
    pub offset: u64,
    /// Bytes of the header frame, the payload included.
    pub length: u64,
    /// Bytes of the footer frame right behind; 0 where that is damaged.
    pub footer_length: u64,
}

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockPlace {
    /// The chunk.
    pub chunk: ChunkId,
    /// The block's ordinal among the chunk's data blocks.
    pub ordinal: u32,
    /// Its plain bytes.
    pub length: u32,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRecord {
    /// Its name.
    pub name: String,
    /// What its media are.
    pub kind: MediumKind,
}

/// A volume, as catalog and storage see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeRecord {
    /// Its number.
    pub number: u32,
    /// The name of its pool.
    pub pool: String,
    /// What it lies on.
    pub kind: MediumKind,
    /// Its file.
    pub file: String,
    /// What people call it: the path of its file, or its barcode.
    pub label: String,
    /// Bytes of the file now.
    pub length: u64,
    /// Bytes that the catalog knows.
    pub indexed_length: u64,
    /// Nothing is appended to it any more.
    pub closed: bool,
    /// Chunks on it.
    pub chunk_count: u64,
    /// Volumes of its pool that can be read at once without fetching another medium: the drives.
    pub drive_count: u16,
}

/// How bytes of a volume are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FaultKind {
    /// They are not what was written.
    Damaged = 1,
    /// The end of a volume that is not whole, with no catalog to say whether it ever was.
    Torn = 2,
    /// The file ends before them.
    Cut = 3,
    /// The file is not there.
    Missing = 4,
    /// A crash left them in between, and nobody was promised anything of them: no loss.
    Unacknowledged = 5,
    /// The medium refuses to give them: a bad sector.
    Unreadable = 6,
}

impl FaultKind {
    /// The bytes are not there at all, and may come back.
    pub(super) fn is_of_absence(self) -> bool {
        matches!(self, FaultKind::Cut | FaultKind::Missing)
    }
}

/// Bytes of a volume that are wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// The volume's number.
    pub volume: u32,
    /// Where they begin.
    pub offset: u64,
    /// How many.
    pub length: u64,
    /// How.
    pub kind: FaultKind,
}

impl Fault {
    /// Whether there is anything to be mended: what a crash leaves where no catalog can say so is
    /// nothing wrong.
    pub fn is_wrong(&self) -> bool {
        self.is_loss() && self.kind != FaultKind::Torn
    }

    /// Whether something that was acknowledged may be gone.
    pub fn is_loss(&self) -> bool {
        self.kind != FaultKind::Unacknowledged
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { offset, length, .. } = self;
        let file = crate::media::volume_file(self.volume);
        match self.kind {
            FaultKind::Damaged => write!(f, "{file}: {length} bytes at {offset:#x} are damaged"),
            FaultKind::Unreadable => {
                write!(f, "{file}: {length} bytes at {offset:#x} cannot be read from the medium")
            }
            FaultKind::Torn => write!(f, "{file}: {length} bytes at {offset:#x} are unfinished"),
            FaultKind::Cut => write!(f, "{file}: cut at {offset:#x}, {length} bytes are lost"),
            FaultKind::Unacknowledged => {
                write!(f, "{file}: {length} bytes at {offset:#x} were never acknowledged")
            }
            FaultKind::Missing => write!(f, "{file}: the file is missing, {length} bytes are lost"),
        }
    }
}

/// What is durable and indexed of what one writer appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Chunks: the appends with ordinals up to this one.
    pub chunks: u64,
    /// Bytes of frames.
    pub bytes: u64,
}

/// What a rebuild found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Volumes that were scanned.
    pub volumes: u64,
    /// Chunks on them.
    pub chunks: u64,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

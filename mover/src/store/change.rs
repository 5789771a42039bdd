//! What a frame means for the catalog.

use format::{
    ArchiveDrop, ArchiveFooter, ArchiveHeader, BlockEntry, Component, Digest, Frame, FrameKind,
    KeyGroup, RunFooter, RunHeader, SessionFooter, SessionHeader,
};

use super::record::ChunkPlace;

/// One frame's meaning; a chunk's two frames are one change.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Group(KeyGroup),
    Component { digest: Digest, volume: u32, offset: u64, length: u64 },
    Session(SessionHeader),
    SessionEnd(SessionFooter),
    Archive(ArchiveHeader),
    ArchiveEnd(ArchiveFooter),
    Drop(ArchiveDrop),
    Run(RunHeader),
    Chunk(ChunkPlace, Vec<BlockEntry>),
}

impl Change {
    /// Reads a frame other than those of chunks; none where it changes nothing.
    pub(super) fn decode(
        frame: &Frame<'_>,
        volume: u32,
        offset: u64,
    ) -> format::Result<Option<Change>> {
        Ok(Some(match frame.prefix.kind {
            FrameKind::KeyGroup => Change::Group(KeyGroup::decode(frame.body)?),
            FrameKind::Component => Change::Component {
                digest: Component::decode(frame.body)?.digest,
                volume,
                offset,
                length: frame.prefix.frame_length(),
            },
            FrameKind::SessionHeader => Change::Session(SessionHeader::decode(frame.body)?),
            FrameKind::SessionFooter => Change::SessionEnd(SessionFooter::decode(frame.body)?),
            FrameKind::ArchiveHeader => Change::Archive(ArchiveHeader::decode(frame.body)?),
            FrameKind::ArchiveFooter => {
                Change::ArchiveEnd(ArchiveFooter::decode(frame.body, frame.payload)?)
            }
            FrameKind::ArchiveDrop => Change::Drop(ArchiveDrop::decode(frame.body)?),
            FrameKind::RunHeader => Change::Run(RunHeader::decode(frame.body)?),
            // The header that a run's footer repeats is worth as much as the header itself.
            FrameKind::RunFooter => Change::Run(RunFooter::decode(frame.body)?.header),
            FrameKind::VolumeLabel
            | FrameKind::VolumeFooter
            | FrameKind::Padding
            | FrameKind::ChunkHeader
            | FrameKind::ChunkFooter => return Ok(None),
        }))
    }

    /// Says where the frame came to lie.
    pub(super) fn place(&mut self, to_volume: u32, at: u64) {
        match self {
            Change::Component { volume, offset, .. } => (*volume, *offset) = (to_volume, at),
            Change::Chunk(place, _) => (place.volume, place.offset) = (to_volume, at),
            _ => {}
        }
    }
}

//! A session that was begun and not ended: what each volume that it comes to has to repeat.

use std::collections::BTreeSet;

use format::{
    ArchiveHeader, ArchiveId, ChunkId, Component, Digest, FrameKind, Role, RunHeader, SessionHeader,
};

use super::piece::Piece;
use super::volume::{Introduced, OpenVolume};
use crate::Result;
use crate::store::change::Change;

pub(super) struct BegunSession {
    pub(super) header: SessionHeader,
    pub(super) body: Vec<u8>,
    pub(super) components: Vec<BegunComponent>,
    pub(super) archives: Vec<ArchiveHeader>,
    pub(super) runs: Vec<RunHeader>,
    /// The pools that it has written to.
    pub(super) pools: BTreeSet<usize>,
}

pub(super) struct BegunComponent {
    pub(super) component: Component,
    pub(super) bytes: Vec<u8>,
}

/// What the frames to come belong to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Subject<'a> {
    pub(super) archive: Option<ArchiveId>,
    /// The first chunk of a run that is open.
    pub(super) run: Option<ChunkId>,
    /// Places in the session's table of what they are decoded with.
    pub(super) chain: &'a [u16],
}

impl BegunSession {
    pub(super) fn new(header: &SessionHeader, components: &[(Component, &[u8])]) -> BegunSession {
        let mut body = Vec::new();
        header.encode(&mut body);
        let own = |(component, bytes): &(Component, &[u8])| BegunComponent {
            component: component.clone(),
            bytes: bytes.to_vec(),
        };
        BegunSession {
            header: header.clone(),
            body,
            components: components.iter().map(own).collect(),
            archives: Vec::new(),
            runs: Vec::new(),
            pools: BTreeSet::new(),
        }
    }

    pub(super) fn archive(&self, archive: &ArchiveId) -> Option<&ArchiveHeader> {
        self.archives.iter().find(|header| header.archive == *archive)
    }

    /// Refuses a session whose headers no reader would read.
    pub(super) fn check(&self) -> Result<()> {
        Piece::new(FrameKind::SessionHeader, &self.body[..]).check()?;
        self.components.iter().try_for_each(|BegunComponent { bytes, .. }| {
            Piece::new(FrameKind::Component, &[][..]).payload(&bytes[..]).check()
        })
    }

    /// The headers that have to stand on this volume before anything of `subject`, and do not.
    ///
    /// The home pool has all components; another one filters, and those that its chunks are decoded
    /// with.
    pub(super) fn introduce(
        &self,
        subject: Subject<'_>,
        volume: &OpenVolume,
        is_home: bool,
    ) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let session = self.header.session;
        if !volume.introduced.contains(&Introduced::Session(session)) {
            let piece = Piece::new(FrameKind::SessionHeader, &self.body[..]);
            pieces.push(piece.change(Change::Session(self.header.clone())));
        }
        let entries = self.header.components.iter().enumerate();
        let needed: Vec<Digest> = entries
            .filter(|(place, entry)| {
                // Whoever reads an entry needs its filters, wherever the entry lies.
                let is_filter = entry.role == Role::Filter;
                is_home || is_filter || subject.chain.iter().any(|it| usize::from(*it) == *place)
            })
            .map(|(_, entry)| entry.digest)
            .collect();
        let mut written = Vec::new();
        for BegunComponent { component, bytes } in &self.components {
            let digest = component.digest;
            // One component may stand in the table with several configurations.
            let is_there = volume.components.contains(&digest) || written.contains(&digest);
            if is_there || !needed.contains(&digest) {
                continue;
            }
            written.push(digest);
            let mut body = Vec::new();
            component.encode(&mut body);
            let piece = Piece::new(FrameKind::Component, body).payload(&bytes[..]);
            let length = piece.length();
            let (volume, offset) = (0, 0);
            pieces.push(piece.change(Change::Component { digest, volume, offset, length }));
        }
        let archive = subject.archive.and_then(|archive| self.archive(&archive));
        if let Some(header) = archive
            && !volume.introduced.contains(&Introduced::Archive(header.archive, session))
        {
            let mut body = Vec::new();
            header.encode(&mut body);
            let piece = Piece::new(FrameKind::ArchiveHeader, body);
            pieces.push(piece.change(Change::Archive(header.clone())));
        }
        let run = subject.run.and_then(|run| self.runs.iter().find(|header| header.first == run));
        if let Some(header) = run
            && !volume.introduced.contains(&Introduced::Run(header.first))
        {
            let mut body = Vec::new();
            header.encode(&mut body);
            let piece = Piece::new(FrameKind::RunHeader, body);
            pieces.push(piece.change(Change::Run(header.clone())));
        }
        pieces
    }
}

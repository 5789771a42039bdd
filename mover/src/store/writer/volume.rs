//! The volume that is written: what stands on it already, and how it ends.

use std::collections::HashSet;

use format::{ArchiveId, ChunkId, Digest, FrameKind, SessionId, VolumeFooter};

use super::piece::{Piece, frame_length, label};
use super::{StoreWriter, query};
use crate::Result;
use crate::media::{VolumeWriter, volume_file};
use crate::store::change::Change;
use crate::store::failpoint::{self, reach};

/// A header that stands on the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Introduced {
    Session(SessionId),
    Archive(ArchiveId, SessionId),
    Run(ChunkId),
}

pub(super) struct OpenVolume {
    pub(super) number: u32,
    pub(super) writer: VolumeWriter,
    pub(super) introduced: HashSet<Introduced>,
    pub(super) components: HashSet<Digest>,
    pub(super) chunk_count: u64,
    /// Only label and key groups stand on it: whatever comes has to fit.
    pub(super) fresh: bool,
}

impl OpenVolume {
    pub(super) fn append(&mut self, pieces: &[Piece<'_>], length_max: u64) -> Result<Option<u64>> {
        let parts: Vec<_> = pieces.iter().map(Piece::parts).collect();
        self.writer.append(&parts, length_max)
    }

    /// Keeps in mind what now stands on it.
    pub(super) fn note(&mut self, change: &Change) {
        match change {
            Change::Session(header) => {
                self.introduced.insert(Introduced::Session(header.session));
            }
            Change::Archive(header) => {
                self.introduced.insert(Introduced::Archive(header.archive, header.session));
            }
            Change::Run(header) => {
                self.introduced.insert(Introduced::Run(header.first));
            }
            Change::Component { digest, .. } => {
                self.components.insert(*digest);
            }
            Change::Chunk(..) => self.chunk_count += 1,
            _ => {}
        }
    }
}

impl StoreWriter {
    /// The volume to write to; opened, or made, when first needed.
    pub(super) fn open_volume(&mut self) -> Result<&mut OpenVolume> {
        if self.volume.is_none() {
            let (number, length) = self.next;
            self.volume = Some(match length {
                0 => self.make_volume(number)?,
                length => self.reopen_volume(number, length)?,
            });
        }
        Ok(self.volume.as_mut().expect("it was just opened"))
    }

    fn reopen_volume(&self, number: u32, length: u64) -> Result<OpenVolume> {
        let storage = self.store.storage.as_ref();
        let connection = &self.catalog.connection;
        Ok(OpenVolume {
            number,
            writer: VolumeWriter::open(storage, &volume_file(number), length)?,
            introduced: HashSet::new(),
            components: query::volume_components(connection, number)?.into_iter().collect(),
            chunk_count: query::chunk_count(connection, number)?,
            fresh: false,
        })
    }

    fn make_volume(&mut self, number: u32) -> Result<OpenVolume> {
        let storage = self.store.storage.as_ref();
        let file = volume_file(number);
        let left_empty = storage.list()?.contains(&file);
        let mut writer = match left_empty {
            true => VolumeWriter::open(storage, &file, 0)?,
            false => VolumeWriter::create(storage, &file)?,
        };
        reach(failpoint::VOLUME_CREATED)?;
        let label = label(self.store.id, number, self.config.clock.now());
        let mut pieces = vec![Piece::new(FrameKind::VolumeLabel, label)];
        pieces.extend(self.groups.iter().map(|body| Piece::new(FrameKind::KeyGroup, &body[..])));
        let parts: Vec<_> = pieces.iter().map(Piece::parts).collect();
        writer.append(&parts, u64::MAX)?.expect("nothing passes the largest offset");
        let (introduced, components) = (HashSet::new(), HashSet::new());
        let (chunk_count, fresh) = (0, true);
        Ok(OpenVolume { number, writer, introduced, components, chunk_count, fresh })
    }

    /// Bytes that closing the volume takes: they are kept free.
    pub(super) fn reserve(&self, volume: &OpenVolume) -> u64 {
        let footer = frame_length(&[]) + 32;
        let sessions = self.repeated(volume).map(frame_length).sum::<u64>();
        let groups = self.groups.iter().map(|body| frame_length(body)).sum::<u64>();
        sessions + groups + footer
    }

    /// Bodies of the headers of all sessions that write here.
    fn repeated<'a>(&'a self, volume: &'a OpenVolume) -> impl Iterator<Item = &'a [u8]> {
        let here = |session: SessionId| volume.introduced.contains(&Introduced::Session(session));
        self.sessions
            .iter()
            .filter(move |session| here(session.header.session))
            .map(|session| &session.body[..])
    }

    /// Closes the volume: all depends on headers and key groups, so they stand at both its ends.
    pub(super) fn close_volume(&mut self) -> Result<()> {
        let Some(mut volume) = self.volume.take() else { return Ok(()) };
        let (store, number) = (self.store.id, volume.number);
        let (next_volume, chunk_count) = (number + 1, volume.chunk_count);
        let mut body = Vec::new();
        VolumeFooter { store, volume: number, next_volume, chunk_count }.encode(&mut body);
        let mut pieces: Vec<Piece<'_>> = self
            .repeated(&volume)
            .map(|body| Piece::new(FrameKind::SessionHeader, body.to_vec()))
            .collect();
        pieces.extend(self.groups.iter().map(|body| Piece::new(FrameKind::KeyGroup, &body[..])));
        pieces.push(Piece::new(FrameKind::VolumeFooter, body));
        let before = volume.writer.length();
        volume.append(&pieces, u64::MAX)?.expect("nothing passes the largest offset");
        self.appended.bytes += volume.writer.length() - before;
        self.volume = Some(volume);
        self.commit_now(true)?;
        self.volume = None;
        self.next = (next_volume, 0);
        reach(failpoint::VOLUME_CLOSED)
    }
}

//! The volume that is written: what stands on it already, and how it ends.

use std::collections::HashSet;

use format::{ArchiveId, ChunkId, Digest, FrameKind, SessionId, VolumeFooter};

use super::lane::HOME;
use super::piece::{Piece, frame_length, label};
use super::{StoreWriter, query};
use crate::failpoint::{self, reach};
use crate::media::{VolumeWriter, volume_file};
use crate::store::change::Change;
use crate::store::config::PoolConfig;
use crate::{ErrorKind, Result};

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
    /// Opens the volume of a lane, or makes it, when it is first needed.
    pub(super) fn open_volume(&mut self, lane: usize) -> Result<()> {
        if self.lanes[lane].volume.is_some() {
            return Ok(());
        }
        let pool = self.lanes[lane].pool;
        let begun = match self.lanes[lane].next {
            Some((number, length)) if length > 0 => self.reopen_volume(number, length).map(Some),
            Some((number, _)) => self.make_volume(pool, number).map(Some),
            None => Ok(None),
        };
        let volume = match begun {
            Ok(Some(volume)) => volume,
            // What is out of reach can be gone on with another time.
            Err(error) if error.kind() != ErrorKind::Missing || pool == HOME => return Err(error),
            Ok(None) | Err(_) => {
                let volume = self.make_volume(pool, self.next_number)?;
                self.next_number += 1;
                volume
            }
        };
        self.lanes[lane].volume = Some(volume);
        Ok(())
    }

    fn reopen_volume(&self, number: u32, length: u64) -> Result<OpenVolume> {
        let storage = self.store.shelf.storage(number)?;
        let connection = &self.catalog.connection;
        Ok(OpenVolume {
            number,
            writer: VolumeWriter::open(storage.as_ref(), &volume_file(number), length)?,
            introduced: HashSet::new(),
            components: query::volume_components(connection, number)?.into_iter().collect(),
            chunk_count: query::chunk_count(connection, number)?,
            fresh: false,
        })
    }

    fn make_volume(&mut self, pool: usize, number: u32) -> Result<OpenVolume> {
        let mut writer = self.store.shelf.create(pool, number)?;
        reach(failpoint::VOLUME_CREATED)?;
        let name = self.store.shelf.name(pool);
        let label = label(self.store.id, number, self.config.clock.now(), name);
        let mut pieces = vec![Piece::new(FrameKind::VolumeLabel, label)];
        pieces.extend(self.groups.iter().map(|body| Piece::new(FrameKind::KeyGroup, &body[..])));
        let parts: Vec<_> = pieces.iter().map(Piece::parts).collect();
        writer.append(&parts, u64::MAX)?.expect("nothing passes the largest offset");
        let (introduced, components) = (HashSet::new(), HashSet::new());
        let (chunk_count, fresh) = (0, true);
        Ok(OpenVolume { number, writer, introduced, components, chunk_count, fresh })
    }

    /// Where a volume ends, for what is appended next: the bytes that closing it takes are kept.
    pub(super) fn length_max(&self, pool: usize, volume: &OpenVolume) -> u64 {
        let PoolConfig { volume_size, .. } = &self.store.shelf.pools()[pool];
        match volume.fresh {
            true => u64::MAX,
            false if volume.writer.is_low() => 0,
            false => volume_size.saturating_sub(self.reserve(pool, volume)),
        }
    }

    /// Bytes that closing the volume takes.
    fn reserve(&self, pool: usize, volume: &OpenVolume) -> u64 {
        let footer = frame_length(&[]) + 32;
        let sessions = self.repeated(volume).map(frame_length).sum::<u64>();
        let groups = self.groups.iter().map(|body| frame_length(body)).sum::<u64>();
        let record_length = u64::from(self.store.shelf.traits(pool).record_length);
        let closing = sessions + groups + footer;
        // Padding may take a record more than there are frames for.
        if record_length > 1 {
            closing.next_multiple_of(record_length) + 2 * record_length
        } else {
            closing
        }
    }

    /// Bodies of the headers of all sessions that write here.
    fn repeated<'a>(&'a self, volume: &'a OpenVolume) -> impl Iterator<Item = &'a [u8]> {
        let here = |session: SessionId| volume.introduced.contains(&Introduced::Session(session));
        self.sessions
            .iter()
            .filter(move |session| here(session.header.session))
            .map(|session| &session.body[..])
    }

    /// Ends the volume that a pool is at, though its medium has room left, and gives its number; none
    /// where there is no such volume.
    pub fn close(&mut self, pool: &str) -> Result<Option<u32>> {
        let pool = self.store.shelf.pool(pool)?;
        let is_open = |lane: &&usize| {
            let lane = &self.lanes[**lane];
            lane.volume.is_some() || lane.next.is_some_and(|(_, length)| length > 0)
        };
        let open = self.pools[pool].lanes.iter().find(is_open).copied();
        let Some(lane) = open else { return Ok(None) };
        self.open_volume(lane)?;
        let number = self.lanes[lane].volume.as_ref().map(|volume| volume.number);
        self.close_volume(lane)?;
        Ok(number)
    }

    /// Closes the volume: all depends on headers and key groups, so they stand at both its ends.
    pub(super) fn close_volume(&mut self, lane: usize) -> Result<()> {
        let Some(mut volume) = self.lanes[lane].volume.take() else { return Ok(()) };
        let (store, number) = (self.store.id, volume.number);
        let (next_volume, chunk_count) = (self.next_number, volume.chunk_count);
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
        self.lanes[lane].volume = Some(volume);
        self.commit_now(Some(lane))?;
        let lane = &mut self.lanes[lane];
        lane.next = Some((next_volume, 0));
        self.next_number += 1;
        if let Some(volume) = lane.volume.take() {
            volume.writer.finish()?;
        }
        reach(failpoint::VOLUME_CLOSED)
    }
}

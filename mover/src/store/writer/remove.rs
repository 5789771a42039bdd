//! Takes a volume out of a store whose chunks nobody needs, or that lie elsewhere too.

use format::FrameKind;

use super::StoreWriter;
use super::begun::Subject;
use super::lane::HOME;
use super::piece::Piece;
use crate::failpoint::{self, reach};
use crate::media::{Payloads, Scan, Scanned, volume_file};
use crate::store::record::ChunkPlace;
use crate::{Error, ErrorKind, Result};

impl StoreWriter {
    /// The chunks of a volume that some archive needs and that lie nowhere else.
    pub fn only_here(&self, volume: u32) -> Result<Vec<ChunkPlace>> {
        let needed = self.store.needed()?;
        let mut only_here = Vec::new();
        for place in self.store.volume_chunks(volume)? {
            if needed.contains(&place.chunk) {
                let copies = self.store.copies(&place.chunk)?;
                if copies.iter().all(|copy| copy.volume == volume) {
                    only_here.push(place);
                }
            }
        }
        Ok(only_here)
    }

    /// Takes a volume out, and gives its medium back where it can be written again. What it says of
    /// archives that can be seen is written once more first.
    ///
    /// Refused where a chunk lies on it alone that somebody needs. A crash on the way leaves the
    /// volume as it was, or gone.
    pub fn remove_volume(&mut self, volume: u32) -> Result<()> {
        self.take_out(volume, false)
    }

    /// The same for a volume that may refuse to be read. See [`StoreWriter::remove_damaged_volume`].
    pub(super) fn take_out(&mut self, volume: u32, is_damaged: bool) -> Result<()> {
        self.healthy()?;
        if let Some(place) = self.only_here(volume)?.first() {
            let file = volume_file(volume);
            let message = format!("{file} holds the only copy of {}, which is needed", place.chunk);
            return Err(Error::new(ErrorKind::Refused, message)
                .way_out("copy what is on it to another pool first: mover media migrate"));
        }
        let pool = self.store.shelf.pool_of(volume).ok_or_else(|| {
            Error::new(ErrorKind::Missing, format!("no pool holds {}", volume_file(volume)))
        })?;
        self.write_elsewhere(volume, pool)?;
        if pool == HOME {
            self.repeat_ends(volume, is_damaged)?;
        }
        self.commit()?;
        self.leave_parity(volume)?;
        reach(failpoint::VOLUME_MARKED)?;
        let indexing = self.catalog.begin()?;
        indexing.forget_volume(volume)?;
        indexing.commit()?;
        reach(failpoint::VOLUME_FORGOTTEN)?;
        self.store.forget_reader(volume);
        let storage = self.store.shelf.storage(volume)?;
        storage.remove(&volume_file(volume))?;
        storage.sync()
    }

    /// Nothing more is written to a volume.
    pub(super) fn write_elsewhere(&mut self, volume: u32, pool: usize) -> Result<()> {
        for place in self.pools[pool].lanes.clone() {
            let lane = &mut self.lanes[place];
            if lane.volume.as_ref().is_some_and(|open| open.number == volume) {
                self.close_volume(place)?;
            } else if lane.next.is_some_and(|(number, _)| number == volume) {
                lane.next = None;
            }
        }
        Ok(())
    }

    /// Writes once more what a volume of the home pool says of whole archives and sessions; of one
    /// that is damaged, what can be read of it.
    fn repeat_ends(&mut self, volume: u32, is_damaged: bool) -> Result<()> {
        let dropped: Vec<_> = self.store.archives()?;
        let is_shown = |archive: &format::ArchiveId| {
            let record = dropped.iter().find(|record| record.header.archive == *archive);
            record.is_some_and(|record| record.dropped.is_none())
        };
        let mut scan = Scan::new(self.store.shelf.reader(volume)?, 0, Payloads::Skip)?;
        let mut kept: Vec<(FrameKind, Vec<u8>, Vec<u8>)> = Vec::new();
        if is_damaged {
            scan = scan.over_bad_sectors();
        }
        while let Some(step) = scan.next()? {
            let Scanned::Frame { frame, .. } = step else { continue };
            let is_kept = match frame.prefix.kind {
                FrameKind::ArchiveFooter => {
                    format::ArchiveFooter::decode(frame.body, frame.payload)
                        .is_ok_and(|footer| is_shown(&footer.archive))
                }
                FrameKind::ArchiveHeader => format::ArchiveHeader::decode(frame.body)
                    .is_ok_and(|header| is_shown(&header.archive)),
                // Else an archive that was dropped would be shown again by what is left of it.
                FrameKind::ArchiveDrop | FrameKind::SessionFooter => true,
                _ => false,
            };
            if is_kept {
                let (body, payload) = (frame.body.to_vec(), frame.payload.to_vec());
                kept.push((frame.prefix.kind, body, payload));
            }
        }
        for (kind, body, payload) in kept {
            let piece = Piece::new(kind, body).payload(payload);
            self.put(None, Subject::default(), &[HOME], vec![piece])?;
        }
        Ok(())
    }
}

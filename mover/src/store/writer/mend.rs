//! What a damaged volume said is said again, and what it no longer has is forgotten.

use super::StoreWriter;
use super::lane::HOME;
use crate::Result;
use crate::store::record::ChunkPlace;
use crate::store::shelf::HOME_POOL;

impl StoreWriter {
    /// Nothing is written any more to a volume that is damaged, not by a later command either.
    pub fn close_damaged_volume(&mut self, volume: u32) -> Result<()> {
        self.healthy()?;
        let Some(pool) = self.store.shelf.pool_of(volume) else { return Ok(()) };
        self.write_elsewhere(volume, pool)?;
        let indexing = self.catalog.begin()?;
        indexing.close(volume)?;
        indexing.commit()
    }

    /// Has the catalog forget copies of chunks that are damaged, so that no later archive refers to
    /// them: what only they held is archived anew when it is met again.
    pub fn forget_copies(&mut self, copies: &[ChunkPlace]) -> Result<()> {
        self.commit()?;
        let indexing = self.catalog.begin()?;
        indexing.forget_copies(copies)?;
        indexing.commit()
    }

    /// Has the catalog forget what was missed of a volume, once all that is needed lies elsewhere.
    pub fn forget_faults(&mut self, volume: u32) -> Result<()> {
        self.leave_parity(volume)?;
        let indexing = self.catalog.begin()?;
        indexing.forget_faults(volume)?;
        indexing.commit()
    }

    /// Takes a damaged volume out, as [`StoreWriter::remove_volume`] does with one that is well.
    /// What the catalog knows of archives is written down once more before: the volume may have
    /// been the only one that said so, and may not be able to say it any more.
    pub fn remove_damaged_volume(&mut self, volume: u32) -> Result<()> {
        if self.store.shelf.pool_of(volume) == Some(HOME) {
            self.repeat_archives()?;
        }
        self.take_out(volume, true)
    }

    /// An archive whose header is lost keeps what the media still say of it.
    fn repeat_archives(&mut self) -> Result<()> {
        for record in self.store.archives()? {
            let archive = record.header.archive;
            match record.dropped {
                Some(dropped) => self.drop_archive(&archive, dropped)?,
                None if record.header_lost => {}
                None => self.copy_archive_end(&archive, HOME_POOL)?,
            }
        }
        self.end_copies()
    }
}

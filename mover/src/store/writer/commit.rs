//! Commit: volume, then catalog, and only then is anything acknowledged.

use super::StoreWriter;
use crate::Result;
use crate::store::failpoint::{self, reach};
use crate::store::record::Acknowledged;

/// Blocks that wait for a commit, at most: they are held in memory.
const WAITING_BLOCKS_MAX: usize = 256 << 10;

impl StoreWriter {
    /// Makes all that was appended durable and known. Gives what is acknowledged now.
    pub fn commit(&mut self) -> Result<Acknowledged> {
        self.healthy()?;
        if self.volume.is_some() && self.appended != self.acknowledged {
            let committed = self.commit_now(false);
            committed.map_err(|error| self.poison(error))?;
        }
        Ok(self.acknowledged)
    }

    /// Commits where enough bytes or enough time have passed. To be called in idle moments.
    pub fn commit_if_due(&mut self) -> Result<Acknowledged> {
        let waiting_bytes = self.appended.bytes - self.acknowledged.bytes;
        let blocks = self.store.overlay.read().expect("no holder panics").block_count();
        let is_due = waiting_bytes >= self.config.commit_bytes
            || blocks >= WAITING_BLOCKS_MAX
            || self.waiting_since.is_some_and(|since| {
                self.config.clock.elapsed().saturating_sub(since) >= self.config.commit_interval
            });
        match is_due {
            true => self.commit(),
            false => Ok(self.acknowledged),
        }
    }

    pub(super) fn commit_now(&mut self, closed: bool) -> Result<()> {
        let volume = self.volume.as_mut().expect("what was appended lies on an open volume");
        reach(failpoint::BEFORE_WRITE)?;
        volume.writer.flush()?;
        reach(failpoint::AFTER_WRITE)?;
        volume.writer.sync()?;
        reach(failpoint::AFTER_SYNC)?;
        let mut indexing = self.catalog.begin()?;
        for change in &self.changes {
            indexing.apply(change)?;
        }
        indexing.volume(volume.number, volume.writer.length(), closed)?;
        reach(failpoint::BEFORE_CATALOG)?;
        indexing.commit()?;
        reach(failpoint::AFTER_CATALOG)?;
        self.changes.clear();
        self.acknowledged = self.appended;
        self.waiting_since = None;
        // Only now: until the rows can be seen, this is where their blocks are found.
        self.store.overlay.write().expect("no holder panics").clear();
        Ok(())
    }
}

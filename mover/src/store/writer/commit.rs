//! Commit: volume, then catalog, and only then is anything acknowledged.

use super::StoreWriter;
use super::lane::{HOME, PoolState};
use crate::failpoint::{self, reach};
use crate::media::MediumKind;
use crate::store::record::Acknowledged;
use crate::{Error, ErrorKind, Result};

/// Blocks that wait for a commit, at most: they are held in memory.
const WAITING_BLOCKS_MAX: usize = 256 << 10;

impl StoreWriter {
    /// Makes all that was appended durable and known. Gives what is acknowledged now.
    pub fn commit(&mut self) -> Result<Acknowledged> {
        self.healthy()?;
        let is_open = self.lanes.iter().any(|lane| lane.volume.is_some());
        if is_open && self.appended != self.acknowledged {
            let committed = self.commit_now(None);
            committed.map_err(|error| self.poison(error))?;
        }
        Ok(self.acknowledged)
    }

    /// Commits where enough bytes or enough time have passed. To be called in idle moments.
    pub fn commit_if_due(&mut self) -> Result<Acknowledged> {
        let waiting_bytes = self.appended.bytes - self.acknowledged.bytes;
        let blocks = self.store.overlay.read().expect("no holder panics").block_count();
        let window = match self.is_tape_waiting() {
            true => self.config.tape_window,
            false => self.config.window,
        };
        let is_due = waiting_bytes >= window.bytes
            || blocks >= WAITING_BLOCKS_MAX
            || self.waiting_since.is_some_and(|since| {
                self.config.clock.elapsed().saturating_sub(since) >= window.interval
            });
        match is_due {
            true => self.commit(),
            false => Ok(self.acknowledged),
        }
    }

    /// `closed` is the lane whose volume has got its footer.
    pub(super) fn commit_now(&mut self, closed: Option<usize>) -> Result<()> {
        reach(failpoint::BEFORE_WRITE)?;
        for lane in 0..self.lanes.len() {
            let written = self.lanes[lane].volume.as_mut().map_or(Ok(()), |it| it.writer.flush());
            self.or_leave_behind(lane, written)?;
        }
        reach(failpoint::AFTER_WRITE)?;
        for lane in 0..self.lanes.len() {
            let synced = self.lanes[lane].volume.as_mut().map_or(Ok(()), |it| it.writer.sync());
            self.or_leave_behind(lane, synced)?;
        }
        reach(failpoint::AFTER_SYNC)?;
        let mut indexing = self.catalog.begin()?;
        for (place, lane) in self.lanes.iter().enumerate() {
            let Some(volume) = &lane.volume else { continue };
            let name = self.store.shelf.name(lane.pool);
            indexing.know(volume.number, name)?;
            for change in &lane.changes {
                indexing.apply(change)?;
            }
            let is_closed = closed == Some(place);
            indexing.volume(volume.number, name, volume.writer.length(), is_closed)?;
        }
        reach(failpoint::BEFORE_CATALOG)?;
        indexing.commit()?;
        reach(failpoint::AFTER_CATALOG)?;
        for lane in &mut self.lanes {
            lane.changes.clear();
        }
        for pool in &mut self.pools {
            pool.is_needed = false;
        }
        self.acknowledged = self.appended;
        self.waiting_since = None;
        // Only now: until the rows can be seen, this is where their blocks are found.
        self.store.overlay.write().expect("no holder panics").clear();
        for lane in 0..self.lanes.len() {
            let rested = self.lanes[lane].volume.as_mut().map_or(Ok(()), |it| it.writer.rest());
            self.or_leave_behind(lane, rested)?;
        }
        Ok(())
    }

    /// A pool that fails is left behind where all that it lacks lies in another one too.
    pub(super) fn or_leave_behind(&mut self, lane: usize, done: Result<()>) -> Result<()> {
        let Err(error) = done else { return Ok(()) };
        let pool = self.lanes[lane].pool;
        self.close_full(lane, &error)?;
        if pool == HOME || self.pools[pool].is_needed {
            return Err(error);
        }
        self.leave_behind(pool, &error);
        Ok(())
    }

    /// A medium that is full without having warned is not written again: the next session goes on
    /// with another one.
    pub(super) fn close_full(&mut self, lane: usize, error: &Error) -> Result<()> {
        let kind = self.store.shelf.traits(self.lanes[lane].pool).kind;
        let number = self.lanes[lane].volume.as_ref().map(|volume| volume.number);
        let (ErrorKind::Full, Some(number)) = (error.kind(), number) else { return Ok(()) };
        if matches!(kind, MediumKind::Disk | MediumKind::Object) {
            return Ok(());
        }
        let indexing = self.catalog.begin()?;
        indexing.close(number)?;
        indexing.commit()
    }

    /// Nothing is written to the pool any more; what it was not yet promised is forgotten.
    pub(super) fn leave_behind(&mut self, pool: usize, error: &Error) {
        self.pools[pool].failure.get_or_insert_with(|| error.to_string());
        for lane in self.lanes.iter_mut().filter(|lane| lane.pool == pool) {
            lane.volume = None;
            lane.changes.clear();
        }
    }

    /// The pools that were left behind, each with the reason: their copies are not complete.
    pub fn behind(&self) -> Vec<(String, String)> {
        let named = |(pool, state): (usize, &PoolState)| {
            let failure = state.failure.clone()?;
            Some((self.store.shelf.name(pool).to_owned(), failure))
        };
        self.pools.iter().enumerate().filter_map(named).collect()
    }
}

//! What is written to the pools: a lane for each stream, with the volume that is open.
//!
//! A pool of tapes has a lane for each of its drives. Chunks stay on one lane until its drive cannot
//! keep up, and then turn to one that waits: a source that a single drive can follow fills a single
//! cartridge.

use std::collections::BTreeMap;

use super::volume::OpenVolume;
use crate::media::MediumKind;
use crate::store::catalog::VolumeRow;
use crate::store::change::Change;
use crate::store::shelf::Shelf;
use crate::{Error, ErrorKind, Result};

/// The home pool, as the shelf counts it.
pub(super) const HOME: usize = 0;

/// What is written to one volume after another.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) pool: usize,
    /// None until something is appended, and between two volumes.
    pub(super) volume: Option<OpenVolume>,
    /// The volume to go on with, and where; none makes a new one.
    pub(super) next: Option<(u32, u64)>,
    /// What the next commit tells the catalog.
    pub(super) changes: Vec<Change>,
    /// There is no medium for it; other lanes of the pool go on with theirs.
    pub(super) is_exhausted: bool,
}

/// What all lanes of a pool share.
#[derive(Default)]
pub(super) struct PoolState {
    /// Its lanes, by their places.
    pub(super) lanes: Vec<usize>,
    /// The lane that takes what comes next.
    pub(super) current: usize,
    /// Something that the next commit covers lies in no other pool.
    pub(super) is_needed: bool,
    /// Why nothing is written to it any more; other pools go on with what is to be in both.
    pub(super) failure: Option<String>,
}

impl PoolState {
    /// Refuses a pool that has failed.
    pub(super) fn healthy(&self, pool: &str) -> Result<()> {
        match &self.failure {
            Some(failure) => {
                let message = format!("pool {pool} is no longer written since {failure}");
                Err(Error::new(ErrorKind::Io, message)
                    .way_out("see to the pool and run the same command again"))
            }
            None => Ok(()),
        }
    }
}

/// The lanes of all pools, and where each goes on.
pub(super) fn lanes(
    shelf: &Shelf,
    rows: &[VolumeRow],
    lengths: &BTreeMap<u32, u64>,
) -> (Vec<Lane>, Vec<PoolState>) {
    let (mut lanes, mut pools) = (Vec::new(), Vec::new());
    for (pool, config) in shelf.pools().iter().enumerate() {
        let working = config.storage.drive_count() - config.storage.failed_drives().len();
        let count = config.streams.min(working).max(1);
        let mut nexts = nexts(shelf, pool, count, rows, lengths);
        let first = lanes.len();
        for _ in 0..count {
            lanes.push(Lane { pool, next: nexts.pop(), ..Lane::default() });
        }
        let lanes = (first..first + count).collect();
        pools.push(PoolState { lanes, current: first, ..PoolState::default() });
    }
    (lanes, pools)
}

/// The volumes of a pool that can be gone on with, at most `count`, the last one last.
fn nexts(
    shelf: &Shelf,
    pool: usize,
    count: usize,
    rows: &[VolumeRow],
    lengths: &BTreeMap<u32, u64>,
) -> Vec<(u32, u64)> {
    let of_pool = |number: &u32| shelf.pool_of(*number) == Some(pool);
    let files: Vec<u32> = lengths.keys().copied().filter(of_pool).collect();
    let name = shelf.name(pool);
    let last_known = rows.iter().filter(|row| row.pool == name).map(|row| row.number).max();
    if last_known > files.last().copied() {
        // A later one is missing: nothing is written in front of it.
        return Vec::new();
    }
    let mut nexts: Vec<(u32, u64)> = files
        .iter()
        .rev()
        .take(count)
        .filter_map(|number| match rows.iter().find(|row| row.number == *number) {
            Some(row) if row.closed => None,
            Some(row) => Some((*number, row.indexed_length)),
            // A crash left it at its beginning, and recovery left it empty.
            None => Some((*number, 0)),
        })
        .collect();
    nexts.reverse();
    nexts
}

impl super::StoreWriter {
    /// The lane of a pool for what comes next. Chunks turn to another one where the drive of the
    /// current one has enough to do.
    pub(super) fn lane(&mut self, pool: usize, may_turn: bool) -> usize {
        let PoolState { lanes: places, current, .. } = &self.pools[pool];
        let (places, current) = (places.clone(), *current);
        let is_busy = |lanes: &mut Vec<Lane>, place: usize| {
            lanes[place].volume.as_mut().is_some_and(|volume| volume.writer.is_busy())
        };
        if !may_turn || places.len() == 1 || !is_busy(&mut self.lanes, current) {
            return current;
        }
        let waits =
            |place: &usize| !self.lanes[*place].is_exhausted && !is_busy(&mut self.lanes, *place);
        let turned = places.into_iter().find(waits).unwrap_or(current);
        self.pools[pool].current = turned;
        turned
    }

    /// There is no medium for a lane: another one of its pool goes on, if any can.
    pub(super) fn turn_from(&mut self, lane: usize) -> Option<usize> {
        self.lanes[lane].is_exhausted = true;
        let pool = &mut self.pools[self.lanes[lane].pool];
        let can = |other: &&usize| {
            let Lane { volume, next, is_exhausted, .. } = &self.lanes[**other];
            volume.is_some() || (next.is_some() && !is_exhausted)
        };
        pool.current = *pool.lanes.iter().find(can)?;
        Some(pool.current)
    }

    /// Whether a drive has to be made to write what it holds before anything is acknowledged.
    pub(super) fn is_tape_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| {
            let kind = self.store.shelf.traits(lane.pool).kind;
            kind == MediumKind::Tape && !lane.changes.is_empty()
        })
    }
}

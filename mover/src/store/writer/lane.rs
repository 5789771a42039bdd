//! What is written to one pool: the volume that is open, and where it goes on.

use std::collections::BTreeMap;

use super::volume::OpenVolume;
use crate::store::catalog::VolumeRow;
use crate::store::change::Change;
use crate::store::shelf::Shelf;
use crate::{Error, ErrorKind, Result};

/// The home pool, as the shelf counts it.
pub(super) const HOME: usize = 0;

/// What is written to one pool.
#[derive(Default)]
pub(super) struct Lane {
    /// None until something is appended, and between two volumes.
    pub(super) volume: Option<OpenVolume>,
    /// The volume to go on with, and where; none makes a new one.
    pub(super) next: Option<(u32, u64)>,
    /// What the next commit tells the catalog.
    pub(super) changes: Vec<Change>,
    /// Something that the next commit covers lies in no other pool.
    pub(super) is_needed: bool,
    /// Why nothing is written to it any more; other pools go on with what is to be in both.
    pub(super) failure: Option<String>,
}

impl Lane {
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

/// One lane for each pool, and where it goes on.
pub(super) fn lanes(shelf: &Shelf, rows: &[VolumeRow], lengths: &BTreeMap<u32, u64>) -> Vec<Lane> {
    let next = |pool: usize| {
        let of_pool = |number: &&u32| shelf.pool_of(**number) == Some(pool);
        let last_file = lengths.keys().rfind(of_pool).copied()?;
        let name = shelf.name(pool);
        let mut known = rows.iter().filter(|row| row.pool == name);
        match rows.iter().find(|row| row.number == last_file) {
            // A later one is missing: nothing is written in front of it.
            _ if known.any(|row| row.number > last_file) => None,
            Some(row) if row.closed => None,
            Some(row) => Some((last_file, row.indexed_length)),
            // A crash left it at its beginning, and recovery left it empty.
            None => Some((last_file, 0)),
        }
    };
    let lane = |pool| Lane { next: next(pool), ..Lane::default() };
    (0..shelf.pools().len()).map(lane).collect()
}

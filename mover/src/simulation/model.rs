//! What a store has promised.

use std::collections::{BTreeMap, BTreeSet};

use format::{ArchiveId, ChunkId, ContextPlace, SessionId, StreamNumber};

use crate::store::tests::chunk;
use crate::store::{Fault, HOME_POOL, Store};

/// How far an archive's drop has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Drop {
    #[default]
    NotAsked,
    /// Asked for and not answered: either may be true.
    Asked,
    Done,
}

/// What is promised of one archive.
#[derive(Clone, Debug, Default)]
pub(super) struct Archive {
    /// Its own chunks, in the order of their appends.
    pub(super) chunks: Vec<ChunkId>,
    /// The first so many were acknowledged.
    pub(super) acknowledged: usize,
    /// Chunks of others that it refers to.
    pub(super) needs: BTreeSet<ChunkId>,
    /// Its end was handed over.
    pub(super) ended: bool,
    /// The end was acknowledged.
    pub(super) finished: bool,
    pub(super) drop: Drop,
    /// Pools that all of it was acknowledged to lie in.
    pub(super) pools: BTreeSet<String>,
}

impl Archive {
    /// What can be read as long as the archive is there.
    fn promised(&self) -> impl Iterator<Item = &ChunkId> {
        let needs = self.needs.iter().filter(|_| self.finished);
        self.chunks[..self.acknowledged].iter().chain(needs)
    }

    /// All that a restore reads.
    pub(super) fn all(&self) -> impl Iterator<Item = &ChunkId> {
        self.chunks.iter().chain(&self.needs)
    }
}

/// What is promised of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) archives: BTreeMap<ArchiveId, Archive>,
}

/// What every chunk that a scenario writes has as its payload.
fn payload(id: ChunkId) -> Vec<u8> {
    chunk(id, SessionId::default(), ContextPlace::Run(0)).1
}

impl Model {
    /// What holds at a moment between two: what was promised by then, and may be true by now.
    pub(super) fn between(earlier: &Model, later: &Model) -> Model {
        let none = Archive::default();
        let at = |(id, now): (&ArchiveId, &Archive)| {
            let was = earlier.archives.get(id).unwrap_or(&none);
            let drop = if was.drop == now.drop { now.drop } else { Drop::Asked };
            let archive = Archive {
                acknowledged: was.acknowledged,
                finished: was.finished,
                drop,
                pools: was.pools.intersection(&now.pools).cloned().collect(),
                ..now.clone()
            };
            (*id, archive)
        };
        Model { archives: later.archives.iter().map(at).collect() }
    }

    /// Holds a store against all promises; gives the first that is broken.
    pub(super) fn broken_by(&self, store: &Store) -> Result<(), String> {
        let archives = store.archives().map_err(|error| format!("archives: {error}"))?;
        let shown = |id: &ArchiveId| {
            let record = archives.iter().find(|record| record.header.archive == *id);
            record.filter(|record| record.footer.is_some() && record.dropped.is_none())
        };
        for (id, archive) in &self.archives {
            match archive.drop {
                Drop::Done if shown(id).is_some() => return Err(format!("{id} was dropped")),
                Drop::NotAsked => self.keeps(store, archive)?,
                _ => {}
            }
            let record = shown(id);
            if archive.finished && archive.drop == Drop::NotAsked {
                let record = record.ok_or_else(|| format!("{id} was finished and is not shown"))?;
                if record.header_lost {
                    return Err(format!("the header of {id} is lost"));
                }
            }
            if record.is_some() && !archive.ended {
                return Err(format!("{id} is half-written and shown as finished"));
            }
            if record.is_some() {
                archive.all().try_for_each(|chunk| reads(store, chunk))?;
            }
        }
        // What a lookup finds can be read: the next archive will refer to it.
        for chunk in self.archives.values().flat_map(|archive| &archive.chunks) {
            finds(store, chunk)?;
        }
        let parity = store.check_parity().map_err(|error| format!("parity: {error}"))?;
        if let Some(fault) = parity.first() {
            return Err(fault.to_string());
        }
        let faults = store.faults().map_err(|error| format!("faults: {error}"))?;
        match faults.iter().find(|fault| Fault::is_loss(fault)) {
            Some(fault) => Err(format!("a fault: {fault}")),
            None => Ok(()),
        }
    }

    fn keeps(&self, store: &Store, archive: &Archive) -> Result<(), String> {
        archive.promised().try_for_each(|chunk| reads(store, chunk))?;
        for pool in &archive.pools {
            for chunk in archive.all() {
                let copy =
                    store.copy_in(chunk, pool).map_err(|error| format!("{chunk}: {error}"))?;
                let copy = copy.ok_or_else(|| format!("{chunk} is not in {pool}"))?;
                store.verify_copy(&copy).map_err(|error| format!("{chunk} in {pool}: {error}"))?;
            }
        }
        Ok(())
    }
}

fn reads(store: &Store, chunk: &ChunkId) -> Result<(), String> {
    let read = store.read_chunk(chunk).map_err(|error| format!("{chunk}: {error}"))?;
    match read.payload == payload(*chunk) {
        true => store.verify_chunk(chunk).map(drop).map_err(|error| format!("{chunk}: {error}")),
        false => Err(format!("{chunk} has other bytes")),
    }
}

fn finds(store: &Store, id: &ChunkId) -> Result<(), String> {
    if id.stream == StreamNumber::INDEX {
        return Ok(());
    }
    let failed = |error: crate::Error| format!("blocks of {id}: {error}");
    let (_, _, footer) = chunk(*id, SessionId::default(), ContextPlace::Run(0));
    let identities: Vec<_> = footer.blocks.iter().map(|block| block.identity).collect();
    let home = [HOME_POOL.to_owned()];
    for place in store.lookup_blocks(&identities, &home).map_err(failed)?.into_iter().flatten() {
        let found = store.verify_chunk(&place.chunk).map_err(failed)?;
        if !found.blocks.iter().any(|block| block.ordinal == place.ordinal) {
            return Err(format!("a block of {id} is not where it is found"));
        }
    }
    Ok(())
}

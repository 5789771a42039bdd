//! Mends what a check found.
//!
//! A damaged copy of a chunk is written anew from a sound one, which lies in another pool; one whose
//! footer alone is damaged from itself, with a footer that offers no blocks to refer to. Then a
//! damaged volume on a disk or in an object store gives the rest of what is needed to new volumes
//! and is taken out, so that no damage is left; a tape or a disc stays, with nothing on it that is
//! not elsewhere too. Chunks without a sound copy are lost: the catalog forgets them, so that no
//! later archive refers to them, and [`name_lost`] says which files they were part of.
//!
//! Nothing is taken out before what replaces it is durable and was read back.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use format::{ChunkId, Extent};
use serde::Serialize;

use super::archive::{Ambient, Watch, seconds};
use super::cache::ChunkCache;
use super::contents::{Contents, PathFilter};
use super::decode::Decoding;
use super::feed::cancelled;
use super::verify::Damage;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{ChunkPlace, HOME_POOL, MediumKind, Needed, Store, StoreWriter, VolumeRecord};

/// Decoded index chunks that are kept while lost files are looked for.
const INDEX_CHUNK_COUNT: usize = 8;

/// The end of a repair.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RepairReport {
    /// Damaged copies of chunks that were written anew from another copy.
    pub healed: u64,
    /// Sound chunks that were moved away from damaged volumes.
    pub moved: u64,
    /// Bytes that were written.
    pub stored_bytes: u64,
    /// Damaged volumes that were taken out.
    pub volumes_removed: u64,
    /// Damaged volumes that stay; why was told for each.
    pub volumes_left: u64,
    /// Chunks that an archive needs and of which no sound copy is left.
    pub lost_chunks: u64,
    /// Entries that are not whole any more; each was named. None where no key was at hand.
    pub lost_entries: Option<u64>,
    /// Faults of the check that no copy mends.
    pub beyond_repair: u64,
    /// Wall time.
    pub seconds: f64,
}

impl RepairReport {
    /// Nothing is wrong any more.
    pub fn is_well(&self) -> bool {
        self.volumes_left + self.lost_chunks + self.beyond_repair == 0
    }
}

/// Repairs; gives the report, and the chunks that are lost.
pub fn repair(
    ambient: &Ambient,
    writer: &mut StoreWriter,
    damage: &Damage,
    watch: &Watch<'_>,
) -> Result<(RepairReport, BTreeSet<ChunkId>)> {
    let began = ambient.clock.elapsed();
    for volume in &damage.volumes {
        writer.close_damaged_volume(*volume)?;
    }
    let mut repair = Repair::new(writer, damage, watch)?;
    let healed = repair.heal();
    // What was written is worth keeping, whatever went wrong.
    repair.writer.end_copies()?;
    healed?;
    repair.read_back()?;
    repair.writer.forget_copies(&damage.copies)?;
    for number in &damage.volumes {
        repair.volume(*number)?;
    }
    let Repair { mut report, lost, .. } = repair;
    report.lost_chunks = lost.len() as u64;
    report.beyond_repair = damage.beyond_repair;
    report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok((report, lost))
}

struct Repair<'a> {
    store: Arc<Store>,
    writer: &'a mut StoreWriter,
    damage: &'a Damage,
    watch: &'a Watch<'a>,
    needed: Needed,
    volumes: HashMap<u32, VolumeRecord>,
    /// Places of damaged copies.
    damaged: HashSet<(u32, u64)>,
    /// Chunks that were written, with the pool.
    written: Vec<(ChunkId, String)>,
    lost: BTreeSet<ChunkId>,
    report: RepairReport,
}

impl<'a> Repair<'a> {
    fn new(
        writer: &'a mut StoreWriter,
        damage: &'a Damage,
        watch: &'a Watch<'a>,
    ) -> Result<Repair<'a>> {
        let store = writer.store();
        let volumes = store.volumes()?.into_iter().map(|volume| (volume.number, volume)).collect();
        Ok(Repair {
            needed: store.needed()?,
            store,
            writer,
            damage,
            watch,
            volumes,
            damaged: damage.copies.iter().map(|copy| (copy.volume, copy.offset)).collect(),
            written: Vec::new(),
            lost: damage.missing.clone(),
            report: RepairReport::default(),
        })
    }

    fn pool_of(&self, volume: u32) -> &str {
        self.volumes.get(&volume).map_or(HOME_POOL, |volume| &volume.pool)
    }

    /// A copy that the check found nothing wrong with.
    fn sound_copies(&self, chunk: &ChunkId) -> Result<Vec<ChunkPlace>> {
        let mut copies = self.store.copies(chunk)?;
        copies.retain(|copy| !self.damaged.contains(&(copy.volume, copy.offset)));
        Ok(copies)
    }

    /// Writes damaged copies anew, each in the pool in which it was.
    fn heal(&mut self) -> Result<()> {
        let length = |copy: &ChunkPlace| copy.length + copy.footer_length;
        self.watch.progress.expect(0, self.damage.copies.iter().map(length).sum());
        for copy in &self.damage.copies {
            self.stop_if_asked()?;
            self.watch.progress.bytes(length(copy));
            if !self.needed.contains(&copy.chunk) {
                continue;
            }
            let pool = self.pool_of(copy.volume).to_owned();
            let sound = self.sound_copies(&copy.chunk)?;
            if sound.iter().any(|place| self.pool_of(place.volume) == pool) {
                continue;
            }
            // Where the footer alone is damaged the chunk can still be read.
            if sound.is_empty() && self.store.read_chunk(&copy.chunk).is_err() {
                self.lost.insert(copy.chunk);
            } else if self.write(&copy.chunk, &pool)? {
                self.report.healed += 1;
            }
        }
        Ok(())
    }

    /// Whether it could be read to be written.
    fn write(&mut self, chunk: &ChunkId, pool: &str) -> Result<bool> {
        match self.writer.move_chunk(chunk, pool) {
            Ok(length) => {
                self.report.stored_bytes += length;
                self.watch.progress.stored(length);
                self.written.push((*chunk, pool.to_owned()));
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing) => {
                self.watch.observer.fault(b"", &error);
                self.lost.insert(*chunk);
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what was written since the last time.
    fn read_back(&mut self) -> Result<()> {
        for (chunk, pool) in std::mem::take(&mut self.written) {
            self.stop_if_asked()?;
            let copies = self.store.copies(&chunk)?;
            // Those that are new lie behind all that there was.
            let newest =
                copies.iter().filter(|copy| self.store.volume_pool(copy.volume) == Some(&pool));
            let newest = newest.max_by_key(|copy| (copy.volume, copy.offset)).ok_or_else(|| {
                Error::new(ErrorKind::Missing, format!("{chunk} did not arrive in pool {pool}"))
            })?;
            self.store.verify_copy(newest)?;
        }
        Ok(())
    }

    /// Takes a damaged volume out, if nothing is lost by that.
    fn volume(&mut self, number: u32) -> Result<()> {
        let Some(volume) = self.volumes.get(&number).cloned() else { return self.gone(number) };
        if let Some(reason) = self.reason_to_stay(&volume) {
            return self.leave(&volume, &reason);
        }
        for place in self.store.volume_chunks(number)? {
            self.stop_if_asked()?;
            if !self.needed.contains(&place.chunk) || self.is_elsewhere(&volume, &place.chunk)? {
                continue;
            }
            if !self.write(&place.chunk, &volume.pool)? {
                return self.leave(&volume, "one more chunk of it could not be read");
            }
            self.report.moved += 1;
        }
        self.writer.end_copies()?;
        self.read_back()?;
        match self.writer.remove_damaged_volume(number) {
            Ok(()) => {
                self.report.volumes_removed += 1;
                Ok(())
            }
            // A lock; or what has to be said once more is nowhere to be read.
            Err(error) => match error.kind() {
                ErrorKind::Refused | ErrorKind::Damaged | ErrorKind::Missing => {
                    self.leave(&volume, &error.to_string())
                }
                _ => Err(error),
            },
        }
    }

    /// Its file is not there at all: with all that is needed elsewhere, nobody misses it.
    fn gone(&mut self, number: u32) -> Result<()> {
        match self.lost.is_empty() {
            true => self.writer.forget_faults(number),
            false => {
                self.report.volumes_left += 1;
                Ok(())
            }
        }
    }

    fn reason_to_stay(&self, volume: &VolumeRecord) -> Option<String> {
        let of_volume = |copy: &&ChunkPlace| copy.volume == volume.number;
        let mut copies = self.damage.copies.iter().filter(of_volume);
        if let Some(lost) = copies.find(|copy| self.lost.contains(&copy.chunk)) {
            return Some(format!("what is left of {} lies on it alone", lost.chunk));
        }
        match volume.kind {
            MediumKind::Disk | MediumKind::Object => None,
            MediumKind::Optical | MediumKind::Tape => {
                Some("it cannot be written again; `mover media migrate` empties it".to_owned())
            }
        }
    }

    fn is_elsewhere(&self, volume: &VolumeRecord, chunk: &ChunkId) -> Result<bool> {
        let in_pool = |copy: &ChunkPlace| {
            copy.volume != volume.number
                && self.store.volume_pool(copy.volume) == Some(&volume.pool)
        };
        Ok(self.sound_copies(chunk)?.iter().any(in_pool))
    }

    fn leave(&mut self, volume: &VolumeRecord, reason: &str) -> Result<()> {
        self.report.volumes_left += 1;
        self.watch.observer.note(&format!("{} stays: {reason}", volume.file));
        Ok(())
    }

    fn stop_if_asked(&self) -> Result<()> {
        match self.watch.cancel.is_cancelled() {
            true => Err(cancelled()),
            false => Ok(()),
        }
    }
}

/// Tells each entry that needs one of the chunks which are lost, and gives how many there are. A
/// lost chunk of an index loses no entry: the data stream stands in for it.
pub fn name_lost(
    store: &Store,
    decoding: &Decoding<'_>,
    lost: &BTreeSet<ChunkId>,
    watch: &Watch<'_>,
) -> Result<u64> {
    let mut count = 0;
    for record in store.archives()? {
        let (Some(footer), None) = (&record.footer, record.dropped) else { continue };
        let needed = Needed::by([&record]);
        if !lost.iter().any(|chunk| needed.contains(chunk)) {
            continue;
        }
        let cache = ChunkCache::new(decoding, INDEX_CHUNK_COUNT);
        for entry in Contents::open(&cache, footer, PathFilter::default())? {
            if watch.cancel.is_cancelled() {
                return Err(cancelled());
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    watch.observer.fault(b"", &error);
                    continue;
                }
            };
            let is_lost = |extent: &Extent| match extent {
                Extent::Data(run) => lost.contains(&run.chunk),
                Extent::Hole(_) => false,
            };
            if entry.extents.iter().any(is_lost) {
                count += 1;
                let message = format!("it is not whole any more in archive {}", record.header.name);
                watch.observer.fault(&entry.entry.path, &Error::new(ErrorKind::Damaged, message));
            }
        }
    }
    Ok(count)
}

//! Parity of what this store has: made, and used to heal.

use std::collections::BTreeSet;

use format::ParityHeader;
use serde::Serialize;

use super::StoreWriter;
use crate::ambient::random_bytes;
use crate::media::{MediumKind, Storage};
use crate::store::parity::{
    Found, Healer, Lying, ParitySet, Plan, Voucher, any_table, look, make, mark_removed, plan, tidy,
};
use crate::store::record::{Fault, FaultKind};
use crate::store::shelf::Shelf;
use crate::{Error, ErrorKind, Result};

/// What was made.
#[derive(Debug, Default, Serialize)]
pub struct Protected {
    /// Sets that were made.
    pub sets: u64,
    /// Bytes of volumes that were read for that.
    pub read_bytes: u64,
    /// Bytes of parity that were written.
    pub stored_bytes: u64,
    /// Volumes whose loss nothing heals yet: too few are closed for a set across them.
    pub waiting: u64,
    /// Why some sets could not be made.
    #[serde(skip)]
    pub troubles: Vec<Error>,
}

/// What parity gave back.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Healed {
    /// Volumes that were written anew.
    pub volumes: Vec<u32>,
    /// Bytes that are what they were again.
    pub healed_bytes: u64,
    /// Bytes of them that are lost: more of their rows is lost than there is parity.
    pub lost_bytes: u64,
}

/// Hears of bytes that were worked on, and may end the work by an error.
pub type Step<'a> = &'a mut dyn FnMut(u64) -> Result<()>;

impl StoreWriter {
    /// Brings parity into step with what is acknowledged, in every pool that is to have some.
    ///
    /// What cannot be protected, since it is damaged, is among the troubles; the rest is. An error
    /// leaves all sets that there were. `void` are files of sets that are damaged: those sets are
    /// made anew.
    pub fn protect(&mut self, void: &BTreeSet<String>, step: Step<'_>) -> Result<Protected> {
        self.commit()?;
        let mut done = Protected::default();
        for pool in 0..self.store.shelf.pools().len() {
            if self.store.shelf.traits(pool).kind == MediumKind::Disk {
                self.protect_pool(pool, void, &mut done, step)?;
            }
        }
        Ok(done)
    }

    fn protect_pool(
        &self,
        pool: usize,
        void: &BTreeSet<String>,
        done: &mut Protected,
        step: Step<'_>,
    ) -> Result<()> {
        let (id, shelf) = (self.store.id, &self.store.shelf);
        let (storage, parity) = (&*shelf.pools()[pool].storage, shelf.pools()[pool].parity);
        let found = look(storage, id)?;
        if found.is_empty() && parity.is_none() {
            return Ok(());
        }
        // What a crash left would be in the way.
        tidy(storage, id, &[])?;
        let is_void =
            |set: &&ParitySet| !set.is_whole() || set.names().any(|it| void.contains(&it));
        let (void, sound): (Vec<&ParitySet>, Vec<&ParitySet>) =
            found.sets.iter().partition(is_void);
        // What is removed and there again was not removed after all.
        let removed = found.removed.difference(&found.volumes).copied().collect();
        let volumes = self.lying(pool)?;
        let Plan { make: wanted, mut drop, waiting } =
            plan(&volumes, &sound, &void, &removed, parity);
        done.waiting += waiting;
        for wanted in &wanted {
            let Some(parity) = parity else { break };
            let header = ParityHeader {
                kind: wanted.kind,
                store: id,
                set: random_bytes(&*self.config.random),
                created: self.config.clock.now(),
                number: 0,
                parity_count: parity.parity,
                shard_length: wanted.shard_length,
                row_count: wanted.row_count,
                columns: wanted.columns.clone(),
            };
            let of: BTreeSet<u32> = wanted.columns.iter().map(|column| column.volume).collect();
            let mut vouchers = vouchers(storage, &found, &of);
            match make(storage, &header, &mut vouchers, step) {
                Ok(written) => {
                    done.sets += 1;
                    done.read_bytes += wanted.length();
                    done.stored_bytes += written;
                }
                // Sets that know more of these volumes stay, to heal them.
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing) => {
                    let names_them = |set: &ParitySet| !set.volumes().is_disjoint(&of);
                    let stay = found.sets.iter().filter(|set| names_them(set));
                    let stay: Vec<[u8; 16]> = stay.map(|set| set.header.set).collect();
                    drop.retain(|set| !stay.contains(set));
                    done.troubles.push(error);
                }
                Err(error) => {
                    tidy(storage, id, &[])?;
                    return Err(error);
                }
            }
        }
        // What said nothing was made anew above.
        for (name, _) in found.unreadable.iter().filter(|_| parity.is_some()) {
            storage.remove(name)?;
        }
        tidy(storage, id, &drop)
    }

    /// The volumes of a pool that are there, with what is acknowledged of them.
    fn lying(&self, pool: usize) -> Result<Vec<Lying>> {
        let volumes = self.store.volumes()?.into_iter().filter_map(|volume| {
            let is_here = self.store.shelf.pool_of(volume.number) == Some(pool);
            let length = volume.length.min(volume.indexed_length);
            let lying = Lying { number: volume.number, length, closed: volume.closed };
            (is_here && length > 0).then_some(lying)
        });
        Ok(volumes.collect())
    }

    /// Takes all parity of a pool away.
    pub fn unprotect(&mut self, pool: &str) -> Result<()> {
        let pool = self.store.shelf.pool(pool)?;
        let storage = &*self.store.shelf.pools()[pool].storage;
        let found = look(storage, self.store.id)?;
        for (name, _) in &found.unreadable {
            storage.remove(name)?;
        }
        let sets: Vec<[u8; 16]> = found.sets.iter().map(|set| set.header.set).collect();
        tidy(storage, self.store.id, &sets)
    }

    /// Says that a volume is going, to whoever finds a set that names it.
    pub(super) fn leave_parity(&self, volume: u32) -> Result<()> {
        let pools = self.store.shelf.pools().iter();
        for pool in pools.filter(|pool| pool.storage.traits().kind == MediumKind::Disk) {
            mark_removed(&*pool.storage, self.store.id, volume)?;
        }
        Ok(())
    }

    /// Has parity give back the bytes of damaged volumes, and volumes that are lost. A volume of
    /// which anything was healed is put in its place whole; the writer has to be opened anew then,
    /// and finds it as one that came back.
    pub fn heal(&mut self, damaged: &BTreeSet<u32>, step: Step<'_>) -> Result<Healed> {
        self.commit()?;
        let mut done = Healed::default();
        for pool in 0..self.store.shelf.pools().len() {
            if self.store.shelf.traits(pool).kind != MediumKind::Disk {
                continue;
            }
            let storage = self.store.shelf.pools()[pool].storage.clone();
            let found = look(&*storage, self.store.id)?;
            let known: BTreeSet<u32> = found.sets.iter().flat_map(ParitySet::volumes).collect();
            let mut volumes = found.lost();
            volumes.extend(damaged.intersection(&known).filter(|it| found.volumes.contains(it)));
            for number in volumes {
                self.heal_volume(&*storage, pool, &found, number, &mut done, step)?;
            }
        }
        Ok(done)
    }

    fn heal_volume(
        &mut self,
        storage: &dyn Storage,
        pool: usize,
        found: &Found,
        number: u32,
        done: &mut Healed,
        step: Step<'_>,
    ) -> Result<()> {
        let healer = Healer::new(storage, &found.sets, number);
        let mended = healer.write(number, step)?;
        done.lost_bytes += mended.lost;
        // Of what is lost altogether the smaller part is no volume: the file may yet be found.
        let is_too_little = !found.volumes.contains(&number) && mended.healed < mended.lost;
        if mended.healed == 0 || is_too_little || !healer.is_same(number) {
            return healer.discard(number);
        }
        self.write_elsewhere(number, pool)?;
        let rows = super::query::volumes(&self.catalog.connection)?;
        let indexing = self.catalog.begin()?;
        match rows.iter().find(|row| row.number == number) {
            Some(row) => indexing.cut((number, &row.pool), None, row.indexed_length)?,
            // A catalog that was made without it: what comes back was acknowledged all the same.
            None => {
                let (offset, kind) = (0, FaultKind::Missing);
                indexing.fault(&Fault { volume: number, offset, length: mended.healed, kind })?;
            }
        }
        indexing.commit()?;
        self.store.forget_reader(number);
        healer.put(number)?;
        done.volumes.push(number);
        done.healed_bytes += mended.healed;
        Ok(())
    }
}

/// What the sets that there are know of volumes.
fn vouchers(storage: &dyn Storage, found: &Found, volumes: &BTreeSet<u32>) -> Vec<Voucher> {
    let mut vouchers = Vec::new();
    for set in found.sets.iter().filter(|set| !set.volumes().is_disjoint(volumes)) {
        let Some(table) = any_table(storage, set) else { continue };
        for (column, checksums) in set.header.columns.iter().zip(table.columns) {
            if volumes.contains(&column.volume) {
                vouchers.push(Voucher::new(*column, set.header.shard_length, checksums));
            }
        }
    }
    vouchers
}

/// The highest number of a volume that parity knows: a new volume with it would be taken for damage.
pub(super) fn last_number(shelf: &Shelf, store: format::StoreId) -> Result<u32> {
    let pools = shelf.pools().iter();
    let on_disk = pools.filter(|pool| pool.storage.traits().kind == MediumKind::Disk);
    let numbers: Result<Vec<u32>> =
        on_disk.map(|pool| crate::store::parity::numbers(&*pool.storage, store)).collect();
    Ok(numbers?.into_iter().max().unwrap_or(0))
}

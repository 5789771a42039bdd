//! Parity of what this store has: made, and used to heal.

use std::collections::BTreeSet;

use format::ParityHeader;
use serde::Serialize;

use super::StoreWriter;
use crate::ambient::random_bytes;
use crate::failpoint::{self, reach};
use crate::media::{Storage, volume_file};
use crate::store::catalog::query;
use crate::store::parity::{
    Found, Healer, Lack, Lying, ParitySet, Voucher, Wanted, any_table, damaged, look, make,
    mark_removed, plan, tidy,
};
use crate::store::record::{Fault, FaultKind};
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
        for (pool, _) in self.store.shelf.on_disk() {
            self.protect_pool(pool, void, &mut done, step)?;
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
        let lacking = found.lacking(storage)?;
        done.troubles.extend(lacking.iter().filter_map(|(number, lack)| shorter(*number, lack)));
        // Volumes that nothing new is made of, and whose sets stay to heal them.
        let mut hurt: BTreeSet<u32> = lacking.into_keys().collect();

        let is_void =
            |set: &&ParitySet| !set.is_whole() || set.names().any(|it| void.contains(&it));
        let (void, sound): (Vec<&ParitySet>, Vec<&ParitySet>) =
            found.sets.iter().partition(is_void);
        // What is removed and there again was not removed after all.
        let removed = found.removed.difference(&found.volumes).copied().collect();
        let mut volumes = self.lying(pool)?;
        volumes.retain(|volume| !hurt.contains(&volume.number));
        let mut plan = plan(&volumes, &sound, &void, &removed, parity);
        done.waiting += plan.waiting;
        for wanted in &plan.make {
            match self.protect_set(storage, wanted, &found, step) {
                Ok(written) => {
                    done.sets += 1;
                    done.read_bytes += wanted.length();
                    done.stored_bytes += written;
                }
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing) => {
                    hurt.extend(wanted.columns.iter().map(|column| column.volume));
                    done.troubles.push(error);
                }
                Err(error) => {
                    tidy(storage, id, &[])?;
                    return Err(error);
                }
            }
        }
        for set in found.sets.iter().filter(|set| !set.volumes().is_disjoint(&hurt)) {
            plan.drop.retain(|going| *going != set.header.set);
        }
        // What said nothing was made anew above; unless it may be of use to what was not.
        for (name, _) in found.unreadable.iter().filter(|_| parity.is_some() && hurt.is_empty()) {
            storage.remove(name)?;
        }
        tidy(storage, id, &plan.drop)
    }

    fn protect_set(
        &self,
        storage: &dyn Storage,
        wanted: &Wanted,
        found: &Found,
        step: Step<'_>,
    ) -> Result<u64> {
        let header = ParityHeader {
            kind: wanted.kind,
            store: self.store.id,
            set: random_bytes(&*self.config.random),
            created: self.config.clock.now(),
            number: 0,
            parity_count: wanted.parity_count,
            shard_length: wanted.shard_length,
            row_count: wanted.row_count,
            columns: wanted.columns.clone(),
        };
        let of = wanted.columns.iter().map(|column| column.volume).collect();
        make(storage, &header, &mut vouchers(storage, found, &of), step)
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
        for (_, pool) in self.store.shelf.on_disk() {
            mark_removed(&*pool.storage, self.store.id, volume)?;
        }
        Ok(())
    }

    /// Has parity give back the bytes of damaged volumes, and volumes that are lost or cut. A volume
    /// of which anything was healed is put in its place whole; the writer has to be opened anew
    /// then, and finds it as one that came back.
    pub fn heal(&mut self, damaged: &BTreeSet<u32>, step: Step<'_>) -> Result<Healed> {
        self.commit()?;
        let mut done = Healed::default();
        let pools = self.store.shelf.on_disk().map(|(pool, config)| (pool, config.storage.clone()));
        for (pool, storage) in pools.collect::<Vec<_>>() {
            let found = look(&*storage, self.store.id)?;
            let known: BTreeSet<u32> = found.sets.iter().flat_map(ParitySet::volumes).collect();
            let mut volumes: BTreeSet<u32> = found.lacking(&*storage)?.into_keys().collect();
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
        let rows = query::volumes(&self.catalog.connection)?;
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
        reach(failpoint::VOLUME_HEALED)?;
        healer.put(number)?;
        reach(failpoint::VOLUME_PUT_BACK)?;
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

/// A volume that is there in part.
fn shorter(number: u32, lack: &Lack) -> Option<Error> {
    let (file, known) = (volume_file(number), lack.known);
    lack.length
        .map(|length| damaged(format!("{file} has {length} bytes, and parity knows {known}")))
}

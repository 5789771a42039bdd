//! Forgets archives that no rule keeps, and gives back the room that only they took.
//!
//! Media that can be written anywhere give back what is mostly unused, by moving the rest; tapes and
//! discs give back whole volumes alone. What lies on several media is kept on each for as long as
//! the rules of its pool say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use format::ArchiveId;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::archive::{Ambient, Watch, seconds};
use super::feed::cancelled;
use super::retention::Keep;
use crate::error::{ErrorKind, Result};
use crate::store::MediumKind;
use crate::store::{ArchiveRecord, Needed, Store, StoreWriter, VolumeRecord};

/// What is kept, and how hard to look for room.
#[derive(Clone, Debug)]
pub struct PruneConfig {
    /// What is kept in pools that have no rules of their own.
    pub keep: Keep,
    /// What is kept in each pool.
    pub pools: BTreeMap<String, Keep>,
    /// Volumes of a pool stay this long after they were labelled, whatever is on them.
    pub locked_for: BTreeMap<String, Duration>,
    /// A volume is emptied, where its medium lets it, when at most this part of it is used: 0 to 1.
    pub used_max: f64,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// An archive and what becomes of it.
#[derive(Clone, Debug, Serialize)]
pub struct Decision {
    /// The archive's id.
    pub archive: String,
    /// Its name.
    pub name: String,
    /// When it was begun, in seconds since the epoch.
    pub started: i64,
    /// The rules that keep it, by pool; none drops it.
    pub kept_by: Vec<String>,
}

/// The end of a prune.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PruneReport {
    /// Nothing was done.
    pub dry_run: bool,
    /// Archives, and what became of each.
    pub archives: Vec<Decision>,
    /// Archives that are no longer shown.
    pub dropped: u64,
    /// Volumes that were taken out.
    pub volumes_removed: u64,
    /// Bytes that they held.
    pub bytes_freed: u64,
    /// Bytes that were moved to other volumes for that.
    pub bytes_moved: u64,
    /// Volumes that a lock keeps.
    pub volumes_locked: u64,
    /// Wall time.
    pub seconds: f64,
}

/// Decides what would be done to a store.
fn decide(ambient: &Ambient, store: &Store, config: &PruneConfig, zone: &TimeZone) -> Result<Plan> {
    let archives = store.archives()?;
    let is_shown = |record: &&ArchiveRecord| record.footer.is_some() && record.dropped.is_none();
    let shown: Vec<ArchiveRecord> = archives.iter().filter(is_shown).cloned().collect();
    let now = ambient.clock.now();
    let mut kept_by: Vec<Vec<String>> = vec![Vec::new(); shown.len()];
    let pools_of: Vec<BTreeSet<String>> =
        shown.iter().map(|record| store.archive_pools(record)).collect::<Result<_>>()?;
    let mut kept_in: BTreeMap<String, BTreeSet<ArchiveId>> = BTreeMap::new();
    for pool in store.pools() {
        let keep = config.pools.get(&pool.name).unwrap_or(&config.keep);
        let of_pool: Vec<usize> =
            (0..shown.len()).filter(|at| pools_of[*at].contains(&pool.name)).collect();
        let records: Vec<ArchiveRecord> = of_pool.iter().map(|at| shown[*at].clone()).collect();
        let kept = kept_in.entry(pool.name.clone()).or_default();
        for (at, fate) in of_pool.iter().zip(keep.fates(&records, now, zone)) {
            if !fate.kept_by.is_empty() {
                kept.insert(shown[*at].header.archive);
                let rules = fate.kept_by.iter().map(|rule| format!("{rule} ({})", pool.name));
                kept_by[*at].extend(rules);
            }
        }
    }
    let (mut decisions, mut drops) = (Vec::new(), BTreeSet::new());
    for (record, kept_by) in shown.iter().zip(kept_by) {
        let archive = record.header.archive;
        if kept_by.is_empty() {
            drops.insert(archive);
        }
        let (name, started) = (record.header.name.clone(), record.header.started.seconds);
        decisions.push(Decision { archive: archive.to_string(), name, started, kept_by });
    }
    let stays = |record: &&ArchiveRecord| !drops.contains(&record.header.archive);
    let unfinished = |record: &ArchiveRecord| record.footer.is_none();
    let needed = Needed::by(archives.iter().filter(stays));
    let needed_in = kept_in.into_iter().map(|(pool, kept)| {
        let is_kept = |it: &&ArchiveRecord| kept.contains(&it.header.archive) || unfinished(it);
        (pool, Needed::by(archives.iter().filter(stays).filter(is_kept)))
    });
    let needed_in = needed_in.collect();
    Ok(Plan { decisions, drops, needed, needed_in })
}

/// What is to be done.
struct Plan {
    decisions: Vec<Decision>,
    drops: BTreeSet<ArchiveId>,
    /// By all archives that stay.
    needed: Needed,
    /// By those that stay in a pool.
    needed_in: BTreeMap<String, Needed>,
}

/// What becomes of a volume.
enum VolumeFate {
    Stays,
    Goes,
    /// So many bytes are moved first.
    Emptied(u64),
}

/// Prunes a store.
pub fn prune(
    ambient: &Ambient,
    writer: &mut StoreWriter,
    config: &PruneConfig,
    watch: &Watch<'_>,
) -> Result<PruneReport> {
    let began = ambient.clock.elapsed();
    let store = writer.store();
    let plan = decide(ambient, &store, config, &TimeZone::system())?;
    let mut report = PruneReport {
        dry_run: config.dry_run,
        archives: plan.decisions.clone(),
        dropped: plan.drops.len() as u64,
        ..PruneReport::default()
    };
    if !config.dry_run {
        for archive in &plan.drops {
            writer.drop_archive(archive, ambient.clock.now())?;
        }
    }
    for volume in store.volumes()? {
        if watch.cancel.is_cancelled() {
            return Err(cancelled());
        }
        let fate = plan.fate(&store, &volume, config)?;
        if matches!(fate, VolumeFate::Stays) {
            continue;
        }
        if is_locked(ambient, &store, &volume, config)? {
            report.volumes_locked += 1;
            watch.observer.note(&format!("{} is locked: it stays", volume.file));
            continue;
        }
        if let VolumeFate::Emptied(bytes) = fate {
            report.bytes_moved += bytes;
            if !config.dry_run {
                for place in store.volume_chunks(volume.number)? {
                    if plan.is_needed(&volume, &place.chunk) {
                        writer.move_chunk(&place.chunk, &volume.pool)?;
                    }
                }
                writer.end_copies()?;
            }
        }
        if !config.dry_run {
            match writer.remove_volume(volume.number) {
                // Another pool's rules would let it go, and it is the only one that has it.
                Err(error) if error.kind() == ErrorKind::Refused => {
                    watch.observer.note(&format!("{} stays: {error}", volume.file));
                    continue;
                }
                removed => removed?,
            }
        }
        report.volumes_removed += 1;
        report.bytes_freed += volume.length;
    }
    report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok(report)
}

impl Plan {
    fn is_needed(&self, volume: &VolumeRecord, chunk: &format::ChunkId) -> bool {
        self.needed_in.get(&volume.pool).unwrap_or(&self.needed).contains(chunk)
    }

    fn fate(
        &self,
        store: &Store,
        volume: &VolumeRecord,
        config: &PruneConfig,
    ) -> Result<VolumeFate> {
        // One that is written to will be looked at when it is full.
        if !volume.closed || volume.chunk_count == 0 {
            return Ok(VolumeFate::Stays);
        }
        let Some(pool) = store.pools().into_iter().find(|pool| pool.name == volume.pool) else {
            return Ok(VolumeFate::Stays);
        };
        let mut used = 0;
        for place in store.volume_chunks(volume.number)? {
            let here = self.is_needed(volume, &place.chunk);
            let elsewhere = || -> Result<bool> {
                Ok(store.copies(&place.chunk)?.iter().any(|copy| copy.volume != volume.number))
            };
            // What another pool's rules keep stays here too, where it is nowhere else.
            if here || (self.needed.contains(&place.chunk) && !elsewhere()?) {
                used += place.length + place.footer_length;
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        let share = used as f64 / volume.length.max(1) as f64;
        Ok(match pool.kind {
            _ if used == 0 => VolumeFate::Goes,
            MediumKind::Disk | MediumKind::Object if share <= config.used_max => {
                VolumeFate::Emptied(used)
            }
            _ => VolumeFate::Stays,
        })
    }
}

fn is_locked(
    ambient: &Ambient,
    store: &Store,
    volume: &VolumeRecord,
    config: &PruneConfig,
) -> Result<bool> {
    let Some(locked_for) = config.locked_for.get(&volume.pool) else { return Ok(false) };
    let created = store.volume_label(volume.number)?.created;
    let age = ambient.clock.now().seconds.saturating_sub(created.seconds);
    Ok(age < i64::try_from(locked_for.as_secs()).unwrap_or(i64::MAX))
}

//! Parity gives volumes back bit for bit, and whatever happens to it nothing else is touched.

// In suggested reading order.
mod loss;
mod look;
mod make;
mod heal;
mod crash;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use format::{ParityColumn, ParityHeader, ParityKind, ParityTable, Timestamp};

use super::{Log, Rig, VOLUME_SIZE, check, chunk, context, session};
use crate::ambient::SeededRandom;
use crate::media::{
    AppendFile, FakeStorage, Parity, ReadFile, Storage, volume_file, volume_number,
};
use crate::store::parity::{Lying, ParitySet, Voucher, look, make, plan};
use crate::store::{Fault, FaultKind, Healed, ParityFault, Protected, StoreWriter};
use crate::{ErrorKind, Result};

/// A store of several volumes, with parity of all of them.
fn rig(data: u8, parity: u8) -> (Rig, Log) {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data, parity });
    let log = rig.archive(1);
    rig.archive(2);
    let done = protect(&rig).unwrap();
    assert!(done.troubles.is_empty() && done.sets > 1, "{done:?}");
    (rig, log)
}

fn protect(rig: &Rig) -> Result<Protected> {
    rig.writer()?.protect(&BTreeSet::new(), &mut |_| Ok(()))
}

fn heal(rig: &Rig, damaged: &[u32]) -> Result<Healed> {
    rig.writer()?.heal(&damaged.iter().copied().collect(), &mut |_| Ok(()))
}

/// All volumes, by number.
fn volumes(storage: &FakeStorage) -> BTreeMap<u32, Vec<u8>> {
    let files = storage.files().into_iter();
    files.filter_map(|(name, bytes)| Some((volume_number(&name)?, bytes))).collect()
}

/// The same volumes, and the same catalog or none.
fn again(rig: &Rig, with_catalog: bool) -> Rig {
    let storage = rig.storage.kill();
    let mut again = if with_catalog { rig.with_volumes(storage) } else { Rig::on(storage) };
    again.config.parity = rig.config.parity;
    // What is made from here on has names of its own.
    again.config.random = Arc::new(SeededRandom::new(8));
    again
}

/// The volumes that sets across them have: those that may be lost.
fn across(rig: &Rig) -> Vec<u32> {
    let found = crate::store::parity::look(&rig.storage, rig.store().id()).unwrap();
    let sets = found.sets.iter().filter(|set| set.header.kind == ParityKind::Across);
    sets.flat_map(|set| set.volumes()).collect()
}

/// All files of parity, by name.
fn parity_files(rig: &Rig) -> Vec<String> {
    let names = rig.storage.list().unwrap();
    names.into_iter().filter(|name| name.ends_with(".parity")).collect()
}

/// A set of one column of parity within a volume, of one column of data.
fn within(rig: &Rig, set: u8, column: ParityColumn) -> ParityHeader {
    ParityHeader {
        kind: ParityKind::Within,
        store: rig.store().id(),
        set: [set; 16],
        created: Timestamp::default(),
        number: 0,
        parity_count: 1,
        shard_length: 4096,
        row_count: u32::try_from(column.length.div_ceil(4096)).unwrap(),
        columns: vec![column],
    }
}

/// Puts the one file of such a set into the folder, with one shard of parity, whatever the volume
/// has; `known` is the checksum of the volume's.
fn craft(rig: &Rig, column: ParityColumn, known: u32, shard: [u8; 4096]) {
    let own = vec![format::checksum(&shard)];
    let mut file = Vec::new();
    within(rig, 3, column).encode(&mut file);
    file.extend(shard);
    ParityTable { columns: vec![vec![known]], own }.encode(&mut file);
    rig.storage.replace("0303030303030303-0.parity", file);
}

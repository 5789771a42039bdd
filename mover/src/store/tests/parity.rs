//! Parity gives volumes back bit for bit, and whatever happens to it nothing else is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Log, Rig, VOLUME_SIZE, check};
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
    let sets = found.sets.iter().filter(|set| set.header.kind == format::ParityKind::Across);
    sets.flat_map(|set| set.volumes()).collect()
}

#[test]
fn a_lost_volume_comes_back_bit_for_bit_with_a_catalog_and_without() {
    let (rig, log) = rig(3, 1);
    let before = volumes(&rig.storage);
    let across = across(&rig);
    assert!(across.len() >= 3, "{across:?} of {}", before.len());
    for number in across {
        for with_catalog in [true, false] {
            let hurt = again(&rig, with_catalog);
            hurt.storage.lose(&volume_file(number));
            let faults = hurt.store().check_parity().unwrap();
            assert_eq!(faults, [ParityFault::Volume(number)]);
            let healed = heal(&hurt, &[]).unwrap();
            assert_eq!((&healed.volumes[..], healed.lost_bytes), (&[number][..], 0));
            assert_eq!(volumes(&hurt.storage), before, "volume {number}");
            check(&hurt.store(), &log);
            assert!(hurt.store().faults().unwrap().is_empty());
            assert!(hurt.store().check_parity().unwrap().is_empty());
            check(&hurt.store(), &hurt.archive(3));
        }
    }
}

#[test]
fn damage_anywhere_is_mended_bit_for_bit() {
    let (rig, log) = rig(3, 1);
    let before = volumes(&rig.storage);
    for (number, bytes) in &before {
        for at in (0..bytes.len() as u64).step_by(487) {
            let hurt = again(&rig, true);
            hurt.storage.flip(&volume_file(*number), at, 3);
            let healed = heal(&hurt, &[*number]).unwrap();
            assert_eq!(healed.volumes, [*number], "{at:#x}");
            assert_eq!(volumes(&hurt.storage), before, "volume {number} at {at:#x}");
            check(&hurt.store(), &log);
        }
    }
}

#[test]
fn what_a_disk_refuses_and_what_was_cut_off_is_given_back_too() {
    let (rig, log) = rig(3, 1);
    let before = volumes(&rig.storage);
    for number in across(&rig) {
        let file = volume_file(number);
        let hurt = again(&rig, true);
        hurt.storage.cut(&file, 1_000);
        assert_eq!(heal(&hurt, &[number]).unwrap().volumes, [number]);
        assert_eq!(volumes(&hurt.storage), before);
        let hurt = again(&rig, true);
        hurt.storage.spoil(&file, 500..600);
        hurt.writer().unwrap().heal(&BTreeSet::from([number]), &mut |_| Ok(())).unwrap();
        assert_eq!(volumes(&hurt.storage), before);
        check(&hurt.store(), &log);
    }
}

#[test]
fn more_than_there_is_parity_is_told_and_leaves_all_else() {
    let (rig, _) = rig(3, 1);
    let lost = &across(&rig)[..2];
    let hurt = again(&rig, true);
    lost.iter().for_each(|number| hurt.storage.lose(&volume_file(*number)));
    let before = volumes(&hurt.storage);
    let healed = heal(&hurt, &[]).unwrap();
    assert!(healed.volumes.is_empty() && healed.lost_bytes > VOLUME_SIZE, "{healed:?}");
    assert_eq!(volumes(&hurt.storage), before);
    // The number of a lost volume is nobody else's: parity would take that one for damage.
    let bare = again(&hurt, false);
    bare.archive(3);
    assert!(lost.iter().all(|number| !volumes(&bare.storage).contains_key(number)));
}

#[test]
fn two_of_parity_stand_in_for_any_two() {
    let (rig, log) = rig(3, 2);
    let before = volumes(&rig.storage);
    let across = across(&rig);
    for one in &across[..3] {
        for other in across[..3].iter().filter(|other| *other > one) {
            let hurt = again(&rig, true);
            hurt.storage.lose(&volume_file(*one));
            hurt.storage.flip(&volume_file(*other), 300, 0);
            let healed = heal(&hurt, &[*other]).unwrap();
            assert_eq!((healed.volumes, healed.lost_bytes), (vec![*one, *other], 0));
            assert_eq!(volumes(&hurt.storage), before);
            check(&hurt.store(), &log);
        }
    }
}

#[test]
fn damaged_parity_is_told_and_made_anew() {
    let (rig, _) = rig(3, 1);
    for name in parity_files(&rig) {
        let length = rig.storage.bytes(&name).len() as u64;
        for at in [0, 20, 300, length - 100, length - 1, u64::MAX] {
            let hurt = again(&rig, true);
            match at {
                u64::MAX => hurt.storage.lose(&name),
                at => hurt.storage.flip(&name, at, 1),
            }
            let void: BTreeSet<String> = hurt
                .store()
                .check_parity()
                .unwrap()
                .iter()
                .map(|fault| {
                    let ParityFault::File { file, .. } = fault else { panic!("{fault}") };
                    file.clone()
                })
                .collect();
            // The only file of its set: without it nobody knows of the set.
            assert_eq!(void.contains(&name), at != u64::MAX, "{name} at {at}: {void:?}");
            let mut writer = hurt.writer().unwrap();
            let done = writer.protect(&void, &mut |_| Ok(())).unwrap();
            assert_eq!((done.sets, done.troubles.len()), (1, 0), "{name} at {at}");
            drop(writer);
            assert!(hurt.store().check_parity().unwrap().is_empty());
            let number = *across(&hurt).first().unwrap();
            hurt.storage.lose(&volume_file(number));
            assert_eq!(heal(&hurt, &[]).unwrap().volumes, [number]);
        }
    }
}

/// All files of parity, by name.
fn parity_files(rig: &Rig) -> Vec<String> {
    let names = rig.storage.list().unwrap();
    names.into_iter().filter(|name| name.ends_with(".parity")).collect()
}

/// The set across volumes that names one, and the name of its first file.
fn set_of(rig: &Rig, volume: u32) -> (BTreeSet<u32>, String) {
    let found = crate::store::parity::look(&rig.storage, rig.store().id()).unwrap();
    let is_of = |set: &&crate::store::parity::ParitySet| {
        set.header.kind == format::ParityKind::Across && set.volumes().contains(&volume)
    };
    let set = found.sets.iter().find(is_of).expect("it is in one");
    (set.volumes(), set.names().next().expect("it has two"))
}

/// What heals a volume stays as long as the volume is not whole, whatever else happens to its set.
#[test]
fn a_set_that_lost_something_itself_stays_while_it_can_heal() {
    let (rig, log) = rig(3, 2);
    let before = volumes(&rig.storage);
    let first = across(&rig)[0];
    let (together, parity_file) = set_of(&rig, first);
    for with_catalog in [true, false] {
        for left in [None, Some(1), Some(before[&first].len() as u64 / 2)] {
            for broken in [false, true] {
                let what = format!("{with_catalog}, {left:?} left, {broken}");
                let hurt = again(&rig, with_catalog);
                match left {
                    None => hurt.storage.lose(&volume_file(first)),
                    Some(length) => hurt.storage.cut(&volume_file(first), length),
                }
                match broken {
                    true => hurt.storage.flip(&parity_file, 30, 1),
                    false => hurt.storage.lose(&parity_file),
                }
                let later = hurt.archive(3);
                let done = protect(&hurt).unwrap();
                let told: Vec<String> = done.troubles.iter().map(ToString::to_string).collect();
                assert_eq!(told.len(), usize::from(left.is_some()), "{what}: {told:?}");
                assert!(told.iter().all(|it| it.contains("and parity knows")), "{what}: {told:?}");
                assert_eq!(parity_files(&hurt).contains(&parity_file), broken, "{what}");
                assert_eq!(heal(&hurt, &[]).unwrap().volumes, [first], "{what}");
                let after = volumes(&hurt.storage);
                assert!(before.iter().all(|(number, it)| after[number].starts_with(it)), "{what}");
                check(&hurt.store(), &log);
                check(&hurt.store(), &later);
                // Once it is whole everything is protected as if nothing had been.
                assert!(protect(&hurt).unwrap().troubles.is_empty(), "{what}");
                assert!(hurt.store().check_parity().unwrap().is_empty(), "{what}");
                assert!(!parity_files(&hurt).contains(&parity_file), "{what}");
                let state = hurt.store().parity().unwrap().pop().unwrap();
                let is_protected =
                    |it| state.volumes_across.contains(it) || state.volumes_within.contains(it);
                assert!(together.iter().all(is_protected), "{what}: {state:?}");
            }
        }
    }
}

#[test]
fn a_volume_that_is_lost_beside_one_that_was_taken_out_still_comes_back() {
    let (rig, log) = rig(3, 2);
    let across = across(&rig);
    let (taken, lost) = (across[0], across[1]);
    let mut writer = rig.writer().unwrap();
    for archive in &log.finished {
        writer.drop_archive(archive, rig.config.clock.now()).unwrap();
    }
    writer.remove_volume(taken).unwrap();
    drop(writer);
    let before = volumes(&rig.storage);
    rig.storage.lose(&volume_file(lost));
    rig.archive(3);
    protect(&rig).unwrap();
    assert_eq!(heal(&rig, &[]).unwrap().volumes, [lost]);
    assert_eq!(volumes(&rig.storage)[&lost], before[&lost]);
    protect(&rig).unwrap();
    assert!(!self::across(&rig).contains(&taken));
    assert!(rig.store().check_parity().unwrap().is_empty());
}

/// Wherever the newest volume ends now, and with no catalog to say where it ended: nothing is
/// written where parity knows something else.
#[test]
fn behind_the_end_of_a_volume_that_was_cut_nothing_is_written() {
    let (rig, log) = rig(1, 2);
    let before = volumes(&rig.storage);
    let (newest, bytes) = before.iter().next_back().unwrap();
    let file = volume_file(*newest);
    let frame = |at: &usize| bytes[*at..].starts_with(&format::MAGIC);
    let places: Vec<usize> = (1..bytes.len()).filter(frame).collect();
    assert!(places.len() > 3, "{places:?}");
    for at in places {
        let hurt = again(&rig, false);
        hurt.storage.cut(&file, at as u64);
        assert_eq!(hurt.store().check_parity().unwrap().len(), 1, "at {at:#x}");
        let later = hurt.archive(3);
        assert_eq!(hurt.storage.bytes(&file).len(), at, "at {at:#x}");
        let done = protect(&hurt).unwrap();
        assert_eq!(done.troubles.len(), 1, "at {at:#x}: {done:?}");
        assert_eq!(heal(&hurt, &[]).unwrap().volumes, [*newest], "at {at:#x}");
        assert!(hurt.storage.bytes(&file) == *bytes, "at {at:#x}");
        check(&hurt.store(), &log);
        check(&hurt.store(), &later);
        assert!(protect(&hurt).unwrap().troubles.is_empty(), "at {at:#x}");
    }
}

/// A set that claims to know a place far behind the end of a volume does not fill the disk with
/// what lies between.
#[test]
fn what_lies_far_behind_a_volume_is_lost_and_not_written() {
    let (rig, _) = rig(1, 2);
    let (number, bytes) = volumes(&rig.storage).pop_last().unwrap();
    let header = format::ParityHeader {
        kind: format::ParityKind::Within,
        store: rig.store().id(),
        set: [3; 16],
        created: format::Timestamp::default(),
        number: 0,
        parity_count: 1,
        shard_length: 4096,
        row_count: 1,
        columns: vec![format::ParityColumn { volume: number, offset: 1 << 61, length: 4096 }],
    };
    let table =
        format::ParityTable { columns: vec![vec![1]], own: vec![format::checksum(&[0; 4096])] };
    let mut crafted = Vec::new();
    header.encode(&mut crafted);
    crafted.resize(crafted.len() + 4096, 0);
    table.encode(&mut crafted);
    rig.storage.replace("0303030303030303-0.parity", crafted);
    let healed = heal(&rig, &[]).unwrap();
    assert_eq!((healed.volumes.len(), healed.lost_bytes), (0, 4096), "{healed:?}");
    assert!(rig.storage.bytes(&volume_file(number)) == bytes);
}

/// A sector that cannot be read is a trouble of the sets that would have it, and of no other.
#[test]
fn a_bad_sector_keeps_nothing_else_from_being_protected() {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    let log = rig.archive(1);
    rig.storage.spoil(&volume_file(2), 500..600);
    let done = protect(&rig).unwrap();
    assert_eq!(done.troubles.len(), 1, "{done:?}");
    assert!(done.troubles[0].to_string().contains("00000002.volume at 0x0 cannot be read"));
    assert!(done.sets > 0, "{done:?}");
    assert!(!log.finished.is_empty());
}

#[test]
fn what_else_lies_in_the_folder_is_left_alone() {
    let (rig, _) = rig(3, 1);
    let foreign =
        ["notes.new", "x.parity", "00ff-0.parity", "0123456789ABCDEF-0.parity", "1.removed"];
    foreign.iter().for_each(|name| rig.storage.replace(name, vec![7; 9]));
    assert!(rig.store().check_parity().unwrap().is_empty());
    protect(&rig).unwrap();
    rig.writer().unwrap().unprotect("default").unwrap();
    let left = rig.storage.list().unwrap();
    assert!(foreign.iter().all(|name| left.iter().any(|it| it == name)), "{left:?}");
    assert!(left.iter().all(|name| volume_number(name).is_some() || foreign.contains(&&**name)));
}

#[test]
fn damage_is_not_protected_and_what_heals_it_stays() {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data: 200, parity: 1 });
    rig.archive(1);
    rig.archive(2);
    protect(&rig).unwrap();
    let before = volumes(&rig.storage);
    // Damage, between the time of sets within volumes and that of a set across them.
    rig.storage.flip(&volume_file(2), 700, 0);
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    let done = protect(&rig).unwrap();
    assert_eq!(done.troubles.len(), 1, "{done:?}");
    assert!(done.troubles[0].to_string().contains("00000002.volume at 0x0 is not what"));
    assert_eq!(heal(&rig, &[2]).unwrap().volumes, [2]);
    assert_eq!(volumes(&rig.storage), before);
    assert!(protect(&rig).unwrap().troubles.is_empty());
    assert!(across(&rig).contains(&2));
}

#[test]
fn a_volume_that_is_taken_out_is_not_missed_and_the_others_stay_protected() {
    let (rig, log) = rig(3, 1);
    let taken = across(&rig)[1];
    let mut writer = rig.writer().unwrap();
    let archive = log.finished[0];
    writer.drop_archive(&archive, rig.config.clock.now()).unwrap();
    log.finished[1..].iter().for_each(|it| {
        writer.drop_archive(it, rig.config.clock.now()).unwrap();
    });
    writer.remove_volume(taken).unwrap();
    drop(writer);
    let marked = again(&rig, false);
    assert!(marked.store().check_parity().unwrap().is_empty(), "it was taken out");
    assert!(heal(&marked, &[]).unwrap().volumes.is_empty());
    protect(&rig).unwrap();
    assert!(!rig.storage.list().unwrap().iter().any(|name| name.ends_with(".removed")));
    assert!(!across(&rig).contains(&taken));
    let before = volumes(&rig.storage);
    let number = across(&rig)[0];
    rig.storage.lose(&volume_file(number));
    assert_eq!(heal(&rig, &[]).unwrap().volumes, [number]);
    assert_eq!(volumes(&rig.storage), before);
}

/// Archives, protects, drops a second archive and takes its volumes out, until the power fails.
fn life(rig: &Rig, log: &mut Log) -> Result<()> {
    let mut writer = rig.writer()?;
    super::session(&mut writer, 1, log)?;
    writer.close("default")?;
    writer.protect(&BTreeSet::new(), &mut |_| Ok(()))?;
    let kept = writer.volumes()?.len();
    let mut second = Log::default();
    super::session(&mut writer, 2, &mut second)?;
    writer.close("default")?;
    writer.protect(&BTreeSet::new(), &mut |_| Ok(()))?;
    for archive in &second.finished {
        writer.drop_archive(archive, rig.config.clock.now())?;
    }
    for volume in writer.volumes()?.split_off(kept) {
        if volume.chunk_count > 0 {
            writer.remove_volume(volume.number)?;
        }
    }
    writer.protect(&BTreeSet::new(), &mut |_| Ok(())).map(drop)
}

#[test]
fn a_power_loss_at_any_operation_costs_neither_volumes_nor_what_heals_them() {
    let new = || {
        let mut rig = Rig::new();
        rig.config.parity = Some(Parity { data: 2, parity: 1 });
        rig
    };
    let whole = new();
    let begin = whole.storage.operations();
    let _ = life(&whole, &mut Log::default());
    let operations = whole.storage.operations();
    assert!(operations > begin + 60, "{operations}");
    for stop_at in begin..operations {
        let rig = new();
        rig.storage.stop_at(stop_at);
        let mut log = Log::default();
        let _ = life(&rig, &mut log);
        for seed in 0..3 {
            let mut after = rig.with_volumes(rig.storage.crash(seed));
            after.config.parity = rig.config.parity;
            after.config.random = Arc::new(SeededRandom::new(8));
            let what = format!("operation {stop_at}, seed {seed}");
            check(&after.store(), &log);
            let done = protect(&after).unwrap();
            assert!(done.troubles.is_empty(), "{what}: {done:?}");
            let faults = after.store().check_parity().unwrap();
            assert!(faults.is_empty(), "{what}: {faults:?}");
            let left = after.storage.list().unwrap();
            let is_left = |it: &String| it.ends_with(".new") || it.ends_with(".removed");
            assert!(!left.iter().any(is_left), "{what}: {left:?}");
            let before = volumes(&after.storage);
            if let Some(number) = across(&after).last() {
                after.storage.lose(&volume_file(*number));
                assert_eq!(heal(&after, &[]).unwrap().volumes, [*number], "{what}");
            }
            assert_eq!(volumes(&after.storage), before, "{what}");
        }
    }
}

#[test]
fn a_power_loss_while_it_heals_leaves_what_can_be_healed() {
    let (rig, log) = rig(3, 1);
    let before = volumes(&rig.storage);
    let numbers = across(&rig);
    let hurt = || {
        let hurt = again(&rig, true);
        hurt.storage.lose(&volume_file(numbers[0]));
        // In another row than the last of what is lost.
        hurt.storage.flip(&volume_file(*before.keys().last().unwrap()), 100, 0);
        hurt
    };
    let damaged = [*before.keys().last().unwrap()];
    let whole = hurt();
    drop(whole.writer().unwrap());
    let begin = whole.storage.operations();
    heal(&whole, &damaged).unwrap();
    for stop_at in begin..whole.storage.operations() {
        for seed in 0..4 {
            let rig = hurt();
            rig.storage.stop_at(stop_at);
            assert!(heal(&rig, &damaged).is_err());
            let mut after = rig.with_volumes(rig.storage.crash(seed));
            after.config.parity = rig.config.parity;
            after.config.random = Arc::new(SeededRandom::new(8));
            heal(&after, &damaged).unwrap();
            assert_eq!(volumes(&after.storage), before, "operation {stop_at}, seed {seed}");
            check(&after.store(), &log);
        }
    }
}

#[test]
fn a_full_disk_leaves_the_store_and_the_parity_that_there_was() {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    let log = rig.archive(1);
    let mut writer: StoreWriter = rig.writer().unwrap();
    rig.storage.full_at(rig.storage.operations() + 9);
    let error = writer.protect(&BTreeSet::new(), &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Full);
    let left = rig.storage.list().unwrap();
    assert!(!left.iter().any(|name| name.ends_with(".new")), "{left:?}");
    drop(writer);
    check(&rig.store(), &log);
    rig.storage.free();
    assert!(protect(&rig).unwrap().sets > 0);
    assert!(rig.store().check_parity().unwrap().is_empty());
}

/// No set of those that are left needs to name the volume: what parity says of it is enough.
#[test]
fn the_number_of_the_last_volume_is_nobody_elses_though_it_is_lost() {
    let (rig, _) = rig(3, 1);
    let hurt = again(&rig, false);
    let (last, _) = volumes(&rig.storage).pop_last().unwrap();
    hurt.storage.lose(&volume_file(last));
    hurt.archive(3);
    assert!(!volumes(&hurt.storage).contains_key(&last));
}

#[test]
fn a_pool_that_is_to_have_no_parity_any_more_is_tidied_all_the_same() {
    // A file that was being made, and what is said of a volume that no set names.
    for left in ["0123456789abcdef-0.parity.new", "00000002.volume.removed"] {
        let rig = Rig::new();
        assert_eq!(rig.config.parity, None);
        rig.storage.replace(left, Vec::new());
        protect(&rig).unwrap();
        assert_eq!(rig.storage.list().unwrap(), ["00000001.volume"]);
    }
}

/// A folder in which other files are listed than are there, as beside a writer.
struct Listed<F>(FakeStorage, F);

impl<F> std::fmt::Debug for Listed<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listed").finish_non_exhaustive()
    }
}

impl<F: Fn(&mut Vec<String>) + Send + Sync> Storage for Listed<F> {
    fn list(&self) -> Result<Vec<String>> {
        let mut names = self.0.list()?;
        (self.1)(&mut names);
        Ok(names)
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        self.0.create(name)
    }

    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        self.0.append(name)
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        self.0.open(name)
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.0.remove(name)
    }

    fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path(name)
    }
}

#[test]
fn a_file_of_parity_that_goes_while_it_is_looked_at_is_no_fault() {
    let (mut rig, _) = rig(3, 1);
    let gone = |names: &mut Vec<String>| names.push("0123456789abcdef-0.parity".to_owned());
    rig.config.storage = Some(Arc::new(Listed(rig.storage.clone(), gone)));
    assert_eq!(rig.store().check_parity().unwrap(), []);
}

#[test]
fn a_fault_of_parity_that_a_second_look_does_not_find_is_none() {
    let (mut rig, _) = rig(3, 1);
    let strange = "0123456789abcdef-0.parity";
    rig.storage.replace(strange, vec![7; 9]);
    assert_eq!(rig.store().check_parity().unwrap().len(), 1);
    // Listed at the next look, and never again.
    let looks = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = Arc::clone(&looks);
    let once = move |names: &mut Vec<String>| {
        if counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0 {
            names.retain(|name| name != strange);
        }
    };
    rig.config.storage = Some(Arc::new(Listed(rig.storage.clone(), once)));
    let store = rig.store();
    looks.store(0, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(store.check_parity().unwrap(), []);
}

#[test]
fn each_file_of_a_set_that_is_not_what_it_was_is_told_once() {
    let (rig, _) = rig(3, 2);
    let name = parity_files(&rig).remove(0);
    let faults = |hurt: fn(&FakeStorage, &str)| {
        let again = again(&rig, true);
        hurt(&again.storage, &name);
        let faults = again.store().check_parity().unwrap();
        faults.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let told = format!("parity of pool default: {name}: ");
    assert_eq!(faults(|storage, name| storage.lose(name)), [format!("{told}it is missing")]);
    let shard = faults(|storage, name| storage.flip(name, 5_000, 0));
    assert_eq!(shard, [format!("{told}1 of its 2 shards are not what they were")]);
    let header = faults(|storage, name| storage.flip(name, 30, 0));
    assert!(header.len() == 1 && header[0].starts_with(&told), "{header:?}");
}

#[test]
fn what_parity_says_of_volumes_is_told_with_their_lengths() {
    let (rig, _) = rig(3, 1);
    let [one, other] = across(&rig)[..2] else { panic!("it has three") };
    let known = rig.storage.bytes(&volume_file(other)).len();
    rig.storage.lose(&volume_file(one));
    rig.storage.cut(&volume_file(other), 1_000);
    let faults: Vec<String> =
        rig.store().check_parity().unwrap().iter().map(ToString::to_string).collect();
    let (one, other) = (volume_file(one), volume_file(other));
    let wanted = [
        format!("{one}: the file is missing, and parity knows it"),
        format!("{other}: it has 1000 bytes, and parity knows {known}"),
    ];
    assert_eq!(faults, wanted);
}

#[test]
fn a_volume_that_goes_while_it_is_looked_at_is_missing_and_a_disk_that_goes_is_told() {
    let (rig, _) = rig(3, 1);
    let number = across(&rig)[0];
    let found = look(&rig.storage, rig.store().id()).unwrap();
    rig.storage.lose(&volume_file(number));
    let lacking = found.lacking(&rig.storage).unwrap();
    assert_eq!(lacking.keys().collect::<Vec<_>>(), [&number]);
    assert_eq!(lacking[&number].length, None);
    rig.storage.stop_at(0);
    assert_eq!(found.lacking(&rig.storage).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn parity_of_another_store_or_of_a_later_format_is_refused_as_such() {
    let (rig, _) = rig(3, 1);
    let name = parity_files(&rig).remove(0);
    let bytes = rig.storage.bytes(&name);
    let mut header = format::ParityHeader::decode(&bytes).unwrap();
    header.store = format::StoreId([7; 16]);
    let mut foreign = Vec::new();
    header.encode(&mut foreign);
    let mut later = bytes;
    later[8] += 1;
    for (bytes, kind) in [(foreign, ErrorKind::Refused), (later, ErrorKind::Unsupported)] {
        let strange = again(&rig, true);
        strange.storage.replace(&name, bytes);
        assert_eq!(strange.store().check_parity().unwrap_err().kind(), kind);
        assert_eq!(protect(&strange).unwrap_err().kind(), kind);
    }
}

#[test]
fn a_file_of_parity_that_is_longer_than_it_was_is_told() {
    let (rig, _) = rig(3, 1);
    let name = parity_files(&rig).remove(0);
    let length = rig.storage.bytes(&name).len();
    rig.storage.append(&name).unwrap().write(&[0]).unwrap();
    let faults = rig.store().check_parity().unwrap();
    let (pool, why) = ("default".into(), format!("it has {} bytes of {length}", length + 1));
    assert_eq!(faults, [ParityFault::File { pool, file: name, why }]);
}

/// What is marked as removed was removed while parity knew it: nothing else has to be said.
#[test]
fn only_a_volume_that_parity_knows_is_marked_and_only_once() {
    let mut rig = Rig::new();
    rig.archive(1);
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    let is_marked = || rig.storage.list().unwrap().iter().any(|it| it.ends_with(".removed"));
    let mut writer = rig.writer().unwrap();
    writer.forget_faults(2).unwrap();
    assert!(!is_marked());
    writer.protect(&BTreeSet::new(), &mut |_| Ok(())).unwrap();
    for _ in 0..2 {
        writer.forget_faults(2).unwrap();
        assert!(is_marked());
    }
}

#[test]
fn a_part_of_a_volume_is_spread_over_as_many_columns_as_the_pool_has() {
    let parity = Some(Parity { data: 3, parity: 1 });
    let made = |length, sets: &[&ParitySet]| {
        let lying = Lying { number: 1, length, closed: false };
        plan(&[lying], sets, &[], &BTreeSet::new(), parity).make.remove(0)
    };
    let first = made(40_000, &[]);
    let header = format::ParityHeader {
        kind: first.kind,
        store: format::StoreId([0; 16]),
        set: [1; 16],
        created: format::Timestamp::default(),
        number: 0,
        parity_count: first.parity_count,
        shard_length: first.shard_length,
        row_count: first.row_count,
        columns: first.columns,
    };
    let set = ParitySet { header, files: vec![Some(String::new())] };
    let columns = made(80_000, &[&set]).columns;
    let places: Vec<_> = columns.iter().map(|column| (column.offset, column.length)).collect();
    assert_eq!(places, [(40_000, 16_384), (56_384, 16_384), (72_768, 7_232)]);
}

#[test]
fn bytes_behind_a_gap_are_not_taken_for_the_rest_of_a_shard() {
    let bytes = vec![3; 4096];
    let column = format::ParityColumn { volume: 1, offset: 100, length: 4096 };
    let mut voucher = Voucher::new(column, 4096, vec![format::checksum(&bytes)]);
    assert_eq!(voucher.see(1, 100, &bytes[..10]), Ok(()));
    assert_eq!(voucher.see(1, 120, &bytes[20..]), Ok(()));
}

#[test]
fn what_was_read_and_written_for_parity_is_counted() {
    for parity in [1, 3] {
        let mut rig = Rig::new();
        rig.config.parity = Some(Parity { data: 3, parity });
        rig.archive(1);
        let done = protect(&rig).unwrap();
        let files = parity_files(&rig);
        assert_eq!(done.sets as usize * usize::from(parity), files.len());
        let stored: usize = files.iter().map(|name| rig.storage.bytes(name).len()).sum();
        assert_eq!(done.stored_bytes as usize, stored);
        let waiting = volumes(&rig.storage).len() - across(&rig).len();
        assert!(waiting > 0 && done.waiting as usize == waiting, "{done:?}");
        let read: usize = volumes(&rig.storage).values().map(Vec::len).sum();
        assert_eq!(done.read_bytes as usize, read);
        assert_eq!(rig.store().parity().unwrap()[0].length as usize, stored);
        // All is protected: nothing is left to be done.
        assert_eq!(protect(&rig).unwrap().read_bytes, 0);
    }
}

/// A store with parity of closed volumes, each with a chunk of such a length.
fn long(lengths: &[usize]) -> Rig {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data: 2, parity: 1 });
    let mut writer = rig.writer().unwrap();
    let header = super::session_header(&writer, 1);
    let (component, bytes) = super::component();
    writer.begin_session(&header, &[(component, &bytes[..])]).unwrap();
    let archive = super::archive_header(header.session, 1, "long");
    writer.begin_archive(&archive).unwrap();
    for (number, length) in (0..).zip(lengths) {
        let stream = format::StreamNumber(0);
        let id = format::ChunkId { archive: archive.archive, stream, number };
        let place = format::ContextPlace::Here(super::context());
        let (head, _, foot) = super::chunk(id, header.session, place);
        let payload: Vec<u8> = (0..*length).map(|it| (it % 251) as u8).collect();
        writer.append_chunk(&head, &payload, &foot).unwrap();
    }
    writer.close("default").unwrap();
    let done = writer.protect(&BTreeSet::new(), &mut |_| Ok(())).unwrap();
    assert!(done.troubles.is_empty(), "{:?}", done.troubles);
    drop(writer);
    rig
}

/// Columns that are neither a multiple of what is worked on at once nor of one length.
#[test]
fn long_volumes_come_back_too() {
    let rig = long(&[600_000, 670_000, 740_000, 810_000]);
    assert_eq!(rig.store().check_parity().unwrap(), []);
    let before = volumes(&rig.storage);
    for number in across(&rig) {
        let hurt = again(&rig, true);
        hurt.storage.lose(&volume_file(number));
        let mut writer = hurt.writer().unwrap();
        let before_it = hurt.storage.operations();
        let healed = writer.heal(&BTreeSet::new(), &mut |_| Ok(())).unwrap();
        assert!(hurt.storage.operations() - before_it < 30, "it writes in large pieces");
        // Until it is found again, all of it counts as missing.
        let (length, kind) = (before[&number].len() as u64, FaultKind::Missing);
        let missing = Fault { volume: number, offset: 0, length, kind };
        assert_eq!(writer.faults().unwrap(), [missing]);
        drop(writer);
        assert_eq!((&healed.volumes[..], healed.lost_bytes), (&[number][..], 0));
        assert_eq!(healed.healed_bytes as usize, before[&number].len());
        assert!(volumes(&hurt.storage) == before, "volume {number}");
    }
}

#[test]
fn what_is_lost_for_good_is_counted() {
    let (rig, _) = rig(3, 1);
    let before = volumes(&rig.storage);
    let lost = &across(&rig)[..2];
    lost.iter().for_each(|number| rig.storage.lose(&volume_file(*number)));
    let healed = heal(&rig, &[]).unwrap();
    let length: usize = lost.iter().map(|number| before[number].len()).sum();
    assert_eq!((healed.lost_bytes as usize, healed.healed_bytes), (length, 0));
    assert!(!rig.storage.list().unwrap().iter().any(|name| name.ends_with(".new")));
}

/// As where a copy of the store was written to, and a volume of it got into this one.
#[test]
fn a_volume_of_the_same_number_that_is_another_one_is_left_alone() {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data: 1, parity: 1 });
    let copy = again(&rig, true);
    copy.config.clock.now();
    copy.archive(1);
    rig.archive(1);
    protect(&rig).unwrap();
    let strange = copy.storage.bytes(&volume_file(2));
    assert!(strange != rig.storage.bytes(&volume_file(2)));
    rig.storage.replace(&volume_file(2), strange.clone());
    assert!(heal(&rig, &[2]).unwrap().volumes.is_empty());
    assert!(rig.storage.bytes(&volume_file(2)) == strange);
    assert!(!rig.storage.list().unwrap().iter().any(|name| name.ends_with(".new")));
}

/// A set whose parity is not that of its volumes, though each checksum agrees with its bytes.
#[test]
fn what_does_not_agree_with_its_checksum_is_not_put_in_the_place_of_a_volume() {
    let rig = Rig::new();
    rig.archive(1);
    let column = format::ParityColumn { volume: 2, offset: 0, length: 4096 };
    let header = format::ParityHeader {
        kind: format::ParityKind::Within,
        store: rig.store().id(),
        set: [3; 16],
        created: format::Timestamp::default(),
        number: 0,
        parity_count: 1,
        shard_length: 4096,
        row_count: 1,
        columns: vec![column],
    };
    let known = format::checksum(&rig.storage.bytes(&volume_file(2))[..4096]);
    let own = format::checksum(&[7; 4096]);
    let table = format::ParityTable { columns: vec![vec![known]], own: vec![own] };
    let mut crafted = Vec::new();
    header.encode(&mut crafted);
    crafted.resize(crafted.len() + 4096, 7);
    table.encode(&mut crafted);
    rig.storage.replace("0303030303030303-0.parity", crafted);
    rig.storage.flip(&volume_file(2), 700, 0);
    let before = volumes(&rig.storage);
    let healed = heal(&rig, &[2]).unwrap();
    assert_eq!((healed.volumes.len(), healed.healed_bytes, healed.lost_bytes), (0, 0, 4096));
    assert!(volumes(&rig.storage) == before);
}

/// In front of what a set knows and behind it; with zeros where nobody can read it any more.
#[test]
fn what_no_set_knows_of_a_volume_stays_as_it_is() {
    let mut rig = Rig::new();
    rig.config.volume_size = 1 << 20;
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    let mut ends = Vec::new();
    for seed in 0..3 {
        (0..5).for_each(|it| drop(rig.archive(10 * seed + it)));
        ends.push(rig.storage.bytes("00000001.volume").len() as u64);
        if seed < 2 {
            protect(&rig).unwrap();
        }
    }
    let found = look(&rig.storage, rig.store().id()).unwrap();
    let first = found.sets.iter().find(|set| set.header.columns[0].offset == 0).unwrap();
    rig.storage.lose(&first.names().next().unwrap());
    let mut wanted = rig.storage.bytes("00000001.volume");
    rig.storage.flip("00000001.volume", ends[0] + 100, 0);
    // Of each part that is copied a sector in the middle.
    for bad in [8_192, (ends[1] + 3 * 4_096) / 4_096 * 4_096] {
        assert!(bad + 8_192 < ends[2] && !(ends[0]..ends[1]).contains(&bad));
        rig.storage.spoil("00000001.volume", bad..bad + 4_096);
        let copied_from = if bad < ends[0] { 0 } else { ends[1] };
        let from = bad - (bad - copied_from) % 4_096;
        let to = if from == bad { bad + 4_096 } else { from + 2 * 4_096 };
        wanted[from as usize..to as usize].fill(0);
    }
    let healed = heal(&rig, &[1]).unwrap();
    assert_eq!((healed.volumes, healed.lost_bytes), (vec![1], 0));
    assert!(rig.storage.bytes("00000001.volume") == wanted);
}

/// It is cut between the look and the reading of it.
#[test]
fn nothing_is_made_of_a_volume_that_is_shorter_than_it_was() {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    rig.archive(1);
    let length = rig.storage.bytes(&volume_file(2)).len() as u64;
    let header = format::ParityHeader {
        kind: format::ParityKind::Within,
        store: rig.store().id(),
        set: [3; 16],
        created: format::Timestamp::default(),
        number: 0,
        parity_count: 1,
        shard_length: 4096,
        row_count: 2,
        columns: vec![format::ParityColumn { volume: 2, offset: 0, length: length + 1 }],
    };
    let error = make(&rig.storage, &header, &mut [], &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("00000002.volume is shorter than it was"), "{error}");
    assert!(parity_files(&rig).is_empty());
}

#[test]
fn what_parity_protects_is_told_by_volume() {
    let (rig, _) = rig(3, 1);
    let mut across = across(&rig);
    across.sort_unstable();
    let all: Vec<u32> = volumes(&rig.storage).into_keys().collect();
    let within: Vec<u32> = all.into_iter().filter(|number| !across.contains(number)).collect();
    assert!(!within.is_empty());
    let state = rig.store().parity().unwrap().remove(0);
    assert_eq!((state.pool.as_str(), state.parity.as_deref()), ("default", Some("3+1")));
    assert_eq!((state.volumes_across, state.volumes_within), (across, within));
}

/// Rows of the longer one in which the other has nothing are healed; whoever finds the file may yet
/// have all of it.
#[test]
fn a_lost_volume_of_which_the_smaller_part_is_healed_is_not_made() {
    // So long that half of its rows are exactly half of its bytes.
    let more = long(&[700_000, 1]).storage.bytes(&volume_file(2)).len() - 700_000;
    for (length, other, is_made) in [
        (700_000, 500_000, false),
        (700_000, 300_000, true),
        (200 * 4096 - more, 100 * 4096 - more, true),
        (200 * 4096 - more - 1, 100 * 4096 - more, false),
    ] {
        let rig = long(&[length, other]);
        assert_eq!(across(&rig), [2, 3]);
        [2, 3].iter().for_each(|number| rig.storage.lose(&volume_file(*number)));
        let healed = heal(&rig, &[]).unwrap();
        assert_eq!(healed.volumes.contains(&2), is_made, "{healed:?}");
        assert_eq!(volumes(&rig.storage).contains_key(&2), is_made);
        assert!(!healed.volumes.contains(&3) && !volumes(&rig.storage).contains_key(&3));
    }
}

/// What was damaged alone is scanned whole again, too: it may be another one by now.
#[test]
fn a_volume_that_was_healed_counts_as_missing_until_it_is_found_again() {
    let (rig, log) = rig(3, 1);
    let before = volumes(&rig.storage);
    let volume = across(&rig)[0];
    rig.storage.flip(&volume_file(volume), 700, 0);
    let mut writer = rig.writer().unwrap();
    assert_eq!(writer.heal(&BTreeSet::from([volume]), &mut |_| Ok(())).unwrap().volumes, [volume]);
    let (length, kind) = (before[&volume].len() as u64, FaultKind::Missing);
    assert_eq!(writer.faults().unwrap(), [Fault { volume, offset: 0, length, kind }]);
    drop(writer);
    assert!(rig.store().faults().unwrap().is_empty());
    check(&rig.store(), &log);
}

/// As where a set stayed to heal, and others were made beside it.
#[test]
fn where_sets_know_the_same_bytes_each_is_healed_once() {
    let rig = Rig::new();
    rig.archive(1);
    let wanted = volumes(&rig.storage);
    for (set, offset) in [(3, 0), (4, 1_000)] {
        let header = format::ParityHeader {
            kind: format::ParityKind::Within,
            store: rig.store().id(),
            set: [set; 16],
            created: format::Timestamp::default(),
            number: 0,
            parity_count: 1,
            shard_length: 4096,
            row_count: 1,
            columns: vec![format::ParityColumn { volume: 2, offset, length: 4096 }],
        };
        make(&rig.storage, &header, &mut [], &mut |_| Ok(())).unwrap();
    }
    [2_000, 4_500].iter().for_each(|at| rig.storage.flip(&volume_file(2), *at, 0));
    let mut written = 0;
    let mut step = |bytes| {
        written += bytes;
        Ok(())
    };
    let healed = rig.writer().unwrap().heal(&BTreeSet::from([2]), &mut step).unwrap();
    assert_eq!((healed.volumes, healed.lost_bytes), (vec![2], 0));
    assert!(volumes(&rig.storage) == wanted);
    assert_eq!(written, 1_000 + 4096);
}

#[test]
fn a_pool_that_is_to_have_parity_or_has_some_is_told_of() {
    let (mut rig, _) = rig(3, 1);
    rig.config.parity = None;
    let has = rig.store().parity().unwrap().remove(0);
    assert!(has.parity.is_none() && has.length > 0, "{has:?}");
    rig.writer().unwrap().unprotect("default").unwrap();
    assert_eq!(rig.store().parity().unwrap(), []);
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    let is_to_have = rig.store().parity().unwrap().remove(0);
    assert!(is_to_have.parity.is_some() && is_to_have.length == 0, "{is_to_have:?}");
}

#[test]
fn a_volume_of_which_nothing_is_acknowledged_does_not_wait_for_parity() {
    let (rig, _) = rig(3, 1);
    let waiting = protect(&rig).unwrap().waiting;
    let (last, _) = volumes(&rig.storage).pop_last().unwrap();
    rig.storage.replace(&volume_file(last + 1), Vec::new());
    assert_eq!(protect(&rig).unwrap().waiting, waiting);
}

/// A set that came back without the mark would miss a volume that was taken out.
#[test]
fn the_mark_of_a_volume_stays_until_its_sets_are_gone_for_good() {
    let (rig, log) = rig(3, 1);
    let taken = across(&rig)[1];
    let mut writer = rig.writer().unwrap();
    for archive in &log.finished {
        writer.drop_archive(archive, rig.config.clock.now()).unwrap();
    }
    writer.remove_volume(taken).unwrap();
    drop(writer);
    let whole = again(&rig, true);
    protect(&whole).unwrap();
    assert!(!whole.storage.list().unwrap().iter().any(|name| name.ends_with(".removed")));
    for stop_at in 0..whole.storage.operations() {
        let cut = again(&rig, true);
        cut.storage.stop_at(stop_at);
        let _ = protect(&cut);
        for seed in 0..8 {
            let after = cut.with_volumes(cut.storage.crash(seed));
            let faults = after.store().check_parity().unwrap();
            assert!(!faults.contains(&ParityFault::Volume(taken)), "{stop_at}, seed {seed}");
        }
    }
}

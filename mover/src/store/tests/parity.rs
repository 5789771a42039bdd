//! Parity gives volumes back bit for bit, and whatever happens to it nothing else is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Log, Rig, VOLUME_SIZE, check};
use crate::Result;
use crate::ambient::SeededRandom;
use crate::media::{FakeStorage, Parity, Storage, volume_file, volume_number};
use crate::store::{Healed, ParityFault, Protected, StoreWriter};

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

//! Volumes that are damaged, cut or lost, and those that were taken out.

use super::*;

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

/// The set across volumes that names one, and the name of its first file.
fn set_of(rig: &Rig, volume: u32) -> (BTreeSet<u32>, String) {
    let found = crate::store::parity::look(&rig.storage, rig.store().id()).unwrap();
    let is_of = |set: &&crate::store::parity::ParitySet| {
        set.header.kind == ParityKind::Across && set.volumes().contains(&volume)
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

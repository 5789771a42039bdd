//! The power fails, or the disk is full, while parity is made or heals.

use super::*;

/// Archives, protects, drops a second archive and takes its volumes out, until the power fails.
fn life(rig: &Rig, log: &mut Log) -> Result<()> {
    let mut writer = rig.writer()?;
    session(&mut writer, 1, log)?;
    writer.close("default")?;
    writer.protect(&BTreeSet::new(), &mut |_| Ok(()))?;
    let kept = writer.volumes()?.len();
    let mut second = Log::default();
    session(&mut writer, 2, &mut second)?;
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

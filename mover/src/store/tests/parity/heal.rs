//! What is given back of a volume, byte by byte.

use super::*;

/// A set that claims to know a place far behind the end of a volume does not fill the disk with
/// what lies between.
#[test]
fn what_lies_far_behind_a_volume_is_lost_and_not_written() {
    let (rig, _) = rig(1, 2);
    let (number, bytes) = volumes(&rig.storage).pop_last().unwrap();
    craft(&rig, ParityColumn { volume: number, offset: 1 << 61, length: 4096 }, 1, [0; 4096]);
    let healed = heal(&rig, &[]).unwrap();
    assert_eq!((healed.volumes.len(), healed.lost_bytes), (0, 4096), "{healed:?}");
    assert!(rig.storage.bytes(&volume_file(number)) == bytes);
}

/// A store with parity of closed volumes, each with a chunk of such a length.
fn long(lengths: &[usize]) -> Rig {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data: 2, parity: 1 });
    let (mut writer, archive) = rig.begun("long");
    for (number, length) in (0..).zip(lengths) {
        let stream = format::StreamNumber(0);
        let id = format::ChunkId { archive: archive.archive, stream, number };
        let place = format::ContextPlace::Here(context());
        let (head, _, foot) = chunk(id, archive.session, place);
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
    let known = format::checksum(&rig.storage.bytes(&volume_file(2))[..4096]);
    craft(&rig, ParityColumn { volume: 2, offset: 0, length: 4096 }, known, [7; 4096]);
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
        let header = within(&rig, set, ParityColumn { volume: 2, offset, length: 4096 });
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

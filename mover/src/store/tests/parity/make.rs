//! What sets are made of, and what not.

use super::*;

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
fn a_part_of_a_volume_is_spread_over_as_many_columns_as_the_pool_has() {
    let parity = Some(Parity { data: 3, parity: 1 });
    let made = |length, sets: &[&ParitySet]| {
        let lying = Lying { number: 1, length, closed: false };
        plan(&[lying], sets, &[], &BTreeSet::new(), parity).make.remove(0)
    };
    let first = made(40_000, &[]);
    let header = ParityHeader {
        kind: first.kind,
        store: format::StoreId([0; 16]),
        set: [1; 16],
        created: Timestamp::default(),
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
    let column = ParityColumn { volume: 1, offset: 100, length: 4096 };
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

/// It is cut between the look and the reading of it.
#[test]
fn nothing_is_made_of_a_volume_that_is_shorter_than_it_was() {
    let mut rig = Rig::new();
    rig.config.parity = Some(Parity { data: 3, parity: 1 });
    rig.archive(1);
    let length = rig.storage.bytes(&volume_file(2)).len() as u64;
    let header = within(&rig, 3, ParityColumn { volume: 2, offset: 0, length: length + 1 });
    let error = make(&rig.storage, &header, &mut [], &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("00000002.volume is shorter than it was"), "{error}");
    assert!(parity_files(&rig).is_empty());
}

#[test]
fn a_volume_of_which_nothing_is_acknowledged_does_not_wait_for_parity() {
    let (rig, _) = rig(3, 1);
    let waiting = protect(&rig).unwrap().waiting;
    let (last, _) = volumes(&rig.storage).pop_last().unwrap();
    rig.storage.replace(&volume_file(last + 1), Vec::new());
    assert_eq!(protect(&rig).unwrap().waiting, waiting);
}

//! Volumes of a few frames on a fake medium.

use format::FrameKind;

use super::{
    DiskStorage, FakeStorage, FrameParts, Payloads, Scan, Scanned, Storage, VolumeReader,
    VolumeWriter, volume_file, volume_number,
};
use crate::ErrorKind;

const NAME: &str = "00000001.volume";

fn part<'a>(kind: FrameKind, body: &'a [u8], payload: &'a [u8]) -> FrameParts<'a> {
    FrameParts { kind, body, payload }
}

/// Frames of 32 + 8 + 100 bytes.
fn volume(storage: &dyn Storage, count: u8) {
    let mut writer = VolumeWriter::create(storage, NAME).unwrap();
    for number in 0..count {
        let (body, payload) = ([number; 8], [number; 100]);
        writer.append(&[part(FrameKind::ChunkHeader, &body, &payload)], u64::MAX).unwrap();
    }
    writer.sync().unwrap();
}

const LENGTH: u64 = 140;

/// A scan as text: `F` and a frame's number, `D` or `T` with offset and length.
fn scan(storage: &dyn Storage, from: u64, payloads: Payloads) -> String {
    let reader = VolumeReader::open(storage, NAME).unwrap();
    let mut scan = Scan::new(reader, from, payloads).unwrap();
    let mut steps = Vec::new();
    while let Some(step) = scan.next().unwrap() {
        steps.push(match step {
            Scanned::Frame { offset, frame } => {
                assert_eq!(offset, u64::from(frame.body[0]) * LENGTH);
                assert_eq!(frame.payload.is_empty(), payloads == Payloads::Skip);
                format!("F{}", frame.body[0])
            }
            Scanned::Damage { offset, length, .. } => format!("D{offset}+{length}"),
            Scanned::Torn { offset, length, .. } => format!("T{offset}+{length}"),
        });
    }
    steps.join(" ")
}

#[test]
fn the_end_of_a_volume_is_a_value() {
    let storage = FakeStorage::new();
    let mut writer = VolumeWriter::create(&storage, NAME).unwrap();
    let frame = [part(FrameKind::ChunkHeader, &[1; 8], &[2; 100])];
    assert_eq!(writer.append(&frame, 2 * LENGTH).unwrap(), Some(0));
    assert_eq!(writer.append(&frame, 2 * LENGTH).unwrap(), Some(LENGTH));
    assert_eq!(writer.append(&frame, 2 * LENGTH).unwrap(), None);
    assert_eq!(writer.length(), 2 * LENGTH);
}

#[test]
fn a_scan_tells_damage_in_the_middle_from_a_torn_end() {
    let whole = FakeStorage::new();
    volume(&whole, 4);
    let check = |hurt: &dyn Fn(&FakeStorage), expected: &str| {
        let storage = whole.kill();
        hurt(&storage);
        assert_eq!(scan(&storage, 0, Payloads::Check), expected);
    };
    check(&|_| {}, "F0 F1 F2 F3");
    // In a payload, a body, a prefix; in two neighbours; in the last.
    check(&|it| it.flip(NAME, LENGTH + 100, 0), "F0 D140+140 F2 F3");
    check(&|it| it.flip(NAME, LENGTH + 35, 0), "F0 D140+140 F2 F3");
    check(&|it| it.flip(NAME, LENGTH + 2, 0), "F0 D140+140 F2 F3");
    check(
        &|it| {
            it.flip(NAME, LENGTH + 100, 0);
            it.flip(NAME, 2 * LENGTH + 20, 0);
        },
        "F0 D140+280 F3",
    );
    check(&|it| it.flip(NAME, 3 * LENGTH + 50, 0), "F0 F1 F2 T420+140");
    check(&|it| it.flip(NAME, 2, 0), "D0+140 F1 F2 F3");
    for cut in [1, 20, 35, 139] {
        check(&|it| it.cut(NAME, 3 * LENGTH + cut), &format!("F0 F1 F2 T420+{cut}"));
    }
    assert_eq!(scan(&whole, 2 * LENGTH, Payloads::Check), "F2 F3");
    assert_eq!(scan(&whole, 0, Payloads::Skip), "F0 F1 F2 F3");
}

#[test]
fn frames_inside_a_damaged_payload_are_not_taken_for_frames_of_the_volume() {
    let inner = FakeStorage::new();
    volume(&inner, 1);
    let storage = FakeStorage::new();
    let mut writer = VolumeWriter::create(&storage, NAME).unwrap();
    let payload = inner.bytes(NAME);
    let frames = [
        part(FrameKind::ChunkHeader, &[0; 8], &payload),
        part(FrameKind::ChunkHeader, &[9; 8], &[9; 100]),
    ];
    writer.append(&frames, u64::MAX).unwrap();
    writer.sync().unwrap();
    storage.flip(NAME, 40 + LENGTH - 1, 0);
    let reader = VolumeReader::open(&storage, NAME).unwrap();
    let mut scan = Scan::new(reader, 0, Payloads::Check).unwrap();
    let length = 40 + LENGTH;
    let step = scan.next().unwrap();
    assert!(matches!(step, Some(Scanned::Damage { offset: 0, length: it, .. }) if it == length));
    assert!(
        matches!(scan.next().unwrap(), Some(Scanned::Frame { offset, .. }) if offset == length)
    );
}

#[test]
fn a_large_gap_is_searched_window_by_window() {
    let storage = FakeStorage::new();
    volume(&storage, 1);
    let frame = storage.bytes(NAME);
    for gap in [600_000, (256 << 10) - 3, (512 << 10) + 1, 5] {
        let storage = FakeStorage::new();
        let mut file = storage.create(NAME).unwrap();
        let mut noise = vec![0x19; gap];
        noise[gap - 3..].copy_from_slice(&[0x19, 0xd1, 0x1f]);
        file.write(&noise).unwrap();
        file.write(&frame).unwrap();
        let reader = VolumeReader::open(&storage, NAME).unwrap();
        let mut scan = Scan::new(reader, 0, Payloads::Check).unwrap();
        let step = scan.next().unwrap();
        assert!(
            matches!(step, Some(Scanned::Damage { offset: 0, length, .. }) if length == gap as u64)
        );
        assert!(matches!(scan.next().unwrap(), Some(Scanned::Frame { .. })));
        assert!(scan.next().unwrap().is_none());
    }
}

#[test]
fn a_frame_is_read_only_as_what_it_is() {
    let storage = FakeStorage::new();
    volume(&storage, 2);
    let reader = VolumeReader::open(&storage, NAME).unwrap();
    let read = |offset, length, kind| reader.frame(offset, length, kind);
    let frame = read(LENGTH, LENGTH, FrameKind::ChunkHeader).unwrap();
    assert_eq!((frame.body(), frame.payload()), (&[1; 8][..], &[1; 100][..]));
    assert_eq!(frame.into_payload(), [1; 100]);
    let kind = |result: crate::Result<super::FrameBytes>| result.unwrap_err().kind();
    assert_eq!(kind(read(LENGTH, LENGTH, FrameKind::Component)), ErrorKind::Damaged);
    assert_eq!(kind(read(LENGTH + 1, LENGTH - 1, FrameKind::ChunkHeader)), ErrorKind::Damaged);
    assert_eq!(kind(read(LENGTH, LENGTH + 1, FrameKind::ChunkHeader)), ErrorKind::Missing);
}

#[test]
fn a_writer_refuses_everything_after_a_failed_write() {
    let storage = FakeStorage::new();
    let mut writer = VolumeWriter::create(&storage, NAME).unwrap();
    let frame = [part(FrameKind::ChunkHeader, &[1; 8], &[2; 100])];
    writer.append(&frame, u64::MAX).unwrap();
    storage.full_at(0);
    assert_eq!(writer.sync().unwrap_err().kind(), ErrorKind::Full);
    storage.free();
    assert!(writer.sync().is_err() && writer.append(&frame, u64::MAX).is_err());
    // Half of the write is there; opening at the last good length cuts it off.
    VolumeWriter::open(&storage, NAME, 0).unwrap();
    assert!(storage.bytes(NAME).is_empty());
}

#[test]
fn fake_and_real_storage_agree() {
    let folder = tempfile::tempdir().unwrap();
    let disk = DiskStorage::new(folder.path());
    let fake = FakeStorage::new();
    for storage in [&disk as &dyn Storage, &fake] {
        volume(storage, 3);
        assert_eq!(storage.list().unwrap(), [NAME]);
        let again = VolumeWriter::create(storage, NAME).map(drop).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Exists);
        let missing = storage.open("00000002.volume").map(drop).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::Missing);
        let writer = VolumeWriter::open(storage, NAME, LENGTH).unwrap();
        assert_eq!(writer.length(), LENGTH);
        assert_eq!(scan(storage, 0, Payloads::Check), "F0");
    }
    assert_eq!(std::fs::read(folder.path().join(NAME)).unwrap(), fake.bytes(NAME));
}

#[test]
fn a_crash_takes_only_what_was_not_synced() {
    let storage = FakeStorage::new();
    volume(&storage, 2);
    let mut file = storage.append(NAME).unwrap();
    file.write(&[1; 50]).unwrap();
    file.write(&[2; 50]).unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let crashed = storage.crash(seed).bytes(NAME);
        assert_eq!(crashed[..280], storage.bytes(NAME)[..280]);
        lengths.insert(crashed.len());
    }
    assert!(lengths.contains(&280) && lengths.contains(&380) && lengths.len() > 5, "{lengths:?}");
    storage.create("unsynced").unwrap();
    let survivors = (0..20).filter(|seed| storage.crash(*seed).list().unwrap().len() == 2);
    assert!((1..20).contains(&survivors.count()));
}

#[test]
fn a_volume_has_one_name() {
    assert_eq!(volume_file(42), "00000042.volume");
    for (name, number) in [
        ("00000042.volume", Some(42)),
        ("123456789.volume", Some(123_456_789)),
        ("42.volume", None),
        ("00000000.volume", None),
        ("+0000042.volume", None),
        ("00000042.volume.old", None),
    ] {
        assert_eq!(volume_number(name), number, "{name}");
    }
}

#[test]
fn a_folder_is_a_medium_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        || -> std::sync::Arc<dyn Storage> { std::sync::Arc::new(DiskStorage::new(folder.path())) };
    super::conformance::check(open(), &open);
}

#[test]
fn the_folder_in_memory_is_one_too() {
    let storage = FakeStorage::new();
    let open = || -> std::sync::Arc<dyn Storage> { std::sync::Arc::new(storage.clone()) };
    super::conformance::check(open(), &open);
}

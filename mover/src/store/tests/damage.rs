//! Bits turn, files are cut and lost: what is hurt is named, and the rest can be read.

use format::{ChunkId, FrameKind, Prefix};

use super::{Log, Rig, check, group};
use crate::ErrorKind;
use crate::media::{FakeStorage, Payloads, Scan, Scanned, VolumeReader, volume_file};
use crate::store::catalog::{Catalog, query};
use crate::store::{Fault, FaultKind, Store};

struct Place {
    volume: u32,
    offset: u64,
    prefix: Prefix,
}

fn frames(storage: &FakeStorage, volumes: u32) -> Vec<Place> {
    let mut places = Vec::new();
    for volume in 1..=volumes {
        let reader = VolumeReader::open(storage, &volume_file(volume)).unwrap();
        let mut scan = Scan::new(reader, 0, Payloads::Check).unwrap();
        while let Some(step) = scan.next().unwrap() {
            let Scanned::Frame { offset, frame } = step else { panic!("{step:?}") };
            places.push(Place { volume, offset, prefix: frame.prefix });
        }
    }
    places
}

fn volume_count(store: &Store) -> u32 {
    store.volumes().unwrap().len() as u32
}

/// Chunks that cannot be read, each refused by name.
fn unreadable(store: &Store, log: &Log, volume: u32) -> Vec<ChunkId> {
    let mut unreadable = Vec::new();
    for (chunk, payload) in &log.appended {
        match store.read_chunk(chunk) {
            Ok(read) => assert_eq!(read.payload, *payload),
            Err(error) => {
                let text = error.to_string();
                assert!(matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing), "{text}");
                assert!(text.contains(&chunk.to_string()), "{text}");
                if error.kind() == ErrorKind::Damaged {
                    assert!(text.contains(&format!("volume {volume:08} at 0x")), "{text}");
                }
                unreadable.push(*chunk);
            }
        }
    }
    unreadable
}

#[test]
fn a_bit_that_turns_anywhere_is_named_and_hurts_one_chunk_at_most() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let volumes = volume_count(&rig.store());
    for Place { volume, offset, prefix } in frames(&rig.storage, volumes) {
        let body = offset + Prefix::LEN as u64;
        let mut bits = vec![offset + 3, offset + 20, body + u64::from(prefix.body_length) / 2];
        if prefix.payload_length > 0 {
            bits.push(body + u64::from(prefix.body_length) + u64::from(prefix.payload_length) / 2);
        }
        for at in bits {
            let what = format!("{:?} in volume {volume} at {at:#x}", prefix.kind);
            let hurt = rig.with_volumes(rig.storage.kill());
            hurt.storage.flip(&volume_file(volume), at, 2);
            let store = hurt.store();
            let lost = unreadable(&store, &log, volume);
            let verified =
                log.appended.iter().filter(|(chunk, _)| store.verify_chunk(chunk).is_err());
            let is_chunk = matches!(prefix.kind, FrameKind::ChunkHeader | FrameKind::ChunkFooter);
            assert_eq!(verified.count(), usize::from(is_chunk), "{what}");
            assert_eq!(lost.len(), usize::from(prefix.kind == FrameKind::ChunkHeader), "{what}");
            let bare = hurt.without_catalog();
            let store = bare.store();
            let lost = unreadable(&store, &log, volume);
            assert_eq!(lost.len(), usize::from(prefix.kind == FrameKind::ChunkHeader), "{what}");
            // A rebuild steps over the payloads of volumes that were synced; reading finds those.
            let named = store.faults().unwrap().iter().any(|fault| fault.volume == volume);
            let bulk = matches!(prefix.kind, FrameKind::ChunkHeader | FrameKind::Component);
            let stepped_over = bulk && at >= body + u64::from(prefix.body_length);
            assert!(named || stepped_over, "{what}");
            check(&store, &bare.archive(2));
        }
    }
}

/// The disk refuses a sector: what is in it is named, and what lies behind it is checked and read.
#[test]
fn a_bad_sector_costs_what_is_in_it_and_hides_nothing_behind_it() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let store = rig.store();
    for volume in store.volumes().unwrap() {
        let chunks = store.volume_chunks(volume.number).unwrap();
        for Place { offset, prefix, .. } in frames(&rig.storage, volume_count(&store))
            .into_iter()
            .filter(|it| it.volume == volume.number)
        {
            let hurt = rig.with_volumes(rig.storage.kill());
            let store = hurt.store();
            // The label is read when a store is opened; this sector goes bad later.
            let end = offset + prefix.frame_length();
            hurt.storage.spoil(&volume_file(volume.number), end - 8..end);
            let faults = store.check_volume(&volume).unwrap();
            let hit = |at: u64, length: u64| at < end && end - 8 < at + length;
            let named: Vec<bool> = faults.iter().map(|it| hit(it.offset, it.length)).collect();
            assert_eq!(named, [true], "{:?} at {offset:#x}: {faults:?}", prefix.kind);
            assert_eq!(faults[0].kind, FaultKind::Unreadable);
            let is_hit = chunks.iter().filter(|it| hit(it.offset, it.length)).count();
            let lost = log.appended.iter().filter(|(chunk, _)| store.read_chunk(chunk).is_err());
            assert_eq!(lost.count(), is_hit, "{:?} at {offset:#x}", prefix.kind);
        }
    }
}

/// Where not even the beginning of a frame can be read, the scan goes on behind the sector.
#[test]
fn a_scan_goes_on_behind_a_sector_in_which_a_frame_begins() {
    const SECTOR: u64 = 4096;
    let rig = Rig::new();
    rig.archive(1);
    let store = rig.store();
    let mut found_behind = 0;
    for Place { volume, offset, prefix } in frames(&rig.storage, volume_count(&store)) {
        let hurt = rig.with_volumes(rig.storage.kill());
        let store = hurt.store();
        hurt.storage.spoil(&volume_file(volume), offset..offset + 8);
        let record = store.volumes().unwrap().into_iter().find(|it| it.number == volume).unwrap();
        let faults = store.check_volume(&record).unwrap();
        let what = format!("{:?} in volume {volume} at {offset:#x}: {faults:?}", prefix.kind);
        assert!(faults.iter().all(|fault| fault.kind == FaultKind::Unreadable), "{what}");
        assert!(faults.iter().any(|fault| fault.offset == offset), "{what}");
        // What begins in a later sector is not taken for damaged.
        let behind = (offset / SECTOR + 1) * SECTOR;
        for chunk in store.volume_chunks(volume).unwrap().iter().filter(|it| it.offset >= behind) {
            found_behind += 1;
            assert!(faults.iter().all(|it| it.offset + it.length <= chunk.offset), "{what}");
        }
    }
    assert!(found_behind > 0, "volumes are longer than a sector");
}

#[test]
fn a_single_damaged_label_is_told_and_the_store_stays_readable() {
    let rig = Rig::new();
    let log = rig.archive(1);
    rig.storage.flip(&volume_file(2), 40, 1);
    let store = rig.store();
    check(&store, &log);
    let faults = store.faults().unwrap();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].to_string().starts_with("00000002.volume: "), "{}", faults[0]);
}

#[test]
fn a_store_without_any_readable_label_is_refused() {
    let rig = Rig::new();
    rig.storage.flip(&volume_file(1), 40, 1);
    let error = Store::open(&rig.config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("00000001.volume"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_newer_format_is_refused_as_such() {
    let rig = Rig::new();
    let mut bytes = rig.storage.bytes(&volume_file(1));
    bytes[..32].copy_from_slice(&later_frame(&rig));
    let storage = FakeStorage::new();
    let mut file = crate::media::Storage::create(&storage, &volume_file(1)).unwrap();
    file.write(&bytes).unwrap();
    let error = Store::open(&Rig::on(storage).config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("use a newer mover"), "{error}");
}

/// How a frame of a later format begins.
pub(super) fn later_frame(rig: &Rig) -> [u8; 32] {
    let mut prefix: [u8; 32] = rig.storage.bytes(&volume_file(1))[..32].try_into().unwrap();
    prefix[8] += 1;
    // Its own checksum has to agree: else it is damage, not the future.
    let crc = crc_of(&prefix[..28]);
    prefix[28..].copy_from_slice(&crc.to_le_bytes());
    prefix
}

/// CRC-32C, bit by bit.
pub(super) fn crc_of(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 * (crc & 1)))
    })
}

#[test]
fn a_cut_volume_is_a_named_fault_and_its_chunks_are_missing() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let volumes = volume_count(&rig.store());
    let cut = rig.with_volumes(rig.storage.kill());
    cut.storage.cut(&volume_file(2), 3_000);
    let store = cut.store();
    let faults = store.faults().unwrap();
    assert_eq!((faults[0].volume, faults[0].kind), (2, FaultKind::Cut));
    let whole = rig.storage.bytes(&volume_file(2)).len() as u64;
    assert_eq!((faults[0].offset, faults[0].length), (3_000, whole - 3_000));
    let lost = unreadable(&store, &log, 2);
    assert!(!lost.is_empty());
    for chunk in &lost {
        assert_eq!(store.read_chunk(chunk).unwrap_err().kind(), ErrorKind::Missing);
        let (_, _, footer) = super::chunk(*chunk, Default::default(), format::ContextPlace::Run(0));
        for block in footer.blocks {
            assert_eq!(store.lookup_blocks(&[block.identity], &[]).unwrap()[0], None);
        }
    }
    let ends = store.stream_ends(&lost[0].archive).unwrap();
    assert!(ends.iter().any(|end| end.complete < end.next), "{ends:?}");
    check(&store, &cut.archive(2));
    // The last volume, cut: nothing is appended where acknowledged bytes are gone.
    let cut = rig.with_volumes(rig.storage.kill());
    cut.storage.cut(&volume_file(volumes), 2_000);
    check(&cut.store(), &cut.archive(2));
    assert_eq!(cut.storage.bytes(&volume_file(volumes)).len(), 2_000);
}

#[test]
fn a_missing_volume_is_a_named_fault_until_it_comes_back() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let lame = rig.with_volumes(rig.storage.kill());
    let file = volume_file(2);
    lame.storage.lose(&file);
    let store = lame.store();
    assert_eq!(store.faults().unwrap()[0].kind, FaultKind::Missing);
    assert!(!unreadable(&store, &log, 2).is_empty());
    let second = lame.archive(2);
    check(&lame.store(), &second);
    let bytes = rig.storage.bytes(&file);
    crate::media::Storage::create(&lame.storage, &file).unwrap().write(&bytes).unwrap();
    let store = lame.store();
    assert!(store.faults().unwrap().is_empty(), "{:?}", store.faults());
    check(&store, &log);
    check(&store, &second);
}

#[test]
fn the_last_volume_is_not_cut_where_it_comes_back_damaged() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let file = volume_file(volume_count(&rig.store()));
    let bytes = rig.storage.bytes(&file);
    rig.storage.lose(&file);
    rig.store();
    let damaged = &bytes[..bytes.len() - 5];
    crate::media::Storage::create(&rig.storage, &file).unwrap().write(damaged).unwrap();
    check(&rig.store(), &rig.archive(2));
    assert_eq!(rig.storage.bytes(&file), damaged);
    assert_eq!(unreadable(&rig.store(), &log, 0), []);
}

#[test]
fn a_volume_of_another_store_is_refused_by_name() {
    let rig = Rig::new();
    rig.archive(1);
    let folder = tempfile::tempdir().unwrap();
    let mut config = crate::store::StoreConfig::new(folder.path());
    let strange = FakeStorage::new();
    config.storage = Some(std::sync::Arc::new(strange.clone()));
    Store::create(&config, &group(1)).unwrap();
    let bytes = strange.bytes(&volume_file(1));
    let mixed = rig.with_volumes(rig.storage.kill());
    let file = volume_file(9);
    crate::media::Storage::create(&mixed.storage, &file).unwrap().write(&bytes).unwrap();
    let error = Store::open(&mixed.config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("00000009.volume is volume 1 of store"), "{error}");
}

/// As a repair has it, once what is needed of them lies elsewhere.
#[test]
fn a_copy_that_is_forgotten_is_a_fault_of_its_length_and_nothing_refers_to_it() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let mut writer = rig.writer().unwrap();
    let chunk = log.appended[0].0;
    let place = writer.chunk_place(&chunk).unwrap().unwrap();
    writer.forget_copies(&[place]).unwrap();
    let store = rig.store();
    let (volume, offset, kind) = (place.volume, place.offset, FaultKind::Damaged);
    let length = place.length + place.footer_length;
    assert_eq!(store.faults().unwrap(), [Fault { volume, offset, length, kind }]);
    assert_eq!(store.read_chunk(&chunk).unwrap_err().kind(), ErrorKind::Missing);
    let (_, _, footer) = super::chunk(chunk, Default::default(), format::ContextPlace::Run(0));
    for block in footer.blocks {
        assert_eq!(store.lookup_blocks(&[block.identity], &[]).unwrap()[0], None);
    }
    assert_eq!(store.archive(&chunk.archive).unwrap().chunk_count, 7);
    assert_eq!(store.read_chunk(&log.appended[1].0).unwrap().payload, log.appended[1].1);
}

/// What lay between is gone without a trace: each frame by itself is whole.
#[test]
fn a_footer_behind_the_header_of_another_chunk_is_not_its_footer() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let (one, other) = (log.appended[0].0, log.appended[1].0);
    let store = rig.store();
    let place = |chunk: &ChunkId| store.chunk_place(chunk).unwrap().unwrap();
    let [header, footer] = [place(&one), place(&other)].map(|it| (it.offset + it.length) as usize);
    let file = volume_file(place(&one).volume);
    assert_eq!(file, volume_file(place(&other).volume));
    let mut bytes = rig.storage.bytes(&file);
    bytes.drain(header..footer);
    let spliced = rig.without_catalog();
    spliced.storage.replace(&file, bytes);
    let store = spliced.store();
    assert_eq!(store.read_chunk(&one).unwrap().payload, log.appended[0].1);
    assert_eq!(store.chunk_place(&one).unwrap().unwrap().footer_length, 0);
    assert_eq!(store.read_chunk(&other).unwrap_err().kind(), ErrorKind::Missing);
    let (_, _, footer) = super::chunk(other, Default::default(), format::ContextPlace::Run(0));
    for block in footer.blocks {
        assert_eq!(store.lookup_blocks(&[block.identity], &[]).unwrap()[0], None);
    }
}

/// What whoever has the volumes alone says of bytes that are no frame.
#[test]
fn a_rebuild_tells_damage_from_what_is_unfinished_and_from_what_cannot_be_read() {
    let rig = Rig::new();
    rig.archive(1);
    let count = volume_count(&rig.store());
    let chunk = |volume: u32| {
        let mut places = frames(&rig.storage, count).into_iter();
        let is_chunk = |it: &Place| it.prefix.kind == FrameKind::ChunkHeader;
        let place = places.rfind(|it| it.volume == volume && is_chunk(it)).unwrap();
        let payload = place.offset + Prefix::LEN as u64 + u64::from(place.prefix.body_length);
        (place.offset, payload)
    };
    // One that is closed, and the last one: its end may be that of a writer that was killed.
    let has_chunks = |volume: &u32| !rig.store().volume_chunks(*volume).unwrap().is_empty();
    let (closed, last) = (2, (1..=count).rfind(has_chunks).unwrap());
    let (closed_file, last_file) = (volume_file(closed), volume_file(last));
    let end = rig.storage.bytes(&closed_file).len() as u64;
    let (header, payload) = chunk(closed);
    let (_, last_payload) = chunk(last);
    let told = |hurt: &dyn Fn(&FakeStorage)| {
        let bare = rig.without_catalog();
        hurt(&bare.storage);
        for later in last + 1..=count {
            bare.storage.lose(&volume_file(later));
        }
        let rebuilt = crate::store::rebuild(&bare.config).unwrap();
        for volume in bare.store().volumes().unwrap() {
            assert_eq!(volume.indexed_length, volume.length, "{volume:?}");
        }
        rebuilt.faults.into_iter().map(|fault| fault.kind).collect::<Vec<_>>()
    };
    assert_eq!(told(&|_| {}), []);
    assert_eq!(told(&|it| it.flip(&closed_file, header + 40, 0)), [FaultKind::Damaged]);
    let bad = header + 40..header + 41;
    assert_eq!(told(&|it| it.spoil(&closed_file, bad.clone())), [FaultKind::Unreadable]);
    // Payloads are left to `verify`, unless nothing vouches for them.
    assert_eq!(told(&|it| it.flip(&closed_file, payload + 9, 0)), []);
    assert_eq!(told(&|it| it.flip(&last_file, last_payload + 9, 0)), [FaultKind::Damaged]);
    let append = |it: &FakeStorage| {
        crate::media::Storage::append(it, &closed_file).unwrap().write(&[7; 10]).unwrap();
    };
    assert_eq!(told(&append), [FaultKind::Damaged]);
    assert_eq!(told(&|it| it.cut(&closed_file, end - 5)), [FaultKind::Torn]);
    assert_eq!(told(&|it| it.spoil(&closed_file, end - 5..end)), [FaultKind::Unreadable]);
}

#[test]
fn what_was_never_acknowledged_is_cut_off_behind_the_last_whole_thing() {
    let rig = Rig::new();
    rig.archive(1);
    let volume = volume_count(&rig.store());
    let file = volume_file(volume);
    let places = frames(&rig.storage, volume);
    let header = places.iter().find(|it| it.prefix.kind == FrameKind::ChunkHeader).unwrap();
    let from = header.offset as usize;
    let whole = &rig.storage.bytes(&volume_file(header.volume))[from..];
    let offset = rig.storage.bytes(&file).len() as u64;
    // Damage, a chunk whose footer is missing, and a torn end.
    let left = [&[7; 40], &whole[..header.prefix.frame_length() as usize], &[7; 10]].concat();
    crate::media::Storage::append(&rig.storage, &file).unwrap().write(&left).unwrap();
    let store = rig.store();
    assert_eq!(rig.storage.bytes(&file).len() as u64, offset + 40);
    let kind = FaultKind::Unacknowledged;
    assert_eq!(store.faults().unwrap(), [Fault { volume, offset, length: 40, kind }]);
    assert_eq!(store.volumes().unwrap().pop().unwrap().indexed_length, offset + 40);
}

/// What an archive's end withholds stays withheld, though a recovery ends between a volume that came
/// back and the next one.
#[test]
fn a_volume_that_came_back_counts_as_missing_until_all_that_follows_from_it_is_done() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let store = rig.store();
    let volume = store.chunk_place(&log.appended[2].0).unwrap().unwrap().volume;
    let (file, last) = (volume_file(volume), volume_file(volume_count(&store)));
    drop(store);
    let bytes = rig.storage.bytes(&file);
    rig.storage.lose(&file);
    rig.store();
    rig.storage.replace(&file, bytes);
    crate::media::Storage::append(&rig.storage, &last).unwrap().write(&[7; 100]).unwrap();
    let begin = rig.storage.operations();
    let mut ended = 0;
    for stop_at in begin..begin + 20 {
        let stopped = rig.with_volumes(rig.storage.kill());
        stopped.storage.stop_at(stopped.storage.operations() + (stop_at - begin));
        ended += u32::from(Store::open(&stopped.config).is_err());
        let after = stopped.with_volumes(stopped.storage.kill());
        let store = after.store();
        check(&store, &log);
        assert!(!store.faults().unwrap().iter().any(|fault| fault.kind.is_of_absence()));
    }
    assert!(ended > 2, "it ended {ended} times");
}

/// A walk commits now and then, and what it found up to there is found.
#[test]
fn a_walk_that_ends_early_has_told_of_the_damage_that_it_passed() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let (store, file) = (rig.store(), volume_file(2));
    let places = log.appended.iter().map(|(chunk, _)| store.chunk_place(chunk).unwrap().unwrap());
    let first = places.filter(|place| place.volume == 2).map(|place| place.offset).min().unwrap();
    let (id, mut bytes) = (store.id(), rig.storage.bytes(&file));
    drop(store);
    rig.storage.lose(&file);
    rig.store();
    let at = usize::try_from(first).unwrap() + Prefix::LEN;
    bytes[at] ^= 1;
    rig.storage.replace(&file, [&bytes[..], &later_frame(&rig)].concat());
    assert_eq!(rig.writer().map(drop).unwrap_err().kind(), ErrorKind::Unsupported);
    let catalog = Catalog::open(&rig.config.catalog(), id, 1 << 20).unwrap().unwrap();
    let faults = query::faults(&catalog.connection).unwrap();
    let kinds: Vec<FaultKind> = faults.iter().map(|fault| fault.kind).collect();
    assert!(kinds.contains(&FaultKind::Damaged), "{faults:?}");
    assert!(kinds.iter().any(|kind| kind.is_of_absence()), "it is not all back: {faults:?}");
    drop(catalog);
    rig.storage.replace(&file, bytes);
    let faults = rig.store().faults().unwrap();
    assert_eq!(faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(), [FaultKind::Damaged]);
}

/// What comes back in part is missed in part.
#[test]
fn a_volume_that_comes_back_shorter_is_cut_and_one_that_was_cut_comes_back_whole() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let file = volume_file(2);
    let bytes = rig.storage.bytes(&file);
    let whole = bytes.len() as u64;
    rig.storage.lose(&file);
    rig.store();
    rig.storage.replace(&file, bytes[..3_000].to_vec());
    let faults = rig.store().faults().unwrap();
    let cut: Vec<_> = faults.iter().filter(|fault| fault.kind.is_of_absence()).collect();
    let (offset, length) = (3_000, whole - 3_000);
    assert_eq!(cut, [&Fault { volume: 2, offset, length, kind: FaultKind::Cut }]);
    rig.storage.replace(&file, bytes);
    let faults = rig.store().faults().unwrap();
    assert!(!faults.iter().any(|fault| fault.kind.is_of_absence()), "{faults:?}");
    check(&rig.store(), &log);
}

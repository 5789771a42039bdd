//! Several pools: what goes where, copies, media that end, and pools that fail or are away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use format::{
    ArchiveFooter, ChunkId, Context, ContextPlace, SessionFooter, SessionStatus, StreamNumber,
    Timestamp, Withheld,
};

use super::{Rig, archive_header, check, chunk, component, context, group, rows, session_header};
use crate::media::{FakeStorage, MediumKind, MediumTraits, Parity, Storage};
use crate::store::{CommitWindow, HOME_POOL, PoolConfig, Store, StoreWriter, rebuild};
use crate::{ErrorKind, Result};

pub(super) const TAPE: MediumTraits =
    MediumTraits { kind: MediumKind::Tape, record_length: 512, can_truncate: true };
pub(super) const DISC: MediumTraits =
    MediumTraits { kind: MediumKind::Optical, record_length: 1, can_truncate: false };

/// A store with a pool of tapes and one of discs beside its own.
struct Pools {
    rig: Rig,
    tape: FakeStorage,
    disc: FakeStorage,
}

impl Pools {
    fn new() -> Pools {
        Pools::on(Rig::new(), FakeStorage::like(TAPE), FakeStorage::like(DISC))
    }

    fn on(mut rig: Rig, tape: FakeStorage, disc: FakeStorage) -> Pools {
        let pool = |name: &str, storage: &FakeStorage| PoolConfig {
            name: name.to_owned(),
            storage: Arc::new(storage.clone()),
            volume_size: u64::MAX,
            parity: None,
            streams: 1,
        };
        rig.config.pools = vec![pool("tape", &tape), pool("disc", &disc)];
        Pools { rig, tape, disc }
    }

    fn kill(&self) -> Pools {
        let rig = self.rig.with_volumes(self.rig.storage.kill());
        Pools::on(rig, self.tape.kill(), self.disc.kill())
    }
}

fn to(pools: &[&str]) -> ContextPlace {
    let mut context: Context = context();
    for pool in pools {
        context.options.push(Context::POOL, pool.as_bytes());
    }
    ContextPlace::Here(context)
}

/// One archive whose chunk `n` goes to `routes[n]`, and of whose first a block is withheld.
fn archive(writer: &mut StoreWriter, seed: u64, routes: &[&[&str]]) -> Result<Vec<ChunkId>> {
    let header = session_header(writer, seed);
    let session = header.session;
    let (component, bytes) = component();
    writer.begin_session(&header, &[(component, &bytes[..])])?;
    let archive = archive_header(session, seed, "routed");
    writer.begin_archive(&archive)?;
    let mut chunks = Vec::new();
    for (number, pools) in (0..).zip(routes) {
        let id = ChunkId { archive: archive.archive, stream: StreamNumber(0), number };
        let (header, payload, footer) = chunk(id, session, to(pools));
        writer.append_chunk(&header, &payload, &footer)?;
        chunks.push(id);
    }
    let archive = archive.archive;
    let withheld = vec![Withheld { chunk: chunks[0], ordinal: 1 }];
    writer.end_archive(&ArchiveFooter {
        archive,
        session,
        withheld,
        ..ArchiveFooter::default()
    })?;
    let ended = Timestamp { seconds: 9, nanoseconds: 10 };
    let (status, groups) = (SessionStatus::Complete, vec![group(1)]);
    writer.end_session(&SessionFooter { ended, status, header, groups })?;
    Ok(chunks)
}

fn pools_of(store: &Store, chunk: &ChunkId) -> Vec<String> {
    let volumes = store.volumes().unwrap();
    let pool = |number| volumes.iter().find(|it| it.number == number).unwrap().pool.clone();
    store.copies(chunk).unwrap().iter().map(|place| pool(place.volume)).collect()
}

#[test]
fn chunks_lie_where_their_context_says() {
    let pools = Pools::new();
    let routes: [&[&str]; 5] = [&[], &["tape"], &["disc"], &["tape", HOME_POOL], &["tape"]];
    let mut writer = pools.rig.writer().unwrap();
    let chunks = archive(&mut writer, 1, &routes).unwrap();
    assert!(writer.behind().is_empty());
    drop(writer);
    let store = pools.rig.store();
    let found: Vec<_> = chunks.iter().map(|chunk| pools_of(&store, chunk)).collect();
    // Of two copies, that on a disk is the first to be read.
    let wanted: [&[&str]; 5] =
        [&["default"], &["tape"], &["disc"], &["default", "tape"], &["tape"]];
    assert_eq!(found, wanted);
    for chunk in &chunks {
        store.verify_chunk(chunk).unwrap();
    }
    // Whole records alone are on the tape.
    let tape = &pools.tape.bytes("00000002.volume");
    assert_eq!(tape.len() % 512, 0);
}

#[test]
fn a_rebuild_finds_every_row_of_every_pool() {
    let pools = Pools::new();
    let routes: [&[&str]; 6] =
        [&["disc"], &["tape"], &["tape", "disc"], &[], &["tape", HOME_POOL], &["tape"]];
    for seed in 1..4 {
        archive(&mut pools.rig.writer().unwrap(), seed, &routes).unwrap();
    }
    let live = rows(pools.rig.folder.path());
    let rebuilt = rebuild(&pools.rig.config).unwrap();
    assert!(rebuilt.faults.is_empty(), "{:?}", rebuilt.faults);
    assert_eq!(rows(pools.rig.folder.path()), live);
}

#[test]
fn a_medium_alone_tells_of_its_archives() {
    let pools = Pools::new();
    let chunks = archive(&mut pools.rig.writer().unwrap(), 1, &[&["tape"], &["tape"]]).unwrap();
    // The tape's volume alone, in a folder of its own.
    let alone = Rig::on(pools.tape.kill());
    let store = alone.store();
    let archives = store.archives().unwrap();
    assert_eq!(archives[0].header.name, "routed");
    assert!(archives[0].footer.is_some());
    for chunk in &chunks {
        store.verify_chunk(chunk).unwrap();
    }
}

#[test]
fn a_volume_ends_at_its_early_warning_and_the_next_one_goes_on() {
    let pools = Pools::new();
    pools.tape.warn_at(6_000);
    let routes = [&["tape"][..]; 30];
    let chunks = archive(&mut pools.rig.writer().unwrap(), 1, &routes).unwrap();
    let store = pools.rig.store();
    let volumes = store.volumes().unwrap();
    let tapes: Vec<_> = volumes.iter().filter(|volume| volume.pool == "tape").collect();
    assert!(tapes.len() > 2, "{tapes:?}");
    assert!(tapes[..tapes.len() - 1].iter().all(|volume| volume.closed), "{tapes:?}");
    for chunk in &chunks {
        store.verify_chunk(chunk).unwrap();
    }
    let live = rows(pools.rig.folder.path());
    rebuild(&pools.rig.config).unwrap();
    assert_eq!(rows(pools.rig.folder.path()), live);
}

#[test]
fn a_reference_never_leaves_the_pools_of_its_route() {
    let pools = Pools::new();
    let chunks =
        archive(&mut pools.rig.writer().unwrap(), 1, &[&["tape"], &[], &["tape", HOME_POOL]]);
    let store = pools.rig.store();
    let found = |chunk: &ChunkId, pools: &[&str]| {
        let (_, _, footer) = super::chunk(*chunk, format::SessionId::default(), to(&[]));
        let pools: Vec<String> = pools.iter().map(|pool| (*pool).to_owned()).collect();
        store.lookup_blocks(&[footer.blocks[0].identity], &pools).unwrap()[0].is_some()
    };
    let [tape, home, both] = chunks.unwrap()[..] else { panic!("three chunks") };
    assert_eq!([found(&tape, &[]), found(&home, &[]), found(&both, &[])], [false, true, true]);
    let tapes = ["tape"];
    let on_tape = [found(&tape, &tapes), found(&home, &tapes), found(&both, &tapes)];
    assert_eq!(on_tape, [true, false, true]);
    let two = ["tape", HOME_POOL];
    assert_eq!([found(&tape, &two), found(&home, &two), found(&both, &two)], [false, false, true]);
}

#[test]
fn a_copy_whose_pool_dies_is_left_behind_and_the_other_one_finishes() {
    let pools = Pools::new();
    let routes = [&[HOME_POOL, "tape"][..]; 20];
    // Dies in the middle of the session.
    pools.tape.full_at(12);
    let mut writer = pools.rig.writer().unwrap();
    let chunks = archive(&mut writer, 1, &routes).unwrap();
    let behind = writer.behind();
    assert_eq!(behind.len(), 1, "{behind:?}");
    assert_eq!(behind[0].0, "tape");
    drop(writer);
    let store = pools.rig.store();
    let copies: Vec<_> = chunks.iter().map(|chunk| pools_of(&store, chunk).len()).collect();
    assert_eq!(copies[0], 2, "what was committed stays: {copies:?}");
    assert_eq!(copies[19], 1);
    for chunk in &chunks {
        store.verify_chunk(chunk).unwrap();
    }
}

#[test]
fn a_pool_that_dies_with_the_only_copy_stops_the_session() {
    let pools = Pools::new();
    pools.tape.full_at(12);
    let error = archive(&mut pools.rig.writer().unwrap(), 1, &[&["tape"][..]; 20]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    pools.tape.free();
    // What was acknowledged is there, and the next writer goes on.
    let killed = pools.kill();
    let chunks = archive(&mut killed.rig.writer().unwrap(), 2, &[&["tape"][..]; 20]).unwrap();
    let store = killed.rig.store();
    chunks.iter().for_each(|chunk| drop(store.verify_chunk(chunk).unwrap()));
}

#[test]
fn a_torn_tail_on_a_write_once_medium_stays_and_the_next_volume_goes_on() {
    let pools = Pools::new();
    archive(&mut pools.rig.writer().unwrap(), 1, &[&["disc"][..]; 3]).unwrap();
    let file = "00000002.volume";
    let whole = pools.disc.bytes(file).len() as u64;
    archive(&mut pools.rig.writer().unwrap(), 2, &[&["disc"][..]; 3]).unwrap();
    // As a kill in the middle of the second session leaves it, with the catalog of before.
    let torn = pools.kill();
    torn.disc.cut(file, whole + 700);
    let connection = rusqlite::Connection::open(torn.rig.folder.path().join("catalog.sqlite"));
    drop(connection);
    std::fs::remove_file(torn.rig.folder.path().join("catalog.sqlite")).unwrap();
    let chunks = archive(&mut torn.rig.writer().unwrap(), 3, &[&["disc"][..]; 3]).unwrap();
    assert_eq!(torn.disc.bytes(file).len() as u64, whole + 700, "nothing was cut off");
    let store = torn.rig.store();
    assert!(store.copies(&chunks[0]).unwrap()[0].volume > 2);
}

#[test]
fn a_pool_that_is_not_configured_is_missed_by_nobody() {
    let pools = Pools::new();
    let chunks = archive(&mut pools.rig.writer().unwrap(), 1, &[&["tape"], &[]]).unwrap();
    let without = pools.kill();
    let mut config = without.rig.config.clone();
    config.pools.clear();
    let store = Store::open(&config).unwrap();
    assert!(store.faults().unwrap().is_empty(), "{:?}", store.faults());
    store.verify_chunk(&chunks[1]).unwrap();
    assert!(store.verify_chunk(&chunks[0]).is_err());
    drop(store);
    // And nothing was forgotten meanwhile.
    without.rig.store().verify_chunk(&chunks[0]).unwrap();
    let error = archive(&mut StoreWriter::open(&config, "test").unwrap(), 2, &[&["tape"]]);
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
}

#[test]
fn the_home_pool_alone_is_as_it_always_was() {
    let pools = Pools::new();
    let log = pools.rig.archive(1);
    check(&pools.rig.store(), &log);
    assert_eq!(pools.tape.operations() + pools.disc.operations(), 0);
}

/// A store with tapes in two drives, each of which takes its time; and chunks of a MiB on them.
fn in_two_drives(media_count: usize, streams: usize) -> (Pools, Vec<ChunkId>) {
    let mut pools = Pools::new();
    pools.tape.drives(2, Duration::from_millis(10));
    pools.tape.media(media_count);
    pools.rig.config.pools[0].streams = streams;
    let window = CommitWindow { bytes: u64::MAX, interval: Duration::MAX };
    pools.rig.config.tape_window = window;
    let mut writer = pools.rig.writer().unwrap();
    let header = session_header(&writer, 1);
    let (component, bytes) = component();
    writer.begin_session(&header, &[(component, &bytes[..])]).unwrap();
    let begun = archive_header(header.session, 1, "striped");
    writer.begin_archive(&begun).unwrap();
    let mut chunks = Vec::new();
    for number in 0..24 {
        let id = ChunkId { archive: begun.archive, stream: StreamNumber(0), number };
        let (header, _, footer) = chunk(id, header.session, to(&["tape"]));
        writer.append_chunk(&header, &vec![7; 1 << 20], &footer).unwrap();
        chunks.push(id);
    }
    let (archive, session) = (begun.archive, header.session);
    writer.end_archive(&ArchiveFooter { archive, session, ..ArchiveFooter::default() }).unwrap();
    let ended = Timestamp { seconds: 9, nanoseconds: 10 };
    let (status, groups) = (SessionStatus::Complete, vec![group(1)]);
    writer.end_session(&SessionFooter { ended, status, header, groups }).unwrap();
    drop(writer);
    for chunk in &chunks {
        pools.rig.store().verify_chunk(chunk).unwrap();
    }
    (pools, chunks)
}

fn tapes_with_chunks(pools: &Pools) -> usize {
    let volumes = pools.rig.store().volumes().unwrap();
    volumes.iter().filter(|it| it.pool == "tape" && it.chunk_count > 0).count()
}

#[test]
fn what_one_drive_cannot_take_the_other_one_takes() {
    let (pools, chunks) = in_two_drives(usize::MAX, 2);
    assert_eq!(tapes_with_chunks(&pools), 2);
    // Each stream in order, and all of it found again by whoever has the tapes alone.
    let store = pools.rig.store();
    let mut last = BTreeMap::new();
    for chunk in &chunks {
        let place = store.chunk_place(chunk).unwrap().unwrap();
        assert!(last.insert(place.volume, place.offset) < Some(place.offset));
    }
    let live = rows(pools.rig.folder.path());
    rebuild(&pools.rig.config).unwrap();
    assert_eq!(rows(pools.rig.folder.path()), live);
    // Both are gone on with.
    archive(&mut pools.rig.writer().unwrap(), 2, &[&["tape"]]).unwrap();
    assert_eq!(store.volumes().unwrap().len(), 3);

    assert_eq!(tapes_with_chunks(&in_two_drives(usize::MAX, 1).0), 1);
}

#[test]
fn where_there_is_one_cartridge_one_drive_writes_it() {
    let (pools, _) = in_two_drives(1, 2);
    assert_eq!(tapes_with_chunks(&pools), 1);
}

/// What came to a tape behind what the catalog knows, as a kill leaves it.
fn with_a_longer_tape() -> (Pools, Vec<ChunkId>) {
    let pools = Pools::new();
    let routes: [&[&str]; 3] = [&["tape"], &[], &["tape"]];
    let chunks = archive(&mut pools.rig.writer().unwrap(), 1, &routes).unwrap();
    let killed = pools.kill();
    let length = killed.tape.bytes(TAPE_FILE).len() as u64;
    killed.tape.append(TAPE_FILE).unwrap().write(&[7; 512]).unwrap();
    killed.tape.spoil(TAPE_FILE, length..length + 512);
    (killed, chunks)
}

const TAPE_FILE: &str = "00000002.volume";

/// It was never acknowledged, and is looked at when the tape can be read again.
#[test]
fn what_lies_behind_the_known_end_of_a_tape_that_cannot_be_read_stops_nobody() {
    let (pools, chunks) = with_a_longer_tape();
    let store = pools.rig.store();
    assert!(store.faults().unwrap().is_empty(), "{:?}", store.faults());
    chunks.iter().for_each(|chunk| drop(store.verify_chunk(chunk).unwrap()));
    archive(&mut pools.rig.writer().unwrap(), 2, &[&[]]).unwrap();
}

/// Of which nothing is known, all may have been acknowledged.
#[test]
fn a_tape_that_cannot_be_read_stops_a_rebuild() {
    let (pools, _) = with_a_longer_tape();
    pools.tape.spoil(TAPE_FILE, 0..8);
    let error = rebuild(&pools.rig.config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
}

#[test]
fn what_lies_behind_the_known_end_of_a_volume_on_disk_is_never_passed_over() {
    let rig = Rig::new();
    rig.archive(1);
    let file = rig.store().volumes().unwrap().pop().unwrap().file;
    // No damage, and nothing to be cut off.
    let later = super::damage::later_frame(&rig);
    let before = rig.storage.bytes(&file).len();
    rig.storage.append(&file).unwrap().write(&later).unwrap();
    let error = rig.writer().map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(rig.storage.bytes(&file).len(), before + later.len());
}

#[test]
fn nothing_is_ever_cut_off_a_write_once_medium() {
    let pools = Pools::new();
    let chunks = archive(&mut pools.rig.writer().unwrap(), 1, &[&["disc"][..]; 3]).unwrap();
    let torn = pools.kill();
    let file = "00000002.volume";
    torn.disc.append(file).unwrap().write(&[7; 100]).unwrap();
    let length = torn.disc.bytes(file).len();
    // The catalog says that nothing behind was acknowledged: elsewhere it would be given back.
    let later = archive(&mut torn.rig.writer().unwrap(), 2, &[&["disc"][..]; 3]).unwrap();
    assert_eq!(torn.disc.bytes(file).len(), length);
    let store = torn.rig.store();
    assert!(store.copies(&later[0]).unwrap()[0].volume > 2);
    chunks.iter().for_each(|chunk| drop(store.verify_chunk(chunk).unwrap()));
}

#[test]
fn a_tape_that_was_full_without_a_warning_is_not_written_again() {
    // What was not synced is not there, as with a tape; or it is, as where its records were counted.
    full_without_warning(|tape, known| tape.cut(TAPE_FILE, known));
    full_without_warning(|_, _| {});
}

fn full_without_warning(leave: fn(&FakeStorage, u64)) {
    let pools = Pools::new();
    pools.tape.full_at(12);
    let mut writer = pools.rig.writer().unwrap();
    archive(&mut writer, 1, &[&[HOME_POOL, "tape"][..]; 20]).unwrap();
    assert_eq!(writer.behind().len(), 1);
    let known = writer.volumes().unwrap().into_iter().find(|it| it.pool == "tape").unwrap();
    drop(writer);
    pools.tape.free();
    leave(&pools.tape, known.indexed_length);
    let chunks = archive(&mut pools.rig.writer().unwrap(), 2, &[&["tape"][..]; 3]).unwrap();
    let store = pools.rig.store();
    for chunk in &chunks {
        assert!(store.copies(chunk).unwrap()[0].volume > 2);
    }
}

#[test]
fn parity_of_a_pool_stands_beside_its_own_volumes_and_knows_no_others() {
    let mut rig = Rig::new();
    let parity = Some(Parity { data: 2, parity: 1 });
    let second = FakeStorage::new();
    rig.config.parity = parity;
    rig.config.pools = vec![PoolConfig {
        name: "second".to_owned(),
        storage: Arc::new(second.clone()),
        volume_size: super::VOLUME_SIZE,
        parity,
        streams: 1,
    }];
    let mut writer = rig.writer().unwrap();
    archive(&mut writer, 1, &[&["second", HOME_POOL][..]; 12]).unwrap();
    let done = writer.protect(&Default::default(), &mut |_| Ok(())).unwrap();
    assert!(done.troubles.is_empty(), "{:?}", done.troubles);
    let store = rig.store();
    let states = store.parity().unwrap();
    let volumes = store.volumes().unwrap();
    assert_eq!(states.len(), 2);
    for state in states {
        let of_pool = volumes.iter().filter(|it| it.pool == state.pool).map(|it| it.number);
        let mut known = [state.volumes_across, state.volumes_within].concat();
        known.sort_unstable();
        assert!(known.len() > 1 && of_pool.eq(known), "{}", state.pool);
    }
}

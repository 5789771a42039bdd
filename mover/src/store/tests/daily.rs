//! What happens on a good day, on a real disk where that matters.

use std::time::Duration;

use format::{ChunkId, ContextPlace, StreamNumber};

use super::{Log, Rig, archive_header, check, chunk, context, group, session, session_header};
use crate::ErrorKind;
use crate::store::{ReadStore, Store, StoreConfig, StoreWriter};

#[test]
fn a_store_on_disk_is_made_written_and_read_beside_its_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let config = StoreConfig { volume_size: super::VOLUME_SIZE, ..StoreConfig::new(&path) };
    let id = Store::create(&config, &group(1)).unwrap();
    let reader = Store::open(&config).unwrap();
    assert_eq!((reader.id(), reader.current_group().unwrap()), (id, group(1)));
    let mut writer = StoreWriter::open(&config, "archive /home").unwrap();
    let mut log = Log::default();
    session(&mut writer, 1, &mut log).unwrap();
    check(&reader, &log);
    check(&Store::open(&config).unwrap(), &log);
    let error = StoreWriter::open(&config, "prune").map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("(archive /home, since "), "{error}");
    drop(writer);
    StoreWriter::open(&config, "prune").unwrap();
    assert_eq!(Store::create(&config, &group(1)).unwrap_err().kind(), ErrorKind::Exists);
}

#[test]
fn readers_share_a_store_and_a_writer_can_move_to_its_thread() {
    fn shared<T: Send + Sync>() {}
    fn moved<T: Send>() {}
    shared::<Store>();
    moved::<StoreWriter>();
}

#[test]
fn what_is_no_store_is_refused_by_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let refuse = |name: &str| Store::open(&StoreConfig::new(folder.path().join(name))).unwrap_err();
    std::fs::write(folder.path().join("file"), "text").unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let missing = refuse("nothing");
    assert_eq!(missing.kind(), ErrorKind::Missing);
    assert!(missing.to_string().starts_with("no store at "), "{missing}");
    assert!(missing.hint().unwrap().contains("mover init "), "{missing}");
    assert!(refuse("file").to_string().ends_with("is a file, no store"));
    assert!(refuse("folder").to_string().ends_with("is a folder, but no store"));
}

#[test]
fn volumes_rotate_and_every_one_says_all_that_its_chunks_need() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let volumes = rig.store().volumes().unwrap();
    assert!(volumes.len() > 2);
    for volume in &volumes {
        let is_last = volume.number as usize == volumes.len();
        assert_eq!((volume.closed, volume.length), (!is_last, volume.indexed_length));
        assert!(volume.length <= super::VOLUME_SIZE, "{volume:?}");
        // Alone, it gives all of its chunks, their contexts and their component.
        let alone = Rig::on(rig.storage.kill());
        for other in volumes.iter().filter(|other| other.number != volume.number) {
            alone.storage.lose(&other.file);
        }
        let store = alone.store();
        let places = store.volume_chunks(volume.number).unwrap();
        assert_eq!(places.len() as u64, volume.chunk_count);
        for place in places {
            let read = store.read_chunk(&place.chunk).unwrap();
            let session = store.session(&read.header.session).unwrap();
            for at in &read.context.chain {
                store.component(&session.components[usize::from(*at)].digest).unwrap();
            }
            assert_eq!(store.groups().unwrap(), [group(1)]);
            assert!(!store.archive(&place.chunk.archive).unwrap().header_lost);
        }
    }
    assert_eq!(volumes.iter().map(|volume| volume.chunk_count).sum::<u64>(), 14);
    assert_eq!(log.appended.len(), 14);
}

#[test]
fn a_chunk_larger_than_a_volume_gets_one_of_its_own() {
    let rig = Rig::new();
    let (mut writer, archive) = rig.begun("large");
    for number in 0..3 {
        let id = ChunkId { archive: archive.archive, stream: StreamNumber(0), number };
        let (head, _, foot) = chunk(id, archive.session, ContextPlace::Here(context()));
        writer.append_chunk(&head, &[7; 2 * super::VOLUME_SIZE as usize], &foot).unwrap();
    }
    writer.commit().unwrap();
    let spread: Vec<u64> =
        writer.volumes().unwrap().iter().map(|volume| volume.chunk_count).collect();
    assert_eq!(spread, [0, 1, 1, 1]);
}

#[test]
fn lookups_see_what_is_appended_and_reads_what_is_committed() {
    let mut rig = Rig::new();
    rig.config.window.bytes = 1 << 20;
    let (mut writer, archive) = rig.begun("one");
    let id = ChunkId { archive: archive.archive, stream: StreamNumber(0), number: 0 };
    let (head, payload, foot) = chunk(id, archive.session, ContextPlace::Here(context()));
    assert_eq!(writer.append_chunk(&head, &payload, &foot).unwrap(), 1);
    assert_eq!(writer.acknowledged().chunks, 0);
    let again = writer.append_chunk(&head, &payload, &foot).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Exists);
    let store = writer.store();
    let identities: Vec<_> = foot.blocks.iter().map(|block| block.identity).collect();
    let found = |store: &Store| store.lookup_blocks(&identities, &[]).unwrap();
    assert!(found(&store).iter().all(|place| place.is_some_and(|place| place.chunk == id)));
    assert_eq!(store.read_chunk(&id).unwrap_err().kind(), ErrorKind::Missing);
    let before = found(&store);
    assert_eq!(writer.commit().unwrap().chunks, 1);
    assert_eq!(found(&store), before);
    assert_eq!(found(&rig.store()), before);
    let again = writer.append_chunk(&head, &payload, &foot).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Exists);
    assert_eq!(store.read_chunk(&id).unwrap().payload, payload);
    // Nothing is acknowledged twice, and a refusal does no harm.
    assert_eq!(writer.commit().unwrap(), writer.acknowledged());
}

#[test]
fn a_commit_comes_by_itself_when_its_time_has_passed() {
    let mut rig = Rig::new();
    rig.config.window.bytes = 1 << 20;
    rig.config.window.interval = Duration::from_millis(10);
    let mut writer = rig.writer().unwrap();
    let header = session_header(&writer, 1);
    let (component, bytes) = super::component();
    writer.begin_session(&header, &[(component, &bytes[..])]).unwrap();
    assert_eq!(writer.acknowledged().bytes, 0);
    for _ in 0..11 {
        writer.commit_if_due().unwrap();
    }
    assert!(writer.acknowledged().bytes > 0);
}

#[test]
fn an_unfinished_archive_is_continued_by_a_later_session() {
    let rig = Rig::new();
    let archive = archive_header(Default::default(), 1, "one");
    let id = |number| ChunkId { archive: archive.archive, stream: StreamNumber(0), number };
    let mut sessions = Vec::new();
    for round in 0..3 {
        let mut writer = rig.writer().unwrap();
        let header = session_header(&writer, round);
        let session = header.session;
        sessions.push(session);
        let (component, bytes) = super::component();
        writer.begin_session(&header, &[(component, &bytes[..])]).unwrap();
        let archive = format::ArchiveHeader { session, ..archive.clone() };
        writer.begin_archive(&archive).unwrap();
        let next = writer.stream_ends(&archive.archive).unwrap().first().map_or(0, |end| end.next);
        assert_eq!(next, round);
        let (head, payload, foot) = chunk(id(next), session, ContextPlace::Here(context()));
        writer.append_chunk(&head, &payload, &foot).unwrap();
        writer.commit().unwrap();
    }
    let record = rig.store().archive(&archive.archive).unwrap();
    assert_eq!((record.sessions, record.chunk_count), (sessions.clone(), 3));
    assert_eq!((record.footer, record.header.session), (None, sessions[0]));
    let error = rig.store().find_archive("one").unwrap_err();
    assert!(error.hint().unwrap().contains("it is unfinished"), "{error}");
}

#[test]
fn an_archive_is_found_by_name_by_identity_and_as_the_latest() {
    let rig = Rig::new();
    let error = rig.store().find_archive("latest").unwrap_err();
    assert!(error.to_string().ends_with("holds no finished archive"), "{error}");
    let (first, second) = (rig.archive(1), rig.archive(2));
    let store = rig.store();
    let found = |name: &str| store.find_archive(name).unwrap().header.archive;
    assert_eq!(found("latest"), second.finished[1]);
    assert_eq!(found("one"), second.finished[0]);
    assert_eq!(found(&first.finished[0].to_string()[..8]), first.finished[0]);
    let error = store.find_archive("thre").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert_eq!(error.hint(), Some("name one of these: three, one"));
}

#[test]
fn a_dropped_archive_is_hidden_and_only_what_others_need_is_still_referred_to() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let mut writer = rig.writer().unwrap();
    // Another archive needs the first two chunks of `one`.
    let header = session_header(&writer, 5);
    let (component, bytes) = super::component();
    writer.begin_session(&header, &[(component, &bytes[..])]).unwrap();
    let heir = archive_header(header.session, 5, "heir");
    writer.begin_archive(&heir).unwrap();
    let (archive, stream) = (log.finished[0], StreamNumber(0));
    let needs = vec![format::ChunkRange { archive, stream, first: 0, count: 2 }];
    let footer = format::ArchiveFooter { needs, ..super::ended(&heir, Vec::new()) };
    writer.end_archive(&footer).unwrap();
    writer.commit().unwrap();
    let known = |number| {
        let id = ChunkId { archive, stream, number };
        let (_, _, footer) = chunk(id, header.session, ContextPlace::Run(0));
        writer.store().lookup_blocks(&[footer.blocks[0].identity], &[]).unwrap()[0].is_some()
    };
    assert_eq!([known(0), known(1), known(2), known(3)], [true; 4]);
    let now = rig.config.clock.now();
    writer.drop_archive(&archive, now).unwrap();
    let store = rig.store();
    let known = |number| {
        let id = ChunkId { archive, stream, number };
        let (_, _, footer) = chunk(id, header.session, ContextPlace::Run(0));
        store.lookup_blocks(&[footer.blocks[0].identity], &[]).unwrap()[0].is_some()
    };
    assert_eq!([known(0), known(1), known(2), known(3)], [true, true, false, false]);
    assert_eq!(store.archive(&archive).unwrap().dropped, Some(now));
    assert_eq!(store.find_archive("one").unwrap_err().kind(), ErrorKind::Missing);
    writer.drop_archive(&heir.archive, now).unwrap();
    assert_eq!([known(0), known(1)], [false, false]);
}

#[test]
fn a_commit_of_nothing_touches_nothing() {
    let rig = Rig::new();
    let mut writer = rig.writer().unwrap();
    session(&mut writer, 1, &mut Log::default()).unwrap();
    let operations = rig.storage.operations();
    assert_eq!(writer.commit().unwrap(), writer.acknowledged());
    assert_eq!(rig.storage.operations(), operations);
}

#[test]
fn what_was_committed_does_not_count_towards_the_next_commit() {
    let rig = Rig::new();
    let (mut writer, archive) = rig.begun("one");
    for number in 0..6 {
        writer.commit().unwrap();
        let before = writer.acknowledged();
        let id = ChunkId { archive: archive.archive, stream: StreamNumber(0), number };
        let (head, payload, foot) = chunk(id, archive.session, ContextPlace::Here(context()));
        writer.append_chunk(&head, &payload, &foot).unwrap();
        // Each is shorter than the window; a volume that ends is committed before its time.
        let has_ended = writer.acknowledged().bytes > before.bytes;
        assert!(!has_ended || before.bytes + 2_000 > super::VOLUME_SIZE, "chunk {number}");
    }
    assert!(writer.commit().unwrap().bytes > 2 * super::WINDOW.bytes);
}

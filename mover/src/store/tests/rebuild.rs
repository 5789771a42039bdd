//! A catalog made from the volumes alone is the one that the writer made.

use super::{Rig, check, rows};
use crate::media::{Storage, volume_file};
use crate::store::{Store, rebuild};

#[test]
fn a_rebuilt_catalog_is_the_live_one_row_by_row() {
    let rig = Rig::new();
    let (first, second) = (rig.archive(1), rig.archive(2));
    let dropped = first.finished[0];
    let mut writer = rig.writer().unwrap();
    writer.put_group(&super::group(2)).unwrap();
    writer.drop_archive(&dropped, rig.config.clock.now()).unwrap();
    drop(writer);
    let live = rows(rig.folder.path());
    assert!(live.iter().filter(|row| row.starts_with("volumes")).count() > 3, "{live:#?}");
    let rebuilt = rebuild(&rig.config).unwrap();
    assert_eq!(rebuilt.chunks, 28);
    assert!(rebuilt.faults.is_empty(), "{:?}", rebuilt.faults);
    assert_eq!(rows(rig.folder.path()), live);
    // And so it is when the store is merely opened without a catalog.
    let bare = rig.without_catalog();
    check(&bare.store(), &second);
    assert_eq!(rows(bare.folder.path()), live);
}

/// Its writer was killed there, and nobody is left who knows what it had acknowledged.
#[test]
fn nothing_is_written_behind_a_chunk_without_its_footer() {
    let rig = Rig::new();
    rig.archive(1);
    let store = rig.store();
    let volumes = store.volumes().unwrap();
    let chunks = |number: u32| store.volume_chunks(number).unwrap();
    let number = volumes.iter().map(|it| it.number).rfind(|it| !chunks(*it).is_empty()).unwrap();
    for later in number + 1..=volumes.len() as u32 {
        rig.storage.remove(&volume_file(later)).unwrap();
    }
    let (file, last) = (volume_file(number), *chunks(number).last().unwrap());
    let end = last.offset + last.length;
    rig.storage.append(&file).unwrap().truncate(end).unwrap();
    let bare = rig.without_catalog();
    let log = bare.archive(2);
    assert_eq!(bare.storage.length(&file).unwrap(), end);
    check(&bare.store(), &log);
}

#[test]
fn a_catalog_that_is_none_or_of_another_store_is_set_aside() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let path = rig.folder.path().join("catalog.sqlite");
    let live = rows(rig.folder.path());
    for strange in [&b"no database, whatever its name says, and long enough"[..], b""] {
        std::fs::write(&path, strange).unwrap();
        check(&rig.store(), &log);
        assert_eq!(rows(rig.folder.path()), live);
    }
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    check(&rig.store(), &log);
    assert!(rig.folder.path().join("catalog.sqlite.set-aside").exists());
    let other = Rig::new();
    std::fs::copy(&path, other.folder.path().join("catalog.sqlite")).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("UPDATE store SET id = x'00'", []).unwrap();
    drop(connection);
    check(&rig.store(), &log);
}

#[test]
fn a_store_that_cannot_be_written_is_read_with_a_catalog_in_memory() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let bare = rig.without_catalog();
    let shelf = super::super::shelf::Shelf::new(&bare.config);
    let lengths = shelf.lengths().unwrap();
    let (id, faults) = super::super::volumes::identify(&shelf, &lengths).unwrap();
    let operations = bare.storage.operations();
    let pool = super::super::open::in_memory(&bare.config, &shelf, id, &lengths).unwrap();
    let store = Store::new(&bare.config, shelf, id, pool, faults);
    check(&store, &log);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| check(&store, &log));
        }
    });
    assert_eq!(bare.storage.operations(), operations, "something was written");
    assert!(!bare.folder.path().join("catalog.sqlite").exists());
}

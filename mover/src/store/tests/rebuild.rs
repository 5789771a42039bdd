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
    let known = bare.store().volumes().unwrap().into_iter().find(|it| it.number == number);
    assert_eq!(known.unwrap().indexed_length, end);
    assert!(bare.store().faults().unwrap().is_empty());
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

#[test]
fn a_volume_that_was_taken_out_has_left_no_row() {
    let rig = Rig::new();
    let (log, kept) = (rig.archive(1), rig.archive(2));
    let mut writer = rig.writer().unwrap();
    for archive in &log.finished {
        writer.drop_archive(archive, rig.config.clock.now()).unwrap();
    }
    writer.remove_volume(2).unwrap();
    drop(writer);
    let of_it = |row: &&String| {
        let is_of_volume = |table| row.starts_with(&format!("{table}: [Integer(2),"));
        is_of_volume("volumes") || is_of_volume("faults")
    };
    let live = rows(rig.folder.path());
    assert_eq!(live.iter().find(of_it), None);
    check(&rig.store(), &kept);
    // What is left says as much to whoever reads it for the first time.
    rebuild(&rig.config).unwrap();
    let counted = |rows: &[String], table: &str| {
        rows.iter().filter(|row| row.starts_with(&format!("{table}: "))).count()
    };
    let rebuilt = rows(rig.folder.path());
    for table in ["chunks", "components", "blocks", "volumes", "faults"] {
        assert_eq!(counted(&live, table), counted(&rebuilt, table), "{table}");
    }
}

#[test]
fn what_a_killed_rebuild_left_is_in_nobodys_way() {
    let rig = Rig::new();
    rig.archive(1);
    let live = rows(rig.folder.path());
    let left = |suffix: &str| rig.folder.path().join(format!("catalog.sqlite.new{suffix}"));
    for suffix in ["", "-wal", "-shm"] {
        std::fs::write(left(suffix), "a part of a catalog, or of its log").unwrap();
    }
    rebuild(&rig.config).unwrap();
    assert_eq!(rows(rig.folder.path()), live);
    // What cannot be taken away is told by its name.
    std::fs::create_dir(left("")).unwrap();
    let error = rebuild(&rig.config).unwrap_err().to_string();
    assert!(error.contains("removing") && error.contains("catalog.sqlite.new"), "{error}");
}

/// Readers come and go beside a writer, and where they may not write.
#[test]
fn a_catalog_in_step_is_read_without_the_lock() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let lock = rig.config.lock();
    std::fs::remove_file(&lock).unwrap();
    check(&rig.store(), &log);
    assert!(!lock.exists());
    rig.storage.lose(&volume_file(2));
    rig.store();
    assert!(lock.exists(), "what is lost is told under the lock");
}

/// The power failed when it was made: nobody was told of it, and it is begun anew.
#[test]
fn a_volume_without_a_whole_label_has_no_row() {
    let rig = Rig::new();
    let log = rig.archive(1);
    let live = rows(rig.folder.path());
    let begun = volume_file(rig.store().volumes().unwrap().len() as u32 + 1);
    rig.storage.replace(&begun, vec![7; 9]);
    check(&rig.store(), &log);
    assert_eq!(rows(rig.folder.path()), live);
    assert!(rig.storage.bytes(&begun).is_empty());
    let later = rig.archive(2);
    check(&rig.store(), &later);
}

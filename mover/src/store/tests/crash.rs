//! The power fails, the program is killed or the disk is full, at every operation of a session.

use std::collections::BTreeSet;

use super::{Log, Rig, check, rows, session};
use crate::ErrorKind;
use crate::media::FakeStorage;
use crate::store::catalog::Catalog;
use crate::store::{Fault, rebuild};

/// Runs the session on a new store, which `prepare` has doomed.
fn doomed(prepare: impl FnOnce(&FakeStorage)) -> (Rig, Log, Option<crate::Error>) {
    let rig = Rig::new();
    let mut log = Log::default();
    let mut writer = rig.writer().unwrap();
    prepare(&rig.storage);
    let outcome = session(&mut writer, 1, &mut log);
    (rig, log, outcome.err())
}

/// Operations of the session, behind those of making the store.
fn operations() -> std::ops::Range<u64> {
    let made = Rig::new().storage.operations();
    let (rig, log, error) = doomed(|_| {});
    assert!(error.is_none(), "{error:?}");
    assert_eq!(log.acknowledged, log.appended.len());
    made..rig.storage.operations()
}

/// Opens what is left, checks it, and writes another session on top.
fn survives(rig: &Rig, log: &Log, what: &str) {
    // Without a catalog a torn end is a fault: nobody can say that it was never acknowledged.
    let vouched = rig.folder.path().join("catalog.sqlite").exists();
    let described = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let store = rig.store();
        check(&store, log);
        if vouched {
            let faults = store.faults().unwrap();
            assert!(!faults.iter().any(Fault::is_loss), "{faults:?}");
        }
        claims_only_what_is_durable(rig);
        let second = rig.archive(2);
        let store = rig.store();
        check(&store, log);
        check(&store, &second);
        let live = rows(rig.folder.path());
        rebuild(&rig.config).unwrap();
        let faults = |rows: Vec<String>| -> BTreeSet<String> {
            rows.into_iter().filter(|row| !row.starts_with("faults")).collect()
        };
        assert_eq!(faults(rows(rig.folder.path())), faults(live));
    }));
    if let Err(panic) = described {
        eprintln!("after {what}");
        std::panic::resume_unwind(panic);
    }
}

/// The catalog of a crashed writer claims only what no crash can take.
fn claims_only_what_is_durable(rig: &Rig) {
    let path = rig.folder.path().join("catalog.sqlite");
    let connection = rusqlite::Connection::open(path).unwrap();
    let mut statement = connection.prepare("SELECT number, indexed_length FROM volumes").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
    for row in rows.unwrap() {
        let (number, indexed_length) = row.unwrap();
        let durable = rig.storage.durable_length(&crate::media::volume_file(number));
        assert!(indexed_length as u64 <= durable, "volume {number}: {indexed_length} > {durable}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_power_loss_at_every_operation() {
    for operation in operations() {
        let (rig, log, error) = doomed(|storage| storage.stop_at(operation));
        assert!(error.is_some(), "operation {operation} never came");
        claims_only_what_is_durable(&rig);
        for seed in 0..3 {
            let what = format!("power loss in operation {operation}, seed {seed}");
            let crashed = rig.storage.crash(seed);
            survives(&Rig::on(crashed.kill()), &log, &format!("{what}, without catalog"));
            survives(&rig.with_volumes(crashed), &log, &what);
        }
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill_at_every_operation() {
    for operation in operations() {
        let (rig, log, _) = doomed(|storage| storage.stop_at(operation));
        let what = format!("kill in operation {operation}");
        survives(&Rig::on(rig.storage.kill()), &log, &format!("{what}, without catalog"));
        survives(&rig.with_volumes(rig.storage.kill()), &log, &what);
    }
}

#[test]
fn a_second_crash_during_recovery_loses_nothing() {
    for operation in operations().step_by(3) {
        let (rig, log, _) = doomed(|storage| storage.stop_at(operation));
        for second in 0..4 {
            let crashed = rig.with_volumes(rig.storage.crash(operation));
            crashed.storage.stop_at(second);
            // It may or may not come to the operation that fails.
            let _ = crashed
                .writer()
                .and_then(|mut writer| session(&mut writer, 3, &mut Log::default()));
            claims_only_what_is_durable(&crashed);
            let what = format!("power loss in {operation} and again in {second}");
            survives(&crashed.with_volumes(crashed.storage.crash(second)), &log, &what);
        }
    }
}

#[test]
fn a_full_disk_at_any_operation_is_named_and_loses_nothing() {
    for operation in operations() {
        let (rig, log, error) = doomed(|storage| storage.full_at(operation));
        // The last operations may be syncs, which take no room.
        let Some(error) = error else { continue };
        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
        let text = error.to_string();
        assert!(text.starts_with("no room while writing volume 0000000"), "{text}");
        assert!(text.contains("bytes were not acknowledged"), "{text}");
        assert_eq!(error.hint(), Some("free some space and run the same command again"));
        rig.storage.free();
        survives(&rig, &log, &format!("a full disk at operation {operation}"));
    }
}

/// A disk that fails a sync has taken what it could not write for clean: whoever comes later can
/// read it, syncs without an error, and must not believe it.
#[test]
fn what_a_failed_sync_gave_up_is_never_acknowledged_by_a_later_one() {
    let mut failed = 0;
    for operation in operations() {
        let (rig, log, error) = doomed(|storage| storage.fail_sync_at(operation));
        // Behind the last sync nothing fails.
        let Some(error) = error else { continue };
        failed += 1;
        assert!(error.to_string().contains("syncing"), "{error}");
        let later = rig.archive(5);
        claims_only_what_is_durable(&rig);
        for log in [&log, &later] {
            let crashed = rig.with_volumes(rig.storage.crash(operation));
            survives(&crashed, log, &format!("a sync that fails at operation {operation}"));
        }
    }
    assert!(failed > 10, "{failed} syncs failed");
}

/// The same, where the sync is that of whoever recovers what a killed writer had only written.
#[test]
fn what_a_recovery_could_not_sync_is_never_acknowledged_by_a_later_one() {
    let mut failed = 0;
    for operation in operations().step_by(2) {
        let (rig, log, _) = doomed(|storage| storage.stop_at(operation));
        let killed = rig.with_volumes(rig.storage.kill());
        killed.storage.fail_sync_at(0);
        // Where nothing was written there is nothing to sync.
        let Err(error) = killed.writer().map(drop) else { continue };
        failed += 1;
        assert!(error.to_string().contains("syncing"), "{error}");
        let later = killed.archive(5);
        claims_only_what_is_durable(&killed);
        for log in [&log, &later] {
            let crashed = killed.with_volumes(killed.storage.crash(operation));
            survives(&crashed, log, &format!("a recovery of operation {operation} in vain"));
        }
    }
    assert!(failed > 5, "{failed} syncs failed");
}

#[test]
fn a_writer_refuses_everything_after_a_failed_write() {
    let rig = Rig::new();
    let mut writer = rig.writer().unwrap();
    rig.storage.full_at(0);
    let mut log = Log::default();
    session(&mut writer, 1, &mut log).unwrap_err();
    rig.storage.free();
    let error = writer.commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.to_string().contains("no longer written since no room"), "{error}");
    assert_eq!(session(&mut writer, 2, &mut log).unwrap_err().kind(), ErrorKind::Full);
}

#[test]
fn the_catalog_syncs_what_it_commits() {
    let rig = Rig::new();
    let store = rig.store().id();
    let catalog = Catalog::open(&rig.config.catalog(), store, rig.config.cache_size).unwrap();
    let connection = catalog.expect("it was just made").connection;
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, String>(0));
    let level: i64 = connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
    assert_eq!((level, pragma("journal_mode").unwrap()), (2, "wal".to_owned()), "2 is FULL");
}

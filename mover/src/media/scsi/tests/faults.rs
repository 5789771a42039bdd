//! Targets that die, freeze or are silent.

use std::thread;
use std::time::{Duration, Instant};

use super::kit::Tgt;
use super::tape::{loaded, record};
use crate::ErrorKind;
use crate::media::Room;
use crate::media::scsi::{IscsiTransport, LogicalUnit, TapeDrive};
use crate::media::tape::{TapeDevice, TapeRead};

const RECORD: usize = 256 << 10;

#[test]
fn a_target_that_dies_in_the_middle_of_a_write_is_an_error_at_once() {
    let mut tgt = Tgt::library(2, 4000);
    let mut drive = loaded(&tgt);
    let bytes = record(0, RECORD);
    assert_eq!(drive.write(&bytes).unwrap(), Room::Ample);
    let writer = thread::spawn(move || {
        let error = loop {
            match drive.write(&bytes) {
                Ok(room) => assert_eq!(room, Room::Ample),
                Err(error) => break error,
            }
        };
        (drive, error, Instant::now())
    });
    thread::sleep(Duration::from_millis(200));
    let killed = Instant::now();
    tgt.kill();
    let (mut drive, error, failed) = writer.join().unwrap();
    assert!(failed.duration_since(killed) < Duration::from_secs(5));
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("/1: WRITE: talking to"), "{error}");
    assert!(error.hint().unwrap().contains("open the device again"));
    // Nothing hangs later either, and everybody is told why.
    let error = drive.rewind().unwrap_err();
    assert!(error.to_string().contains("was lost before"), "{error}");
    assert!(drive.is_ready().is_err());
    let error = TapeDrive::open(&tgt.address(1)).unwrap_err();
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[test]
fn a_target_that_freezes_runs_into_the_time_limit() {
    let tgt = Tgt::library(2, 64);
    let mut drive = loaded(&tgt);
    drive.rewind().unwrap();
    drive.limit_timeout(Duration::from_secs(1));
    tgt.freeze();
    let start = Instant::now();
    let bytes = record(0, 1 << 20);
    let error = drive.write(&bytes).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert!(error.to_string().contains("no answer in time"), "{error}");
    tgt.thaw();
    assert!(drive.write(&bytes).is_err(), "it may have been written or not");
    drop(drive);
    // Opened anew, it works.
    let mut drive = TapeDrive::open(&tgt.address(1)).unwrap();
    assert_eq!(drive.write(&bytes).unwrap(), Room::Ample);
    drive.rewind().unwrap();
    assert_eq!(drive.read(&mut vec![0; 1 << 20]).unwrap(), TapeRead::Record(1 << 20));
}

#[test]
fn a_frozen_target_is_noticed_long_before_a_long_time_limit() {
    let tgt = Tgt::library(2, 64);
    drop(loaded(&tgt));
    let address = tgt.address(1);
    let patience = Duration::from_millis(200);
    let (transport, lun) = IscsiTransport::open_with_patience(&address, patience).unwrap();
    let unit = LogicalUnit::new(Box::new(transport), lun, &address);
    let mut drive = TapeDrive::new(unit).unwrap();
    drive.rewind().unwrap();
    tgt.freeze();
    let start = Instant::now();
    let error = drive.write(&record(0, 1000)).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(error.to_string().contains("does not answer any more"), "{error}");
}

#[test]
fn a_slow_target_that_answers_questions_is_waited_for() {
    let tgt = Tgt::library(2, 64);
    drop(loaded(&tgt));
    let address = tgt.address(1);
    let patience = Duration::from_millis(100);
    let (transport, lun) = IscsiTransport::open_with_patience(&address, patience).unwrap();
    let unit = LogicalUnit::new(Box::new(transport), lun, &address);
    let mut drive = TapeDrive::new(unit).unwrap();
    drive.rewind().unwrap();
    tgt.freeze();
    let writer = thread::spawn(move || {
        let room = drive.write(&record(0, RECORD));
        (drive, room)
    });
    // Shorter than six times the patience; the question is answered late, and the command too.
    thread::sleep(Duration::from_millis(350));
    tgt.thaw();
    let (mut drive, room) = writer.join().unwrap();
    assert_eq!(room.unwrap(), Room::Ample);
    assert_eq!(drive.write(&record(1, RECORD)).unwrap(), Room::Ample);
}

#[test]
fn an_idle_session_answers_the_questions_of_the_target() {
    let tgt = Tgt::library(2, 64);
    // From now on tgtd asks every three seconds, and closes a session that did not answer twice.
    let of_target = ["--mode", "target", "--op", "update", "--tid", "1"];
    for (name, value) in [("nop_interval", "3"), ("nop_count", "2")] {
        tgt.admin(&[&of_target[..], &["--name", name, "--value", value]].concat());
    }
    let mut drive = loaded(&tgt);
    drive.rewind().unwrap();
    thread::sleep(Duration::from_secs(14));
    assert_eq!(drive.write(&record(0, RECORD)).unwrap(), Room::Ample);
}

#[test]
fn a_target_that_is_not_there() {
    let tgt = Tgt::library(2, 8);
    let address = tgt.address(1).replace("test:vtl", "test:other");
    let error = TapeDrive::open(&address).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
    assert!(error.to_string().contains("there is no such target"), "{error}");
    assert!(tgt.process() > 1);
}

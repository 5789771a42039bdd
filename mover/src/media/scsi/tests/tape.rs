//! What a tape drive has to do, with a real target behind it.

use super::kit::{FIRST_DRIVE, FIRST_SLOT, Tgt};
use crate::ErrorKind;
use crate::media::Room;
use crate::media::scsi::{Changer, TapeDrive};
use crate::media::tape::{TapeDevice, TapeRead};

const RECORD: usize = 256 << 10;

/// A record that can be told from its neighbours.
pub(super) fn record(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

/// The first drive of a library, with the first cartridge in it.
pub(super) fn loaded(tgt: &Tgt) -> TapeDrive {
    let mut changer = Changer::open(&tgt.address(3)).unwrap();
    changer.move_medium(FIRST_SLOT, FIRST_DRIVE).unwrap();
    TapeDrive::open(&tgt.address(1)).unwrap()
}

fn expect(drive: &mut TapeDrive, number: u64, length: usize) {
    let mut buffer = vec![0; RECORD];
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::Record(length), "record {number}");
    assert!(buffer[..length] == record(number, length), "record {number}");
}

#[test]
fn records_and_filemarks_are_read_as_written_and_found() {
    let tgt = Tgt::library(2, 64);
    let mut drive = loaded(&tgt);
    assert!(drive.is_ready().unwrap());
    for number in 0..40 {
        assert_eq!(drive.write(&record(number, RECORD)).unwrap(), Room::Ample);
    }
    assert_eq!(drive.write_filemarks(1).unwrap(), Room::Ample);
    for (number, length) in [(40, 1000), (41, 1), (42, RECORD), (43, 65_537)] {
        assert_eq!(drive.write(&record(number, length)).unwrap(), Room::Ample);
    }
    assert_eq!(drive.write_filemarks(2).unwrap(), Room::Ample);
    assert_eq!(drive.write(&record(44, 512)).unwrap(), Room::Ample);
    assert_eq!(drive.write_filemarks(0).unwrap(), Room::Ample);

    let mut buffer = vec![0; RECORD];
    drive.rewind().unwrap();
    for number in 0..40 {
        expect(&mut drive, number, RECORD);
    }
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::Filemark);
    for (number, length) in [(40, 1000), (41, 1), (42, RECORD), (43, 65_537)] {
        expect(&mut drive, number, length);
    }
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::Filemark);
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::Filemark);
    expect(&mut drive, 44, 512);
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::EndOfData);
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::EndOfData);

    drive.rewind().unwrap();
    drive.space_records(17).unwrap();
    expect(&mut drive, 17, RECORD);
    drive.space_filemarks(1).unwrap();
    drive.space_records(0).unwrap();
    drive.space_filemarks(0).unwrap();
    expect(&mut drive, 40, 1000);
    drive.space_filemarks(2).unwrap();
    expect(&mut drive, 44, 512);
    drive.rewind().unwrap();
    drive.space_to_end().unwrap();
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::EndOfData);
    assert_eq!(drive.write(&record(45, 99)).unwrap(), Room::Ample);
    drop(drive);

    // Another session finds the same, and a drive that was just opened is at the beginning.
    let mut drive = TapeDrive::open(&tgt.address(1)).unwrap();
    expect(&mut drive, 0, RECORD);
    drive.space_filemarks(3).unwrap();
    expect(&mut drive, 44, 512);
    expect(&mut drive, 45, 99);
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::EndOfData);

    // What is written in the middle ends the tape there.
    drive.rewind().unwrap();
    drive.space_records(3).unwrap();
    assert_eq!(drive.write(&record(99, 5000)).unwrap(), Room::Ample);
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::EndOfData);
}

#[test]
fn going_too_far_is_told() {
    let tgt = Tgt::library(2, 8);
    let mut drive = loaded(&tgt);
    for number in 0..5 {
        assert_eq!(drive.write(&record(number, 1000)).unwrap(), Room::Ample);
    }
    assert_eq!(drive.write_filemarks(1).unwrap(), Room::Ample);
    for too_far in [TapeDevice::space_filemarks, TapeDevice::space_records] {
        drive.rewind().unwrap();
        let error = too_far(&mut drive, 9).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        assert!(error.to_string().contains("the end of the data"), "{error}");
        // Nobody writes where the tape happens to stand.
        let error = drive.write(&[1]).unwrap_err();
        assert!(error.to_string().contains("place of the tape is lost"), "{error}");
        assert_eq!(error.hint(), Some("rewind the tape"));
    }
    drive.rewind().unwrap();
    expect(&mut drive, 0, 1000);
}

#[test]
fn foreign_and_blank_tapes_are_recognised() {
    let tgt = Tgt::library(2, 8);
    let mut drive = loaded(&tgt);
    let mut buffer = vec![0; RECORD];
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::EndOfData, "blank");
    // Records that are longer than anybody here writes.
    assert_eq!(drive.write(&record(0, 300_000)).unwrap(), Room::Ample);
    assert_eq!(drive.write(&record(1, 300)).unwrap(), Room::Ample);
    drive.rewind().unwrap();
    let error = drive.read(&mut buffer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged);
    assert!(error.to_string().contains("longer than 262144 bytes, by 37856"), "{error}");
    drive.rewind().unwrap();
    drive.space_records(1).unwrap();
    expect(&mut drive, 1, 300);
}

#[test]
fn the_end_is_announced_and_what_was_written_is_there() {
    let tgt = Tgt::library(2, 8);
    let mut drive = loaded(&tgt);
    let mut count = 0;
    let room = loop {
        match drive.write(&record(count, RECORD)).unwrap() {
            Room::Ample => count += 1,
            room => break room,
        }
        assert!(count < 50, "8 MiB do not hold this");
    };
    assert_eq!(room, Room::Low);
    assert!((28..=33).contains(&count), "after {count} records");
    let _ = drive.write(&record(count + 1, RECORD)).unwrap();
    let _ = drive.write_filemarks(1).unwrap();
    drive.rewind().unwrap();
    for number in 0..=count + 1 {
        expect(&mut drive, number, RECORD);
    }
    assert_eq!(drive.read(&mut vec![0; RECORD]).unwrap(), TapeRead::Filemark);
}

#[test]
fn records_have_a_length_that_the_drive_can_take() {
    let tgt = Tgt::library(2, 8);
    let mut drive = loaded(&tgt);
    assert_eq!(drive.write(&record(1, 1 << 20)).unwrap(), Room::Ample);
    drive.rewind().unwrap();
    for length in [0, (1 << 20) + 1] {
        let error = drive.write(&vec![0; length]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        // Nothing moved, so the place is not lost.
        assert!(error.to_string().contains("1 to 1048576 bytes"), "{error}");
    }
    let mut buffer = vec![0; (1 << 20) + 5];
    assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::Record(1 << 20));
    assert!(buffer[..1 << 20] == record(1, 1 << 20));
}

#[test]
fn write_protection_is_told_before_and_after() {
    let tgt = Tgt::library(2, 8);
    let mut drive = loaded(&tgt);
    assert!(!drive.is_write_protected().unwrap());
    assert_eq!(drive.write(&record(0, 1000)).unwrap(), Room::Ample);
    tgt.set(1, "readonly=1");
    let error = drive.write(&record(1, 1000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("/1: WRITE: the medium is write protected"), "{error}");
    assert!(error.hint().unwrap().contains("tab"));
    drive.rewind().unwrap();
    assert!(drive.is_write_protected().unwrap());
    expect(&mut drive, 0, 1000);
}

#[test]
fn an_empty_drive_says_so() {
    let tgt = Tgt::library(2, 8);
    let mut drive = TapeDrive::open(&tgt.address(1)).unwrap();
    assert!(!drive.is_ready().unwrap());
    for _ in 0..2 {
        let error = drive.write(&[1, 2, 3]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Missing);
        assert!(error.to_string().contains("no medium in the drive (sense 2/3a00)"), "{error}");
        assert!(error.hint().unwrap().contains("load a cartridge"));
    }
    drive.unload().unwrap();
    let mut changer = Changer::open(&tgt.address(3)).unwrap();
    for slot in [FIRST_SLOT, FIRST_SLOT + 1] {
        changer.move_medium(slot, FIRST_DRIVE).unwrap();
        assert!(drive.is_ready().unwrap());
        let own = u64::from(slot);
        assert_eq!(drive.write(&record(own, 1000)).unwrap(), Room::Ample);
        assert_eq!(drive.write_filemarks(1).unwrap(), Room::Ample);
        drive.unload().unwrap();
        changer.move_medium(FIRST_DRIVE, slot).unwrap();
        assert!(!drive.is_ready().unwrap());
    }
    changer.move_medium(FIRST_SLOT, FIRST_DRIVE).unwrap();
    expect(&mut drive, u64::from(FIRST_SLOT), 1000);
    // Taken away in the middle: whatever is there next is not written over by mistake.
    tgt.set(1, "online=0");
    let error = drive.write(&[1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    tgt.set(1, "online=1");
    assert!(drive.is_ready().unwrap());
    assert!(drive.write(&[1]).unwrap_err().to_string().contains("place of the tape is lost"));
    drive.rewind().unwrap();
    expect(&mut drive, u64::from(FIRST_SLOT), 1000);
    // The same where nothing but a question was asked in between.
    tgt.set(1, "online=0");
    assert!(!drive.is_ready().unwrap());
    tgt.set(1, "online=1");
    assert!(drive.is_ready().unwrap());
    assert!(drive.write(&[1]).unwrap_err().to_string().contains("place of the tape is lost"));
}

#[test]
fn whatever_the_target_agrees_to_the_records_are_whole() {
    let agreements = [("No", "Yes", "8192"), ("No", "No", "4096"), ("Yes", "No", "262144")];
    for (asks, immediate, longest) in agreements {
        let tgt = Tgt::library(2, 64);
        let of_target = ["--mode", "target", "--op", "update", "--tid", "1"];
        for (name, value) in [
            ("InitialR2T", asks),
            ("ImmediateData", immediate),
            ("MaxRecvDataSegmentLength", longest),
            ("FirstBurstLength", "20480"),
            ("MaxBurstLength", "65536"),
        ] {
            tgt.admin(&[&of_target[..], &["--name", name, "--value", value]].concat());
        }
        let mut drive = loaded(&tgt);
        let lengths = [1, 4095, 8192, 8193, 20_480, 20_481, 86_016, 100_001, RECORD];
        for (number, length) in (0..).zip(lengths) {
            assert_eq!(drive.write(&record(number, length)).unwrap(), Room::Ample);
        }
        drive.rewind().unwrap();
        for (number, length) in (0..).zip(lengths) {
            expect(&mut drive, number, length);
        }
    }
}

//! What tapes and SCSI devices say: containers of SIMH, sense data, drives, changers and recorders.
//! The first byte chooses.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use fuzz::device::Liar;
use fuzz::seeds;
use libfuzzer_sys::fuzz_target;
use mover::media::scsi::{BLOCK, Changer, LogicalUnit, Recorder, Sense, TapeDrive};
use mover::media::tape::{SimhTape, TapeDevice, TapeRead};

fuzz_target!(init: seeds::write_if_asked(seeds::tape::all), |input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    match choice % 5 {
        0 => simh(bytes),
        1 => sense(bytes),
        2 => drive(bytes),
        3 => changer(bytes),
        _ => recorder(bytes),
    }
});

const RECORD_MAX: usize = 64 << 10;
const NO_TIME: Duration = Duration::ZERO;

/// What is on a tape: its records, none of which is a filemark, and how it ended.
type Content = (Vec<Option<Vec<u8>>>, bool);

/// Whatever a file holds is read or refused; and what can be read stays when more is written.
fn simh(bytes: &[u8]) {
    static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
        std::env::temp_dir().join(format!("mover-fuzz-{}.tap", std::process::id()))
    });
    std::fs::write(&*FILE, bytes).expect("a folder for temporary files is there");
    let mut tape = SimhTape::open(&*FILE, 1 << 30, 0).expect("the file is there");
    let (records, is_whole) = read(&mut tape);
    // In steps over records and filemarks it is the same tape.
    tape.rewind().expect("a file can be rewound");
    for record in &records {
        let done = match record {
            Some(_) => tape.space_records(1),
            None => tape.space_filemarks(1),
        };
        done.expect("it was read");
    }
    if !is_whole {
        return;
    }
    assert!(tape.space_records(1).is_err() && tape.space_filemarks(1).is_err());
    tape.rewind().expect("a file can be rewound");
    tape.space_to_end().expect("all of it was read");
    tape.write(b"more").expect("there is room");
    tape.write_filemarks(1).expect("there is room");
    let (again, is_whole) = read(&mut tape);
    assert!(is_whole);
    let expected = [&records[..], &[Some(b"more".to_vec()), None]].concat();
    assert_eq!(again, expected);
}

fn read(tape: &mut SimhTape) -> Content {
    let mut records = Vec::new();
    let mut buffer = vec![0; RECORD_MAX];
    tape.rewind().expect("a file can be rewound");
    loop {
        match tape.read(&mut buffer) {
            Ok(TapeRead::Record(length)) => records.push(Some(buffer[..length].to_vec())),
            Ok(TapeRead::Filemark) => records.push(None),
            Ok(TapeRead::EndOfData) => return (records, true),
            Err(_) => return (records, false),
        }
    }
}

fn sense(bytes: &[u8]) {
    let Some(sense) = Sense::parse(bytes) else { return };
    assert!(sense.key < 16);
    assert!(!sense.to_string().is_empty() && !sense.way_out().is_empty());
    let _ = (sense.error_kind(), sense.is_no_medium(), sense.is_becoming_ready());
}

fn unit(bytes: &[u8], says_wait: bool) -> LogicalUnit {
    LogicalUnit::new(Box::new(Liar::new(bytes, says_wait)), 0, "fuzz")
}

/// The calls that a byte each stands for, and the answers of the device behind them.
fn calls(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((count, rest)) = bytes.split_first() else { return (&[], &[]) };
    rest.split_at(usize::from(count % 32).min(rest.len()))
}

fn drive(bytes: &[u8]) {
    let (calls, answers) = calls(bytes);
    let Ok(mut drive) = TapeDrive::new(unit(answers, true)) else { return };
    drive.limit_timeout(NO_TIME);
    let mut record = vec![0; RECORD_MAX];
    for call in calls {
        let count = u32::from(call >> 4);
        let _ = match call & 15 {
            0 => drive.is_ready().map(drop),
            1 => drive.rewind(),
            2 => drive.write(&record[..100]).map(drop),
            3 => drive.write_filemarks(count).map(drop),
            4 => drive.space_filemarks(count),
            5 => drive.space_records(count << 20),
            6 => drive.space_to_end(),
            7 => drive.is_write_protected().map(drop),
            8 => drive.unload(),
            9 => drive.unit().identity().map(drop),
            _ => match drive.read(&mut record) {
                Ok(TapeRead::Record(length)) => {
                    assert!((1..=record.len()).contains(&length));
                    Ok(())
                }
                other => other.map(drop),
            },
        };
    }
}

fn changer(bytes: &[u8]) {
    let (calls, answers) = calls(bytes);
    let Ok(mut changer) = Changer::new(unit(answers, false)) else { return };
    changer.limit_timeout(NO_TIME);
    for call in calls {
        match call & 3 {
            0 => {
                if let Ok(inventory) = changer.inventory() {
                    let _ = (inventory.find("TAPE0001"), inventory.empty_slot());
                }
            }
            1 => drop(changer.look()),
            _ => drop(changer.move_medium(u16::from(*call), 1)),
        }
    }
}

fn recorder(bytes: &[u8]) {
    let (calls, answers) = calls(bytes);
    let Ok(mut recorder) = Recorder::new(unit(answers, true)) else { return };
    recorder.limit_timeout(NO_TIME);
    let mut block = vec![0; 3 * BLOCK];
    for call in calls {
        match call & 7 {
            0 => drop(recorder.disc()),
            1 => drop(recorder.eject()),
            2 => drop(recorder.free_blocks()),
            3 => drop(recorder.blocks()),
            4 => drop(recorder.read(u64::from(*call) << 26, &mut block)),
            5 => drop(recorder.check_blank()),
            _ => drop(recorder.burn(&mut &block[..5000], &mut |_| {})),
        }
    }
}

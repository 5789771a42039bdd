//! A pool of cartridges on files that stand for them.

use std::path::Path;
use std::sync::{Arc, Mutex};

use globset::{Glob, GlobSet, GlobSetBuilder};
use tempfile::TempDir;

use super::{FolderLoader, Loader, Place, SimhTape, TapeConfig, TapeDevice, TapeRead, TapeStorage};
use crate::ErrorKind;
use crate::media::conformance::{self, bytes};
use crate::media::library::{DriveKind, Robot};
use crate::media::{Room, Storage};

const RECORD: u32 = 64 << 10;

fn globs(pattern: &str) -> GlobSet {
    GlobSetBuilder::new().add(Glob::new(pattern).unwrap()).build().unwrap()
}

fn pool_with(folder: &Path, cartridges: &[&str], capacity: u64, drives: usize) -> TapeStorage {
    let cartridges = cartridges.iter().map(|it| (*it).to_owned()).collect();
    let loader = FolderLoader::new(folder.join("tapes"), cartridges, capacity, drives);
    let config = TapeConfig {
        pool: "tape".to_owned(),
        state: folder.join("tape.json"),
        barcodes: globs("*"),
        record_length: RECORD,
    };
    TapeStorage::new(config, Box::new(loader)).unwrap()
}

fn pool(folder: &TempDir) -> TapeStorage {
    pool_with(folder.path(), &["A1", "A2", "A3"], 64 << 20, 1)
}

fn label(number: u32) -> Vec<u8> {
    conformance::label(number, RECORD)
}

fn write(storage: &TapeStorage, name: &str, content: &[u8]) {
    let mut file = storage.create(name).unwrap();
    let _ = file.write(content).unwrap();
    file.finish().unwrap();
}

fn read(storage: &TapeStorage, name: &str) -> Vec<u8> {
    let file = storage.open(name).unwrap();
    let mut all = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
    assert_eq!(file.read_at(0, &mut all).unwrap(), all.len());
    all
}

#[test]
fn a_pool_of_cartridges_is_a_medium_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    conformance::check(Arc::new(pool(&folder)), &|| Arc::new(pool(&folder)));
}

/// The same on real commands: a changer and two drives of tgt's, over iSCSI.
#[test]
fn a_library_is_a_medium_like_any_other() {
    let tgt = crate::media::scsi::tests::kit::Tgt::library(3, 64);
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Storage> {
        let drives = vec![tgt.address(1), tgt.address(2)];
        let robot = Robot::new(tgt.address(3), drives, DriveKind::Tape);
        let loader = super::LibraryLoader::new(Box::new(robot));
        let config = TapeConfig {
            pool: "tape".to_owned(),
            state: folder.path().join("tape.json"),
            barcodes: globs("TST*"),
            record_length: RECORD,
        };
        Arc::new(TapeStorage::new(config, Box::new(loader)).unwrap())
    };
    conformance::check(open(), &open);
}

#[test]
fn more_than_a_file_of_records_is_read_in_one_pass_and_from_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool_with(folder.path(), &["A1"], 1 << 30, 1);
    let mut content = label(1);
    content.extend(bytes(5, 2200 * RECORD as usize));
    write(&storage, "00000001.volume", &content);
    drop(storage);
    let storage = pool_with(folder.path(), &["A1"], 1 << 30, 1);
    assert!(read(&storage, "00000001.volume") == content);
    // One look at the label, and one pass.
    assert_eq!(storage.passes("00000001.volume"), 1);
    let file = storage.open("00000001.volume").unwrap();
    let mut part = [0; 1000];
    for record in [2199, 1023, 1024, 1025, 2047, 2048, 0, 1500] {
        let at = record * RECORD as usize + 64_900;
        let room = part.len().min(content.len() - at);
        assert_eq!(file.read_at(at as u64, &mut part[..room]).unwrap(), room);
        assert!(part[..room] == content[at..at + room], "{record}");
    }
    // And written on behind each border.
    drop((file, storage));
    for more in 0..4 {
        let storage = pool_with(folder.path(), &["A1"], 1 << 30, 1);
        let mut file = storage.append("00000001.volume").unwrap();
        let length = [1023_u64, 1024, 1025, 2048][more] * u64::from(RECORD);
        file.truncate(length).unwrap();
        content.truncate(usize::try_from(length).unwrap());
        let behind = bytes(more as u64, 1030 * RECORD as usize);
        let _ = file.write(&behind).unwrap();
        content.extend(behind);
        file.finish().unwrap();
        drop((file, storage));
        let storage = pool_with(folder.path(), &["A1"], 1 << 30, 1);
        assert!(read(&storage, "00000001.volume") == content, "{more}");
    }
}

#[test]
fn another_reader_of_the_format_finds_the_volume() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(&folder);
    let mut content = label(1);
    content.extend(bytes(5, 40 * RECORD as usize));
    write(&storage, "00000001.volume", &content);
    drop(storage);
    let script = include_str!("../../../../tests/kit/simh.py");
    let tape = folder.path().join("tapes/A1.tap");
    let read = std::process::Command::new("python3").arg("-c").arg(script).arg(tape).output();
    assert!(read.unwrap().stdout == content);
}

#[test]
fn a_tape_of_somebody_else_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("tapes")).unwrap();
    let path = folder.path().join("tapes/A1.tap");
    let mut foreign = SimhTape::open(&path, 1 << 20, 0).unwrap();
    let _ = foreign.write(b"an archive of another program").unwrap();
    drop(foreign);
    let before = std::fs::read(&path).unwrap();
    let storage = pool(&folder);
    write(&storage, "00000001.volume", &label(1));
    assert_eq!(storage.path("00000001.volume"), Path::new("A2"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let problem = storage.cartridges().unwrap().into_iter().find(|it| it.0 == "A1").unwrap().1;
    assert!(problem.problem.unwrap().contains("none of ours"));
    // Told by its name, it is.
    storage.take_over("A1").unwrap();
    write(&storage, "00000002.volume", &label(2));
    assert_eq!(storage.path("00000002.volume"), Path::new("A1"));
}

#[test]
fn when_no_cartridge_is_left_it_says_which_ones_are_no_good() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(&folder);
    for number in 1..4 {
        write(&storage, &crate::media::volume_file(number), &label(number));
    }
    let error = storage.create("00000004.volume").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Full);
    // One that is given back is blank again.
    storage.remove("00000002.volume").unwrap();
    write(&storage, "00000005.volume", &label(5));
    assert_eq!(storage.path("00000005.volume"), Path::new("A2"));
    assert!(read(&storage, "00000005.volume") == label(5));
}

#[test]
fn the_wrong_cartridge_is_neither_read_nor_written() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(&folder);
    write(&storage, "00000001.volume", &label(1));
    write(&storage, "00000002.volume", &label(2));
    drop(storage);
    let tape = |name: &str| folder.path().join("tapes").join(name);
    std::fs::rename(tape("A1.tap"), tape("x")).unwrap();
    std::fs::rename(tape("A2.tap"), tape("A1.tap")).unwrap();
    std::fs::rename(tape("x"), tape("A2.tap")).unwrap();
    let storage = pool(&folder);
    let file = storage.open("00000001.volume").unwrap();
    let error = file.read_at(0, &mut [0; 10]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("volume 2"), "{error}");
    let appended = storage.append("00000001.volume").map(drop);
    assert_eq!(appended.unwrap_err().kind(), ErrorKind::Refused);
}

#[test]
fn the_cartridges_alone_tell_what_is_on_them() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(&folder);
    let mut content = label(1);
    content.extend(bytes(5, 1100 * RECORD as usize));
    let storage = {
        drop(storage);
        pool_with(folder.path(), &["A1", "A2", "A3"], 1 << 30, 1)
    };
    write(&storage, "00000001.volume", &content);
    write(&storage, "00000002.volume", &label(2));
    drop(storage);
    std::fs::remove_file(folder.path().join("tape.json")).unwrap();
    let storage = pool_with(folder.path(), &[], 1 << 30, 1);
    assert!(storage.list().unwrap().is_empty());
    storage.scan().unwrap();
    assert_eq!(storage.list().unwrap(), ["00000001.volume", "00000002.volume"]);
    assert!(read(&storage, "00000001.volume") == content);
    assert!(read(&storage, "00000002.volume") == label(2));
}

#[test]
fn a_cartridge_that_is_away_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(&folder);
    write(&storage, "00000001.volume", &label(1));
    drop(storage);
    std::fs::remove_file(folder.path().join("tapes/A1.tap")).unwrap();
    let storage = pool_with(folder.path(), &[], 64 << 20, 1);
    let (barcode, _, place) = storage.cartridges().unwrap().remove(0);
    assert_eq!((barcode.as_str(), place), ("A1", Place::Shelf));
    let error = storage.open("00000001.volume").unwrap().read_at(0, &mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing);
    assert!(error.to_string().contains("A1"), "{error}");
}

#[test]
fn two_do_not_move_one_tape() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(&folder);
    write(&storage, "00000001.volume", &label(1));
    let other = pool(&folder);
    let read = |storage: &TapeStorage| {
        storage.open("00000001.volume").unwrap().read_at(0, &mut [0; 9]).map_err(|it| it.kind())
    };
    assert_eq!(read(&other), Err(ErrorKind::Busy));
    drop(storage);
    assert_eq!(read(&other), Ok(9));
}

#[test]
fn two_drives_hold_two_cartridges_and_one_drive_takes_turns() {
    for drives in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let storage = pool_with(folder.path(), &["A1", "A2"], 64 << 20, drives);
        let (mut one, mut two) = (
            storage.create("00000001.volume").unwrap(),
            storage.create("00000002.volume").unwrap(),
        );
        let (mut first, mut second) = (label(1), label(2));
        let (_, _) = (one.write(&first).unwrap(), two.write(&second).unwrap());
        one.sync().unwrap();
        two.sync().unwrap();
        for seed in 0..4 {
            let (more, other) =
                (bytes(seed, 3 * RECORD as usize), bytes(seed + 9, RECORD as usize));
            let (_, _) = (one.write(&more).unwrap(), two.write(&other).unwrap());
            one.sync().unwrap();
            two.sync().unwrap();
            first.extend(more);
            second.extend(other);
        }
        assert!(read(&storage, "00000001.volume") == first);
        assert!(read(&storage, "00000002.volume") == second);
    }
}

/// A library of files, of which a drive may break.
#[derive(Debug)]
struct Breakable {
    loader: FolderLoader,
    broken: Arc<Mutex<Option<usize>>>,
    /// A broken drive keeps its cartridge.
    keeps: bool,
}

#[derive(Debug)]
struct BreakableDrive {
    device: Box<dyn TapeDevice>,
    number: usize,
    broken: Arc<Mutex<Option<usize>>>,
}

impl BreakableDrive {
    fn works(&mut self) -> crate::Result<&mut dyn TapeDevice> {
        match *self.broken.lock().unwrap() == Some(self.number) {
            true => Err(crate::Error::new(ErrorKind::Io, "the drive smokes")),
            false => Ok(&mut *self.device),
        }
    }
}

impl TapeDevice for BreakableDrive {
    fn write(&mut self, record: &[u8]) -> crate::Result<Room> {
        self.works()?.write(record)
    }
    fn read(&mut self, record: &mut [u8]) -> crate::Result<TapeRead> {
        self.works()?.read(record)
    }
    fn write_filemarks(&mut self, count: u32) -> crate::Result<Room> {
        self.works()?.write_filemarks(count)
    }
    fn rewind(&mut self) -> crate::Result<()> {
        self.works()?.rewind()
    }
    fn space_filemarks(&mut self, count: u32) -> crate::Result<()> {
        self.works()?.space_filemarks(count)
    }
    fn space_records(&mut self, count: u32) -> crate::Result<()> {
        self.works()?.space_records(count)
    }
    fn space_to_end(&mut self) -> crate::Result<()> {
        self.works()?.space_to_end()
    }
    fn is_write_protected(&mut self) -> crate::Result<bool> {
        self.works()?.is_write_protected()
    }
}

impl Loader for Breakable {
    fn drive_count(&self) -> usize {
        self.loader.drive_count()
    }
    fn inventory(&mut self) -> crate::Result<std::collections::BTreeMap<String, Option<usize>>> {
        self.loader.inventory()
    }
    fn load(&mut self, barcode: &str, drive: usize) -> crate::Result<Box<dyn TapeDevice>> {
        let device = self.loader.load(barcode, drive)?;
        Ok(Box::new(BreakableDrive { device, number: drive, broken: Arc::clone(&self.broken) }))
    }
    fn unload(&mut self, barcode: &str, drive: usize) -> crate::Result<()> {
        match self.keeps && *self.broken.lock().unwrap() == Some(drive) {
            true => Err(crate::Error::new(ErrorKind::Io, "it does not let go")),
            false => self.loader.unload(barcode, drive),
        }
    }
    fn eject(&mut self, barcode: &str) -> crate::Result<()> {
        self.loader.eject(barcode)
    }
}

fn breakable(folder: &TempDir, keeps: bool) -> (TapeStorage, Arc<Mutex<Option<usize>>>) {
    let cartridges = ["A1", "A2", "A3"].map(str::to_owned).to_vec();
    let broken = Arc::new(Mutex::new(None));
    let loader = FolderLoader::new(folder.path().join("tapes"), cartridges, 64 << 20, 2);
    let loader = Breakable { loader, broken: Arc::clone(&broken), keeps };
    let config = TapeConfig {
        pool: "tape".to_owned(),
        state: folder.path().join("tape.json"),
        barcodes: globs("*"),
        record_length: RECORD,
    };
    (TapeStorage::new(config, Box::new(loader)).unwrap(), broken)
}

#[test]
fn what_a_broken_drive_cannot_read_another_one_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (storage, broken) = breakable(&folder, false);
    write(&storage, "00000001.volume", &label(1));
    *broken.lock().unwrap() = Some(0);
    assert!(read(&storage, "00000001.volume") == label(1));
    let failed = storage.failed_drives();
    assert_eq!(failed.len(), 1);
    assert!(failed[0].0 == 0 && failed[0].1.contains("smokes"), "{failed:?}");
    // And from now on the other one is used alone.
    *broken.lock().unwrap() = None;
    write(&storage, "00000002.volume", &label(2));
    assert!(storage.cartridges().unwrap().iter().all(|(_, _, place)| *place != Place::Drive(0)));
}

#[test]
fn a_write_that_fails_tells_and_a_cartridge_that_is_stuck_takes_no_other_drive_down() {
    let folder = tempfile::tempdir().unwrap();
    let (storage, broken) = breakable(&folder, true);
    let mut file = storage.create("00000001.volume").unwrap();
    let _ = file.write(&label(1)).unwrap();
    file.sync().unwrap();
    *broken.lock().unwrap() = Some(0);
    assert_eq!(file.write(&label(1)).unwrap_err().kind(), ErrorKind::Io);
    drop(file);
    let stuck = storage.append("00000001.volume").map(drop).unwrap_err();
    assert_eq!(stuck.kind(), ErrorKind::Missing);
    assert!(stuck.to_string().contains("A1 is stuck in drive 0"), "{stuck}");
    write(&storage, "00000002.volume", &label(2));
    assert_eq!(storage.failed_drives().len(), 1);
}

#[test]
fn two_drives_run_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool_with(folder.path(), &["A1", "A2"], 64 << 20, 2);
    write(&storage, "00000001.volume", &label(1));
    write(&storage, "00000002.volume", &label(2));
    let (drive, _) = storage.lock().fetch_volume("00000001.volume").unwrap();
    let held = drive.take();
    // While somebody uses the first, the second is free.
    assert!(read(&storage, "00000002.volume") == label(2));
    drop(held);
    assert!(read(&storage, "00000001.volume") == label(1));
}

#[test]
fn what_was_not_synced_is_no_part_of_the_volume_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(&folder);
    let mut file = storage.create("00000001.volume").unwrap();
    let _ = file.write(&label(1)).unwrap();
    file.sync().unwrap();
    let _ = file.write(&bytes(3, 5 * RECORD as usize)).unwrap();
    // Nothing of it is told to anyone, whether by a kill or by an end.
    drop((file, storage));
    let storage = pool(&folder);
    assert!(read(&storage, "00000001.volume") == label(1));
    let mut file = storage.append("00000001.volume").unwrap();
    let behind = bytes(4, RECORD as usize);
    let _ = file.write(&behind).unwrap();
    file.finish().unwrap();
    assert!(read(&storage, "00000001.volume") == [label(1), behind].concat());
    drop((file, storage));
    let mut tape = SimhTape::open(folder.path().join("tapes/A1.tap"), 64 << 20, 0).unwrap();
    tape.space_records(2).unwrap();
    assert_eq!(tape.read(&mut vec![0; RECORD as usize]).unwrap(), TapeRead::EndOfData);
}

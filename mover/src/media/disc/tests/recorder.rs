//! A pool of discs that a recorder burns: tgt's jukebox, whose discs can be written once.

use std::path::Path;
use std::sync::{Arc, Mutex};

use globset::{Glob, GlobSetBuilder};

use crate::media::conformance::{self, bytes};
use crate::media::disc::{DiscConfig, DiscStorage, RecorderBurner};
use crate::media::library::{Ask, DriveKind, Library, Operator, Robot};
use crate::media::scsi::tests::kit::{FIRST_DRIVE, FIRST_SLOT, Tgt};
use crate::media::scsi::{Changer, Recorder};
use crate::media::{AppendFile, Room, Storage, volume_file};
use crate::{Error, ErrorKind, Result};

fn pool(folder: &Path, library: Box<dyn Library>) -> DiscStorage {
    let all = GlobSetBuilder::new().add(Glob::new("*").unwrap()).build().unwrap();
    let burner = RecorderBurner::new("disc", folder, all, library);
    let config = DiscConfig {
        pool: "disc".to_owned(),
        capacity: 24 << 20,
        session_length: 600_000,
        spool: folder.to_owned(),
    };
    DiscStorage::new(config, Arc::new(burner)).unwrap()
}

fn robot(tgt: &Tgt) -> Box<dyn Library> {
    Box::new(Robot::new(tgt.address(2), vec![tgt.address(1)], DriveKind::Disc))
}

fn label(number: u32) -> Vec<u8> {
    let mut body = Vec::new();
    let label = format::VolumeLabel {
        store: format::StoreId([1; 16]),
        volume: number,
        created: format::Timestamp::default(),
        pool: "disc".to_owned(),
        name: String::new(),
    };
    label.encode(&mut body);
    let mut bytes = Vec::new();
    format::Frame::encode(format::FrameKind::VolumeLabel, &body, &[], &mut bytes);
    bytes
}

/// Writes and finishes a volume of so many bytes.
fn write(storage: &DiscStorage, number: u32, length: usize) -> Result<Vec<u8>> {
    let content = [label(number), bytes(number.into(), length)].concat();
    let mut file = storage.create(&volume_file(number))?;
    assert_eq!(file.write(&content)?, Room::Ample);
    file.finish()?;
    Ok(content)
}

fn read(storage: &DiscStorage, number: u32) -> Result<Vec<u8>> {
    let file = storage.open(&volume_file(number))?;
    let mut all = vec![0; usize::try_from(file.length()?).unwrap()];
    assert_eq!(file.read_at(0, &mut all)?, all.len());
    Ok(all)
}

/// What is known of a disc that is counted from 1: its volume, and its problem.
fn known(storage: &DiscStorage, disc: u16) -> (Option<String>, String) {
    let all = storage.discs().unwrap();
    let (_, known, _) = all.into_iter().find(|it| it.0 == Tgt::disc(disc)).unwrap();
    (known.volume, known.problem.unwrap_or_default())
}

/// Burns something on a disc, as another program would.
fn burn(tgt: &Tgt, slot: u16, mut image: &[u8]) {
    let mut changer = Changer::open(&tgt.address(2)).unwrap();
    changer.move_medium(FIRST_SLOT + slot, FIRST_DRIVE).unwrap();
    let mut recorder = Recorder::open(&tgt.address(1)).unwrap();
    recorder.burn(&mut image, &mut |_| {}).unwrap();
    recorder.eject().unwrap();
    changer.move_medium(FIRST_DRIVE, FIRST_SLOT + slot).unwrap();
}

#[test]
fn a_jukebox_is_a_medium_like_any_other() {
    let tgt = Tgt::jukebox(2);
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Storage> { Arc::new(pool(folder.path(), robot(&tgt))) };
    conformance::check(open(), &open);
}

#[test]
fn a_burned_disc_is_read_by_another_program_and_its_spool_is_let_go() {
    let tgt = Tgt::jukebox(1);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    let content = write(&storage, 1, 3_000_000).unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".spool") || name.ends_with(".iso"))
        .collect();
    assert_eq!(left, [] as [&str; 0]);
    let into = tempfile::tempdir().unwrap();
    let image = tgt.file(&Tgt::disc(1));
    let mut bsdtar = std::process::Command::new("bsdtar");
    assert!(bsdtar.arg("-xf").arg(image).arg("-C").arg(into.path()).status().unwrap().success());
    let part = into.path().join("mover/00000001.volume/00000000000000000000");
    assert!(std::fs::read(part).unwrap() == content);
    // It is closed: nothing goes behind it.
    let error = storage.append(&volume_file(1)).unwrap().write(b"more").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains(&Tgt::disc(1)), "{error}");
}

#[test]
fn what_is_not_finished_waits_in_the_spool_and_no_disc_is_spent_on_it() {
    let tgt = Tgt::jukebox(1);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    let mut file = storage.create(&volume_file(1)).unwrap();
    let piece = bytes(1, 2_000_000);
    let _ = file.write(&piece).unwrap();
    file.rest().unwrap();
    file.settle().unwrap();
    drop((file, storage));
    let mut recorder = Recorder::open(&tgt.address(1)).unwrap();
    assert_eq!(recorder.disc().unwrap(), None, "the disc is back in its slot");
    let storage = pool(folder.path(), robot(&tgt));
    assert!(read(&storage, 1).unwrap() == piece);
    // What a kill left unburned is burned before another volume is begun.
    let error = storage.create(&volume_file(2)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert!(read(&storage, 1).unwrap() == piece);
    assert!(storage.discs().unwrap()[0].1.burned() == 2_000_000);
}

#[test]
fn a_disc_that_is_not_blank_is_refused_by_its_name() {
    let tgt = Tgt::jukebox(2);
    let foreign = bytes(7, 100_000);
    burn(&tgt, 0, &foreign);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    let content = write(&storage, 1, 1_000_000).unwrap();
    assert_eq!(storage.path(&volume_file(1)), Path::new(&Tgt::disc(2)));
    assert!(known(&storage, 1).1.contains("not blank"), "{:?}", known(&storage, 1));
    let error = storage.create(&volume_file(2)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.hint().unwrap().contains(&Tgt::disc(1)), "{error:?}");
    let error = storage.take_over(&Tgt::disc(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(std::fs::read(tgt.file(&Tgt::disc(1))).unwrap()[..foreign.len()] == foreign);
    assert!(read(&storage, 1).unwrap() == content);
}

#[test]
fn the_discs_alone_tell_what_is_on_them_and_a_foreign_one_is_named() {
    let tgt = Tgt::jukebox(4);
    burn(&tgt, 0, &bytes(7, 100_000));
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    let (one, two) = (write(&storage, 1, 3_000_000).unwrap(), write(&storage, 2, 90).unwrap());
    drop(storage);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    assert!(storage.list().unwrap().is_empty());
    storage.scan().unwrap();
    assert_eq!(storage.list().unwrap(), [volume_file(1), volume_file(2)]);
    assert!(read(&storage, 2).unwrap() == two);
    assert!(read(&storage, 1).unwrap() == one);
    assert!(known(&storage, 1).1.contains("none of ours"));
    assert_eq!(known(&storage, 4), (None, String::new()), "blank");
}

/// A disc of two that hold one volume: what was burned later counts.
#[test]
fn of_two_discs_with_one_volume_the_later_counts() {
    let tgt = Tgt::jukebox(2);
    let folders = [1, 2].map(|_| tempfile::tempdir().unwrap());
    // The state of the first is lost, and the same volume is burned again.
    let first = pool(folders[0].path(), robot(&tgt));
    write(&first, 1, 500_000).unwrap();
    drop(first);
    let second = pool(folders[1].path(), robot(&tgt));
    let content = write(&second, 1, 600_000).unwrap();
    assert_eq!(second.path(&volume_file(1)), Path::new(&Tgt::disc(2)));
    drop(second);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    storage.scan().unwrap();
    assert!(read(&storage, 1).unwrap() == content);
    assert!(known(&storage, 1).1.contains("burned again"));
    storage.scan().unwrap();
    assert!(read(&storage, 1).unwrap() == content);
}

#[test]
fn the_wrong_disc_is_not_read() {
    let tgt = Tgt::jukebox(2);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    write(&storage, 1, 500_000).unwrap();
    write(&storage, 2, 500_000).unwrap();
    drop(storage);
    let (one, two) = (tgt.file(&Tgt::disc(1)), tgt.file(&Tgt::disc(2)));
    let images = [&one, &two].map(|path| std::fs::read(path).unwrap());
    std::fs::write(&one, &images[1]).unwrap();
    std::fs::write(&two, &images[0]).unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    let error = read(&storage, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains(&Tgt::disc(1)), "{error}");
}

#[test]
fn a_disc_that_is_away_is_named() {
    let tgt = Tgt::jukebox(1);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    write(&storage, 1, 500_000).unwrap();
    drop(storage);
    // Through the door, and out.
    tgt.set(2, &format!("element_type=2,address={FIRST_SLOT},clear_slot=1"));
    let storage = pool(folder.path(), robot(&tgt));
    assert!(!storage.discs().unwrap()[0].2, "on a shelf");
    let error = read(&storage, 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
    assert!(error.to_string().contains(&Tgt::disc(1)), "{error}");
}

#[test]
fn two_do_not_use_one_recorder() {
    let tgt = Tgt::jukebox(1);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    let content = write(&storage, 1, 500_000).unwrap();
    let other = pool(folder.path(), robot(&tgt));
    assert_eq!(read(&other, 1).unwrap_err().kind(), ErrorKind::Busy);
    drop(storage);
    assert!(read(&other, 1).unwrap() == content);
}

/// A recorder that dies has spoilt its disc; what was to be burned is on the next one.
#[test]
fn a_burning_that_was_cut_off_retires_its_disc() {
    let tgt = Tgt::jukebox(2);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    let mut file = storage.create(&volume_file(1)).unwrap();
    let content = [label(1), bytes(1, 2_000_000)].concat();
    let _ = file.write(&content).unwrap();
    file.sync().unwrap();
    drop((file, storage));
    // As a kill leaves it: begun, and tgt calls such a disc blank.
    let state = folder.path().join("discs.json");
    let text = std::fs::read_to_string(&state).unwrap();
    let begun = text.replace("\"burning\": false", "\"burning\": true");
    assert_ne!(text, begun);
    std::fs::write(&state, begun.replace("\"burns\": 0", "\"burns\": 1")).unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    storage.append(&volume_file(1)).unwrap().finish().unwrap();
    assert_eq!(storage.path(&volume_file(1)), Path::new(&Tgt::disc(2)));
    assert!(read(&storage, 1).unwrap() == content);
    let (volume, problem) = known(&storage, 1);
    assert_eq!(volume, None);
    assert!(problem.contains("cut off"), "{problem}");
}

#[test]
fn a_person_is_asked_for_the_disc_by_its_name_once_there_is_something_to_burn() {
    let tgt = Tgt::jukebox(1);
    let folder = tempfile::tempdir().unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let operator = || -> Box<dyn Library> {
        let (told, changer) = (Arc::clone(&asked), tgt.address(2));
        // The person is a robot here.
        let ask: Ask = Box::new(move |text| {
            told.lock().unwrap().push(text.to_owned());
            let mut changer = Changer::open(&changer)?;
            match changer.move_medium(FIRST_SLOT, FIRST_DRIVE) {
                Err(error) if error.kind() != ErrorKind::Missing => Err(error),
                _ => Ok(()),
            }
        });
        let names = ["HOME-1", "HOME-2"].map(str::to_owned).to_vec();
        Box::new(Operator::new(vec![tgt.address(1)], names, DriveKind::Disc, ask))
    };
    let storage = pool(folder.path(), operator());
    let mut file = storage.create(&volume_file(1)).unwrap();
    let content = [label(1), bytes(1, 500_000)].concat();
    let _ = file.write(&content).unwrap();
    file.sync().unwrap();
    assert!(asked.lock().unwrap().is_empty());
    file.finish().unwrap();
    drop(file);
    assert!(read(&storage, 1).unwrap() == content);
    let wanted = format!("put disc HOME-1 into drive {}", tgt.address(1));
    assert_eq!(*asked.lock().unwrap(), [wanted]);
}

/// The spool is all there is of a volume for which no disc is left: it stays, and is read.
#[test]
fn what_cannot_be_burned_is_kept() {
    let tgt = Tgt::jukebox(1);
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), robot(&tgt));
    let mut file: Box<dyn AppendFile> = storage.create(&volume_file(1)).unwrap();
    let content = [label(1), bytes(1, 500_000)].concat();
    let _ = file.write(&content).unwrap();
    file.sync().unwrap();
    // Somebody else writes the disc that was meant for it.
    drop((file, storage));
    burn(&tgt, 0, b"of somebody else");
    let storage = pool(folder.path(), robot(&tgt));
    let error: Error = storage.append(&volume_file(1)).unwrap().finish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    assert!(error.hint().unwrap().contains("not blank"), "{error:?}");
    assert!(read(&storage, 1).unwrap() == content);
    assert_eq!(storage.list().unwrap(), [volume_file(1)]);
    assert!(std::fs::read(tgt.file(&Tgt::disc(1))).unwrap().starts_with(b"of somebody else"));
}

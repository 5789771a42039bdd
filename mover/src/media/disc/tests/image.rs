//! A pool of disc images, made by xorriso and read by others.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::ErrorKind;
use crate::media::conformance::{self, bytes};
use crate::media::disc::{DiscConfig, DiscStorage, ImageBurner};
use crate::media::{AppendFile, Room, Storage};

fn pool(folder: &Path, capacity: u64) -> DiscStorage {
    let discs = ["D1", "D2"].map(str::to_owned).to_vec();
    let burner = ImageBurner::new(folder.join("discs"), discs);
    let config = DiscConfig {
        pool: "disc".to_owned(),
        capacity,
        session_length: 600_000,
        spool: folder.join("spool"),
    };
    std::fs::create_dir_all(&config.spool).unwrap();
    DiscStorage::new(config, Arc::new(burner)).unwrap()
}

/// What is on a disc, by another program.
fn extracted(image: &Path) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let done = Command::new("bsdtar").arg("-xf").arg(image).arg("-C").arg(folder.path()).status();
    assert!(done.unwrap().success(), "bsdtar reads the disc");
    let volume = folder.path().join("mover/00000001.volume");
    let mut parts: Vec<_> =
        std::fs::read_dir(volume).unwrap().map(|it| it.unwrap().path()).collect();
    parts.sort();
    parts.iter().flat_map(|part| std::fs::read(part).unwrap()).collect()
}

#[test]
fn a_pool_of_discs_is_a_medium_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let open = || -> Arc<dyn Storage> { Arc::new(pool(folder.path(), 64 << 20)) };
    conformance::check(open(), &open);
}

/// Writes so many pieces of this length; `after` each of them something happens.
fn write_pieces(
    file: &mut dyn AppendFile,
    count: u64,
    length: usize,
    after: impl Fn(&mut dyn AppendFile),
) -> Vec<u8> {
    let mut all = Vec::new();
    for seed in 0..count {
        let piece = bytes(seed, length);
        let _ = file.write(&piece).unwrap();
        after(file);
        all.extend(piece);
    }
    all
}

#[test]
fn several_disc_sessions_are_one_volume_for_another_program() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), 64 << 20);
    let mut file = storage.create("00000001.volume").unwrap();
    let all = write_pieces(&mut *file, 4, 500_000, |file| {
        file.sync().unwrap();
        file.rest().unwrap();
    });
    file.finish().unwrap();
    assert!(file.write(b"x").is_ok(), "the spool takes it, the disc does not");
    let image = storage.path("00000001.volume");
    assert!(extracted(&image) == all);
    assert!(std::fs::metadata(&image).unwrap().permissions().readonly());
}

#[test]
fn a_disc_that_is_full_says_so_and_the_next_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), 16 << 20);
    let mut file = storage.create("00000001.volume").unwrap();
    let mut written = 0;
    while file.write(&bytes(1, 1 << 20)).unwrap() == Room::Ample {
        written += 1;
    }
    file.finish().unwrap();
    assert!(written > 5, "{written}");
    assert!(std::fs::metadata(storage.path("00000001.volume")).unwrap().len() <= 16 << 20);
    storage.create("00000002.volume").unwrap();
    let error = storage.create("00000003.volume").err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Full);
}

#[test]
fn a_disc_of_somebody_else_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), 64 << 20);
    std::fs::create_dir(folder.path().join("discs")).unwrap();
    let image = folder.path().join("discs/D1.iso");
    std::fs::write(&image, b"somebody's").unwrap();
    let mut file = storage.create("00000001.volume").unwrap();
    let _ = file.write(b"x").unwrap();
    file.finish().unwrap();
    assert_eq!(storage.path("00000001.volume"), folder.path().join("discs/D2.iso"));
    assert_eq!(std::fs::read(&image).unwrap(), b"somebody's");
}

#[test]
fn what_was_burned_and_not_remembered_is_not_burned_twice() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), 64 << 20);
    let mut file = storage.create("00000001.volume").unwrap();
    let piece = bytes(1, 300_000);
    let _ = file.write(&piece).unwrap();
    file.sync().unwrap();
    // As a kill between burning and remembering leaves it.
    let state = std::fs::read(folder.path().join("spool/discs.json")).unwrap();
    let spool =
        std::fs::read(folder.path().join("spool/00000001.volume-00000000000000000000.spool"))
            .unwrap();
    file.settle().unwrap();
    drop((file, storage));
    std::fs::write(folder.path().join("spool/discs.json"), state).unwrap();
    std::fs::write(folder.path().join("spool/00000001.volume-00000000000000000000.spool"), spool)
        .unwrap();
    let storage = pool(folder.path(), 64 << 20);
    let mut file = storage.append("00000001.volume").unwrap();
    file.settle().unwrap();
    let more = bytes(2, 100_000);
    let _ = file.write(&more).unwrap();
    file.finish().unwrap();
    assert!(extracted(&storage.path("00000001.volume")) == [piece, more].concat());
}

#[test]
fn a_disc_that_changed_behind_the_spool_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), 64 << 20);
    let mut file = storage.create("00000001.volume").unwrap();
    let piece = bytes(1, 300_000);
    let _ = file.write(&piece).unwrap();
    file.sync().unwrap();
    let state = std::fs::read(folder.path().join("spool/discs.json")).unwrap();
    file.settle().unwrap();
    // The burned bytes rot, and nobody remembers that they were compared.
    let image = storage.path("00000001.volume");
    let mut disc = std::fs::read(&image).unwrap();
    let at = disc.windows(64).position(|it| *it == piece[1000..1064]).unwrap();
    disc[at] ^= 1;
    std::fs::write(&image, disc).unwrap();
    std::fs::write(folder.path().join("spool/discs.json"), state).unwrap();
    std::fs::write(folder.path().join("spool/00000001.volume-00000000000000000000.spool"), &piece)
        .unwrap();
    let storage = pool(folder.path(), 64 << 20);
    let mut file = storage.append("00000001.volume").unwrap();
    // It is burned once more, over the name of what is wrong.
    file.settle().unwrap();
    assert!(extracted(&image) == piece);
}

#[test]
fn the_discs_alone_tell_what_is_on_them() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), 64 << 20);
    let mut file = storage.create("00000001.volume").unwrap();
    let all = write_pieces(&mut *file, 3, 700_000, |file| file.settle().unwrap());
    drop((file, storage));
    std::fs::remove_dir_all(folder.path().join("spool")).unwrap();
    let storage = pool(folder.path(), 64 << 20);
    storage.scan().unwrap();
    let mut read = vec![0; all.len()];
    let file = storage.open("00000001.volume").unwrap();
    assert_eq!(file.read_at(0, &mut read).unwrap(), all.len());
    assert!(read == all);
}

#[test]
fn a_reader_goes_on_when_another_process_has_burned() {
    let folder = tempfile::tempdir().unwrap();
    let storage = pool(folder.path(), 64 << 20);
    let mut file = storage.create("00000001.volume").unwrap();
    let piece = bytes(1, 300_000);
    let _ = file.write(&piece).unwrap();
    file.sync().unwrap();
    let reader = pool(folder.path(), 64 << 20).open("00000001.volume").unwrap();
    let mut read = vec![0; piece.len()];
    assert_eq!(reader.read_at(0, &mut read[..10]).unwrap(), 10);
    file.settle().unwrap();
    assert_eq!(reader.read_at(0, &mut read).unwrap(), piece.len());
    assert!(read == piece);
}

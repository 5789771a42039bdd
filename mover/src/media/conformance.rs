//! What every kind of medium has to hold to, whatever is behind it.

use std::sync::Arc;

use format::{Frame, FrameKind, StoreId, Timestamp, VolumeLabel};

use super::{AppendFile, Room, Storage};

/// Bytes that can be told from their neighbours, wherever they are read.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(length).collect()
}

/// What a store writes first on every volume: some media look for it.
pub(crate) fn label(number: u32, record_length: u32) -> Vec<u8> {
    let mut body = Vec::new();
    let label = VolumeLabel {
        store: StoreId([1; 16]),
        volume: number,
        created: Timestamp::default(),
        pool: "tape".to_owned(),
        name: String::new(),
    };
    label.encode(&mut body);
    let mut record = Vec::new();
    Frame::encode(FrameKind::VolumeLabel, &body, &[], &mut record);
    record.resize(record.len().next_multiple_of(record_length as usize), 0);
    record
}

/// Checks an empty pool of a medium. `again` opens the same pool anew, as a later process would.
pub(crate) fn check(storage: Arc<dyn Storage>, again: &dyn Fn() -> Arc<dyn Storage>) {
    let unit = storage.traits().record_length;
    let piece = |seed, about: usize| bytes(seed, about.next_multiple_of(unit as usize));
    assert_eq!(storage.list().unwrap(), [] as [&str; 0], "an empty pool");
    let name = "00000001.volume";
    assert!(storage.open(name).and_then(|file| file.length()).is_err(), "nothing is there yet");

    // Written, synced, read: at the beginning, across pieces, at the end, behind it.
    let (one, two) = ([label(1, unit), piece(1, 700_000)].concat(), piece(2, 90_000));
    let mut file = storage.create(name).unwrap();
    file.sync().unwrap();
    storage.sync().unwrap();
    assert_eq!(file.length(), 0);
    assert_eq!(file.write(&one).unwrap(), Room::Ample);
    assert_eq!(file.length(), one.len() as u64);
    file.sync().unwrap();
    assert_eq!(file.write(&two).unwrap(), Room::Ample);
    file.sync().unwrap();
    assert!(storage.create(name).is_err(), "a volume is made once");
    let mut all = [one.clone(), two.clone()].concat();
    reads(&*storage, name, &all);

    // A reader beside the writer, and the writer goes on behind what is read.
    let three = piece(3, 300_000);
    let reader = storage.open(name).unwrap();
    let mut head = vec![0; 1000];
    assert_eq!(reader.read_at(0, &mut head).unwrap(), 1000);
    assert_eq!(file.write(&three).unwrap(), Room::Ample);
    assert_eq!(reader.read_at(5, &mut head).unwrap(), 1000);
    assert_eq!(head, all[5..1005]);
    file.sync().unwrap();
    all.extend_from_slice(&three);
    reads(&*storage, name, &all);
    drop((file, reader, storage));

    // A later process sees what was synced. What was never promised can be taken back, where the
    // medium can, and what is written goes behind it.
    let storage = again();
    assert_eq!(storage.list().unwrap(), [name]);
    assert_eq!(storage.length(name).unwrap(), all.len() as u64);
    reads(&*storage, name, &all);
    let mut file: Box<dyn AppendFile> = storage.append(name).unwrap();
    assert_eq!(file.length(), all.len() as u64);
    if storage.traits().can_truncate {
        file.truncate(one.len() as u64).unwrap();
        assert_eq!(file.length(), one.len() as u64);
        let _ = file.write(&two).unwrap();
        file.sync().unwrap();
        all = [one.clone(), two.clone()].concat();
        reads(&*storage, name, &all);
        drop((file, storage));
        let storage = again();
        assert_eq!(storage.length(name).unwrap(), all.len() as u64);
        file = storage.append(name).unwrap();
    }
    let four = piece(4, 100_000);
    let _ = file.write(&four).unwrap();
    file.rest().unwrap();
    file.settle().unwrap();
    let five = piece(5, 70_000);
    let _ = file.write(&five).unwrap();
    file.finish().unwrap();
    all.extend_from_slice(&four);
    all.extend_from_slice(&five);
    drop(file);
    let storage = again();
    reads(&*storage, name, &all);

    // A second volume beside the first, which then goes.
    let second = "00000002.volume";
    let content = [label(2, unit), two].concat();
    let mut file = storage.create(second).unwrap();
    let _ = file.write(&content).unwrap();
    file.finish().unwrap();
    storage.sync().unwrap();
    drop(file);
    assert_eq!(storage.list().unwrap(), [name, second]);
    reads(&*storage, second, &content);
    reads(&*storage, name, &all);
    assert!(!storage.path(second).as_os_str().is_empty());
    storage.remove(name).unwrap();
    storage.sync().unwrap();
    assert_eq!(storage.list().unwrap(), [second]);
    reads(&*storage, second, &content);
    drop(storage);
    assert_eq!(again().list().unwrap(), [second]);
}

/// Reads a volume in several ways.
fn reads(storage: &dyn Storage, name: &str, all: &[u8]) {
    let file = storage.open(name).unwrap();
    assert_eq!(file.length().unwrap(), all.len() as u64, "{name}");
    let mut whole = vec![0; all.len() + 10];
    assert_eq!(file.read_at(0, &mut whole).unwrap(), all.len(), "less only at the end");
    assert!(whole[..all.len()] == *all, "{name} is what was written");
    for at in [0, 1, 65_535, all.len() / 2, all.len() - 1] {
        let mut part = vec![0; 40_000.min(all.len() - at)];
        assert_eq!(file.read_at(at as u64, &mut part).unwrap(), part.len());
        assert!(part == all[at..at + part.len()], "{name} at {at}");
    }
    let mut none = [0; 10];
    assert_eq!(file.read_at(all.len() as u64, &mut none).unwrap(), 0);
    assert_eq!(file.read_at(all.len() as u64 + 1_000_000, &mut none).unwrap(), 0);
}

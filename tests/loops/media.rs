//! Frames onto a volume, and off it again.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use format::FrameKind;
use mover::media::{
    DiskStorage, FrameParts, Payloads, Scan, Scanned, Storage, VolumeReader, VolumeWriter,
    volume_file,
};

use crate::counted;
use crate::random::Random;

/// What a megabyte of plain bytes may become.
const PAYLOAD_LENGTH: usize = 256 << 10;
/// Bodies and tables are about as long as those of chunks.
const HEADER_LENGTH: usize = 90;
const FOOTER_LENGTH: usize = 29;
const TABLE_LENGTH: usize = 16 * 40;
/// Fewer bytes than a volume has a thread written out for.
const CHUNK_COUNT: usize = 24;

/// Writes chunks, and gives where each begins.
fn write(writer: &mut VolumeWriter, payload: &[u8], count: usize) -> Vec<u64> {
    let (header, footer) = ([1; HEADER_LENGTH], [2; FOOTER_LENGTH]);
    let table = [3; TABLE_LENGTH];
    let chunk = [
        FrameParts { kind: FrameKind::ChunkHeader, body: &header, payload },
        FrameParts { kind: FrameKind::ChunkFooter, body: &footer, payload: &table },
    ];
    let append = |_| writer.append(&chunk, u64::MAX).expect("a write").expect("room");
    let offsets = (0..count).map(append).collect();
    writer.flush().expect("a write");
    offsets
}

fn volume(storage: &DiskStorage, count: usize) -> (Vec<u64>, u64) {
    let payload = Random::new(1).bytes(PAYLOAD_LENGTH);
    let mut writer = VolumeWriter::create(storage, &volume_file(1)).expect("a new volume");
    (write(&mut writer, &payload, count), writer.length())
}

/// Each byte is checked and gathered.
pub(crate) fn framed(folder: &Path) -> u64 {
    let payload = Random::new(1).bytes(PAYLOAD_LENGTH);
    let storage = DiskStorage::new(folder);
    let mut writer = VolumeWriter::create(&storage, &volume_file(1)).expect("a new volume");
    counted(|| write(&mut writer, &payload, CHUNK_COUNT));
    writer.length()
}

/// Every checksum is looked at.
pub(crate) fn scanned(folder: &Path) -> u64 {
    let storage = DiskStorage::new(folder);
    let (_, length) = volume(&storage, CHUNK_COUNT);
    let (frames, damages) = scan(&storage);
    assert_eq!((frames, damages), (2 * CHUNK_COUNT, 0));
    length
}

/// No frame of a chunk can be told by its prefix: the next frame is searched for byte by byte.
pub(crate) fn searched(folder: &Path) -> u64 {
    const COUNT: usize = 4;
    let storage = DiskStorage::new(folder);
    let (offsets, length) = volume(&storage, COUNT);
    let path = storage.path(&volume_file(1));
    let file = OpenOptions::new().write(true).open(path).expect("the volume");
    for offset in offsets {
        file.write_all_at(b"damage", offset).expect("a write");
    }
    let (frames, damages) = scan(&storage);
    assert_eq!((frames, damages), (COUNT, COUNT));
    length
}

/// Frames, and stretches that are none.
fn scan(storage: &DiskStorage) -> (usize, usize) {
    let reader = VolumeReader::open(storage, &volume_file(1)).expect("the volume");
    let mut scan = Scan::new(reader, 0, Payloads::Check).expect("a scan");
    counted(|| {
        let (mut frames, mut damages) = (0, 0);
        while let Some(step) = scan.next().expect("a read") {
            match step {
                Scanned::Frame { .. } => frames += 1,
                Scanned::Damage { .. } | Scanned::Torn { .. } => damages += 1,
            }
        }
        (frames, damages)
    })
}

//! Volumes as bytes: finds frames, and damages or forges them.

use std::fs;
use std::path::{Path, PathBuf};

use format::{Frame, FrameKind, Prefix};

/// A frame on a volume.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) offset: usize,
    pub(crate) prefix: Prefix,
}

impl Place {
    pub(crate) fn kind(&self) -> FrameKind {
        self.prefix.kind
    }

    pub(crate) fn length(&self) -> usize {
        usize::try_from(self.prefix.frame_length()).expect("a frame is small")
    }

    pub(crate) fn body(&self) -> std::ops::Range<usize> {
        let start = self.offset + Prefix::LEN;
        start..start + self.prefix.body_length as usize
    }

    pub(crate) fn payload(&self) -> std::ops::Range<usize> {
        self.body().end..self.offset + self.length()
    }
}

/// The volumes of a store, in order.
pub(crate) fn volumes(store: &Path) -> Vec<PathBuf> {
    let folder = store.join("volumes");
    let listing = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<PathBuf> =
        listing.map(|item| item.expect("a folder can be read").path()).collect();
    // A pool on a disk has a file that says so.
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "volume"));
    paths.sort();
    paths
}

/// The bytes of all volumes of a store.
pub(crate) fn bytes(store: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a volume can be read");
        (path, bytes)
    };
    volumes(store).into_iter().map(read).collect()
}

/// What all volumes take.
pub(crate) fn total_length(store: &Path) -> u64 {
    let length = |path: &PathBuf| fs::metadata(path).expect("a volume is there").len();
    volumes(store).iter().map(length).sum()
}

/// All frames of an undamaged volume.
pub(crate) fn frames(bytes: &[u8]) -> Vec<Place> {
    let mut places = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let (frame, _) = Frame::decode(&bytes[offset..])
            .unwrap_or_else(|error| panic!("no frame at {offset}: {error}"));
        let place = Place { offset, prefix: frame.prefix };
        places.push(place);
        offset += place.length();
    }
    places
}

/// Removes the catalog, which is a cache.
pub(crate) fn forget_catalog(store: &Path) {
    for item in fs::read_dir(store).expect("a store can be listed") {
        let item = item.expect("a folder can be read");
        if item.file_name().to_string_lossy().starts_with("catalog") {
            fs::remove_file(item.path()).expect("the catalog can be removed");
        }
    }
}

/// Gives every frame another version of the format.
pub(crate) fn set_version(store: &Path, version: u16) {
    const VERSION: std::ops::Range<usize> = 8..10;
    const CRC: std::ops::Range<usize> = Prefix::LEN - 4..Prefix::LEN;
    for (path, mut bytes) in bytes(store) {
        for place in frames(&bytes) {
            let prefix = &mut bytes[place.offset..place.offset + Prefix::LEN];
            prefix[VERSION].copy_from_slice(&version.to_le_bytes());
            let crc = format::checksum(&prefix[..CRC.start]);
            prefix[CRC].copy_from_slice(&crc.to_le_bytes());
        }
        fs::write(path, bytes).expect("a volume can be written");
    }
}

/// Flips one bit of a file.
pub(crate) fn flip(path: &Path, offset: usize, bit: u8) {
    let mut bytes = fs::read(path).expect("a volume can be read");
    bytes[offset] ^= 1 << (bit % 8);
    fs::write(path, bytes).expect("a volume can be written");
}

//! Volumes: append-only files of frames, the media that they lie on, and how frames are found
//! after damage.
//!
//! A volume knows frames and checksums, never what they mean: that is the store's business.
//! Everything below it goes through [`Storage`], so that a test can crash it at any operation.

// In suggested reading order.
mod storage;
mod disk;
pub mod object;
pub mod scsi;
pub mod library;
pub mod tape;
pub mod disc;
mod fake;
mod behind;
mod writeback;
mod writer;
mod reader;
mod scan;
mod parity;
mod spec;
mod remembered;

pub use disk::DiskStorage;
pub use fake::FakeStorage;
pub use parity::Parity;
pub use reader::{FrameBytes, VolumeReader};
pub use scan::{Payloads, SECTOR_SIZE, Scan, Scanned};
pub use spec::{Media, PoolSpec};
pub use storage::{AppendFile, MediumKind, MediumTraits, ReadFile, Room, Storage};
pub(crate) use writer::give_up;
pub use writer::{FrameParts, VolumeWriter};

const SUFFIX: &str = ".volume";

/// The file of a volume.
pub fn volume_file(number: u32) -> String {
    format!("{number:08}{SUFFIX}")
}

/// The volume of a file; none where the name is not that of a volume.
pub fn volume_number(file: &str) -> Option<u32> {
    let digits = file.strip_suffix(SUFFIX)?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    // One name for each volume: `1.volume` is not `00000001.volume`.
    (volume_file(number) == file).then_some(number)
}

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
mod tests;

//! What a pool remembers of its discs: which volume is on which, and where its parts lie.

use serde::{Deserialize, Serialize};

use super::xorriso::DiscFile;
use crate::media::remembered::Remembered;

/// A part of a volume that was burned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Segment {
    /// Where it begins in the volume.
    pub(super) offset: u64,
    /// Where it begins on the disc.
    pub(super) at: u64,
    /// Bytes.
    pub(super) length: u64,
}

/// A volume on a disc.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DiscVolume {
    /// The name of the disc.
    pub(super) disc: String,
    /// In the order of their offsets, without gaps.
    pub(super) segments: Vec<Segment>,
    /// Nothing more is burned on it.
    pub(super) finished: bool,
}

impl DiscVolume {
    /// Bytes that were burned.
    pub(super) fn burned(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.offset + last.length)
    }

    /// Takes up what stands on the disc and was not known.
    pub(super) fn adopt(&mut self, files: &[Part]) {
        for part in files {
            if part.segment.offset == self.burned() {
                self.segments.push(part.segment);
            }
        }
    }
}

/// A file of a disc that is a part of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) volume: String,
    pub(super) segment: Segment,
}

/// `/mover/00000001.volume/00000000000000000000`.
pub(super) fn part_path(volume: &str, offset: u64) -> String {
    format!("/mover/{volume}/{offset:020}")
}

/// The parts of volumes among files, in the order of their offsets.
pub(super) fn parts(files: Vec<DiscFile>) -> Vec<Part> {
    let part = |file: DiscFile| {
        let (volume, offset) = file.path.strip_prefix("/mover/")?.split_once('/')?;
        let digits = offset.len() == 20 && offset.bytes().all(|byte| byte.is_ascii_digit());
        let offset = offset.parse().ok().filter(|_| digits)?;
        let segment = Segment { offset, at: file.at, length: file.length };
        Some(Part { volume: volume.to_owned(), segment })
    };
    let mut parts: Vec<Part> = files.into_iter().filter_map(part).collect();
    parts.sort_by_key(|part| part.segment.offset);
    parts
}

/// All volumes of a pool, by the names of their files.
pub(super) type Discs = Remembered<DiscVolume>;

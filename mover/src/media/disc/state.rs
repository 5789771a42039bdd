//! What a pool remembers of its discs: which volume is on which, and where its parts lie.

use serde::{Deserialize, Serialize};

use super::burner::BurnedFile;
use crate::media::remembered::Remembered;

/// A part of a volume that was burned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Where it begins in the volume.
    pub offset: u64,
    /// Where it begins on the disc.
    pub at: u64,
    /// Bytes.
    pub length: u64,
}

/// A disc.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disc {
    /// The file name of the volume that is, or will be, on it; none while it is blank or retired.
    pub volume: Option<String>,
    /// What was burned and compared, in the order of its offsets, without gaps.
    pub segments: Vec<Segment>,
    /// Nothing more is written to the volume.
    pub finished: bool,
    /// A burning began, and nobody knows yet how it ended.
    pub burning: bool,
    /// How often it was written.
    pub burns: u64,
    /// Why it is not written.
    pub problem: Option<String>,
}

impl Disc {
    /// Bytes of the volume that were burned.
    pub fn burned(&self) -> u64 {
        self.segments.last().map_or(0, |last| last.offset + last.length)
    }

    /// It was written, and what is on it counts no more.
    pub fn is_retired(&self) -> bool {
        self.volume.is_none() && self.burns > 0
    }

    /// Takes up what stands on the disc and was not known.
    pub(super) fn adopt(&mut self, segments: impl IntoIterator<Item = Segment>) {
        for segment in segments {
            if segment.offset == self.burned() {
                self.segments.push(segment);
            }
        }
    }
}

/// A file of a disc that is a part of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The file name of the volume.
    pub volume: String,
    /// Where it is.
    pub segment: Segment,
}

impl Part {
    /// The file.
    pub(super) fn file(&self) -> BurnedFile {
        let Segment { offset, at, length } = self.segment;
        BurnedFile { path: part_path(&self.volume, offset), at, length }
    }
}

/// `/mover/00000001.volume/00000000000000000000`.
pub(super) fn part_path(volume: &str, offset: u64) -> String {
    format!("/mover/{volume}/{offset:020}")
}

/// The parts of volumes among files, in the order of their offsets.
pub(super) fn parts(files: Vec<BurnedFile>) -> Vec<Part> {
    let part = |file: BurnedFile| {
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

/// All discs of a pool, by name.
pub(super) type Discs = Remembered<Disc>;

/// The disc of a volume.
pub(super) fn with_volume<'a>(discs: &'a Discs, volume: &str) -> Option<(&'a str, &'a Disc)> {
    let has = |(_, it): &(&String, &Disc)| it.volume.as_deref() == Some(volume);
    discs.known.iter().find(has).map(|(name, disc)| (name.as_str(), disc))
}

//! Holds an archive against the files that it was made of, or against any others.
//!
//! Both come in the order of paths, so that one walk beside the other is enough. Kind, size,
//! times of change, owners, modes, attributes, targets and hard links are compared, and, if asked,
//! content byte by byte.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::io::Write;

use format::{ArchiveFooter, Entry, EntryKind, IndexEntry, compare_paths};
use serde::Serialize;

use super::archive::{Ambient, Watch, seconds};
use super::cache::ChunkCache;
use super::contents::{Contents, PathFilter};
use super::decode::Decoding;
use super::extract::content;
use super::feed::cancelled;
use crate::error::{Error, ErrorKind, Result};
use crate::source::{FileReader, Found, Piece, SourceConfig, Walker};

/// Chunks of one file are read in order; a few that others refer to come between them.
const CHUNK_COUNT: usize = 16;
const BUFFER_SIZE: usize = 256 << 10;

/// How a path differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "difference")]
pub enum PathDifference {
    /// It is in the archive alone.
    OnlyInArchive,
    /// It is in the source alone.
    OnlyInSource,
    /// It is in both, and these are not the same.
    Changed {
        /// `kind`, `size`, `mtime` and so on.
        what: Vec<&'static str>,
    },
}

/// The end of a comparison.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CompareReport {
    /// Paths that are in both and the same.
    pub same: u64,
    /// Paths that are in both and differ.
    pub changed: u64,
    /// Paths that are in the archive alone.
    pub only_in_archive: u64,
    /// Paths that are in the source alone.
    pub only_in_source: u64,
    /// Bytes of content that were compared.
    pub bytes_compared: u64,
    /// What could not be read on either side; each was told.
    pub faults: u64,
    /// Wall time.
    pub seconds: f64,
}

impl CompareReport {
    /// Paths that differ.
    pub fn differences(&self) -> u64 {
        self.changed + self.only_in_archive + self.only_in_source
    }
}

/// Compares, and gives each path that differs to `tell`. With `read`, content is compared too.
pub fn compare(
    ambient: &Ambient,
    decoding: &Decoding<'_>,
    footer: &ArchiveFooter,
    source: &SourceConfig,
    read: bool,
    tell: &mut dyn FnMut(&[u8], &PathDifference) -> Result<()>,
    watch: &Watch<'_>,
) -> Result<CompareReport> {
    let began = ambient.clock.elapsed();
    watch.progress.expect(footer.entry_count, 0);
    let cache = ChunkCache::new(decoding, CHUNK_COUNT);
    let mut sides = Sides {
        contents: Contents::open(&cache, footer, PathFilter::default())?,
        walker: Walker::open(source)?,
        archived: None,
        found: None,
    };
    let mut comparison = Comparison {
        decoding,
        cache: &cache,
        read,
        watch,
        groups: LinkGroups::default(),
        report: CompareReport::default(),
    };
    loop {
        if watch.cancel.is_cancelled() {
            return Err(cancelled());
        }
        comparison.report.faults += sides.fill(decoding, watch)?;
        let order = match (&sides.archived, &sides.found) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(archived), Some(found)) => compare_paths(&archived.entry.path, &found.entry.path),
        };
        let archived = sides.archived.take_if(|_| order.is_le());
        let found = sides.found.take_if(|_| order.is_ge());
        match (archived, found) {
            (Some(archived), Some(found)) => {
                let what = comparison.pair(&archived, &found)?;
                watch.progress.entry(&found.entry.path);
                if !what.is_empty() {
                    comparison.report.changed += 1;
                    tell(&found.entry.path, &PathDifference::Changed { what })?;
                } else {
                    comparison.report.same += 1;
                }
            }
            (Some(archived), None) => {
                comparison.report.only_in_archive += 1;
                tell(&archived.entry.path, &PathDifference::OnlyInArchive)?;
            }
            (None, found) => {
                comparison.report.only_in_source += 1;
                let path = found.map(|found| found.entry.path).unwrap_or_default();
                tell(&path, &PathDifference::OnlyInSource)?;
            }
        }
    }
    let mut report = comparison.report;
    report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok(report)
}

/// The next entry of each side.
struct Sides<'a> {
    contents: Contents<'a>,
    walker: Walker,
    archived: Option<IndexEntry>,
    found: Option<Found>,
}

impl Sides<'_> {
    /// Fetches what is lacking of both; gives how many faults were told on the way.
    fn fill(&mut self, decoding: &Decoding<'_>, watch: &Watch<'_>) -> Result<u64> {
        let mut faults = 0;
        while self.archived.is_none() {
            match self.contents.next() {
                Some(Ok(entry)) => self.archived = Some(entry),
                Some(Err(error)) => {
                    decoding.reached()?;
                    faults += 1;
                    watch.observer.fault(b"", &error);
                }
                None => break,
            }
        }
        while self.found.is_none() {
            match self.walker.next() {
                Some(Ok(found)) => self.found = Some(found),
                Some(Err(fault)) => {
                    faults += 1;
                    watch.observer.fault(&fault.path, &fault.error);
                }
                None => break,
            }
        }
        Ok(faults)
    }
}

struct Comparison<'a> {
    decoding: &'a Decoding<'a>,
    cache: &'a ChunkCache<'a>,
    read: bool,
    watch: &'a Watch<'a>,
    groups: LinkGroups,
    report: CompareReport,
}

impl Comparison<'_> {
    /// What differs.
    fn pair(&mut self, archived: &IndexEntry, found: &Found) -> Result<Vec<&'static str>> {
        let (was, is) = (&archived.entry, &found.entry);
        let mut what = metadata(was, is);
        if !self.groups.agree(was.link_group, is.link_group) {
            what.push("hard links");
        }
        let is_file = was.kind == EntryKind::File && is.kind == EntryKind::File;
        if self.read && is_file && was.size == is.size && is.size > 0 {
            let same = self.same_content(archived, found);
            match same {
                Ok(true) => {}
                Ok(false) => what.push("content"),
                Err(error) if error.kind() == ErrorKind::Key => return Err(error),
                Err(error) => {
                    self.decoding.reached()?;
                    self.report.faults += 1;
                    self.watch.observer.fault(&is.path, &error);
                }
            }
        }
        Ok(what)
    }

    fn same_content(&mut self, archived: &IndexEntry, found: &Found) -> Result<bool> {
        let reader = found.open().map_err(|fault| fault.error)?;
        let mut beside = Beside { bytes: SourceBytes::new(reader), differs: false, failure: None };
        let written = content(self.decoding, self.cache, archived, &mut beside, self.watch);
        if let Some(error) = beside.failure {
            return Err(error);
        }
        match written {
            _ if beside.differs => Ok(false),
            Ok(length) => {
                self.report.bytes_compared += length;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }
}

/// Which of the source's hard-link groups is which of the archive's, and the other way round.
#[derive(Default)]
struct LinkGroups {
    archived: HashMap<u64, u64>,
    found: HashMap<u64, u64>,
}

impl LinkGroups {
    /// Whether two names that are of one file on one side are so on the other.
    fn agree(&mut self, archived: u64, found: u64) -> bool {
        match (archived, found) {
            (0, 0) => true,
            (0, _) | (_, 0) => false,
            _ => {
                *self.archived.entry(found).or_insert(archived) == archived
                    && *self.found.entry(archived).or_insert(found) == found
            }
        }
    }
}

fn metadata(was: &Entry, is: &Entry) -> Vec<&'static str> {
    let mut what = Vec::new();
    let mut differs = |name, differs: bool| {
        if differs {
            what.push(name);
        }
    };
    differs("kind", was.kind != is.kind);
    differs("size", was.size != is.size);
    differs("mtime", was.mtime != is.mtime);
    differs("mode", was.mode != is.mode);
    differs("owner", was.uid != is.uid);
    differs("group", was.gid != is.gid);
    differs("device", was.device_node != is.device_node);
    differs("target", was.link_target != is.link_target);
    differs("attributes", was.xattrs != is.xattrs);
    what
}

/// Takes the bytes of one side, and reads those of the other beside them.
struct Beside {
    bytes: SourceBytes,
    differs: bool,
    failure: Option<Error>,
}

impl Write for Beside {
    /// Fails at the first byte that differs, so that nothing behind it is read.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let same = match self.bytes.are_next(bytes) {
            Ok(same) => same,
            Err(error) => {
                self.failure = Some(error);
                false
            }
        };
        if !same {
            self.differs = self.failure.is_none();
            return Err(std::io::Error::other("it differs"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The content of a file, holes as the zeros that they read as.
struct SourceBytes {
    reader: FileReader,
    buffer: Vec<u8>,
    /// What is left of the piece that was read last.
    rest: std::ops::Range<usize>,
    zeros: u64,
}

impl SourceBytes {
    fn new(reader: FileReader) -> SourceBytes {
        SourceBytes { reader, buffer: vec![0; BUFFER_SIZE], rest: 0..0, zeros: 0 }
    }

    /// Whether these bytes come next in the file.
    fn are_next(&mut self, mut bytes: &[u8]) -> Result<bool> {
        while !bytes.is_empty() {
            if self.zeros > 0 {
                let zeros = usize::try_from(self.zeros).unwrap_or(usize::MAX);
                let (part, behind) = bytes.split_at(bytes.len().min(zeros));
                if part.iter().any(|byte| *byte != 0) {
                    return Ok(false);
                }
                self.zeros -= part.len() as u64;
                bytes = behind;
            } else if !self.rest.is_empty() {
                let (part, behind) = bytes.split_at(bytes.len().min(self.rest.len()));
                let end = self.rest.start + part.len();
                if part != &self.buffer[self.rest.start..end] {
                    return Ok(false);
                }
                self.rest.start = end;
                bytes = behind;
            } else {
                match self.reader.next(&mut self.buffer)? {
                    Piece::Data { length, .. } => self.rest = 0..length,
                    Piece::Hole { length, .. } => self.zeros = length,
                    Piece::End => return Ok(false),
                }
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hard_links_agree_where_each_group_is_one_of_the_other_side() {
        let mut groups = LinkGroups::default();
        assert!(groups.agree(0, 0));
        assert!(groups.agree(1, 7));
        assert!(groups.agree(1, 7));
        assert!(!groups.agree(2, 7), "one file there, two in the archive");
        assert!(!groups.agree(1, 8), "two files there, one in the archive");
        assert!(!groups.agree(0, 9));
        assert!(!groups.agree(3, 0));
    }
}

//! Filters: what changes an entry's bytes before they are cut, and changes them back.

use format::{Entry, FilterRecord, Options};

use super::decode::Decoding;
use super::stages::{LoadedStage, StageSpec};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{ComponentFilter, Direction};
use crate::policy::PathGlobs;
use crate::source;

/// A filter of an archive.
#[derive(Clone, Debug)]
pub struct FilterConfig {
    /// The component.
    pub spec: StageSpec,
    /// Whose bytes it changes; none is everything's.
    pub paths: Option<PathGlobs>,
    /// It may be one that cannot change everything back.
    pub lossy: bool,
}

/// A filter that is loaded.
pub(super) struct Filter {
    pub(super) stage: LoadedStage,
    paths: Option<PathGlobs>,
}

impl Filter {
    /// Refuses a lossy one that nobody allowed.
    pub(super) fn new(stage: LoadedStage, config: &FilterConfig) -> Result<Filter> {
        if stage.plugin.manifest().lossy && !config.lossy {
            let name = &stage.plugin.manifest().name;
            let message = format!("filter {name} is lossy: files do not come back as they were");
            return Err(Error::new(ErrorKind::Refused, message)
                .way_out("if that is what you want, say so: lossy = true, or --lossy"));
        }
        // A wrong configuration is told before anything is written.
        stage.plugin.filter(&stage.config, Direction::Apply)?;
        Ok(Filter { stage, paths: config.paths.clone() })
    }

    fn takes(&self, entry: &Entry) -> bool {
        entry.size > 0 && self.takes_path(&entry.path)
    }

    fn takes_path(&self, path: &[u8]) -> bool {
        self.paths.as_ref().is_none_or(|paths| paths.matches(path))
    }
}

/// Refuses filters of what comes through a pipe: an entry says how long it is before its filters,
/// and of a pipe nobody knows that when it begins.
pub(super) fn refuse_of_pipe(filters: &[Filter], name: &str) -> Result<()> {
    let Some(filter) = filters.iter().find(|filter| filter.takes_path(name.as_bytes())) else {
        return Ok(());
    };
    let filter = &filter.stage.plugin.manifest().name;
    let message = format!("filter {filter} cannot change {name}, which comes through a pipe");
    Err(Error::new(ErrorKind::Unsupported, message)
        .way_out("have the program in front of the pipe do it, archive a file, or leave it out"))
}

/// What is said of an entry's filters, where it has any.
pub(super) fn options_of(filters: &[Filter], entry: &Entry) -> Options {
    let mut options = Options::default();
    for Filter { stage, .. } in filters.iter().filter(|filter| filter.takes(entry)) {
        let (component, config) = (stage.plugin.digest(), stage.config.clone());
        FilterRecord { component, config }.push_to(&mut options);
    }
    options
}

/// Filters one behind the other, for one entry.
struct FilterChain {
    filters: Vec<ComponentFilter>,
    spare: Vec<u8>,
}

impl FilterChain {
    fn new(filters: Vec<ComponentFilter>) -> FilterChain {
        FilterChain { filters, spare: Vec::new() }
    }

    /// Replaces `bytes` by what comes out of the last filter.
    fn next(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        self.from(0, bytes)
    }

    fn from(&mut self, first: usize, bytes: &mut Vec<u8>) -> Result<()> {
        for filter in &mut self.filters[first..] {
            filter.next(bytes, &mut self.spare)?;
            std::mem::swap(bytes, &mut self.spare);
        }
        Ok(())
    }

    /// Replaces `bytes` by the rest of the entry.
    fn finish(&mut self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.clear();
        for place in 0..self.filters.len() {
            let mut rest = Vec::new();
            self.filters[place].finish(&mut rest)?;
            self.from(place + 1, &mut rest)?;
            bytes.append(&mut rest);
        }
        Ok(())
    }
}

/// Bytes of an entry that are read, or of a hole that is filled with zeros, at once.
const READ_LENGTH: usize = 256 << 10;

/// Reads an entry as its filters change it. What they made is changed back at once and compared,
/// unless one of them is lossy: no filter is trusted with the only copy.
pub(super) struct Filtered<'r> {
    read: &'r mut dyn FnMut(&mut [u8]) -> Result<source::Piece>,
    apply: FilterChain,
    check: Option<RoundTrip>,
    names: String,
    buffer: Vec<u8>,
    /// Filtered bytes, and how many of them were given.
    ready: Vec<u8>,
    given: usize,
    offset: u64,
    /// Bytes of the hole that is being read as zeros.
    hole: u64,
    is_over: bool,
    /// What went wrong with a filter, rather than with reading.
    pub(super) failure: Option<Error>,
}

/// Changes bytes back, to see whether they are what they were.
struct RoundTrip {
    undo: FilterChain,
    was: blake3::Hasher,
    is: blake3::Hasher,
}

impl<'r> Filtered<'r> {
    /// None where no filter takes the entry.
    pub(super) fn open(
        filters: &[Filter],
        entry: &Entry,
        read: &'r mut dyn FnMut(&mut [u8]) -> Result<source::Piece>,
    ) -> Result<Filtered<'r>> {
        let taken: Vec<&Filter> = filters.iter().filter(|filter| filter.takes(entry)).collect();
        let chain = |direction, stages: &mut dyn Iterator<Item = &&Filter>| {
            let open =
                |Filter { stage, .. }: &&Filter| stage.plugin.filter(&stage.config, direction);
            stages.map(open).collect::<Result<Vec<_>>>().map(FilterChain::new)
        };
        let is_lossy = taken.iter().any(|filter| filter.stage.plugin.manifest().lossy);
        let check = match is_lossy {
            true => None,
            false => Some(RoundTrip {
                undo: chain(Direction::Undo, &mut taken.iter().rev())?,
                was: blake3::Hasher::new(),
                is: blake3::Hasher::new(),
            }),
        };
        let names: Vec<&str> =
            taken.iter().map(|it| it.stage.plugin.manifest().name.as_str()).collect();
        Ok(Filtered {
            read,
            apply: chain(Direction::Apply, &mut taken.iter())?,
            check,
            names: names.join(" and "),
            buffer: vec![0; READ_LENGTH],
            ready: Vec::new(),
            given: 0,
            offset: 0,
            hole: 0,
            is_over: false,
            failure: None,
        })
    }

    /// The next bytes, as a reader of files gives them.
    pub(super) fn next(&mut self, room: &mut [u8]) -> Result<source::Piece> {
        while self.given == self.ready.len() && !self.is_over {
            let piece = match self.hole {
                0 => (self.read)(&mut self.buffer)?,
                length => source::Piece::Hole { offset: 0, length },
            };
            self.fill(piece).inspect_err(|error| {
                self.failure = Some(Error::new(error.kind(), error.to_string()));
            })?;
        }
        let length = room.len().min(self.ready.len() - self.given);
        if length == 0 {
            return Ok(source::Piece::End);
        }
        room[..length].copy_from_slice(&self.ready[self.given..self.given + length]);
        self.given += length;
        let offset = self.offset;
        self.offset += length as u64;
        Ok(source::Piece::Data { offset, length })
    }

    fn fill(&mut self, piece: source::Piece) -> Result<()> {
        (self.given, self.is_over) = (0, matches!(piece, source::Piece::End));
        self.ready.clear();
        match piece {
            source::Piece::Data { length, .. } => self.through(length),
            source::Piece::Hole { length, .. } => {
                let zeros = length.min(READ_LENGTH as u64);
                self.hole = length - zeros;
                let zeros = usize::try_from(zeros).expect("a small number");
                self.buffer[..zeros].fill(0);
                self.through(zeros)
            }
            source::Piece::End => {
                self.apply.finish(&mut self.ready)?;
                self.compare()?;
                let Some(RoundTrip { undo, was, is }) = &mut self.check else { return Ok(()) };
                let mut rest = Vec::new();
                undo.finish(&mut rest)?;
                is.update(&rest);
                if was.finalize() != is.finalize() {
                    let message = format!("{} does not give back what it was given", self.names);
                    return Err(Error::new(ErrorKind::Plugin, message)
                        .way_out("archive without this filter, or with another version of it"));
                }
                Ok(())
            }
        }
    }

    /// Filters what is in the buffer.
    fn through(&mut self, length: usize) -> Result<()> {
        if let Some(RoundTrip { was, .. }) = &mut self.check {
            was.update(&self.buffer[..length]);
        }
        self.ready.clear();
        self.ready.extend_from_slice(&self.buffer[..length]);
        self.apply.next(&mut self.ready)?;
        self.compare()
    }

    fn compare(&mut self) -> Result<()> {
        let Some(RoundTrip { undo, is, .. }) = &mut self.check else { return Ok(()) };
        let mut back = self.ready.clone();
        undo.next(&mut back)?;
        is.update(&back);
        Ok(())
    }
}

/// Gives an entry's bytes back as they were before its filters.
pub(super) struct Unfiltered {
    chain: FilterChain,
    bytes: Vec<u8>,
}

impl Unfiltered {
    /// None where the entry went through no filter. Refuses what this mover does not know.
    pub(super) fn open(decoding: &Decoding<'_>, options: &Options) -> Result<Option<Unfiltered>> {
        options.require_known(&[FilterRecord::OPTION]).map_err(|cause| {
            let message = "the entry asks for what this mover does not know";
            Error::new(ErrorKind::Unsupported, message)
                .because(cause)
                .way_out("restore it with a newer mover")
        })?;
        let records = FilterRecord::all(options).map_err(|cause| {
            Error::new(ErrorKind::Damaged, "the entry's filters are unreadable").because(cause)
        })?;
        if records.is_empty() {
            return Ok(None);
        }
        let filters = records.iter().rev().map(|record| {
            decoding.carried(&record.component)?.filter(&record.config, Direction::Undo)
        });
        let chain = FilterChain::new(filters.collect::<Result<_>>()?);
        Ok(Some(Unfiltered { chain, bytes: Vec::new() }))
    }

    /// The bytes that these become.
    pub(super) fn next(&mut self, block: &[u8]) -> Result<&[u8]> {
        self.bytes.clear();
        self.bytes.extend_from_slice(block);
        self.chain.next(&mut self.bytes)?;
        Ok(&self.bytes)
    }

    /// What is left at the end.
    pub(super) fn finish(&mut self) -> Result<&[u8]> {
        self.chain.finish(&mut self.bytes)?;
        Ok(&self.bytes)
    }
}

//! The head of the pipeline: entries in, windows inspected and cut, blocks identified and packed.

use std::collections::HashMap;
use std::sync::Arc;

use format::{Entry, EntryEnd, Extent, Finding, IndexEntry, Verdict};

use super::previous::RecordWriter;
use super::progress::{Observer, Progress};
use super::report::ArchiveReport;
use crate::archive::{
    ChunkSink, DEDUPE_LENGTH_MIN, IndexWriter, KnownBlocks, Packer, Part, Piece, Window,
};
use crate::error::{Error, ErrorKind, Result};
use crate::key::DomainSecret;
use crate::pipeline::{Action, Cut, Cutter, Inspector, Meter};

/// Bytes of a window that are inspected and cut in one call, besides what the last left over.
const WINDOW_LENGTH: usize = 1 << 20;

/// What the head works with.
pub(super) struct HeadParts<S, K> {
    pub(super) cutter: Box<dyn Cutter>,
    pub(super) inspectors: Vec<Box<dyn Inspector>>,
    pub(super) packer: Packer<S, K>,
    pub(super) index: IndexWriter,
    pub(super) domain: DomainSecret,
}

/// Times of the head's own stages.
pub(super) struct HeadMeters {
    pub(super) snoop: Arc<Meter>,
    pub(super) dedupe: Arc<Meter>,
    pub(super) identify: Arc<Meter>,
}

/// The content of a file with several names, for the names that come later.
#[derive(Clone)]
struct Linked {
    extents: Vec<Extent>,
    verdict: Verdict,
    faulty: bool,
    findings: Vec<Finding>,
    size: u64,
}

pub(super) struct Head<'a, S, K> {
    parts: HeadParts<S, K>,
    meters: &'a HeadMeters,
    observer: &'a dyn Observer,
    progress: &'a Progress,
    /// On a machine that cannot read what it writes.
    record: Option<&'a mut RecordWriter>,
    pub(super) window: Window,
    open: Option<(u64, Box<Entry>)>,
    links: HashMap<u64, Linked>,
    cuts: Vec<Cut>,
    pub(super) report: ArchiveReport,
}

impl<'a, S: ChunkSink, K: KnownBlocks> Head<'a, S, K> {
    pub(super) fn new(
        parts: HeadParts<S, K>,
        meters: &'a HeadMeters,
        observer: &'a dyn Observer,
        progress: &'a Progress,
        record: Option<&'a mut RecordWriter>,
    ) -> Head<'a, S, K> {
        let window = Window::new(WINDOW_LENGTH + parts.cutter.block_length_max());
        Head {
            parts,
            meters,
            observer,
            progress,
            record,
            window,
            open: None,
            links: HashMap::new(),
            cuts: Vec::new(),
            report: ArchiveReport::default(),
        }
    }

    /// Tells a fault, and counts it.
    pub(super) fn fault(&mut self, path: &[u8], error: &Error) {
        self.report.faults += 1;
        self.observer.fault(path, error);
    }

    /// Adds a part, and works on the window when it is full.
    pub(super) fn push(&mut self, part: Part) -> Result<()> {
        self.window.parts.push(part);
        self.work_if_full()
    }

    /// Works on the window when it is full.
    pub(super) fn work_if_full(&mut self) -> Result<()> {
        match self.window.is_full() {
            true => self.work(),
            false => Ok(()),
        }
    }

    /// Works on what is left, closes packer and index. Gives the counts, what the archive needs
    /// and what is withheld, and the index's number of pages and roots.
    #[allow(clippy::type_complexity, reason = "taken apart at the one call")]
    pub(super) fn finish(
        mut self,
    ) -> Result<(ArchiveReport, S, crate::archive::Needs, Vec<format::Withheld>, (u64, u64))> {
        self.work()?;
        self.report.entries = self.parts.index.entry_count;
        self.report.content_bytes = self.parts.index.content_length;
        self.report.deduplicated_bytes = self.parts.packer.deduplicated_length();
        let (mut sink, needs, withheld) = self.parts.packer.finish()?;
        let counts = self.parts.index.finish(&mut sink)?;
        Ok((self.report, sink, needs, withheld, counts))
    }

    fn work(&mut self) -> Result<()> {
        let verdicts = self.inspect()?;
        self.cut()?;
        // Out of `self` while it is packed: packing borrows all the rest.
        let mut window = std::mem::replace(&mut self.window, Window::new(0));
        let cuts = std::mem::take(&mut self.cuts);
        let parts = std::mem::take(&mut window.parts);
        let packed = self.pack(parts, window.filled(), &cuts, verdicts);
        self.window = window;
        self.cuts = cuts;
        let (rest, offset) = packed?;
        self.window.carry(rest, offset);
        Ok(())
    }

    /// Asks every snoop, and gives the strongest answer and all findings for each entry that ends.
    fn inspect(&mut self) -> Result<Vec<(Verdict, Vec<Finding>)>> {
        let ends = self.window.entry_ends();
        let fresh = self.window.unseen();
        let mut verdicts = vec![(Verdict::Pass, Vec::new()); ends.len()];
        if fresh.is_empty() && ends.is_empty() {
            return Ok(verdicts);
        }
        for inspector in &mut self.parts.inspectors {
            let answers = self.meters.snoop.busy(|| inspector.inspect(fresh, &ends))?;
            self.meters.snoop.moved(fresh.len(), 0);
            for ((verdict, findings), answer) in verdicts.iter_mut().zip(answers) {
                *verdict = (*verdict).max(verdict_of(answer.action));
                let room = format::limits::FINDING_COUNT_MAX - findings.len();
                findings.extend(answer.findings.into_iter().take(room).map(|found| Finding {
                    component: inspector.name().to_owned(),
                    name: found.name,
                    offset: found.offset,
                    length: found.length,
                    detail: found.detail,
                }));
            }
        }
        Ok(verdicts)
    }

    fn cut(&mut self) -> Result<()> {
        self.cuts.clear();
        let window = self.window.filled();
        if window.is_empty() {
            return Ok(());
        }
        let ends = self.window.cut_ends();
        let (cutter, cuts) = (&mut self.parts.cutter, &mut self.cuts);
        self.meters.dedupe.moved(window.len(), 0);
        self.meters.dedupe.busy(|| cutter.cut(window, &ends, cuts))
    }

    /// Packs the window's parts; gives how many bytes at its end were left uncut, and the offset
    /// of the first of them in the open entry.
    fn pack(
        &mut self,
        parts: Vec<Part>,
        bytes: &[u8],
        cuts: &[Cut],
        verdicts: Vec<(Verdict, Vec<Finding>)>,
    ) -> Result<(usize, u64)> {
        let (mut cuts, mut verdicts) = (cuts.iter(), verdicts.into_iter());
        let mut rest = bytes;
        let mut left_at = 0;
        for part in parts {
            match part {
                Part::Begin { number, entry } => {
                    self.parts.packer.begin(number, &entry)?;
                    self.open = Some((number, entry));
                }
                Part::Data(piece) => {
                    let (piece_bytes, behind) = rest.split_at(piece.length);
                    let packed = self.pack_piece(piece, piece_bytes, &mut cuts)?;
                    if packed < piece.length {
                        left_at = piece.offset + packed as u64;
                        if !behind.is_empty() {
                            return Err(wrong_cuts());
                        }
                        return Ok((piece.length - packed, left_at));
                    }
                    rest = behind;
                }
                Part::Hole(piece) => self.parts.packer.hole(piece.offset, piece.length as u64)?,
                Part::End { size, faulty } => {
                    let (verdict, findings) = verdicts.next().unwrap_or_default();
                    self.end_open(EntryEnd { size, verdict, faulty }, findings)?;
                }
                Part::Bare { number, entry } => self.pack_bare(number, *entry)?,
                Part::Unchanged { number, previous } => self.pack_unchanged(number, *previous)?,
            }
        }
        Ok((rest.len(), left_at))
    }

    fn pack_piece(
        &mut self,
        piece: Piece,
        bytes: &[u8],
        cuts: &mut std::slice::Iter<'_, Cut>,
    ) -> Result<usize> {
        let mut packed = 0;
        while packed < bytes.len() {
            let Some(cut) = cuts.next() else { break };
            let length = cut.length as usize;
            let block = bytes.get(packed..packed + length).ok_or_else(wrong_cuts)?;
            let identity = (length >= DEDUPE_LENGTH_MIN)
                .then(|| self.meters.identify.busy(|| self.parts.domain.identity(block)));
            let offset = piece.offset + packed as u64;
            self.parts.packer.data(offset, block, cut.crc, identity)?;
            packed += length;
        }
        Ok(packed)
    }

    fn end_open(&mut self, end: EntryEnd, findings: Vec<Finding>) -> Result<()> {
        let (number, mut entry) = self.open.take().expect("an end follows its beginning");
        let ended = self.parts.packer.end(end, &findings)?;
        entry.size = end.size;
        let linked = Linked {
            extents: ended.extents,
            verdict: end.verdict,
            faulty: end.faulty,
            findings,
            size: end.size,
        };
        if entry.link_group != 0 {
            self.links.insert(entry.link_group, linked.clone());
        }
        self.show(number, *entry, linked)
    }

    fn pack_bare(&mut self, number: u64, mut entry: Entry) -> Result<()> {
        let linked = match entry.link_group {
            0 => None,
            group => self.links.get(&group).cloned(),
        };
        let linked = linked.unwrap_or_else(|| Linked {
            extents: Vec::new(),
            verdict: Verdict::Pass,
            faulty: false,
            findings: Vec::new(),
            size: 0,
        });
        self.parts.packer.begin(number, &entry)?;
        let end = EntryEnd { size: linked.size, verdict: linked.verdict, faulty: linked.faulty };
        self.parts.packer.end(end, &[])?;
        entry.size = linked.size;
        self.show(number, entry, linked)
    }

    fn pack_unchanged(&mut self, number: u64, previous: IndexEntry) -> Result<()> {
        let IndexEntry { entry, extents, verdict, faulty, findings, .. } = previous;
        self.parts.packer.reuse(&extents);
        let linked = Linked { extents, verdict, faulty, findings, size: entry.size };
        if entry.link_group != 0 {
            self.links.insert(entry.link_group, linked.clone());
        }
        self.show(number, entry, linked)
    }

    /// Puts an entry into the index, unless a snoop left it out; and tells what was found.
    fn show(&mut self, number: u64, entry: Entry, linked: Linked) -> Result<()> {
        self.progress.entry(&entry.path);
        if !linked.findings.is_empty() {
            self.report.findings += 1;
        }
        for finding in &linked.findings {
            self.observer.found(&entry.path, linked.verdict, finding);
        }
        match linked.verdict {
            Verdict::Stop => {
                self.report.stopped += 1;
                return Ok(());
            }
            Verdict::Hold => self.report.held += 1,
            _ => {}
        }
        let Linked { extents, verdict, faulty, findings, .. } = linked;
        let shown = IndexEntry { number, entry, extents, verdict, faulty, findings };
        if let Some(record) = &mut self.record {
            record.push(&shown)?;
        }
        self.parts.index.push(&shown, self.parts.packer.sink_mut())
    }
}

fn verdict_of(action: Action) -> Verdict {
    match action {
        Action::Pass => Verdict::Pass,
        Action::Tag => Verdict::Tag,
        Action::Hold => Verdict::Hold,
        Action::Stop => Verdict::Stop,
    }
}

fn wrong_cuts() -> Error {
    let message = "the dedupe component cut across the end of an entry";
    Error::new(ErrorKind::Plugin, message)
}

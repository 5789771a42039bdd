//! The head of the pipeline: windows that were looked at in, blocks identified and packed.

use std::collections::HashMap;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use format::{
    BlockIdentity, Entry, EntryEnd, EntryKind, Extent, Finding, IndexEntry, Options, Verdict,
};

use super::examine::{Inspected, wrong_cuts};
use super::index_pools::IndexPools;
use super::journal::{Counts, JournalReader, OpenEntry, Snoops};
use super::look::{Looked, Seen};
use super::progress::{Observer, Progress};
use super::report::ArchiveReport;
use super::routing::{Answer, Routing};
use super::sink::StretchSink;
use crate::archive::{DEDUPE_LENGTH_MIN, KnownBlocks, Needs, Packer, Part, Piece, Window};
use crate::error::{Error, Result};
use crate::key::DomainSecret;
use crate::pipeline::{Cut, Meter};

/// What the head works with.
pub(super) struct HeadParts<K> {
    pub(super) packer: Packer<StretchSink, K>,
    pub(super) routing: Routing,
    pub(super) domain: DomainSecret,
    pub(super) index: Arc<IndexPools>,
}

/// Times of the head's own stages, and of those in front of it.
pub(super) struct HeadMeters {
    pub(super) snoop: Arc<Meter>,
    pub(super) dedupe: Arc<Meter>,
    pub(super) identify: Arc<Meter>,
    pub(super) lookup: Arc<Meter>,
    pub(super) pack: Arc<Meter>,
}

/// The content of a file with several names, for the names that come later.
#[derive(Clone)]
pub(super) struct Linked {
    extents: Vec<Extent>,
    verdict: Verdict,
    faulty: bool,
    findings: Vec<Finding>,
    size: u64,
    options: Options,
}

impl Linked {
    /// The content of an entry that is complete.
    pub(super) fn of(entry: &IndexEntry) -> Linked {
        Linked {
            extents: entry.extents.clone(),
            verdict: entry.verdict,
            faulty: entry.faulty,
            findings: entry.findings.clone(),
            size: entry.entry.size,
            options: entry.options.clone(),
        }
    }
}

/// What is said of an entry that was open when an earlier session was cut, and has changed since.
const RESTARTED: &str = "restarted";

/// The entry that is being packed: its number, itself, and which filters it went through.
type BegunEntry = (u64, Box<Entry>, Options);

/// A block of a window, and its identity if it is worth one.
type Block = (Cut, Option<BlockIdentity>);

pub(super) struct Head<'a, K> {
    parts: HeadParts<K>,
    meters: &'a HeadMeters,
    observer: &'a dyn Observer,
    progress: &'a Progress,
    open: Option<BegunEntry>,
    links: HashMap<u64, Linked>,
    /// What is said of the archive itself, until it is written.
    description: Option<Options>,
    /// The path of an entry that is read anew, and was begun by an earlier session; and why.
    restarted: Option<(Vec<u8>, &'static str)>,
    pub(super) report: ArchiveReport,
}

impl<'a, K: KnownBlocks> Head<'a, K> {
    pub(super) fn new(
        parts: HeadParts<K>,
        meters: &'a HeadMeters,
        observer: &'a dyn Observer,
        progress: &'a Progress,
        description: Option<Options>,
    ) -> Head<'a, K> {
        Head {
            parts,
            meters,
            observer,
            progress,
            open: None,
            links: HashMap::new(),
            description,
            restarted: None,
            report: ArchiveReport::default(),
        }
    }

    /// Works on all that is seen; windows go back to the feed when they are packed.
    pub(super) fn run(&mut self, seen: Receiver<Seen>, packed: Sender<Window>) -> Result<()> {
        let meter = Arc::clone(&self.meters.pack);
        while let Ok(seen) = meter.wait(|| seen.recv()) {
            match seen {
                Seen::Window(looked) => {
                    let mut window = self.work(looked)?;
                    window.clear();
                    // A feed that is at its end takes none back.
                    let _ = packed.send(window);
                }
                Seen::CaughtUp(length) => self.report.bytes_read += length as u64,
                Seen::Resumed(open, first) => self.resume_entry(*open, &first),
                Seen::Restarted(path, why) => self.restart_entry(path, why),
            }
        }
        Ok(())
    }

    /// Takes over from an earlier session: its counts, and the content of files with several names.
    pub(super) fn resume(&mut self, counts: Counts, links: HashMap<u64, Linked>) {
        self.links = links;
        self.report.files = counts.files;
        self.report.unchanged_files = counts.unchanged_files;
        self.report.bytes_read = counts.bytes_read;
        self.report.deduplicated_bytes = counts.deduplicated_bytes;
        self.report.findings = counts.findings;
        self.report.held = counts.held;
        self.report.stopped = counts.stopped;
        self.report.faults = counts.faults;
        self.report.restarted_files = counts.restarted_files;
    }

    /// Goes on in the middle of an entry, whose first bytes are `first`. What comes next begins
    /// where the packer stands.
    fn resume_entry(&mut self, open: OpenEntry, first: &[u8]) {
        let OpenEntry { number, entry, .. } = open;
        self.parts.routing.resume(&entry, first);
        self.open = Some((number, Box::new(entry), Options::default()));
    }

    /// Gives up an entry that an earlier session began, and says why.
    fn restart_entry(&mut self, path: Vec<u8>, why: &'static str) {
        self.parts.packer.abandon();
        self.report.restarted_files += 1;
        self.observer.note(&format!(
            "the archive was interrupted in {}, which is read anew, and marked: {why}",
            String::from_utf8_lossy(&path)
        ));
        self.restarted = Some((path, why));
    }

    /// Closes the packer. Gives the counts, what the archive needs and what is withheld, and the
    /// journal, from which the index is made.
    #[allow(clippy::type_complexity, reason = "taken apart at the one call")]
    pub(super) fn finish(
        mut self,
    ) -> Result<(ArchiveReport, StretchSink, Needs, Vec<format::Withheld>, JournalReader)> {
        self.describe(&[])?;
        self.tell_journal();
        self.report.deduplicated_bytes += self.parts.packer.deduplicated_length();
        let (mut sink, needs, withheld) = self.parts.packer.finish()?;
        let journal = sink.journal.complete()?;
        Ok((self.report, sink, needs, withheld, journal))
    }

    /// What the next checkpoint has to say besides where it is.
    fn tell_journal(&mut self) {
        let deduplicated = self.parts.packer.deduplicated_length();
        let report = &self.report;
        let counts = Counts {
            files: report.files,
            unchanged_files: report.unchanged_files,
            bytes_read: report.bytes_read,
            deduplicated_bytes: report.deduplicated_bytes + deduplicated,
            findings: report.findings,
            held: report.held,
            stopped: report.stopped,
            faults: report.faults,
            restarted_files: report.restarted_files,
        };
        self.parts.packer.sink_mut().journal.counts = counts;
    }

    /// Keeps the snoops' states where a window ends inside an entry: a checkpoint in the next one
    /// goes back to here.
    fn save_snoops(&mut self, seen: u64, states: Option<Vec<Vec<u8>>>) {
        let open = self.open.as_ref().zip(states);
        let snoops = open.map(|((number, ..), states)| (*number, Snoops { seen, states }));
        self.parts.packer.sink_mut().journal.snoops = snoops;
    }

    fn work(&mut self, looked: Looked) -> Result<Window> {
        let Looked { mut window, cuts, inspected, states, read_length } = looked;
        let Inspected { answers, unscanned } = inspected;
        self.report.bytes_read += read_length as u64;
        self.report.unscanned += unscanned;
        let blocks = self.identify(window.filled(), cuts)?;
        let routes = self.parts.routing.window(&window, &answers);
        let asked = self.asked(&window, &routes, &blocks);
        if !asked.is_empty() {
            self.meters.lookup.busy(|| self.parts.packer.expect(&asked))?;
        }
        self.tell_journal();
        // Before anything is packed, which may go with the index.
        self.parts.index.look(&window.parts)?;
        let parts = std::mem::take(&mut window.parts);
        let meter = Arc::clone(&self.meters.pack);
        let content = (window.filled(), &blocks[..]);
        let seen = meter.busy_between_waits(|| self.pack(parts, &routes, content, answers))?;
        self.save_snoops(seen, states);
        Ok(window)
    }

    fn identify(&self, mut rest: &[u8], cuts: Vec<Cut>) -> Result<Vec<Block>> {
        let domain = &self.parts.domain;
        let identify = |cut: Cut| {
            let (block, behind) =
                rest.split_at_checked(cut.length as usize).ok_or_else(wrong_cuts)?;
            rest = behind;
            let wanted = block.len() >= DEDUPE_LENGTH_MIN;
            Ok((cut, wanted.then(|| domain.identity(block))))
        };
        self.meters.identify.busy(|| cuts.into_iter().map(identify).collect())
    }

    /// The window's blocks that are worth a question, each with the domain of its route.
    fn asked(
        &self,
        window: &Window,
        routes: &[Option<u16>],
        blocks: &[Block],
    ) -> Vec<(BlockIdentity, u16)> {
        let mut asked = Vec::new();
        let mut blocks = blocks.iter();
        for (part, route) in window.parts.iter().zip(routes) {
            let Part::Data(piece) = part else { continue };
            let domain = self.parts.packer.domain_of(route.unwrap_or(0));
            let mut left = piece.length;
            while left > 0 {
                let Some((cut, identity)) = blocks.next() else { return asked };
                left = left.saturating_sub(cut.length as usize);
                asked.extend(identity.map(|identity| (identity, domain)));
            }
        }
        asked
    }

    /// Packs the window's parts, all that is cut of them; gives how far in the open entry the snoops
    /// have seen.
    fn pack(
        &mut self,
        parts: Vec<Part>,
        routes: &[Option<u16>],
        (bytes, mut blocks): (&[u8], &[Block]),
        answers: Vec<Answer>,
    ) -> Result<u64> {
        let mut answers = answers.into_iter();
        let mut rest = bytes;
        let mut seen = 0;
        self.describe(routes)?;
        let mut parts = parts.into_iter().zip(routes);
        while let Some((part, route)) = parts.next() {
            match route {
                Some(route) => self.parts.packer.turn_to(*route)?,
                None if self.must_turn(&part) => self.parts.packer.turn_to(0)?,
                None => {}
            }
            match part {
                Part::Begin { number, entry, options } => {
                    seen = 0;
                    self.parts.packer.begin(number, &entry, &options)?;
                    self.open = Some((number, entry, options));
                }
                Part::Data(piece) => {
                    let (piece_bytes, behind) = rest.split_at(piece.length);
                    seen = piece.offset + piece.length as u64;
                    let packed = self.pack_piece(piece, piece_bytes, &mut blocks)?;
                    // What is left of it comes again, in front of the next window.
                    if packed < piece.length && (!behind.is_empty() || parts.next().is_some()) {
                        return Err(wrong_cuts());
                    }
                    rest = behind;
                }
                Part::Hole(piece) => {
                    seen = piece.offset + piece.length as u64;
                    self.parts.packer.hole(piece.offset, piece.length as u64)?;
                }
                Part::End { size, faulty } => {
                    let (verdict, findings) = answers.next().unwrap_or_default();
                    self.end_open(EntryEnd { size, verdict, faulty }, findings)?;
                }
                Part::Bare { number, entry } => self.pack_bare(number, *entry)?,
                Part::Unchanged { number, previous } => self.pack_unchanged(number, *previous)?,
                Part::Fault { path, error, is_unread } => self.fault(&path, &error, is_unread),
            }
        }
        Ok(seen)
    }

    /// Whether a part that may go any way may not go the one that is open.
    fn must_turn(&self, part: &Part) -> bool {
        let is_packed = !matches!(part, Part::Fault { .. });
        is_packed && !self.parts.routing.may_name(self.parts.packer.route())
    }

    /// Tells a fault, and counts it.
    fn fault(&mut self, path: &[u8], error: &Error, is_unread: bool) {
        self.report.faults += 1;
        self.report.files += u64::from(is_unread);
        self.observer.fault(path, error);
    }

    /// The first thing in an archive; it goes the way of the first content, so that a medium that
    /// has all of that has this too.
    fn describe(&mut self, routes: &[Option<u16>]) -> Result<()> {
        let Some(description) = self.description.take() else { return Ok(()) };
        let first = routes.iter().flatten().next().copied().unwrap_or(0);
        let route = if self.parts.routing.may_name(first) { first } else { 0 };
        self.parts.packer.turn_to(route)?;
        self.parts.packer.describe(&description)
    }

    /// Packs the first of `blocks`, those of a piece, and takes them away.
    fn pack_piece(&mut self, piece: Piece, bytes: &[u8], blocks: &mut &[Block]) -> Result<usize> {
        let mut packed = 0;
        while packed < bytes.len()
            && let Some(((cut, identity), behind)) = blocks.split_first()
        {
            let length = cut.length as usize;
            let block = bytes.get(packed..packed + length).ok_or_else(wrong_cuts)?;
            self.parts.packer.data(piece.offset + packed as u64, block, cut.crc, *identity)?;
            packed += length;
            *blocks = behind;
        }
        Ok(packed)
    }

    fn end_open(&mut self, mut end: EntryEnd, mut findings: Vec<Finding>) -> Result<()> {
        let (number, mut entry, options) = self.open.take().expect("an end follows its beginning");
        if let Some((_, why)) = self.restarted.take_if(|(path, _)| *path == entry.path) {
            end.verdict = end.verdict.max(Verdict::Tag);
            findings.truncate(format::limits::FINDING_COUNT_MAX - 1);
            findings.push(Finding {
                component: "mover".to_owned(),
                name: RESTARTED.to_owned(),
                offset: 0,
                length: 0,
                detail: format!("read anew after an interruption: {why}"),
            });
        }
        let ended = self.parts.packer.end(end, &findings)?;
        if options.is_empty() {
            entry.size = end.size;
        }
        let linked = Linked {
            extents: ended.extents,
            verdict: end.verdict,
            faulty: end.faulty,
            findings,
            size: entry.size,
            options,
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
            options: Options::default(),
        });
        self.parts.packer.begin(number, &entry, &linked.options)?;
        let length = linked.extents.iter().map(Extent::length).sum();
        let end = EntryEnd { size: length, verdict: linked.verdict, faulty: linked.faulty };
        self.parts.packer.end(end, &[])?;
        entry.size = linked.size;
        self.show(number, entry, linked)
    }

    fn pack_unchanged(&mut self, number: u64, previous: IndexEntry) -> Result<()> {
        self.report.unchanged_files += 1;
        let IndexEntry { entry, extents, verdict, faulty, findings, options, .. } = previous;
        self.parts.packer.reuse(&extents);
        let linked = Linked { extents, verdict, faulty, findings, size: entry.size, options };
        if entry.link_group != 0 {
            self.links.insert(entry.link_group, linked.clone());
        }
        self.show(number, entry, linked)
    }

    /// Puts an entry into the index, unless a snoop left it out; and tells what was found.
    fn show(&mut self, number: u64, entry: Entry, linked: Linked) -> Result<()> {
        self.progress.entry(&entry.path);
        // Counted here, so that what a checkpoint says is of what is complete there.
        self.report.files += u64::from(entry.kind == EntryKind::File);
        if !linked.findings.is_empty() {
            self.report.findings += 1;
        }
        for finding in &linked.findings {
            self.observer.found(&entry.path, linked.verdict, finding);
        }
        match linked.verdict {
            Verdict::Stop => {
                self.report.stopped += 1;
                self.tell_journal();
                return Ok(());
            }
            Verdict::Hold => self.report.held += 1,
            _ => {}
        }
        self.tell_journal();
        let Linked { extents, verdict, faulty, findings, options, .. } = linked;
        let shown = IndexEntry { number, entry, extents, verdict, faulty, findings, options };
        self.parts.packer.sink_mut().journal.push(&shown)
    }
}

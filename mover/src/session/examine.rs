//! Examines a window before any of it is packed: what the snoops say of its entries, and which
//! blocks it has. Neither answer waits for the other, so that each has a thread.

use std::sync::Arc;

use format::{Finding, Verdict};
use rayon::{ThreadBuilder, ThreadPool, ThreadPoolBuilder};

use super::head::HeadMeters;
use super::routing::Answer;
use super::unscanned::UNSCANNED;
use crate::archive::{Part, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{Action, Cut, Cutter, Inspector, Meter};
use crate::threads;

/// Below this a second thread costs more than it saves.
const TWO_THREADS_LENGTH_MIN: usize = 64 << 10;

/// Asks the snoops and the dedupe component.
pub(super) struct Examiner<'a> {
    inspectors: Vec<Box<dyn Inspector>>,
    cutter: Box<dyn Cutter>,
    /// Of one thread, which lives on: a new one for each window would wait its turn behind all that
    /// is ready to run. None where none can be had.
    beside: Option<ThreadPool>,
    meters: &'a HeadMeters,
}

/// What the snoops say of a window.
pub(super) struct Inspected {
    /// For each entry that ends in it.
    pub(super) answers: Vec<Answer>,
    /// How many of these a snoop failed at.
    pub(super) unscanned: u64,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(
        inspectors: Vec<Box<dyn Inspector>>,
        cutter: Box<dyn Cutter>,
        meters: &'a HeadMeters,
    ) -> Examiner<'a> {
        let start = |thread: ThreadBuilder| {
            let started = threads::start("mover-cut", move || thread.run());
            started.map(drop).map_err(std::io::Error::other)
        };
        let beside = ThreadPoolBuilder::new().num_threads(1).spawn_handler(start).build().ok();
        Examiner { inspectors, cutter, beside, meters }
    }

    /// No block is longer.
    pub(super) fn block_length_max(&self) -> usize {
        self.cutter.block_length_max()
    }

    /// What counts the time that examining waits for others.
    pub(super) fn waiting(&self) -> Arc<Meter> {
        Arc::clone(&self.meters.snoop)
    }

    /// Examines a window, and gives its blocks; bytes at its end may belong to none of them. `open`
    /// is the path of the entry that was begun before it.
    pub(super) fn examine(
        &mut self,
        window: &Window,
        open: Option<&[u8]>,
    ) -> Result<(Inspected, Vec<Cut>)> {
        let Examiner { inspectors, cutter, beside, meters } = self;
        let is_long = window.filled().len() >= TWO_THREADS_LENGTH_MIN;
        let Some(beside) = beside.as_ref().filter(|_| is_long) else {
            let inspected = inspect(inspectors, window, open, meters)?;
            return Ok((inspected, cut(&mut **cutter, window, open, meters)?));
        };
        let mut cuts = Ok(Vec::new());
        let inspected = beside.in_place_scope(|scope| {
            scope.spawn(|_| cuts = cut(&mut **cutter, window, open, meters));
            inspect(inspectors, window, open, meters)
        });
        Ok((inspected?, cuts?))
    }

    /// Shows the snoops bytes that are in chunks already, and that they have not seen.
    pub(super) fn catch_up(&mut self, bytes: &[u8]) -> Result<()> {
        for inspector in &mut self.inspectors {
            self.meters.snoop.busy(|| inspector.inspect(bytes, &[]))?;
        }
        Ok(())
    }

    /// Everything that other instances of the snoops need to go on from here.
    pub(super) fn save(&mut self) -> Result<Vec<Vec<u8>>> {
        self.inspectors.iter_mut().map(|inspector| inspector.save()).collect()
    }
}

/// Asks every snoop, and gives the strongest answer and all findings for each entry that ends.
fn inspect(
    inspectors: &mut [Box<dyn Inspector>],
    window: &Window,
    open: Option<&[u8]>,
    meters: &HeadMeters,
) -> Result<Inspected> {
    let (ends, fresh) = (window.entry_ends(), window.unseen());
    let (mut answers, mut unscanned) = (vec![(Verdict::Pass, Vec::new()); ends.len()], 0);
    if fresh.is_empty() && ends.is_empty() {
        return Ok(Inspected { answers, unscanned });
    }
    for inspector in inspectors {
        let verdicts = meters.snoop.busy(|| inspector.inspect(fresh, &ends));
        let verdicts = verdicts.map_err(|cause| during(cause, "looking at", window, open))?;
        meters.snoop.moved(fresh.len(), 0);
        for ((verdict, findings), answer) in answers.iter_mut().zip(verdicts) {
            unscanned += u64::from(answer.findings.iter().any(|found| found.name == UNSCANNED));
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
    Ok(Inspected { answers, unscanned })
}

fn cut(
    cutter: &mut dyn Cutter,
    window: &Window,
    open: Option<&[u8]>,
    meters: &HeadMeters,
) -> Result<Vec<Cut>> {
    let (bytes, mut cuts) = (window.filled(), Vec::new());
    if !bytes.is_empty() {
        meters.dedupe.moved(bytes.len(), 0);
        let ends = window.cut_ends();
        let cut = meters.dedupe.busy(|| cutter.cut(bytes, &ends, &mut cuts));
        cut.map_err(|cause| during(cause, "cutting", window, open))?;
    }
    Ok(cuts)
}

/// Says whose content a component failed at: the window's first entry, and how many others.
fn during(cause: Error, doing: &str, window: &Window, open: Option<&[u8]>) -> Error {
    let begun = window.parts.iter().filter_map(|part| match part {
        Part::Begin { entry, .. } => Some(&*entry.path),
        _ => None,
    });
    let mut entries = open.into_iter().chain(begun);
    let Some(first) = entries.next() else { return cause };
    let first = String::from_utf8_lossy(first);
    match entries.count() {
        0 => cause.during(format!("{doing} {first}")),
        others => cause.during(format!("{doing} {first} and {others} more")),
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

/// What is said where cuts do not fit the window.
pub(super) fn wrong_cuts() -> Error {
    let message = "the dedupe component cut across the end of an entry";
    Error::new(ErrorKind::Plugin, message)
}

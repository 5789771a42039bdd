//! The thread in front of the head: shows each window to the snoops and has it cut, while the head
//! packs the one before.

use crossbeam_channel::{Receiver, Sender};

use super::examine::{Examiner, Inspected, wrong_cuts};
use super::feed::Told;
use super::journal::OpenEntry;
use crate::archive::{Part, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Cut;

/// A window that can be packed.
pub(super) struct Looked {
    pub(super) window: Window,
    /// Bytes that were read for it: all but what the window before left uncut.
    pub(super) read_length: usize,
    /// Its blocks. Bytes at its end may belong to none of them: the next window begins with those.
    pub(super) cuts: Vec<Cut>,
    pub(super) inspected: Inspected,
    /// Where it ends inside an entry: everything that other snoops need to go on from there.
    pub(super) states: Option<Vec<Vec<u8>>>,
}

/// What the head is told, in the order of the feed.
pub(super) enum Seen {
    Window(Looked),
    /// The snoops have caught up with so many bytes that are in chunks already.
    CaughtUp(usize),
    /// As the feed has told it.
    Resumed(Box<OpenEntry>, Vec<u8>),
    /// As the feed has told it.
    Restarted(Vec<u8>, &'static str),
}

/// Looks at windows, one after another.
pub(super) struct Looker<'a> {
    examiner: Examiner<'a>,
    /// Bytes at the end of the last window that belong to none of its blocks, and the offset of the
    /// first of them in the open entry.
    uncut: (Vec<u8>, u64),
    /// Bytes of the next window that the snoops have seen in an earlier session.
    seen_ahead: usize,
    /// The path of the entry that the last window ended in.
    open: Option<Vec<u8>>,
}

impl<'a> Looker<'a> {
    pub(super) fn new(examiner: Examiner<'a>) -> Looker<'a> {
        Looker { examiner, uncut: (Vec::new(), 0), seen_ahead: 0, open: None }
    }

    /// Works until the feed has nothing more to tell.
    pub(super) fn run(mut self, told: Receiver<Told>, seen: Sender<Seen>) -> Result<()> {
        let meter = self.examiner.waiting();
        while let Ok(told) = meter.wait(|| told.recv()) {
            let next = match told {
                Told::Window(window) => Seen::Window(self.look(window)?),
                Told::CatchUp(bytes) => {
                    self.examiner.catch_up(&bytes)?;
                    Seen::CaughtUp(bytes.len())
                }
                Told::Resumed(open, first) => {
                    // Less than a block, which the last window had left uncut.
                    let ahead = open.snoops.seen.saturating_sub(open.offset);
                    self.seen_ahead = usize::try_from(ahead).expect("shorter than a block");
                    self.open = Some(open.entry.path.clone());
                    Seen::Resumed(open, first)
                }
                Told::Restarted(path, why) => Seen::Restarted(path, why),
            };
            if meter.wait(|| seen.send(next).is_err()) {
                let message = "the pipeline was stopped behind its snoops";
                return Err(Error::new(ErrorKind::Cancelled, message));
            }
        }
        Ok(())
    }

    fn look(&mut self, mut window: Window) -> Result<Looked> {
        let read_length = window.filled().len();
        match std::mem::take(&mut self.seen_ahead) {
            0 => window.prepend(&self.uncut.0, self.uncut.1),
            ahead => window.mark_seen(ahead),
        }
        let (inspected, cuts) = self.examiner.examine(&window, self.open.as_deref())?;
        self.keep_uncut(&window, &cuts)?;
        let turn = window.parts.iter().rev().find_map(|part| match part {
            Part::Begin { entry, .. } => Some(Some(entry.path.clone())),
            Part::End { .. } => Some(None),
            _ => None,
        });
        if let Some(open) = turn {
            self.open = open;
        }
        let states = self.open.is_some().then(|| self.examiner.save()).transpose()?;
        Ok(Looked { window, read_length, cuts, inspected, states })
    }

    fn keep_uncut(&mut self, window: &Window, cuts: &[Cut]) -> Result<()> {
        let bytes = window.filled();
        let cut = cuts.iter().map(|cut| cut.length as usize).sum();
        let rest = bytes.get(cut..).ok_or_else(wrong_cuts)?;
        let (kept, offset) = &mut self.uncut;
        kept.clear();
        kept.extend_from_slice(rest);
        match window.parts.last() {
            _ if rest.is_empty() => Ok(()),
            Some(Part::Data(piece)) if rest.len() <= piece.length => {
                *offset = piece.offset + (piece.length - rest.len()) as u64;
                Ok(())
            }
            _ => Err(wrong_cuts()),
        }
    }
}

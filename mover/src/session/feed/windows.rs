//! Windows on their way from the feed by the looker to the head, and back when they are packed: the
//! feed fills one while the others work on those before.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::archive::{Part, Window};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Meter;
use crate::session::journal::OpenEntry;

/// One being filled, one that waits, one being looked at, one that waits again, one being packed.
const WINDOW_COUNT: usize = 5;
/// Bytes of a window that are inspected and cut in one call, besides what the last left over.
const WINDOW_LENGTH: usize = 1 << 20;

/// What the feed tells the looker, in order.
pub(in crate::session) enum Told {
    /// What was read, and what is not to be read.
    Window(Window),
    /// Content that is in chunks already, and that the snoops have not seen.
    CatchUp(Vec<u8>),
    /// The next window goes on in the middle of an entry, whose first bytes are these.
    Resumed(Box<OpenEntry>, Vec<u8>),
    /// An entry that an earlier session began, by its path, is read anew; and why.
    Restarted(Vec<u8>, &'static str),
}

/// The feed's end.
pub(in crate::session) struct Filling {
    window: Window,
    told: Sender<Told>,
    packed: Receiver<Window>,
    /// Of reading: what is waited for is the looker, or a window that the head has packed.
    meter: Arc<Meter>,
}

/// The other ends: the looker's, and the head's.
pub(in crate::session) struct Filled {
    pub(in crate::session) told: Receiver<Told>,
    pub(in crate::session) packed: Sender<Window>,
}

/// The two ends; a window has room in front for what the last one left over, which is less than
/// `block_length_max`.
pub(in crate::session) fn windows(block_length_max: usize, meter: Arc<Meter>) -> (Filling, Filled) {
    let window = || Window::new(block_length_max, WINDOW_LENGTH);
    let (told, told_to_looker) = bounded(WINDOW_COUNT);
    let (packed, packed_by_head) = bounded(WINDOW_COUNT);
    for _ in 1..WINDOW_COUNT {
        packed.send(window()).expect("there is a place for each");
    }
    let filling = Filling { window: window(), told, packed: packed_by_head, meter };
    (filling, Filled { told: told_to_looker, packed })
}

impl Filling {
    /// Adds a part, and hands the window over when it is full.
    pub(super) fn push(&mut self, part: Part) -> Result<()> {
        self.window.parts.push(part);
        self.hand_over_if_full()
    }

    /// Tells what is not in a window, behind all that was told before.
    pub(super) fn tell(&mut self, told: Told) -> Result<()> {
        if !self.window.parts.is_empty() {
            self.hand_over()?;
        }
        self.send(told)
    }

    /// The window that is being filled, with room in it.
    pub(super) fn window(&mut self) -> Result<&mut Window> {
        self.hand_over_if_full()?;
        Ok(&mut self.window)
    }

    /// Hands over what is left.
    pub(super) fn finish(mut self) -> Result<()> {
        let last = std::mem::replace(&mut self.window, Window::new(0, 0));
        self.send(Told::Window(last))
    }

    fn hand_over_if_full(&mut self) -> Result<()> {
        match self.window.is_full() {
            true => self.hand_over(),
            false => Ok(()),
        }
    }

    fn hand_over(&mut self) -> Result<()> {
        let next = self.meter.wait(|| self.packed.recv()).map_err(|_| looker_is_gone())?;
        let full = std::mem::replace(&mut self.window, next);
        self.send(Told::Window(full))
    }

    fn send(&self, told: Told) -> Result<()> {
        self.meter.wait(|| self.told.send(told)).map_err(|_| looker_is_gone())
    }
}

fn looker_is_gone() -> Error {
    Error::new(ErrorKind::Cancelled, "the pipeline was stopped behind its feed")
}

//! Gives restored files all that their entries say besides content, while the next ones are
//! written: of a small file that is a good part of what the kernel has to do.

use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};

use crate::error::Result;
use crate::target::PlacedFile;
use crate::threads;

/// Files that are handed over at once: waking a thread costs as much as finishing one.
const BATCH_LENGTH: usize = 16;
/// Bytes of content in them: a kill costs what was not finished.
const BATCH_BYTES_MAX: u64 = 1 << 20;
/// Batches that wait; each file of them is open.
const BATCHES_WAITING_MAX: usize = 4;

/// A file with all its content, and how long that is.
type Written = (PlacedFile, u64);

/// A file that is out of our hands, by its path in the archive, and what became of it.
pub(super) type Finished = (Vec<u8>, Result<()>);

/// The files on their way, and the thread that finishes them.
pub(super) struct Finisher {
    batch: Vec<Written>,
    batch_bytes: u64,
    finished: Receiver<Finished>,
    /// None when it is closed.
    thread: Option<(Sender<Vec<Written>>, JoinHandle<()>)>,
}

impl Finisher {
    pub(super) fn start() -> Result<Finisher> {
        let (files, written) = bounded::<Vec<Written>>(BATCHES_WAITING_MAX);
        // Its reader looks after each entry, so that it is never longer than what waits.
        let (done, finished) = unbounded();
        let finish = move || {
            for (file, length) in written.into_iter().flatten() {
                let path = file.entry().path.clone();
                // Whoever stopped listening has met an error of its own.
                let _ = done.send((path, file.finish(length)));
            }
        };
        let thread = threads::start("mover-finish", finish)?;
        let batch = Vec::with_capacity(BATCH_LENGTH);
        Ok(Finisher { batch, batch_bytes: 0, finished, thread: Some((files, thread)) })
    }

    /// Finishes a file, some time before [`Finisher::close`] returns.
    pub(super) fn finish(&mut self, file: PlacedFile, length: u64) {
        self.batch.push((file, length));
        self.batch_bytes += length;
        if self.batch.len() >= BATCH_LENGTH || self.batch_bytes >= BATCH_BYTES_MAX {
            self.hand_over();
        }
    }

    /// The files that were finished since it was asked last.
    pub(super) fn finished(&self) -> Vec<Finished> {
        self.finished.try_iter().collect()
    }

    /// Waits for all of them; nothing can be finished behind that.
    pub(super) fn close(&mut self) -> Vec<Finished> {
        self.hand_over();
        if let Some((files, thread)) = self.thread.take() {
            drop(files);
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
        self.finished()
    }

    /// Has all of them finished that were given so far.
    pub(super) fn hand_over(&mut self) {
        self.batch_bytes = 0;
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_LENGTH));
        if let Some((files, _)) = &self.thread {
            // It ends only when this end is dropped, or with a panic, which `close` passes on.
            let _ = files.send(batch);
        }
    }
}

//! Has a file written out to its disk while more of it is made, so that the sync that vouches for
//! it finds little left to do: whoever waits for that sync makes nothing meanwhile.
//!
//! It promises nothing and hides nothing. Linux tells a failed writeback once to each open file
//! description; this one is opened apart, so that the file's own sync is told as well.

use std::fs::File;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::threads;

/// Bytes that are written out at once.
const STEP: u64 = 8 << 20;

/// Writes one file out.
#[derive(Debug, Default)]
pub(super) struct Writeback {
    /// Bytes that were appended since it was told last.
    waiting: u64,
    /// None before there is enough to do.
    thread: Option<(SyncSender<()>, JoinHandle<()>)>,
}

impl Writeback {
    /// So many more bytes were appended to the file.
    pub(super) fn appended(&mut self, path: &Path, bytes: u64) {
        self.waiting += bytes;
        if self.waiting < STEP {
            return;
        }
        self.waiting = 0;
        if self.thread.is_none() {
            self.thread = start(path);
        }
        if let Some((due, _)) = &self.thread {
            // One that waits already stands for all that was appended before it begins.
            let _ = due.try_send(());
        }
    }
}

/// Without a thread or a second description the file's own sync does it all.
fn start(path: &Path) -> Option<(SyncSender<()>, JoinHandle<()>)> {
    let file = File::open(path).ok()?;
    let (due, told) = sync_channel(1);
    let write_out = move || {
        for () in told {
            // The file's own sync meets the same failure, and tells it.
            let _ = file.sync_data();
        }
    };
    Some((due, threads::start("mover-writeback", write_out).ok()?))
}

impl Drop for Writeback {
    /// Whoever closes the file may take away what it lies on.
    fn drop(&mut self) {
        if let Some((due, thread)) = self.thread.take() {
            drop(due);
            let _ = thread.join();
        }
    }
}

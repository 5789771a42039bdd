//! The walk, a little ahead of what is read: what it costs is the kernel's time.

use std::sync::Arc;
use std::thread::Scope;

use crossbeam_channel::{Receiver, bounded};

use crate::pipeline::Meter;
use crate::source::{Fault, Found, Walker};
use crate::{Result, threads};

/// Entries that the walk hands over at once.
pub(super) type Batch = Vec<std::result::Result<Found, Fault>>;

const BATCH_LENGTH: usize = 64;
/// Batches that wait: about what is found while a window is packed. Each entry may hold an open
/// folder, and a process may have 1024 files open, of which the walk itself takes up to 256.
const BATCHES_AHEAD_MAX: usize = 8;

/// Walks on a thread of its own until nothing is left, or nobody listens any more.
pub(super) fn walk_ahead<'s>(
    scope: &'s Scope<'s, '_>,
    mut walker: Walker,
    meter: Arc<Meter>,
) -> Result<Receiver<Batch>> {
    let (batches, ahead) = bounded(BATCHES_AHEAD_MAX);
    let walk = move || {
        meter.add_instance();
        loop {
            let mut batch = Batch::with_capacity(BATCH_LENGTH);
            meter.busy(|| batch.extend(std::iter::from_fn(|| walker.next()).take(BATCH_LENGTH)));
            if batch.is_empty() || meter.wait(|| batches.send(batch)).is_err() {
                return;
            }
        }
    };
    threads::start_in(scope, "mover-walk", walk)?;
    Ok(ahead)
}

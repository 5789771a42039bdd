//! Keeps a session below a rate of bytes a second.

use std::sync::Arc;
use std::time::Duration;

use crate::ambient::Clock;

/// Sleeps as long as needed after each step; may run ahead by a tenth of a second.
pub(super) struct Throttle {
    bytes_per_second: Option<u64>,
    clock: Arc<dyn Clock>,
    started: Duration,
    moved: u64,
}

impl Throttle {
    /// Without a rate nothing ever waits.
    pub(super) fn new(bytes_per_second: Option<u64>, clock: Arc<dyn Clock>) -> Throttle {
        let started = clock.elapsed();
        Throttle { bytes_per_second, clock, started, moved: 0 }
    }

    /// Counts bytes that were moved, and waits until they may have been.
    pub(super) fn moved(&mut self, bytes: u64) {
        let Some(rate) = self.bytes_per_second else { return };
        self.moved += bytes;
        let due = Duration::from_secs_f64(self.moved as f64 / rate.max(1) as f64);
        let elapsed = self.clock.elapsed().saturating_sub(self.started);
        if let Some(early) = due.checked_sub(elapsed)
            && early > Duration::from_millis(100)
        {
            std::thread::sleep(early);
        }
    }
}

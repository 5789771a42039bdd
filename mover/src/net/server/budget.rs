//! Memory for what all peers send, in bytes: a limit for the server, whoever sends.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// Between two looks whether somebody has become the one that all wait for.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Bytes that are left.
pub(super) struct Budget {
    left: Mutex<u64>,
    total: u64,
    returned: Condvar,
}

/// Bytes that somebody holds; dropping gives them back.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub(super) fn new(total: u64) -> Budget {
        Budget { left: Mutex::new(total), total, returned: Condvar::new() }
    }

    /// Refuses what could be waited for for ever.
    pub(super) fn admit(&self, bytes: u64) -> Result<()> {
        if bytes <= self.total {
            return Ok(());
        }
        let message = format!("{bytes} bytes at once are more than this server takes");
        Err(Error::new(ErrorKind::Refused, message)
            .way_out("raise memory under [serve] in the server's policy file"))
    }

    /// Waits for bytes. `is_next` needs none: all that wait may wait for it.
    pub(super) fn take(&self, bytes: u64, is_next: impl Fn() -> bool) -> Share<'_> {
        let mut left = self.lock();
        while *left < bytes {
            drop(left);
            // Without the lock: whatever that takes, others take and return meanwhile.
            if is_next() {
                return Share { budget: self, bytes: 0 };
            }
            let is_short = |left: &mut u64| *left < bytes;
            let waited = self.returned.wait_timeout_while(self.lock(), LOOK_INTERVAL, is_short);
            left = waited.expect("no holder panics").0;
        }
        *left -= bytes;
        Share { budget: self, bytes }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.left.lock().expect("no holder panics")
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.lock() += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back_and_the_next_in_order_never_waits() {
        let budget = Budget::new(100);
        assert!(budget.admit(101).is_err() && budget.admit(100).is_ok());
        let most = budget.take(80, || false);
        let next = budget.take(50, || true);
        assert_eq!(next.bytes, 0);
        drop((most, next));
        assert_eq!(budget.take(100, || false).bytes, 100);
    }

    /// It used to be asked under the lock, and waited for a session that waited for its disk.
    #[test]
    fn who_finds_out_whether_it_is_next_keeps_nobody_from_taking_and_returning() {
        let budget = Budget::new(100);
        let most = budget.take(80, || false);
        let (asked, answer) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        let is_next = || {
            asked.wait();
            answer.wait();
            true
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.take(50, is_next).bytes);
            asked.wait();
            assert_eq!(budget.take(20, || false).bytes, 20);
            drop(most);
            answer.wait();
            assert_eq!(waiting.join().unwrap(), 0);
        });
    }
}

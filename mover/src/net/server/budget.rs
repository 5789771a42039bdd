//! Memory for what all peers send, in bytes: a limit for the server, whoever sends.

use std::sync::{Condvar, Mutex};

use crate::error::{Error, ErrorKind, Result};

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

    /// Waits for bytes. `is_next` needs none: all that wait may wait for it.
    pub(super) fn take(&self, bytes: u64, is_next: impl Fn() -> bool) -> Result<Share<'_>> {
        if bytes > self.total {
            let message = format!("{bytes} bytes at once are more than this server takes");
            return Err(Error::new(ErrorKind::Refused, message)
                .way_out("raise memory under [serve] in the server's policy file"));
        }
        let mut left = self.left.lock().expect("no holder panics");
        loop {
            if *left >= bytes {
                *left -= bytes;
                return Ok(Share { budget: self, bytes });
            }
            if is_next() {
                return Ok(Share { budget: self, bytes: 0 });
            }
            let wait = std::time::Duration::from_millis(50);
            left = self.returned.wait_timeout(left, wait).expect("no holder panics").0;
        }
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.left.lock().expect("no holder panics") += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back_and_the_next_in_order_never_waits() {
        let budget = Budget::new(100);
        assert!(budget.take(101, || true).is_err());
        let most = budget.take(80, || false).ok().unwrap();
        let next = budget.take(50, || true).ok().unwrap();
        assert_eq!(next.bytes, 0);
        drop((most, next));
        assert_eq!(budget.take(100, || false).ok().unwrap().bytes, 100);
    }
}

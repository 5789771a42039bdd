//! Reads ahead where reads follow each other, as in a scan: a request for each frame would make
//! the distance to the server the speed of it.

use parking_lot::Mutex;

use crate::Result;

/// Bytes that are read ahead at most.
const AHEAD_LENGTH: usize = 4 << 20;

/// What was read ahead in one volume.
pub(super) struct Ahead(Mutex<Window>);

struct Window {
    /// Of the first byte in it.
    offset: u64,
    bytes: Vec<u8>,
    /// Where the last read ended: the next one goes on there, or jumps.
    next: u64,
}

impl Ahead {
    pub(super) fn new() -> Ahead {
        // The first read follows none: who wants only the front of a volume gets only that.
        Ahead(Mutex::new(Window { offset: 0, bytes: Vec::new(), next: u64::MAX }))
    }

    /// Fills `bytes` from `at` on, with what was read ahead or with `get`, which is asked for up to
    /// `there` bytes from `at` on.
    pub(super) fn read(
        &self,
        at: u64,
        bytes: &mut [u8],
        there: usize,
        get: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<()> {
        let end = at + bytes.len() as u64;
        let follows = {
            let mut window = self.0.lock();
            let follows = window.next == at;
            window.next = end;
            if let Some(found) = window.find(at, bytes.len()) {
                bytes.copy_from_slice(found);
                return Ok(());
            }
            follows
        };
        let length = there.min(AHEAD_LENGTH);
        if !follows || bytes.len() >= length {
            return get(bytes);
        }
        // Not locked during the request, so that other threads read meanwhile.
        let mut more = vec![0; length];
        get(&mut more)?;
        bytes.copy_from_slice(&more[..bytes.len()]);
        let mut window = self.0.lock();
        (window.offset, window.bytes) = (at, more);
        Ok(())
    }
}

impl Window {
    fn find(&self, at: u64, length: usize) -> Option<&[u8]> {
        let from = usize::try_from(at.checked_sub(self.offset)?).ok()?;
        self.bytes.get(from..from.checked_add(length)?)
    }
}

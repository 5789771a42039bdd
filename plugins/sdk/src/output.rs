//! Where a plugin puts its output.

use std::fmt;
use std::io;

/// The output of one call: a buffer that belongs to the host.
///
/// Every write goes to the host at once and is copied once: write much at a time, or put a
/// `std::io::BufWriter` around it. Past the bound of the call ([`Transform`](crate::Transform) and
/// [`Filter`](crate::Filter) say which) a write does not return, and the instance is gone.
pub struct Output<'a> {
    write: &'a mut dyn FnMut(&[u8]),
}

impl<'a> Output<'a> {
    /// An output whose bytes go to `write`.
    pub(crate) fn new(write: &'a mut dyn FnMut(&[u8])) -> Self {
        Self { write }
    }

    /// Appends `bytes`.
    pub fn put(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            (self.write)(bytes);
        }
    }
}

impl io::Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Output")
    }
}

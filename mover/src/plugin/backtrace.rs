//! Where a component trapped.

use std::error::Error;
use std::fmt;

use super::guest::clean;

/// Frames that a message has room for; all of them are in [`Backtrace::frames`].
const SHOWN_MAX: usize = 4;

/// The functions that were under way at a trap, by name, the innermost first.
#[derive(Debug)]
pub struct Backtrace {
    frames: Vec<String>,
}

impl Backtrace {
    pub(super) fn new(backtrace: &wasmtime::WasmBacktrace) -> Backtrace {
        let name = |frame: &wasmtime::FrameInfo| match frame.func_name() {
            // Without the hash behind the name, which helps nobody.
            Some(name) => clean(&format!("{:#}", rustc_demangle::demangle(name))),
            // It was built without names.
            None => format!("function {}", frame.func_index()),
        };
        Backtrace { frames: backtrace.frames().iter().map(name).collect() }
    }

    /// All of them.
    pub fn frames(&self) -> &[String] {
        &self.frames
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.frames[..self.frames.len().min(SHOWN_MAX)];
        write!(f, "in {}", shown.join(", called by "))
    }
}

impl Error for Backtrace {}

//! What a component costs.

use serde::Serialize;

/// What the calls of one instance have used, and of those that took its place after a trap.
/// All but the peak grow from call to call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Calls, `open` not among them.
    pub calls: u64,
    /// Fuel: about as many instructions. The same input takes the same fuel, everywhere.
    pub fuel: u64,
    /// Bytes that were copied into it.
    pub bytes_in: u64,
    /// Bytes that it wrote to its output.
    pub bytes_out: u64,
    /// The largest that its linear memory ever was, in bytes.
    pub memory_peak: u64,
    /// Calls that trapped, `open` among them; also where a second try went well.
    pub traps: u64,
    /// Lines of its log beyond the limit, which nobody saw.
    pub log_lines_dropped: u64,
}

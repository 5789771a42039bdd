//! What a component may use, and how the host keeps it to that.

use wasmtime::ResourceLimiter;

/// The bounds of every instance and every call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of linear memory of one instance, all its memories together.
    pub memory_max: usize,
    /// Fuel of a call, whatever its input: about as many instructions.
    pub fuel_base: u64,
    /// Fuel for every byte of input besides. The slowest level of zstd takes a few thousand.
    pub fuel_per_byte: u64,
    /// Log lines of one instance, and of those that take its place after a trap, that reach the
    /// operator; the rest is counted.
    pub log_lines_max: u32,
    /// Bytes that the host takes from an instance at once: what a call returns, or hands to the
    /// log or the sink.
    pub answer_length_max: usize,
    /// Bytes of a saved state.
    pub state_length_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // The largest window of zstd's highest level, and its tables.
            memory_max: 512 << 20,
            // About two seconds.
            fuel_base: 2_000_000_000,
            fuel_per_byte: 20_000,
            log_lines_max: 64,
            // The most that a filter may write of a window is 17 MiB.
            answer_length_max: 32 << 20,
            state_length_max: 1 << 20,
        }
    }
}

impl Limits {
    /// Fuel for a call with so many bytes of input.
    pub(super) fn fuel(&self, input_length: usize) -> u64 {
        let length = u64::try_from(input_length).unwrap_or(u64::MAX);
        self.fuel_base.saturating_add(self.fuel_per_byte.saturating_mul(length))
    }
}

/// Core instances, tables and memories that componentising a plugin makes: a few, for shims. An
/// interpreter with its libraries is linked of many, Python's of more than 16 instances, in one
/// memory. A component that is composed of more than two others, each with a memory, is refused.
const INSTANCE_COUNT_MAX: usize = 64;
const TABLE_COUNT_MAX: usize = 8;
const MEMORY_COUNT_MAX: usize = 2;
const TABLE_ELEMENT_COUNT_MAX: usize = 100_000;

/// Counts what an instance has, and says no.
#[derive(Debug)]
pub(super) struct Meter {
    memory_max: usize,
    /// Bytes of all linear memories of the instance.
    memory: usize,
    /// The most that they ever were.
    pub(super) peak: usize,
    /// The reason why growing was refused, for a message that says more than the trap does.
    pub(super) refused: bool,
}

impl Meter {
    pub(super) fn new(memory_max: usize) -> Meter {
        Meter { memory_max, memory: 0, peak: 0, refused: false }
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let memory = self.memory - current + desired;
        if memory <= self.memory_max {
            self.memory = memory;
            self.peak = self.peak.max(memory);
            return Ok(true);
        }
        // A trap, not a failed growth: guests turn that into a trap that says nothing.
        self.refused = true;
        Err(wasmtime::Error::msg("memory limit"))
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENT_COUNT_MAX)
    }

    fn instances(&self) -> usize {
        INSTANCE_COUNT_MAX
    }

    fn tables(&self) -> usize {
        TABLE_COUNT_MAX
    }

    fn memories(&self) -> usize {
        MEMORY_COUNT_MAX
    }
}

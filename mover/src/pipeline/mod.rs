//! Moves buffers through stages; knows nothing of their meaning.
//!
//! Order-free stages that stand side by side are fused into one [`Stretch`]: each of its workers
//! takes a buffer through all of them while it is warm in cache. A sequencer stamps what goes in,
//! a [`Resequencer`] restores the order of what comes out, and [`Meter`]s tell where time goes.

mod stage;
mod sequence;
mod stretch;
mod monitor;

pub use monitor::{Cancel, Meter, MeterReading};
pub use sequence::{Resequencer, Sequenced};
pub use stage::{
    Action, ChunkInfo, Cut, Cutter, Finding, Inspector, Transform, Verdict, encoded_length_max,
};
pub use stretch::{BURST, Outputs, Stretch};

//! What authors of Mover's plugins build on.
//!
//! A plugin is a WebAssembly component with one role: a [`Transform`] encodes chunks, a [`Filter`]
//! changes an entry's bytes, a [`Snoop`] looks at them, a [`Dedupe`] cuts them into blocks.
//! It sees bytes and its own configuration: no files, no clock, no network, no randomness.
//!
//! Implement the trait of the role for a type, derive [`Config`] for what an operator may
//! configure, and [`export!`] the type from a crate of the type `cdylib`. `mover plugin build`
//! makes a component of it; nothing else is needed, no build script and no WIT files.
//! `cargo test` tests it on the host with the harnesses in [`mod@test`].
//!
//! # A transform
//!
//! ```
//! use mover_plugin::{Chunk, Config, Error, Output, Result, Transform};
//! use serde::Deserialize;
//!
//! /// Leaves out the zeros at the end of a chunk.
//! struct Trim {
//!     config: TrimConfig,
//! }
//!
//! #[derive(Deserialize, Config)]
//! struct TrimConfig {
//!     /// shortest run of zeros that is left out
//!     #[config(minimum = 1, default = 16)]
//!     shortest: usize,
//! }
//!
//! impl Transform for Trim {
//!     type Config = TrimConfig;
//!
//!     fn open(config: TrimConfig, _key: &[u8]) -> Result<Self> {
//!         Ok(Trim { config })
//!     }
//!
//!     fn encode(&mut self, _: &Chunk, input: Vec<u8>, output: &mut Output<'_>) -> Result<()> {
//!         let kept = input.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
//!         let is_worth_it = input.len() - kept >= self.config.shortest;
//!         output.put(if is_worth_it { &input[..kept] } else { &input });
//!         Ok(())
//!     }
//!
//!     fn decode(&mut self, chunk: &Chunk, input: Vec<u8>, output: &mut Output<'_>) -> Result<()> {
//!         let missing = chunk.plain_length.checked_sub(input.len());
//!         let missing = missing.ok_or_else(|| Error::corrupt("longer than the chunk was"))?;
//!         output.put(&input);
//!         output.put(&vec![0; missing]);
//!         Ok(())
//!     }
//! }
//!
//! mover_plugin::export!(transform: Trim);
//!
//! for (_, chunk) in mover_plugin::test::samples() {
//!     mover_plugin::test::TransformTest::<Trim>::new(r#"{"shortest": 1}"#).round_trip(&chunk);
//! }
//! ```
//!
//! # A snoop
//!
//! ```
//! use mover_plugin::{Finding, NoConfig, Result, Snoop, StateError, StateReader, StateWriter, Verdict};
//!
//! /// Counts lines.
//! struct Lines {
//!     count: u64,
//! }
//!
//! impl Snoop for Lines {
//!     type Config = NoConfig;
//!
//!     fn open(_: NoConfig) -> Result<Self> {
//!         Ok(Lines { count: 0 })
//!     }
//!
//!     fn look(&mut self, bytes: &[u8]) {
//!         self.count += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
//!     }
//!
//!     fn verdict(&mut self) -> Verdict {
//!         let count = std::mem::take(&mut self.count);
//!         Verdict::tag(vec![Finding::new("lines").detail(format!("count={count}"))])
//!     }
//!
//!     fn save(&self, state: &mut StateWriter) {
//!         state.integer(self.count);
//!     }
//!
//!     fn resume(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
//!         self.count = state.integer()?;
//!         Ok(())
//!     }
//! }
//!
//! mover_plugin::export!(snoop: Lines);
//!
//! let verdict = mover_plugin::test::SnoopTest::<Lines>::new("").verdict(b"one\ntwo\n");
//! assert_eq!(verdict.findings[0].detail, "count=2");
//! ```
//!
//! # A filter
//!
//! ```
//! use mover_plugin::{Direction, Filter, NoConfig, Output, Result};
//!
//! /// Keeps the difference of each byte to the one before it.
//! struct Difference {
//!     direction: Direction,
//!     before: u8,
//! }
//!
//! impl Filter for Difference {
//!     type Config = NoConfig;
//!
//!     fn open(_: NoConfig, direction: Direction) -> Result<Self> {
//!         Ok(Difference { direction, before: 0 })
//!     }
//!
//!     fn next(&mut self, input: &[u8], output: &mut Output<'_>) -> Result<()> {
//!         let mut changed = Vec::with_capacity(input.len());
//!         for byte in input {
//!             let (found, plain) = match self.direction {
//!                 Direction::Apply => (byte.wrapping_sub(self.before), *byte),
//!                 Direction::Undo => (byte.wrapping_add(self.before), byte.wrapping_add(self.before)),
//!             };
//!             changed.push(found);
//!             self.before = plain;
//!         }
//!         output.put(&changed);
//!         Ok(())
//!     }
//!
//!     fn finish(&mut self, _: &mut Output<'_>) -> Result<()> {
//!         self.before = 0;
//!         Ok(())
//!     }
//! }
//!
//! mover_plugin::export!(filter: Difference);
//!
//! let changed = mover_plugin::test::FilterTest::<Difference>::new("").round_trip(&[1, 2, 3, 5]);
//! assert_eq!(changed, [1, 1, 1, 2]);
//! ```
//!
//! # A dedupe
//!
//! ```
//! use mover_plugin::{Dedupe, NoConfig, Result};
//!
//! /// Cuts after lines, for text that is appended to and edited.
//! struct ByLine;
//!
//! impl Dedupe for ByLine {
//!     type Config = NoConfig;
//!
//!     fn open(_: NoConfig) -> Result<Self> {
//!         Ok(ByLine)
//!     }
//!
//!     fn block_length_max(&self) -> usize {
//!         64 << 10
//!     }
//!
//!     fn cut(&self, bytes: &[u8], _last: bool) -> Option<usize> {
//!         let most = bytes.len().min(self.block_length_max());
//!         let line = bytes[..most].iter().position(|byte| *byte == b'\n');
//!         let is_full = most == self.block_length_max();
//!         line.map(|end| end + 1).or(is_full.then_some(most))
//!     }
//! }
//!
//! mover_plugin::export!(dedupe: ByLine);
//!
//! let cuts = mover_plugin::test::DedupeTest::<ByLine>::new("").cut(b"one\nthree\n");
//! assert_eq!(cuts.iter().map(|cut| cut.length).collect::<Vec<_>>(), [4, 6]);
//! ```

// The derive names this crate by its name, also in its own tests.
extern crate self as mover_plugin;

#[doc(hidden)]
pub mod bindings;
pub mod config;
#[doc(hidden)]
pub mod dedupe;
mod error;
#[doc(hidden)]
pub mod filter;
pub mod log;
pub mod manifest;
mod output;
#[doc(hidden)]
pub mod snoop;
#[cfg(not(target_arch = "wasm32"))]
pub mod test;
#[doc(hidden)]
pub mod transform;

pub use config::{Config, NoConfig};
pub use dedupe::{Cut, Dedupe};
pub use error::{Error, ErrorKind, Result};
pub use filter::{Direction, Filter};
pub use mover_plugin_shared::state::{self, StateError, StateReader, StateWriter};
pub use output::Output;
pub use snoop::{Action, Finding, Snoop, Verdict};
pub use transform::{Chunk, Transform};

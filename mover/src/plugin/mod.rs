//! Loads components, limits them, and caches their compiled form: the only place that knows
//! wasmtime.
//!
//! A component is hostile until shown otherwise, and it is never shown: what it imports is checked
//! before it is compiled; memory, time, output and log lines of every call are bounded; and what it
//! returns is checked before anybody uses it. After a trap its instance is gone, a fresh one is
//! made, and a call that depends on no other is tried once more.

mod engine;
mod manifest;
mod inspect;
mod cache;
mod carried;
mod limits;
mod bindings;
mod guest;
mod thread;
mod usage;
mod backtrace;
mod transform;
mod cutter;
mod inspector;
mod filter;
pub mod builtin;
mod folder;
mod find;

pub use backtrace::Backtrace;
pub use cache::CompiledCache;
pub use carried::CarriedPolicy;
pub use cutter::ComponentCutter;
pub use engine::{Engine, LogLevel, LogSink, Plugin, Trust};
pub use filter::{ComponentFilter, Direction};
pub use find::{FoundPlugin, find, is_path};
pub use folder::{KeptPlugin, PluginFolder};
pub use inspect::{Description, describe, role_name};
pub use inspector::ComponentInspector;
pub use limits::Limits;
pub use manifest::{CONTRACT, Manifest};
pub use transform::ComponentTransform;
pub use usage::Usage;

#[cfg(test)]
mod tests;

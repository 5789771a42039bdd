//! Hostile components through the host itself: what each tries, and that a call ends in time, in
//! bounded memory, with an error that names the component and what it did.
//!
//! `tests/components.rs` has the same through the binary, in real archives. The limits here are
//! small, so that a loop is over soon; those of a mover are `Limits::default()`.

// Codecs: loops, memory, output, messages, handles.
mod transform;
// Verdicts, findings, states.
mod snoop;
// Cuts that are wrong.
mod dedupe;
// Changed entries.
mod filter;
// What is refused before it runs.
mod load;
// Mutated components of our own, called with random input.
mod fuzz;
// What a session does: goes on, or stops; and what others notice of it.
mod session;

use std::sync::{Arc, Mutex};

use mover::Error;
use mover::pipeline::ChunkInfo;
use mover::plugin::{CompiledCache, Engine, Limits, LogLevel, Plugin, Trust};

/// What was logged: lines with the component's name.
type Lines = Arc<Mutex<Vec<(String, String)>>>;

/// Small limits: a loop is over in a tenth of a second.
fn limits() -> Limits {
    Limits { memory_max: 32 << 20, fuel_base: 30_000_000, fuel_per_byte: 100, ..Limits::default() }
}

/// An engine with these limits, and what its components log.
fn engine_with(limits: Limits, cache: Option<CompiledCache>) -> (Engine, Lines) {
    let lines = Lines::default();
    let kept = Arc::clone(&lines);
    let log = move |name: &str, _: LogLevel, line: &str| {
        kept.lock().expect("no test panics in it").push((name.to_owned(), line.to_owned()));
    };
    (Engine::new(cache, limits, Arc::new(log)).expect("this machine runs WebAssembly"), lines)
}

fn engine() -> (Engine, Lines) {
    engine_with(limits(), None)
}

fn load(bytes: &[u8]) -> Arc<Plugin> {
    engine().0.load(bytes, Trust::Operator).expect("it can be loaded")
}

/// A chunk of these plain bytes.
fn info(plain: &[u8]) -> ChunkInfo<'static> {
    let plain_length = u32::try_from(plain.len()).expect("it is short");
    ChunkInfo { plain_length, nonce: &[], binding: &[] }
}

/// The error names the component, its version, the call and the cause.
fn assert_told(error: &Error, call: &str, cause: &str) {
    let text = error.to_string();
    let begin = format!("component guest 1.0.0 in {call}");
    assert!(text.contains(&begin) && text.contains(cause), "not {begin:?} .. {cause:?}: {text}");
    assert!(text.len() < 4096 && !text.contains(char::is_control), "fit for a terminal: {text}");
}

/// The most memory that this process ever held, in MiB.
fn peak_mebibytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the high water mark");
    let kibibytes: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("one");
    kibibytes >> 10
}

/// What all of this process may hold more at its peak, in MiB; other tests beside this one too.
const MORE_MEBIBYTES_MAX: u64 = 400;

/// Bounds the memory of the host while it does this.
fn within(what: impl FnOnce()) {
    // Forget the peaks of tests that ran before in this process.
    std::fs::write("/proc/self/clear_refs", "5").expect("a process may forget its own peak");
    let before = peak_mebibytes();
    what();
    let more = peak_mebibytes().saturating_sub(before);
    println!("{more} MiB more at the peak");
    assert!(more <= MORE_MEBIBYTES_MAX, "{more} MiB more at the peak");
}

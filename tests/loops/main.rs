//! Loops of the host that all content or every entry goes through, each on its own on input that
//! is made up and always the same: `loops FOLDER [NAME...]`.
//!
//! Prints the name of each and what it went through. `tests/host_instructions.rs` runs it under
//! callgrind, which counts the instructions inside of [`counted`] alone; what stands around that
//! is only there to make input.

mod archive;
mod files;
mod media;
mod policy;
#[path = "../kit/random.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod random;
mod store;

use std::hint::black_box;
use std::path::{Path, PathBuf};

/// Runs a loop in an empty folder, and gives how many of what its name says it went through.
type Loop = fn(&Path) -> u64;

const LOOPS: &[(&str, Loop)] = &[
    ("bytes-framed", media::framed),
    ("bytes-scanned", media::scanned),
    ("bytes-searched", media::searched),
    ("bytes-identified", archive::identified),
    ("files-routed", policy::routed),
    ("files-packed", archive::files_packed),
    ("blocks-packed", archive::blocks_packed),
    ("blocks-opened", archive::blocks_opened),
    ("entries-indexed", archive::entries_indexed),
    ("entries-listed", archive::entries_listed),
    ("blocks-committed", store::committed),
    ("blocks-looked-up", store::looked_up),
    ("chunks-read", store::read),
    ("blocks-recovered", store::recovered),
    ("entries-walked", files::walked),
    ("files-read", files::read),
    ("files-restored", files::restored),
];

/// The part that is counted. A function of its own, whatever the optimiser thinks of that: by its
/// name callgrind knows where counting begins and ends.
#[inline(never)]
fn counted<T>(work: impl FnOnce() -> T) -> T {
    black_box(work())
}

/// At the end of it callgrind writes down what it has counted, and begins anew.
#[inline(never)]
fn profiled(name: &str, run: Loop, folder: &Path) {
    let own = folder.join(name);
    std::fs::create_dir(&own).expect("a new folder");
    println!("{name} {}", run(&own));
}

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let folder = PathBuf::from(arguments.next().expect("which FOLDER?"));
    let wanted: Vec<_> = arguments.collect();
    for (name, run) in LOOPS {
        if wanted.is_empty() || wanted.iter().any(|it| it == name) {
            profiled(name, *run, &folder);
        }
    }
}

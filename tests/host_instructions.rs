//! What the host's own loops cost, in instructions, which callgrind counts: the same in every run,
//! whatever else the machine does. Time is measured by benchmarks; this sees a slowdown where time
//! shows nothing.
//!
//! The loops are `tests/loops`. Valgrind has a processor of its own: on whatever has AVX2 it is the
//! same one, without AVX-512 and SHA instructions, so that BLAKE3, CRC-32C and the C library choose
//! the same code everywhere, which may not be what they choose outside. System calls are seen only
//! as far as their callers go: what the kernel does is not counted. The compiler and the C library
//! are those of `tests/run.sh`; with others the figures are others.

#![cfg(all(target_arch = "x86_64", not(debug_assertions)))]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::kit::{machine, output_of, tool};

/// Instructions for each of what the name says, in any run the same within a thousandth, or within
/// a hundredth where other loops leave the heap in another state. Whoever makes a loop faster
/// writes so down here.
const FIGURES: &[(&str, f64)] = &[
    ("bytes-framed", 0.5207),
    ("bytes-scanned", 0.4832),
    ("bytes-searched", 32.74),
    ("bytes-identified", 2.5197),
    ("files-routed", 25_692.0),
    ("files-packed", 2869.1),
    ("blocks-packed", 2208.5),
    ("blocks-opened", 1252.2),
    ("entries-indexed", 925.1),
    ("entries-listed", 2567.2),
    ("blocks-committed", 12_069.0),
    ("blocks-looked-up", 8807.0),
    ("chunks-read", 16_700.0),
    ("blocks-recovered", 10_652.0),
    ("entries-walked", 2199.1),
    ("files-read", 967.2),
    ("files-restored", 2146.3),
];

/// Compilers move a few instructions with each release; a lost optimisation is far more.
const TOLERANCE: f64 = 0.03;

/// The C library copies in vectors: from some length on it would do so by one instruction, which is
/// counted once for each byte, and from which length on differs with its version.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=0x40000000:\
                        glibc.cpu.x86_rep_stosb_threshold=0x40000000:\
                        glibc.cpu.x86_non_temporal_threshold=0x40000000";

#[test]
fn loops_of_the_host_take_no_more_instructions_than_they_did() {
    assert!(is_x86_feature_detected!("avx2"), "the figures are those of a processor with AVX2");
    // In memory where there is such a place: what a folder lists first depends on its disk.
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory),
        false => tempfile::tempdir(),
    };
    let folder = folder.expect("a folder for a test");
    let figures = count(folder.path());
    let mut wrong = Vec::new();
    for (name, was) in FIGURES {
        let is = figures.get(*name).unwrap_or_else(|| panic!("{name} did not run: {figures:?}"));
        println!("{name}: {is:.4}");
        if (is / was - 1.0).abs() > TOLERANCE {
            let more = (is / was - 1.0) * 100.0;
            wrong.push(format!(
                "{name}: {is:.4} instructions, and {was} written down: {more:+.1} %"
            ));
        }
    }
    assert_eq!(figures.len(), FIGURES.len(), "each loop has its figure: {figures:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs all loops; gives the instructions for each of what they went through.
fn count(folder: &Path) -> BTreeMap<String, f64> {
    let profile = folder.join("profile");
    let mut valgrind = tool("valgrind", "valgrind");
    valgrind.args(["--quiet", "--tool=callgrind", "--toggle-collect=loops::counted*"]);
    // One profile for each loop, `profile.1` and so on.
    valgrind.arg("--dump-after=loops::profiled*");
    valgrind.arg(format!("--callgrind-out-file={}", profile.display()));
    valgrind.arg(driver()).arg(folder).env("GLIBC_TUNABLES", TUNABLES);
    let printed = output_of(&mut valgrind);
    let figure = |(number, line): (usize, &str)| {
        let (name, count) = line.split_once(' ').expect("a name and a number");
        let count: f64 = count.parse().expect("a number");
        (name.to_owned(), total(&profile.with_extension(number.to_string())) / count)
    };
    (1..).zip(printed.lines()).map(figure).collect()
}

/// All that a profile has counted.
fn total(profile: &Path) -> f64 {
    let text = std::fs::read_to_string(profile)
        .unwrap_or_else(|error| panic!("{}: {error}", profile.display()));
    let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
    totals.and_then(|total| total.parse().ok()).expect("a profile ends with its total")
}

/// Built with the tests, as an example of theirs.
fn driver() -> PathBuf {
    // Builds all that is not built yet.
    machine::binary();
    let own = std::env::current_exe().expect("a test knows where it is");
    let profile = own.parent().and_then(Path::parent).expect("target/PROFILE/deps/tests-...");
    profile.join("examples/loops")
}

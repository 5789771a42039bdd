//! Components of our own with some bytes changed: loaded, opened, and called with random input.
//!
//! Whatever they are now, the host has to survive them, in bounded time and memory. The short form
//! takes seconds; `MOVER_LONG=1` takes ten minutes (`MOVER_SECONDS` more or less) and the large
//! components too. `MOVER_SEED` begins elsewhere; a failure names the seed that shows it again.

use std::time::{Duration, Instant};

use mover::ErrorKind;
use mover::pipeline::{ChunkInfo, Cutter, Inspector, Transform};
use mover::plugin::{Direction, Engine, Limits, Trust, builtin};

use super::{engine_with, peak_mebibytes};
use crate::kit::guest::Guest;
use crate::kit::is_long;
use crate::kit::random::Random;

/// Components of the short form; each of the small ones takes milliseconds to compile.
const SHORT_COUNT: u64 = 300;
/// Where a single component is too slow: fuel bounds a call to a tenth of a second.
const SECONDS_MAX: u64 = 60;
/// What the process may hold in all.
const MEBIBYTES_MAX: u64 = 1500;

#[derive(Debug, Default)]
struct Tally {
    made: u64,
    loaded: u64,
    opened: u64,
    answered: u64,
    failed: u64,
    slowest: Duration,
}

fn originals() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for guest in [Guest::transform(), Guest::snoop(), Guest::dedupe(), Guest::filter()] {
        all.push(guest.build());
    }
    if is_long() {
        // Those with megabytes of rules would take all of the time.
        for name in ["zstd", "chacha20poly1305", "crc-dedupe", "snoop-type"] {
            all.push(builtin::find(name).expect("it is built in").to_vec());
        }
    }
    all
}

fn below(random: &mut Random, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).expect("below one that fits")
}

/// A few changes, near each other more often than not: an instruction, a length, a section.
fn mutate(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=random.below(3) {
        let at = below(random, bytes.len());
        let length = (1 + below(random, 8)).min(bytes.len() - at);
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 | 2 => bytes[at] = random.bytes(1)[0],
            // Small numbers: indices, instructions, types.
            3 => bytes[at] = bytes[at].wrapping_add(1),
            4 => bytes[at] = bytes[at].wrapping_sub(1),
            5 => drop(bytes.drain(at..at + length)),
            6 => {
                let again = bytes[at..at + length].to_vec();
                bytes.splice(at..at, again);
            }
            _ => {
                let from = below(random, other.len());
                let piece = &other[from..(from + length).min(other.len())];
                bytes.splice(at..(at + piece.len()).min(bytes.len()), piece.iter().copied());
            }
        }
        if bytes.is_empty() {
            return;
        }
    }
}

/// Calls whatever it is now with random input.
fn run(engine: &Engine, bytes: &[u8], random: &mut Random, tally: &mut Tally) {
    tally.made += 1;
    let plugin = match engine.load(bytes, Trust::Operator) {
        Ok(plugin) => plugin,
        Err(error) => return assert!(error.to_string().len() < 10_000, "{error}"),
    };
    tally.loaded += 1;
    let length = below(random, 70_000);
    let (input, nonce) = (random.bytes(length), random.bytes(24));
    let ends = [u32::try_from(length / 2).expect("short"), u32::try_from(length).expect("short")];
    let plain_length = u32::try_from(below(random, 2 * length + 1)).expect("short");
    let info = ChunkInfo { plain_length, nonce: &nonce, binding: b"binding" };
    let mut output = Vec::new();
    let results = match plugin.role() {
        format::Role::Transform => plugin.transform("{}", &[1; 32]).map(|mut codec| {
            let encoded = codec.encode(&info, &input, &mut output);
            assert!(output.len() <= length + length / 8 + 1024);
            let decoded = codec.decode(&info, &input, &mut output);
            assert!(decoded.is_err() || output.len() == plain_length as usize);
            vec![encoded, decoded]
        }),
        format::Role::Snoop => plugin.inspector("{}").map(|mut snoop| {
            let inspected = snoop.inspect(&input, &ends);
            assert!(inspected.as_ref().map_or(2, Vec::len) == 2);
            let saved = snoop.save();
            let resumed = plugin.resume_inspector("{}", input.clone());
            vec![inspected.map(drop), saved.map(drop), resumed.map(drop)]
        }),
        format::Role::Dedupe => plugin.cutter("{}").map(|mut cutter| {
            let mut cuts = Vec::new();
            let cut = cutter.cut(&input, &ends, &mut cuts);
            let sum: usize = cuts.iter().map(|cut| cut.length as usize).sum();
            assert!(cut.is_err() || sum == length, "what is cut is all that ends");
            vec![cut]
        }),
        format::Role::Filter => plugin.filter("{}", Direction::Apply).map(|mut filter| {
            let next = filter.next(&input, &mut output);
            vec![next, filter.finish(&mut output)]
        }),
    };
    let Ok(results) = results else { return };
    tally.opened += 1;
    for result in results {
        match result {
            Ok(()) => tally.answered += 1,
            Err(error) => {
                tally.failed += 1;
                assert_ne!(error.kind(), ErrorKind::Io, "{error}");
                assert!(error.to_string().len() < 10_000, "{error}");
            }
        }
    }
}

#[test]
fn mutated_components_are_survived() {
    let first: u64 =
        std::env::var("MOVER_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let seconds = std::env::var("MOVER_SECONDS").ok().and_then(|text| text.parse().ok());
    let end = Instant::now() + Duration::from_secs(seconds.unwrap_or(600));
    let limits = Limits {
        memory_max: 64 << 20,
        fuel_base: 20_000_000,
        fuel_per_byte: 500,
        ..Limits::default()
    };
    let (engine, _lines) = engine_with(limits, None);
    let originals = originals();
    let mut tally = Tally::default();
    for seed in first.. {
        if if is_long() { Instant::now() > end } else { seed >= first + SHORT_COUNT } {
            break;
        }
        let mut random = Random::new(seed);
        let mut bytes = originals[below(&mut random, originals.len())].clone();
        let other = &originals[below(&mut random, originals.len())];
        mutate(&mut random, &mut bytes, other);
        let began = Instant::now();
        let survived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            run(&engine, &bytes, &mut random, &mut tally);
        }));
        assert!(survived.is_ok(), "MOVER_SEED={seed} shows it again");
        let took = began.elapsed();
        assert!(took.as_secs() < SECONDS_MAX, "MOVER_SEED={seed} took {took:?}");
        tally.slowest = tally.slowest.max(took);
    }
    let peak = peak_mebibytes();
    println!("{tally:?}, {peak} MiB at the peak");
    assert!(tally.answered > 0 && tally.failed > 0, "it reached the calls: {tally:?}");
    assert!(peak < MEBIBYTES_MAX, "{peak} MiB");
}

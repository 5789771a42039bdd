//! A store whose power fails, at every operation of every medium.
//!
//! A scenario archives, drops, prunes, copies, migrates and opens the store anew, as a seed says,
//! on media that keep live and durable bytes apart ([`crate::media::FakeStorage`]). Before each
//! operation that changes a medium the power fails, in several ways: what was not synced is lost,
//! torn, kept or comes back, in any combination. Each store that is left is opened and held against
//! what was promised up to there ([`Model`]), and so is a second store made from its media alone.
//! Time and randomness are injected, so that a seed says all.
//!
//! `MOVER_LONG=1 MOVER_SEEDS=0..100` is the long form; see `docs/promises.md`.

mod cut;
mod model;
mod scenario;

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use self::cut::Cuts;
use self::scenario::{Scenario, Step};

/// What a run has looked at.
#[derive(Debug, Default)]
struct Seen {
    operations: AtomicU64,
    /// Stores after a power cut, no two of them alike.
    states: AtomicU64,
}

/// Runs scenarios on all processors, each from its seed.
fn run(seeds: Range<u64>, ways: u64, script: &(dyn Fn(u64) -> Vec<Step> + Sync)) -> Seen {
    let (seen, seeds) = (Seen::default(), Mutex::new(seeds));
    let next = || seeds.lock().expect("no holder panics").next();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = next() {
                    let cuts = Cuts::new(seed, ways);
                    Scenario::new(seed, &cuts).play(&script(seed));
                    seen.operations.fetch_add(cuts.operations(), Ordering::Relaxed);
                    seen.states.fetch_add(cuts.states(), Ordering::Relaxed);
                }
            });
        }
    });
    println!("{seen:?}");
    seen
}

#[test]
fn a_power_cut_at_every_operation_of_everything_loses_nothing() {
    let seen = run(0..1, 6, &|_| scenario::everything());
    assert!(seen.operations.into_inner() > 60 && seen.states.into_inner() > 300);
}

#[test]
fn a_power_cut_in_a_random_life_loses_nothing() {
    let seeds = std::env::var("MOVER_SEEDS").unwrap_or_else(|_| "0..4".to_owned());
    let (first, end) = seeds.split_once("..").expect("MOVER_SEEDS is FIRST..END");
    let seed = |text: &str| text.parse::<u64>().expect("MOVER_SEEDS is FIRST..END");
    let long = std::env::var_os("MOVER_LONG").is_some();
    let (steps, ways) = if long { (40, 4) } else { (15, 1) };
    let seen = run(seed(first)..seed(end), ways, &|seed| scenario::random(seed, steps));
    assert!(seen.states.into_inner() > 100);
}

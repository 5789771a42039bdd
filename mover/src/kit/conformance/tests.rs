//! The suite on the built-in components, which hold, and its parts on what does not.
//! Components that fail are in `tests/plugin.rs`, through the binary.

use std::convert::Infallible;
use std::sync::Arc;

use super::*;
use crate::plugin::{Engine, Limits, Trust, builtin};

fn subject(name: &str, config: &str) -> Subject {
    let engine = Engine::new(None, Limits::default(), Arc::new(|_, _, _| {})).unwrap();
    let plugin = engine.load(builtin::find(name).unwrap(), Trust::BuiltIn).unwrap();
    Subject { plugin, config: config.to_owned() }
}

fn holds(name: &str, config: &str) {
    // The large inputs take minutes at a compressor's pace; one small one of each kind is enough
    // here, and `mover plugin test` runs all.
    let noise = Dice::new(5).noise(3000);
    let text = Dice::new(5).text(90_000);
    for input in [Vec::new(), noise, text] {
        let config_of_test = TestConfig { seed: 4, cases: 0, input: Some(input) };
        let tell = |report: &CheckReport| {
            assert!(report.failure.is_none(), "{name}: {}: {:?}", report.name, report.failure);
            Ok::<(), Infallible>(())
        };
        let Ok(reports) = test(&subject(name, config), &config_of_test, tell);
        assert!(reports.len() >= 6);
    }
}

#[test]
fn the_built_in_transforms_hold() {
    holds("zstd", "{}");
    holds("chacha20poly1305", "{}");
}

#[test]
fn the_built_in_cutter_and_snoops_hold() {
    holds("crc-dedupe", "{}");
    holds("snoop-type", "{}");
    holds("snoop-yara", "{}");
}

#[test]
fn pieces_never_pass_the_input() {
    for length in [0, 1, 2, 100, 1 << 20] {
        let pieces = pieces(length, &mut Dice::new(length as u64));
        assert!(pieces.iter().sum::<usize>() <= length, "{pieces:?}");
    }
}

#[test]
fn damage_is_always_damage() {
    for length in [0, 1, 2, 1000] {
        let sound = vec![7; length];
        let damaged = damage::all(&sound, &mut Dice::new(1));
        assert!(!damaged.is_empty());
        assert!(damaged.iter().all(|(_, bytes)| *bytes != sound));
    }
}

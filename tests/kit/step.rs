//! The steps at which a test can stop the program: see `mover/src/failpoint.rs`, which has all.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use super::{Done, Machine};

/// The names of all steps, from the source: a new one is tested without being listed twice.
pub(crate) fn steps() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mover/src/failpoint.rs");
    let text = std::fs::read_to_string(path).expect("the source is there");
    let constants = text.lines().filter_map(|line| line.split_once(": &str = \""));
    constants.map(|(_, value)| value.trim_end_matches("\";").to_owned()).collect()
}

/// What happens at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The process ends as by a kill.
    Kill,
    /// The step fails.
    Error,
}

impl Stop {
    /// The value of `FAILPOINTS` that lets the first `passed` come by.
    pub(crate) fn at(self, step: &str, passed: u32) -> String {
        let action = if self == Stop::Kill { "return(abort)" } else { "return" };
        match passed {
            0 => format!("{step}={action}"),
            passed => format!("{step}={passed}*off->{action}"),
        }
    }
}

/// Runs a command that is stopped at a step, if it comes by; none where it came to its end. A
/// failure names the step.
pub(crate) fn run_until(
    machine: &Machine,
    (stop, step, passed): (Stop, &str, u32),
    command: Vec<OsString>,
) -> Option<Done> {
    let prefix = ["env".into(), format!("FAILPOINTS={}", stop.at(step, passed)).into()];
    let done = run_past_full(machine, &prefix, command);
    match (stop, done.code) {
        (_, 0) => None,
        (Stop::Kill, code) => {
            assert!(!(1..=3).contains(&code), "{step}: a kill says nothing: {done:?}");
            Some(done)
        }
        (Stop::Error, code) => {
            assert!((1..=2).contains(&code), "{step}: {done:?}");
            assert!(done.stderr.contains(&format!("fail point {step}")), "{step}: {done:?}");
            Some(done)
        }
    }
}

/// Runs a command, and again where it came to the end of a cartridge and says so: one of a few MB
/// may be full before its warning is heeded, if the machine is busy.
pub(crate) fn run_past_full(
    machine: &Machine,
    prefix: &[OsString],
    command: Vec<OsString>,
) -> Done {
    let done = machine.run_under(prefix, command.clone());
    match done.code == 2 && done.stderr.contains("it goes on with another cartridge") {
        true => machine.run_under(prefix, command),
        false => done,
    }
}

//! The conformance suite: what every component of a role has to do, whatever it is for.
//!
//! A check is a property of one input, and opens instances of its own: so that it can be asked of
//! many inputs, and of ever smaller ones when it fails.

mod inputs;
mod shrink;
mod configuration;
mod damage;
mod transform;
mod filter;
mod snoop;
mod dedupe;
mod limits;

use std::time::Instant;

use format::Role;

use super::dice::Dice;
use super::subject::Subject;
use crate::error::Error;
use crate::plugin::Usage;
use inputs::Case;

/// How a component is examined.
#[derive(Clone, Debug)]
pub struct TestConfig {
    /// What generated inputs and choices follow from.
    pub seed: u64,
    /// How many inputs are generated, besides those that are always the same.
    pub cases: usize,
    /// Only this input, instead of all.
    pub input: Option<Vec<u8>>,
}

/// What came of one check.
#[derive(Debug)]
pub struct CheckReport {
    /// What should hold, as a sentence.
    pub name: &'static str,
    /// The same for names of files.
    pub slug: &'static str,
    /// How many inputs, or other cases, it was asked of.
    pub cases: usize,
    /// How long that took.
    pub seconds: f64,
    /// Where it does not hold.
    pub failure: Option<Failure>,
}

/// A counter-example.
#[derive(Debug)]
pub struct Failure {
    /// What went wrong.
    pub message: String,
    /// Which input it was found with.
    pub found_with: String,
    /// The smallest input that was found; none where it needs no input.
    pub example: Option<Vec<u8>>,
    /// What `mover plugin run` takes besides to show it; none where only this suite shows it.
    pub run_arguments: Option<Vec<String>>,
}

/// Something that does not hold.
#[derive(Debug)]
struct Broken {
    message: String,
    /// What to show instead of the input, and how `mover plugin run` is to be called on it.
    shown: Option<(Vec<u8>, Vec<String>)>,
}

impl Broken {
    fn new(message: impl Into<String>) -> Broken {
        Broken { message: message.into(), shown: None }
    }

    /// `mover plugin run` shows it with these arguments on these bytes.
    fn shown(self, bytes: &[u8], arguments: &[&str]) -> Broken {
        let arguments = arguments.iter().map(|it| (*it).to_owned()).collect();
        Broken { shown: Some((bytes.to_vec(), arguments)), ..self }
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Broken {
        Broken::new(error.to_string())
    }
}

type Held = Result<(), Broken>;

/// Which inputs a check is asked of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    /// All, up to the largest chunk.
    Any,
    /// Those of at most 1 MiB: it works on each many times.
    Small,
}

enum Property {
    /// Of an input, with choices that follow from a seed.
    OfInput(Scale, fn(&Subject, &[u8], Dice) -> Held),
    /// Of the component; gives the number of cases.
    OfComponent(fn(&Subject, Dice) -> Result<usize, Broken>),
}

struct Check {
    name: &'static str,
    slug: &'static str,
    property: Property,
}

const fn of_input(
    name: &'static str,
    slug: &'static str,
    scale: Scale,
    property: fn(&Subject, &[u8], Dice) -> Held,
) -> Check {
    Check { name, slug, property: Property::OfInput(scale, property) }
}

const fn of_component(
    name: &'static str,
    slug: &'static str,
    property: fn(&Subject, Dice) -> Result<usize, Broken>,
) -> Check {
    Check { name, slug, property: Property::OfComponent(property) }
}

const FOR_ALL: &[Check] = &[
    of_component(
        "a wrong configuration is refused",
        "configuration",
        configuration::wrong_ones_are_refused,
    ),
    of_component("every limit is kept to", "limits", limits::are_kept_to),
];

/// Examines a component; `tell` hears of each check when it is done.
pub fn test<E>(
    subject: &Subject,
    config: &TestConfig,
    mut tell: impl FnMut(&CheckReport) -> Result<(), E>,
) -> Result<Vec<CheckReport>, E> {
    let of_role = match subject.role() {
        Role::Transform => transform::CHECKS,
        Role::Snoop => snoop::CHECKS,
        Role::Dedupe => dedupe::CHECKS,
        Role::Filter => filter::CHECKS,
    };
    let cases = match &config.input {
        Some(bytes) => vec![Case { name: "the input".to_owned(), bytes: bytes.clone() }],
        None => inputs::all(config.seed, config.cases),
    };
    let mut reports = Vec::new();
    // What a component does with a wrong configuration is told in any case, and first.
    for check in FOR_ALL.iter().chain(of_role) {
        let report = examine(subject, check, &cases, config.seed);
        tell(&report)?;
        reports.push(report);
    }
    Ok(reports)
}

fn examine(subject: &Subject, check: &Check, cases: &[Case], seed: u64) -> CheckReport {
    let begin = Instant::now();
    let (done, failure) = match &check.property {
        Property::OfComponent(property) => match property(subject, Dice::new(seed)) {
            Ok(cases) => (cases, None),
            Err(Broken { message, shown }) => {
                let (example, run_arguments) = shown.unzip();
                let found_with = "no input of the suite".to_owned();
                (1, Some(Failure { message, found_with, example, run_arguments }))
            }
        },
        Property::OfInput(scale, property) => {
            let fits = |case: &&Case| *scale == Scale::Any || case.bytes.len() <= 1 << 20;
            let mut done = 0;
            let mut failure = None;
            for case in cases.iter().filter(fits) {
                done += 1;
                let mut ask = |bytes: &[u8]| property(subject, bytes, Dice::new(seed)).err();
                if let Some(broken) = ask(&case.bytes) {
                    let (bytes, broken) = shrink::smallest(&case.bytes, broken, &mut ask);
                    let found_with = case.name.clone();
                    failure = Some(broken.failure(bytes, found_with));
                    break;
                }
            }
            (done, failure)
        }
    };
    CheckReport {
        name: check.name,
        slug: check.slug,
        cases: done,
        seconds: begin.elapsed().as_secs_f64(),
        failure,
    }
}

impl Broken {
    fn failure(self, input: Vec<u8>, found_with: String) -> Failure {
        let Broken { message, shown } = self;
        let (example, run_arguments) = match shown {
            Some((bytes, arguments)) => (bytes, Some(arguments)),
            None => (input, None),
        };
        Failure { message, found_with, example: Some(example), run_arguments }
    }
}

/// A trap is a bug even where a second try went well.
fn no_trap(usage: Usage) -> Held {
    match usage.traps {
        0 => Ok(()),
        traps => Err(Broken::new(format!("it trapped {traps} times, and a second try went well"))),
    }
}

/// Where two outputs begin to differ, for a message.
fn difference(expect: &[u8], got: &[u8]) -> Option<String> {
    if expect == got {
        return None;
    }
    let at = expect.iter().zip(got).take_while(|(one, other)| one == other).count();
    let (expected, given) = (expect.len(), got.len());
    Some(format!("{given} bytes beside {expected}, and they differ from byte {at} on"))
}

/// Lengths that an input is split into.
fn pieces(length: usize, dice: &mut Dice) -> Vec<usize> {
    let mut pieces = Vec::new();
    let mut left = length;
    // Single bytes first, where borders hurt most; then larger and larger parts.
    for scale in [1, 1, 2, 3, 8, 64, 1000, 5000, 70_000, 300_000] {
        let piece = (1 + dice.below(scale)).min(left);
        pieces.push(piece);
        left -= piece;
    }
    pieces
}

#[cfg(test)]
mod tests;

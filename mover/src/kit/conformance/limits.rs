//! What a long life and the largest input cost.

use format::Role;

use super::Broken;
use crate::error::{Error, ErrorKind};
use crate::kit::dice::Dice;
use crate::kit::subject::{Subject, WINDOW_LENGTH, cut, look, rewrite};
use crate::pipeline::Transform;
use crate::plugin::{Backtrace, Direction, Usage};

/// Inputs that one instance gets, one after another.
const SMALL_COUNT: usize = 500;
const LARGE_COUNT: usize = 24;

/// One instance works through little, much and the largest: it stays in its memory, which it may
/// not let grow, and within the lines of its log.
pub(super) fn are_kept_to(subject: &Subject, mut dice: Dice) -> Result<usize, Broken> {
    let small = dice.text(100);
    let large = dice.noise(WINDOW_LENGTH);
    let largest = format::limits::CHUNK_PLAIN_LENGTH_MAX as usize;
    let mut inputs = vec![&small[..]; SMALL_COUNT];
    inputs.extend(vec![&large[..]; LARGE_COUNT]);
    let (noise, zeros) = (dice.noise(largest), vec![0; largest]);
    inputs.extend([&noise[..], &zeros[..]]);
    let usage = work(subject, &inputs)?;
    let said = subject.plugin.manifest().memory_max;
    if said > 0 && usage.memory_peak > said {
        return Err(Broken::new(format!(
            "it took {} KiB of memory, and its manifest says at most {}",
            usage.memory_peak >> 10,
            said >> 10
        )));
    }
    if usage.log_lines_dropped > 0 {
        return Err(Broken::new(format!(
            "{} lines of its log were dropped: log what matters, not every call",
            usage.log_lines_dropped
        )));
    }
    super::no_trap(usage)?;
    Ok(inputs.len())
}

fn work(subject: &Subject, inputs: &[&[u8]]) -> Result<Usage, Broken> {
    match subject.role() {
        Role::Transform => {
            let mut transform = subject.transform()?;
            let (mut encoded, mut decoded) = (Vec::new(), Vec::new());
            for input in inputs {
                let chunk = subject.chunk(input.len());
                transform.encode(&chunk, input, &mut encoded)?;
                transform.decode(&chunk, &encoded, &mut decoded)?;
            }
            Ok(transform.usage())
        }
        Role::Snoop => {
            let mut inspector = subject.inspector()?;
            for input in inputs {
                look(&mut inspector, input, &[])?;
            }
            Ok(inspector.usage())
        }
        Role::Dedupe => {
            let mut cutter = subject.cutter()?;
            for input in inputs {
                cut(&mut cutter, input, WINDOW_LENGTH)?;
            }
            Ok(cutter.usage())
        }
        Role::Filter => {
            let mut filter = subject.filter(Direction::Apply)?;
            for input in inputs {
                rewrite(&mut filter, input, &[])?;
            }
            Ok(filter.usage())
        }
    }
}

/// Whether an error of `open` or `resume` is a trap and not an answer.
pub(super) fn is_trap(error: &Error) -> bool {
    use std::error::Error as _;
    error.kind() == ErrorKind::Plugin && error.source().is_some_and(|cause| cause.is::<Backtrace>())
}

//! What a snoop has to do.

use super::{Broken, Check, Held, Scale, damage, no_trap, of_input, pieces};
use crate::kit::dice::Dice;
use crate::kit::subject::{Subject, look};
use crate::pipeline::{Inspector, Verdict};

pub(super) const CHECKS: &[Check] = &[
    of_input("every entry gets a verdict that fits it", "verdict", Scale::Any, answers),
    of_input("the same entry gets the same verdict", "deterministic", Scale::Small, deterministic),
    of_input("windows make no difference", "windows", Scale::Small, windows),
    of_input("entries do not depend on each other", "entries", Scale::Small, entries),
    of_input("a saved snoop goes on where it stood", "resume", Scale::Small, resumes),
    of_input("a damaged state does no harm", "damage", Scale::Small, damaged_state),
];

fn verdict(subject: &Subject, entry: &[u8]) -> Result<Verdict, Broken> {
    let mut inspector = subject.inspector()?;
    let verdict = look(&mut inspector, entry, &[])
        .map_err(|error| Broken::new(error.to_string()).shown(entry, &[]))?;
    no_trap(inspector.usage())?;
    Ok(verdict)
}

fn same(expect: &Verdict, got: &Verdict, when: &str) -> Held {
    if expect == got {
        return Ok(());
    }
    let action = |verdict: &Verdict| format!("{:?}", verdict.action).to_lowercase();
    let names = |verdict: &Verdict| {
        let names = verdict.findings.iter().map(|it| format!("{} at {}", it.name, it.offset));
        names.take(4).collect::<Vec<_>>().join(", ")
    };
    let of = |verdict: &Verdict| format!("{} [{}]", action(verdict), names(verdict));
    Err(Broken::new(format!("{when} it says {}, and otherwise {}", of(got), of(expect))))
}

fn answers(subject: &Subject, entry: &[u8], _: Dice) -> Held {
    for finding in verdict(subject, entry)?.findings {
        let end = finding.offset.saturating_add(u64::from(finding.length));
        if end > entry.len() as u64 {
            let message = format!(
                "{} is said to end at {end}, and the entry has {} bytes",
                finding.name,
                entry.len()
            );
            return Err(Broken::new(message).shown(entry, &[]));
        }
        if finding.name.is_empty() {
            return Err(Broken::new("a finding has no name").shown(entry, &[]));
        }
    }
    Ok(())
}

fn deterministic(subject: &Subject, entry: &[u8], _: Dice) -> Held {
    same(&verdict(subject, entry)?, &verdict(subject, entry)?, "a fresh instance:")
}

fn windows(subject: &Subject, entry: &[u8], mut dice: Dice) -> Held {
    let whole = verdict(subject, entry)?;
    for _ in 0..3 {
        let windows = pieces(entry.len(), &mut dice);
        let parted = look(&mut subject.inspector()?, entry, &windows)?;
        same(&whole, &parted, &format!("in windows of {windows:?} bytes"))?;
    }
    Ok(())
}

/// Several entries in one window, empty ones among them, and one that goes on.
fn entries(subject: &Subject, input: &[u8], mut dice: Dice) -> Held {
    let cut = dice.below(input.len() + 1);
    let (head, tail) = input.split_at(cut);
    let window = [head, tail, head].concat();
    let (first, second) = (head.len(), head.len() + tail.len());
    let ends = [first, first, second].map(|end| u32::try_from(end).expect("it is short"));
    let mut inspector = subject.inspector()?;
    let mut verdicts = inspector.inspect(&window, &ends)?;
    // The last of them goes on in another window.
    let end = u32::try_from(tail.len()).expect("it is short");
    verdicts.extend(inspector.inspect(tail, &[end])?);
    let alone = [head, &[], tail, input];
    for (entry, got) in alone.iter().zip(&verdicts) {
        same(&verdict(subject, entry)?, got, "beside other entries")?;
    }
    no_trap(inspector.usage())
}

fn resumes(subject: &Subject, entry: &[u8], mut dice: Dice) -> Held {
    let whole = verdict(subject, entry)?;
    for _ in 0..2 {
        let (head, tail) = entry.split_at(dice.below(entry.len() + 1));
        let mut before = subject.inspector()?;
        before.inspect(head, &[])?;
        let state = before.save()?;
        let resumed = look(&mut subject.resume(state)?, tail, &[])?;
        same(&whole, &resumed, &format!("saved after {} bytes and resumed,", head.len()))?;
        // Saving changes nothing.
        let went_on = look(&mut before, tail, &[])?;
        same(&whole, &went_on, &format!("saved after {} bytes,", head.len()))?;
    }
    Ok(())
}

fn damaged_state(subject: &Subject, entry: &[u8], mut dice: Dice) -> Held {
    let (head, tail) = entry.split_at(entry.len() / 2);
    let mut before = subject.inspector()?;
    before.inspect(head, &[])?;
    let state = before.save()?;
    for (what, bytes) in damage::all(&state, &mut dice) {
        let trapped = |error: &dyn std::fmt::Display| {
            Broken::new(format!("a state {what}: it should give an error, and not a trap: {error}"))
        };
        match subject.resume(bytes) {
            Err(error) if super::limits::is_trap(&error) => return Err(trapped(&error)),
            Err(_) => {}
            Ok(mut inspector) => {
                if let (Err(error), 1..) =
                    (look(&mut inspector, tail, &[]), inspector.usage().traps)
                {
                    return Err(trapped(&error));
                }
            }
        }
    }
    Ok(())
}

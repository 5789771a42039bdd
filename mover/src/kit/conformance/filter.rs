//! What a filter has to do.

use super::{Broken, Check, Held, Scale, damage, difference, no_trap, of_input, pieces};
use crate::kit::dice::Dice;
use crate::kit::subject::{Subject, rewrite};
use crate::plugin::Direction;

pub(super) const CHECKS: &[Check] = &[
    of_input("an entry comes back as it was", "round-trip", Scale::Any, comes_back),
    of_input("the same entry is changed the same", "deterministic", Scale::Small, deterministic),
    of_input("pieces of an entry make no difference", "pieces", Scale::Small, piecewise),
    of_input("entries do not depend on each other", "entries", Scale::Small, one_after_another),
    of_input("damaged entries do no harm", "damage", Scale::Small, damaged),
];

fn apply(subject: &Subject, input: &[u8], pieces: &[usize]) -> Result<Vec<u8>, Broken> {
    let mut filter = subject.filter(Direction::Apply)?;
    let output = rewrite(&mut filter, input, pieces)
        .map_err(|error| Broken::new(error.to_string()).shown(input, &[]))?;
    no_trap(filter.usage())?;
    Ok(output)
}

fn comes_back(subject: &Subject, input: &[u8], _: Dice) -> Held {
    let changed = apply(subject, input, &[])?;
    let mut undo = subject.filter(Direction::Undo)?;
    let back = rewrite(&mut undo, &changed, &[]).map_err(|error| {
        Broken::new(format!("what it changed it does not change back: {error}"))
            .shown(&changed, &["--undo"])
    })?;
    no_trap(undo.usage())?;
    // Whoever says lossy need not give back what was lost; only do so in peace.
    match difference(input, &back) {
        Some(difference) if !subject.plugin.manifest().lossy => {
            Err(Broken::new(format!("other bytes come back: {difference}")))
        }
        _ => Ok(()),
    }
}

fn deterministic(subject: &Subject, input: &[u8], _: Dice) -> Held {
    let (one, other) = (apply(subject, input, &[])?, apply(subject, input, &[])?);
    match difference(&one, &other) {
        Some(difference) => Err(Broken::new(format!("a fresh instance makes {difference}"))),
        None => Ok(()),
    }
}

fn piecewise(subject: &Subject, input: &[u8], mut dice: Dice) -> Held {
    let whole = apply(subject, input, &[])?;
    let pieces = pieces(input.len(), &mut dice);
    if let Some(difference) = difference(&whole, &apply(subject, input, &pieces)?) {
        return Err(Broken::new(format!("in pieces of {pieces:?} bytes it makes {difference}")));
    }
    let undo = || subject.filter(Direction::Undo);
    let back = rewrite(&mut undo()?, &whole, &[])?;
    let pieces = super::pieces(whole.len(), &mut dice);
    match difference(&back, &rewrite(&mut undo()?, &whole, &pieces)?) {
        Some(difference) => {
            Err(Broken::new(format!("undone in pieces of {pieces:?} bytes it makes {difference}")))
        }
        None => Ok(()),
    }
}

fn one_after_another(subject: &Subject, input: &[u8], mut dice: Dice) -> Held {
    let cut = dice.below(input.len() + 1);
    let (head, tail) = input.split_at(cut);
    let mut filter = subject.filter(Direction::Apply)?;
    for entry in [head, tail, &[], input] {
        let behind = rewrite(&mut filter, entry, &[])?;
        if let Some(difference) = difference(&apply(subject, entry, &[])?, &behind) {
            return Err(Broken::new(format!("an entry behind another becomes {difference}")));
        }
    }
    Ok(())
}

fn damaged(subject: &Subject, input: &[u8], mut dice: Dice) -> Held {
    let changed = apply(subject, input, &[])?;
    for (what, bytes) in damage::all(&changed, &mut dice) {
        let mut undo = subject.filter(Direction::Undo)?;
        let result = rewrite(&mut undo, &bytes, &[]);
        if let (Err(error), 1..) = (result, undo.usage().traps) {
            let message =
                format!("an entry {what}: it should give an error, and not a trap: {error}");
            return Err(Broken::new(message).shown(&bytes, &["--undo"]));
        }
    }
    Ok(())
}

//! What a dedupe component has to do. That no block is too long, and that every end of an entry is
//! a cut, is checked by the host in every call.

use super::{Broken, Check, Held, Scale, no_trap, of_input};
use crate::kit::dice::Dice;
use crate::kit::subject::{Subject, WINDOW_LENGTH, cut};
use crate::pipeline::{Cut, Cutter};

pub(super) const CHECKS: &[Check] = &[
    of_input("blocks cover the entry, with their CRC-32C", "crc", Scale::Any, covers),
    of_input("the same entry is cut the same", "deterministic", Scale::Small, deterministic),
    of_input("windows make no difference", "windows", Scale::Any, windows),
    of_input("it starts afresh at every cut", "restart", Scale::Small, restarts),
    of_input("entries do not depend on each other", "entries", Scale::Small, entries),
];

fn cuts(subject: &Subject, entry: &[u8], window: usize) -> Result<Vec<Cut>, Broken> {
    let mut cutter = subject.cutter()?;
    let cuts = cut(&mut cutter, entry, window)
        .map_err(|error| Broken::new(error.to_string()).shown(entry, &[]))?;
    no_trap(cutter.usage())?;
    Ok(cuts)
}

fn same(expect: &[Cut], got: &[Cut], when: &str) -> Held {
    if expect == got {
        return Ok(());
    }
    let equal = expect.iter().zip(got).take_while(|(one, other)| one == other).count();
    let at: u64 = expect[..equal].iter().map(|cut| u64::from(cut.length)).sum();
    let length = |cuts: &[Cut]| cuts.get(equal).map_or(0, |cut| cut.length);
    Err(Broken::new(format!(
        "{when} block {equal}, at {at}, has {} bytes, and otherwise {}",
        length(got),
        length(expect)
    )))
}

fn covers(subject: &Subject, entry: &[u8], _: Dice) -> Held {
    let mut rest = entry;
    for cut in cuts(subject, entry, WINDOW_LENGTH)? {
        let (block, behind) = rest.split_at(cut.length as usize);
        let right = format::checksum(block);
        if right != cut.crc {
            let at = entry.len() - rest.len();
            let message =
                format!("the block at {at} has the CRC-32C {right:08x}, not {:08x}", cut.crc);
            return Err(Broken::new(message).shown(entry, &[]));
        }
        rest = behind;
    }
    if rest.is_empty() { Ok(()) } else { Err(Broken::new("the end of the entry was not cut")) }
}

fn deterministic(subject: &Subject, entry: &[u8], _: Dice) -> Held {
    let (one, other) = (cuts(subject, entry, WINDOW_LENGTH)?, cuts(subject, entry, WINDOW_LENGTH)?);
    same(&one, &other, "in a fresh instance")
}

fn windows(subject: &Subject, entry: &[u8], mut dice: Dice) -> Held {
    let whole = cuts(subject, entry, entry.len())?;
    // The shortest window that there can be, the usual one, and one between.
    for window in [1, WINDOW_LENGTH, WINDOW_LENGTH / 2 + dice.below(WINDOW_LENGTH)] {
        let parted = cuts(subject, entry, window)?;
        same(&whole, &parted, &format!("in windows of {window} bytes, or the longest block's,"))?;
    }
    Ok(())
}

fn restarts(subject: &Subject, entry: &[u8], mut dice: Dice) -> Held {
    let whole = cuts(subject, entry, WINDOW_LENGTH)?;
    for _ in 0..3 {
        let from = dice.below(whole.len() + 1);
        let at: usize = whole[..from].iter().map(|cut| cut.length as usize).sum();
        let again = cuts(subject, &entry[at..], WINDOW_LENGTH)?;
        same(&whole[from..], &again, &format!("begun at the cut at {at},"))?;
    }
    Ok(())
}

fn entries(subject: &Subject, input: &[u8], mut dice: Dice) -> Held {
    let place = dice.below(input.len() + 1);
    let (head, tail) = input.split_at(place);
    let first = u32::try_from(head.len()).expect("it is short");
    let last = u32::try_from(input.len()).expect("it is short");
    let mut cutter = subject.cutter()?;
    let mut together = Vec::new();
    cutter.cut(input, &[first, first, last], &mut together)?;
    let mut alone = cuts(subject, head, WINDOW_LENGTH)?;
    alone.extend(cuts(subject, tail, WINDOW_LENGTH)?);
    same(&alone, &together, "beside another entry")
}

//! What components are tried with: nothing, little, much, and every kind of it.

use crate::kit::dice::Dice;

/// An input.
pub(super) struct Case {
    /// What messages call it.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Around the sizes of blocks, windows and counters.
const LENGTHS: [usize; 14] =
    [1, 2, 3, 15, 16, 17, 255, 256, 4095, 4097, 65_535, 65_537, (1 << 20) - 1, 1 << 20];
/// The largest chunk.
const HUGE: usize = 16 << 20;
/// Bytes of a generated input, at most.
const GENERATED_LENGTH_MAX: usize = 256 << 10;

/// Makes so many bytes.
type Make = fn(usize, &mut Dice) -> Vec<u8>;

const KINDS: [(&str, Make); 5] = [
    ("text", |length, dice| dice.text(length)),
    ("zeros", |length, _| vec![0; length]),
    ("noise", |length, dice| dice.noise(length)),
    ("periodic", |length, _| b"\x01\xff\x80abcabc".iter().copied().cycle().take(length).collect()),
    ("numbers", |length, dice| dice.records(length)),
];

/// The same ones always, and then `count` that follow from the seed.
pub(super) fn all(seed: u64, count: usize) -> Vec<Case> {
    let mut dice = Dice::new(0);
    let mut cases = vec![Case { name: "nothing".to_owned(), bytes: Vec::new() }];
    for length in LENGTHS {
        for (kind, make) in &KINDS {
            // Of the long ones a few are enough.
            let is_enough = length > 4097 && *kind != "noise" && *kind != "text";
            if !is_enough {
                let name = format!("{length} bytes of {kind}");
                cases.push(Case { name, bytes: make(length, &mut dice) });
            }
        }
    }
    for (kind, make) in &KINDS {
        if matches!(*kind, "zeros" | "noise") {
            cases.push(Case { name: format!("16 MiB of {kind}"), bytes: make(HUGE, &mut dice) });
        }
    }
    let mut dice = Dice::new(seed);
    let made = |number| Case {
        name: format!("generated input {number} of seed {seed}"),
        bytes: generated(&mut dice),
    };
    cases.extend((1..=count).map(made));
    cases
}

/// Runs of all kinds one behind the other, more often short than long; some run comes again.
fn generated(dice: &mut Dice) -> Vec<u8> {
    let scale = 1 << dice.below(19);
    let length = dice.below(GENERATED_LENGTH_MAX.min(scale) + 1);
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let run = (1 + dice.below(length)).min(length - bytes.len());
        if !bytes.is_empty() && dice.below(4) == 0 {
            let begin = dice.below(bytes.len());
            let end = (begin + run).min(bytes.len());
            bytes.extend_from_within(begin..end);
        } else {
            let (_, make) = KINDS[dice.below(KINDS.len())];
            let made = make(run, dice);
            bytes.extend_from_slice(&made);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_inputs_and_another_gives_others() {
        let bytes = |seed| all(seed, 20).into_iter().map(|case| case.bytes).collect::<Vec<_>>();
        assert!(bytes(1) == bytes(1));
        assert!(bytes(1) != bytes(2));
        assert!(bytes(1).iter().any(Vec::is_empty));
        assert!(bytes(1).iter().any(|bytes| bytes.len() == HUGE));
    }
}

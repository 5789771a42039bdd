//! Finds a small input that fails in the place of a large one.

use std::time::{Duration, Instant};

use super::Broken;

/// How long is looked for a smaller one: a component that hangs takes seconds each time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes parts of an input out, then sets bytes to zero, as long as it still fails.
pub(super) fn smallest(
    input: &[u8],
    broken: Broken,
    fails: &mut dyn FnMut(&[u8]) -> Option<Broken>,
) -> (Vec<u8>, Broken) {
    let begin = Instant::now();
    let mut best = (input.to_vec(), broken);
    let mut attempt = |best: &mut (Vec<u8>, Broken), bytes: Vec<u8>| match fails(&bytes) {
        Some(broken) => {
            *best = (bytes, broken);
            true
        }
        None => false,
    };
    let is_late = || begin.elapsed() > PATIENCE;
    let mut part = best.0.len().div_ceil(2);
    while part > 0 && !is_late() {
        let mut at = 0;
        while at < best.0.len() && !is_late() {
            let mut shorter = best.0.clone();
            shorter.drain(at..(at + part).min(shorter.len()));
            if !attempt(&mut best, shorter) {
                at += part;
            }
        }
        part /= 2;
    }
    let mut part = best.0.len();
    while part > 0 && !is_late() {
        for at in (0..best.0.len()).step_by(part) {
            let mut plainer = best.0.clone();
            let end = (at + part).min(plainer.len());
            let is_plain = plainer[at..end].iter().all(|byte| *byte == 0);
            plainer[at..end].fill(0);
            if !is_plain && !is_late() {
                attempt(&mut best, plainer);
            }
        }
        part /= 2;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::dice::Dice;

    #[test]
    fn what_fails_is_all_that_is_left() {
        let mut input = Dice::new(3).noise(40_000);
        input[12_345] = b'!';
        input.retain(|byte| *byte != b'!');
        input.insert(20_000, b'!');
        let mut fails = |bytes: &[u8]| {
            let is_broken = bytes.len() >= 5 && bytes.contains(&b'!');
            is_broken.then(|| Broken::new("it contains a mark"))
        };
        let broken = fails(&input).unwrap();
        let (bytes, broken) = smallest(&input, broken, &mut fails);
        assert_eq!(bytes.len(), 5, "{bytes:?}");
        assert_eq!(bytes.iter().filter(|byte| **byte != 0).count(), 1, "{bytes:?}");
        assert_eq!(broken.message, "it contains a mark");
    }
}

//! Which chunks of a stream an earlier session has brought into the store.

use std::ops::Range;

/// All below a number; and some behind it, where one of several pools lost what was not synced.
#[derive(Clone, Debug, Default)]
pub struct Arrived {
    complete: u64,
    /// In ascending order, with something between each two.
    behind: Vec<Range<u64>>,
}

impl Arrived {
    /// All below `complete`.
    pub fn new(complete: u64) -> Arrived {
        Arrived { complete, behind: Vec::new() }
    }

    /// Adds one that comes behind all that were added.
    pub fn push(&mut self, number: u64) {
        match self.behind.last_mut() {
            _ if number < self.complete => {}
            Some(last) if last.end == number => last.end += 1,
            _ => self.behind.push(number..number + 1),
        }
    }

    /// How many there are in front of the first gap.
    pub fn complete(&self) -> u64 {
        self.complete
    }

    /// Whether a chunk is there.
    pub fn has(&self, number: u64) -> bool {
        let at = self.behind.partition_point(|range| range.end <= number);
        number < self.complete || self.behind.get(at).is_some_and(|range| range.contains(&number))
    }

    /// The numbers of all that are there, in ascending order.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        (0..self.complete).chain(self.behind.iter().cloned().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_a_gap_is_there_and_the_gap_is_not() {
        let mut arrived = Arrived::new(3);
        for number in [1, 5, 6, 9] {
            arrived.push(number);
        }
        let there: Vec<u64> = (0..12).filter(|number| arrived.has(*number)).collect();
        assert_eq!(there, [0, 1, 2, 5, 6, 9]);
        assert_eq!(arrived.numbers().collect::<Vec<_>>(), there);
        assert_eq!((arrived.complete(), arrived.behind.len()), (3, 2));
    }
}

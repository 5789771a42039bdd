//! Stamps an order, and restores it after a parallel stretch.

use std::collections::BTreeMap;

/// Something with its place in the order, from 0 and without gaps.
#[derive(Debug)]
pub struct Sequenced<T> {
    /// The place.
    pub sequence: u64,
    /// The thing.
    pub item: T,
}

/// Takes things in any order and gives them back in theirs.
///
/// What it holds is bounded by whoever feeds it: a stretch has no more items under way than it
/// has workers and places in its queues.
#[derive(Debug)]
pub struct Resequencer<T> {
    next: u64,
    early: BTreeMap<u64, T>,
}

impl<T> Default for Resequencer<T> {
    fn default() -> Resequencer<T> {
        Resequencer { next: 0, early: BTreeMap::new() }
    }
}

impl<T> Resequencer<T> {
    /// Takes an item.
    pub fn push(&mut self, item: Sequenced<T>) {
        let replaced = self.early.insert(item.sequence, item.item);
        assert!(item.sequence >= self.next && replaced.is_none(), "every number is stamped once");
    }

    /// The next item of the order, if it is here.
    pub fn pop(&mut self) -> Option<T> {
        let item = self.early.remove(&self.next)?;
        self.next += 1;
        Some(item)
    }

    /// How many items wait for an earlier one.
    pub fn waiting(&self) -> usize {
        self.early.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_order_in_gives_the_stamped_order_out() {
        let mut resequencer = Resequencer::default();
        let mut out = Vec::new();
        for sequence in [2, 0, 1, 4, 3] {
            resequencer.push(Sequenced { sequence, item: sequence });
            out.extend(std::iter::from_fn(|| resequencer.pop()));
        }
        assert_eq!(out, [0, 1, 2, 3, 4]);
        assert_eq!(resequencer.waiting(), 0);
    }
}

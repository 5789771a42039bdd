//! Finds numbers of payment cards.
//!
//! Read in this order: here (the entry), `groups` (digits as they are printed), `number` (whether
//! they are a card's).

mod groups;
mod number;

use groups::Groups;
use mover_plugin::{
    Action, Config, Finding, Result, Snoop, StateError, StateReader, StateWriter, Verdict,
};
use serde::Deserialize;

/// The host keeps 64 findings.
const FINDING_COUNT_MAX: usize = 64;

/// What is done with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Config)]
#[serde(rename_all = "lowercase")]
pub enum Reaction {
    /// It is marked.
    Tag,
    /// It is kept, and not restored.
    Hold,
    /// It is left out.
    Stop,
}

/// What an operator may configure.
#[derive(Clone, Copy, Debug, Deserialize, Config)]
pub struct CardNumbersConfig {
    /// what is done with an entry that holds enough numbers; one with fewer is tagged
    #[config(default = "tag")]
    action: Reaction,
    /// how many numbers are enough
    #[config(minimum = 1, default = 1)]
    at_least: u64,
}

/// Where a number stands, and how many bytes it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    offset: u64,
    length: u32,
}

/// Looks at one entry after another.
#[derive(Debug)]
pub struct CardNumbers {
    config: CardNumbersConfig,
    groups: Groups,
    /// How many numbers there were, and where the first of them stood.
    count: u64,
    places: Vec<Place>,
}

impl Snoop for CardNumbers {
    type Config = CardNumbersConfig;

    fn open(config: CardNumbersConfig) -> Result<Self> {
        Ok(Self { config, groups: Groups::default(), count: 0, places: Vec::new() })
    }

    fn look(&mut self, bytes: &[u8]) {
        let Self { groups, count, places, .. } = self;
        groups.take(bytes, |place| note(place, count, places));
    }

    fn verdict(&mut self) -> Verdict {
        let Self { groups, count, places, .. } = self;
        groups.end(|place| note(place, count, places));
        let count = std::mem::take(&mut self.count);
        let detail = format!("count={count}");
        let places = self.places.drain(..).map(|place| {
            Finding::new("card_number").at(place.offset, place.length).detail(detail.as_str())
        });
        let findings = places.collect();
        let action = match self.config.action {
            _ if count == 0 => Action::Pass,
            _ if count < self.config.at_least => Action::Tag,
            Reaction::Tag => Action::Tag,
            Reaction::Hold => Action::Hold,
            Reaction::Stop => Action::Stop,
        };
        Verdict { action, findings }
    }

    fn save(&self, state: &mut StateWriter) {
        self.groups.save(state);
        state.integer(self.count);
        state.integer(self.places.len() as u64);
        for place in &self.places {
            state.integer(place.offset);
            state.integer(place.length.into());
        }
    }

    fn resume(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError> {
        self.groups = Groups::resume(state)?;
        self.count = state.integer()?;
        let places = state.integer()?;
        if places != self.count.min(FINDING_COUNT_MAX as u64) {
            return Err(StateError);
        }
        for _ in 0..places {
            let offset = state.integer()?;
            let length = u32::try_from(state.integer()?).map_err(|_| StateError)?;
            self.places.push(Place { offset, length });
        }
        Ok(())
    }
}

fn note(place: Place, count: &mut u64, places: &mut Vec<Place>) {
    *count = count.saturating_add(1);
    if places.len() < FINDING_COUNT_MAX {
        places.push(place);
    }
}

mover_plugin::export!(snoop: CardNumbers, memory_max = 16 << 20);

#[cfg(test)]
mod tests {
    use super::*;
    use mover_plugin::test::{SnoopTest, samples};

    fn places(entry: &str) -> Vec<(u64, u32)> {
        let verdict = SnoopTest::<CardNumbers>::new("").verdict(entry.as_bytes());
        verdict.findings.iter().map(|finding| (finding.offset, finding.length)).collect()
    }

    #[test]
    fn numbers_are_found_as_they_are_printed_and_across_windows() {
        assert_eq!(places("card 4111111111111111, 3782 822463 10005."), [(5, 16), (23, 17)]);
        assert_eq!(places("5500-0000-0000-0004"), [(0, 19)]);
        // A group before it is not the number's.
        assert_eq!(places("0001 4111 1111 1111 1111 0002"), [(5, 19)]);
        assert_eq!(places(&"x4012888888881881x".repeat(3)), [(1, 16), (19, 16), (37, 16)]);
    }

    #[test]
    fn other_digits_are_no_numbers() {
        for entry in [
            "4111111111111112",
            "0000000000000000",
            "41111111111111110000000000000000000000",
            "4111 1111-1111 1111",
            "4111  1111 1111 1111",
            "2026-11-21 12:30:45",
        ] {
            assert_eq!(places(entry), [], "{entry}");
        }
        for (name, entry) in samples() {
            if name != "incompressible" {
                assert_eq!(SnoopTest::<CardNumbers>::new("").verdict(&entry), Verdict::pass());
            }
        }
    }

    #[test]
    fn the_action_is_taken_when_there_are_enough() {
        let test = SnoopTest::<CardNumbers>::new(r#"{"action": "hold", "at_least": 2}"#);
        assert_eq!(test.verdict(b"").action, Action::Pass);
        assert_eq!(test.verdict(b"4111111111111111").action, Action::Tag);
        let two = test.verdict(b"4111111111111111 4111111111111111");
        assert_eq!(two.action, Action::Hold);
        assert_eq!(two.findings[0].detail, "count=2");
        let many = test.verdict(&b"4111111111111111,".repeat(100));
        assert_eq!((many.findings.len(), many.findings[0].detail.as_str()), (64, "count=100"));
    }

    #[test]
    fn a_damaged_state_is_refused_or_harmless() {
        let entry = "4111 1111 1111 1111 4012888888881881,".repeat(20);
        SnoopTest::<CardNumbers>::new("").survives_damaged_states(entry.as_bytes());
    }
}

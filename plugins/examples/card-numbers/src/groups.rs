//! Digits in groups, as numbers are printed.

use crate::Place;
use crate::number::{LENGTH_MAX, is_card_number};
use mover_plugin::{StateError, StateReader, StateWriter};

/// Groups before the last one that can belong to a number.
const BEFORE_MAX: usize = 3;
/// How numbers are printed in groups: `4111 1111 1111 1111` and `3782 822463 10005`.
const FORMS: &[&[u32]] = &[&[4, 4, 4, 4], &[4, 6, 5]];

/// Digits without anything between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    offset: u64,
    number: u64,
    /// Digits; one more than a number can have stands for more.
    length: u32,
}

/// The groups that a number could end with, at some place of an entry.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    /// How much of the entry was seen.
    offset: u64,
    /// Groups with the same single separator after each of them.
    before: Vec<Group>,
    separator: u8,
    /// The digits just seen.
    last: Option<Group>,
}

impl Groups {
    /// Takes the next bytes of the entry, and gives `found` every number that ended in them.
    pub(crate) fn take(&mut self, bytes: &[u8], mut found: impl FnMut(Place)) {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            if byte.is_ascii_digit() {
                self.digit(u64::from(byte - b'0'));
            } else {
                self.end_group(Some(*byte), &mut found);
            }
            self.offset += 1;
            rest = after;
            if self.last.is_none() && self.before.is_empty() {
                // Most bytes are no digits.
                let skipped = rest.iter().position(u8::is_ascii_digit).unwrap_or(rest.len());
                self.offset += skipped as u64;
                rest = &rest[skipped..];
            }
        }
    }

    /// The entry has ended.
    pub(crate) fn end(&mut self, mut found: impl FnMut(Place)) {
        self.end_group(None, &mut found);
        *self = Self::default();
    }

    fn digit(&mut self, digit: u64) {
        let begun = Group { offset: self.offset, number: 0, length: 0 };
        let group = self.last.get_or_insert(begun);
        if group.length < LENGTH_MAX {
            group.number = group.number * 10 + digit;
            group.length += 1;
        } else {
            group.length = LENGTH_MAX + 1;
        }
    }

    /// `separator` is what stands after the group, if it is not the end of the entry.
    fn end_group(&mut self, separator: Option<u8>, found: &mut impl FnMut(Place)) {
        let Some(group) = self.last.take() else {
            // A second separator after the first.
            self.before.clear();
            return;
        };
        self.before.push(group);
        let number = FORMS.iter().find_map(|form| self.printed_as(form));
        let number = number.or_else(|| is_card_number(group.number, group.length).then_some(group));
        if let Some(first) = number {
            let length = u32::try_from(self.offset - first.offset).unwrap_or(u32::MAX);
            found(Place { offset: first.offset, length });
            self.before.clear();
        }
        let separator = separator.filter(|byte| matches!(byte, b' ' | b'-'));
        match separator {
            Some(separator) if self.before.len() <= 1 || separator == self.separator => {
                self.separator = separator;
            }
            // Another separator: the group may be the first of a number, but no later one.
            Some(separator) => {
                self.before.drain(..self.before.len() - 1);
                self.separator = separator;
            }
            None => self.before.clear(),
        }
        let surplus = self.before.len().saturating_sub(BEFORE_MAX);
        self.before.drain(..surplus);
    }

    /// The first of the last groups, where they are a card's number printed in this form.
    fn printed_as(&self, form: &[u32]) -> Option<Group> {
        let groups = &self.before[self.before.len().checked_sub(form.len())?..];
        let fits = groups.iter().zip(form).all(|(group, length)| group.length == *length);
        let join = |number: u64, group: &Group| number * 10_u64.pow(group.length) + group.number;
        let is_card = fits && is_card_number(groups.iter().fold(0, join), form.iter().sum());
        is_card.then_some(groups[0])
    }

    pub(crate) fn save(&self, state: &mut StateWriter) {
        state.integer(self.offset);
        state.integer(self.separator.into());
        state.integer(self.before.len() as u64);
        state.integer(self.last.is_some().into());
        for group in self.before.iter().chain(&self.last) {
            state.integer(group.offset);
            state.integer(group.number);
            state.integer(group.length.into());
        }
    }

    pub(crate) fn resume(state: &mut StateReader<'_>) -> Result<Self, StateError> {
        let offset = state.integer()?;
        let separator = u8::try_from(state.integer()?).map_err(|_| StateError)?;
        let before = state.integer()?;
        let has_last = state.integer()?;
        if before > BEFORE_MAX as u64 || has_last > 1 || offset > u64::MAX >> 1 {
            return Err(StateError);
        }
        let mut groups = Self { offset, separator, ..Self::default() };
        for _ in 0..before {
            groups.before.push(group(state, offset)?);
        }
        if has_last == 1 {
            groups.last = Some(group(state, offset)?);
        }
        Ok(groups)
    }
}

fn group(state: &mut StateReader<'_>, end: u64) -> Result<Group, StateError> {
    let (offset, number) = (state.integer()?, state.integer()?);
    let length = u32::try_from(state.integer()?).map_err(|_| StateError)?;
    let is_possible = (1..=LENGTH_MAX + 1).contains(&length)
        && number < 10_u64.pow(length.min(LENGTH_MAX))
        && offset < end;
    if is_possible { Ok(Group { offset, number, length }) } else { Err(StateError) }
}

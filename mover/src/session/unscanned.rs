//! A snoop that may fail: what it has not seen is tagged, and the session goes on.

use crate::error::{Error, Result};
use crate::pipeline::{Action, Finding, Inspector, Verdict};

/// The finding of entries that a snoop has not seen all of.
pub(super) const UNSCANNED: &str = "unscanned";

/// Characters of the reason that stand in a finding.
const REASON_LENGTH_MAX: usize = 250;

/// What the state of an [`Unscanned`] begins with: whether that of the snoop follows, or the
/// reason why there is none.
const WHOLE: u8 = 0;
const MISSED: u8 = 1;

/// A snoop whose failures are findings.
pub(super) struct Unscanned {
    inner: Box<dyn Inspector>,
    /// Why it has not seen all of the entry that is open.
    missed: Option<String>,
}

impl Unscanned {
    /// A snoop made by `open`, which is given its state where it goes on from one; a state that it
    /// cannot go on from is a failure like any other.
    pub(super) fn open(
        state: Option<&[u8]>,
        open: impl Fn(Option<&[u8]>) -> Result<Box<dyn Inspector>>,
    ) -> Result<Unscanned> {
        let (inner, missed) = match state.and_then(<[u8]>::split_first) {
            None => (open(None)?, None),
            Some((&WHOLE, state)) => match open(Some(state)) {
                Ok(inner) => (inner, None),
                Err(error) => (open(None)?, Some(reason(&error))),
            },
            Some((_, reason)) => (open(None)?, Some(String::from_utf8_lossy(reason).into_owned())),
        };
        Ok(Unscanned { inner, missed })
    }
}

fn reason(error: &Error) -> String {
    error.to_string().chars().take(REASON_LENGTH_MAX).collect()
}

fn mark(verdict: &mut Verdict, reason: &str) {
    verdict.action = verdict.action.max(Action::Tag);
    let name = UNSCANNED.to_owned();
    let finding = Finding { name, offset: 0, length: 0, detail: reason.to_owned() };
    // In front: of many findings the last are dropped.
    verdict.findings.insert(0, finding);
    verdict.findings.truncate(format::limits::FINDING_COUNT_MAX);
}

impl Inspector for Unscanned {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn inspect(&mut self, window: &[u8], ends: &[u32]) -> Result<Vec<Verdict>> {
        match self.inner.inspect(window, ends) {
            Ok(mut verdicts) => {
                if let Some(first) = verdicts.first_mut()
                    && let Some(reason) = self.missed.take()
                {
                    mark(first, &reason);
                }
                Ok(verdicts)
            }
            Err(error) => {
                let reason = reason(&error);
                let mut verdicts = vec![Verdict::default(); ends.len()];
                verdicts.iter_mut().for_each(|verdict| mark(verdict, &reason));
                let is_open = ends.last().is_none_or(|end| (*end as usize) < window.len());
                self.missed = is_open.then_some(reason);
                Ok(verdicts)
            }
        }
    }

    fn save(&mut self) -> Result<Vec<u8>> {
        if self.missed.is_none() {
            match self.inner.save() {
                Ok(state) => return Ok([&[WHOLE], &state[..]].concat()),
                Err(error) => self.missed = Some(reason(&error)),
            }
        }
        let reason = self.missed.as_deref().unwrap_or_default();
        Ok([&[MISSED], reason.as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    /// Finds nothing, and fails at every window, state and resumption that has an `x` in it.
    struct Touchy {
        seen: Vec<u8>,
    }

    impl Touchy {
        fn open(state: Option<&[u8]>) -> Result<Box<dyn Inspector>> {
            let touchy = Touchy { seen: state.unwrap_or_default().to_vec() };
            touchy.check()?;
            Ok(Box::new(touchy))
        }

        fn check(&self) -> Result<()> {
            match self.seen.contains(&b'x') {
                true => Err(Error::new(ErrorKind::Plugin, "component touchy 1.0.0 saw an x")),
                false => Ok(()),
            }
        }
    }

    impl Inspector for Touchy {
        fn name(&self) -> &str {
            "touchy"
        }

        fn inspect(&mut self, window: &[u8], ends: &[u32]) -> Result<Vec<Verdict>> {
            self.seen = window.to_vec();
            let checked = self.check();
            self.seen.retain(|byte| *byte != b'x');
            checked.map(|()| vec![Verdict::default(); ends.len()])
        }

        fn save(&mut self) -> Result<Vec<u8>> {
            Ok(b"x"[..usize::from(self.seen == b"bad state")].to_vec())
        }
    }

    fn marks(snoop: &mut Unscanned, window: &[u8], ends: &[u32]) -> Vec<bool> {
        let verdicts = snoop.inspect(window, ends).unwrap();
        let is_marked = |verdict: &Verdict| {
            let named = verdict.findings.iter().any(|finding| finding.name == UNSCANNED);
            assert_eq!(named, verdict.action == Action::Tag);
            named
        };
        verdicts.iter().map(is_marked).collect()
    }

    #[test]
    fn all_entries_of_a_window_that_it_failed_at_are_marked_and_no_others() {
        let mut snoop = Unscanned::open(None, Touchy::open).unwrap();
        assert_eq!(marks(&mut snoop, b"abc", &[1, 3]), [false, false]);
        assert_eq!(marks(&mut snoop, b"axc", &[1, 3]), [true, true]);
        assert_eq!(marks(&mut snoop, b"abc", &[1, 3]), [false, false]);
    }

    #[test]
    fn an_entry_that_goes_on_is_marked_at_its_end_wherever_it_was_missed() {
        let mut snoop = Unscanned::open(None, Touchy::open).unwrap();
        assert!(marks(&mut snoop, b"axc", &[]).is_empty());
        assert!(marks(&mut snoop, b"abc", &[]).is_empty());
        assert_eq!(marks(&mut snoop, b"abc", &[1, 3]), [true, false]);
    }

    #[test]
    fn what_was_missed_is_known_after_a_restart() {
        let mut snoop = Unscanned::open(None, Touchy::open).unwrap();
        marks(&mut snoop, b"axc", &[]);
        let state = snoop.save().unwrap();
        let mut snoop = Unscanned::open(Some(&state), Touchy::open).unwrap();
        let verdicts = snoop.inspect(b"abc", &[1, 3]).unwrap();
        assert_eq!(verdicts[0].findings[0].detail, "component touchy 1.0.0 saw an x");
        assert!(verdicts[1].findings.is_empty());
    }

    #[test]
    fn a_state_that_cannot_be_gone_on_from_marks_the_open_entry() {
        let mut snoop = Unscanned::open(None, Touchy::open).unwrap();
        marks(&mut snoop, b"bad state", &[]);
        let state = snoop.save().unwrap();
        let mut snoop = Unscanned::open(Some(&state), Touchy::open).unwrap();
        assert_eq!(marks(&mut snoop, b"abc", &[1, 3]), [true, false]);
    }
}

//! Entries before a snoop.

use super::Random;
use crate::config::parse;
use crate::error::Result;
use crate::snoop::{Snoop, Verdict, inspect, resume, save};
use std::marker::PhantomData;

/// Bytes of a saved state, at most.
const STATE_LENGTH_MAX: usize = 1 << 20;

/// A snoop with one configuration.
#[derive(Debug)]
pub struct SnoopTest<T> {
    config: String,
    snoop: PhantomData<T>,
}

impl<T: Snoop> SnoopTest<T> {
    /// With a configuration in JSON; `""` is the default one.
    pub fn new(config: &str) -> Self {
        Self { config: config.to_owned(), snoop: PhantomData }
    }

    /// Opens the snoop, and says whether that succeeds.
    pub fn open(&self) -> Result<T> {
        T::open(parse(&self.config)?)
    }

    /// The verdict on an entry.
    ///
    /// # Panics
    ///
    /// When it depends on how the entry lies in windows, on the entries before it, or on whether
    /// the snoop was saved and resumed on the way.
    pub fn verdict(&self, entry: &[u8]) -> Verdict {
        let mut snoop = self.open().expect("open succeeds");
        let expect = self.look(&mut snoop, &[entry], false);
        assert_eq!(self.look(&mut snoop, &[entry], false), expect, "an entry changes the next one");
        for seed in 0..8 {
            let pieces = Random::new(seed).pieces(entry);
            for with_resume in [false, true] {
                let found = self.look(&mut snoop, &pieces, with_resume);
                let how = if with_resume { ", saved and resumed" } else { "" };
                assert_eq!(found, expect, "the verdict depends on the windows (seed {seed}{how})");
            }
        }
        expect
    }

    /// Resumes from damaged forms of a state saved in the middle of `entry`, and looks on.
    ///
    /// # Panics
    ///
    /// When the snoop does.
    pub fn survives_damaged_states(&self, entry: &[u8]) {
        let mut snoop = self.open().expect("open succeeds");
        inspect(&mut snoop, &entry[..entry.len() / 2], &[]).expect("ends are right");
        let state = save(&snoop);
        let mut random = Random::new(1);
        for _ in 0..1000 {
            let mut damaged = state.clone();
            damaged.truncate(random.below(2 * state.len()));
            if let Some(length @ 1..) = Some(damaged.len()) {
                damaged[random.below(length)] = random.number() as u8;
            }
            if let Ok(mut snoop) = resume::<T>(&self.config, &damaged) {
                self.look(&mut snoop, &[entry], false);
            }
        }
    }

    fn look(&self, snoop: &mut T, pieces: &[&[u8]], with_resume: bool) -> Verdict {
        for piece in pieces {
            let verdicts = inspect(snoop, piece, &[]).expect("ends are right");
            assert!(verdicts.is_empty(), "there is no verdict before the end");
            if with_resume {
                let state = save(snoop);
                assert!(state.len() <= STATE_LENGTH_MAX, "a state of {} bytes", state.len());
                *snoop = resume(&self.config, &state).expect("resume takes what save gave");
            }
        }
        let mut verdicts = inspect(snoop, &[], &[0]).expect("ends are right");
        verdicts.pop().expect("one end gives one verdict")
    }
}

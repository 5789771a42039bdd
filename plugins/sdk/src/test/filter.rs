//! Entries through a filter.

use super::Random;
use crate::config::parse;
use crate::error::Result;
use crate::filter::{Direction, Filter};
use crate::output::Output;
use std::marker::PhantomData;

/// A filter with one configuration.
#[derive(Debug)]
pub struct FilterTest<T> {
    config: String,
    filter: PhantomData<T>,
}

impl<T: Filter> FilterTest<T> {
    /// With a configuration in JSON; `""` is the default one.
    pub fn new(config: &str) -> Self {
        Self { config: config.to_owned(), filter: PhantomData }
    }

    /// Puts an entry through, as while archiving.
    ///
    /// # Panics
    ///
    /// When the output depends on how the entry lies in pieces or on the entry before, or when
    /// more comes out of a call than may.
    pub fn apply(&self, entry: &[u8]) -> Result<Vec<u8>> {
        self.run(Direction::Apply, entry)
    }

    /// Puts an entry through, as while restoring.
    ///
    /// # Panics
    ///
    /// As [`apply`](Self::apply).
    pub fn undo(&self, entry: &[u8]) -> Result<Vec<u8>> {
        self.run(Direction::Undo, entry)
    }

    /// Applies and undoes, and gives what lay between.
    ///
    /// # Panics
    ///
    /// When something else comes back, and as [`apply`](Self::apply).
    pub fn round_trip(&self, entry: &[u8]) -> Vec<u8> {
        let applied = self.apply(entry).expect("apply succeeds");
        let undone = self.undo(&applied).expect("undo succeeds");
        assert!(undone == entry, "undo gives other bytes than apply was given");
        applied
    }

    fn run(&self, direction: Direction, entry: &[u8]) -> Result<Vec<u8>> {
        let whole = self.pass(&mut self.open(direction)?, &[entry])?;
        let mut used = self.open(direction)?;
        for seed in 0..8 {
            let pieces = Random::new(seed).pieces(entry);
            let found = self.pass(&mut used, &pieces)?;
            assert!(found == whole, "the output depends on the pieces (seed {seed})");
        }
        Ok(whole)
    }

    fn open(&self, direction: Direction) -> Result<T> {
        T::open(parse(&self.config)?, direction)
    }

    fn pass(&self, filter: &mut T, pieces: &[&[u8]]) -> Result<Vec<u8>> {
        let mut found = Vec::new();
        for piece in pieces {
            let most = found.len() + 16 * piece.len() + (1 << 20);
            let mut write = |bytes: &[u8]| append(&mut found, bytes, most);
            filter.next(piece, &mut Output::new(&mut write))?;
        }
        let most = found.len() + (1 << 20);
        let mut write = |bytes: &[u8]| append(&mut found, bytes, most);
        filter.finish(&mut Output::new(&mut write))?;
        Ok(found)
    }
}

fn append(found: &mut Vec<u8>, bytes: &[u8], most: usize) {
    found.extend_from_slice(bytes);
    assert!(found.len() <= most, "a call wrote more than 16 times its input and 1 MiB");
}

//! The role filter: changes an entry's bytes, and changes them back.

use crate::bindings::filter::exports::mover::plugin::filter as contract;
use crate::bindings::shared::mover::plugin::output::Sink;
use crate::bindings::shared::mover::plugin::types;
use crate::config::{self, Config};
use crate::error::Result;
use crate::output::Output;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::marker::PhantomData;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// While archiving.
    Apply,
    /// While restoring.
    Undo,
}

/// Changes an entry's bytes before they are cut, and changes them back.
///
/// The output may not depend on how the entry lies in pieces: only on its bytes.
/// A filter that cannot change them back says `lossy = true` in [`export!`](crate::export), and
/// gives back in `undo` what it is given.
pub trait Filter: Sized + 'static {
    /// What an operator may configure; [`NoConfig`](crate::NoConfig) where that is nothing.
    type Config: Config + DeserializeOwned;

    /// Makes ready for one entry after another, all in one direction.
    fn open(config: Self::Config, direction: Direction) -> Result<Self>;

    /// Takes the next bytes of the entry, and writes what can be written: at most 16 times as
    /// much, and 1 MiB.
    fn next(&mut self, input: &[u8], output: &mut Output<'_>) -> Result<()>;

    /// Writes the rest of the entry, and makes ready for another one.
    fn finish(&mut self, output: &mut Output<'_>) -> Result<()>;
}

/// What [`export!`](crate::export) exports for a filter.
#[doc(hidden)]
#[derive(Debug)]
pub struct Component<T>(PhantomData<T>);

/// A filter behind the contract's shared reference.
#[doc(hidden)]
#[derive(Debug)]
pub struct Rewriter<T>(RefCell<T>);

impl<T: Filter> contract::Guest for Component<T> {
    type Rewriter = Rewriter<T>;
}

impl<T: Filter> contract::GuestRewriter for Rewriter<T> {
    fn open(
        config: String,
        direction: contract::Direction,
    ) -> Result<contract::Rewriter, types::Error> {
        let direction = match direction {
            contract::Direction::Apply => Direction::Apply,
            contract::Direction::Undo => Direction::Undo,
        };
        let filter = T::open(config::parse(&config)?, direction)?;
        Ok(contract::Rewriter::new(Rewriter(RefCell::new(filter))))
    }

    fn next(&self, input: Vec<u8>, sink: &Sink) -> Result<(), types::Error> {
        let mut write = |bytes: &[u8]| sink.write(bytes);
        Ok(self.0.borrow_mut().next(&input, &mut Output::new(&mut write))?)
    }

    fn finish(&self, sink: &Sink) -> Result<(), types::Error> {
        let mut write = |bytes: &[u8]| sink.write(bytes);
        Ok(self.0.borrow_mut().finish(&mut Output::new(&mut write))?)
    }
}

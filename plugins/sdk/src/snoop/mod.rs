//! The role snoop: looks at plain bytes and says what it found.

mod component;
mod verdict;

#[doc(hidden)]
pub use component::Component;
pub use verdict::{Action, Finding, Verdict};

use crate::config::{self, Config};
use crate::error::{Error, Result};
use crate::state::{StateError, StateReader, StateWriter};
use mover_plugin_shared::window::parts;
use serde::de::DeserializeOwned;

/// Looks at one entry after another, piece by piece, and gives a verdict on each.
///
/// How an entry lies in pieces is not up to the plugin, and may not change the verdict: what lies
/// across a border has to be found too.
pub trait Snoop: Sized + 'static {
    /// What an operator may configure; [`NoConfig`](crate::NoConfig) where that is nothing.
    type Config: Config + DeserializeOwned;

    /// The layout of a saved state; another number refuses states of before.
    const STATE_VERSION: u8 = 1;

    /// Makes ready for the first entry.
    fn open(config: Self::Config) -> Result<Self>;

    /// Looks at the next bytes of the entry; never none.
    fn look(&mut self, bytes: &[u8]);

    /// The entry has ended: gives the verdict on it, and makes ready for another one.
    fn verdict(&mut self) -> Verdict;

    /// Writes what is known of an entry in its middle, at most 1 MiB, so that an interrupted
    /// archive goes on without looking at its beginning again.
    fn save(&self, state: &mut StateWriter);

    /// Takes up, just after [`open`](Self::open), where the snoop stood that wrote `state`. The
    /// state may be damaged: check what it says.
    fn resume(&mut self, state: &mut StateReader<'_>) -> Result<(), StateError>;
}

/// Looks at a window; `ends` are the positions in it at which an entry ends.
pub(crate) fn inspect<T: Snoop>(
    snoop: &mut T,
    window: &[u8],
    ends: &[u32],
) -> Result<Vec<Verdict>> {
    let mut verdicts = Vec::with_capacity(ends.len());
    for part in parts(window, ends).map_err(Error::other)? {
        if !part.bytes.is_empty() {
            snoop.look(part.bytes);
        }
        if part.last {
            verdicts.push(snoop.verdict());
        }
    }
    Ok(verdicts)
}

pub(crate) fn save<T: Snoop>(snoop: &T) -> Vec<u8> {
    let mut state = StateWriter::new(T::STATE_VERSION);
    snoop.save(&mut state);
    state.finish()
}

pub(crate) fn resume<T: Snoop>(config: &str, state: &[u8]) -> Result<T> {
    let mut snoop = T::open(config::parse(config)?)?;
    let resumed = StateReader::new(state, T::STATE_VERSION).and_then(|mut state| {
        snoop.resume(&mut state)?;
        state.finish()
    });
    resumed.map_err(Error::other)?;
    Ok(snoop)
}

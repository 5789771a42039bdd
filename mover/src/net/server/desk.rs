//! One store that a server offers: its one writer, which all sessions share in turns.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::FairMutex;

use crate::error::{Error, ErrorKind, Result};
use crate::store::{ReadStore, Store, StoreConfig, StoreWriter};

/// How long a writer that nobody uses keeps the store to itself.
const LINGER: Duration = Duration::from_secs(1);

/// A store and its writer.
pub(super) struct Desk {
    pub(super) path: PathBuf,
    /// Fair: sessions that append take turns, chunk by chunk.
    state: FairMutex<DeskState>,
}

#[derive(Default)]
struct DeskState {
    writer: Option<StoreWriter>,
    /// Counts the writers: a session that another writer knew has to be begun again.
    generation: u64,
    sessions: usize,
    idle_since: Option<Instant>,
}

impl Desk {
    pub(super) fn new(path: PathBuf) -> Desk {
        Desk { path, state: FairMutex::default() }
    }

    fn config(&self) -> Result<StoreConfig> {
        StoreConfig::open(&self.path)
    }

    /// The store, to be read.
    pub(super) fn store(&self) -> Result<Arc<dyn ReadStore>> {
        let state = self.state.lock();
        if let Some(writer) = &state.writer {
            return Ok(writer.store());
        }
        drop(state);
        Ok(Arc::new(Store::open(&self.config()?)?))
    }

    /// Works with the writer, and says which one it is. After a failure nobody trusts that writer
    /// any more: the next one begins with what is on the medium.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&mut StoreWriter, u64) -> Result<T>,
    ) -> Result<T> {
        let mut state = self.state.lock();
        if state.writer.is_none() {
            state.writer = Some(StoreWriter::open(&self.config()?, "serve")?);
            state.generation += 1;
        }
        let generation = state.generation;
        state.idle_since = Some(Instant::now());
        let writer = state.writer.as_mut().expect("it was just opened");
        let done = work(writer, generation);
        if let Err(error) = &done
            && matches!(error.kind(), ErrorKind::Full | ErrorKind::Io | ErrorKind::Damaged)
        {
            state.writer = None;
        }
        done
    }

    /// One more session, or one less, writes here.
    pub(super) fn count(&self, more: bool) {
        let mut state = self.state.lock();
        state.sessions = match more {
            true => state.sessions + 1,
            false => state.sessions.saturating_sub(1),
        };
        state.idle_since = Some(Instant::now());
    }

    /// Commits where that is due, and gives the store back where nobody writes: with parity of all
    /// that was written. What stands in the way of that is noted. Where a commit fails, the next
    /// writer begins with what is on the medium, from which what was not synced may be gone.
    pub(super) fn tend(&self, notes: &dyn Fn(&str)) -> Result<()> {
        let Some(mut state) = self.state.try_lock() else { return Ok(()) };
        let idle = state.idle_since.is_none_or(|since| since.elapsed() >= LINGER);
        let is_over = state.sessions == 0 && idle;
        let Some(writer) = state.writer.as_mut() else { return Ok(()) };
        let committed = match is_over {
            true => writer.commit().map(|_| self.protect(writer, notes)),
            false => writer.commit_if_due().map(drop),
        };
        if is_over || committed.is_err() {
            state.writer = None;
        }
        committed
    }

    fn protect(&self, writer: &mut StoreWriter, notes: &dyn Fn(&str)) {
        let store = self.path.display();
        match writer.protect(&BTreeSet::new(), &mut |_| Ok(())) {
            Ok(done) => {
                done.troubles.iter().for_each(|it| notes(&format!("parity of {store}: {it}")));
            }
            Err(error) => notes(&format!("no parity for what is new in {store}: {error}")),
        }
    }
}

/// The desks of all stores that were asked for.
#[derive(Default)]
pub(super) struct Desks(parking_lot::Mutex<HashMap<PathBuf, Arc<Desk>>>);

impl Desks {
    pub(super) fn of(&self, path: PathBuf) -> Arc<Desk> {
        let mut desks = self.0.lock();
        Arc::clone(desks.entry(path.clone()).or_insert_with(|| Arc::new(Desk::new(path))))
    }

    pub(super) fn tend(&self, notes: &dyn Fn(&str)) {
        let desks: Vec<Arc<Desk>> = self.0.lock().values().cloned().collect();
        for desk in desks {
            // Whoever lost chunks by it hears of that at the next append, which looks for them.
            if let Err(error) = desk.tend(notes) {
                notes(&format!("store {}: {error}", desk.path.display()));
            }
        }
    }
}

/// A store that has no room: worth waiting for, for a while.
pub(super) fn is_full(error: &Error) -> bool {
    error.kind() == ErrorKind::Full
}

//! A bounded cache of decoded chunks, with readers-ahead.
//!
//! Chunks of a tape are read in the order in which they are wanted, by one reader at a time: what
//! lies behind one another on it is not gone back for. Their decoding goes on beside that.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use format::ChunkId;

use super::decode::{Decoder, Decoding};
use crate::archive::{ChunkProvider, DecodedChunk};
use crate::error::Result;

/// What the cache knows of a chunk.
enum Slot {
    /// A thread is at it.
    Loading,
    /// Here it is, and when it was asked for last.
    Ready(Arc<DecodedChunk>, u64),
}

#[derive(Default)]
struct CacheState {
    slots: HashMap<ChunkId, Slot>,
    clock: u64,
    closed: bool,
    /// What readers-ahead are to load, in the order of need.
    wanted: VecDeque<Wanted>,
    /// Tapes that a reader-ahead reads from.
    streamed: HashSet<u32>,
    /// Readers-ahead there are.
    readers: usize,
}

struct Wanted {
    chunk: ChunkId,
    /// The tape on which it lies.
    tape: Option<u32>,
}

impl CacheState {
    /// Whether a reader-ahead will load a chunk when it gets to it on its tape.
    fn awaits_tape(&self, id: &ChunkId) -> bool {
        let is_it = |wanted: &Wanted| wanted.chunk == *id && wanted.tape.is_some();
        self.readers > 0 && !self.closed && self.wanted.iter().any(is_it)
    }
}

/// A bounded cache of decoded chunks with readers-ahead.
///
/// The order in which chunks are wanted is a hint only: a chunk that is asked for and is neither
/// there nor being loaded is loaded by whoever asks, unless it lies on a tape and a reader-ahead
/// will come to it; so no order can make anybody wait for ever. A failed load is forgotten, and so
/// told to each who asks.
pub struct ChunkCache<'a> {
    decoding: &'a Decoding<'a>,
    capacity: usize,
    state: Mutex<CacheState>,
    changed: Condvar,
    own: Mutex<Decoder<'a>>,
}

impl<'a> ChunkCache<'a> {
    /// Keeps at most `capacity` decoded chunks, besides one in the hands of each reader.
    pub fn new(decoding: &'a Decoding<'a>, capacity: usize) -> ChunkCache<'a> {
        ChunkCache {
            decoding,
            capacity,
            state: Mutex::default(),
            changed: Condvar::new(),
            own: Mutex::new(Decoder::new(decoding)),
        }
    }

    /// Says which chunks will be asked for soon, in this order. Whoever says so keeps the number of
    /// chunks that are wanted and not yet used well below the capacity.
    pub fn want(&self, chunks: &[ChunkId]) {
        let tapes = self.decoding.tapes(chunks);
        let mut state = self.lock();
        let before = state.wanted.len();
        for (chunk, tape) in chunks.iter().zip(tapes) {
            let is_last = state.wanted.back().is_some_and(|last| last.chunk == *chunk);
            if !is_last && !state.slots.contains_key(chunk) {
                state.wanted.push_back(Wanted { chunk: *chunk, tape });
            }
        }
        // A thousand tiny files lie in one chunk: nobody is woken for each.
        if state.wanted.len() > before {
            drop(state);
            self.changed.notify_all();
        }
    }

    /// One more reader-ahead, which others wait for from now on.
    pub fn reader_ahead(&self) -> ReaderAhead<'_, 'a> {
        self.lock().readers += 1;
        ReaderAhead(self)
    }

    /// The first that is wanted of what no other reader stands in the way of.
    fn next(&self) -> Option<Loading<'_, 'a>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let CacheState { slots, wanted, streamed, .. } = &mut *state;
            wanted.retain(|wanted| !slots.contains_key(&wanted.chunk));
            let is_free = |wanted: &Wanted| wanted.tape.is_none_or(|it| !streamed.contains(&it));
            if let Some(first) = wanted.iter().position(is_free) {
                let first = wanted.remove(first).expect("found above");
                slots.insert(first.chunk, Slot::Loading);
                streamed.extend(first.tape);
                drop(state);
                self.changed.notify_all();
                let Wanted { chunk, tape } = first;
                return Some(Loading { cache: self, chunk, tape, is_loaded: false });
            }
            state = self.changed.wait(state).expect("no holder panics");
        }
    }

    /// Ends the readers-ahead when it is dropped, after a panic too.
    pub fn closing(&self) -> Closing<'_, 'a> {
        Closing(self)
    }

    fn lock(&self) -> MutexGuard<'_, CacheState> {
        self.state.lock().expect("no holder panics")
    }

    fn evict(&self, state: &mut CacheState) {
        while state.slots.len() > self.capacity {
            let age = |(id, slot): (&ChunkId, &Slot)| match slot {
                Slot::Loading => None,
                Slot::Ready(_, used) => Some((*used, *id)),
            };
            let Some((_, oldest)) = state.slots.iter().filter_map(age).min() else { return };
            state.slots.remove(&oldest);
        }
    }
}

/// See [`ChunkCache::closing`].
pub struct Closing<'c, 'a>(&'c ChunkCache<'a>);

impl Drop for Closing<'_, '_> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

/// A slot that is marked as loading, until this is dropped: where nothing was loaded, be it for a
/// panic, whoever waits for it loads it anew.
struct Loading<'c, 'a> {
    cache: &'c ChunkCache<'a>,
    chunk: ChunkId,
    /// The tape that is streamed for it.
    tape: Option<u32>,
    is_loaded: bool,
}

impl Loading<'_, '_> {
    fn leave_tape(&mut self) {
        if let Some(tape) = self.tape.take() {
            self.cache.lock().streamed.remove(&tape);
            self.cache.changed.notify_all();
        }
    }

    fn settle(mut self, loaded: Result<DecodedChunk>) -> Result<Arc<DecodedChunk>> {
        let chunk = Arc::new(loaded?);
        let mut state = self.cache.lock();
        state.clock += 1;
        let now = state.clock;
        state.slots.insert(self.chunk, Slot::Ready(Arc::clone(&chunk), now));
        self.cache.evict(&mut state);
        drop(state);
        self.is_loaded = true;
        Ok(chunk)
    }
}

impl Drop for Loading<'_, '_> {
    fn drop(&mut self) {
        self.leave_tape();
        if !self.is_loaded {
            self.cache.lock().slots.remove(&self.chunk);
        }
        self.cache.changed.notify_all();
    }
}

/// Loads what is wanted, on a thread of its own.
pub struct ReaderAhead<'c, 'a>(&'c ChunkCache<'a>);

impl ReaderAhead<'_, '_> {
    /// Works until the cache is closed.
    pub fn run(self) {
        let cache = self.0;
        let mut decoder = Decoder::new(cache.decoding);
        while let Some(mut loading) = cache.next() {
            let chunk = loading.chunk;
            let stored = cache.decoding.read(&chunk);
            loading.leave_tape();
            // Whoever asks for a chunk that failed here tries again and gets the error itself.
            let _ = loading.settle(stored.and_then(|stored| decoder.decode(&chunk, &stored)));
        }
    }
}

impl Drop for ReaderAhead<'_, '_> {
    /// Nobody waits for one that is gone.
    fn drop(&mut self) {
        self.0.lock().readers -= 1;
        self.0.changed.notify_all();
    }
}

impl ChunkProvider for ChunkCache<'_> {
    fn chunk(&self, id: &ChunkId) -> Result<Arc<DecodedChunk>> {
        let mut state = self.lock();
        loop {
            state.clock += 1;
            let now = state.clock;
            let is_coming = match state.slots.get_mut(id) {
                Some(Slot::Ready(chunk, used)) => {
                    *used = now;
                    return Ok(Arc::clone(chunk));
                }
                Some(Slot::Loading) => true,
                None => state.awaits_tape(id),
            };
            if !is_coming {
                break;
            }
            state = self.changed.wait(state).expect("no holder panics");
        }
        state.slots.insert(*id, Slot::Loading);
        state.wanted.retain(|wanted| wanted.chunk != *id);
        drop(state);
        self.changed.notify_all();
        let loading = Loading { cache: self, chunk: *id, tape: None, is_loaded: false };
        let loaded = self.own.lock().expect("no holder panics").chunk(id);
        loading.settle(loaded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::{SystemClock, SystemRandom};
    use crate::error::ErrorKind;
    use crate::key::{Keyring, unencrypted_group};
    use crate::plugin::{Engine, Limits};
    use crate::store::{Store, StoreConfig};

    /// Waits for ever where it fails: whoever asks for a chunk waits for who loads it.
    #[test]
    fn what_a_panic_leaves_half_loaded_is_loaded_by_who_needs_it() {
        let folder = tempfile::tempdir().unwrap();
        let config = StoreConfig::new(folder.path().join("store"));
        let group = unencrypted_group(&SystemRandom, &SystemClock::start());
        Store::create(&config, &group).unwrap();
        let store = Store::open(&config).unwrap();
        let engine = Engine::new(None, Limits::default(), Arc::new(|_, _, _| {})).unwrap();
        let keyring = Keyring::empty();
        let decoding = Decoding::new(&store, &engine, &keyring);
        let cache = ChunkCache::new(&decoding, 4);
        let id = ChunkId::default();
        cache.want(&[id]);
        let reading = || {
            let _reader = cache.reader_ahead();
            let _loading = cache.next().expect("one is wanted");
            panic!("in the middle of it");
        };
        std::thread::scope(|scope| assert!(scope.spawn(reading).join().is_err()));
        assert_eq!(cache.chunk(&id).unwrap_err().kind(), ErrorKind::Missing);
        // And who closes it by a panic ends the readers.
        let closing = || {
            let _closing = cache.closing();
            panic!("while others read ahead");
        };
        std::thread::scope(|scope| {
            let reader = cache.reader_ahead();
            let reading = scope.spawn(|| reader.run());
            assert!(scope.spawn(closing).join().is_err());
            assert!(reading.join().is_ok());
        });
    }
}

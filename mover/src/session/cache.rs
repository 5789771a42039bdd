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

    /// The first that is wanted of what no other reader stands in the way of, marked as loading.
    fn next(&self) -> Option<Wanted> {
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
                return Some(first);
            }
            state = self.changed.wait(state).expect("no holder panics");
        }
    }

    /// Ends the readers-ahead.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, CacheState> {
        self.state.lock().expect("no holder panics")
    }

    fn settle(&self, id: ChunkId, loaded: Result<DecodedChunk>) -> Result<Arc<DecodedChunk>> {
        let mut state = self.lock();
        let result = match loaded {
            Ok(chunk) => {
                let chunk = Arc::new(chunk);
                state.clock += 1;
                let now = state.clock;
                state.slots.insert(id, Slot::Ready(Arc::clone(&chunk), now));
                self.evict(&mut state);
                Ok(chunk)
            }
            Err(error) => {
                state.slots.remove(&id);
                Err(error)
            }
        };
        drop(state);
        self.changed.notify_all();
        result
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

/// Loads what is wanted, on a thread of its own.
pub struct ReaderAhead<'c, 'a>(&'c ChunkCache<'a>);

impl ReaderAhead<'_, '_> {
    /// Works until the cache is closed.
    pub fn run(self) {
        let cache = self.0;
        let mut decoder = Decoder::new(cache.decoding);
        while let Some(Wanted { chunk, tape }) = cache.next() {
            let stored = cache.decoding.read(&chunk);
            if let Some(tape) = tape {
                cache.lock().streamed.remove(&tape);
                cache.changed.notify_all();
            }
            // Whoever asks for a chunk that failed here tries again and gets the error itself.
            let _ = cache.settle(chunk, stored.and_then(|stored| decoder.decode(&chunk, &stored)));
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
        let loaded = self.own.lock().expect("no holder panics").chunk(id);
        self.settle(*id, loaded)
    }
}

//! Decoded chunks for whoever reads an archive: by address, through a cache, and ahead of need.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use format::{ChunkId, ChunkKind, ComponentEntry, Context, Digest, Role, SessionHeader, SessionId};

use super::stages::open_transform;
use crate::ambient::{Random, SystemRandom};
use crate::archive::{Chain, ChainStage, ChunkProvider, DecodeVerify, DecodedChunk};
use crate::error::{Error, ErrorKind, Result};
use crate::key::{EpochKey, Keyring};
use crate::plugin::{Engine, Plugin};
use crate::store::ReadStore;

/// What all readers of one session share: components loaded once, epochs opened once.
pub struct Decoding<'a> {
    store: &'a dyn ReadStore,
    engine: &'a Engine,
    keyring: &'a Keyring,
    sessions: Mutex<HashMap<SessionId, Arc<SessionHeader>>>,
    plugins: Mutex<HashMap<Digest, Arc<Plugin>>>,
    epochs: Mutex<HashMap<(SessionId, u32), Option<EpochKey>>>,
    chunks_read: AtomicU64,
    stored_bytes_read: AtomicU64,
}

impl<'a> Decoding<'a> {
    /// Reads from `store`, with the keys that the operator could open.
    pub fn new(store: &'a dyn ReadStore, engine: &'a Engine, keyring: &'a Keyring) -> Decoding<'a> {
        Decoding {
            store,
            engine,
            keyring,
            sessions: Mutex::default(),
            plugins: Mutex::default(),
            epochs: Mutex::default(),
            chunks_read: AtomicU64::new(0),
            stored_bytes_read: AtomicU64::new(0),
        }
    }

    /// Chunks that were read so far, and their bytes on volumes.
    pub fn counts(&self) -> (u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (read(&self.chunks_read), read(&self.stored_bytes_read))
    }

    /// Connections to the store that had to be made anew.
    pub fn retries(&self) -> u64 {
        self.store.retries()
    }

    /// Passes over tapes, by the names of their cartridges.
    pub(super) fn tape_passes(&self) -> Result<Vec<(String, u64)>> {
        let passes = self.store.passes();
        if passes.is_empty() {
            return Ok(Vec::new());
        }
        let volumes = self.store.volumes()?;
        let label = |number: u32| {
            let record = volumes.iter().find(|record| record.number == number);
            record.map_or_else(|| number.to_string(), |record| record.label.clone())
        };
        Ok(passes.into_iter().map(|(number, passes)| (label(number), passes)).collect())
    }

    fn session(&self, session: SessionId) -> Result<Arc<SessionHeader>> {
        let mut sessions = self.sessions.lock().expect("no holder panics");
        if let Some(header) = sessions.get(&session) {
            return Ok(Arc::clone(header));
        }
        let header = Arc::new(self.store.session(&session)?);
        sessions.insert(session, Arc::clone(&header));
        Ok(header)
    }

    /// The component of a digest: built in, the operator's, or the one that the store carries.
    pub(super) fn carried(&self, digest: &Digest) -> Result<Arc<Plugin>> {
        let mut plugins = self.plugins.lock().expect("no holder panics");
        if let Some(plugin) = plugins.get(digest) {
            return Ok(Arc::clone(plugin));
        }
        let plugin = self.engine.load_carried(digest, || self.store.component(digest))?;
        plugins.insert(*digest, Arc::clone(&plugin));
        Ok(plugin)
    }

    fn epoch_key(&self, header: &SessionHeader, number: u32) -> Result<Option<EpochKey>> {
        let mut epochs = self.epochs.lock().expect("no holder panics");
        if let Some(key) = epochs.get(&(header.session, number)) {
            return Ok(key.clone());
        }
        let epoch = header.epochs.iter().find(|epoch| epoch.number == number).ok_or_else(|| {
            let message = format!("session {} opens no key epoch {number}", header.session);
            Error::new(ErrorKind::Damaged, message)
        })?;
        let key = self.keyring.epoch_key(epoch)?;
        epochs.insert((header.session, number), key.clone());
        Ok(key)
    }

    fn chain(&self, session: SessionId, context: &Context) -> Result<Chain> {
        // None is known yet, and a mandatory one must not be passed over.
        context.options.require_known(&[]).map_err(|cause| {
            let message = format!("a context of session {session}");
            Error::new(ErrorKind::Unsupported, message).because(cause)
        })?;
        let header = self.session(session)?;
        let key = self.epoch_key(&header, context.epoch)?;
        let mut stages = Vec::with_capacity(context.chain.len());
        for (position, place) in context.chain.iter().enumerate() {
            let entry = header.components.get(usize::from(*place)).ok_or_else(|| {
                let message = format!("session {session} has no component {place} in its table");
                Error::new(ErrorKind::Damaged, message)
            })?;
            check_entry(entry)?;
            let plugin = self.carried(&entry.digest)?;
            let epoch = context.epoch;
            stages.push(ChainStage {
                transform: open_transform(&plugin, entry, session, epoch, position, key.as_ref())?,
                title: format!("{} {}", entry.name, entry.version),
                keyed: entry.keyed,
                built_in: true,
                digests: (entry.digest, entry.config_digest),
            });
        }
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        Ok(Chain::new(context.epoch, stages, random, DecodeVerify::Never))
    }
}

/// A stage's entry in the table stands in the clear: it must at least agree with itself.
fn check_entry(entry: &ComponentEntry) -> Result<()> {
    let config_digest = Digest(*blake3::hash(entry.config.as_bytes()).as_bytes());
    if entry.role == Role::Transform && entry.config_digest == config_digest {
        return Ok(());
    }
    let message = format!("the component table's entry of {} was changed", entry.name);
    Err(Error::new(ErrorKind::Damaged, message))
}

/// Chains that one thread keeps ready; more sessions than this take turns.
const CHAIN_COUNT_MAX: usize = 8;

/// Session, epoch and places of a chain.
type ChainKey = (SessionId, u32, Vec<u16>);

/// Reads and decodes chunks, on one thread, with instances of its own.
pub struct Decoder<'a> {
    decoding: &'a Decoding<'a>,
    chains: VecDeque<(ChainKey, Chain)>,
}

impl<'a> Decoder<'a> {
    /// A decoder without instances yet.
    pub fn new(decoding: &'a Decoding<'a>) -> Decoder<'a> {
        Decoder { decoding, chains: VecDeque::new() }
    }

    /// Reads, checks and decodes a chunk.
    pub fn chunk(&mut self, id: &ChunkId) -> Result<DecodedChunk> {
        let stored = self.decoding.store.read_chunk(id)?;
        self.decoding.chunks_read.fetch_add(1, Ordering::Relaxed);
        self.decoding.stored_bytes_read.fetch_add(stored.payload.len() as u64, Ordering::Relaxed);
        let mut plain = Vec::new();
        let chain = self.chain(stored.header.session, &stored.context)?;
        chain.decode(&stored.header, &stored.payload, &mut plain)?;
        match stored.header.kind {
            ChunkKind::Data => DecodedChunk::of_blocks(*id, plain),
            ChunkKind::IndexPage | ChunkKind::IndexRoot => Ok(DecodedChunk::of_index(*id, plain)),
        }
    }

    fn chain(&mut self, session: SessionId, context: &Context) -> Result<&mut Chain> {
        let is_it =
            |key: &ChainKey| key.0 == session && key.1 == context.epoch && key.2 == context.chain;
        match self.chains.iter().position(|(key, _)| is_it(key)) {
            Some(at) => {
                let found = self.chains.remove(at).expect("found above");
                self.chains.push_front(found);
            }
            None => {
                let chain = self.decoding.chain(session, context)?;
                self.chains.truncate(CHAIN_COUNT_MAX - 1);
                self.chains.push_front(((session, context.epoch, context.chain.clone()), chain));
            }
        }
        Ok(&mut self.chains.front_mut().expect("put there above").1)
    }
}

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
    wanted: VecDeque<ChunkId>,
}

/// A bounded cache of decoded chunks with readers-ahead.
///
/// The order in which chunks are wanted is a hint only: a chunk that is asked for and is neither
/// there nor being loaded is loaded by whoever asks, so that no order can make anybody wait for
/// ever. A failed load is forgotten, and so told to each who asks.
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

    /// Says that a chunk will be asked for soon. Whoever says so keeps the number of chunks that
    /// are wanted and not yet used well below the capacity.
    pub fn want(&self, chunk: ChunkId) {
        let mut state = self.state.lock().expect("no holder panics");
        if !state.slots.contains_key(&chunk) && state.wanted.back() != Some(&chunk) {
            state.wanted.push_back(chunk);
            self.changed.notify_all();
        }
    }

    /// Loads what is wanted until the cache is closed: the work of a reader-ahead.
    pub fn read_ahead(&self) {
        let mut decoder = Decoder::new(self.decoding);
        loop {
            let mut state = self.state.lock().expect("no holder panics");
            let chunk = loop {
                if state.closed {
                    return;
                }
                match state.wanted.pop_front() {
                    Some(chunk) if state.slots.contains_key(&chunk) => {}
                    Some(chunk) => break chunk,
                    None => state = self.changed.wait(state).expect("no holder panics"),
                }
            };
            state.slots.insert(chunk, Slot::Loading);
            drop(state);
            self.changed.notify_all();
            // Whoever asks for a chunk that failed here tries again and gets the error itself.
            let _ = self.settle(chunk, decoder.chunk(&chunk));
        }
    }

    /// Ends the readers-ahead.
    pub fn close(&self) {
        self.state.lock().expect("no holder panics").closed = true;
        self.changed.notify_all();
    }

    fn settle(&self, id: ChunkId, loaded: Result<DecodedChunk>) -> Result<Arc<DecodedChunk>> {
        let mut state = self.state.lock().expect("no holder panics");
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

impl ChunkProvider for ChunkCache<'_> {
    fn chunk(&self, id: &ChunkId) -> Result<Arc<DecodedChunk>> {
        let mut state = self.state.lock().expect("no holder panics");
        loop {
            state.clock += 1;
            let now = state.clock;
            match state.slots.get_mut(id) {
                Some(Slot::Ready(chunk, used)) => {
                    *used = now;
                    return Ok(Arc::clone(chunk));
                }
                Some(Slot::Loading) => {
                    state = self.changed.wait(state).expect("no holder panics");
                }
                None => break,
            }
        }
        state.slots.insert(*id, Slot::Loading);
        state.wanted.retain(|wanted| wanted != id);
        drop(state);
        self.changed.notify_all();
        let loaded = self.own.lock().expect("no holder panics").chunk(id);
        self.settle(*id, loaded)
    }
}

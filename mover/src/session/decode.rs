//! Decoded chunks by address: the components and keys of their sessions, opened once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use format::{ChunkId, ChunkKind, ComponentEntry, Context, Digest, Role, SessionHeader, SessionId};

use super::stages::open_transform;
use crate::ambient::{Random, SystemRandom};
use crate::archive::{Chain, ChainStage, DecodeVerify, DecodedChunk};
use crate::buffer::BufferPool;
use crate::error::{Error, ErrorKind, Result};
use crate::key::{EpochKey, Keyring};
use crate::plugin::{Engine, Plugin};
use crate::store::{ChunkPlace, MediumKind, ReadStore, StoredChunk};

/// What all readers of one session share: components loaded once, epochs opened once.
pub struct Decoding<'a> {
    store: &'a dyn ReadStore,
    engine: &'a Engine,
    keyring: &'a Keyring,
    sessions: Mutex<HashMap<SessionId, Arc<SessionHeader>>>,
    plugins: Mutex<HashMap<Digest, Arc<Plugin>>>,
    epochs: Mutex<HashMap<(SessionId, u32), Option<EpochKey>>>,
    /// The volumes that are tapes.
    tapes: OnceLock<HashSet<u32>>,
    /// What chunks are decoded into. Whoever keeps them bounds how many there are.
    buffers: BufferPool,
    /// Why the store is given up.
    away: OnceLock<String>,
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
            tapes: OnceLock::new(),
            buffers: BufferPool::unbounded(),
            away: OnceLock::new(),
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

    /// Asks the store; but once nobody could be reached there, no more: each question would wait
    /// as long as the first.
    pub(super) fn ask<T>(&self, question: impl FnOnce(&dyn ReadStore) -> Result<T>) -> Result<T> {
        if let Some(why) = self.away() {
            return Err(Error::new(ErrorKind::Io, why));
        }
        question(self.store).inspect_err(|error| {
            if self.store.is_away(error) {
                self.away.get_or_init(|| error.to_string());
            }
        })
    }

    /// Why the store is not asked any more, if it could not be reached.
    pub(super) fn away(&self) -> Option<&str> {
        self.away.get().map(String::as_str)
    }

    /// The end of what needs the store, if that could not be reached; `again` says how it goes on.
    pub(super) fn given_up(&self, again: &str) -> Option<Error> {
        let way_out = format!("when the other mover can be reached, {again}");
        self.away().map(|why| Error::new(ErrorKind::Io, why).way_out(way_out))
    }

    /// An error where the store cannot be reached any more: nothing is to be said of what is left.
    pub(super) fn reached(&self) -> Result<()> {
        self.given_up("run the same command again").map_or(Ok(()), Err)
    }

    /// Reads a chunk as it is stored.
    pub(super) fn read(&self, id: &ChunkId) -> Result<StoredChunk> {
        let stored = self.ask(|store| store.read_chunk(id))?;
        self.chunks_read.fetch_add(1, Ordering::Relaxed);
        self.stored_bytes_read.fetch_add(stored.payload.len() as u64, Ordering::Relaxed);
        Ok(stored)
    }

    /// The tape on which each chunk lies, of those that lie on one. A store that cannot say so now
    /// has no tapes as far as the order of reading goes.
    pub(super) fn tapes(&self, chunks: &[ChunkId]) -> Vec<Option<u32>> {
        let tapes = self.tapes.get_or_init(|| {
            let volumes = self.ask(|store| store.volumes()).unwrap_or_default();
            let tapes = volumes.iter().filter(|volume| volume.kind == MediumKind::Tape);
            tapes.map(|volume| volume.number).collect()
        });
        if tapes.is_empty() {
            return vec![None; chunks.len()];
        }
        let places = self.ask(|store| store.chunk_places(chunks)).unwrap_or_default();
        let volume = |place: Option<ChunkPlace>| place.map(|place| place.volume);
        let mut volumes: Vec<_> = places.into_iter().map(volume).collect();
        volumes.resize(chunks.len(), None);
        volumes.into_iter().map(|volume| volume.filter(|it| tapes.contains(it))).collect()
    }

    fn session(&self, session: SessionId) -> Result<Arc<SessionHeader>> {
        let mut sessions = self.sessions.lock().expect("no holder panics");
        if let Some(header) = sessions.get(&session) {
            return Ok(Arc::clone(header));
        }
        let header = Arc::new(self.ask(|store| store.session(&session))?);
        sessions.insert(session, Arc::clone(&header));
        Ok(header)
    }

    /// The component of a digest: built in, the operator's, or the one that the store carries.
    pub(super) fn carried(&self, digest: &Digest) -> Result<Arc<Plugin>> {
        let mut plugins = self.plugins.lock().expect("no holder panics");
        if let Some(plugin) = plugins.get(digest) {
            return Ok(Arc::clone(plugin));
        }
        let plugin =
            self.engine.load_carried(digest, || self.ask(|store| store.component(digest)))?;
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
        let stored = self.decoding.read(id)?;
        self.decode(id, &stored)
    }

    /// Checks and decodes what was read.
    pub(super) fn decode(&mut self, id: &ChunkId, stored: &StoredChunk) -> Result<DecodedChunk> {
        let length = stored.header.plain_length as usize;
        let mut plain = self.decoding.buffers.acquire_for(length).expect("nobody closes it");
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

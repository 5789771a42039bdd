//! A store with another mover, read from here: questions over a few connections, asked again over
//! new ones where they are lost.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use format::{
    ArchiveId, BlockIdentity, ChunkFooter, ChunkId, ChunkRange, Digest, Frame, FrameKind, KeyGroup,
    SessionHeader, SessionId, StoreId, Timestamp,
};

use super::address::Address;
use super::identity::{Fingerprint, Identity};
use super::link::Link;
use super::retry::{Backoff, is_lost};
use super::wire::{Reply, Request, Rights, Steering, chunk_id, chunk_key, error_of};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Cancel;
use crate::store::{
    ArchiveRecord, BlockPlace, ChunkPlace, Fault, ReadStore, SessionRecord, StoredChunk,
    VolumeRecord,
};

/// Idle connections that are kept for the next question.
const IDLE_MAX: usize = 8;
/// Chunks, ranges of them or blocks that one question asks for, at most: question and answer fit into messages.
pub(super) const ASKED_MAX: usize = 8192;

/// How a remote store is reached.
#[derive(Clone)]
pub struct RemoteConfig {
    /// Where it is.
    pub address: Address,
    /// How a connection is made.
    pub dial: Arc<dyn Dial>,
    /// How long a lost connection is tried anew.
    pub retry_for: Duration,
    /// Connections that carry chunks, at most.
    pub channels: u16,
    /// Hears why something takes long.
    pub notes: Arc<dyn Fn(&str) + Send + Sync>,
    /// Ends the trying.
    pub cancel: Cancel,
}

impl RemoteConfig {
    pub(super) fn backoff(&self) -> Backoff {
        Backoff::new(self.retry_for, Arc::clone(&self.notes), self.cancel.clone())
    }
}

/// Makes connections to a server.
pub trait Dial: Send + Sync {
    /// A new one.
    fn dial(&self) -> Result<Link>;
}

/// Connects to an address at which a fingerprint is trusted.
pub struct Direct {
    /// `host:port`.
    pub host: String,
    /// Who asks.
    pub identity: Arc<Identity>,
    /// Who has to answer.
    pub pinned: Fingerprint,
}

impl Dial for Direct {
    fn dial(&self) -> Result<Link> {
        Link::connect(&self.host, &self.identity, self.pinned)
    }
}

/// A store with another mover.
pub struct RemoteStore {
    pub(super) config: RemoteConfig,
    id: StoreId,
    rights: Rights,
    idle: Mutex<Vec<(Link, Instant)>>,
    pub(super) retries: AtomicU64,
}

impl std::fmt::Debug for RemoteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RemoteStore({})", self.config.address)
    }
}

/// Dials a server and names the store; the answer says what this machine may do there.
pub(super) fn open(config: &RemoteConfig) -> Result<(Link, StoreId, Rights)> {
    let mut link = config.dial.dial()?;
    let open = Request::Open { store: config.address.name.clone() };
    match exchange(&mut link, &open, &[], &config.notes)? {
        (Reply::Opened { id, rights }, _) => Ok((link, StoreId(id), rights)),
        (reply, _) => Err(unexpected(&link, &reply)),
    }
}

/// Asks one question over one connection, and waits for its answer.
pub(super) fn exchange(
    link: &mut Link,
    request: &Request,
    payload: &[&[u8]],
    notes: &Arc<dyn Fn(&str) + Send + Sync>,
) -> Result<(Reply, Vec<u8>)> {
    link.send(request, payload)?;
    let mut told = None;
    loop {
        let Some(lengths) = link.lengths()? else {
            let message = format!("{} ended the connection", link.name());
            return Err(Error::new(ErrorKind::Io, message));
        };
        let reply: Reply = link.message(lengths)?;
        let bytes = link.payload(lengths)?;
        match reply {
            Reply::Working { why } => {
                if why != told {
                    if let Some(why) = &why {
                        notes(&format!("{}: {why}", link.name()));
                    }
                    told = why;
                }
            }
            Reply::Failed { kind, message, way_out } => {
                return Err(super::retry::answered(error_of(kind, message, way_out), kind));
            }
            reply => return Ok((reply, bytes)),
        }
    }
}

pub(super) fn unexpected(link: &Link, reply: &Reply) -> Error {
    let mut text = format!("{reply:?}");
    text.truncate(text.char_indices().nth(60).map_or(text.len(), |(at, _)| at));
    let message = format!("{} gave an answer that fits no question: {text}", link.name());
    Error::new(ErrorKind::Refused, message)
}

impl RemoteStore {
    /// Opens a store with another mover.
    pub fn open(config: RemoteConfig) -> Result<RemoteStore> {
        let mut backoff = config.backoff();
        let (link, id, rights) = loop {
            match open(&config) {
                Ok(opened) => break opened,
                Err(error) if is_lost(&error) => backoff.wait(error)?,
                Err(error) => return Err(error),
            }
        };
        let idle = Mutex::new(vec![(link, Instant::now())]);
        Ok(RemoteStore { config, id, rights, idle, retries: AtomicU64::new(0) })
    }

    /// Makes a store with another mover.
    pub fn create(config: &RemoteConfig, group: &KeyGroup) -> Result<StoreId> {
        let address = &config.address;
        let mut link = config.dial.dial()?;
        let open = Request::Open { store: address.name.clone() };
        match exchange(&mut link, &open, &[], &config.notes) {
            Ok(_) => {
                let message = format!("there is a store at {address} already");
                return Err(Error::new(ErrorKind::Exists, message)
                    .way_out("use it, or name another one in the server's policy file"));
            }
            Err(error) if error.kind() == ErrorKind::Missing => {}
            Err(error) => return Err(error),
        }
        let frame = group_frame(group);
        match exchange(&mut link, &Request::Init, &[&frame], &config.notes)? {
            (Reply::Opened { id, .. }, _) => Ok(StoreId(id)),
            (reply, _) => Err(unexpected(&link, &reply)),
        }
    }

    /// What this machine may do there.
    pub fn rights(&self) -> Rights {
        self.rights
    }

    /// Asks, over whatever connection is free or can be made.
    pub(super) fn ask(&self, request: &Request, payload: &[&[u8]]) -> Result<(Reply, Vec<u8>)> {
        let mut backoff = self.config.backoff();
        loop {
            let link = match self.idle_link() {
                Some(link) => Ok(link),
                None => open(&self.config).and_then(|(link, id, _)| self.same(id).map(|()| link)),
            };
            let asked = link.and_then(|mut link| {
                let answer = exchange(&mut link, request, payload, &self.config.notes);
                if answer.is_ok() || answer.as_ref().is_err_and(|error| !is_lost(error)) {
                    self.put_back(link);
                }
                answer
            });
            match asked {
                Err(error) if is_lost(&error) => {
                    self.retries.fetch_add(1, Ordering::Relaxed);
                    backoff.wait(error)?;
                }
                asked => return asked,
            }
        }
    }

    /// A store that was replaced under its name is another one.
    pub(super) fn same(&self, id: StoreId) -> Result<()> {
        match id == self.id {
            true => Ok(()),
            false => {
                let message = format!("{} is another store now", self.config.address);
                Err(Error::new(ErrorKind::Refused, message).way_out("run the command again"))
            }
        }
    }

    fn idle_link(&self) -> Option<Link> {
        let mut idle = self.idle.lock().expect("no holder panics");
        // The other end gives up a silent connection: one that is older is not worth trying.
        let fresh = super::link::silence_max() / 2;
        idle.retain(|(_, since)| since.elapsed() < fresh);
        idle.pop().map(|(link, _)| link)
    }

    fn put_back(&self, link: Link) {
        let mut idle = self.idle.lock().expect("no holder panics");
        if idle.len() < IDLE_MAX {
            idle.push((link, Instant::now()));
        }
    }

    fn wrong(&self, reply: &Reply) -> Error {
        let mut text = format!("{reply:?}");
        text.truncate(text.char_indices().nth(60).map_or(text.len(), |(at, _)| at));
        let message = format!("{} gave a wrong answer: {text}", self.config.address);
        Error::new(ErrorKind::Refused, message)
    }

    fn garbled(&self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        let message = format!("what {} sent cannot be read", self.config.address);
        Error::new(ErrorKind::Damaged, message).because(cause)
    }

    /// The frames of an answer, one behind the other.
    fn frames<T>(
        &self,
        mut bytes: &[u8],
        kind: FrameKind,
        decode: impl Fn(&Frame<'_>) -> format::Result<T>,
    ) -> Result<Vec<T>> {
        let mut decoded = Vec::new();
        while !bytes.is_empty() {
            let (frame, rest) = Frame::decode(bytes).map_err(|cause| self.garbled(cause))?;
            if frame.prefix.kind != kind {
                return Err(self.wrong(&Reply::Bytes));
            }
            decoded.push(decode(&frame).map_err(|cause| self.garbled(cause))?);
            bytes = rest;
        }
        Ok(decoded)
    }

    fn one<T>(
        &self,
        request: &Request,
        kind: FrameKind,
        decode: impl Fn(&Frame<'_>) -> format::Result<T>,
    ) -> Result<T> {
        match self.ask(request, &[])? {
            (Reply::Bytes, bytes) => {
                let found = self.frames(&bytes, kind, decode)?.pop();
                found.ok_or_else(|| self.wrong(&Reply::Bytes))
            }
            (reply, _) => Err(self.wrong(&reply)),
        }
    }

    /// What runs on the server, as far as this machine may know.
    pub fn sessions_running(&self) -> Result<Vec<serde_json::Value>> {
        let (Reply::Status { json }, _) = self.ask(&Request::Status, &[])? else {
            return Err(self.wrong(&Reply::Done));
        };
        let status: serde_json::Value =
            serde_json::from_str(&json).map_err(|cause| self.wrong(&Reply::Done).because(cause))?;
        Ok(status["sessions"].as_array().cloned().unwrap_or_default())
    }

    /// Has the session whose id begins with `id` wait, go on, or stop.
    pub fn steer(&self, id: &str, steering: Steering) -> Result<()> {
        let ids = self.sessions_running()?.into_iter();
        let ids = ids.filter_map(|session| session["session"].as_str().map(str::to_owned));
        let found: Vec<String> = ids.filter(|known| known.starts_with(id)).collect();
        let [session] = &found[..] else {
            let message = format!("{} sessions there begin with {id}", found.len());
            return Err(Error::new(ErrorKind::Missing, message)
                .way_out("see which there are: mover status mover://HOST:PORT/STORE"));
        };
        let bytes = hex::decode(session).ok().and_then(|bytes| bytes.try_into().ok());
        let session = bytes.ok_or_else(|| self.wrong(&Reply::Done))?;
        self.ask(&Request::Steer { session, kind: steering }, &[]).map(drop)
    }

    pub(super) fn drop_archive(&self, archive: &ArchiveId, now: Timestamp) -> Result<()> {
        let Timestamp { seconds, nanoseconds } = now;
        let request = Request::Drop { archive: archive.0, seconds, nanoseconds };
        self.ask(&request, &[]).map(drop)
    }

    pub(super) fn put_group(&self, group: &KeyGroup) -> Result<()> {
        self.ask(&Request::PutGroup, &[&group_frame(group)]).map(drop)
    }
}

fn group_frame(group: &KeyGroup) -> Vec<u8> {
    let (mut body, mut frame) = (Vec::new(), Vec::new());
    group.encode(&mut body);
    Frame::encode(FrameKind::KeyGroup, &body, &[], &mut frame);
    frame
}

impl ReadStore for RemoteStore {
    fn id(&self) -> StoreId {
        self.id
    }

    fn name(&self) -> String {
        self.config.address.to_string()
    }

    fn is_readable(&self) -> bool {
        self.rights.read
    }

    fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    fn is_away(&self, error: &Error) -> bool {
        is_lost(error)
    }

    fn groups(&self) -> Result<Vec<KeyGroup>> {
        match self.ask(&Request::Groups, &[])? {
            (Reply::Bytes, bytes) => {
                self.frames(&bytes, FrameKind::KeyGroup, |frame| KeyGroup::decode(frame.body))
            }
            (reply, _) => Err(self.wrong(&reply)),
        }
    }

    fn archives(&self) -> Result<Vec<ArchiveRecord>> {
        let mut records = Vec::new();
        loop {
            match self.ask(&Request::Archives { after: records.len() as u64 }, &[])? {
                (Reply::Archives { archives, more }, bytes) => {
                    if more && archives.is_empty() {
                        return Err(self.wrong(&Reply::Archives { archives, more }));
                    }
                    let mut lists = &bytes[..];
                    for archive in archives {
                        records.push(archive.record(&mut lists)?);
                    }
                    if !more {
                        return Ok(records);
                    }
                }
                (reply, _) => return Err(self.wrong(&reply)),
            }
        }
    }

    fn session(&self, session: &SessionId) -> Result<SessionHeader> {
        let request = Request::Session { session: session.0 };
        let header = self
            .one(&request, FrameKind::SessionHeader, |frame| SessionHeader::decode(frame.body))?;
        match header.session == *session {
            true => Ok(header),
            false => Err(self.wrong(&Reply::Bytes)),
        }
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>> {
        let mut records = Vec::new();
        loop {
            match self.ask(&Request::Sessions { after: records.len() as u64 }, &[])? {
                (Reply::Sessions { sessions, more }, _) => {
                    if more && sessions.is_empty() {
                        return Err(self.wrong(&Reply::Sessions { sessions, more }));
                    }
                    for session in sessions {
                        records.push(session.record()?);
                    }
                    if !more {
                        return Ok(records);
                    }
                }
                (reply, _) => return Err(self.wrong(&reply)),
            }
        }
    }

    fn component(&self, digest: &Digest) -> Result<Vec<u8>> {
        let (reply, bytes) = self.ask(&Request::Component { digest: digest.0 }, &[])?;
        // Whoever loads it trusts its digest and nothing else.
        match blake3::hash(&bytes).as_bytes() == &digest.0 {
            true => Ok(bytes),
            false => Err(self.wrong(&reply)),
        }
    }

    fn chunk_places(&self, chunks: &[ChunkId]) -> Result<Vec<Option<ChunkPlace>>> {
        let mut all = Vec::with_capacity(chunks.len());
        for chunks in chunks.chunks(ASKED_MAX) {
            let request = Request::ChunkPlaces { chunks: chunks.iter().map(chunk_key).collect() };
            match self.ask(&request, &[])? {
                (Reply::Places { places }, _) if places.len() == chunks.len() => {
                    all.extend(places.into_iter().map(|place| place.map(|place| place.place())));
                }
                (reply, _) => return Err(self.wrong(&reply)),
            }
        }
        Ok(all)
    }

    fn read_chunk(&self, chunk: &ChunkId) -> Result<StoredChunk> {
        let request = Request::ReadChunk { chunk: chunk_key(chunk) };
        let (reply, bytes) = self.ask(&request, &[])?;
        let Reply::Chunk { place } = reply else { return Err(self.wrong(&reply)) };
        let stored = StoredChunk::from_frame(&bytes, |_| place.place());
        let stored = stored.map_err(|cause| self.garbled(cause))?;
        match stored.header.chunk == *chunk {
            true => Ok(stored),
            false => Err(self.wrong(&Reply::Chunk { place })),
        }
    }

    fn verify_chunk(&self, chunk: &ChunkId) -> Result<ChunkFooter> {
        let request = Request::VerifyChunk { chunk: chunk_key(chunk) };
        self.one(&request, FrameKind::ChunkFooter, |frame| {
            ChunkFooter::decode(frame.body, frame.payload)
        })
    }

    fn lookup_blocks(
        &self,
        identities: &[BlockIdentity],
        pools: &[String],
    ) -> Result<Vec<Option<BlockPlace>>> {
        let mut all = Vec::with_capacity(identities.len());
        for identities in identities.chunks(ASKED_MAX) {
            let request = Request::LookupBlocks {
                identities: identities.iter().map(|id| id.0).collect(),
                pools: pools.to_vec(),
            };
            match self.ask(&request, &[])? {
                (Reply::Blocks { blocks }, _) if blocks.len() == identities.len() => {
                    let place = |(chunk, ordinal, length)| {
                        let chunk = chunk_id(&chunk);
                        BlockPlace { chunk, ordinal, length }
                    };
                    all.extend(blocks.into_iter().map(|block| block.map(place)));
                }
                (reply, _) => return Err(self.wrong(&reply)),
            }
        }
        Ok(all)
    }

    fn pools_of(&self, ranges: &[ChunkRange]) -> Result<BTreeSet<String>> {
        let mut all = BTreeSet::new();
        for ranges in ranges.chunks(ASKED_MAX) {
            let key = |range: &ChunkRange| {
                let ChunkRange { archive, stream, first, count } = range;
                ((archive.0, stream.0, *first), *count)
            };
            let request = Request::PoolsOf { ranges: ranges.iter().map(key).collect() };
            match self.ask(&request, &[])? {
                (Reply::Pools { pools }, _) => all.extend(pools),
                (reply, _) => return Err(self.wrong(&reply)),
            }
        }
        Ok(all)
    }

    fn volumes(&self) -> Result<Vec<VolumeRecord>> {
        let mut all = Vec::new();
        loop {
            match self.ask(&Request::VolumesBehind { after: all.len() as u64 }, &[])? {
                (Reply::Volumes { volumes }, _) if volumes.is_empty() => return Ok(all),
                (Reply::Volumes { volumes }, _) => {
                    all.extend(volumes.into_iter().map(|volume| volume.record()));
                }
                (reply, _) => return Err(self.wrong(&reply)),
            }
        }
    }

    fn volume_chunks(&self, volume: u32) -> Result<Vec<ChunkPlace>> {
        let mut all = Vec::new();
        loop {
            match self.ask(&Request::VolumeChunks { volume, after: all.len() as u64 }, &[])? {
                (Reply::VolumeChunks { places, more }, _) => {
                    if more && places.is_empty() {
                        return Err(self.wrong(&Reply::VolumeChunks { places, more }));
                    }
                    all.extend(places.iter().map(|place| place.place()));
                    if !more {
                        return Ok(all);
                    }
                }
                (reply, _) => return Err(self.wrong(&reply)),
            }
        }
    }

    fn check_volume(&self, volume: &VolumeRecord) -> Result<Vec<Fault>> {
        self.faults_of(&Request::CheckVolume { volume: volume.number })
    }

    fn faults(&self) -> Result<Vec<Fault>> {
        self.faults_of(&Request::Faults)
    }
}

impl RemoteStore {
    fn faults_of(&self, request: &Request) -> Result<Vec<Fault>> {
        match self.ask(request, &[])? {
            (Reply::Faults { faults }, _) => Ok(faults.iter().map(|fault| fault.fault()).collect()),
            (reply, _) => Err(self.wrong(&reply)),
        }
    }
}

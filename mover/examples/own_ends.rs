//! A pipeline with both ends of one's own: a head that is no file walker (it makes up a log as it
//! is read), and a tail that is no volume (it puts each chunk into a file of its own, as for a
//! mail or a courier). Between them are the stages of every archive: snoops, dedupe, compression.
//!
//! `cargo run --release --example own_ends -- FOLDER`

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, BlockIdentity, ChunkFooter, ChunkHeader, ChunkId,
    ChunkRange, Component, Digest, Finding, Frame, FrameKind, KeyGroup, RunFooter, RunHeader,
    SessionFooter, SessionHeader, SessionId, StoreId, Timestamp, Verdict,
};
use mover::ambient::{SystemClock, SystemRandom};
use mover::archive::DecodeVerify;
use mover::key::{DomainSecret, Keyring, StateFolder, unencrypted_group};
use mover::pipeline::Cancel;
use mover::plugin::{Engine, Limits};
use mover::session::{
    Ambient, ArchiveConfig, Job, Observer, OnSnoopFailure, OneWay, Progress, RouteConfig, Source,
    StageSpec, WORKER_MEMORY, Watch, WriteAccess, archive,
};
use mover::store::{
    ArchiveProof, ArchiveRecord, BlockPlace, ChunkPlace, Fault, ReadStore, SessionRecord,
    StoredChunk, StreamEnd, VolumeRecord, WriteStore,
};
use mover::{Error, ErrorKind, Result};

/// The head: 20,000 lines of a log that nobody ever wrote to a disk.
struct MadeUpLog {
    line: u32,
    rest: Vec<u8>,
}

impl Read for MadeUpLog {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() && self.line < 20_000 {
            self.line += 1;
            let line = self.line;
            self.rest = format!("{line:08} sensor {} reads {}\n", line % 7, line % 97).into_bytes();
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

/// The tail: every chunk becomes a file.
struct Outbox {
    folder: PathBuf,
    chunks: u64,
    bytes: u64,
}

impl Outbox {
    fn put(&mut self, name: &str, frames: &[u8]) -> Result<()> {
        self.bytes += frames.len() as u64;
        let path = self.folder.join(name);
        std::fs::write(&path, frames).map_err(|cause| Error::io("writing", &path, cause))
    }
}

fn frame(kind: FrameKind, body: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Frame::encode(kind, body, payload, &mut frame);
    frame
}

impl WriteStore for Outbox {
    fn store(&self) -> Arc<dyn ReadStore> {
        Arc::new(NothingToRead)
    }

    fn unfinished(&mut self, _proof: &ArchiveProof) -> Result<Option<Vec<StreamEnd>>> {
        Ok(None)
    }

    fn begin_session(
        &mut self,
        header: &SessionHeader,
        components: &[(Component, &[u8])],
    ) -> Result<()> {
        let mut body = Vec::new();
        header.encode(&mut body);
        self.put("0-session", &frame(FrameKind::SessionHeader, &body, &[]))?;
        // With their components beside them, the chunks can be decoded for ever.
        for (component, bytes) in components {
            let mut body = Vec::new();
            component.encode(&mut body);
            let name = format!("1-component-{}", component.name);
            self.put(&name, &frame(FrameKind::Component, &body, bytes))?;
        }
        Ok(())
    }

    fn begin_archive(&mut self, header: &ArchiveHeader, _proof: &ArchiveProof) -> Result<()> {
        let mut body = Vec::new();
        header.encode(&mut body);
        self.put("2-archive", &frame(FrameKind::ArchiveHeader, &body, &[]))
    }

    fn append_chunk(
        &mut self,
        header: &ChunkHeader,
        payload: &[u8],
        footer: &ChunkFooter,
    ) -> Result<u64> {
        let (mut body, mut footer_body, mut tables) = (Vec::new(), Vec::new(), Vec::new());
        header.encode(&mut body);
        footer.encode(&mut footer_body, &mut tables);
        let mut frames = frame(FrameKind::ChunkHeader, &body, payload);
        frames.extend(frame(FrameKind::ChunkFooter, &footer_body, &tables));
        self.chunks += 1;
        self.put(&format!("3-chunk-{:06}", self.chunks), &frames)?;
        Ok(self.chunks)
    }

    fn append_run_header(&mut self, _header: &RunHeader) -> Result<()> {
        Ok(())
    }

    fn append_run_footer(&mut self, _footer: &RunFooter) -> Result<()> {
        Ok(())
    }

    fn end_archive(&mut self, footer: &ArchiveFooter) -> Result<()> {
        let (mut body, mut lists) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut lists);
        self.put("4-archive-footer", &frame(FrameKind::ArchiveFooter, &body, &lists))
    }

    fn end_session(&mut self, footer: &SessionFooter) -> Result<()> {
        let mut body = Vec::new();
        footer.encode(&mut body);
        self.put("5-session-footer", &frame(FrameKind::SessionFooter, &body, &[]))
    }

    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    fn durable_chunks(&self) -> u64 {
        self.chunks
    }

    fn stored_length(&self) -> Result<u64> {
        Ok(self.bytes)
    }

    fn drop_archive(&mut self, _archive: &ArchiveId, _now: Timestamp) -> Result<()> {
        Err(Error::new(ErrorKind::Unsupported, "what was sent cannot be taken back"))
    }

    fn put_group(&mut self, _group: &KeyGroup) -> Result<()> {
        Ok(())
    }
}

/// What an outbox answers: it knows nothing, so nothing is a duplicate of anything.
struct NothingToRead;

impl ReadStore for NothingToRead {
    fn id(&self) -> StoreId {
        StoreId([7; 16])
    }

    fn name(&self) -> String {
        "the outbox".to_owned()
    }

    fn groups(&self) -> Result<Vec<KeyGroup>> {
        Ok(vec![unencrypted_group(&SystemRandom, &SystemClock::start())])
    }

    fn archives(&self) -> Result<Vec<ArchiveRecord>> {
        Ok(Vec::new())
    }

    fn session(&self, session: &SessionId) -> Result<SessionHeader> {
        Err(Error::new(ErrorKind::Missing, format!("no session {session}")))
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>> {
        Ok(Vec::new())
    }

    fn component(&self, digest: &Digest) -> Result<Vec<u8>> {
        Err(Error::new(ErrorKind::Missing, format!("no component {digest}")))
    }

    fn chunk_places(&self, chunks: &[ChunkId]) -> Result<Vec<Option<ChunkPlace>>> {
        Ok(vec![None; chunks.len()])
    }

    fn pools_of(&self, _ranges: &[ChunkRange]) -> Result<BTreeSet<String>> {
        Ok(BTreeSet::new())
    }

    fn read_chunk(&self, chunk: &ChunkId) -> Result<StoredChunk> {
        Err(Error::new(ErrorKind::Missing, chunk.to_string()))
    }

    fn verify_chunk(&self, chunk: &ChunkId) -> Result<ChunkFooter> {
        Err(Error::new(ErrorKind::Missing, chunk.to_string()))
    }

    fn lookup_blocks(
        &self,
        identities: &[BlockIdentity],
        _pools: &[String],
    ) -> Result<Vec<Option<BlockPlace>>> {
        Ok(vec![None; identities.len()])
    }

    fn volumes(&self) -> Result<Vec<VolumeRecord>> {
        Ok(Vec::new())
    }

    fn volume_chunks(&self, _volume: u32) -> Result<Vec<ChunkPlace>> {
        Ok(Vec::new())
    }

    fn check_volume(&self, _volume: &VolumeRecord) -> Result<Vec<Fault>> {
        Ok(Vec::new())
    }

    fn faults(&self) -> Result<Vec<Fault>> {
        Ok(Vec::new())
    }
}

/// Tells what an operator should know.
struct Terminal;

impl Observer for Terminal {
    fn fault(&self, path: &[u8], error: &Error) {
        eprintln!("fault: {}: {error}", String::from_utf8_lossy(path));
    }

    fn found(&self, path: &[u8], verdict: Verdict, finding: &Finding) {
        println!("{}: {verdict:?} {}", String::from_utf8_lossy(path), finding.name);
    }

    fn note(&self, text: &str) {
        println!("note: {text}");
    }
}

fn main() -> std::result::Result<(), Box<dyn StdError>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("which FOLDER?")?);
    std::fs::create_dir_all(&folder)?;
    let mut outbox = Outbox { folder: folder.clone(), chunks: 0, bytes: 0 };
    let store = outbox.store();
    let ambient = Ambient { clock: Arc::new(SystemClock::start()), random: Arc::new(SystemRandom) };
    let engine = Engine::new(None, Limits::default(), Arc::new(|_: &str, _, _: &str| {}))?;
    let access = WriteAccess {
        group: store.current_group()?,
        keyring: Keyring::empty(),
        domain: DomainSecret::of_open_store(store.id(), "example"),
        state: StateFolder::open(Some(&folder), store.id())?,
        keeps_record: false,
    };
    let stage = |name: &str| StageSpec::new(name, "{}");
    let config = ArchiveConfig {
        name: "made-up".to_owned(),
        reread: true,
        dry_run: false,
        rate_max: None,
        routes: vec![RouteConfig { chunk_length: 256 << 10, ..RouteConfig::default() }],
        router: Arc::new(OneWay),
        dedupe: stage("crc-dedupe"),
        filters: Vec::new(),
        snoops: vec![stage("snoop-type")],
        on_snoop_failure: OnSnoopFailure::default(),
        workers: 2,
        memory: WORKER_MEMORY,
        verify: DecodeVerify::Sample,
        fresh: true,
        job: Job::default(),
    };
    let head = Box::new(MadeUpLog { line: 0, rest: Vec::new() });
    let source = Source::Stdin { name: "sensors.log".to_owned(), input: head };
    let (progress, cancel) = (Progress::default(), Cancel::default());
    let watch = Watch { observer: &Terminal, progress: &progress, cancel: &cancel };
    let report = archive(&ambient, &engine, &mut outbox, &access, &config, source, &watch)?;
    println!(
        "{} bytes became {} chunks, {} bytes with their components, in {}",
        report.content_bytes,
        outbox.chunks,
        outbox.bytes,
        folder.display()
    );
    Ok(())
}

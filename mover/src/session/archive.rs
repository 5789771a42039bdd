//! Archives a source: sets up head, stretch and tail, runs them, and closes the archive.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, BlockIdentity, Component, Context, Framing,
    SessionFooter, SessionHeader, SessionId, SessionStatus, StreamNumber,
};

use super::access::WriteAccess;
use super::decode::{ChunkCache, Decoding};
use super::head::{Head, HeadMeters, HeadParts};
use super::previous::{Parent, RecordWriter, Search};
use super::progress::{Observer, Progress};
use super::report::ArchiveReport;
use super::stages::{Recipe, StageSpec};
use super::tail::{Frames, Tail};
use super::throttle::Throttle;
use super::walk::{Comparison, Feed, cancelled};
use crate::ambient::{Clock, Random, random_bytes};
use crate::archive::{
    BlockPlace, ChunkSink, DecodeVerify, IndexWriter, KnownBlocks, Needs, Packer, PlainChunk,
};
use crate::buffer::{Buffer, BufferPool};
use crate::error::{Error, ErrorKind, Result};
use crate::key::open_epoch;
use crate::pipeline::{Cancel, Cutter, Inspector, Meter, Stretch, encoded_length_max};
use crate::plugin::Engine;
use crate::source::{SourceConfig, Stdin, Walker};
use crate::store::{Store, StoreWriter};

/// What is archived.
pub enum Source {
    /// Files and folders.
    Files(SourceConfig),
    /// One entry that comes through a pipe.
    Stdin {
        /// Its path in the archive.
        name: String,
        /// Where it comes from.
        input: Box<dyn Read + Send>,
    },
}

/// How it is archived.
pub struct ArchiveConfig {
    /// The archive's name.
    pub name: String,
    /// Read every file, whether it seems unchanged or not.
    pub reread: bool,
    /// Look at everything and write nothing.
    pub dry_run: bool,
    /// Bytes of content that are read in a second, at most.
    pub rate_max: Option<u64>,
    /// Transforms before the cipher, in order.
    pub stages: Vec<StageSpec>,
    /// The dedupe component.
    pub dedupe: StageSpec,
    /// Snoops.
    pub snoops: Vec<StageSpec>,
    /// How chunks are framed.
    pub framing: Framing,
    /// Workers of the parallel stretch.
    pub workers: usize,
    /// Plain bytes of a chunk, about.
    pub chunk_length: usize,
    /// Which chunks are decoded again before their plain bytes are let go.
    pub verify: DecodeVerify,
    /// Where the index waits for the end of its archive.
    pub spool_folder: PathBuf,
}

/// What is injected into every session.
pub struct Ambient {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// Options of the metadata tag that describes an archive; SPEC 6.2.
mod description {
    pub(super) const HOST: u16 = 16;
    pub(super) const ROOT: u16 = 17;
}

/// Who watches and who may stop it.
pub struct Watch<'a> {
    /// Hears of faults.
    pub observer: &'a dyn Observer,
    /// Shows how far it is.
    pub progress: &'a Progress,
    /// Stops it.
    pub cancel: &'a Cancel,
}

/// Decoded chunks that are kept of the parent archive's index, which is read once and in order.
const PARENT_CHUNK_COUNT: usize = 4;

/// Archives a source into a store. The report is complete even where it tells of faults; an error
/// means that the archive was not closed, and that what it wrote is not shown.
pub fn archive(
    ambient: &Ambient,
    engine: &Engine,
    writer: &mut StoreWriter,
    access: &WriteAccess,
    config: &ArchiveConfig,
    source: Source,
    watch: &Watch<'_>,
) -> Result<ArchiveReport> {
    let began = ambient.clock.elapsed();
    let recipe = Recipe::load(
        engine,
        &config.stages,
        &config.dedupe,
        &config.snoops,
        access.group.is_encrypted(),
    )?;
    let source_id = access.domain.source_id(&source_name(&source)?);
    let store = writer.store();
    let decoding = Decoding::new(&store, engine, &access.keyring);
    let chunks = ChunkCache::new(&decoding, PARENT_CHUNK_COUNT);
    let parent = match (&source, config.reread) {
        (Source::Files(_), false) => {
            let search = Search { store: &store, chunks: &chunks, source: source_id };
            search.find(access, &recipe.table(), watch.observer)?
        }
        _ => None,
    };
    let run = Run { ambient, access, config, watch, recipe };
    let mut report = match config.dry_run {
        true => run.dry(source, parent)?,
        false => run.write(writer, source, source_id, parent)?,
    };
    report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok(report)
}

/// What tells one source from another: the absolute roots, or the name of what is piped.
fn source_name(source: &Source) -> Result<Vec<u8>> {
    use std::os::unix::ffi::OsStrExt;
    let mut name = Vec::new();
    match source {
        Source::Stdin { name: piped, .. } => {
            name.extend_from_slice(b"stdin\0");
            name.extend_from_slice(piped.as_bytes());
        }
        Source::Files(config) => {
            for root in &config.roots {
                let absolute = std::path::absolute(root)
                    .map_err(|cause| Error::io("finding the absolute path of", root, cause))?;
                name.extend_from_slice(b"file\0");
                name.extend_from_slice(absolute.as_os_str().as_bytes());
                name.push(0);
            }
        }
    }
    Ok(name)
}

pub(super) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

struct Run<'a> {
    ambient: &'a Ambient,
    access: &'a WriteAccess,
    config: &'a ArchiveConfig,
    watch: &'a Watch<'a>,
    recipe: Recipe,
}

/// Opened components: one chain for each worker, and what the head has.
struct Instances {
    chains: Vec<crate::archive::Chain>,
    cutter: Box<dyn Cutter>,
    inspectors: Vec<Box<dyn Inspector>>,
}

/// The ids and headers of one run.
struct Headers {
    session: SessionHeader,
    archive: ArchiveHeader,
}

impl Run<'_> {
    fn write(
        &self,
        writer: &mut StoreWriter,
        source: Source,
        source_id: [u8; 32],
        parent: Option<Parent<'_>>,
    ) -> Result<ArchiveReport> {
        let random = &*self.ambient.random;
        let started = self.ambient.clock.now();
        let (epoch, key) = open_epoch(random, &self.access.group, 0)?;
        let session = SessionId(random_bytes(random));
        let archive = ArchiveId(random_bytes(random));
        let headers = Headers {
            session: SessionHeader {
                session,
                store: writer.store().id(),
                job: self.config.name.clone(),
                writer: self.access.domain.writer_id(),
                software: concat!("mover ", env!("CARGO_PKG_VERSION")).to_owned(),
                started,
                components: self.recipe.table(),
                epochs: vec![epoch.clone()],
            },
            archive: ArchiveHeader {
                archive,
                session,
                name: self.config.name.clone(),
                source: source_id,
                started,
                parent: parent.as_ref().map(|parent| parent.archive).unwrap_or_default(),
                framing: self.config.framing,
            },
        };
        let chains = (0..self.config.workers)
            .map(|_| {
                let (random, verify) = (&self.ambient.random, self.config.verify);
                self.recipe.worker_chain(session, &epoch, key.as_ref(), random, verify)
            })
            .collect::<Result<Vec<_>>>()?;
        // All components are opened before anything is written: a wrong configuration costs nothing.
        let instances = Instances {
            chains,
            cutter: self.recipe.cutter()?,
            inspectors: self.recipe.inspectors()?,
        };
        let before = stored_length(writer)?;
        self.begin(writer, &headers)?;
        let table = &headers.session.components;
        let mut sealing = RecordWriter::create(self.access, source_id, archive, started, table)?;
        let record = sealing.as_mut();
        let (mut report, footer) =
            self.pump(writer, &headers, source, parent, instances, record)?;
        let status = match report.faults {
            0 => SessionStatus::Complete,
            _ => SessionStatus::CompleteWithFaults,
        };
        writer.end_session(&SessionFooter {
            ended: footer.finished,
            status,
            header: headers.session,
            groups: vec![self.access.group.clone()],
        })?;
        if let Some(record) = sealing {
            record.finish()?;
        }
        report.stored_bytes = stored_length(writer)?.saturating_sub(before);
        report.archive = archive.to_string();
        report.name.clone_from(&self.config.name);
        Ok(report)
    }

    fn begin(&self, writer: &mut StoreWriter, headers: &Headers) -> Result<()> {
        let component = |stage: &super::stages::LoadedStage| Component {
            digest: stage.plugin.digest(),
            name: stage.plugin.manifest().name.clone(),
            version: stage.plugin.manifest().version.clone(),
        };
        let components: Vec<_> =
            self.recipe.all().map(|stage| (component(stage), &*stage.bytes)).collect();
        writer.begin_session(&headers.session, &components)?;
        writer.begin_archive(&headers.archive)
    }

    /// Runs head, stretch and tail, and closes the archive.
    #[allow(clippy::too_many_arguments, reason = "called once, where all of it is made")]
    fn pump(
        &self,
        writer: &mut StoreWriter,
        headers: &Headers,
        source: Source,
        parent: Option<Parent<'_>>,
        instances: Instances,
        record: Option<&mut RecordWriter>,
    ) -> Result<(ArchiveReport, ArchiveFooter)> {
        let Instances { chains, cutter, inspectors } = instances;
        let pools = Pools::new(self.config);
        let stretch_meter = &Meter::new("encode");
        let indexed = Arc::new(AtomicU64::new(0));
        let store = writer.store();
        let workers = chains.into_iter().map(|mut chain| {
            move |plain: PlainChunk, payload: Buffer| chain.encode(plain, payload)
        });
        let (stretch, outputs) = Stretch::start(workers.collect(), &pools.encoded, stretch_meter);
        let frames = Frames {
            session: headers.session.session,
            framing: self.config.framing,
            context: Context { epoch: 0, chain: self.recipe.places(), ..Context::default() },
        };
        let tail_meter = Meter::new("store");
        let (spool, told) = (&self.config.spool_folder, Arc::clone(&indexed));
        let mut tail = Tail::new(writer, frames, spool, Arc::clone(&tail_meter), told)?;
        let sink = StretchSink { stretch, plain: Arc::clone(&pools.plain), indexed };
        let archive = headers.archive.archive;
        let known = StoreBlocks { store };
        let packer = Packer::new(archive, StreamNumber(0), self.config.chunk_length, sink, known);
        let index = IndexWriter::new(archive);
        let domain = self.access.domain.clone();
        let parts = HeadParts { cutter, inspectors, packer, index, domain };
        let meters = HeadMeters {
            snoop: Meter::new("snoop"),
            dedupe: Meter::new("dedupe"),
            identify: Meter::new("identify"),
        };
        let read_meter = Meter::new("read");
        let (fed, written) = std::thread::scope(|scope| {
            let progress = self.watch.progress;
            let pools = &pools;
            let tail = &mut tail;
            let writing = scope.spawn(move || {
                let written = tail.run(&outputs, progress);
                if written.is_err() {
                    // Nobody takes outputs any more: let everybody before us see that.
                    pools.close();
                }
                written
            });
            let fed = self.feed(headers, source, parent, parts, (&meters, &read_meter), record);
            if fed.is_err() {
                pools.close();
            }
            (fed, writing.join())
        });
        // The tail's failure is the cause where both have one: the head only sees closed queues.
        written.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let (mut report, needs, withheld, (pages, roots)) = fed?;
        let all = [&read_meter, &meters.snoop, &meters.dedupe, &meters.identify, stretch_meter];
        report.stages = all.into_iter().chain([&tail_meter]).map(|meter| meter.read()).collect();
        let footer = ArchiveFooter {
            archive: headers.archive.archive,
            session: headers.session.session,
            finished: self.ambient.clock.now(),
            entry_count: report.entries,
            content_length: report.content_bytes,
            fault_count: report.faults,
            index_page_count: pages,
            index_root_count: roots,
            needs: needs.ranges(),
            withheld,
        };
        tail.finish(&footer)?;
        Ok((report, footer))
    }

    #[allow(clippy::type_complexity, reason = "taken apart at the one call")]
    #[allow(clippy::too_many_arguments, reason = "called once, where all of it is made")]
    fn feed<'h>(
        &'h self,
        headers: &Headers,
        source: Source,
        parent: Option<Parent<'_>>,
        mut parts: HeadParts<StretchSink, StoreBlocks>,
        (meters, read_meter): (&'h HeadMeters, &'h Arc<Meter>),
        record: Option<&'h mut RecordWriter>,
    ) -> Result<(ArchiveReport, Needs, Vec<format::Withheld>, (u64, u64))> {
        parts.packer.describe(&describe(&source))?;
        let (observer, progress) = (self.watch.observer, self.watch.progress);
        let mut head = Head::new(parts, meters, observer, progress, record);
        let mut feed = Feed {
            head: &mut head,
            progress,
            cancel: self.watch.cancel,
            throttle: Throttle::new(self.config.rate_max, Arc::clone(&self.ambient.clock)),
            read_meter,
            number: 0,
        };
        match source {
            Source::Files(files) => {
                let comparison = parent.map_or_else(Comparison::none, Parent::into_comparison);
                feed.walk(&mut Walker::open(&files)?, comparison)?;
            }
            Source::Stdin { name, input } => {
                feed.stdin(Stdin::open(name.as_bytes(), headers.session.started, input)?)?;
            }
        }
        let (report, sink, needs, withheld, counts) = head.finish()?;
        sink.stretch.join();
        Ok((report, needs, withheld, counts))
    }

    /// Looks at everything, and reads and writes nothing.
    fn dry(&self, source: Source, parent: Option<Parent<'_>>) -> Result<ArchiveReport> {
        let mut report = ArchiveReport {
            dry_run: true,
            name: self.config.name.clone(),
            ..ArchiveReport::default()
        };
        let Source::Files(files) = source else { return Ok(report) };
        let mut comparison = parent.map_or_else(Comparison::none, Parent::into_comparison);
        let mut walker = Walker::open(&files)?;
        while let Some(found) = walker.next() {
            if self.watch.cancel.is_cancelled() {
                return Err(cancelled());
            }
            let entry = match found {
                Ok(found) => found.entry,
                Err(fault) => {
                    report.faults += 1;
                    self.watch.observer.fault(&fault.path, &fault.error);
                    continue;
                }
            };
            self.watch.progress.entry(&entry.path);
            report.entries += 1;
            report.content_bytes += entry.size;
            if entry.kind == format::EntryKind::File {
                report.files += 1;
                match comparison.unchanged(&entry)? {
                    Some(_) => report.unchanged_files += 1,
                    None => report.bytes_read += entry.size,
                }
            }
        }
        Ok(report)
    }
}

fn describe(source: &Source) -> format::Options {
    use std::os::unix::ffi::OsStrExt;
    let mut options = format::Options::default();
    let host = rustix::system::uname();
    options.push(description::HOST, host.nodename().to_bytes());
    match source {
        Source::Stdin { name, .. } => options.push(description::ROOT, name.as_bytes()),
        Source::Files(files) => {
            for root in &files.roots {
                // A root that does not resolve is a fault of the walk, not of the description.
                let absolute = std::path::absolute(root).unwrap_or_else(|_| root.clone());
                let bytes = absolute.as_os_str().as_bytes();
                if options.encoded_length() + bytes.len() + 6 < format::limits::OPTIONS_LENGTH_MAX {
                    options.push(description::ROOT, bytes);
                }
            }
        }
    }
    options
}

fn stored_length(writer: &StoreWriter) -> Result<u64> {
    Ok(writer.store().volumes()?.iter().map(|volume| volume.length).sum())
}

/// The memory of the stretch.
struct Pools {
    plain: Arc<BufferPool>,
    encoded: Arc<BufferPool>,
}

impl Pools {
    fn new(config: &ArchiveConfig) -> Pools {
        let workers = config.workers;
        let plain_count = workers // in the hands of workers
            + workers // queued before the stretch
            + 1 // being filled by the packer
            + 1; // being filled by the index
        let encoded_count = workers // in the hands of workers
            + workers // queued behind the stretch
            + workers // waiting for an earlier one
            + 1; // being written by the tail
        let plain_length = config.chunk_length + config.chunk_length / 4;
        Pools {
            plain: Arc::new(BufferPool::new(plain_count, plain_length)),
            encoded: Arc::new(BufferPool::new(encoded_count, encoded_length_max(plain_length))),
        }
    }

    fn close(&self) {
        self.plain.close();
        self.encoded.close();
    }
}

/// Full chunks go into the stretch.
struct StretchSink {
    stretch: Stretch<PlainChunk>,
    plain: Arc<BufferPool>,
    indexed: Arc<AtomicU64>,
}

fn stretch_is_gone() -> Error {
    Error::new(ErrorKind::Cancelled, "the pipeline was stopped behind its head")
}

impl ChunkSink for StretchSink {
    fn buffer(&mut self) -> Result<Buffer> {
        self.plain.acquire().ok_or_else(stretch_is_gone)
    }

    fn push(&mut self, chunk: PlainChunk) -> Result<()> {
        match self.stretch.submit(chunk) {
            true => Ok(()),
            false => Err(stretch_is_gone()),
        }
    }

    fn indexed(&self) -> u64 {
        self.indexed.load(Ordering::Relaxed)
    }
}

/// The store's data index.
struct StoreBlocks {
    store: Arc<Store>,
}

impl KnownBlocks for StoreBlocks {
    fn find(&mut self, identity: &BlockIdentity) -> Result<Option<BlockPlace>> {
        let place = self.store.lookup_block(identity)?;
        Ok(place.map(|place| BlockPlace {
            chunk: place.chunk,
            ordinal: place.ordinal,
            length: place.length,
        }))
    }
}

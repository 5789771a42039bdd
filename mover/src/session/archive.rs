//! Archives a source: sets up head, stretch and tail, runs them, and closes the archive.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crossbeam_channel::bounded;
use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, Component, SessionFooter, SessionHeader, SessionId,
    SessionStatus, StreamNumber,
};

use super::access::WriteAccess;
use super::begin::{Beginning, Continued, JournalPlace};
use super::budget;
use super::cache::ChunkCache;
use super::decode::Decoding;
use super::examine::Examiner;
use super::feed::{Comparison, Feed, Feedstock, Filled, WalkFrom, cancelled, windows};
use super::filters::{FilterConfig, refuse_of_pipe};
use super::head::{Head, HeadMeters, HeadParts};
use super::index_pools::IndexPools;
use super::journal::{Head as JournalHead, Job, JournalWriter, OpenEntry};
use super::look::Looker;
use super::previous::{Parent, RecordWriter, Search};
use super::progress::{Observer, Progress};
use super::report::ArchiveReport;
use super::routes::{OnSnoopFailure, RouteConfig, Router};
use super::routing::Routing;
use super::sink::{Domain, Pools, StoreBlocks, StretchSink};
use super::stages::{Recipe, StageSpec, WorkerChains};
use super::tail::{Frames, Tail};
use super::throttle::Throttle;
use crate::ambient::{Clock, Random, random_bytes};
use crate::archive::{Arrived, DecodeVerify, IndexWriter, Needs, PackRoute, Packer, PlainChunk};
use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::key::open_epoch;
use crate::pipeline::{Cancel, Cutter, Inspector, Meter, Stretch};
use crate::plugin::Engine;
use crate::source::{SourceConfig, Stdin, Walker};
use crate::store::{ArchiveProof, WriteStore};
use crate::{threads, units};

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
    /// The ways that content can take; the first is that of whatever the router does not send
    /// elsewhere, of entries without content, and of the index.
    pub routes: Vec<RouteConfig>,
    /// Who decides.
    pub router: Arc<dyn Router>,
    /// The dedupe component.
    pub dedupe: StageSpec,
    /// Snoops.
    pub snoops: Vec<StageSpec>,
    /// Filters, in the order in which they are applied.
    pub filters: Vec<FilterConfig>,
    /// What becomes of entries that a snoop fails at.
    pub on_snoop_failure: OnSnoopFailure,
    /// Workers of the parallel stretch.
    pub workers: usize,
    /// Bytes that these and their buffers may take; fewer run where they do not fit.
    pub memory: u64,
    /// Which chunks are decoded again before their plain bytes are let go.
    pub verify: DecodeVerify,
    /// Begin a new archive, even where an earlier session left one unfinished.
    pub fresh: bool,
    /// The command, for `mover resume`.
    pub job: Job,
}

/// What workers and their buffers may take where nobody says otherwise.
pub const WORKER_MEMORY: u64 = 1 << 30;

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
    writer: &mut dyn WriteStore,
    access: &WriteAccess,
    config: &ArchiveConfig,
    source: Source,
    watch: &Watch<'_>,
) -> Result<ArchiveReport> {
    let began = ambient.clock.elapsed();
    let recipe = Recipe::load(
        engine,
        &config.routes,
        &config.dedupe,
        &config.snoops,
        &config.filters,
        access.group.is_encrypted(),
    )?;
    if let Source::Stdin { name, .. } = &source {
        refuse_of_pipe(&recipe.filters, name)?;
    }
    let source_id = access.domain.source_id(&source_name(&source)?);
    let store = writer.store();
    let decoding = Decoding::new(&*store, engine, &access.keyring);
    let chunks = ChunkCache::new(&decoding, PARENT_CHUNK_COUNT);
    let parent = match (&source, config.reread) {
        (Source::Files(_), false) => {
            let search = Search { store: &*store, chunks: &chunks, source: source_id };
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

/// Opened components: chains for each worker, and what the head has.
struct Instances {
    chains: Vec<WorkerChains>,
    cutter: Box<dyn Cutter>,
    inspectors: Vec<Box<dyn Inspector>>,
}

/// The headers of one run.
struct Headers {
    session: SessionHeader,
    archive: ArchiveHeader,
}

impl Run<'_> {
    fn write(
        &self,
        writer: &mut dyn WriteStore,
        source: Source,
        source_id: [u8; 32],
        parent: Option<Parent<'_>>,
    ) -> Result<ArchiveReport> {
        let random = &*self.ambient.random;
        let started = self.ambient.clock.now();
        let (epoch, key) = open_epoch(random, &self.access.group, 0)?;
        let session = SessionId(random_bytes(random));
        let table = self.recipe.table();
        let beginning = self.beginning(writer, &source, source_id, &parent, session)?;
        let headers = Headers {
            session: SessionHeader {
                session,
                store: writer.store().id(),
                job: self.config.name.clone(),
                writer: self.access.domain.writer_id(),
                software: concat!("mover ", env!("CARGO_PKG_VERSION")).to_owned(),
                started,
                components: table.clone(),
                epochs: vec![epoch.clone()],
            },
            archive: beginning.header.clone(),
        };
        let workers = self.workers();
        let chains = (0..workers)
            .map(|_| {
                let (random, verify) = (&self.ambient.random, self.config.verify);
                self.recipe.worker_chains(session, &epoch, key.as_ref(), random, verify)
            })
            .collect::<Result<Vec<_>>>()?;
        let open = beginning.resumed.as_ref().and_then(|resumed| resumed.open.as_ref());
        let states = open.map(|open| open.snoops.states.clone()).unwrap_or_default();
        // All components are opened before anything is written: a wrong configuration costs nothing.
        let instances = Instances {
            chains,
            cutter: self.recipe.cutter()?,
            inspectors: self.recipe.inspectors(&states, self.config.on_snoop_failure)?,
        };
        let before = writer.stored_length()?;
        let proof = beginning.proof;
        self.begin(writer, &headers, &proof)?;
        let resumed = beginning.resumed.is_some();
        let is_piped = matches!(source, Source::Stdin { .. });
        let (mut report, footer, journal) =
            match self.pump(writer, &headers, source, parent, instances, beginning) {
                Ok(pumped) => pumped,
                Err(error) => {
                    // What arrived is worth keeping, whatever went wrong; the cause is what counts.
                    let _ = writer.settle();
                    if is_piped {
                        self.watch.observer.note(
                            "what came through the pipe cannot be read a second time: what arrived \
                             is kept as an unfinished archive, and the next run begins a new one",
                        );
                    }
                    return Err(error);
                }
            };
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
        if self.access.keeps_record {
            let archive = footer.archive;
            let mut record = RecordWriter::create(
                &self.access.state,
                source_id,
                archive,
                headers.archive.started,
                &table,
            )?;
            let mut entries = journal.reader()?;
            while let Some(group) = entries.entries()? {
                group.iter().try_for_each(|entry| record.push(entry))?;
            }
            record.finish()?;
        }
        journal.remove()?;
        report.behind = writer.behind();
        for (pool, reason) in &report.behind {
            self.watch.observer.note(&format!(
                "pool {pool} was left behind: {reason}; its copies are completed by `mover copy`"
            ));
        }
        let traffic = writer.traffic();
        report.resumed = resumed;
        report.bytes_sent = traffic.sent;
        report.bytes_sent_again = traffic.sent_again;
        report.retries = traffic.retries;
        report.stored_bytes = writer.stored_length()?.saturating_sub(before);
        report.archive = footer.archive.to_string();
        report.name.clone_from(&self.config.name);
        Ok(report)
    }

    /// The archive that an earlier session left, or a new one.
    fn beginning(
        &self,
        writer: &mut dyn WriteStore,
        source: &Source,
        source_id: [u8; 32],
        parent: &Option<Parent<'_>>,
        session: SessionId,
    ) -> Result<Beginning> {
        let config = self.config;
        let place = JournalPlace {
            state: &self.access.state,
            name: journal_name(source_id, &config.name),
            random: &self.ambient.random,
            is_temporary: matches!(source, Source::Stdin { .. }),
        };
        let recipe = self.recipe_digest(source);
        if !config.fresh
            && let Some(found) = place.find(writer, recipe, session, self.watch.observer)?
        {
            let open = found.resumed.as_ref().and_then(|resumed| resumed.open.as_ref());
            let at = match open {
                Some(open) => {
                    format!("byte {} of {}", open.offset, String::from_utf8_lossy(&open.entry.path))
                }
                None => format!("chunk {}", found.first),
            };
            self.watch
                .observer
                .note(&format!("going on with the archive that was interrupted, at {at}"));
            return Ok(found);
        }
        let header = ArchiveHeader {
            archive: ArchiveId::default(),
            session,
            name: config.name.clone(),
            source: source_id,
            started: self.ambient.clock.now(),
            parent: parent.as_ref().map(|parent| parent.archive).unwrap_or_default(),
            framing: config.routes[0].framing,
        };
        let store = writer.store().name();
        place.begin(header, |proof, header| {
            JournalHead::new(proof, header, recipe, &config.job, store)
        })
    }

    /// All that has to be the same for one session to go on with what another one began.
    fn recipe_digest(&self, source: &Source) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("mover 0 session recipe");
        for entry in self.recipe.table() {
            hasher.update(&entry.digest.0).update(&entry.config_digest.0);
        }
        let ArchiveConfig { routes, router, filters, .. } = self.config;
        let rules = match source {
            Source::Files(files) => format!("{files:?}"),
            Source::Stdin { .. } => String::new(),
        };
        let map = router.fingerprint();
        let snoops = self.config.on_snoop_failure;
        hasher.update(format!("{routes:?} {map} {rules} {snoops:?} {filters:?}").as_bytes());
        *hasher.finalize().as_bytes()
    }

    fn begin(
        &self,
        writer: &mut dyn WriteStore,
        headers: &Headers,
        proof: &ArchiveProof,
    ) -> Result<()> {
        let component = |stage: &super::stages::LoadedStage| Component {
            digest: stage.plugin.digest(),
            name: stage.plugin.manifest().name.clone(),
            version: stage.plugin.manifest().version.clone(),
        };
        let components: Vec<_> =
            self.recipe.all().map(|stage| (component(stage), &*stage.bytes)).collect();
        writer.begin_session(&headers.session, &components)?;
        writer.begin_archive(&headers.archive, proof)
    }

    /// How many workers run; tells where the memory has no room for all that are asked for.
    fn workers(&self) -> usize {
        let (asked, memory) = (self.config.workers, self.config.memory);
        let workers = budget::workers(self.config, &self.recipe);
        if workers < asked {
            let memory = units::show(memory);
            self.watch.observer.note(&format!(
                "{workers} of {asked} workers run: more do not fit into {memory} of memory (--memory)"
            ));
        }
        workers
    }

    /// Runs head, stretch and tail, and closes the archive.
    fn pump(
        &self,
        writer: &mut dyn WriteStore,
        headers: &Headers,
        source: Source,
        parent: Option<Parent<'_>>,
        instances: Instances,
        beginning: Beginning,
    ) -> Result<(ArchiveReport, ArchiveFooter, JournalWriter)> {
        let Instances { chains, cutter, inspectors } = instances;
        let workers = chains.len();
        let pools = Pools::new(self.config, workers);
        let stretch_meter = &Meter::new("encode");
        let indexed = Arc::new(AtomicU64::new(beginning.first));
        let store = writer.store();
        let channel_meter = writer.meter();
        let encoders = chains.into_iter().map(|mut chains| {
            move |plain: PlainChunk, payload: Buffer| chains.encode(plain, payload)
        });
        let (stretch, outputs) = Stretch::start(encoders.collect(), &pools.encoded, stretch_meter)?;
        let framed = |(place, at): (usize, usize)| {
            let route = &self.config.routes[at];
            (route.framing, route.context(self.recipe.places(place)))
        };
        let index = Arc::new(IndexPools::new(Arc::clone(&store), &self.config.routes));
        let frames = Frames {
            session: headers.session.session,
            index: Arc::clone(&index),
            routes: self.recipe.routes().into_iter().enumerate().map(framed).collect(),
        };
        let tail_meter = Meter::new("store");
        let (first, told, journal) =
            (beginning.first, Arc::clone(&indexed), beginning.journal.file());
        let observer = self.watch.observer;
        let mut tail =
            Tail::new(writer, frames, Arc::clone(&tail_meter), told, first, journal, observer);
        let meters = HeadMeters {
            snoop: Meter::new("snoop"),
            dedupe: Meter::new("dedupe"),
            identify: Meter::new("identify"),
            lookup: Meter::new("lookup"),
            pack: Meter::new("pack"),
        };
        let plain = Arc::clone(&pools.plain);
        let archive = headers.archive.archive;
        let (routes, domains) = self.pack_routes();
        let known = StoreBlocks::new(store, domains);
        let (meter, journal) = (Arc::clone(&meters.pack), beginning.journal);
        let sink = StretchSink { stretch, plain, indexed, journal, meter };
        let packer = Packer::new(archive, StreamNumber(0), routes, sink, known);
        let domain = self.access.domain.clone();
        let router = Arc::clone(&self.config.router);
        let sealed = (0..self.config.routes.len()).map(|at| self.recipe.is_sealed(at)).collect();
        let routing = Routing::new(router, sealed);
        let examiner = Examiner::new(inspectors, cutter, &meters);
        let parts = HeadParts { packer, routing, domain, index };
        let (walk_meter, read_meter) = (Meter::new("walk"), Meter::new("read"));
        let HeadMeters { snoop, dedupe, identify, lookup, pack } = &meters;
        let head = [&walk_meter, &read_meter, snoop, dedupe, identify, lookup, pack];
        let all: Vec<Arc<Meter>> = head
            .into_iter()
            .chain([stretch_meter, &tail_meter])
            .cloned()
            .chain(channel_meter)
            .collect();
        self.watch.progress.show(all.iter().cloned());
        let (fed, written) = std::thread::scope(|scope| {
            let progress = self.watch.progress;
            let pools = &pools;
            let tail = &mut tail;
            let writing = threads::start_in(scope, "mover-store", move || {
                let written = tail.run(&outputs, progress);
                if written.is_err() {
                    // Nobody takes outputs any more: let everybody before us see that.
                    pools.close();
                }
                written
            })?;
            let start = (beginning.first, beginning.index_arrived, beginning.resumed);
            let meters = (&meters, Arc::clone(&walk_meter), Arc::clone(&read_meter));
            let fed = self.feed(headers, source, parent, (examiner, parts), meters, start);
            if fed.is_err() {
                pools.close();
            }
            Ok::<_, Error>((fed, writing.join()))
        })?;
        // The tail's failure is the cause where both have one: the head only sees closed queues.
        written.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let Fed { mut report, needs, withheld, pages, roots, journal } = fed?;
        report.workers = workers as u64;
        report.stages = all.iter().map(|meter| meter.read()).collect();
        report.untransformed_chunks = tail.untransformed;
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
        Ok((report, footer, journal))
    }

    /// What packing has to know of the routes, and the pools of each domain: what goes to the same
    /// pools may share blocks.
    fn pack_routes(&self) -> (Vec<PackRoute>, Vec<Domain>) {
        let (mut routes, mut domains) = (Vec::new(), Vec::new());
        for RouteConfig { pools, dedupe_with, chunk_length, apart, .. } in &self.config.routes {
            let mut domain = Domain { pools: pools.clone(), besides: dedupe_with.clone() };
            domain.pools.sort_unstable();
            let known = domains.iter().position(|known| *known == domain);
            let place = known.unwrap_or(domains.len());
            if known.is_none() {
                domains.push(domain);
            }
            let domain = u16::try_from(place).expect("a policy is short");
            routes.push(PackRoute { chunk_length: *chunk_length, domain, apart: *apart });
        }
        (routes, domains)
    }

    fn feed<'h>(
        &'h self,
        headers: &Headers,
        source: Source,
        parent: Option<Parent<'_>>,
        (examiner, mut parts): (Examiner<'h>, HeadParts<StoreBlocks>),
        (meters, walk_meter, read_meter): (&'h HeadMeters, Arc<Meter>, Arc<Meter>),
        (first, index_arrived, mut resumed): (u64, Arrived, Option<Continued>),
    ) -> Result<Fed> {
        let mut is_complete = false;
        match &mut resumed {
            None => {}
            Some(resumed) => {
                let open = resumed.open.as_ref().map(OpenEntry::to_packer);
                parts.packer.resume(
                    (&resumed.arrived, first),
                    &resumed.withheld,
                    open,
                    std::mem::take(&mut resumed.needs),
                );
                is_complete = resumed.is_complete;
            }
        }
        let (observer, progress) = (self.watch.observer, self.watch.progress);
        let description = resumed.is_none().then(|| describe(&source));
        let (filling, filled) = windows(examiner.block_length_max(), Arc::clone(&read_meter));
        let mut head = Head::new(parts, meters, observer, progress, description);
        let (mut from, mut number, mut link_entries) = (WalkFrom::Start, 0, Vec::new());
        if let Some(mut resumed) = resumed {
            from = resumed.walk_from();
            number = resumed.last_number;
            link_entries = resumed.link_entries;
            head.resume(resumed.counts, resumed.links);
        }
        let feed = Feed {
            windows: filling,
            progress,
            cancel: self.watch.cancel,
            throttle: Throttle::new(
                self.config.rate_max,
                Arc::clone(&self.ambient.clock),
                self.watch.cancel,
            ),
            walk_meter,
            read_meter,
            filters: &self.recipe.filters,
            number,
        };
        let stock = match source {
            _ if is_complete => Feedstock::Nothing,
            Source::Files(files) => {
                let comparison = parent.map_or_else(Comparison::none, Parent::into_comparison);
                let mut walker = Walker::open(&files)?;
                link_entries.iter().for_each(|entry| walker.remember_link(entry));
                Feedstock::Files(Box::new(walker), comparison, from)
            }
            Source::Stdin { name, input } => {
                Feedstock::Stdin(Stdin::open(name.as_bytes(), headers.session.started, input)?)
            }
        };
        let Filled { told, packed: back } = filled;
        // One window waits between the two.
        let (see, seen) = bounded(1);
        let looker = Looker::new(examiner);
        let (packed, looked, read) = std::thread::scope(|scope| {
            let reading = threads::start_in(scope, "mover-read", move || feed.run(stock))?;
            let looking = threads::start_in(scope, "mover-look", move || looker.run(told, see))?;
            Ok::<_, Error>((head.run(seen, back), looking.join(), reading.join()))
        })?;
        // Who comes last is the cause where several have one: the others only see a closed queue.
        packed?;
        looked.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        read.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let (mut report, mut sink, needs, withheld, mut journal) = head.finish()?;
        let mut index = IndexWriter::new(headers.archive.archive, index_arrived);
        while let Some(entries) = journal.entries()? {
            entries.iter().try_for_each(|entry| index.push(entry, &mut sink))?;
        }
        report.entries = index.entry_count;
        report.content_bytes = index.content_length;
        let (pages, roots) = index.finish(&mut sink)?;
        sink.stretch.join();
        let journal = sink.journal;
        Ok(Fed { report, needs, withheld, pages, roots, journal })
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

/// One journal for each name of a source: so an interrupted archive is found again.
fn journal_name(source: [u8; 32], name: &str) -> String {
    let mut hasher = blake3::Hasher::new_derive_key("mover 0 journal name");
    hasher.update(&source).update(name.as_bytes());
    hex::encode(&hasher.finalize().as_bytes()[..16])
}

/// What the head made of a source.
struct Fed {
    report: ArchiveReport,
    needs: Needs,
    withheld: Vec<format::Withheld>,
    pages: u64,
    roots: u64,
    journal: JournalWriter,
}

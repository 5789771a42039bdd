//! An agent's jobs: what `mover serve` does with its own sources for a peer, and how another
//! mover's agent is asked.

use std::path::Path;
use std::sync::{Arc, Mutex};

use format::{ArchiveId, Verdict};
use serde_json::{Value, json};

use super::arguments::{Archive, Global, Restore};
use super::console::Console;
use super::open::{ambient, engine_without_plugins, keyring, workers};
use super::place::{Place, open_store, remote};
use crate::archive::DecodeVerify;
use crate::error::{Error, ErrorKind, Result};
use crate::key::{Access, Keyring, StateFolder, default_writer};
use crate::net::{
    Address, AgentCall, AgentJob, Dial, Direct, Identity, KnownPeers, RETRY_FOR, RemoteConfig,
    RemoteStore, RemoteWriter, call_agent, lent_config,
};
use crate::pipeline::Cancel;
use crate::policy::SourcePolicy;
use crate::session::{
    self, ArchiveConfig, Decoding, Job, Observer, OnSnoopFailure, OneWay, PathFilter, Progress,
    RestoreConfig, RouteConfig, Source, StageSpec, Watch, WriteAccess,
};
use crate::source::SourceConfig;
use crate::store::{ReadStore, WriteStore};
use crate::target::TargetConfig;

/// Faults that a report carries to the one who asked, at most; all are counted.
const FAULTS_MAX: usize = 1000;
/// Decoded chunks that a restore keeps.
const CHUNK_COUNT_MAX: usize = 48;

/// Keeps what a session says for the one who asked for it.
#[derive(Default)]
struct Heard(Mutex<Vec<Value>>);

impl Heard {
    fn keep(&self, value: Value) {
        let mut heard = self.0.lock().expect("no holder panics");
        if heard.len() < FAULTS_MAX {
            heard.push(value);
        }
    }
}

impl Observer for Heard {
    fn fault(&self, path: &[u8], error: &Error) {
        let path = String::from_utf8_lossy(path);
        self.keep(json!({ "type": "fault", "path": path, "error": error.to_string() }));
    }

    fn found(&self, path: &[u8], verdict: Verdict, finding: &format::Finding) {
        if verdict >= Verdict::Hold {
            let path = String::from_utf8_lossy(path);
            self.keep(json!({ "type": "finding", "path": path, "name": finding.name }));
        }
    }

    fn note(&self, text: &str) {
        self.keep(json!({ "type": "note", "text": text }));
    }
}

/// Does a job with a source, with a store over lent connections; gives its report as JSON.
pub(super) fn run(
    source: &SourcePolicy,
    job: AgentJob,
    dial: Arc<dyn Dial>,
    cancel: &Cancel,
    console: &Console,
) -> Result<String> {
    let heard = Heard::default();
    let notes = {
        let console = console.clone();
        Arc::new(move |text: &str| console.note(text))
    };
    let config = RemoteConfig {
        address: Address { host: "lent".to_owned(), name: String::new() },
        dial: Arc::clone(&dial),
        retry_for: RETRY_FOR,
        channels: 4,
        notes,
        cancel: cancel.clone(),
    };
    let store = Arc::new(RemoteStore::open(lent_config(config, dial))?);
    let engine = engine_without_plugins(console)?;
    let (ambient, progress) = (ambient(), Progress::default());
    let watch = Watch { observer: &heard, progress: &progress, cancel };
    let report = match job {
        AgentJob::Archive { name, reread } => {
            let mut writer = RemoteWriter::new(store);
            let lent = writer.store();
            // It writes by the store's public recipient: an agent holds no key of the store.
            let access = Access::nothing();
            let access =
                WriteAccess::open(&*lent, &access, &*ambient.random, None, &default_writer()?)?;
            let config = archive_config(name, reread);
            let source = Source::Files(source_config(source));
            let archived =
                session::archive(&ambient, &engine, &mut writer, &access, &config, source, &watch)?;
            serde_json::to_value(archived)
        }
        AgentJob::Restore { archive, overwrite, keys } => {
            let mut keyring = Keyring::empty();
            keys.into_iter().for_each(|(envelope, key)| keyring.lend(envelope, key));
            let archive = ArchiveId(archive);
            let record = store.archives()?.into_iter().find(|one| one.header.archive == archive);
            let footer = record.and_then(|record| record.footer).ok_or_else(|| {
                Error::new(ErrorKind::Missing, format!("no finished archive {archive}"))
            })?;
            let decoding = Decoding::new(&*store, &engine, &keyring);
            let mut target = TargetConfig::new(&source.path);
            target.overwrite = overwrite;
            let config = RestoreConfig {
                filter: PathFilter::default(),
                target,
                journals: Some(StateFolder::open(None, store.id())?.path().join("restores")),
                fresh: false,
                rate_max: None,
                workers: workers(None),
                chunk_count_max: CHUNK_COUNT_MAX,
            };
            serde_json::to_value(session::restore(&ambient, &decoding, &footer, config, &watch)?)
        }
    };
    let report = report.expect("a report is plain data");
    let heard = heard.0.into_inner().expect("no holder panics");
    Ok(json!({ "report": report, "heard": heard }).to_string())
}

/// What the agent's operator lets be archived, and nothing else.
fn source_config(source: &SourcePolicy) -> SourceConfig {
    let roots = match &source.include[..] {
        [] => vec![source.path.clone()],
        include => include.iter().map(|path| source.path.join(path)).collect(),
    };
    SourceConfig { roots, excludes: source.exclude.clone(), ..SourceConfig::default() }
}

fn archive_config(name: String, reread: bool) -> ArchiveConfig {
    let stage = |name: &str| StageSpec::new(name, "{}");
    ArchiveConfig {
        name,
        reread,
        dry_run: false,
        rate_max: None,
        routes: vec![RouteConfig::default()],
        router: Arc::new(OneWay),
        dedupe: stage("crc-dedupe"),
        filters: Vec::new(),
        snoops: vec![stage("snoop-type"), stage("snoop-yara")],
        on_snoop_failure: OnSnoopFailure::default(),
        workers: workers(None),
        memory: session::WORKER_MEMORY,
        verify: DecodeVerify::Sample,
        fresh: false,
        job: Job::default(),
    }
}

/// `mover archive --from mover://AGENT/SOURCE --to STORE`.
pub(super) fn archive(
    command: &Archive,
    from: &str,
    global: &Global,
    cancel: &Cancel,
    console: &Console,
) -> Result<Value> {
    let address = Address::parse(from)?;
    let name = command.name.clone().unwrap_or_else(|| address.name.clone());
    let job = AgentJob::Archive { name, reread: command.reread };
    let to = command.to.as_deref().unwrap_or(std::path::Path::new(""));
    call(address, job, to, global, cancel, console)
}

/// `mover restore STORE ARCHIVE --into mover://AGENT/SOURCE`.
pub(super) fn restore(
    command: &Restore,
    into: &str,
    global: &Global,
    cancel: &Cancel,
    console: &Console,
) -> Result<Value> {
    let address = Address::parse(into)?;
    let store = open_store(&command.store, global, cancel, console)?;
    let record = store.find_archive(&command.archive)?;
    let keyring = keyring(&*store, global)?;
    // The agent gets the keys of what this archive needs, and no way to the store's secret.
    let mut keys = Vec::new();
    for session in store.sessions()? {
        for epoch in &session.header.epochs {
            keys.extend(keyring.to_lend(epoch).ok().flatten());
        }
    }
    let archive = record.header.archive.0;
    let job = AgentJob::Restore { archive, overwrite: command.overwrite, keys };
    let mut report = call(address, job, &command.store, global, cancel, console)?;
    // The agent knows the archive by its id.
    report["name"] = record.header.name.into();
    Ok(report)
}

fn call(
    address: Address,
    job: AgentJob,
    store: &Path,
    global: &Global,
    cancel: &Cancel,
    console: &Console,
) -> Result<Value> {
    let Place::Folder(store) = Place::of(store)? else {
        let message = "an agent works with a store of this machine";
        return Err(Error::new(ErrorKind::Usage, message)
            .way_out("run the command where the store is, or on the agent with --to mover://..."));
    };
    let agent = KnownPeers::open(None)?.pinned(&address.host)?;
    let identity = Arc::new(Identity::open(None)?);
    let direct = Arc::new(Direct { host: address.host.clone(), identity, pinned: agent });
    let config = remote(address, global, cancel, console)?;
    let json = call_agent(AgentCall { config, agent, job, store }, direct)?;
    let ended: Value = serde_json::from_str(&json).map_err(|cause| {
        Error::new(ErrorKind::Refused, "the agent's report cannot be read").because(cause)
    })?;
    for heard in ended["heard"].as_array().into_iter().flatten() {
        let text = |key: &str| heard[key].as_str().unwrap_or_default().to_owned();
        match heard["type"].as_str() {
            Some("note") => console.note(&text("text")),
            Some("fault") => {
                let error = Error::new(ErrorKind::Io, text("error"));
                console.fault(text("path").as_bytes(), &error);
            }
            _ => console.note(&format!("{} was found in {}", text("name"), text("path"))),
        }
    }
    Ok(ended["report"].clone())
}

//! `mover archive`: archives files and folders, or standard input.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use format::Framing;
use serde_json::Value;

use super::Outcome;
use super::agent;
use super::arguments::{
    Archive, FramingArgument, Global, OnFailureArgument, OnSnoopFailureArgument, VerifyArgument,
};
use super::console::Console;
use super::drives::tell_failed_drives;
use super::open::{access, ambient, cancel_on_signals, engine, has_passphrase, workers};
use super::parity;
use super::place::{Place, open_writer};
use super::status;
use crate::archive::DecodeVerify;
use crate::error::{Error, ErrorKind, Result};
use crate::key::{StateFolder, default_writer};
use crate::net::state_folder;
use crate::policy::{ArchivePolicy, OnSnoopFailureText, PathGlobs, Policy};
use crate::session::board::{self, Notice};
use crate::session::{
    self, ArchiveConfig, ArchiveReport, FilterConfig, Job, MappedRoutes, OnFailure, OnSnoopFailure,
    OneWay, Progress, RouteConfig, Router, Source, StageSpec, Watch, WriteAccess,
};
use crate::source::{Walker, raise_open_file_limit};
use crate::store::{ReadStore, StoreConfig, remember_home, remember_pools};
use crate::units::{counted, show};

pub(super) fn run(mut command: Archive, global: &Global, console: &Console) -> Result<Outcome> {
    raise_open_file_limit()?;
    let policy = command.policy.as_deref().map(Policy::read).transpose()?;
    if let Some(policy) = &policy {
        take_from(policy, &mut command);
    }
    let to = command.to.clone().ok_or_else(|| {
        Error::new(ErrorKind::Usage, "no store is named")
            .way_out("give --to, or store = in [archive]")
    })?;
    if command.paths.is_empty() && command.stdin.is_none() && command.from.is_none() {
        return Err(Error::new(ErrorKind::Usage, "nothing to archive is named")
            .way_out("give a PATH, or paths = in [archive]"));
    }
    if let Some(policy) = &policy
        && let Place::Folder(folder) = Place::of(&to)?
    {
        remember_pools(&folder, policy.pools())?;
    }
    check_sources(&command)?;
    if let Some(from) = &command.from {
        let cancel = cancel_on_signals()?;
        let report = agent::archive(&command, from, global, &cancel, console)?;
        return tell_agent(&report, console);
    }
    let ambient = ambient();
    let cancel = cancel_on_signals()?;
    let doing = format!("archive {}", name_of(&command));
    let of_home = policy.as_ref().and_then(|policy| policy.archive.parity);
    parity::is_made_here(of_home, &Place::of(&to)?)?;
    let home = |config: &mut StoreConfig| {
        config.volume_size = command.volume_size.map_or(config.volume_size, |size| size.0);
        config.parity = of_home.or(config.parity);
    };
    let mut writer = open_writer(&to, home, &doing, global, &cancel, console)?;
    if let Place::Folder(folder) = Place::of(&to)? {
        // Whatever writes to the pool later goes by it too: prune, repair, merge.
        remember_home(&folder, command.volume_size, of_home)?;
    }
    let access = open_access(&*writer.store(), &command, global, &ambient)?;
    let engine = engine(global, console)?;
    let config = config(&command, policy.as_ref())?;
    let progress = Arc::new(Progress::default());
    let notice =
        Notice { kind: "archive", archive: config.name.clone(), store: to.display().to_string() };
    let _posted = status::post(notice, &progress, &cancel, console);
    let attached = match &command.attach {
        Some(name) => Some(board::wait_for_end(&state_folder(None)?, name, &cancel)?),
        None => None,
    };
    let watch = Watch { observer: console, progress: &progress, cancel: &cancel };
    let mut content = source(&command, attached);
    let report = loop {
        let done = console.watch(&progress, || {
            session::archive(&ambient, &engine, &mut *writer, &access, &config, content, &watch)
        });
        let error = match done {
            Ok(report) => break report,
            // What came through a pipe cannot be had again.
            Err(error) if command.stdin.is_some() => return Err(error),
            Err(error) => error,
        };
        let Some(anew) = writer.without_failed_drives()? else { return Err(error) };
        console.note(&format!("{error}; going on with the other drives"));
        writer = anew;
        content = source(&command, None);
    };
    let unprotected = !report.dry_run && parity::protect(&mut *writer, &cancel, console)?;
    let drives_failed = tell_failed_drives(&*writer.store(), console);
    tell(&report, console)?;
    let failed = report.untransformed_chunks + report.unscanned > 0;
    let faults =
        report.faults > 0 || failed || !report.behind.is_empty() || drives_failed || unprotected;
    Ok(Outcome { faults, refused: report.held + report.stopped > 0 })
}

/// What the command line does not say, the policy does.
fn take_from(policy: &Policy, command: &mut Archive) {
    let ArchivePolicy { store, name, paths, one_file_system, snoops, .. } = &policy.archive;
    if command.to.is_none() {
        command.to.clone_from(store);
    }
    if command.name.is_none() {
        command.name.clone_from(name);
    }
    if command.paths.is_empty() && command.stdin.is_none() && command.from.is_none() {
        command.paths.clone_from(paths);
    }
    command.volume_size = command.volume_size.or(policy.archive.volume_size);
    command.selection.exclude.extend(policy.archive.excludes());
    command.selection.one_file_system |= one_file_system;
    if command.on_snoop_failure.is_none() {
        command.on_snoop_failure = policy.archive.on_snoop_failure.map(|text| match text {
            OnSnoopFailureText::Stop => OnSnoopFailureArgument::Stop,
            OnSnoopFailureText::Tag => OnSnoopFailureArgument::Tag,
        });
    }
    if command.snoop.is_empty() {
        command.snoop = snoops.iter().map(session::stage_of).collect();
    }
}

/// A source that is not there and a glob that is none are told before anything is opened or asked
/// for, and leave nothing unfinished behind.
fn check_sources(command: &Archive) -> Result<()> {
    for path in &command.paths {
        std::fs::symlink_metadata(path).map_err(|cause| {
            Error::io("finding", path, cause).way_out("check the path; nothing was archived")
        })?;
    }
    if !command.paths.is_empty() {
        let mut config = command.selection.source(&command.paths);
        // What comes through a pipe can be read once.
        let is_pipe = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|it| !it.is_file());
        config.exclude_from.retain(|path| !is_pipe(path));
        Walker::open(&config)?;
    }
    Ok(())
}

fn open_access(
    store: &dyn ReadStore,
    command: &Archive,
    global: &Global,
    ambient: &session::Ambient,
) -> Result<WriteAccess> {
    let group = store.current_group()?;
    // Without a passphrase to ask for, this machine writes by the public recipient alone.
    let prompt = group.is_encrypted() && has_passphrase(store)?;
    let access = access(global, &store.name(), prompt)?;
    if command.trust_new_key {
        StateFolder::open(None, store.id())?.trust_recipient(&group)?;
    }
    WriteAccess::open(store, &access, &*ambient.random, None, &default_writer()?)
}

fn name_of(command: &Archive) -> String {
    if let Some(name) = command.name.as_ref().or(command.stdin.as_ref()) {
        return name.clone();
    }
    let first = command.paths.first().map_or(Path::new("/"), PathBuf::as_path);
    let absolute = std::fs::canonicalize(first).unwrap_or_else(|_| first.to_owned());
    let name = absolute.file_name().map_or_else(|| "root".into(), |name| name.to_string_lossy());
    name.into_owned()
}

fn config(command: &Archive, policy: Option<&Policy>) -> Result<ArchiveConfig> {
    let name = name_of(command);
    if name.is_empty() || name.len() > format::limits::NAME_LENGTH_MAX {
        let message = format!("an archive cannot be named {name:?}");
        return Err(Error::new(ErrorKind::Usage, message).way_out("give another --name"));
    }
    let chunk_length = command.chunk_size.0;
    if !(64 << 10..=8 << 20).contains(&chunk_length) {
        let message = format!("chunks of {} are not possible", show(chunk_length));
        return Err(Error::new(ErrorKind::Usage, message).way_out("use 64K to 8M"));
    }
    let or_default = |given: &[StageSpec], default: &[&str]| match given {
        [] => default.iter().map(|name| StageSpec::new(name, "{}")).collect(),
        [one] if one.component == "none" => Vec::new(),
        given => given.to_vec(),
    };
    let default = RouteConfig {
        stages: or_default(&command.stage, &["zstd"]),
        chunk_length: usize::try_from(chunk_length).expect("checked to be small"),
        framing: match command.framing {
            FramingArgument::Each => Framing::Each,
            FramingArgument::Run => Framing::Run,
            FramingArgument::Both => Framing::Both,
        },
        on_failure: match command.on_failure {
            OnFailureArgument::Stop => OnFailure::Stop,
            OnFailureArgument::Store => OnFailure::Store,
        },
        ..RouteConfig::default()
    };
    let (routes, router): (_, Arc<dyn Router>) = match policy {
        None => (vec![default], Arc::new(OneWay)),
        Some(policy) => {
            let mapped = MappedRoutes::new(policy, &name, ambient().clock.now(), default)?;
            (mapped.routes().to_vec(), Arc::new(mapped))
        }
    };
    Ok(ArchiveConfig {
        name,
        reread: command.reread,
        dry_run: command.dry_run,
        rate_max: command.limit_rate.map(|size| size.0),
        routes,
        router,
        dedupe: command.dedupe.clone(),
        filters: filters(command, policy)?,
        snoops: or_default(&command.snoop, &["snoop-type", "snoop-yara"]),
        on_snoop_failure: match command.on_snoop_failure {
            Some(OnSnoopFailureArgument::Tag) => OnSnoopFailure::Tag,
            Some(OnSnoopFailureArgument::Stop) | None => OnSnoopFailure::Stop,
        },
        workers: workers(command.workers),
        memory: command.memory.0,
        verify: match command.verify {
            VerifyArgument::Always => DecodeVerify::Always,
            VerifyArgument::Sample => DecodeVerify::Sample,
            VerifyArgument::Never => DecodeVerify::Never,
        },
        fresh: command.fresh,
        job: job(),
    })
}

/// What the command line and the policy say of filters.
fn filters(command: &Archive, policy: Option<&Policy>) -> Result<Vec<FilterConfig>> {
    let given = command
        .filter
        .iter()
        .map(|spec| Ok(FilterConfig { spec: spec.clone(), paths: None, lossy: command.lossy }));
    let of_policy = policy.into_iter().flat_map(|policy| &policy.archive.filters).map(|filter| {
        let paths = match &filter.path[..] {
            [] => None,
            globs => Some(PathGlobs::new(globs)?),
        };
        let spec = session::stage_of(&filter.stage());
        Ok(FilterConfig { spec, paths, lossy: filter.lossy })
    });
    given.chain(of_policy).collect()
}

/// This command, for `mover resume`.
fn job() -> Job {
    let arguments = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let folder = std::env::current_dir().unwrap_or_default();
    Job { arguments: arguments.collect(), folder: folder.to_string_lossy().into_owned() }
}

fn source(command: &Archive, attached: Option<UnixStream>) -> Source {
    match &command.stdin {
        Some(name) => {
            let input: Box<dyn Read + Send> = match attached {
                Some(socket) => Box::new(socket),
                None => Box::new(std::io::stdin()),
            };
            Source::Stdin { name: name.clone(), input }
        }
        None => Source::Files(command.selection.source(&command.paths)),
    }
}

/// The end of an agent's job, in one line.
fn tell_agent(report: &Value, console: &Console) -> Result<Outcome> {
    console.document("report", report)?;
    let number = |key: &str| report[key].as_u64().unwrap_or(0);
    let id = report["archive"].as_str().unwrap_or_default();
    console.line(&format!(
        "archived {} ({}): {}, {} sent",
        report["name"].as_str().unwrap_or_default(),
        &id[..id.len().min(8)],
        counted(number("entries"), "entry", "entries"),
        show(number("bytes_sent")),
    ))?;
    let faults = number("faults");
    console.counts([(faults, "fault, told above", "faults, each told above")])?;
    Ok(Outcome { faults: faults > 0, refused: number("held") + number("stopped") > 0 })
}

fn tell(report: &ArchiveReport, console: &Console) -> Result<()> {
    console.document("report", report)?;
    if report.dry_run {
        return console.line(&format!(
            "would archive {} as {}: {}, {}; {} in {} would be read",
            report.name,
            if report.unchanged_files > 0 { "a further generation" } else { "a first one" },
            counted(report.entries, "entry", "entries"),
            show(report.content_bytes),
            show(report.bytes_read),
            counted(report.files - report.unchanged_files, "file", "files"),
        ));
    }
    console.line(&format!(
        "archived {} ({}): {}, {}",
        report.name,
        &report.archive[..8],
        counted(report.entries, "entry", "entries"),
        show(report.content_bytes)
    ))?;
    console.line(&format!(
        "  read {}, found {} known, stored {} in {:.1} s; {} unchanged",
        show(report.bytes_read),
        show(report.deduplicated_bytes),
        show(report.stored_bytes),
        report.seconds,
        counted(report.unchanged_files, "file", "files"),
    ))?;
    if report.bytes_sent > 0 {
        console.line(&format!(
            "  sent {}, {} of it again after {}",
            show(report.bytes_sent),
            show(report.bytes_sent_again),
            counted(report.retries, "lost connection", "lost connections"),
        ))?;
    }
    console.counts([
        (
            report.held,
            "held by a snoop: kept, listed as [held], and not restored",
            "held by a snoop: kept, listed as [held], and not restored",
        ),
        (report.stopped, "left out by a snoop", "left out by a snoop"),
        (
            report.unscanned,
            "not seen whole by a snoop that failed: tagged unscanned",
            "not seen whole by a snoop that failed: tagged unscanned",
        ),
        (
            report.untransformed_chunks,
            "chunk stored without its stages, one of which failed",
            "chunks stored without their stages, one of which failed",
        ),
        (report.faults, "fault, told above", "faults, each told above"),
    ])?;
    Ok(())
}

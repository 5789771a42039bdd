//! `mover serve`: offers stores to other movers.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use serde_json::json;

use super::Outcome;
use super::agent;
use super::arguments::Serve;
use super::console::Console;
use super::open::cancel_on_signals;
use crate::error::{Error, ErrorKind, Result};
use crate::net::{
    AgentJob, Dial, Fingerprint, Gate, Identity, Rights, Server, ServerConfig, StoreGrant,
};
use crate::pipeline::Cancel;
use crate::policy::{Policy, StorePolicy, StoreRights};
use crate::source::raise_open_file_limit;
use crate::store::{remember_map, remember_pools};

/// The policy file, as a gate.
struct PolicyGate {
    path: PathBuf,
    policy: RwLock<Policy>,
    cancel: Cancel,
    console: Console,
}

/// Reads a policy file, and checks what only this side knows of: fingerprints.
fn read(path: &Path) -> Result<Policy> {
    let policy = Policy::read(path)?;
    for (place, text) in policy.fingerprints() {
        text.parse::<Fingerprint>().map_err(|cause| {
            let hint = cause.hint().unwrap_or_default().to_owned();
            Error::new(ErrorKind::Usage, format!("{}: {place}", path.display()))
                .because(cause)
                .way_out(hint)
        })?;
    }
    Ok(policy)
}

impl PolicyGate {
    /// Takes the file as it is now; a mistake in it leaves everything as it was.
    fn reread(&self, console: &Console) {
        match read(&self.path) {
            Ok(policy) => {
                *self.policy.write().expect("no holder panics") = policy;
                console.note(&format!("read {} again", self.path.display()));
            }
            Err(error) => {
                console.note(&format!("the policy stays as it was: {error}"));
            }
        }
    }
}

impl Gate for PolicyGate {
    fn store(&self, name: &str, peer: &Fingerprint) -> Option<StoreGrant> {
        let policy = self.policy.read().expect("no holder panics");
        let store = policy.store(name)?;
        let path = store.path.clone();
        if let Err(error) = remember_map_of(&policy, store) {
            // Chunks for pools that it does not have are refused by name.
            self.console.note(&format!("the map of store {name} is not followed: {error}"));
        }
        let is_peer = |text: &str| text.parse::<Fingerprint>().is_ok_and(|known| known == *peer);
        let StoreRights { write, read, delete, keys } = policy.store_rights(name, is_peer);
        Some(StoreGrant { path, rights: Rights { write, read, delete, keys } })
    }

    fn may_run(&self, source: &str, job: &AgentJob, peer: &Fingerprint) -> bool {
        let policy = self.policy.read().expect("no holder panics");
        let is_peer = |text: &str| text.parse::<Fingerprint>().is_ok_and(|known| known == *peer);
        let rights = policy.source_rights(source, is_peer);
        match job {
            AgentJob::Archive { .. } => rights.archive,
            AgentJob::Restore { .. } => rights.restore,
        }
    }

    fn run(&self, source: &str, job: AgentJob, store: Arc<dyn Dial>) -> Result<String> {
        let found = self.policy.read().expect("no holder panics").source(source).cloned();
        let source = found.ok_or_else(|| {
            Error::new(ErrorKind::Missing, format!("there is no source {source} any more"))
        })?;
        agent::run(&source, job, store, &self.cancel, &self.console)
    }
}

/// Makes a store that is there remember its map, and the pools that the map names.
fn remember_map_of(policy: &Policy, store: &StorePolicy) -> Result<()> {
    if store.path.is_dir() {
        remember_pools(&store.path, &policy.pools_of_map(store))?;
        remember_map(&store.path, &store.map)?;
    }
    Ok(())
}

pub(super) fn run(command: &Serve, console: &Console) -> Result<Outcome> {
    raise_open_file_limit()?;
    let policy = read(&command.policy)?;
    let serve = policy.serve.clone();
    let identity = Identity::open(None)?;
    let config = ServerConfig {
        listen: serve.listen,
        memory: serve.memory,
        sessions_max: serve.sessions_max,
        channels_max: serve.channels_max,
        full_patience: serve.full_patience,
    };
    let path = command.policy.clone();
    let cancel = cancel_on_signals()?;
    let policy = RwLock::new(policy);
    let (own, told) = (cancel.clone(), console.clone());
    let gate = Arc::new(PolicyGate { path, policy, cancel: own, console: told });
    let reread = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&reread))
        .map_err(|cause| Error::new(ErrorKind::Io, "listening for signals").because(cause))?;
    let notes = {
        let console = console.clone();
        Arc::new(move |text: &str| console.note(text))
    };
    let server = Server::new(config, Arc::clone(&gate) as Arc<dyn Gate>, notes);
    let listeners = server.listen()?;
    for (_, address) in &listeners {
        let fingerprint = identity.fingerprint();
        console.line(&format!("listening on {address} as {fingerprint}"))?;
        let document = json!({
            "event": "listening",
            "address": address.to_string(),
            "fingerprint": fingerprint.to_string(),
        });
        console.document("listening", document)?;
    }
    if let Some(metrics) = &serve.metrics {
        server.serve_metrics(metrics)?;
    }
    server.run(listeners, &identity, &cancel, &mut || {
        if reread.swap(false, Ordering::Relaxed) {
            gate.reread(console);
        }
    })?;
    Ok(Outcome::default())
}

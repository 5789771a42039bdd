//! The other side of an agent: asks it to do a job, and lends it connections on which it reads or
//! writes a store of this machine.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::identity::Fingerprint;
use super::link::Link;
use super::remote::{Dial, Direct, RemoteConfig, exchange};
use super::retry::is_lost;
use super::server::{Gate, Server, ServerConfig, StoreGrant};
use super::wire::{AgentJob, Reply, Request, Rights};
use crate::ambient::{SystemRandom, random_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::threads;

/// The name under which the store is lent.
const STORE_NAME: &str = "lent";
/// Connections that are lent besides those for chunks: for questions, and for control.
const SPARE: u16 = 4;
/// Between two tries to lend a connection.
const INTERVAL: Duration = Duration::from_millis(200);

/// What an agent is asked.
pub struct AgentCall {
    /// Where the agent is, and what its source is called there.
    pub config: RemoteConfig,
    /// Who the agent is.
    pub agent: Fingerprint,
    /// What it is to do.
    pub job: AgentJob,
    /// The store that it may use for that.
    pub store: PathBuf,
}

/// Lets the agent, and nobody else, do what its job needs.
struct Lender {
    agent: Fingerprint,
    path: PathBuf,
    rights: Rights,
}

impl Gate for Lender {
    fn store(&self, name: &str, peer: &Fingerprint) -> Option<StoreGrant> {
        let is_it = name == STORE_NAME && *peer == self.agent;
        is_it.then(|| StoreGrant { path: self.path.clone(), rights: self.rights })
    }
}

/// How a store is reached over lent connections, from the agent's side.
pub fn lent_config(mut config: RemoteConfig, dial: Arc<dyn Dial>) -> RemoteConfig {
    config.address.name = STORE_NAME.to_owned();
    config.dial = dial;
    config
}

/// Has an agent do a job; gives its report as JSON.
pub fn call_agent(call: AgentCall, direct: Arc<Direct>) -> Result<String> {
    let AgentCall { config, agent, job, store } = call;
    let rights = match job {
        AgentJob::Archive { .. } => Rights { write: true, ..Rights::default() },
        AgentJob::Restore { .. } => Rights { read: true, ..Rights::default() },
    };
    let server = Server::new(
        ServerConfig {
            listen: Vec::new(),
            memory: 256 << 20,
            sessions_max: 1,
            channels_max: config.channels,
            full_patience: Duration::from_secs(60),
        },
        Arc::new(Lender { agent, path: store, rights }),
        Arc::clone(&config.notes),
    );
    let ticket: [u8; 16] = random_bytes(&SystemRandom);
    let is_over = Arc::new(AtomicBool::new(false));
    let start_lender = || {
        let (server, direct) = (Arc::clone(&server), Arc::clone(&direct));
        let (is_over, config) = (Arc::clone(&is_over), config.clone());
        threads::start("mover-lend", move || {
            while !is_over.load(Ordering::Relaxed) {
                let lent = lend(&direct, &config, ticket);
                // A lost one is lent anew; one that is not wanted yet too.
                match lent {
                    Ok(link) => drop(server.serve_link(link)),
                    Err(_) => std::thread::sleep(INTERVAL),
                }
            }
        })
    };
    let start_tending = || {
        let is_over = Arc::clone(&is_over);
        server.start_tending(move || is_over.load(Ordering::Relaxed))
    };
    // Nobody waits for lenders: one may wait for a question that never comes, and the process's end
    // ends it.
    let lending = (0..config.channels + SPARE).try_for_each(|_| start_lender().map(drop));
    let (tending, ended) = match lending.and_then(|()| start_tending()) {
        Ok(tending) => (Some(tending), wait_for_end(&config, &direct, ticket, &job)),
        Err(error) => (None, Err(error)),
    };
    is_over.store(true, Ordering::Relaxed);
    server.close();
    for thread in tending.into_iter().flatten() {
        thread.join().expect("whoever tends does not panic");
    }
    ended
}

fn wait_for_end(
    config: &RemoteConfig,
    direct: &Direct,
    ticket: [u8; 16],
    job: &AgentJob,
) -> Result<String> {
    let mut backoff = config.backoff();
    let source = config.address.name.clone();
    let run = Request::Run { ticket, source, job: job.clone() };
    loop {
        let asked = direct.dial().and_then(|mut link| {
            let asked = exchange(&mut link, &run, &[], &config.notes);
            // It stood: what is lost hours later is tried as long as anything.
            if link.has_heard() {
                backoff = config.backoff();
            }
            asked.map(|(reply, _)| reply)
        });
        match asked {
            Ok(Reply::Report { json }) => return Ok(json),
            Ok(reply) => {
                let message = format!("{} gave a wrong answer: {reply:?}", config.address);
                return Err(Error::new(ErrorKind::Refused, message));
            }
            // With the same ticket it is the same job.
            Err(error) if is_lost(&error) => backoff.wait(error)?,
            Err(error) => return Err(error),
        }
    }
}

fn lend(direct: &Direct, config: &RemoteConfig, ticket: [u8; 16]) -> Result<Link> {
    let mut link = direct.dial()?;
    exchange(&mut link, &Request::Lend { ticket }, &[], &config.notes)?;
    Ok(link)
}

//! A mover that others connect to: it offers stores, and does what each peer may.
//!
//! Every connection is served by a thread of its own, one question at a time. A session that
//! writes has one connection for control and some for chunks; all sessions of a store append
//! through the store's one writer, chunk by chunk in turns. Memory is bounded by a budget for
//! chunks in flight and a limit on connections.

mod agent;
mod answer;
mod attachment;
mod budget;
mod connection;
mod desk;
mod metrics;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use self::attachment::Attachment;
use self::budget::Budget;
use self::connection::Served;
use self::desk::Desks;
use super::identity::{Fingerprint, Identity};
use super::link::{Cutter, Link};
use super::remote::Dial;
use super::tls;
use super::wire::{AgentJob, Rights};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Cancel;
use crate::threads;

/// A store that a peer may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreGrant {
    /// Where it is.
    pub path: PathBuf,
    /// What the peer may do there.
    pub rights: Rights,
}

/// Says who may do what; asked for every question, so that it may change at any time.
pub trait Gate: Send + Sync {
    /// What a peer may do in the store of a name; none where there is no such store.
    fn store(&self, name: &str, peer: &Fingerprint) -> Option<StoreGrant>;
    /// Whether a peer may have a job done with one of this machine's sources.
    fn may_run(&self, _source: &str, _job: &AgentJob, _peer: &Fingerprint) -> bool {
        false
    }
    /// Does a job, with a store over connections that were lent; gives its report as JSON.
    fn run(&self, source: &str, _job: AgentJob, _store: Arc<dyn Dial>) -> Result<String> {
        Err(Error::new(ErrorKind::Missing, format!("there is no source {source}")))
    }
}

/// How a server behaves.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Addresses to listen on.
    pub listen: Vec<String>,
    /// Bytes that peers send and that are not appended yet, at most.
    pub memory: u64,
    /// Sessions that write at once, at most.
    pub sessions_max: usize,
    /// Channels of one session, at most.
    pub channels_max: u16,
    /// How long a writer waits on a full disk.
    pub full_patience: Duration,
}

/// Connections at once, at most.
const CONNECTIONS_MAX: usize = 1024;
/// Of those, connections that have not yet proven who they are.
const STRANGERS_MAX: usize = 64;

/// Between two looks for new connections.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(20);
/// Between two looks after commits, and after pulses.
const TEND_INTERVAL: Duration = Duration::from_millis(50);

/// A running server.
pub struct Server {
    config: ServerConfig,
    gate: Arc<dyn Gate>,
    desks: Desks,
    budget: Budget,
    jobs: self::agent::Jobs,
    attached: Mutex<HashMap<[u8; 16], Arc<Attachment>>>,
    pulsed: Mutex<Vec<Weak<Served>>>,
    connections: AtomicUsize,
    strangers: AtomicUsize,
    counts: Counts,
    notes: Arc<dyn Fn(&str) + Send + Sync>,
}

/// What a server has seen since it began.
#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    refused: AtomicU64,
    sessions: AtomicU64,
    bytes: AtomicU64,
    chunks: AtomicU64,
}

/// Counts one up as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize, most: usize) -> Option<Counted<'a>> {
        let before = counter.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(counter);
        (before < most).then_some(counted)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    /// A server that listens nowhere yet.
    pub fn new(
        config: ServerConfig,
        gate: Arc<dyn Gate>,
        notes: Arc<dyn Fn(&str) + Send + Sync>,
    ) -> Arc<Server> {
        let budget = Budget::new(config.memory);
        Arc::new(Server {
            config,
            gate,
            desks: Desks::default(),
            budget,
            jobs: self::agent::Jobs::default(),
            attached: Mutex::default(),
            pulsed: Mutex::default(),
            connections: AtomicUsize::new(0),
            strangers: AtomicUsize::new(0),
            counts: Counts::default(),
            notes,
        })
    }

    /// Listens, and tells the addresses.
    pub fn listen(&self) -> Result<Vec<(TcpListener, SocketAddr)>> {
        let mut listeners = Vec::new();
        for address in &self.config.listen {
            let failed = |cause: std::io::Error| {
                Error::new(ErrorKind::Io, format!("listening on {address}")).because(cause).way_out(
                    "name a free address of this machine as listen under [serve] in the policy file",
                )
            };
            let listener = TcpListener::bind(address).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            listeners.push((listener, bound));
        }
        Ok(listeners)
    }

    /// Serves until it is cancelled; then ends what runs, with all that arrived made durable.
    /// `now_and_then` is called in idle moments.
    pub fn run(
        self: &Arc<Server>,
        listeners: Vec<(TcpListener, SocketAddr)>,
        identity: &Identity,
        cancel: &Cancel,
        now_and_then: &mut dyn FnMut(),
    ) -> Result<()> {
        let tls = tls::server_config(identity)?;
        let tending = {
            let cancel = cancel.clone();
            self.start_tending(move || cancel.is_cancelled())?
        };
        while !cancel.is_cancelled() {
            let mut is_idle = true;
            for (listener, _) in &listeners {
                if let Ok((socket, _)) = listener.accept() {
                    is_idle = false;
                    self.admit(socket, Arc::clone(&tls));
                }
            }
            if is_idle {
                now_and_then();
                std::thread::sleep(ACCEPT_INTERVAL);
            }
        }
        for thread in tending {
            // It only ends; what it could not commit, its session hears of.
            let _ = thread.join();
        }
        self.close();
        Ok(())
    }

    /// Ends what runs, with all that arrived made durable.
    pub fn close(&self) {
        self.detach(None, |_| true);
        self.desks.tend(&*self.notes);
    }

    /// Starts what is done now and then, until it is over: commits and parity, which may take long;
    /// and apart from them the pulses, which tell those that wait for them.
    pub(super) fn start_tending(
        self: &Arc<Server>,
        is_over: impl Fn() -> bool + Clone + Send + 'static,
    ) -> Result<[JoinHandle<()>; 2]> {
        let start = |name, work: fn(&Server)| {
            let (server, is_over) = (Arc::clone(self), is_over.clone());
            threads::start(name, move || {
                while !is_over() {
                    work(&server);
                    std::thread::sleep(TEND_INTERVAL);
                }
            })
        };
        let tending = start("mover-tend", |server| server.desks.tend(&*server.notes))?;
        Ok([tending, start("mover-pulse", Server::pulse)?])
    }

    fn pulse(&self) {
        let mut pulsed = self.pulsed.lock();
        pulsed.retain(|served| match served.upgrade() {
            Some(served) => {
                served.pulse();
                true
            }
            None => false,
        });
    }

    /// Answers questions over a connection that was made from here.
    pub fn serve_link(self: &Arc<Server>, link: Link) -> Result<()> {
        connection::serve(self, link)
    }

    fn admit(self: &Arc<Server>, socket: TcpStream, tls: Arc<rustls::ServerConfig>) {
        let server = Arc::clone(self);
        self.counts.connections.fetch_add(1, Ordering::Relaxed);
        let serve = move || {
            let Some(_connection) = Counted::new(&server.connections, CONNECTIONS_MAX) else {
                return;
            };
            let link = {
                let Some(_stranger) = Counted::new(&server.strangers, STRANGERS_MAX) else {
                    return;
                };
                // What an accepted socket inherits differs between systems.
                let blocking = socket.set_nonblocking(false);
                blocking
                    .map_err(|cause| Error::io("accepting", "a connection", cause))
                    .and_then(|()| Link::accept(socket, tls))
            };
            let served = link.and_then(|link| connection::serve(&server, link));
            if let Err(error) = served {
                server.counts.refused.fetch_add(1, Ordering::Relaxed);
                (server.notes)(&error.to_string());
            }
        };
        // Without a thread for it the connection is closed, and the peer tries again.
        let _ = threads::start("mover-connection", serve);
    }

    fn attach(&self, attachment: Arc<Attachment>) -> Result<()> {
        let mut attached = self.attached.lock();
        if attached.len() >= self.config.sessions_max {
            drop(attached);
            attachment.close(None);
            return Err(Error::new(ErrorKind::Busy, "the server has as many sessions as it may")
                .way_out("try again later, or raise sessions-max in its policy file"));
        }
        self.counts.sessions.fetch_add(1, Ordering::Relaxed);
        attached.insert(attachment.id, attachment);
        Ok(())
    }

    fn attachment(&self, id: &[u8; 16]) -> Option<Arc<Attachment>> {
        self.attached.lock().get(id).cloned()
    }

    fn attachments(&self) -> Vec<Arc<Attachment>> {
        self.attached.lock().values().cloned().collect()
    }

    /// Ends sessions.
    fn detach(&self, asking: Option<&Cutter>, which: impl Fn(&Attachment) -> bool) {
        let over: Vec<_> = {
            let mut attached = self.attached.lock();
            let ids: Vec<_> =
                attached.values().filter(|one| which(one)).map(|one| one.id).collect();
            ids.iter().filter_map(|id| attached.remove(id)).collect()
        };
        for attachment in over {
            let bytes = attachment.bytes.load(Ordering::Relaxed);
            self.counts.bytes.fetch_add(bytes, Ordering::Relaxed);
            let chunks = attachment.chunks.load(Ordering::Relaxed);
            self.counts.chunks.fetch_add(chunks, Ordering::Relaxed);
            attachment.close(asking);
        }
    }
}

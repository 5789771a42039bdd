//! Jobs that an agent does for a peer: with its own sources, and with a store over connections that
//! the peer made and lends, so that it needs no way to reach the peer by itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Server;
use crate::error::{Error, ErrorKind, Result};
use crate::net::identity::Fingerprint;
use crate::net::link::{Link, silence_max};
use crate::net::remote::Dial;
use crate::net::wire::AgentJob;
use crate::threads;

/// Connections that a job keeps for later, at most: more than a session has.
const LENT_MAX: usize = 64;
/// Ended jobs whose reports are kept for a peer that lost its connection.
const ENDED_MAX: usize = 64;

/// All jobs.
#[derive(Default)]
pub(super) struct Jobs(Mutex<HashMap<[u8; 16], Arc<Job>>>);

/// One job.
pub(super) struct Job {
    peer: Fingerprint,
    began: Instant,
    state: Mutex<JobState>,
    changed: Condvar,
}

#[derive(Default)]
struct JobState {
    /// The latest at the end.
    lent: VecDeque<(Link, Instant)>,
    /// Its report, or why there is none.
    ended: Option<Result<String, Failure>>,
}

/// An error that can be told twice: kind, message, way out.
type Failure = (ErrorKind, String, Option<String>);

impl JobState {
    /// Keeps a connection, and none that its other end has given up by now.
    fn lend(&mut self, link: Link) {
        self.lent.retain(|(_, since)| since.elapsed() < silence_max());
        if self.lent.len() >= LENT_MAX {
            self.lent.pop_front();
        }
        self.lent.push_back((link, Instant::now()));
    }

    fn take(&mut self) -> Option<Link> {
        let (link, since) = self.lent.pop_back()?;
        if since.elapsed() < silence_max() {
            return Some(link);
        }
        // All others are older.
        self.lent.clear();
        None
    }
}

impl Job {
    fn lock(&self) -> std::sync::MutexGuard<'_, JobState> {
        self.state.lock().expect("no holder panics")
    }
}

/// Tells whoever waits that a job has ended; also where it panicked, which is told as an error.
struct Ending {
    job: Arc<Job>,
    ended: Option<Result<String, Failure>>,
}

impl Drop for Ending {
    fn drop(&mut self) {
        let ended = self.ended.take().unwrap_or_else(|| {
            let message = "the agent's job ended without a report, which is a bug".to_owned();
            Err((ErrorKind::Io, message, Some("see what the agent printed".to_owned())))
        });
        // It may be the holder that panicked: a second panic would end the process.
        let mut state = self.job.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ended = Some(ended);
        let lent = std::mem::take(&mut state.lent);
        drop(state);
        self.job.changed.notify_all();
        drop(lent);
    }
}

/// Takes a connection that the peer lent.
struct Lent(Arc<Job>);

impl Dial for Lent {
    fn dial(&self) -> Result<Link> {
        let until = Instant::now() + silence_max();
        let mut state = self.0.lock();
        loop {
            if let Some(link) = state.take() {
                return Ok(link);
            }
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return Err(Error::new(ErrorKind::Io, "the other mover lends no connection"));
            };
            state = self.0.changed.wait_timeout(state, left).expect("no holder panics").0;
        }
    }
}

impl Jobs {
    /// Takes a connection for a job of the peer.
    pub(super) fn lend(&self, ticket: &[u8; 16], link: Link) -> Result<()> {
        let job = self.0.lock().expect("no holder panics").get(ticket).cloned();
        let job = job.filter(|job| job.peer == link.peer()).ok_or_else(unknown)?;
        let mut state = job.lock();
        if state.ended.is_none() {
            state.lend(link);
        }
        drop(state);
        job.changed.notify_all();
        Ok(())
    }

    /// Whether a connection can be lent to a job.
    pub(super) fn knows(&self, ticket: &[u8; 16], peer: &Fingerprint) -> bool {
        let jobs = self.0.lock().expect("no holder panics");
        jobs.get(ticket).is_some_and(|job| job.peer == *peer && job.lock().ended.is_none())
    }
}

pub(super) fn unknown() -> Error {
    Error::new(ErrorKind::Missing, "there is no such job here")
}

impl Server {
    /// Begins a job, or joins one that was begun with the same ticket, and waits for its end.
    pub(super) fn run_job(
        self: &Arc<Server>,
        ticket: [u8; 16],
        source: &str,
        job: &AgentJob,
        peer: &Fingerprint,
    ) -> Result<String> {
        let (known, is_new) = {
            let mut jobs = self.jobs.0.lock().expect("no holder panics");
            if jobs.len() >= ENDED_MAX {
                let oldest = jobs.iter().filter(|(_, job)| job.lock().ended.is_some());
                let oldest = oldest.min_by_key(|(_, job)| job.began).map(|(ticket, _)| *ticket);
                oldest.and_then(|ticket| jobs.remove(&ticket));
            }
            if jobs.len() >= ENDED_MAX {
                return Err(Error::new(ErrorKind::Busy, "the agent has as many jobs as it may"));
            }
            let is_new = !jobs.contains_key(&ticket);
            let new = || {
                let (state, changed) = (Mutex::default(), Condvar::new());
                Arc::new(Job { peer: *peer, began: Instant::now(), state, changed })
            };
            (Arc::clone(jobs.entry(ticket).or_insert_with(new)), is_new)
        };
        if known.peer != *peer {
            return Err(unknown());
        }
        if is_new {
            let (server, own) = (Arc::clone(self), Arc::clone(&known));
            let (source, job) = (source.to_owned(), job.clone());
            let run = move || {
                let mut ending = Ending { job: Arc::clone(&own), ended: None };
                let ended = server.gate.run(&source, job, Arc::new(Lent(own)));
                ending.ended = Some(ended.map_err(|error| {
                    (error.kind(), error.to_string(), error.hint().map(str::to_owned))
                }));
            };
            if let Err(error) = threads::start("mover-job", run) {
                self.jobs.0.lock().expect("no holder panics").remove(&ticket);
                return Err(error);
            }
        }
        let mut state = known.lock();
        loop {
            if let Some(ended) = &state.ended {
                return ended.clone().map_err(|(kind, message, way_out)| {
                    let error = Error::new(kind, message);
                    match way_out {
                        Some(way_out) => error.way_out(way_out),
                        None => error,
                    }
                });
            }
            let wait = Duration::from_secs(1);
            state = known.changed.wait_timeout(state, wait).expect("no holder panics").0;
        }
    }
}

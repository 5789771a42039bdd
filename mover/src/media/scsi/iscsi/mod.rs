//! Commands over TCP: an iSCSI initiator (RFC 7143) of just what media need.
//!
//! One session with one connection for each device, one command at a time, no recovery of a
//! session that failed. Written here because there is no library for it that is both kept up and
//! free to link; it needs nothing of the kernel, so it runs wherever a program can open a socket.
//! It authenticates nobody and encrypts nothing: the network to a tape library has to be its own.

// In suggested reading order.
mod address;
mod pdu;
mod wire;
mod limits;
mod session;
mod login;
mod exchange;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::address::Address;
use self::session::Session;
use super::{Data, Outcome, Transport};
use crate::{Result, threads};

/// After so long a silence the target is asked whether it is there.
const PATIENCE: Duration = Duration::from_secs(10);
/// So often an idle session looks what the target asked. Targets close sessions that do not answer
/// for some seconds, and tgt takes no notice of an answer after it asked again.
const TEND: Duration = Duration::from_secs(1);

/// A session with a target.
pub struct IscsiTransport {
    name: String,
    /// None only while it is dropped.
    session: Option<Arc<Mutex<Session>>>,
    keeper: JoinHandle<()>,
}

impl IscsiTransport {
    /// Logs in to `iscsi://HOST:PORT/IQN/LUN`; also gives the logical unit.
    pub fn open(address: &str) -> Result<(IscsiTransport, u64)> {
        IscsiTransport::open_with_patience(address, PATIENCE)
    }

    /// As [`IscsiTransport::open`]; a target that is silent for `patience` during a command is
    /// asked whether it is there, and given up after six times that.
    pub fn open_with_patience(address: &str, patience: Duration) -> Result<(IscsiTransport, u64)> {
        let parsed = Address::parse(address)?;
        let session = Session::open(&parsed, address, patience)?;
        let session = Arc::new(Mutex::new(session));
        let weak = Arc::downgrade(&session);
        let keeper = threads::start("mover-iscsi", move || keep(&weak))?;
        let transport = IscsiTransport { name: address.to_owned(), session: Some(session), keeper };
        Ok((transport, parsed.lun))
    }
}

impl Transport for IscsiTransport {
    fn execute(
        &mut self,
        lun: u64,
        command: &[u8],
        data: Data<'_>,
        timeout: Duration,
    ) -> Result<Outcome> {
        let session = self.session.as_ref().expect("it is taken by `drop` only");
        lock(session).execute(lun, command, data, timeout)
    }
}

impl Drop for IscsiTransport {
    fn drop(&mut self) {
        // Logs out, unless the keeper has it in hand right now: then the keeper does.
        self.session = None;
        self.keeper.thread().unpark();
    }
}

impl fmt::Debug for IscsiTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IscsiTransport").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Answers the target's questions for as long as somebody holds the session.
fn keep(session: &Weak<Mutex<Session>>) {
    loop {
        thread::park_timeout(TEND);
        let Some(session) = session.upgrade() else { return };
        // While a command runs, it answers by itself.
        if let Ok(mut session) = session.try_lock() {
            session.tend();
        }
    }
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

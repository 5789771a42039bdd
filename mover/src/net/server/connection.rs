//! One connection that is served: questions are read, worked on and answered, one at a time, while
//! a pulse tells the peer that a long answer is still being worked on.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use super::Server;
use super::answer::{Answerer, failure};
use crate::error::Result;
use crate::net::link::{Link, silence_max};
use crate::net::wire::{self, Reply, Request};

/// What a connection is at, for the pulse.
#[derive(Default)]
pub(super) struct Busy {
    state: Mutex<BusyState>,
}

#[derive(Default)]
struct BusyState {
    since: Option<Instant>,
    why: Option<String>,
}

impl Busy {
    fn begin(&self) {
        *self.lock() = BusyState { since: Some(Instant::now()), why: None };
    }

    fn end(&self) {
        *self.lock() = BusyState::default();
    }

    /// Says why it takes long.
    pub(super) fn because(&self, why: String) {
        self.lock().why = Some(why);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BusyState> {
        self.state.lock().expect("no holder panics")
    }
}

/// A connection, as the pulse sees it.
pub(super) struct Served {
    /// Gone when it was lent to a job.
    link: Mutex<Option<Link>>,
    pub(super) busy: Busy,
    beat: Mutex<Instant>,
}

impl Served {
    pub(super) fn new(link: Link) -> Served {
        let beat = Mutex::new(Instant::now());
        Served { link: Mutex::new(Some(link)), busy: Busy::default(), beat }
    }

    /// Tells the peer that it is being worked on, where that takes long.
    pub(super) fn pulse(&self) {
        let (since, why) = {
            let busy = self.busy.lock();
            let Some(since) = busy.since else { return };
            (since, busy.why.clone())
        };
        // A reason is worth telling soon.
        let most = Duration::from_secs(if why.is_some() { 1 } else { 5 });
        let interval = (silence_max() / 4).min(most);
        if since.elapsed() < interval {
            return;
        }
        let mut beat = self.beat.lock().expect("no holder panics");
        if beat.elapsed() < interval {
            return;
        }
        // Who holds the link now is sending the answer itself.
        let Ok(mut link) = self.link.try_lock() else { return };
        if let Some(link) = link.as_mut()
            && self.busy.lock().since.is_some()
        {
            *beat = Instant::now();
            // A failure shows when the answer is sent.
            let _ = link.send(&Reply::Working { why }, &[]);
        }
    }
}

/// Serves a connection until its end.
pub(super) fn serve(server: &Arc<Server>, link: Link) -> Result<()> {
    let (peer, name) = (link.peer(), link.name().to_owned());
    let cutter = link.cutter();
    let served = Arc::new(Served::new(link));
    server.pulsed.lock().push(Arc::downgrade(&served) as Weak<Served>);
    let mut answerer = Answerer::new(server, peer, name, cutter);
    loop {
        let mut guard = served.link.lock().expect("no holder panics");
        let Some(link) = guard.as_mut() else { return Ok(()) };
        let Some(lengths) = link.next_lengths()? else { return Ok(()) };
        let request: Request = link.message(lengths)?;
        // Before anything is held: whoever may do nothing costs nothing.
        let bytes = lengths.payload as u64;
        let admitted = answerer.admit(&request, lengths.payload);
        if let Err(error) = admitted.and_then(|()| server.budget.admit(bytes)) {
            link.skip_payload(lengths)?;
            link.send(&failure(&error), &[])?;
            continue;
        }
        let number = match &request {
            Request::Append { number } => Some(*number),
            _ => None,
        };
        drop(guard);
        // From here on, with the link left to the pulse: memory may be waited for too.
        served.busy.begin();
        // Before it is read: a peer cannot make this server hold more than it wants to.
        let is_next = || number.is_some_and(|number| answerer.is_next(number));
        let share = server.budget.take(bytes, is_next);
        let mut guard = served.link.lock().expect("no holder panics");
        let Some(link) = guard.as_mut() else { return Ok(()) };
        let payload = link.payload(lengths)?;
        drop(guard);
        let answer = answerer.answer(&request, &payload, &served.busy);
        served.busy.end();
        drop((payload, share));
        let mut guard = served.link.lock().expect("no holder panics");
        let Some(link) = guard.as_mut() else { return Ok(()) };
        // An answer that is too long is said to be so: a connection that ends is tried again.
        let answer = answer.and_then(|(reply, bytes)| {
            wire::encode(&reply, bytes.len()).map(|message| (message, bytes))
        });
        match answer {
            Ok((message, bytes)) => link.send_encoded(&message, &[&bytes])?,
            Err(error) => {
                link.send(&failure(&error), &[])?;
                continue;
            }
        }
        if let Request::Lend { ticket } = request
            && let Some(link) = guard.take()
        {
            return server.jobs.lend(&ticket, link);
        }
    }
}

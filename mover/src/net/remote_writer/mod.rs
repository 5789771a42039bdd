//! A session that writes to a store with another mover: one control channel, and data channels
//! with one append under way on each.
//!
//! Appends are numbered in order and go out over whichever channel is free; the server puts them
//! back in order. An append is kept until it is answered: what a lost connection takes with it is
//! at most one append for each channel, and exactly those are sent again.

mod state;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use format::{
    ArchiveFooter, ArchiveHeader, ArchiveId, ChunkFooter, ChunkHeader, Component, Frame, FrameKind,
    KeyGroup, RunFooter, RunHeader, SessionFooter, SessionHeader, StreamNumber, Timestamp, limits,
};

use self::state::{RunChange, State};
use super::link::{Link, silence_max};
use super::remote::{ASKED_MAX, RemoteStore, exchange, open, unexpected};
use super::retry::{is_lost, is_unattached};
use super::wire::{ChunkKey, EndInfo, Reply, Request, chunk_key};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Meter;
use crate::store::{ArchiveProof, ReadStore, StreamEnd, Traffic, WriteStore};
use crate::threads;

/// Writes to a store with another mover.
pub struct RemoteWriter {
    shared: Arc<Shared>,
    queue: Option<Sender<Append>>,
    channels: Vec<JoinHandle<()>>,
}

/// An append that was not answered yet.
#[derive(Clone)]
struct Append {
    number: u64,
    frames: Arc<Vec<u8>>,
}

/// What all channels share.
struct Shared {
    store: Arc<RemoteStore>,
    meter: Arc<Meter>,
    state: Mutex<State>,
    changed: Condvar,
}

impl RemoteWriter {
    /// A writer to a store that is open.
    pub fn new(store: Arc<RemoteStore>) -> RemoteWriter {
        let shared = Shared {
            store,
            meter: Meter::new("channels"),
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        RemoteWriter { shared: Arc::new(shared), queue: None, channels: Vec::new() }
    }

    fn append(&mut self, frames: Vec<u8>, chunk: Option<ChunkKey>, run: RunChange) -> Result<u64> {
        let frames = Arc::new(frames);
        let number = {
            let mut state = self.shared.lock();
            state.healthy()?;
            state.give(&frames, chunk, run)
        };
        let queue = self.queue.as_ref().expect("an archive was begun");
        // A rendezvous: it waits until a channel is free, so that no more is held than is credited.
        let append = Append { number, frames };
        if queue.send(append).is_err() {
            self.shared.lock().healthy()?;
        }
        let state = self.shared.lock();
        state.healthy()?;
        Ok(state.answered_chunks())
    }

    /// Asks over the control channel; over a new one where it is lost.
    fn control(&self, request: &Request, payload: &[u8]) -> Result<Reply> {
        let mut generation = self.shared.generation();
        loop {
            let mut state = self.shared.lock();
            state.healthy()?;
            if state.generation == generation
                && let Some(mut link) = state.control.take()
            {
                drop(state);
                let notes = &self.shared.store.config.notes;
                let answer = exchange(&mut link, request, &[payload], notes);
                match answer {
                    Err(error) if is_lost(&error) || is_unattached(&error) => {}
                    answer => {
                        let mut state = self.shared.lock();
                        if state.generation == generation {
                            state.control = Some(link);
                        }
                        return answer.map(|(reply, _)| reply);
                    }
                }
            } else {
                drop(state);
            }
            self.shared.begin_again(generation)?;
            generation = self.shared.generation();
        }
    }

    /// Waits until every append is answered.
    fn drain(&self) -> Result<()> {
        let mut state = self.shared.lock();
        while !state.outstanding.is_empty() {
            state.healthy()?;
            state = self.shared.changed.wait(state).expect("no holder panics");
        }
        state.healthy()
    }

    fn start_channels(&mut self, count: u16) -> Result<()> {
        let (queue, appends) = bounded::<Append>(0);
        self.queue = Some(queue);
        for _ in 0..count.max(1) {
            let (shared, appends) = (Arc::clone(&self.shared), appends.clone());
            let run = move || Channel { shared, link: None }.run(&appends);
            self.channels.push(threads::start("mover-channel", run)?);
        }
        let shared = Arc::clone(&self.shared);
        self.channels.push(threads::start("mover-alive", move || shared.keep_alive())?);
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn generation(&self) -> u64 {
        self.lock().generation
    }

    fn fail(&self, error: &Error) {
        let mut state = self.lock();
        if state.failure.is_none() {
            let way_out = error.hint().map(str::to_owned);
            state.failure = Some((error.kind(), error.to_string(), way_out));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Begins the session on the server, or begins it again after generation `lost`.
    fn begin_again(&self, lost: u64) -> Result<()> {
        let mut state = self.lock();
        state.healthy()?;
        if state.generation != lost {
            // Another channel was faster.
            return Ok(());
        }
        if lost > 0 {
            state.traffic.retries += 1;
        }
        let mut backoff = self.store.config.backoff();
        loop {
            // The lock is held: no channel can do anything before the session is begun.
            match self.try_begin(&mut state) {
                Ok(()) => {
                    drop(state);
                    self.changed.notify_all();
                    return Ok(());
                }
                Err(error) if is_lost(&error) || is_unattached(&error) => {
                    backoff.wait(error)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn try_begin(&self, state: &mut State) -> Result<()> {
        state.control = None;
        let config = &self.store.config;
        let (mut link, id, _) = open(config)?;
        self.store.same(id)?;
        let digests = state.components.iter().map(|(component, _)| component.digest.0).collect();
        let lacking = Request::LackingComponents { digests };
        let (Reply::Lacking { digests }, _) = exchange(&mut link, &lacking, &[], &config.notes)?
        else {
            return Err(unexpected(&link, &Reply::Done));
        };
        for (component, bytes) in &state.components {
            if digests.contains(&component.digest.0) {
                let put = Request::PutComponent {
                    digest: component.digest.0,
                    name: component.name.clone(),
                    version: component.version.clone(),
                };
                exchange(&mut link, &put, &[bytes], &config.notes)?;
            }
        }
        let proof = state.proof.expect("an archive is begun with its proof");
        let outstanding = state.outstanding.iter().map(|(number, append)| (*number, append.chunk));
        let outstanding: Vec<_> = outstanding.collect();
        let request = Request::Begin { proof: proof.0, outstanding, next: state.next };
        let run: &[u8] = state.run_there().map_or(&[], |frame| frame);
        let (reply, _) = exchange(&mut link, &request, &[&state.headers, run], &config.notes)?;
        let Reply::Begun { attachment, there, ends, channels, .. } = reply else {
            return Err(unexpected(&link, &reply));
        };
        let complete = complete(&ends);
        if state.generation == 0 {
            state.first_complete = complete;
            state.has_gap = ends.iter().map(EndInfo::end).any(|end| end.complete < end.next);
        }
        for number in there {
            state.answered(number, None);
        }
        let lost = match state.has_gap {
            true => self.lacking(&mut link, state)?,
            false => {
                let answered = state.first_complete.iter().zip(state.chunks_answered);
                let lacks =
                    |((first, chunks), is): ((&u64, u64), u64)| (first + chunks).saturating_sub(is);
                answered.zip(complete).map(lacks).sum()
            }
        };
        if lost > 0 {
            let message = format!(
                "{} has lost {lost} chunks that it had not yet made durable",
                config.address
            );
            return Err(Error::new(ErrorKind::Damaged, message)
                .way_out("run the same command again: it goes back to where the store stands"));
        }
        state.attachment = attachment;
        state.channels_max = channels;
        state.generation += 1;
        state.control = Some(link);
        Ok(())
    }

    /// How many of the chunks that were answered as written are not there: each is asked for.
    fn lacking(&self, link: &mut Link, state: &State) -> Result<u64> {
        let mut answered = state.given_and_answered().peekable();
        let mut lacking = 0;
        while answered.peek().is_some() {
            let chunks: Vec<ChunkKey> = answered.by_ref().take(ASKED_MAX).collect();
            let count = chunks.len();
            let request = Request::ChunkPlaces { chunks };
            match exchange(link, &request, &[], &self.store.config.notes)? {
                (Reply::Places { places }, _) if places.len() == count => {
                    lacking += places.iter().filter(|place| place.is_none()).count() as u64;
                }
                (reply, _) => return Err(unexpected(link, &reply)),
            }
        }
        Ok(lacking)
    }

    /// Lets the server know that this end lives, while nothing is to be said.
    fn keep_alive(&self) {
        let interval = silence_max() / 3;
        let mut pinged = Instant::now();
        let mut state = self.lock();
        while !state.is_over && state.failure.is_none() {
            // Every answered append wakes this up too: how long it slept says nothing.
            let left = interval.saturating_sub(pinged.elapsed());
            state = self.changed.wait_timeout(state, left).expect("no holder panics").0;
            if pinged.elapsed() < interval || state.is_over {
                continue;
            }
            pinged = Instant::now();
            // Under the lock, so that nobody takes the channel for lost meanwhile.
            let Some(link) = &mut state.control else { continue };
            if exchange(link, &Request::Ping, &[], &self.store.config.notes).is_err() {
                state.control = None;
            }
        }
    }
}

/// How many chunks there are without a gap: data, index.
fn complete(ends: &[EndInfo]) -> [u64; 2] {
    let of = |stream| {
        let ends = ends.iter().map(EndInfo::end);
        ends.filter(|end| end.stream == stream).map(|end| end.complete).sum()
    };
    [of(StreamNumber(0)), of(StreamNumber::INDEX)]
}

/// One data channel.
struct Channel {
    shared: Arc<Shared>,
    link: Option<(u64, Link)>,
}

impl Channel {
    fn run(&mut self, appends: &Receiver<Append>) {
        let interval = silence_max() / 3;
        let meter = Arc::clone(&self.shared.meter);
        meter.add_instance();
        loop {
            match meter.wait(|| appends.recv_timeout(interval)) {
                Ok(append) => {
                    if let Err(error) = meter.busy(|| self.deliver(&append)) {
                        self.shared.fail(&error);
                    }
                    meter.moved(append.frames.len(), append.frames.len());
                    self.shared.changed.notify_all();
                }
                Err(RecvTimeoutError::Timeout) => self.keep_alive(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn keep_alive(&mut self) {
        if let Some((_, link)) = &mut self.link {
            let notes = &self.shared.store.config.notes;
            if exchange(link, &Request::Ping, &[], notes).is_err() {
                self.link = None;
            }
        }
    }

    /// Sends an append until it is answered.
    fn deliver(&mut self, append: &Append) -> Result<()> {
        let mut was_sent = false;
        loop {
            let generation = {
                let state = self.shared.lock();
                state.healthy()?;
                if !state.outstanding.contains_key(&append.number) {
                    // The server had it already when the session was begun again.
                    return Ok(());
                }
                state.generation
            };
            match self.try_deliver(append, generation, &mut was_sent) {
                Ok(durable) => {
                    self.shared.lock().answered(append.number, Some(durable));
                    return Ok(());
                }
                Err(error) if is_lost(&error) || is_unattached(&error) => {
                    self.link = None;
                    self.shared.begin_again(generation)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn try_deliver(
        &mut self,
        append: &Append,
        generation: u64,
        was_sent: &mut bool,
    ) -> Result<u64> {
        let config = &self.shared.store.config;
        if self.link.as_ref().is_none_or(|(of, _)| *of != generation) {
            let (mut link, id, _) = open(config)?;
            self.shared.store.same(id)?;
            let attachment = self.shared.lock().attachment;
            exchange(&mut link, &Request::Attach { attachment }, &[], &config.notes)?;
            self.link = Some((generation, link));
        }
        let (_, link) = self.link.as_mut().expect("it was just made");
        {
            let mut state = self.shared.lock();
            state.traffic.sent += append.frames.len() as u64;
            if *was_sent {
                state.traffic.sent_again += append.frames.len() as u64;
            }
        }
        *was_sent = true;
        let request = Request::Append { number: append.number };
        match exchange(link, &request, &[&append.frames], &config.notes)? {
            (Reply::Written { durable }, _) => Ok(durable),
            (reply, _) => Err(unexpected(link, &reply)),
        }
    }
}

/// Puts a frame behind others; an error, and nothing put, where no reader would take it.
fn put_frame(kind: FrameKind, body: &[u8], payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
    for (what, bytes, limit) in [
        ("header", body, limits::FRAME_BODY_LENGTH_MAX),
        ("payload", payload, limits::FRAME_PAYLOAD_LENGTH_MAX),
    ] {
        let length = bytes.len();
        if length > limit as usize {
            let message = format!("a {what} of {length} bytes passes the limit of {limit}");
            return Err(Error::new(ErrorKind::Refused, message));
        }
    }
    Frame::encode(kind, body, payload, out);
    Ok(())
}

impl WriteStore for RemoteWriter {
    fn store(&self) -> Arc<dyn ReadStore> {
        Arc::clone(&self.shared.store) as Arc<dyn ReadStore>
    }

    fn unfinished(&mut self, proof: &ArchiveProof) -> Result<Option<Vec<StreamEnd>>> {
        let store = &self.shared.store;
        match store.ask(&Request::Unfinished { proof: proof.0 }, &[])? {
            (Reply::Unfinished { ends }, _) => {
                Ok(ends.map(|ends| ends.iter().map(EndInfo::end).collect()))
            }
            (reply, _) => {
                let message = format!("{} gave a wrong answer: {reply:?}", store.name());
                Err(Error::new(ErrorKind::Refused, message))
            }
        }
    }

    fn begin_session(
        &mut self,
        header: &SessionHeader,
        components: &[(Component, &[u8])],
    ) -> Result<()> {
        let mut body = Vec::new();
        header.encode(&mut body);
        let mut state = self.shared.lock();
        put_frame(FrameKind::SessionHeader, &body, &[], &mut state.headers)?;
        let own = |(component, bytes): &(Component, &[u8])| (component.clone(), bytes.to_vec());
        state.components = components.iter().map(own).collect();
        Ok(())
    }

    fn begin_archive(&mut self, header: &ArchiveHeader, proof: &ArchiveProof) -> Result<()> {
        let mut body = Vec::new();
        header.encode(&mut body);
        {
            let mut state = self.shared.lock();
            put_frame(FrameKind::ArchiveHeader, &body, &[], &mut state.headers)?;
            state.proof = Some(*proof);
        }
        self.shared.begin_again(0)?;
        let granted = self.shared.lock().channels_max;
        self.start_channels(self.shared.store.config.channels.min(granted))
    }

    fn append_chunk(
        &mut self,
        header: &ChunkHeader,
        payload: &[u8],
        footer: &ChunkFooter,
    ) -> Result<u64> {
        let (mut body, mut footer_body, mut tables) = (Vec::new(), Vec::new(), Vec::new());
        header.encode(&mut body);
        footer.encode(&mut footer_body, &mut tables);
        let length = payload.len() + body.len() + footer_body.len() + tables.len() + 256;
        let mut frames = Vec::with_capacity(length);
        put_frame(FrameKind::ChunkHeader, &body, payload, &mut frames)?;
        put_frame(FrameKind::ChunkFooter, &footer_body, &tables, &mut frames)?;
        self.append(frames, Some(chunk_key(&header.chunk)), RunChange::None)
    }

    fn append_run_header(&mut self, header: &RunHeader) -> Result<()> {
        let (mut body, mut frame) = (Vec::new(), Vec::new());
        header.encode(&mut body);
        put_frame(FrameKind::RunHeader, &body, &[], &mut frame)?;
        self.append(frame, None, RunChange::Opens).map(drop)
    }

    fn append_run_footer(&mut self, footer: &RunFooter) -> Result<()> {
        let (mut body, mut frame) = (Vec::new(), Vec::new());
        footer.encode(&mut body);
        put_frame(FrameKind::RunFooter, &body, &[], &mut frame)?;
        self.append(frame, None, RunChange::Closes).map(drop)
    }

    fn end_archive(&mut self, footer: &ArchiveFooter) -> Result<()> {
        self.drain()?;
        let (mut body, mut lists, mut frame) = (Vec::new(), Vec::new(), Vec::new());
        footer.encode(&mut body, &mut lists);
        put_frame(FrameKind::ArchiveFooter, &body, &lists, &mut frame)?;
        self.control(&Request::EndArchive, &frame).map(drop)
    }

    fn end_session(&mut self, footer: &SessionFooter) -> Result<()> {
        let (mut body, mut frame) = (Vec::new(), Vec::new());
        footer.encode(&mut body);
        put_frame(FrameKind::SessionFooter, &body, &[], &mut frame)?;
        self.control(&Request::EndSession, &frame).map(drop)
    }

    fn settle(&mut self) -> Result<()> {
        // After a failure there may be nobody to ask; the server settles by itself then.
        self.shared.lock().healthy()?;
        self.control(&Request::Settle, &[]).map(drop)
    }

    fn durable_chunks(&self) -> u64 {
        self.shared.lock().durable
    }

    fn stored_length(&self) -> Result<u64> {
        Ok(self.shared.lock().appended_bytes)
    }

    fn meter(&self) -> Option<Arc<Meter>> {
        Some(Arc::clone(&self.shared.meter))
    }

    fn traffic(&self) -> Traffic {
        let mut traffic = self.shared.lock().traffic;
        traffic.retries += self.shared.store.retries.load(Ordering::Relaxed);
        traffic
    }

    fn drop_archive(&mut self, archive: &ArchiveId, now: Timestamp) -> Result<()> {
        self.shared.store.drop_archive(archive, now)
    }

    fn put_group(&mut self, group: &KeyGroup) -> Result<()> {
        self.shared.store.put_group(group)
    }
}

impl Drop for RemoteWriter {
    fn drop(&mut self) {
        self.queue = None;
        let mut state = self.shared.lock();
        state.is_over = true;
        let control = state.control.take();
        drop(state);
        drop(control);
        self.shared.changed.notify_all();
        for channel in self.channels.drain(..) {
            // It has told its failure already.
            let _ = channel.join();
        }
    }
}

/// How long a running session tries to reach its server again, unless the operator says more.
pub const RETRY_FOR: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_begun_again_opens_the_run_of_what_is_sent_first() {
        let mut state = State::default();
        let frames = |byte: u8| Arc::new(vec![byte]);
        let chunk = Some(([0; 16], 0, 0));
        let run = |state: &State| state.run_there().map(|frame| frame[0]);
        let give =
            |state: &mut State, byte, chunk, change| state.give(&frames(byte), chunk, change);
        give(&mut state, 1, None, RunChange::Opens);
        // The run's own header is sent again.
        assert_eq!(run(&state), None);
        let of_first = give(&mut state, 11, chunk, RunChange::None);
        give(&mut state, 12, None, RunChange::Closes);
        give(&mut state, 2, None, RunChange::Opens);
        let last = give(&mut state, 21, chunk, RunChange::None);
        for (answered, open) in [(0, Some(1)), (of_first, Some(1)), (2, None), (3, Some(2))] {
            state.answered(answered, None);
            assert_eq!(run(&state), open, "after {answered}");
        }
        state.answered(last, None);
        assert_eq!(run(&state), Some(2));
    }

    #[test]
    fn a_frame_that_no_reader_would_take_is_refused() {
        let long = vec![0; limits::FRAME_PAYLOAD_LENGTH_MAX as usize + 1];
        let mut out = vec![7];
        for (body, payload) in [(&long[..], &[][..]), (&[][..], &long[..])] {
            let error = put_frame(FrameKind::ChunkHeader, body, payload, &mut out).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
            assert!(error.to_string().contains("passes the limit"), "{error}");
        }
        assert_eq!(out, [7]);
        put_frame(FrameKind::ChunkHeader, &[1], &long[1..], &mut out).unwrap();
    }
}

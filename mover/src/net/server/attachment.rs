//! A session of a peer that writes: puts its appends in order, and gives them to the store.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, TryLockError};
use std::time::{Duration, Instant};

use format::{
    ArchiveFooter, ArchiveHeader, ChunkFooter, ChunkHeader, ChunkId, Component, Frame, FrameKind,
    RunFooter, RunHeader, SessionFooter, SessionHeader,
};

use super::connection::Busy;
use super::desk::{Desk, is_full};
use crate::error::{Error, ErrorKind, Result};
use crate::net::identity::Fingerprint;
use crate::net::link::Cutter;
use crate::store::{Store, StoreWriter};

/// Between two tries on a full disk.
const FULL_INTERVAL: Duration = Duration::from_millis(500);

/// A component with its bytes.
pub(super) type Carried = (Component, Arc<Vec<u8>>);

/// What a session is begun with.
pub(super) struct Begun {
    pub(super) header: SessionHeader,
    pub(super) archive: ArchiveHeader,
    pub(super) run: Option<RunHeader>,
    pub(super) components: Vec<Carried>,
    /// Appends that the peer still waits for, and the number of the first new one.
    pub(super) expected: VecDeque<u64>,
    pub(super) next: u64,
}

/// A session that is written to.
pub(super) struct Attachment {
    pub(super) id: [u8; 16],
    pub(super) peer: Fingerprint,
    pub(super) peer_name: String,
    pub(super) desk: Arc<Desk>,
    pub(super) store_name: String,
    begun: Begun,
    order: Mutex<Order>,
    changed: Condvar,
    links: Mutex<Vec<Cutter>>,
    channels_max: u16,
    pub(super) is_paused: AtomicBool,
    pub(super) bytes: AtomicU64,
    pub(super) chunks: AtomicU64,
    pub(super) since: Instant,
    full_patience: Duration,
}

struct Order {
    expected: VecDeque<u64>,
    next: u64,
    run: Option<RunHeader>,
    /// The writer that knows this session.
    generation: u64,
    /// This session's chunks that are not durable yet, by their ordinals with that writer.
    waiting: VecDeque<(u64, ChunkId)>,
    durable: u64,
    is_closed: bool,
    is_finished: bool,
}

impl Order {
    fn first(&self) -> u64 {
        self.expected.front().copied().unwrap_or(self.next)
    }

    fn advance(&mut self) {
        if self.expected.pop_front().is_none() {
            self.next += 1;
        }
    }

    /// Whether the store has all that was answered as written.
    fn is_there(&self, store: &Store) -> Result<bool> {
        for (_, chunk) in &self.waiting {
            if store.chunk_place(chunk)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

pub(super) fn gone() -> Error {
    Error::new(ErrorKind::Cancelled, "the session is not open here any more")
}

impl Attachment {
    pub(super) fn new(
        id: [u8; 16],
        (peer, peer_name): (Fingerprint, String),
        (desk, store_name): (Arc<Desk>, String),
        begun: Begun,
        (full_patience, channels_max): (Duration, u16),
    ) -> Attachment {
        let order = Order {
            expected: begun.expected.clone(),
            next: begun.next,
            run: begun.run.clone(),
            generation: 0,
            waiting: VecDeque::new(),
            durable: 0,
            is_closed: false,
            is_finished: false,
        };
        desk.count(true);
        Attachment {
            id,
            peer,
            peer_name,
            desk,
            store_name,
            begun,
            order: Mutex::new(order),
            changed: Condvar::new(),
            links: Mutex::default(),
            channels_max,
            is_paused: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            chunks: AtomicU64::new(0),
            since: Instant::now(),
            full_patience,
        }
    }

    pub(super) fn archive(&self) -> &ArchiveHeader {
        &self.begun.archive
    }

    pub(super) fn session(&self) -> &SessionHeader {
        &self.begun.header
    }

    /// One more channel, to be cut when the session is over.
    pub(super) fn join(&self, cutter: Cutter) -> Result<()> {
        let order = self.order.lock().expect("no holder panics");
        if order.is_closed {
            return Err(gone());
        }
        let mut links = self.links.lock().expect("no holder panics");
        // Besides the control channel; twice, since that one is lost is known here later than at
        // its other end, which makes another one at once.
        if links.len() > 2 * usize::from(self.channels_max.max(1)) {
            let message = format!("the session has {} channels already", links.len());
            return Err(Error::new(ErrorKind::Refused, message).way_out(
                "use fewer --channels, or raise channels-max in the server's policy file",
            ));
        }
        links.push(cutter);
        Ok(())
    }

    /// A channel that has ended.
    pub(super) fn leave(&self, cutter: &Cutter) {
        self.links.lock().expect("no holder panics").retain(|link| !link.is(cutter));
    }

    /// Whether an append is the one that all others wait for; does not wait itself.
    pub(super) fn is_next(&self, number: u64) -> bool {
        match self.order.try_lock() {
            Ok(order) => order.is_closed || order.first() == number,
            // What comes before is being appended, which a full disk makes long.
            Err(TryLockError::WouldBlock) => false,
            // It shows when it is appended.
            Err(TryLockError::Poisoned(_)) => true,
        }
    }

    /// Ends it: what was appended is made durable, who waits is sent away; but for the connection
    /// of the one who asked for that.
    pub(super) fn close(&self, asking: Option<&Cutter>) {
        {
            let mut order = self.order.lock().expect("no holder panics");
            if order.is_closed {
                return;
            }
            order.is_closed = true;
        }
        self.changed.notify_all();
        for link in self.links.lock().expect("no holder panics").drain(..) {
            if asking.is_none_or(|asking| !asking.is(&link)) {
                link.cut();
            }
        }
        // What cannot be made durable now, recovery finds.
        let _ = self.desk.write(|writer, _| writer.commit());
        self.desk.count(false);
    }

    /// Appends frames when all that come before them are; gives how many of this session's chunks
    /// are durable.
    pub(super) fn append(&self, number: u64, frames: &[u8], busy: &Busy) -> Result<u64> {
        let append = Append::decode(frames)?;
        self.check(&append)?;
        let mut order = self.order.lock().expect("no holder panics");
        while !order.is_closed
            && (order.first() != number || self.is_paused.load(Ordering::Relaxed))
        {
            if number < order.first() {
                let message = format!("append {number} was answered already");
                return Err(Error::new(ErrorKind::Refused, message));
            }
            let wait = Duration::from_millis(200);
            order = self.changed.wait_timeout(order, wait).expect("no holder panics").0;
        }
        if order.is_closed {
            return Err(gone());
        }
        let began = Instant::now();
        let appended = loop {
            let appended = self.write(&mut order, |writer, order| append.write(writer, order));
            match appended {
                Err(error) if is_full(&error) && began.elapsed() < self.full_patience => {
                    busy.because(format!("{error}; waiting for room"));
                    std::thread::sleep(FULL_INTERVAL);
                }
                appended => break appended,
            }
        };
        if let Err(error) = &appended
            && is_full(error)
        {
            // The peer gives up: so do all its channels, and it can come back.
            self.abandon(&mut order);
            drop(order);
            let message = format!("store {} is full", self.store_name);
            let way_out = "make room where the store is, then run the same command again";
            return Err(Error::new(ErrorKind::Full, message)
                .because(appended.expect_err("looked at above"))
                .way_out(way_out));
        }
        appended?;
        order.advance();
        self.bytes.fetch_add(frames.len() as u64, Ordering::Relaxed);
        self.chunks.fetch_add(u64::from(append.is_chunk()), Ordering::Relaxed);
        let durable = order.durable;
        drop(order);
        self.changed.notify_all();
        Ok(durable)
    }

    /// Works with the store's writer, which knows this session.
    fn write<T>(
        &self,
        order: &mut Order,
        work: impl FnOnce(&mut StoreWriter, &mut Order) -> Result<T>,
    ) -> Result<T> {
        let mut is_lost = false;
        let done = self.desk.write(|writer, generation| {
            if order.generation != generation {
                // What another writer finds on the medium is durable and in the catalog. What a
                // sync had failed for was taken back, though it was answered as written.
                is_lost = !order.is_there(&writer.store())?;
                if is_lost {
                    return Err(gone());
                }
                self.introduce(writer, order)?;
                order.generation = generation;
                order.durable += order.waiting.len() as u64;
                order.waiting.clear();
            }
            let done = work(writer, order);
            let acknowledged = writer.acknowledged().chunks;
            while order.waiting.front().is_some_and(|(ordinal, _)| *ordinal <= acknowledged) {
                order.waiting.pop_front();
                order.durable += 1;
            }
            done
        });
        if is_lost {
            // Nothing may be appended behind the hole: the peer hears of it when it begins again.
            self.abandon(order);
        }
        done
    }

    /// Ends it for its peer, who can begin it again: nothing is appended any more.
    fn abandon(&self, order: &mut Order) {
        if !order.is_closed {
            order.is_closed = true;
            self.desk.count(false);
        }
        self.changed.notify_all();
    }

    fn introduce(&self, writer: &mut StoreWriter, order: &Order) -> Result<()> {
        let Begun { header, archive, components, .. } = &self.begun;
        writer.abandon_session(&header.session);
        let components: Vec<_> =
            components.iter().map(|(component, bytes)| (component.clone(), &bytes[..])).collect();
        writer.begin_session(header, &components)?;
        if !order.is_finished {
            writer.begin_archive(archive)?;
        }
        if let Some(run) = &order.run {
            writer.append_run_header(run)?;
        }
        Ok(())
    }

    /// Begins it with the store: headers are appended.
    pub(super) fn begin(&self, is_finished: bool) -> Result<()> {
        let mut order = self.order.lock().expect("no holder panics");
        order.is_finished = is_finished;
        self.write(&mut order, |writer, _| writer.write_out())
    }

    /// A writer may only append what is its own.
    fn check(&self, append: &Append<'_>) -> Result<()> {
        let (session, archive) = (self.begun.header.session, self.begun.archive.archive);
        let is_own = match append {
            Append::Chunk(header, _, footer) => {
                header.session == session
                    && header.chunk.archive == archive
                    && footer.chunk == header.chunk
            }
            Append::RunHeader(header) => {
                header.session == session && header.first.archive == archive
            }
            Append::RunFooter(footer) => {
                footer.header.session == session && footer.header.first.archive == archive
            }
        };
        match is_own {
            true => Ok(()),
            false => Err(foreign()),
        }
    }

    /// Closes the archive.
    pub(super) fn end_archive(&self, frame: &[u8]) -> Result<()> {
        let (frame, _) = decode(frame)?;
        expect(&frame, FrameKind::ArchiveFooter)?;
        let footer = ArchiveFooter::decode(frame.body, frame.payload).map_err(garbled)?;
        let archive = self.begun.archive.archive;
        let is_own = footer.archive == archive
            && footer.session == self.begun.header.session
            && footer.withheld.iter().all(|block| block.chunk.archive == archive);
        if !is_own {
            return Err(foreign());
        }
        let mut order = self.order.lock().expect("no holder panics");
        if order.is_closed {
            return Err(gone());
        }
        if order.is_finished {
            return Ok(());
        }
        self.write(&mut order, |writer, _| {
            // A reference may be to what another session wrote, and a power loss took since.
            writer.commit()?;
            match writer.lacking(&footer.needs)? {
                0 => {
                    // Durable before it is answered: the client forgets its journal soon after.
                    writer.end_archive(&footer)?;
                    writer.commit().map(drop)
                }
                count => {
                    let message = format!("the archive needs {count} chunks that are not here");
                    Err(Error::new(ErrorKind::Missing, message)
                        .way_out("run the command again with --fresh"))
                }
            }
        })?;
        order.is_finished = true;
        Ok(())
    }

    /// Closes the session: all of it is durable then.
    pub(super) fn end_session(&self, frame: &[u8]) -> Result<()> {
        let (frame, _) = decode(frame)?;
        expect(&frame, FrameKind::SessionFooter)?;
        let footer = SessionFooter::decode(frame.body).map_err(garbled)?;
        let mut order = self.order.lock().expect("no holder panics");
        if order.is_closed {
            return Err(gone());
        }
        self.write(&mut order, |writer, _| {
            // Else a writer could slip another key group into the store.
            let groups = writer.store().groups()?;
            let is_own = footer.header == self.begun.header
                && footer.groups.iter().all(|group| groups.contains(group));
            match is_own {
                true => writer.end_session(&footer),
                false => Err(foreign()),
            }
        })
    }

    /// Makes everything durable.
    pub(super) fn settle(&self) -> Result<()> {
        let mut order = self.order.lock().expect("no holder panics");
        self.write(&mut order, |writer, _| writer.commit().map(drop))
    }
}

fn garbled(cause: format::Error) -> Error {
    Error::new(ErrorKind::Refused, "a frame that cannot be read").because(cause)
}

fn foreign() -> Error {
    Error::new(ErrorKind::Refused, "a frame that does not belong to the session that sent it")
}

fn expect(frame: &Frame<'_>, kind: FrameKind) -> Result<()> {
    match frame.prefix.kind == kind {
        true => Ok(()),
        false => Err(foreign()),
    }
}

/// The first frame of what was sent, its checksums checked, and what comes behind it.
pub(super) fn decode(bytes: &[u8]) -> Result<(Frame<'_>, &[u8])> {
    Frame::decode(bytes).map_err(garbled)
}

/// What is appended.
enum Append<'a> {
    Chunk(ChunkHeader, &'a [u8], ChunkFooter),
    RunHeader(RunHeader),
    RunFooter(RunFooter),
}

impl<'a> Append<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Append<'a>> {
        let (frame, rest) = decode(bytes)?;
        let (append, rest) = match frame.prefix.kind {
            FrameKind::ChunkHeader => {
                let (footer, rest) = decode(rest)?;
                expect(&footer, FrameKind::ChunkFooter)?;
                let header = ChunkHeader::decode(frame.body).map_err(garbled)?;
                let footer = ChunkFooter::decode(footer.body, footer.payload).map_err(garbled)?;
                (Append::Chunk(header, frame.payload, footer), rest)
            }
            FrameKind::RunHeader => {
                (Append::RunHeader(RunHeader::decode(frame.body).map_err(garbled)?), rest)
            }
            FrameKind::RunFooter => {
                (Append::RunFooter(RunFooter::decode(frame.body).map_err(garbled)?), rest)
            }
            _ => return Err(foreign()),
        };
        match rest.is_empty() {
            true => Ok(append),
            false => Err(foreign()),
        }
    }

    fn is_chunk(&self) -> bool {
        matches!(self, Append::Chunk(..))
    }

    /// Appends, and hands what is appended to the operating system: from here on only a power
    /// loss can take it. Only then it counts: what failed before is tried again, and not missed.
    fn write(&self, writer: &mut StoreWriter, order: &mut Order) -> Result<()> {
        match self {
            Append::Chunk(header, payload, footer) => {
                let ordinal = match writer.append_chunk(header, payload, footer) {
                    // It had arrived, and only the answer was lost.
                    Err(error) if error.kind() == ErrorKind::Exists => None,
                    appended => Some(appended?),
                };
                writer.write_out()?;
                match ordinal {
                    Some(ordinal) => order.waiting.push_back((ordinal, header.chunk)),
                    None => order.durable += 1,
                }
            }
            Append::RunHeader(header) => {
                writer.append_run_header(header)?;
                writer.write_out()?;
                order.run = Some(header.clone());
            }
            Append::RunFooter(footer) => {
                writer.append_run_footer(footer)?;
                writer.write_out()?;
                order.run = None;
            }
        }
        Ok(())
    }
}

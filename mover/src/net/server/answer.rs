//! Answers questions, as far as the peer's rights go.

use std::collections::HashMap;
use std::sync::Arc;

use format::{
    ArchiveHeader, ArchiveId, BlockIdentity, ChunkId, ChunkRange, Component, Digest, Frame,
    FrameKind, KeyGroup, RunHeader, SessionHeader, SessionId, Timestamp,
};

use super::attachment::{Attachment, Begun, Carried, decode, gone};
use super::connection::Busy;
use super::desk::Desk;
use super::{Server, StoreGrant};
use crate::ambient::{SystemRandom, random_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::net::identity::Fingerprint;
use crate::net::link::Cutter;
use crate::net::wire::{
    ArchiveInfo, ChunkKey, EndInfo, FailureKind, FaultInfo, PAYLOAD_LENGTH_MAX, Page, PlaceInfo,
    Reply, Request, SessionInfo, Steering, VolumeInfo, chunk_id, page,
};
use crate::plugin::builtin;
use crate::store::{ArchiveProof, ReadStore, Store, StoreConfig};

/// Bytes of lists in one answer, about.
const PAGE_LENGTH: usize = 4 << 20;
/// Records in one answer, at most.
const PAGE_COUNT: usize = 1024;

type Answer = Result<(Reply, Vec<u8>)>;

fn plain(reply: Reply) -> Answer {
    Ok((reply, Vec::new()))
}

/// An error as an answer; a session that is gone is told apart.
pub(super) fn failure(error: &Error) -> Reply {
    match Reply::failed(error) {
        Reply::Failed { kind: FailureKind::Cancelled, message, way_out } => {
            Reply::Failed { kind: FailureKind::Unattached, message, way_out }
        }
        reply => reply,
    }
}

/// What one connection is about.
pub(super) struct Answerer<'a> {
    server: &'a Arc<Server>,
    peer: Fingerprint,
    peer_name: String,
    cutter: Cutter,
    open: Option<Open>,
    components: HashMap<Digest, Carried>,
    /// The session that this connection controls.
    controlled: Option<Arc<Attachment>>,
    /// The session that it carries appends for.
    carried: Option<Arc<Attachment>>,
}

struct Open {
    name: String,
    desk: Arc<Desk>,
    /// None where the store is not there yet.
    store: Option<Arc<dyn ReadStore>>,
}

/// What a peer needs to be allowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Any,
    Write,
    Read,
    Delete,
    Keys,
}

impl Need {
    fn of(request: &Request) -> Need {
        match request {
            Request::Archives { .. }
            | Request::Session { .. }
            | Request::Sessions { .. }
            | Request::Component { .. }
            | Request::ReadChunk { .. }
            | Request::VerifyChunk { .. }
            | Request::VolumeChunks { .. }
            | Request::CheckVolume { .. }
            | Request::Faults => Need::Read,
            Request::LookupBlocks { .. }
            | Request::PoolsOf { .. }
            | Request::Unfinished { .. }
            | Request::LackingComponents { .. }
            | Request::PutComponent { .. }
            | Request::Begin { .. }
            | Request::Attach { .. }
            | Request::Append { .. }
            | Request::EndArchive
            | Request::EndSession
            | Request::Settle => Need::Write,
            Request::Drop { .. } => Need::Delete,
            Request::Init | Request::PutGroup => Need::Keys,
            Request::Ping
            | Request::Open { .. }
            | Request::Groups
            | Request::ChunkPlaces { .. }
            | Request::Volumes
            | Request::VolumesBehind { .. }
            | Request::Status
            | Request::Steer { .. }
            | Request::Run { .. }
            | Request::Lend { .. } => Need::Any,
        }
    }
}

impl<'a> Answerer<'a> {
    pub(super) fn new(
        server: &'a Arc<Server>,
        peer: Fingerprint,
        peer_name: String,
        cutter: Cutter,
    ) -> Answerer<'a> {
        let (components, controlled, carried) = (HashMap::new(), None, None);
        Answerer { server, peer, peer_name, cutter, open: None, components, controlled, carried }
    }

    pub(super) fn is_next(&self, number: u64) -> bool {
        self.carried.as_ref().is_some_and(|attachment| attachment.is_next(number))
    }

    /// Rights are looked up for every question: what is revoked is revoked at once.
    fn grant(&self, name: &str) -> Result<StoreGrant> {
        let grant = self.server.gate.store(name, &self.peer);
        let is_nothing = |grant: &StoreGrant| grant.rights == Default::default();
        grant.filter(|grant| !is_nothing(grant)).ok_or_else(|| {
            // Whoever may do nothing does not even learn which stores there are.
            let message = format!("there is no store {name} that {} may use", self.peer);
            Error::new(ErrorKind::Refused, message).way_out(
                "ask the server's operator to allow this machine (see `mover identity`) in the \
                 server's policy file",
            )
        })
    }

    fn check(&self, request: &Request) -> Result<()> {
        let need = Need::of(request);
        let is_about_no_store = matches!(
            request,
            Request::Ping
                | Request::Open { .. }
                | Request::Status
                | Request::Steer { .. }
                | Request::Run { .. }
                | Request::Lend { .. }
        );
        if is_about_no_store {
            return Ok(());
        }
        let name = &self.open()?.name;
        let rights = self.grant(name)?.rights;
        let (is_allowed, what) = match need {
            Need::Any => (true, ""),
            Need::Write => (rights.write, "write to"),
            Need::Read => (rights.read, "read"),
            Need::Delete => (rights.delete, "delete in"),
            Need::Keys => (rights.keys, "make or change the keys of"),
        };
        match is_allowed {
            true => Ok(()),
            false => {
                let message = format!("{} may not {what} store {name}", self.peer);
                Err(Error::new(ErrorKind::Refused, message).way_out(
                    "ask the server's operator for that right in the server's policy file",
                ))
            }
        }
    }

    /// Whether a question may be asked, with as many bytes as come with it.
    pub(super) fn admit(&self, request: &Request, payload_length: usize) -> Result<()> {
        self.check(request)?;
        let has_payload = matches!(
            request,
            Request::Init
                | Request::PutComponent { .. }
                | Request::Begin { .. }
                | Request::Append { .. }
                | Request::EndArchive
                | Request::EndSession
                | Request::PutGroup
        );
        match has_payload || payload_length == 0 {
            true => Ok(()),
            false => {
                let message = format!("{payload_length} bytes with a question that has none");
                Err(Error::new(ErrorKind::Refused, message))
            }
        }
    }

    fn open(&self) -> Result<&Open> {
        self.open.as_ref().ok_or_else(|| Error::new(ErrorKind::Usage, "no store was named yet"))
    }

    fn store(&self) -> Result<&Arc<dyn ReadStore>> {
        let open = self.open()?;
        open.store.as_ref().ok_or_else(|| missing(&open.name))
    }

    pub(super) fn answer(&mut self, request: &Request, payload: &[u8], busy: &Busy) -> Answer {
        self.check(request)?;
        match request {
            Request::Ping => plain(Reply::Done),
            Request::Open { store } => self.open_store(store),
            Request::Init => self.init(payload),
            Request::Status => plain(Reply::Status { json: self.server.status(Some(&self.peer)) }),
            Request::Steer { session, kind } => self.steer(session, *kind),
            Request::Unfinished { proof } => self.unfinished(&ArchiveProof(*proof)),
            Request::LackingComponents { digests } => self.lacking(digests),
            Request::PutComponent { digest, name, version } => {
                self.put_component(Digest(*digest), name, version, payload)
            }
            Request::Begin { proof, outstanding, next } => {
                self.begin(&ArchiveProof(*proof), outstanding, *next, payload)
            }
            Request::Attach { attachment } => self.attach(attachment),
            Request::Append { number } => {
                let attachment = self.carried.as_ref().ok_or_else(gone)?;
                let durable = attachment.append(*number, payload, busy)?;
                plain(Reply::Written { durable })
            }
            Request::EndArchive => {
                self.controlled()?.end_archive(payload)?;
                plain(Reply::Done)
            }
            Request::EndSession => {
                self.controlled()?.end_session(payload)?;
                plain(Reply::Done)
            }
            Request::Settle => {
                self.controlled()?.settle()?;
                plain(Reply::Done)
            }
            Request::Drop { archive, seconds, nanoseconds } => {
                let now = Timestamp { seconds: *seconds, nanoseconds: *nanoseconds };
                let archive = ArchiveId(*archive);
                self.open()?.desk.write(|writer, _| writer.drop_archive(&archive, now))?;
                plain(Reply::Done)
            }
            Request::PutGroup => {
                let group = group(payload)?;
                self.open()?.desk.write(|writer, _| writer.put_group(&group))?;
                plain(Reply::Done)
            }
            Request::Run { ticket, source, job } => {
                if !self.server.gate.may_run(source, job, &self.peer) {
                    let message = format!("there is no source {source} that {} may use", self.peer);
                    return Err(Error::new(ErrorKind::Refused, message).way_out(
                        "ask the agent's operator to allow this machine (see `mover identity`) in \
                         the agent's policy file",
                    ));
                }
                let json = self.server.run_job(*ticket, source, job, &self.peer)?;
                plain(Reply::Report { json })
            }
            Request::Lend { ticket } => match self.server.jobs.knows(ticket, &self.peer) {
                true => plain(Reply::Done),
                false => Err(super::agent::unknown()),
            },
            request => self.read(request),
        }
    }

    fn open_store(&mut self, name: &str) -> Answer {
        let grant = self.grant(name)?;
        let desk = self.server.desks.of(grant.path);
        let opened = desk.store();
        let (store, id) = match opened {
            Ok(store) => {
                let id = store.id();
                (Some(store), Ok(id))
            }
            // It can be made.
            Err(error) if error.kind() == ErrorKind::Missing && grant.rights.keys => {
                (None, Err(missing(name)))
            }
            Err(error) => return Err(error),
        };
        self.open = Some(Open { name: name.to_owned(), desk, store });
        plain(Reply::Opened { id: id?.0, rights: grant.rights })
    }

    fn init(&mut self, payload: &[u8]) -> Answer {
        let group = group(payload)?;
        let open = self.open()?;
        let id = Store::create(&StoreConfig::open(&open.desk.path)?, &group)?;
        let rights = self.grant(&open.name)?.rights;
        plain(Reply::Opened { id: id.0, rights })
    }

    /// Questions that only read.
    fn read(&self, request: &Request) -> Answer {
        let store = self.store()?;
        match request {
            Request::Groups => {
                let mut frames = Vec::new();
                for group in store.groups()? {
                    let mut body = Vec::new();
                    group.encode(&mut body);
                    Frame::encode(FrameKind::KeyGroup, &body, &[], &mut frames);
                }
                Ok((Reply::Bytes, frames))
            }
            Request::Archives { after } => {
                let records = store.archives()?;
                let (mut archives, mut lists) = (Vec::new(), Vec::new());
                let rest = records.get(usize::try_from(*after).unwrap_or(usize::MAX)..);
                let rest = rest.unwrap_or_default();
                let mut page = Page::new();
                for record in rest.iter().take(PAGE_COUNT) {
                    let before = lists.len();
                    let info = ArchiveInfo::new(record, &mut lists);
                    let is_long = before > 0 && lists.len() > PAYLOAD_LENGTH_MAX as usize;
                    if !page.takes(&info) || is_long {
                        lists.truncate(before);
                        break;
                    }
                    archives.push(info);
                    if lists.len() > PAGE_LENGTH {
                        break;
                    }
                }
                let more = archives.len() < rest.len();
                Ok((Reply::Archives { archives, more }, lists))
            }
            Request::Session { session } => {
                let header = store.session(&SessionId(*session))?;
                let (mut body, mut frame) = (Vec::new(), Vec::new());
                header.encode(&mut body);
                Frame::encode(FrameKind::SessionHeader, &body, &[], &mut frame);
                Ok((Reply::Bytes, frame))
            }
            Request::Sessions { after } => {
                let records = store.sessions()?;
                let rest = records.get(usize::try_from(*after).unwrap_or(usize::MAX)..);
                let rest = rest.unwrap_or_default();
                // Each with the configurations of its components.
                let sessions = page(rest.iter().map(SessionInfo::new));
                let more = sessions.len() < rest.len();
                plain(Reply::Sessions { sessions, more })
            }
            Request::Component { digest } => Ok((Reply::Bytes, store.component(&Digest(*digest))?)),
            Request::ChunkPlaces { chunks } => {
                let chunks: Vec<_> = chunks.iter().map(chunk_id).collect();
                let places = store.chunk_places(&chunks)?;
                let info = |place: Option<_>| place.as_ref().map(PlaceInfo::new);
                plain(Reply::Places { places: places.into_iter().map(info).collect() })
            }
            Request::ReadChunk { chunk } => {
                let stored = store.read_chunk(&chunk_id(chunk))?;
                let place = PlaceInfo::new(&stored.place);
                Ok((Reply::Chunk { place }, stored.into_frame()))
            }
            Request::VerifyChunk { chunk } => {
                let footer = store.verify_chunk(&chunk_id(chunk))?;
                let (mut body, mut lists, mut frame) = (Vec::new(), Vec::new(), Vec::new());
                footer.encode(&mut body, &mut lists);
                Frame::encode(FrameKind::ChunkFooter, &body, &lists, &mut frame);
                Ok((Reply::Bytes, frame))
            }
            Request::LookupBlocks { identities, pools } => {
                let identities: Vec<_> = identities.iter().map(|id| BlockIdentity(*id)).collect();
                // A writer's store knows what was appended since the last commit.
                let store = self.desk_store().unwrap_or_else(|| Arc::clone(store));
                let key = |place: crate::store::BlockPlace| {
                    (crate::net::wire::chunk_key(&place.chunk), place.ordinal, place.length)
                };
                let blocks = store.lookup_blocks(&identities, pools)?;
                plain(Reply::Blocks {
                    blocks: blocks.into_iter().map(|block| block.map(key)).collect(),
                })
            }
            Request::PoolsOf { ranges } => {
                let range = |(first, count): &(ChunkKey, u64)| {
                    let ChunkId { archive, stream, number } = chunk_id(first);
                    ChunkRange { archive, stream, first: number, count: *count }
                };
                let ranges: Vec<_> = ranges.iter().map(range).collect();
                plain(Reply::Pools { pools: store.pools_of(&ranges)?.into_iter().collect() })
            }
            Request::Volumes => {
                let volumes = store.volumes()?.into_iter().map(VolumeInfo::new).collect();
                plain(Reply::Volumes { volumes })
            }
            Request::VolumesBehind { after } => {
                let after = usize::try_from(*after).unwrap_or(usize::MAX);
                let rest = store.volumes()?.into_iter().skip(after);
                plain(Reply::Volumes { volumes: page(rest.map(VolumeInfo::new)) })
            }
            Request::VolumeChunks { volume, after } => {
                let places = store.volume_chunks(*volume)?;
                let rest = places.get(usize::try_from(*after).unwrap_or(usize::MAX)..);
                let rest = rest.unwrap_or_default();
                let places: Vec<_> = rest.iter().take(8 * PAGE_COUNT).map(PlaceInfo::new).collect();
                let more = places.len() < rest.len();
                plain(Reply::VolumeChunks { places, more })
            }
            Request::CheckVolume { volume } => {
                let found = store.volumes()?.into_iter().find(|record| record.number == *volume);
                let record = found.ok_or_else(|| {
                    Error::new(ErrorKind::Missing, format!("there is no volume {volume}"))
                })?;
                let faults = store.check_volume(&record)?;
                plain(Reply::Faults { faults: faults.iter().map(FaultInfo::new).collect() })
            }
            Request::Faults => {
                let faults = store.faults()?;
                plain(Reply::Faults { faults: faults.iter().map(FaultInfo::new).collect() })
            }
            _ => Err(Error::new(ErrorKind::Usage, "a question that cannot be asked here")),
        }
    }

    fn desk_store(&self) -> Option<Arc<dyn ReadStore>> {
        self.open.as_ref().and_then(|open| open.desk.store().ok())
    }

    fn controlled(&self) -> Result<&Arc<Attachment>> {
        self.controlled.as_ref().ok_or_else(gone)
    }

    fn unfinished(&mut self, proof: &ArchiveProof) -> Answer {
        let archive = proof.archive();
        // A session of the same archive is one whose client is gone, whether we know it or not.
        self.server
            .detach(Some(&self.cutter), |attachment| attachment.archive().archive == archive);
        let open = self.open()?;
        let ends =
            open.desk.write(|writer, _| crate::store::WriteStore::unfinished(writer, proof))?;
        let ends = ends.map(|ends| ends.iter().map(EndInfo::new).collect());
        plain(Reply::Unfinished { ends })
    }

    /// The bytes of a component that a peer need not send.
    fn known_component(&self, digest: &Digest) -> Option<Arc<Vec<u8>>> {
        if let Some((_, bytes)) = self.components.get(digest) {
            return Some(Arc::clone(bytes));
        }
        if let Some(bytes) = builtin::find_digest(digest) {
            return Some(Arc::new(bytes.to_vec()));
        }
        self.store().ok()?.component(digest).ok().map(Arc::new)
    }

    fn lacking(&self, digests: &[[u8; 32]]) -> Answer {
        let is_lacking = |digest: &&[u8; 32]| self.known_component(&Digest(**digest)).is_none();
        let digests = digests.iter().filter(is_lacking).copied().collect();
        plain(Reply::Lacking { digests })
    }

    fn put_component(&mut self, digest: Digest, name: &str, version: &str, bytes: &[u8]) -> Answer {
        if blake3::hash(bytes).as_bytes() != &digest.0 {
            return Err(Error::new(ErrorKind::Refused, "a component that is not what it says"));
        }
        if self.components.len() >= format::limits::COMPONENT_COUNT_MAX {
            return Err(Error::new(ErrorKind::Refused, "too many components for one session"));
        }
        let component = Component { digest, name: name.to_owned(), version: version.to_owned() };
        self.components.insert(digest, (component, Arc::new(bytes.to_vec())));
        plain(Reply::Done)
    }

    fn begin(
        &mut self,
        proof: &ArchiveProof,
        outstanding: &[(u64, Option<crate::net::wire::ChunkKey>)],
        next: u64,
        payload: &[u8],
    ) -> Answer {
        let (header, archive, run) = headers(payload)?;
        let (desk, name) = {
            let open = self.open()?;
            (Arc::clone(&open.desk), open.name.clone())
        };
        let refused = |why: &str| Error::new(ErrorKind::Refused, why);
        if proof.archive() != archive.archive {
            return Err(refused("the archive was begun by somebody else"));
        }
        if archive.session != header.session {
            return Err(refused("the archive's header names another session"));
        }
        let store = self.store()?;
        if header.store != store.id() {
            return Err(refused("the session is meant for another store"));
        }
        // A session that another writer began, or one that is played again with another content.
        desk.write(|writer, _| writer.commit())?;
        if store.session(&header.session).is_ok_and(|known| known != header) {
            return Err(refused("a session of that identity was begun with another header"));
        }
        let components = header.components.iter().map(|entry| {
            let bytes = self.known_component(&entry.digest).ok_or_else(|| {
                Error::new(ErrorKind::Missing, format!("component {} was not sent", entry.name))
            })?;
            let component = Component {
                digest: entry.digest,
                name: entry.name.clone(),
                version: entry.version.clone(),
            };
            Ok((component, bytes))
        });
        let components = components.collect::<Result<Vec<Carried>>>()?;
        // A control channel has one session: nobody would ever end the one before.
        let former = self.controlled.take().map(|attachment| attachment.id);
        self.server.detach(Some(&self.cutter), |attachment| {
            former == Some(attachment.id)
                || attachment.archive().archive == archive.archive
                || attachment.session().session == header.session
        });
        let (is_finished, ends, there) = desk.write(|writer, _| {
            let known = writer.store().archives()?;
            let known = known.into_iter().find(|known| known.header.archive == archive.archive);
            let ends = writer.store().stream_ends(&archive.archive)?;
            let mut there = Vec::new();
            for (number, chunk) in outstanding {
                if let Some(chunk) = chunk
                    && writer.store().chunk_place(&chunk_id(chunk))?.is_some()
                {
                    there.push(*number);
                }
            }
            let is_over = |known: &crate::store::ArchiveRecord| {
                known.footer.is_some() || known.dropped.is_some()
            };
            Ok((known.as_ref().is_some_and(is_over), ends, there))
        })?;
        let expected = outstanding.iter().map(|(number, _)| *number);
        let expected = expected.filter(|number| !there.contains(number)).collect();
        let begun = Begun { header, archive, run, components, expected, next };
        let id = random_bytes(&SystemRandom);
        let attachment = Arc::new(Attachment::new(
            id,
            (self.peer, self.peer_name.clone()),
            (desk, name),
            begun,
            (self.server.config.full_patience, self.server.config.channels_max),
        ));
        let began = attachment.begin(is_finished);
        if let Err(error) = began {
            attachment.close(None);
            return Err(error);
        }
        // Only then: where there is no room for it, this channel is told so, not cut.
        self.server.attach(Arc::clone(&attachment))?;
        attachment.join(self.cutter.clone())?;
        self.controlled = Some(attachment);
        let ends = ends.iter().map(EndInfo::new).collect();
        let channels = self.server.config.channels_max;
        plain(Reply::Begun { attachment: id, there, ends, channels, window: 1 })
    }

    fn attach(&mut self, id: &[u8; 16]) -> Answer {
        let attachment = self.server.attachment(id).ok_or_else(gone)?;
        if attachment.peer != self.peer {
            return Err(gone());
        }
        self.leave();
        attachment.join(self.cutter.clone())?;
        self.carried = Some(attachment);
        plain(Reply::Done)
    }

    fn leave(&mut self) {
        if let Some(attachment) = self.carried.take() {
            attachment.leave(&self.cutter);
        }
    }

    fn steer(&self, session: &[u8; 16], kind: Steering) -> Answer {
        let found = self
            .server
            .attachments()
            .into_iter()
            .find(|attachment| attachment.session().session.0 == *session);
        let may = |attachment: &Arc<Attachment>| {
            let grant = self.server.gate.store(&attachment.store_name, &self.peer);
            attachment.peer == self.peer || grant.is_some_and(|grant| grant.rights.keys)
        };
        let attachment = found.filter(may).ok_or_else(|| {
            Error::new(ErrorKind::Missing, "there is no such session that this machine may steer")
                .way_out("see which there are: mover status mover://HOST:PORT/STORE")
        })?;
        match kind {
            Steering::Pause => {
                attachment.is_paused.store(true, std::sync::atomic::Ordering::Relaxed)
            }
            Steering::Continue => {
                attachment.is_paused.store(false, std::sync::atomic::Ordering::Relaxed);
            }
            Steering::Stop => attachment.close(None),
        }
        plain(Reply::Done)
    }
}

impl Drop for Answerer<'_> {
    /// Without its control channel a session is over here; it can be begun again.
    fn drop(&mut self) {
        self.leave();
        if let Some(attachment) = self.controlled.take() {
            self.server.detach(None, |other| other.id == attachment.id);
        }
    }
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::Missing, format!("there is no store {name} yet"))
        .way_out("make it with `mover init`, with the same address")
}

fn unreadable(cause: format::Error) -> Error {
    Error::new(ErrorKind::Refused, "a header that cannot be read").because(cause)
}

fn group(payload: &[u8]) -> Result<KeyGroup> {
    let (frame, _) = decode(payload)?;
    match frame.prefix.kind {
        FrameKind::KeyGroup => KeyGroup::decode(frame.body).map_err(unreadable),
        _ => Err(Error::new(ErrorKind::Refused, "a frame that is no key group")),
    }
}

fn headers(payload: &[u8]) -> Result<(SessionHeader, ArchiveHeader, Option<RunHeader>)> {
    let wrong = || Error::new(ErrorKind::Refused, "frames that begin no session");
    let (session, rest) = decode(payload)?;
    let (archive, rest) = decode(rest)?;
    let kinds = (session.prefix.kind, archive.prefix.kind);
    if kinds != (FrameKind::SessionHeader, FrameKind::ArchiveHeader) {
        return Err(wrong());
    }
    let header = SessionHeader::decode(session.body).map_err(unreadable)?;
    let archive = ArchiveHeader::decode(archive.body).map_err(unreadable)?;
    let run = match rest.is_empty() {
        true => None,
        false => {
            let (frame, rest) = decode(rest)?;
            if frame.prefix.kind != FrameKind::RunHeader || !rest.is_empty() {
                return Err(wrong());
            }
            let run = RunHeader::decode(frame.body).map_err(unreadable)?;
            if run.session != header.session || run.first.archive != archive.archive {
                return Err(wrong());
            }
            Some(run)
        }
    };
    Ok((header, archive, run))
}

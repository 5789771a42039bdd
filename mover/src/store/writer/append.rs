//! What can be appended to a store.

use format::{
    ArchiveDrop, ArchiveFooter, ArchiveHeader, ArchiveId, ChunkFooter, ChunkHeader, Component,
    ContextPlace, FrameKind, KeyGroup, RunFooter, RunHeader, SessionFooter, SessionHeader,
    SessionId, Timestamp,
};

use super::StoreWriter;
use super::begun::{BegunSession, Subject};
use super::lane::HOME;
use super::piece::{self, Piece};
use crate::failpoint::{self, reach};
use crate::store::change::Change;
use crate::store::record::ChunkPlace;
use crate::{Error, ErrorKind, Result};

impl StoreWriter {
    /// Begins a session. `components` are all that its table names, with their bytes; each is
    /// written to a volume once. Several sessions may be open, as when chunks are copied.
    pub fn begin_session(
        &mut self,
        header: &SessionHeader,
        components: &[(Component, &[u8])],
    ) -> Result<()> {
        self.healthy()?;
        if self.sessions.iter().any(|session| session.header.session == header.session) {
            let message = format!("session {} was begun already", header.session);
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let named = |digest| components.iter().any(|(component, _)| component.digest == digest);
        if let Some(missing) = header.components.iter().find(|entry| !named(entry.digest)) {
            let message = format!("session {} without component {}", header.session, missing.name);
            return Err(Error::new(ErrorKind::Missing, message));
        }
        let session = BegunSession::new(header, components);
        session.check()?;
        self.sessions.push(session);
        self.put(Some(header.session), Subject::default(), &[HOME], Vec::new()).map(drop)
    }

    /// Begins an archive, or continues an unfinished one: then the header names the new session.
    pub fn begin_archive(&mut self, header: &ArchiveHeader) -> Result<()> {
        self.healthy()?;
        let session = self.session_mut(&header.session)?;
        session.archives.retain(|begun| begun.archive != header.archive);
        session.archives.push(header.clone());
        let subject = Subject { archive: Some(header.archive), ..Subject::default() };
        self.put(Some(header.session), subject, &[HOME], Vec::new()).map(drop)
    }

    /// Appends a chunk to every pool that its context names, and commits when that is due. Gives
    /// the ordinal of the append, from 1: the chunk is durable when
    /// [`super::Acknowledged::chunks`] reaches it.
    pub fn append_chunk(
        &mut self,
        header: &ChunkHeader,
        payload: &[u8],
        footer: &ChunkFooter,
    ) -> Result<u64> {
        self.healthy()?;
        let chunk = header.chunk;
        assert_eq!(chunk, footer.chunk, "a chunk's header and footer name the same chunk");
        self.begun_archive(&header.session, &chunk.archive)?;
        let (run, pools, chain) = match &header.context {
            ContextPlace::Here(context) => (None, self.route(context)?, context.chain.clone()),
            ContextPlace::Run(number) => {
                let first = format::ChunkId { number: *number, ..chunk };
                let session = self.session_mut(&header.session)?;
                let Some(run) = session.runs.iter().find(|run| run.first == first) else {
                    let message = format!("{chunk} belongs to run {number}, which is not open");
                    return Err(Error::new(ErrorKind::Usage, message));
                };
                let context = run.context.clone();
                (Some(first), self.route(&context)?, context.chain)
            }
        };
        let pools = self.lacking_pools(&chunk, pools)?;
        let (mut body, mut footer_body, mut tables) = (Vec::new(), Vec::new(), Vec::new());
        header.encode(&mut body);
        footer.encode(&mut footer_body, &mut tables);
        let head = Piece::new(FrameKind::ChunkHeader, body).payload(payload);
        let tail = Piece::new(FrameKind::ChunkFooter, footer_body).payload(tables);
        let (length, footer_length) = (head.length(), tail.length());
        let (kind, session) = (header.kind, header.session);
        // Where it comes to lie is filled in when that is known.
        let (volume, offset) = (0, 0);
        let place = ChunkPlace { chunk, kind, session, volume, offset, length, footer_length };
        let head = head.change(Change::Chunk(place, footer.blocks.clone()));
        let subject = Subject { archive: Some(chunk.archive), run, chain: &chain };
        let written = self.put(Some(header.session), subject, &pools, vec![head, tail])?;
        self.appended.chunks += 1;
        for pool in written {
            self.store.overlay.write().expect("no holder panics").add(chunk, pool, &footer.blocks);
        }
        if let Err(error) = reach(failpoint::CHUNK_APPENDED) {
            return Err(self.poison(error));
        }
        self.commit_if_due()?;
        Ok(self.appended.chunks)
    }

    /// Opens a run; it is repeated on every volume that its chunks come to.
    pub fn append_run_header(&mut self, header: &RunHeader) -> Result<()> {
        self.healthy()?;
        let archive = header.first.archive;
        self.begun_archive(&header.session, &archive)?;
        let session = self.session_mut(&header.session)?;
        session.runs.retain(|run| run.first != header.first);
        session.runs.push(header.clone());
        let pools = self.route(&header.context)?;
        let chain = &header.context.chain;
        let subject = Subject { archive: Some(archive), run: Some(header.first), chain };
        self.put(Some(header.session), subject, &pools, Vec::new()).map(drop)
    }

    /// Closes a run.
    pub fn append_run_footer(&mut self, footer: &RunFooter) -> Result<()> {
        self.healthy()?;
        let RunHeader { first, session, .. } = footer.header;
        self.begun_archive(&session, &first.archive)?;
        let mut body = Vec::new();
        footer.encode(&mut body);
        let piece = Piece::new(FrameKind::RunFooter, body);
        let piece = piece.change(Change::Run(footer.header.clone()));
        let pools = self.route(&footer.header.context)?;
        let subject =
            Subject { archive: Some(first.archive), run: Some(first), ..Subject::default() };
        self.put(Some(session), subject, &pools, vec![piece])?;
        self.session_mut(&session)?.runs.retain(|run| run.first != first);
        Ok(())
    }

    /// Closes an archive: it is visible after the next commit, which comes at once where blocks
    /// are withheld, so that nothing can refer to them any more.
    pub fn end_archive(&mut self, footer: &ArchiveFooter) -> Result<()> {
        self.healthy()?;
        self.begun_archive(&footer.session, &footer.archive)?;
        let (mut body, mut lists) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut lists);
        // Twice: it is all that makes the archive visible, and a bit that turns in it must not
        // hide a whole archive from whoever has only the volume. SPEC 4.5.
        let piece = || {
            let piece = Piece::new(FrameKind::ArchiveFooter, body.clone()).payload(lists.clone());
            piece.change(Change::ArchiveEnd(footer.clone()))
        };
        let pools = self.pools_of(&footer.archive)?;
        self.settle_before_end(&pools)?;
        let subject = Subject { archive: Some(footer.archive), ..Subject::default() };
        self.put(Some(footer.session), subject, &pools, vec![piece(), piece()])?;
        let session = self.session_mut(&footer.session)?;
        session.archives.retain(|header| header.archive != footer.archive);
        if footer.withheld.is_empty() {
            return Ok(());
        }
        self.store.overlay.write().expect("no holder panics").withhold(&footer.withheld);
        self.commit().map(drop)
    }

    /// Before it is written that something is complete, all of it is durable: a power loss may keep
    /// a later write to one volume and lose an earlier one to another. In a single volume nothing
    /// is believed behind a gap, so that order needs no sync there.
    pub(super) fn settle_before_end(&mut self, pools: &[usize]) -> Result<()> {
        let waits = |place: &usize| !self.lanes[*place].changes.is_empty();
        let waiting: Vec<usize> = (0..self.lanes.len()).filter(waits).collect();
        let in_one_volume = match pools {
            [pool] => waiting.iter().all(|lane| self.pools[*pool].lanes == [*lane]),
            _ => waiting.is_empty(),
        };
        match in_one_volume {
            true => Ok(()),
            false => self.commit().map(drop),
        }
    }

    /// Closes a session, and commits.
    pub fn end_session(&mut self, footer: &SessionFooter) -> Result<()> {
        self.healthy()?;
        let session = footer.header.session;
        self.session_mut(&session)?;
        let mut body = Vec::new();
        footer.encode(&mut body);
        let piece = Piece::new(FrameKind::SessionFooter, body);
        let piece = piece.change(Change::SessionEnd(footer.clone()));
        let pools: Vec<usize> = self.session_mut(&session)?.pools.iter().copied().collect();
        self.put(Some(session), Subject::default(), &pools, vec![piece])?;
        self.commit()?;
        self.settle_media()?;
        self.sessions.retain(|begun| begun.header.session != session);
        Ok(())
    }

    /// Drops an archive, and commits: it is no longer shown, and what only it needs is no longer
    /// referred to.
    pub fn drop_archive(&mut self, archive: &ArchiveId, now: Timestamp) -> Result<()> {
        self.healthy()?;
        self.store.archive(archive)?;
        let drop = ArchiveDrop { archive: *archive, dropped: now };
        let mut body = Vec::new();
        drop.encode(&mut body);
        let piece = Piece::new(FrameKind::ArchiveDrop, body).change(Change::Drop(drop));
        self.put(None, Subject::default(), &[HOME], vec![piece])?;
        self.commit().map(|_| ())
    }

    /// Puts a key group, or a later revision of one, and commits.
    pub fn put_group(&mut self, group: &KeyGroup) -> Result<()> {
        self.healthy()?;
        let body = piece::group(group);
        let piece = Piece::new(FrameKind::KeyGroup, body).change(Change::Group(group.clone()));
        self.put(None, Subject::default(), &[HOME], vec![piece])?;
        self.commit()?;
        let groups = super::query::groups(&self.catalog.connection)?;
        self.groups = groups.iter().map(piece::group).collect();
        Ok(())
    }

    pub(super) fn session_mut(&mut self, session: &SessionId) -> Result<&mut BegunSession> {
        let found = self.sessions.iter_mut().find(|begun| begun.header.session == *session);
        found
            .ok_or_else(|| Error::new(ErrorKind::Usage, format!("session {session} was not begun")))
    }

    fn begun_archive(&mut self, session: &SessionId, archive: &ArchiveId) -> Result<()> {
        match self.session_mut(session)?.archive(archive) {
            Some(_) => Ok(()),
            None => {
                let message = format!("archive {archive} was not begun in session {session}");
                Err(Error::new(ErrorKind::Usage, message))
            }
        }
    }

    /// The pools that a context names, or that the store's own map says instead.
    pub(super) fn route(&self, context: &format::Context) -> Result<Vec<usize>> {
        self.store.shelf.pools_for(context.pools())
    }

    /// Those of the pools that a chunk is not in; an error where it is in all of them.
    fn lacking_pools(&self, chunk: &format::ChunkId, pools: Vec<usize>) -> Result<Vec<usize>> {
        let known = super::query::chunk(&self.catalog.connection, chunk)?;
        let overlay = self.store.overlay.read().expect("no holder panics");
        let is_in = |pool: usize| {
            let mut places = known.iter().map(|place| self.store.shelf.pool_of(place.volume));
            overlay.has_chunk(chunk, pool) || places.any(|place| place == Some(pool))
        };
        let lacking: Vec<usize> = pools.into_iter().filter(|pool| !is_in(*pool)).collect();
        match lacking.is_empty() {
            // An address names the same bytes for ever.
            true => {
                let message = format!("{chunk} is in store {} already", self.store.path.display());
                Err(Error::new(ErrorKind::Exists, message))
            }
            false => Ok(lacking),
        }
    }

    /// The home pool and all pools that hold chunks of an archive: each of them is told what
    /// becomes of it, so that it can be read without the others.
    fn pools_of(&self, archive: &ArchiveId) -> Result<Vec<usize>> {
        let mut pools = std::collections::BTreeSet::from([HOME]);
        for name in super::query::pools_of(&self.catalog.connection, archive)? {
            pools.extend(self.store.shelf.pool(&name).ok());
        }
        let of_archive = |begun: &&BegunSession| begun.archive(archive).is_some();
        pools.extend(self.sessions.iter().filter(of_archive).flat_map(|begun| &begun.pools));
        Ok(pools.into_iter().collect())
    }

    /// Appends frames to pools, behind whatever headers they need on their volumes. Gives the
    /// pools that took them: one that fails is left behind where another takes them.
    pub(super) fn put(
        &mut self,
        session: Option<SessionId>,
        subject: Subject<'_>,
        pools: &[usize],
        pieces: Vec<Piece<'_>>,
    ) -> Result<Vec<usize>> {
        pieces.iter().try_for_each(Piece::check)?;
        let mut written = Vec::new();
        let mut failure = None;
        for pool in pools {
            let put = self.pools[*pool]
                .healthy(self.store.shelf.name(*pool))
                .and_then(|()| self.try_put(session, subject, *pool, &pieces));
            match put {
                Ok(()) => written.push(*pool),
                Err(error) if *pool == HOME || self.pools[*pool].is_needed => {
                    self.close_full(self.pools[*pool].current, &error)?;
                    return Err(self.poison_in(*pool, error));
                }
                Err(error) => {
                    self.close_full(self.pools[*pool].current, &error)?;
                    self.leave_behind(*pool, &error);
                    failure = Some((*pool, error));
                }
            }
        }
        match (&written[..], failure) {
            ([], Some((pool, error))) => Err(self.poison_in(pool, error)),
            ([only], _) if !pieces.is_empty() => {
                self.pools[*only].is_needed = true;
                Ok(written)
            }
            _ => Ok(written),
        }
    }

    fn try_put(
        &mut self,
        session: Option<SessionId>,
        subject: Subject<'_>,
        pool: usize,
        pieces: &[Piece<'_>],
    ) -> Result<()> {
        let mut lane = self.lane(pool, pieces.iter().any(|it| it.kind == FrameKind::ChunkHeader));
        loop {
            if let Err(error) = self.open_volume(lane) {
                let other = match error.kind() {
                    ErrorKind::Full => self.turn_from(lane),
                    _ => None,
                };
                lane = other.ok_or(error)?;
                continue;
            }
            // Out of its place for a moment, beside the sessions that are borrowed.
            let mut volume = self.lanes[lane].volume.take().expect("it was just opened");
            let begun = session.and_then(|session| {
                self.sessions.iter().find(|begun| begun.header.session == session)
            });
            let headers =
                begun.map_or(Vec::new(), |begun| begun.introduce(subject, &volume, pool == HOME));
            let length_max = self.length_max(pool, &volume);
            let parts: Vec<_> = headers.iter().chain(pieces).map(Piece::parts).collect();
            let before = volume.writer.length();
            let appended = match parts.is_empty() {
                true => Ok(Some(before)),
                false => volume.writer.append(&parts, length_max),
            };
            if let Ok(Some(mut offset)) = appended {
                for piece in headers.iter().chain(pieces) {
                    if let Some(mut change) = piece.change.clone() {
                        change.place(volume.number, offset);
                        volume.note(&change);
                        self.lanes[lane].changes.push(change);
                    }
                    offset += piece.length();
                }
                volume.fresh &= parts.is_empty();
                self.appended.bytes += offset - before;
                self.waiting_since.get_or_insert_with(|| self.config.clock.elapsed());
            }
            self.lanes[lane].volume = Some(volume);
            match appended? {
                Some(_) => {
                    let mut begun = self.sessions.iter_mut();
                    if let Some(begun) = begun.find(|it| Some(it.header.session) == session) {
                        begun.pools.insert(pool);
                    }
                    return Ok(());
                }
                None => self.close_volume(lane)?,
            }
        }
    }

    /// Between sessions, what spools hold goes to the media.
    pub(super) fn settle_media(&mut self) -> Result<()> {
        if self.sessions.len() > 1 {
            return Ok(());
        }
        for lane in 0..self.lanes.len() {
            let settled = self.lanes[lane].volume.as_mut().map_or(Ok(()), |it| it.writer.settle());
            self.or_leave_behind(lane, settled)?;
        }
        Ok(())
    }
}

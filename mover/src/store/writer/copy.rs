//! Copies what is stored to another pool, to another volume, or from another copy of the store, as
//! it is: nothing is decoded, so that no key is needed.

use format::{
    ArchiveId, ChunkFooter, ChunkHeader, ChunkId, Component, Context, ContextPlace, FrameKind,
    Options, SessionId,
};

use super::StoreWriter;
use super::begun::{BegunSession, Subject};
use super::piece::Piece;
use crate::store::Store;
use crate::store::change::Change;
use crate::store::record::ChunkPlace;
use crate::{Error, ErrorKind, Result};

/// Sessions whose headers and components are held ready, at most.
const SESSION_COUNT_MAX: usize = 16;

impl StoreWriter {
    /// Copies a chunk to a pool, commits when that is due, and gives the bytes that were written;
    /// 0 where it is there already.
    pub fn copy_chunk(&mut self, chunk: &ChunkId, pool: &str) -> Result<u64> {
        self.healthy()?;
        let pool = self.store.shelf.pool(pool)?;
        let copies = self.store.copies(chunk)?;
        // One without its footer is what a killed copy left.
        let is_there = |place: &ChunkPlace| {
            place.footer_length > 0 && self.store.shelf.pool_of(place.volume) == Some(pool)
        };
        let pending = self.store.overlay.read().expect("no holder panics").has_chunk(chunk, pool);
        match pending || copies.iter().any(is_there) {
            true => Ok(0),
            false => self.write_copy(&self.store(), chunk, pool),
        }
    }

    /// Writes a chunk once more, whatever is there already: its old volume is about to go.
    pub fn move_chunk(&mut self, chunk: &ChunkId, pool: &str) -> Result<u64> {
        self.healthy()?;
        let pool = self.store.shelf.pool(pool)?;
        self.write_copy(&self.store(), chunk, pool)
    }

    /// Takes a chunk over from another copy of this store, and gives the bytes that were written.
    pub fn take_chunk(&mut self, from: &Store, chunk: &ChunkId, pool: &str) -> Result<u64> {
        self.healthy()?;
        let pool = self.store.shelf.pool(pool)?;
        self.write_copy(from, chunk, pool)
    }

    /// Tells a pool of an archive's end, so that it can be read without the others.
    pub fn copy_archive_end(&mut self, archive: &ArchiveId, pool: &str) -> Result<()> {
        self.take_archive_end(&self.store(), archive, pool)
    }

    /// Takes an archive's end over from another copy of this store.
    pub fn take_archive_end(
        &mut self,
        from: &Store,
        archive: &ArchiveId,
        pool: &str,
    ) -> Result<()> {
        self.healthy()?;
        let pool = self.store.shelf.pool(pool)?;
        let record = from.archive(archive)?;
        let Some(footer) = record.footer else { return Ok(()) };
        self.begin_copies(from, footer.session, archive)?;
        self.settle_before_end(&[pool])?;
        let (mut body, mut lists) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut lists);
        let piece = || {
            let piece = Piece::new(FrameKind::ArchiveFooter, body.clone()).payload(lists.clone());
            piece.change(Change::ArchiveEnd(footer.clone()))
        };
        let subject = Subject { archive: Some(*archive), ..Subject::default() };
        self.put(Some(footer.session), subject, &[pool], vec![piece(), piece()]).map(drop)
    }

    fn write_copy(&mut self, from: &Store, chunk: &ChunkId, pool: usize) -> Result<u64> {
        let stored = from.read_chunk(chunk)?;
        let mut footer = match from.chunk_footer(chunk) {
            // It can be read, and restored from; its tables are for whoever refers to its blocks.
            Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing) => {
                let (blocks, needs) = (Vec::new(), Vec::new());
                ChunkFooter { chunk: *chunk, context: None, blocks, needs }
            }
            footer => footer?,
        };
        let name = self.store.shelf.name(pool).to_owned();
        let context = sent_to(&stored.context, &name);
        // Where it lies is nothing that a cipher binds; see SPEC 7.
        footer.context = footer.context.is_some().then(|| context.clone());
        let chain = context.chain.clone();
        let header = ChunkHeader { context: ContextPlace::Here(context), ..stored.header };
        self.begin_copies(from, header.session, &chunk.archive)?;
        let (mut body, mut footer_body, mut tables) = (Vec::new(), Vec::new(), Vec::new());
        header.encode(&mut body);
        footer.encode(&mut footer_body, &mut tables);
        let head = Piece::new(FrameKind::ChunkHeader, body).payload(stored.payload);
        let tail = Piece::new(FrameKind::ChunkFooter, footer_body).payload(tables);
        let (length, footer_length) = (head.length(), tail.length());
        let place = ChunkPlace { volume: 0, offset: 0, length, footer_length, ..stored.place };
        let head = head.change(Change::Chunk(place, footer.blocks.clone()));
        let subject = Subject { archive: Some(chunk.archive), run: None, chain: &chain };
        self.put(Some(header.session), subject, &[pool], vec![head, tail])?;
        self.appended.chunks += 1;
        let mut overlay = self.store.overlay.write().expect("no holder panics");
        overlay.add(*chunk, pool, &footer.blocks);
        drop(overlay);
        self.commit_if_due()?;
        Ok(length + footer_length)
    }

    /// Holds the headers of a session ready that was written long ago.
    fn begin_copies(
        &mut self,
        from: &Store,
        session: SessionId,
        archive: &ArchiveId,
    ) -> Result<()> {
        if self.session_mut(&session).is_err() {
            if self.sessions.len() >= SESSION_COUNT_MAX {
                self.sessions.remove(0);
            }
            let header = from.session(&session)?;
            let mut components = Vec::new();
            for entry in &header.components {
                let component = Component {
                    digest: entry.digest,
                    name: entry.name.clone(),
                    version: entry.version.clone(),
                };
                components.push((component, from.component(&entry.digest)?));
            }
            let borrowed: Vec<_> = components
                .iter()
                .map(|(component, bytes)| (component.clone(), &bytes[..]))
                .collect();
            self.sessions.push(BegunSession::new(&header, &borrowed));
        }
        if self.session_mut(&session)?.archive(archive).is_none() {
            let record = from.archive(archive)?;
            if record.header_lost {
                let message = format!("no header of archive {archive} is readable");
                return Err(Error::new(ErrorKind::Damaged, message));
            }
            let header = format::ArchiveHeader { session, ..record.header };
            self.session_mut(&session)?.archives.push(header);
        }
        Ok(())
    }

    /// All copies are done: commits, and lets go of what was held ready for them.
    pub fn end_copies(&mut self) -> Result<()> {
        self.commit()?;
        self.sessions.clear();
        self.settle_media()
    }
}

/// The same context, meant for another pool.
fn sent_to(context: &Context, pool: &str) -> Context {
    let mut options = Options::default();
    for item in context.options.items().iter().filter(|item| item.key != Context::POOL) {
        options.push(item.key, item.value.clone());
    }
    options.push(Context::POOL, pool);
    Context { options, ..context.clone() }
}

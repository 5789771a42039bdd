//! Chunks of tapes that would have to go back and forth: read once from front to back before all
//! else, into a file without a name beside the target.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use format::{
    BlockIdentity, ChunkFooter, ChunkHeader, ChunkId, ChunkRange, Digest, KeyGroup, SessionHeader,
    SessionId, StoreId,
};

use super::archive::Watch;
use super::feed::cancelled;
use super::plan::RestorePlan;
use crate::error::{Error, Result};
use crate::store::{
    ArchiveRecord, BlockPlace, ChunkPlace, Fault, ReadStore, SessionRecord, StoredChunk,
    VolumeRecord,
};
use crate::threads;

/// A store of which some chunks were read before, in the order in which they lie.
pub struct Staged<'a> {
    store: &'a dyn ReadStore,
    file: File,
    chunks: HashMap<ChunkId, Kept>,
}

/// Where a chunk waits in the file, as a frame, and where it lay on the tape. Of a full tape there
/// are millions.
struct Kept {
    at: u64,
    frame_length: u32,
    volume: u32,
    offset: u64,
    length: u64,
    footer_length: u64,
}

impl<'a> Staged<'a> {
    /// Reads what the plan says into a file without a name in `folder`. A chunk that cannot be read
    /// is left to whoever needs it.
    pub fn fetch(
        store: &'a dyn ReadStore,
        plan: &RestorePlan,
        folder: &Path,
        watch: &Watch<'_>,
    ) -> Result<Staged<'a>> {
        let failed = |cause| Error::io("making room for chunks in", folder, cause);
        let file = tempfile::tempfile_in(folder).map_err(failed)?;
        let (kept, end) = (Mutex::new(HashMap::new()), AtomicU64::new(0));
        let volumes = Mutex::new(plan.staged.iter());
        let next = || volumes.lock().expect("no holder panics").next();
        let read = || {
            while let Some(chunks) = next() {
                for chunk in chunks {
                    if watch.cancel.is_cancelled() {
                        return Err(cancelled());
                    }
                    let stored = match store.read_chunk(chunk) {
                        Ok(stored) => stored,
                        Err(error) if store.is_away(&error) => return Err(error),
                        Err(_) => continue,
                    };
                    let ChunkPlace { volume, offset, length, footer_length, .. } = stored.place;
                    let payload_length = stored.payload.len() as u64;
                    let frame = stored.into_frame();
                    let at = end.fetch_add(frame.len() as u64, Ordering::Relaxed);
                    file.write_all_at(&frame, at).map_err(|cause| {
                        Error::io("writing chunks to a file without a name in", folder, cause)
                            .way_out(
                            "a tape is read once from front to back: make room for what it holds",
                        )
                    })?;
                    watch.progress.stored(payload_length);
                    let frame_length = u32::try_from(frame.len()).expect("bounded by limits");
                    let place = Kept { at, frame_length, volume, offset, length, footer_length };
                    kept.lock().expect("no holder panics").insert(*chunk, place);
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let mut readers = Vec::new();
            for _ in 0..plan.drive_count {
                match threads::start_in(scope, "mover-tape", read) {
                    Ok(reader) => readers.push(reader),
                    // A drive less, as long as there is one.
                    Err(error) if readers.is_empty() => return Err(error),
                    Err(_) => break,
                }
            }
            readers.into_iter().try_for_each(|it| it.join().expect("a reader does not panic"))
        })?;
        let chunks = kept.into_inner().expect("no holder panics");
        Ok(Staged { store, file, chunks })
    }

    fn read_kept(&self, kept: &Kept) -> Result<StoredChunk> {
        let what = "a chunk in a file without a name";
        let mut bytes = vec![0; kept.frame_length as usize];
        self.file
            .read_exact_at(&mut bytes, kept.at)
            .map_err(|cause| Error::io("reading", what, cause))?;
        let Kept { volume, offset, length, footer_length, .. } = *kept;
        StoredChunk::from_frame(&bytes, |header| {
            let ChunkHeader { chunk, kind, session, .. } = *header;
            ChunkPlace { chunk, kind, session, volume, offset, length, footer_length }
        })
        .map_err(|error| error.during(what))
    }
}

impl ReadStore for Staged<'_> {
    fn id(&self) -> StoreId {
        self.store.id()
    }

    fn name(&self) -> String {
        self.store.name()
    }

    fn groups(&self) -> Result<Vec<KeyGroup>> {
        self.store.groups()
    }

    fn archives(&self) -> Result<Vec<ArchiveRecord>> {
        self.store.archives()
    }

    fn session(&self, session: &SessionId) -> Result<SessionHeader> {
        self.store.session(session)
    }

    fn sessions(&self) -> Result<Vec<SessionRecord>> {
        self.store.sessions()
    }

    fn component(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.store.component(digest)
    }

    fn chunk_places(&self, chunks: &[ChunkId]) -> Result<Vec<Option<ChunkPlace>>> {
        self.store.chunk_places(chunks)
    }

    fn pools_of(&self, ranges: &[ChunkRange]) -> Result<BTreeSet<String>> {
        self.store.pools_of(ranges)
    }

    fn read_chunk(&self, chunk: &ChunkId) -> Result<StoredChunk> {
        match self.chunks.get(chunk) {
            Some(kept) => self.read_kept(kept),
            None => self.store.read_chunk(chunk),
        }
    }

    fn verify_chunk(&self, chunk: &ChunkId) -> Result<ChunkFooter> {
        self.store.verify_chunk(chunk)
    }

    fn lookup_blocks(
        &self,
        identities: &[BlockIdentity],
        pools: &[String],
    ) -> Result<Vec<Option<BlockPlace>>> {
        self.store.lookup_blocks(identities, pools)
    }

    fn volumes(&self) -> Result<Vec<VolumeRecord>> {
        self.store.volumes()
    }

    fn volume_chunks(&self, volume: u32) -> Result<Vec<ChunkPlace>> {
        self.store.volume_chunks(volume)
    }

    fn check_volume(&self, volume: &VolumeRecord) -> Result<Vec<Fault>> {
        self.store.check_volume(volume)
    }

    fn faults(&self) -> Result<Vec<Fault>> {
        self.store.faults()
    }

    fn retries(&self) -> u64 {
        self.store.retries()
    }

    fn is_away(&self, error: &Error) -> bool {
        self.store.is_away(error)
    }

    fn passes(&self) -> Vec<(u32, u64)> {
        self.store.passes()
    }

    fn is_readable(&self) -> bool {
        self.store.is_readable()
    }
}

//! Plans the reads of a restore: which volumes it needs, and in what order, so that each tape is
//! gone through once.
//!
//! Files are restored in the order of their paths. What a tape holds in that order too is streamed
//! from it; a tape that would have to go back and forth, as where files refer to blocks of older
//! archives, is read once from front to back before, and what is needed of it waits in a file
//! without a name beside the target.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use format::{
    ArchiveFooter, BlockIdentity, ChunkFooter, ChunkId, Digest, Extent, KeyGroup, SessionHeader,
    SessionId, StoreId, Verdict,
};
use serde::Serialize;

use super::archive::Watch;
use super::cache::ChunkCache;
use super::contents::{Contents, PathFilter};
use super::decode::Decoding;
use super::feed::cancelled;
use crate::error::{Error, Result};
use crate::store::MediumKind;
use crate::store::{
    ArchiveRecord, BlockPlace, ChunkPlace, Fault, ReadStore, SessionRecord, StoredChunk,
    VolumeRecord,
};
use crate::threads;

/// Chunks whose places are asked for at once.
const ASKED_COUNT: usize = 1024;
/// Decoded index chunks that are kept while planning.
const INDEX_CHUNK_COUNT: usize = 8;

/// What is needed of a volume.
#[derive(Clone, Debug, Serialize)]
pub struct VolumePlan {
    /// Its number.
    pub volume: u32,
    /// Its pool.
    pub pool: String,
    /// What it lies on.
    pub kind: &'static str,
    /// What people call it: its file, or its barcode.
    pub label: String,
    /// Chunks that are needed.
    pub chunks: u64,
    /// Bytes that are read.
    pub stored_bytes: u64,
    /// It is read before all else, since its chunks are not needed in the order in which they lie.
    pub staged: bool,
}

/// Which volumes a restore needs, in the order of need.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RestorePlan {
    /// The volumes.
    pub volumes: Vec<VolumePlan>,
    /// Chunks that lie nowhere that is known.
    pub missing_chunks: u64,
    /// Tapes that are read at once before all else.
    #[serde(skip)]
    drive_count: u16,
    /// By volume, in the order in which they lie.
    #[serde(skip)]
    staged: Vec<Vec<ChunkPlace>>,
}

/// Looks which chunks a restore will need. Reads the index alone.
pub fn plan(
    store: &dyn ReadStore,
    decoding: &Decoding<'_>,
    footer: &ArchiveFooter,
    filter: PathFilter,
    watch: &Watch<'_>,
) -> Result<RestorePlan> {
    let cache = ChunkCache::new(decoding, INDEX_CHUNK_COUNT);
    let contents = Contents::open(&cache, footer, filter)?;
    let mut planner = Planner::new(store)?;
    let mut asked = Vec::new();
    for entry in contents {
        if watch.cancel.is_cancelled() {
            return Err(cancelled());
        }
        // What cannot be read of the index is told by the restore itself.
        let Ok(entry) = entry else { continue };
        if entry.verdict >= Verdict::Hold {
            continue;
        }
        for extent in &entry.extents {
            if let Extent::Data(run) = extent {
                asked.push(run.chunk);
            }
        }
        if asked.len() >= ASKED_COUNT {
            planner.add(&std::mem::take(&mut asked))?;
        }
    }
    planner.add(&asked)?;
    Ok(planner.finish())
}

struct Planner<'a> {
    store: &'a dyn ReadStore,
    records: HashMap<u32, VolumeRecord>,
    order: Vec<u32>,
    needs: HashMap<u32, Need>,
    seen: HashSet<ChunkId>,
    /// The tapes of each pool that are being streamed, the one that was needed last at the end: as
    /// many as there are drives.
    streamed: HashMap<String, VecDeque<u32>>,
    missing: u64,
}

#[derive(Default)]
struct Need {
    /// By offset.
    places: BTreeMap<u64, ChunkPlace>,
    last: u64,
    /// Another one was needed since.
    is_left: bool,
    staged: bool,
}

impl<'a> Planner<'a> {
    fn new(store: &'a dyn ReadStore) -> Result<Planner<'a>> {
        let records = store.volumes()?.into_iter().map(|record| (record.number, record)).collect();
        let (order, needs) = (Vec::new(), HashMap::new());
        let (seen, streamed, missing) = (HashSet::new(), HashMap::new(), 0);
        Ok(Planner { store, records, order, needs, seen, streamed, missing })
    }

    fn add(&mut self, chunks: &[ChunkId]) -> Result<()> {
        for (chunk, place) in chunks.iter().zip(self.store.chunk_places(chunks)?) {
            match place {
                Some(place) => self.place(place),
                None => self.missing += u64::from(self.seen.insert(*chunk)),
            }
        }
        Ok(())
    }

    fn place(&mut self, place: ChunkPlace) {
        let volume = place.volume;
        let tape = self.records.get(&volume).filter(|it| it.kind == MediumKind::Tape);
        if !self.needs.contains_key(&volume) {
            self.order.push(volume);
        }
        if let Some(tape) = tape {
            let streamed = self.streamed.entry(tape.pool.clone()).or_default();
            streamed.retain(|other| *other != volume);
            streamed.push_back(volume);
            if streamed.len() > usize::from(tape.drive_count.max(1)) {
                let left = streamed.pop_front().and_then(|left| self.needs.get_mut(&left));
                left.expect("it was needed before").is_left = true;
            }
        }
        let need = self.needs.entry(volume).or_default();
        need.staged |= tape.is_some() && (need.is_left || place.offset < need.last);
        need.last = place.offset;
        need.places.insert(place.offset, place);
        self.seen.insert(place.chunk);
    }

    fn finish(self) -> RestorePlan {
        let mut plan = RestorePlan { missing_chunks: self.missing, ..RestorePlan::default() };
        plan.drive_count = 1;
        for volume in self.order {
            let need = &self.needs[&volume];
            let record = self.records.get(&volume);
            plan.volumes.push(VolumePlan {
                volume,
                pool: record.map_or_else(String::new, |record| record.pool.clone()),
                kind: record.map_or("disk", |record| record.kind.name()),
                label: record.map_or_else(String::new, |record| record.label.clone()),
                chunks: need.places.len() as u64,
                stored_bytes: need.places.values().map(|it| it.length).sum(),
                staged: need.staged,
            });
            if need.staged {
                plan.drive_count = plan.drive_count.max(record.map_or(1, |it| it.drive_count));
                plan.staged.push(need.places.values().copied().collect());
            }
        }
        plan
    }
}

impl RestorePlan {
    /// Whether a tape has to be read before all else.
    pub fn is_staged(&self) -> bool {
        !self.staged.is_empty()
    }
}

/// A store of which some chunks were read before, in the order in which they lie.
pub struct Staged<'a> {
    store: &'a dyn ReadStore,
    file: File,
    chunks: HashMap<ChunkId, (u64, StoredChunk, usize)>,
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
        let (chunks, end) = (Mutex::new(HashMap::new()), AtomicU64::new(0));
        let volumes = Mutex::new(plan.staged.iter());
        let next = || volumes.lock().expect("no holder panics").next();
        let read = || {
            while let Some(places) = next() {
                for place in places {
                    if watch.cancel.is_cancelled() {
                        return Err(cancelled());
                    }
                    let mut chunk = match store.read_chunk(&place.chunk) {
                        Ok(chunk) => chunk,
                        Err(error) if store.is_away(&error) => return Err(error),
                        Err(_) => continue,
                    };
                    let payload = std::mem::take(&mut chunk.payload);
                    let length = payload.len();
                    let offset = end.fetch_add(length as u64, Ordering::Relaxed);
                    file.write_all_at(&payload, offset).map_err(|cause| {
                        Error::io("writing chunks to a file without a name in", folder, cause)
                            .way_out(
                            "a tape is read once from front to back: make room for what it holds",
                        )
                    })?;
                    watch.progress.stored(length as u64);
                    let mut chunks = chunks.lock().expect("no holder panics");
                    chunks.insert(place.chunk, (offset, chunk, length));
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
        let chunks = chunks.into_inner().expect("no holder panics");
        Ok(Staged { store, file, chunks })
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

    fn read_chunk(&self, chunk: &ChunkId) -> Result<StoredChunk> {
        let Some((offset, staged, length)) = self.chunks.get(chunk) else {
            return self.store.read_chunk(chunk);
        };
        let mut payload = vec![0; *length];
        self.file
            .read_exact_at(&mut payload, *offset)
            .map_err(|cause| Error::io("reading a chunk from", "a file without a name", cause))?;
        Ok(StoredChunk { payload, ..staged.clone() })
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

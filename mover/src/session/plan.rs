//! Plans the reads of a restore: which volumes it needs, and in what order, so that each tape is
//! gone through once.
//!
//! Files are restored in the order of their paths. What a tape holds in that order too is streamed
//! from it; a tape that would have to go back and forth, as where files refer to blocks of older
//! archives, is read once from front to back before: it is [staged](super::Staged).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use format::{ArchiveFooter, ChunkId, Extent, Verdict};
use serde::Serialize;

use super::archive::Watch;
use super::cache::ChunkCache;
use super::contents::{Contents, PathFilter};
use super::decode::Decoding;
use super::feed::cancelled;
use crate::error::Result;
use crate::store::{ChunkPlace, MediumKind, ReadStore, VolumeRecord};

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
    pub(super) drive_count: u16,
    /// By volume, in the order in which they lie.
    #[serde(skip)]
    pub(super) staged: Vec<Vec<ChunkId>>,
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
    missing: HashSet<ChunkId>,
    /// The tapes of each pool that are being streamed, the one that was needed last at the end: as
    /// many as there are drives.
    streamed: HashMap<String, VecDeque<u32>>,
}

#[derive(Default)]
struct Need {
    /// Chunks, and how many bytes each takes, by offset. Of a large archive there are millions.
    chunks: BTreeMap<u64, (ChunkId, u64)>,
    last: u64,
    /// Another one was needed since.
    is_left: bool,
    staged: bool,
}

impl<'a> Planner<'a> {
    fn new(store: &'a dyn ReadStore) -> Result<Planner<'a>> {
        let records = store.volumes()?.into_iter().map(|record| (record.number, record)).collect();
        let (order, needs) = (Vec::new(), HashMap::new());
        let (missing, streamed) = (HashSet::new(), HashMap::new());
        Ok(Planner { store, records, order, needs, missing, streamed })
    }

    fn add(&mut self, chunks: &[ChunkId]) -> Result<()> {
        for (chunk, place) in chunks.iter().zip(self.store.chunk_places(chunks)?) {
            match place {
                Some(place) => self.place(place),
                None => drop(self.missing.insert(*chunk)),
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
        need.chunks.insert(place.offset, (place.chunk, place.length));
    }

    fn finish(mut self) -> RestorePlan {
        let missing_chunks = self.missing.len() as u64;
        let mut plan = RestorePlan { missing_chunks, drive_count: 1, ..RestorePlan::default() };
        for volume in self.order {
            let need = self.needs.remove(&volume).expect("each is in the order once");
            let record = self.records.get(&volume);
            plan.volumes.push(VolumePlan {
                volume,
                pool: record.map_or_else(String::new, |record| record.pool.clone()),
                kind: record.map_or("disk", |record| record.kind.name()),
                label: record.map_or_else(String::new, |record| record.label.clone()),
                chunks: need.chunks.len() as u64,
                stored_bytes: need.chunks.values().map(|(_, length)| length).sum(),
                staged: need.staged,
            });
            if need.staged {
                plan.drive_count = plan.drive_count.max(record.map_or(1, |it| it.drive_count));
                plan.staged.push(need.chunks.into_values().map(|(chunk, _)| chunk).collect());
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

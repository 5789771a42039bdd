//! Checks a store: every chunk on every volume, every chunk that an archive needs, and, if asked,
//! what is inside.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use format::{ArchiveId, ChunkId, Extent};

use super::archive::{Ambient, Watch, seconds};
use super::cache::ChunkCache;
use super::contents::{Contents, PathFilter};
use super::decode::{Decoder, Decoding};
use super::feed::cancelled;
use super::report::VerifyReport;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{ArchiveRecord, ChunkPlace, Fault, FaultKind, ParityFault, ReadStore};
use crate::threads;

/// What is checked.
pub struct VerifyConfig {
    /// Decode every chunk too, and walk every archive's index.
    pub read: bool,
    /// One archive with the chunks that it needs, instead of all.
    pub archive: Option<ArchiveId>,
    /// Threads that check.
    pub workers: usize,
}

/// What a check found wrong, for [`super::repair`]. Each was told.
#[derive(Debug, Default)]
pub struct Damage {
    /// Copies of chunks that are not what they were, or cannot be read.
    pub copies: Vec<ChunkPlace>,
    /// Volumes with anything wrong on them, or missing from them.
    pub volumes: BTreeSet<u32>,
    /// Chunks that some archive needs and that lie nowhere.
    pub missing: BTreeSet<ChunkId>,
    /// Files of parity that are not what they were, or missing.
    pub parity: BTreeSet<String>,
    /// Faults that no copy of anything mends: lists that lie, chunks that do not decode.
    pub beyond_repair: u64,
}

impl Damage {
    /// Nothing that was archived is touched.
    pub fn is_of_parity_alone(&self) -> bool {
        self.volumes.is_empty() && self.missing.is_empty() && self.beyond_repair == 0
    }

    /// The chunks of which none of these copies is sound.
    fn without_copy(&self, places: &[ChunkPlace]) -> HashSet<ChunkId> {
        let at = |place: &ChunkPlace| (place.volume, place.offset);
        let damaged: HashSet<(u32, u64)> = self.copies.iter().map(at).collect();
        let mut chunks: HashSet<ChunkId> = self.copies.iter().map(|place| place.chunk).collect();
        for place in places.iter().filter(|place| !damaged.contains(&at(place))) {
            chunks.remove(&place.chunk);
        }
        chunks
    }
}

/// Chunks beyond those that the store has which an archive may need and be believed: each is named
/// as lost. A list that claims more lies, or is all that is left.
const LOST_COUNT_MAX: u64 = 1 << 16;
/// Chunks whose places are asked for at once.
const ASKED_COUNT: usize = 4096;

/// How many data blocks a decoded chunk has, and how many bytes they are.
type Shape = (u32, u64);

/// Checks. An error means that it could not go on at all; damage is among the faults.
pub fn verify(
    ambient: &Ambient,
    store: &dyn ReadStore,
    decoding: &Decoding<'_>,
    config: &VerifyConfig,
    watch: &Watch<'_>,
) -> Result<(VerifyReport, Damage)> {
    let began = ambient.clock.elapsed();
    let mut archives = store.archives()?;
    archives.retain(|archive| match config.archive {
        Some(id) => archive.header.archive == id,
        None => archive.footer.is_some() && archive.dropped.is_none(),
    });
    let (report, damage) = (VerifyReport::default(), Damage::default());
    let mut verifier = Verifier { store, decoding, config, watch, report, damage };
    verifier.report.decoded = config.read;
    let places = verifier.places(&archives)?;
    match config.archive {
        None => {
            verifier.volumes(&places)?;
            verifier.parity()?;
        }
        Some(_) => verifier.headers(&places)?,
    }
    let shapes = verifier.decode(&places)?;
    for archive in &archives {
        verifier.archive(archive, &shapes)?;
    }
    let mut report = verifier.report;
    report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok((report, verifier.damage))
}

struct Verifier<'a> {
    store: &'a dyn ReadStore,
    decoding: &'a Decoding<'a>,
    config: &'a VerifyConfig,
    watch: &'a Watch<'a>,
    report: VerifyReport,
    damage: Damage,
}

impl Verifier<'_> {
    fn fault(&mut self, error: &Error) {
        self.report.damaged += 1;
        self.watch.observer.fault(b"", error);
    }

    fn beyond_repair(&mut self, error: &Error) {
        self.damage.beyond_repair += 1;
        self.fault(error);
    }

    /// The chunks to check, in the order of volumes; those that are needed and missing are told.
    fn places(&mut self, archives: &[ArchiveRecord]) -> Result<Vec<ChunkPlace>> {
        let mut places = Vec::new();
        let volumes = self.store.volumes()?;
        if self.config.archive.is_none() {
            for volume in &volumes {
                places.extend(self.store.volume_chunks(volume.number)?);
            }
        }
        let stored: u64 = volumes.iter().map(|volume| volume.chunk_count).sum();
        for archive in archives {
            let Some(footer) = &archive.footer else { continue };
            // The lists are not authenticated: a count must not make us work for ever (SPEC 4.5).
            let needed =
                footer.needs.iter().fold(0u64, |sum, range| sum.saturating_add(range.count));
            let indexed = footer.index_page_count.saturating_add(footer.index_root_count);
            if needed.saturating_add(indexed) > stored.saturating_add(LOST_COUNT_MAX) {
                let name = &archive.header.name;
                let message = format!(
                    "archive {name} needs {needed} chunks and an index of {indexed}, and the store \
                     has {stored}"
                );
                self.beyond_repair(&Error::new(ErrorKind::Missing, message));
                continue;
            }
            let pages = footer.index_page_count + footer.index_root_count;
            let index = (0..pages).map(|number| ChunkId {
                archive: footer.archive,
                stream: format::StreamNumber::INDEX,
                number,
            });
            let data = footer.needs.iter().flat_map(|range| {
                let chunk =
                    |number| ChunkId { archive: range.archive, stream: range.stream, number };
                (range.first..range.first + range.count).map(chunk)
            });
            let asked: Vec<ChunkId> = data.chain(index).collect();
            for asked in asked.chunks(ASKED_COUNT) {
                for (chunk, place) in asked.iter().zip(self.store.chunk_places(asked)?) {
                    match place {
                        Some(place) if self.config.archive.is_some() => places.push(place),
                        Some(_) => {}
                        None => {
                            self.damage.missing.insert(*chunk);
                            let message = format!(
                                "{chunk} is missing, and archive {} needs it",
                                archive.header.name
                            );
                            self.fault(&Error::new(ErrorKind::Missing, message));
                        }
                    }
                }
            }
        }
        places.sort_by_key(|place| (place.volume, place.offset));
        Ok(places)
    }

    /// Reads every frame of every volume.
    fn volumes(&mut self, places: &[ChunkPlace]) -> Result<()> {
        let mut residue = Vec::new();
        for fault in self.store.faults()? {
            if matches!(fault.kind, FaultKind::Torn | FaultKind::Unacknowledged) {
                residue.push(fault);
            }
            match fault.kind {
                // Damage is found by reading, below.
                FaultKind::Damaged | FaultKind::Unreadable | FaultKind::Unacknowledged => {}
                // What a crash leaves, where no catalog can say so.
                FaultKind::Torn => self.watch.observer.note(&fault.to_string()),
                FaultKind::Cut | FaultKind::Missing => {
                    self.damage.volumes.insert(fault.volume);
                    self.fault(&Error::new(ErrorKind::Damaged, fault.to_string()));
                }
            }
        }
        let volumes = self.store.volumes()?;
        self.watch.progress.expect(0, volumes.iter().map(|volume| volume.length).sum());
        let (decoding, watch) = (self.decoding, self.watch);
        let checked = in_parallel(
            self.config.workers,
            &volumes,
            watch,
            || (),
            |(), volume| {
                let faults = decoding.ask(|store| store.check_volume(volume));
                watch.progress.bytes(volume.length);
                faults
            },
        )?;
        self.decoding.reached()?;
        for (volume, faults) in volumes.iter().zip(checked) {
            self.report.stored_bytes_read += volume.length;
            let is_residue = |fault: &Fault| residue.iter().any(|known| overlap(known, fault));
            for fault in faults?.iter().filter(|fault| !is_residue(fault)) {
                self.damaged_range(&places_of(places, fault), fault);
            }
        }
        self.report.chunks += places.len() as u64;
        Ok(())
    }

    fn parity(&mut self) -> Result<()> {
        for fault in self.store.check_parity()? {
            match &fault {
                ParityFault::File { file, .. } => {
                    self.damage.parity.insert(file.clone());
                }
                // The catalog may have missed it too.
                ParityFault::Volume(volume) | ParityFault::Cut { volume, .. } => {
                    if !self.damage.volumes.insert(*volume) {
                        continue;
                    }
                }
            }
            self.fault(&Error::new(ErrorKind::Damaged, fault.to_string()));
        }
        Ok(())
    }

    fn damaged_range(&mut self, hit: &[ChunkPlace], fault: &Fault) {
        let named: Vec<_> = hit.iter().map(|place| place.chunk.to_string()).collect();
        self.damage.copies.extend(hit);
        self.damage.volumes.insert(fault.volume);
        let mut message = fault.to_string();
        if !named.is_empty() {
            message = format!("{message}: {}", named.join(", "));
        }
        self.fault(&Error::new(ErrorKind::Damaged, message));
    }

    /// Reads the chunks of one archive.
    fn headers(&mut self, places: &[ChunkPlace]) -> Result<()> {
        for place in places {
            self.report.chunks += 1;
            self.report.stored_bytes_read += place.length + place.footer_length;
            if let Err(error) = self.decoding.ask(|store| store.verify_chunk(&place.chunk)) {
                self.decoding.reached()?;
                self.damage.copies.push(*place);
                self.fault(&error);
            }
        }
        Ok(())
    }

    /// Decodes chunks on all workers, if asked to; gives their shapes.
    fn decode(&mut self, places: &[ChunkPlace]) -> Result<HashMap<ChunkId, Shape>> {
        let mut shapes = HashMap::new();
        if !self.config.read {
            return Ok(shapes);
        }
        self.watch.progress.expect(0, places.iter().map(|place| place.length).sum());
        // A chunk that another copy stands in for is as good as any.
        let lost = self.damage.without_copy(places);
        let sound: Vec<_> = places.iter().filter(|place| !lost.contains(&place.chunk)).collect();
        let (decoding, watch) = (self.decoding, self.watch);
        let new = || Decoder::new(decoding);
        let decoded = in_parallel(self.config.workers, &sound, watch, new, |decoder, place| {
            watch.progress.bytes(place.length);
            decoder.chunk(&place.chunk).map(|chunk| chunk.shape())
        })?;
        self.decoding.reached()?;
        for (place, shape) in sound.iter().zip(decoded) {
            match shape {
                Ok(shape) => {
                    shapes.insert(place.chunk, shape);
                }
                // Without the key nothing else can be decoded either.
                Err(error) if error.kind() == ErrorKind::Key => return Err(error),
                Err(error) => self.beyond_repair(&error),
            }
        }
        Ok(shapes)
    }

    /// Walks an archive's index, and checks that every entry's content is where it says.
    fn archive(&mut self, archive: &ArchiveRecord, shapes: &HashMap<ChunkId, Shape>) -> Result<()> {
        self.report.archives += 1;
        let (true, Some(footer)) = (self.config.read, &archive.footer) else { return Ok(()) };
        let cache = ChunkCache::new(self.decoding, 4);
        let contents = match Contents::open(&cache, footer, PathFilter::default()) {
            Ok(contents) => contents,
            Err(error) => {
                self.decoding.reached()?;
                self.fault(&error);
                return Ok(());
            }
        };
        for entry in contents {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    self.decoding.reached()?;
                    self.fault(&error);
                    continue;
                }
            };
            let whole = entry.extents.iter().all(|extent| match extent {
                Extent::Hole(_) => true,
                Extent::Data(run) => shapes.get(&run.chunk).is_some_and(|(count, length)| {
                    u64::from(run.first) + u64::from(run.count) <= u64::from(*count)
                        && run.length <= *length
                }),
            });
            if whole {
                self.report.entries += 1;
            } else {
                let path = String::from_utf8_lossy(&entry.entry.path).into_owned();
                let message = format!("{path} in archive {} is not whole", archive.header.name);
                self.fault(&Error::new(ErrorKind::Damaged, message));
            }
        }
        Ok(())
    }
}

fn overlap(one: &Fault, other: &Fault) -> bool {
    one.volume == other.volume
        && one.offset < other.offset.saturating_add(other.length)
        && other.offset < one.offset.saturating_add(one.length)
}

/// The chunks that a damaged range touches.
fn places_of(places: &[ChunkPlace], fault: &Fault) -> Vec<ChunkPlace> {
    let ends = fault.offset.saturating_add(fault.length);
    let touched = |place: &&ChunkPlace| {
        place.volume == fault.volume
            && place.offset < ends
            && place.offset + place.length + place.footer_length > fault.offset
    };
    places.iter().filter(touched).copied().collect()
}

/// Does the same work on every item, on several threads; gives the results in order.
fn in_parallel<T: Sync, R: Send, S>(
    workers: usize,
    items: &[T],
    watch: &Watch<'_>,
    new: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let take = || {
        let mut state = new();
        while !watch.cancel.is_cancelled() {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { return };
            let result = work(&mut state, item);
            done.lock().expect("no holder panics").push((place, result));
        }
    };
    std::thread::scope(|scope| {
        let started = (0..workers.min(items.len()))
            .try_for_each(|_| threads::start_in(scope, "mover-verify", take).map(drop));
        if started.is_err() {
            next.store(items.len(), Ordering::Relaxed);
        }
        started
    })?;
    if watch.cancel.is_cancelled() {
        return Err(cancelled());
    }
    let mut done = done.into_inner().expect("no holder panics");
    done.sort_by_key(|(place, _)| *place);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

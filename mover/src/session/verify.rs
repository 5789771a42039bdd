//! Checks a store: every chunk on every volume, every chunk that an archive needs, and, if asked,
//! what is inside.

use std::collections::HashMap;
use std::sync::Mutex;

use format::{ArchiveId, ChunkId, Extent};

use super::archive::{Ambient, Watch, seconds};
use super::contents::{Contents, PathFilter};
use super::decode::{ChunkCache, Decoder, Decoding};
use super::report::VerifyReport;
use super::walk::cancelled;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{ArchiveRecord, ChunkPlace, Store};

/// What is checked.
pub struct VerifyConfig {
    /// Decode every chunk too, and walk every archive's index.
    pub read: bool,
    /// One archive with the chunks that it needs, instead of all.
    pub archive: Option<ArchiveId>,
    /// Threads that check.
    pub workers: usize,
}

/// How many data blocks a decoded chunk has, and how many bytes they are.
type Shape = (u32, u64);

/// Checks. An error means that it could not go on at all; damage is among the faults.
pub fn verify(
    ambient: &Ambient,
    store: &Store,
    decoding: &Decoding<'_>,
    config: &VerifyConfig,
    watch: &Watch<'_>,
) -> Result<VerifyReport> {
    let began = ambient.clock.elapsed();
    let mut archives = store.archives()?;
    archives.retain(|archive| match config.archive {
        Some(id) => archive.header.archive == id,
        None => archive.footer.is_some() && archive.dropped.is_none(),
    });
    let mut verifier = Verifier { store, decoding, config, watch, report: VerifyReport::default() };
    verifier.report.decoded = config.read;
    if config.archive.is_none() {
        for fault in store.faults()? {
            verifier.fault(&Error::new(ErrorKind::Damaged, fault.to_string()));
        }
    }
    let places = verifier.places(&archives)?;
    let shapes = verifier.chunks(&places)?;
    for archive in &archives {
        verifier.archive(archive, &shapes)?;
    }
    let mut report = verifier.report;
    report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok(report)
}

struct Verifier<'a> {
    store: &'a Store,
    decoding: &'a Decoding<'a>,
    config: &'a VerifyConfig,
    watch: &'a Watch<'a>,
    report: VerifyReport,
}

impl Verifier<'_> {
    fn fault(&mut self, error: &Error) {
        self.report.damaged += 1;
        self.watch.observer.fault(b"", error);
    }

    /// The chunks to check, in the order of volumes; those that are needed and missing are told.
    fn places(&mut self, archives: &[ArchiveRecord]) -> Result<Vec<ChunkPlace>> {
        let mut places = Vec::new();
        if self.config.archive.is_none() {
            for volume in self.store.volumes()? {
                places.extend(self.store.volume_chunks(volume.number)?);
            }
        }
        for archive in archives {
            let Some(footer) = &archive.footer else { continue };
            let pages = footer.index_page_count + footer.index_root_count;
            let index = (0..pages).map(|number| ChunkId {
                archive: footer.archive,
                stream: format::StreamNumber::INDEX,
                number,
            });
            let data = footer.needs.iter().flat_map(|range| {
                let chunk = |number| ChunkId {
                    archive: range.archive,
                    stream: range.stream,
                    number,
                };
                (range.first..range.first + range.count).map(chunk)
            });
            for chunk in data.chain(index) {
                match self.store.chunk_place(&chunk)? {
                    Some(place) if self.config.archive.is_some() => places.push(place),
                    Some(_) => {}
                    None => {
                        let message = format!(
                            "{chunk} is missing, and archive {} needs it",
                            archive.header.name
                        );
                        self.fault(&Error::new(ErrorKind::Missing, message));
                    }
                }
            }
        }
        places.sort_by_key(|place| (place.volume, place.offset));
        Ok(places)
    }

    /// Checks chunks on all workers; gives the shapes of those that were decoded.
    fn chunks(&mut self, places: &[ChunkPlace]) -> Result<HashMap<ChunkId, Shape>> {
        let (store, decoding, watch, read) =
            (self.store, self.decoding, self.watch, self.config.read);
        watch.progress.expect(0, places.iter().map(|place| place.length).sum());
        let next = Mutex::new(places.iter());
        let (shapes, faults) = (Mutex::new(HashMap::new()), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..self.config.workers {
                scope.spawn(|| {
                    let mut decoder = Decoder::new(decoding);
                    while !watch.cancel.is_cancelled() {
                        let place = next.lock().expect("no holder panics").next();
                        let Some(place) = place else { return };
                        watch.progress.bytes(place.length);
                        let checked = store.verify_chunk(&place.chunk).and_then(|_| match read {
                            true => decoder.chunk(&place.chunk).map(|chunk| Some(chunk.shape())),
                            false => Ok(None),
                        });
                        match checked {
                            Ok(None) => {}
                            Ok(Some(shape)) => {
                                let mut shapes = shapes.lock().expect("no holder panics");
                                shapes.insert(place.chunk, shape);
                            }
                            Err(error) => faults.lock().expect("no holder panics").push(error),
                        }
                    }
                });
            }
        });
        if watch.cancel.is_cancelled() {
            return Err(cancelled());
        }
        for error in faults.into_inner().expect("no holder panics") {
            if error.kind() == ErrorKind::Key {
                return Err(error);
            }
            self.fault(&error);
        }
        self.report.chunks += places.len() as u64;
        let length = |place: &ChunkPlace| place.length + place.footer_length;
        self.report.stored_bytes_read += places.iter().map(length).sum::<u64>();
        Ok(shapes.into_inner().expect("no holder panics"))
    }

    /// Walks an archive's index, and checks that every entry's content is where it says.
    fn archive(&mut self, archive: &ArchiveRecord, shapes: &HashMap<ChunkId, Shape>) -> Result<()> {
        self.report.archives += 1;
        let (true, Some(footer)) = (self.config.read, &archive.footer) else { return Ok(()) };
        let cache = ChunkCache::new(self.decoding, 4);
        let contents = match Contents::open(&cache, footer, PathFilter::default()) {
            Ok(contents) => contents,
            Err(error) => {
                self.fault(&error);
                return Ok(());
            }
        };
        for entry in contents {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
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

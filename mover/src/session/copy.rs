//! Copies archives, or what lies on volumes, to another pool: as it is stored, so that no key is
//! needed and nothing is read from the source again.
//!
//! A copy that is interrupted is run again: what arrived is not copied twice.

use std::collections::BTreeSet;

use format::{
    ArchiveId, ChunkId, KeyGroup, SessionFooter, SessionHeader, SessionId, SessionStatus,
};
use serde::Serialize;

use super::archive::{Ambient, Watch, seconds};
use super::feed::cancelled;
use crate::ambient::random_bytes;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{ArchiveRecord, ChunkPlace, Needed, StoreWriter};

/// The end of a copy.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CopyReport {
    /// The pool that was copied to.
    pub pool: String,
    /// Archives that are whole there now.
    pub archives: u64,
    /// Chunks that were written.
    pub chunks: u64,
    /// Bytes that were written.
    pub stored_bytes: u64,
    /// Chunks that were there already.
    pub chunks_there: u64,
    /// Chunks that were read back from there, and are as they should be.
    pub verified: u64,
    /// Volumes that were taken out, since all of theirs lies elsewhere now.
    pub volumes_removed: u64,
    /// Faults, each told when it happened.
    pub faults: u64,
    /// Wall time.
    pub seconds: f64,
}

/// What is copied.
pub enum CopySource {
    /// These archives, with all that they need.
    Archives(Vec<ArchiveRecord>),
    /// What lies on these volumes and is needed; then the volumes go, unless they are to be kept.
    Volumes {
        /// Their numbers.
        volumes: Vec<u32>,
        /// Leave them as they are.
        keep: bool,
    },
}

/// How it is copied.
pub struct CopyConfig {
    /// The pool to copy to.
    pub pool: String,
    /// Read back what was written.
    pub verify: bool,
}

/// Copies. A chunk that cannot be read is a fault, and the others are copied.
pub fn copy(
    ambient: &Ambient,
    writer: &mut StoreWriter,
    group: KeyGroup,
    source: &CopySource,
    config: &CopyConfig,
    watch: &Watch<'_>,
) -> Result<CopyReport> {
    let began = ambient.clock.elapsed();
    writer.store().check_pool(&config.pool)?;
    let report = CopyReport { pool: config.pool.clone(), ..CopyReport::default() };
    let mut run = Run { ambient, writer, config, watch, report };
    let header = run.header();
    let done = run.all(source);
    // What arrived is worth keeping, whatever went wrong.
    run.writer.end_copies()?;
    done?;
    run.end(header, group)?;
    run.report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok(run.report)
}

struct Run<'a> {
    ambient: &'a Ambient,
    writer: &'a mut StoreWriter,
    config: &'a CopyConfig,
    watch: &'a Watch<'a>,
    report: CopyReport,
}

impl Run<'_> {
    /// A copy is a session like any other, so that the store tells of it.
    fn header(&self) -> SessionHeader {
        SessionHeader {
            session: SessionId(random_bytes(&*self.ambient.random)),
            store: self.writer.store().id(),
            job: format!("copy to {}", self.config.pool),
            writer: [0; 32],
            software: concat!("mover ", env!("CARGO_PKG_VERSION")).to_owned(),
            started: self.ambient.clock.now(),
            components: Vec::new(),
            epochs: Vec::new(),
        }
    }

    fn end(&mut self, header: SessionHeader, group: KeyGroup) -> Result<()> {
        self.writer.begin_session(&header, &[])?;
        let status = match self.report.faults {
            0 => SessionStatus::Complete,
            _ => SessionStatus::CompleteWithFaults,
        };
        let (ended, groups) = (self.ambient.clock.now(), vec![group]);
        self.writer.end_session(&SessionFooter { ended, status, header, groups })
    }

    fn all(&mut self, source: &CopySource) -> Result<()> {
        match source {
            CopySource::Archives(archives) => {
                let stored = self.writer.store().chunk_count()?;
                let chunks: Vec<ChunkId> = Needed::by(archives).chunks(stored)?.collect();
                self.chunks(&chunks)?;
                self.ends(archives.iter().map(|record| record.header.archive))
            }
            CopySource::Volumes { volumes, keep } => {
                let needed = self.writer.store().needed()?;
                let mut chunks = Vec::new();
                for volume in volumes {
                    let places = self.writer.store().volume_chunks(*volume)?;
                    chunks.extend(places.iter().map(|place| place.chunk));
                }
                chunks.retain(|chunk| needed.contains(chunk));
                self.chunks(&chunks)?;
                let archives: BTreeSet<ArchiveId> =
                    chunks.iter().map(|chunk| chunk.archive).collect();
                self.ends(archives)?;
                if !keep && self.report.faults == 0 {
                    for volume in volumes {
                        self.writer.remove_volume(*volume)?;
                        self.report.volumes_removed += 1;
                    }
                }
                Ok(())
            }
        }
    }

    /// In the order in which they lie: one pass over each medium that they come from.
    fn chunks(&mut self, chunks: &[ChunkId]) -> Result<()> {
        let store = self.writer.store();
        let mut places: Vec<ChunkPlace> = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            match store.chunk_place(chunk)? {
                Some(place) => places.push(place),
                None => self.fault(&Error::new(ErrorKind::Missing, format!("{chunk} is lost"))),
            }
        }
        places.sort_by_key(|place| (place.volume, place.offset));
        self.watch.progress.expect(0, places.iter().map(|it| it.length + it.footer_length).sum());
        for place in &places {
            if self.watch.cancel.is_cancelled() {
                return Err(cancelled());
            }
            match self.writer.copy_chunk(&place.chunk, &self.config.pool) {
                Ok(0) => self.report.chunks_there += 1,
                Ok(length) => {
                    self.report.chunks += 1;
                    self.report.stored_bytes += length;
                    self.watch.progress.stored(length);
                }
                Err(error) if is_of_chunk(&error) => self.fault(&error),
                Err(error) => return Err(error),
            }
            self.watch.progress.bytes(place.length + place.footer_length);
        }
        self.writer.commit()?;
        if self.config.verify {
            self.read_back(chunks)?;
        }
        Ok(())
    }

    fn read_back(&mut self, chunks: &[ChunkId]) -> Result<()> {
        let store = self.writer.store();
        let mut places = Vec::new();
        for chunk in chunks {
            places.extend(store.copy_in(chunk, &self.config.pool)?);
        }
        places.sort_by_key(|place| (place.volume, place.offset));
        for place in &places {
            if self.watch.cancel.is_cancelled() {
                return Err(cancelled());
            }
            match store.verify_copy(place) {
                Ok(_) => self.report.verified += 1,
                Err(error) => self.fault(&error),
            }
        }
        Ok(())
    }

    fn ends(&mut self, archives: impl IntoIterator<Item = ArchiveId>) -> Result<()> {
        for archive in archives {
            self.writer.copy_archive_end(&archive, &self.config.pool)?;
            self.report.archives += 1;
        }
        Ok(())
    }

    fn fault(&mut self, error: &Error) {
        self.report.faults += 1;
        self.watch.observer.fault(b"", error);
    }
}

/// The chunk itself is damaged or gone; the pool that is written to is well.
fn is_of_chunk(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing)
}

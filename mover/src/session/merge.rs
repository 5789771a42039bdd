//! Takes over from another copy of a store what this one lacks: the archives that another machine
//! wrote to its copy, and chunks that were lost here. As it is stored, so that no key is needed.
//!
//! Both have to be the same store by its identity. Archives that were dropped here stay dropped.

use std::collections::BTreeSet;

use format::{ArchiveId, ChunkId};
use serde::Serialize;

use super::archive::{Ambient, Watch, seconds};
use super::feed::cancelled;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{ArchiveRecord, Needed, Store, StoreWriter};

/// The end of a merge.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MergeReport {
    /// Archives that were taken over.
    pub archives: u64,
    /// Archives that are in both, or were dropped here.
    pub archives_there: u64,
    /// Chunks that were written, each of which was read back.
    pub chunks: u64,
    /// Those of them that archives of this store had lost.
    pub healed: u64,
    /// Bytes that were written.
    pub stored_bytes: u64,
    /// Key groups that are newer there.
    pub key_groups: u64,
    /// Faults, each told when it happened.
    pub faults: u64,
    /// Wall time.
    pub seconds: f64,
}

/// Merges `from` into the store of `writer`; new chunks go to `pool`.
pub fn merge(
    ambient: &Ambient,
    writer: &mut StoreWriter,
    from: &Store,
    pool: &str,
    watch: &Watch<'_>,
) -> Result<MergeReport> {
    let began = ambient.clock.elapsed();
    if writer.store().id() != from.id() {
        let (here, there) = (writer.store().id(), from.id());
        let message =
            format!("{} is store {there}, and this is store {here}", from.path().display());
        return Err(Error::new(ErrorKind::Refused, message).way_out(
            "stores with keys of their own are not merged: restore from one and archive to the other",
        ));
    }
    writer.store().check_pool(pool)?;
    let report = MergeReport::default();
    let mut merge = Merge { writer, from, pool, watch, report };
    let done = merge.all();
    // What arrived is worth keeping, whatever went wrong.
    merge.writer.end_copies()?;
    done?;
    merge.report.seconds = seconds(ambient.clock.elapsed().saturating_sub(began));
    Ok(merge.report)
}

struct Merge<'a> {
    writer: &'a mut StoreWriter,
    from: &'a Store,
    pool: &'a str,
    watch: &'a Watch<'a>,
    report: MergeReport,
}

impl Merge<'_> {
    fn all(&mut self) -> Result<()> {
        self.key_groups()?;
        let store = self.writer.store();
        let here = store.archives()?;
        let (mut taken, mut lost_here) = (Vec::new(), BTreeSet::new());
        let stored = store.chunk_count()? + self.from.chunk_count()?;
        for record in here.iter().filter(|record| record.dropped.is_none()) {
            lost_here.extend(self.lacking(Needed::by([record]).chunks(stored)?)?);
        }
        for record in self.from.archives()? {
            if record.footer.is_none() || record.dropped.is_some() {
                continue;
            }
            match here.iter().find(|known| known.header.archive == record.header.archive) {
                None => taken.push(record),
                Some(known) if known.footer.is_none() && known.dropped.is_none() => {
                    let name = &record.header.name;
                    self.fault(
                        &Error::new(
                            ErrorKind::Busy,
                            format!("archive {name} is finished there and unfinished here"),
                        )
                        .way_out("drop it here, or run the command once more that wrote it"),
                    );
                }
                Some(_) => self.report.archives_there += 1,
            }
        }
        let needed = Needed::by(&taken);
        let mut chunks: BTreeSet<ChunkId> =
            self.lacking(needed.chunks(stored)?)?.into_iter().collect();
        chunks.extend(&lost_here);
        self.chunks(&chunks, &lost_here)?;
        for record in &taken {
            self.end(record, stored)?;
        }
        Ok(())
    }

    /// A revision of a group that this store does not know yet says who can read it now.
    fn key_groups(&mut self) -> Result<()> {
        let known = self.writer.store().groups()?;
        for group in self.from.groups()? {
            let ours = known.iter().find(|ours| ours.group == group.group);
            if ours.is_none_or(|ours| ours.revision < group.revision) {
                self.writer.put_group(&group)?;
                if ours.is_none() {
                    let note = format!(
                        "key group {} was made there: new archives are written under it, see \
                         `mover key list`",
                        group.group
                    );
                    self.watch.observer.note(&note);
                }
                self.report.key_groups += 1;
            }
        }
        Ok(())
    }

    /// Those that lie nowhere in this store.
    fn lacking(&self, chunks: impl Iterator<Item = ChunkId>) -> Result<Vec<ChunkId>> {
        let store = self.writer.store();
        let mut lacking = Vec::new();
        for chunk in chunks {
            if store.chunk_place(&chunk)?.is_none() {
                lacking.push(chunk);
            }
        }
        Ok(lacking)
    }

    /// In the order in which they lie there.
    fn chunks(&mut self, chunks: &BTreeSet<ChunkId>, lost_here: &BTreeSet<ChunkId>) -> Result<()> {
        let mut places = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            match self.from.chunk_place(chunk)? {
                Some(place) => places.push(place),
                None => {
                    self.fault(&Error::new(ErrorKind::Missing, format!("{chunk} is in neither")));
                }
            }
        }
        places.sort_by_key(|place| (place.volume, place.offset));
        self.watch.progress.expect(0, places.iter().map(|it| it.length + it.footer_length).sum());
        for place in &places {
            if self.watch.cancel.is_cancelled() {
                return Err(cancelled());
            }
            match self.writer.take_chunk(self.from, &place.chunk, self.pool) {
                Ok(length) => {
                    self.report.chunks += 1;
                    self.report.healed += u64::from(lost_here.contains(&place.chunk));
                    self.report.stored_bytes += length;
                    self.watch.progress.stored(length);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Missing) => {
                    self.fault(&error);
                }
                Err(error) => return Err(error),
            }
            self.watch.progress.bytes(place.length + place.footer_length);
        }
        self.writer.commit()?;
        let store = self.writer.store();
        for place in &places {
            if self.watch.cancel.is_cancelled() {
                return Err(cancelled());
            }
            if store.chunk_place(&place.chunk)?.is_some() {
                store.verify_chunk(&place.chunk)?;
            }
        }
        Ok(())
    }

    /// An archive is shown here only when all that it needs has arrived.
    fn end(&mut self, record: &ArchiveRecord, stored: u64) -> Result<()> {
        let (archive, name): (&ArchiveId, _) = (&record.header.archive, &record.header.name);
        let lacking = self.lacking(Needed::by([record]).chunks(stored)?)?;
        if let Some(first) = lacking.first() {
            let count = lacking.len();
            self.fault(&Error::new(
                ErrorKind::Missing,
                format!("archive {name} is not taken over: {count} chunks lack, as {first}"),
            ));
            return Ok(());
        }
        self.writer.take_archive_end(self.from, archive, self.pool)?;
        self.report.archives += 1;
        Ok(())
    }

    fn fault(&mut self, error: &Error) {
        self.report.faults += 1;
        self.watch.observer.fault(b"", error);
    }
}

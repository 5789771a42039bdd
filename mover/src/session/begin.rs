//! Where an archive begins: anew, or where an earlier session left it.

use std::collections::HashMap;
use std::sync::Arc;

use format::{ArchiveHeader, ArchiveId, ChunkId, SessionId, StreamNumber};

use super::feed::WalkFrom;
use super::head::Linked;
use super::journal::{Head, JournalWriter, OpenEntry, Resumed};
use super::progress::Observer;
use crate::ambient::{Random, random_bytes};
use crate::archive::{Arrived, Needs};
use crate::error::Result;
use crate::key::StateFolder;
use crate::store::{ArchiveProof, ReadStore, StreamEnd, WriteStore};

/// Chunks whose places are asked for at once.
const ASKED_COUNT: u64 = 4096;
/// Chunks behind a gap that are asked for: a server's word must not make us ask for ever.
const BEHIND_MAX: u64 = 1 << 24;

/// An archive that is about to be written to.
pub(super) struct Beginning {
    pub(super) proof: ArchiveProof,
    pub(super) header: ArchiveHeader,
    pub(super) journal: JournalWriter,
    /// The number of the first chunk to come.
    pub(super) first: u64,
    /// Chunks of the index that are in the store.
    pub(super) index_arrived: Arrived,
    pub(super) resumed: Option<Continued>,
}

/// What an earlier session has done.
pub(super) struct Continued {
    /// The chunks that it goes on from.
    pub(super) arrived: Arrived,
    pub(super) counts: super::journal::Counts,
    pub(super) open: Option<OpenEntry>,
    pub(super) withheld: Vec<format::Withheld>,
    pub(super) is_complete: bool,
    pub(super) last_path: Option<Vec<u8>>,
    pub(super) last_number: u64,
    pub(super) links: HashMap<u64, Linked>,
    /// The files that stand for groups of names, for the walk to know them.
    pub(super) link_entries: Vec<format::Entry>,
    pub(super) needs: Needs,
}

impl Continued {
    /// Where the walk goes on.
    pub(super) fn walk_from(&mut self) -> WalkFrom {
        match (self.open.take(), self.last_path.take()) {
            (Some(open), _) => WalkFrom::Inside(Box::new(open)),
            (None, Some(path)) => WalkFrom::Behind(path),
            (None, None) => WalkFrom::Start,
        }
    }
}

/// What makes a journal.
pub(super) struct JournalPlace<'a> {
    pub(super) state: &'a StateFolder,
    pub(super) name: String,
    pub(super) random: &'a Arc<dyn Random>,
    /// Nobody can go on with what comes through a pipe.
    pub(super) is_temporary: bool,
}

/// Tells of an earlier archive of the same source that is not gone on with.
fn tell_changed(
    writer: &mut dyn WriteStore,
    proof: &ArchiveProof,
    observer: &dyn Observer,
) -> Result<()> {
    // What never reached the store is no archive, and nothing stays of it.
    if writer.unfinished(proof)?.is_some() {
        observer.note(
            "an earlier archive of this source was interrupted, and what was asked for has changed \
             since: a new one is begun, and the other stays unfinished",
        );
    }
    Ok(())
}

impl JournalPlace<'_> {
    /// The archive that an earlier session left unfinished, if this one can go on with it.
    pub(super) fn find(
        &self,
        writer: &mut dyn WriteStore,
        recipe: [u8; 32],
        session: SessionId,
        observer: &dyn Observer,
    ) -> Result<Option<Beginning>> {
        if self.is_temporary {
            return Ok(None);
        }
        let Some(reader) = Resumed::find(self.state, &self.name, self.random)? else {
            return Ok(None);
        };
        if reader.head.recipe != recipe {
            tell_changed(writer, &reader.head.proof(), observer)?;
            return Ok(None);
        }
        let (proof, mut header) = (reader.head.proof(), reader.head.header()?);
        let Some(ends) = writer.unfinished(&proof)? else { return Ok(None) };
        let of = |stream| ends.iter().find(|end| end.stream == stream);
        let (data, index) = (of(StreamNumber(0)), of(StreamNumber::INDEX));
        let (store, first) = (writer.store(), data.map_or(0, |end| end.next));
        let arrived = arrived_of(&*store, header.archive, data)?;
        let (mut links, mut link_entries, mut needs) =
            (HashMap::new(), Vec::new(), Needs::default());
        let resumed = Resumed::go_back(reader, &arrived, self.random, &mut |entry| {
            if entry.entry.link_group != 0 && !links.contains_key(&entry.entry.link_group) {
                links.insert(entry.entry.link_group, Linked::of(entry));
                link_entries.push(entry.entry.clone());
            }
            for extent in &entry.extents {
                if let format::Extent::Data(run) = extent {
                    needs.insert(run.chunk);
                }
            }
        })?;
        let Some(resumed) = resumed else { return Ok(None) };
        if index.is_some_and(|end| end.next > 0) && !resumed.is_complete {
            // Another index than the one that it has a part of would come of it.
            observer.note(
                "the end of an interrupted archive's journal or of its content is lost, and its \
                 index was begun: a new one is begun",
            );
            return Ok(None);
        }
        let index_arrived = arrived_of(&*store, header.archive, index)?;
        header.session = session;
        Ok(Some(Beginning {
            proof,
            header,
            journal: resumed.journal,
            first,
            index_arrived,
            resumed: Some(Continued {
                arrived: resumed.arrived,
                counts: resumed.counts,
                open: resumed.open,
                withheld: resumed.withheld,
                is_complete: resumed.is_complete,
                last_path: resumed.last_path,
                last_number: resumed.last_number,
                links,
                link_entries,
                needs,
            }),
        }))
    }

    /// A new archive; `header` need not know its identity yet.
    pub(super) fn begin(
        &self,
        mut header: ArchiveHeader,
        head: impl FnOnce(&ArchiveProof, &ArchiveHeader) -> Head,
    ) -> Result<Beginning> {
        let proof = ArchiveProof(random_bytes(&**self.random));
        header.archive = proof.archive();
        let head = head(&proof, &header);
        let journal =
            JournalWriter::create(self.state, &self.name, self.random, &head, self.is_temporary)?;
        let index_arrived = Arrived::default();
        Ok(Beginning { proof, header, journal, first: 0, index_arrived, resumed: None })
    }
}

/// The chunks of a stream that are in the store; those behind a gap are asked for.
fn arrived_of(
    store: &dyn ReadStore,
    archive: ArchiveId,
    end: Option<&StreamEnd>,
) -> Result<Arrived> {
    let Some(StreamEnd { stream, complete, next }) = end else { return Ok(Arrived::default()) };
    let (mut arrived, mut first) = (Arrived::new(*complete), *complete);
    let last = (*next).min(complete.saturating_add(BEHIND_MAX));
    while first < last {
        let behind = last.min(first.saturating_add(ASKED_COUNT));
        let chunk = |number| ChunkId { archive, stream: *stream, number };
        let asked: Vec<ChunkId> = (first..behind).map(chunk).collect();
        for (chunk, place) in asked.iter().zip(store.chunk_places(&asked)?) {
            if place.is_some() {
                arrived.push(chunk.number);
            }
        }
        first = behind;
    }
    Ok(arrived)
}

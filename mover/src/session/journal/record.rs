//! What stands in a journal.

use format::{ArchiveHeader, ChunkId, Extent, IndexEntry, IndexPageWriter, Run, Verdict, Withheld};
use serde::{Deserialize, Serialize};

use crate::archive::{Position, each_record, join_records};
use crate::error::{Error, ErrorKind, Result};
use crate::store::ArchiveProof;

/// The command that a session runs for, so that `mover resume` can run it again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its arguments, without the program.
    pub arguments: Vec<String>,
    /// The folder that it was run in.
    pub folder: String,
}

/// The first record: which archive this is, and what has to be the same to go on with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::session) struct Head {
    proof: [u8; 32],
    header: Vec<u8>,
    /// A digest of the components, their configurations, and how chunks are cut.
    pub(in crate::session) recipe: [u8; 32],
    pub(in crate::session) job: Job,
    /// The store, as the operator named it.
    pub(in crate::session) store: String,
}

impl Head {
    pub(in crate::session) fn new(
        proof: &ArchiveProof,
        header: &ArchiveHeader,
        recipe: [u8; 32],
        job: &Job,
        store: String,
    ) -> Head {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        Head { proof: proof.0, header: bytes, recipe, job: job.clone(), store }
    }

    pub(in crate::session) fn proof(&self) -> ArchiveProof {
        ArchiveProof(self.proof)
    }

    pub(in crate::session) fn header(&self) -> Result<ArchiveHeader> {
        ArchiveHeader::decode(&self.header).map_err(damaged)
    }
}

/// Counts of a report that have to survive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::session) struct Counts {
    pub(in crate::session) files: u64,
    pub(in crate::session) unchanged_files: u64,
    pub(in crate::session) bytes_read: u64,
    pub(in crate::session) deduplicated_bytes: u64,
    pub(in crate::session) findings: u64,
    pub(in crate::session) held: u64,
    pub(in crate::session) stopped: u64,
    pub(in crate::session) faults: u64,
    pub(in crate::session) restarted_files: u64,
}

/// The snoops in the middle of an entry: their states, and how far in the entry they looked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::session) struct Snoops {
    pub(in crate::session) seen: u64,
    pub(in crate::session) states: Vec<Vec<u8>>,
}

/// Every record but the first: what became complete since the last, and perhaps a checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Group {
    /// Entries that are complete, as a page of an index.
    entries: Vec<u8>,
    withheld: Vec<([u8; 16], u32, u64, u32)>,
    pub(super) counts: Counts,
    pub(super) checkpoint: Option<Checkpoint>,
    /// All data is in chunks; only the index and the footer are to come.
    pub(super) is_complete: bool,
}

/// Where a session can go on: behind chunk number `chunk`.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    pub(super) chunk: u64,
    pub(super) open: Option<OpenRecord>,
}

/// The entry that is open at a checkpoint; lists go on from what the last checkpoint had of it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OpenRecord {
    pub(super) next_block: u32,
    pub(super) offset: u64,
    pub(super) snoops: Snoops,
    extents_from: u32,
    /// The entry with the extents behind `extents_from`.
    extents: Vec<u8>,
    written_from: u32,
    /// Runs that were written for the entry itself, behind `written_from`.
    written: Vec<u8>,
}

/// Collects a group.
#[derive(Debug, Default)]
pub(super) struct GroupWriter {
    entries: IndexPageWriter,
    withheld: Vec<([u8; 16], u32, u64, u32)>,
    /// The open entry that the last checkpoint told of, and how much of its lists.
    told: Option<(u64, usize, usize)>,
}

impl GroupWriter {
    pub(super) fn push(&mut self, entry: &IndexEntry) -> Result<()> {
        each_record(entry, |record| {
            self.entries.push(record);
            Ok(())
        })
    }

    pub(super) fn withhold(&mut self, runs: &[Run]) {
        let tuple = |run: &Run| {
            let ChunkId { archive, stream, number } = run.chunk;
            (run.first..run.first + run.count).map(move |at| (archive.0, stream.0, number, at))
        };
        self.withheld.extend(runs.iter().flat_map(tuple));
    }

    pub(super) fn length(&self) -> usize {
        self.entries.encoded_length() + self.withheld.len() * 32
    }

    pub(super) fn checkpoint(
        &mut self,
        chunk: u64,
        open: Option<(&Position<'_>, Snoops)>,
    ) -> Checkpoint {
        let open = open.map(|(position, snoops)| self.open_record(position, snoops));
        Checkpoint { chunk, open }
    }

    fn open_record(&mut self, position: &Position<'_>, snoops: Snoops) -> OpenRecord {
        // The last extent and the last run may have grown since.
        let (extents_from, written_from) = match self.told {
            Some((number, extents, written)) if number == position.number => {
                (extents.saturating_sub(1), written.saturating_sub(1))
            }
            _ => (0, 0),
        };
        self.told = Some((position.number, position.extents.len(), position.written.len()));
        let mut page = IndexPageWriter::default();
        let most = format::limits::EXTENT_COUNT_MAX;
        let fresh = &position.extents[extents_from..];
        let mut put = |extents: &[Extent]| {
            page.push(&IndexEntry {
                number: position.number,
                entry: position.entry.clone(),
                extents: extents.to_vec(),
                verdict: Verdict::Pass,
                faulty: false,
                findings: Vec::new(),
                options: format::Options::default(),
            });
        };
        match fresh.is_empty() {
            true => put(&[]),
            false => fresh.chunks(most).for_each(&mut put),
        }
        let (mut extents, mut written) = (Vec::new(), Vec::new());
        page.finish(&mut extents);
        position.written[written_from..].iter().for_each(|run| run.encode(&mut written));
        let count = |from: usize| u32::try_from(from).expect("extents are counted in 32 bits");
        OpenRecord {
            next_block: position.next_block,
            offset: position.offset,
            snoops,
            extents_from: count(extents_from),
            extents,
            written_from: count(written_from),
            written,
        }
    }

    /// The group, and an empty one begins.
    pub(super) fn finish(
        &mut self,
        counts: Counts,
        checkpoint: Option<Checkpoint>,
        is_complete: bool,
    ) -> Group {
        let mut entries = Vec::new();
        if !self.entries.is_empty() {
            self.entries.finish(&mut entries);
        }
        let withheld = std::mem::take(&mut self.withheld);
        Group { entries, withheld, counts, checkpoint, is_complete }
    }
}

impl Group {
    /// Its entries, whole.
    pub(super) fn entries(&self) -> Result<Vec<IndexEntry>> {
        let (mut whole, mut last) = (Vec::new(), None);
        if self.entries.is_empty() {
            return Ok(whole);
        }
        for record in format::index_entries(&self.entries).map_err(damaged)? {
            whole.extend(join_records(&mut last, record.map_err(damaged)?));
        }
        whole.extend(last);
        Ok(whole)
    }

    pub(super) fn withheld(&self) -> impl Iterator<Item = Withheld> {
        self.withheld.iter().map(|(archive, stream, number, ordinal)| Withheld {
            chunk: ChunkId {
                archive: format::ArchiveId(*archive),
                stream: format::StreamNumber(*stream),
                number: *number,
            },
            ordinal: *ordinal,
        })
    }
}

impl OpenRecord {
    /// Adds what this record tells to what earlier ones told; gives the entry.
    pub(super) fn add_to(
        &self,
        extents: &mut Vec<Extent>,
        written: &mut Vec<Run>,
    ) -> Result<(u64, format::Entry)> {
        extents.truncate(self.extents_from as usize);
        written.truncate(self.written_from as usize);
        let mut of = None;
        for record in format::index_entries(&self.extents).map_err(damaged)? {
            let record = record.map_err(damaged)?;
            extents.extend(record.extents);
            of = Some((record.number, record.entry));
        }
        written.extend(Run::decode_all(&self.written).map_err(damaged)?);
        of.ok_or_else(|| Error::new(ErrorKind::Damaged, "the journal's open entry is empty"))
    }
}

pub(super) fn damaged(cause: format::Error) -> Error {
    Error::new(ErrorKind::Damaged, "the journal of the session").because(cause)
}

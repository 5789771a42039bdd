//! Goes back to the checkpoint of the last chunk that arrived.

use std::io::{Seek, SeekFrom};
use std::sync::Arc;

use format::{Entry, Extent, IndexEntry, Run, Withheld};

use super::file::{JournalReader, JournalWriter, open_locked};
use super::record::{Counts, Snoops};
use crate::ambient::Random;
use crate::archive::{Arrived, ResumedEntry};
use crate::error::{Error, Result};
use crate::key::StateFolder;

/// The entry in whose middle a session goes on.
#[derive(Clone, Debug)]
pub(in crate::session) struct OpenEntry {
    pub(in crate::session) number: u64,
    pub(in crate::session) entry: Entry,
    pub(in crate::session) next_block: u32,
    /// Bytes of its content that are in chunks.
    pub(in crate::session) offset: u64,
    pub(in crate::session) extents: Vec<Extent>,
    pub(in crate::session) written: Vec<Run>,
    pub(in crate::session) snoops: Snoops,
}

impl OpenEntry {
    pub(in crate::session) fn to_packer(&self) -> ResumedEntry {
        let OpenEntry { number, entry, next_block, offset, extents, written, .. } = self.clone();
        ResumedEntry { number, entry, next_block, offset, extents, written }
    }
}

/// An unfinished archive, and where to go on with it.
pub(in crate::session) struct Resumed {
    pub(in crate::session) journal: JournalWriter,
    pub(in crate::session) counts: Counts,
    pub(in crate::session) open: Option<OpenEntry>,
    pub(in crate::session) withheld: Vec<Withheld>,
    /// All data has arrived: nothing is to be read.
    pub(in crate::session) is_complete: bool,
    /// The last entry that is complete.
    pub(in crate::session) last_path: Option<Vec<u8>>,
    /// The highest number that an entry was given.
    pub(in crate::session) last_number: u64,
    /// The chunks that are gone on from.
    pub(in crate::session) arrived: Arrived,
}

impl Resumed {
    /// Looks for a journal of this name; none where there is none that can be gone on with.
    pub(in crate::session) fn find(
        state: &StateFolder,
        name: &str,
        random: &Arc<dyn Random>,
    ) -> Result<Option<JournalReader>> {
        let path = JournalWriter::path(state, name)?;
        let Some(file) = open_locked(&path, false)? else { return Ok(None) };
        let key = state.journal_key(&**random, name)?;
        Ok(JournalReader::new(file, path, key).ok())
    }

    /// Goes back to the checkpoint of the last chunk before which all of the journal's have
    /// arrived: the numbers of those that were lost are in no journal that has gone back before
    /// them. `each` sees every entry that is complete there. None where not even the first arrived.
    pub(in crate::session) fn go_back(
        mut reader: JournalReader,
        arrived: &Arrived,
        random: &Arc<dyn Random>,
        each: &mut dyn FnMut(&IndexEntry),
    ) -> Result<Option<Resumed>> {
        let mut counts = Counts::default();
        let mut open = None;
        let (mut extents, mut written) = (Vec::new(), Vec::new());
        let (mut withheld, mut fresh_withheld, mut fresh) = (Vec::new(), Vec::new(), Vec::new());
        let (mut end, mut is_complete) = (None, false);
        let (mut last_path, mut last_number) = (None, 0);
        let mut kept = Arrived::new(arrived.complete());
        while let Some(group) = reader.group()? {
            fresh.extend(group.entries()?);
            fresh_withheld.extend(group.withheld());
            let covered = match &group.checkpoint {
                Some(checkpoint) => arrived.has(checkpoint.chunk),
                None => group.is_complete,
            };
            if group.checkpoint.is_some() && !covered {
                break;
            }
            if !covered {
                continue;
            }
            for entry in fresh.drain(..) {
                each(&entry);
                last_number = last_number.max(entry.number);
                last_path = Some(entry.entry.path);
            }
            withheld.append(&mut fresh_withheld);
            end = Some(reader.offset);
            is_complete = group.is_complete;
            counts = group.counts;
            let Some(checkpoint) = group.checkpoint else { continue };
            kept.push(checkpoint.chunk);
            open = match checkpoint.open {
                Some(record) => {
                    let (number, entry) = record.add_to(&mut extents, &mut written)?;
                    last_number = last_number.max(number);
                    Some((number, entry, record.next_block, record.offset, record.snoops))
                }
                None => None,
            };
        }
        let Some(end) = end else { return Ok(None) };
        let open = open.map(|(number, entry, next_block, offset, snoops)| OpenEntry {
            number,
            entry,
            next_block,
            offset,
            extents,
            written,
            snoops,
        });
        let mut journal = cut_back(reader, end, random)?;
        journal.counts = counts;
        let open = open.filter(|_| !is_complete);
        Ok(Some(Resumed {
            journal,
            counts,
            open,
            withheld,
            is_complete,
            last_path,
            last_number,
            arrived: kept,
        }))
    }
}

/// The journal up to `end`, to be written on. What comes behind is read and written anew; so a
/// completed one can be cut too.
fn cut_back(reader: JournalReader, end: u64, random: &Arc<dyn Random>) -> Result<JournalWriter> {
    let JournalReader { input, path, key, .. } = reader;
    let mut file = input.into_inner();
    let failed = |cause| Error::io("going back in", &path, cause);
    file.set_len(end).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
    Ok(JournalWriter::new(file, path.clone(), key, Arc::clone(random)))
}

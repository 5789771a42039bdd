//! The journal as a file: sealed records behind one another, each behind its length.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use format::{IndexEntry, Run};

use super::record::{Counts, Group, GroupWriter, Head, Job, Snoops};
use crate::ambient::Random;
use crate::archive::Position;
use crate::error::{Error, ErrorKind, Result};
use crate::key::{JournalKey, SEAL_LENGTH, StateFolder};

/// Of the layout below; a journal of another layout is not gone on with.
const MAGIC: &[u8; 8] = b"MOVRJNL1";
/// Bytes of entries after which a group is written, whether a chunk was sealed or not.
const GROUP_LENGTH: usize = 256 << 10;

/// Writes a journal, record by record.
pub(in crate::session) struct JournalWriter {
    file: Arc<File>,
    path: PathBuf,
    key: JournalKey,
    random: Arc<dyn Random>,
    group: GroupWriter,
    /// What every checkpoint tells besides.
    pub(in crate::session) counts: Counts,
    pub(in crate::session) snoops: Option<(u64, Snoops)>,
    /// Removed at the end in any case: nobody could go on with it.
    is_temporary: bool,
}

impl JournalWriter {
    /// The file of a job's journal.
    pub(in crate::session) fn path(state: &StateFolder, name: &str) -> Result<PathBuf> {
        Ok(state.journals()?.join(format!("{name}.journal")))
    }

    /// A new journal under a name, in the place of an older one; `is_temporary` where the source
    /// cannot be read twice.
    pub(in crate::session) fn create(
        state: &StateFolder,
        name: &str,
        random: &Arc<dyn Random>,
        head: &Head,
        is_temporary: bool,
    ) -> Result<JournalWriter> {
        let key = state.journal_key(&**random, name)?;
        let path = JournalWriter::path(state, name)?;
        let file = match is_temporary {
            true => tempfile::tempfile_in(state.journals()?)
                .map_err(|cause| Error::io("making a journal in", &path, cause))?,
            false => open_locked(&path, true)?.expect("it is made where it is not"),
        };
        file.set_len(0).map_err(|cause| Error::io("emptying", &path, cause))?;
        let mut writer = JournalWriter::new(file, path, key, Arc::clone(random));
        writer.is_temporary = is_temporary;
        writer.write(MAGIC)?;
        writer.record(&postcard::to_stdvec(head).expect("a head is plain data"))?;
        Ok(writer)
    }

    pub(super) fn new(
        file: File,
        path: PathBuf,
        key: JournalKey,
        random: Arc<dyn Random>,
    ) -> JournalWriter {
        JournalWriter {
            file: Arc::new(file),
            path,
            key,
            random,
            group: GroupWriter::default(),
            counts: Counts::default(),
            snoops: None,
            is_temporary: false,
        }
    }

    /// The file, for whoever makes it durable.
    pub(in crate::session) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// An entry is complete.
    pub(in crate::session) fn push(&mut self, entry: &IndexEntry) -> Result<()> {
        self.group.push(entry)?;
        match self.group.length() >= GROUP_LENGTH {
            true => self.write_group(None, false),
            false => Ok(()),
        }
    }

    /// What must not be referred to.
    pub(in crate::session) fn withhold(&mut self, runs: &[Run]) {
        self.group.withhold(runs);
    }

    /// Chunk number `chunk` is full and about to leave.
    pub(in crate::session) fn checkpoint(
        &mut self,
        chunk: u64,
        open: Option<&Position<'_>>,
    ) -> Result<()> {
        let open = open.map(|position| {
            let saved = self.snoops.as_ref().filter(|(number, _)| *number == position.number);
            (position, saved.map(|(_, snoops)| snoops.clone()).unwrap_or_default())
        });
        let checkpoint = self.group.checkpoint(chunk, open);
        self.write_group(Some(checkpoint), false)
    }

    /// All data is in chunks. Gives the journal back for reading.
    pub(in crate::session) fn complete(&mut self) -> Result<JournalReader> {
        self.write_group(None, true)?;
        self.file.sync_data().map_err(|cause| Error::io("syncing", &self.path, cause))?;
        self.reader()
    }

    /// Reads it from its beginning.
    pub(in crate::session) fn reader(&self) -> Result<JournalReader> {
        let failed = |cause| Error::io("reading", &self.path, cause);
        // The same open file, but with a place of its own to read at.
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&*self.file));
        let file = File::open(link).map_err(failed)?;
        JournalReader::new(file, self.path.clone(), self.key.clone())
    }

    fn write_group(
        &mut self,
        checkpoint: Option<super::record::Checkpoint>,
        is_complete: bool,
    ) -> Result<()> {
        let group = self.group.finish(self.counts, checkpoint, is_complete);
        self.record(&postcard::to_stdvec(&group).expect("a group is plain data"))
    }

    fn record(&mut self, record: &[u8]) -> Result<()> {
        let sealed = self.key.seal(&*self.random, record);
        // A group, or one entry with all its extents and all of it that is withheld.
        let length = u32::try_from(sealed.len()).map_err(|_| {
            let message = "an entry has more blocks than the session's journal can tell of";
            Error::new(ErrorKind::Unsupported, message).way_out("use a larger --chunk-size")
        })?;
        let mut bytes = Vec::with_capacity(sealed.len() + 4);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&sealed);
        // In one call, so that a kill leaves it whole.
        self.write(&bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        (&*self.file).write_all(bytes).map_err(|cause| {
            Error::io("writing the session's journal", &self.path, cause)
                .way_out("make room there, or set XDG_STATE_HOME to another folder")
        })
    }

    /// The archive is finished: nobody needs the journal any more.
    pub(in crate::session) fn remove(self) -> Result<()> {
        if self.is_temporary {
            return Ok(());
        }
        std::fs::remove_file(&self.path).map_err(|cause| Error::io("removing", &self.path, cause))
    }
}

/// Opens a journal that no other process has open; none where there is none and none is made.
pub(super) fn open_locked(path: &Path, create: bool) -> Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(create).mode(0o600);
    let file = match options.open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(Error::io("opening", path, cause)),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let message = "another process is archiving the same source under the same name";
            Err(Error::new(ErrorKind::Busy, message)
                .way_out("wait until it is done, see `mover status`, or give another --name"))
        }
        Err(TryLockError::Error(cause)) => Err(Error::io("locking", path, cause)),
    }
}

/// Reads a journal up to its last whole record.
#[derive(Debug)]
pub(in crate::session) struct JournalReader {
    pub(super) input: BufReader<File>,
    pub(super) path: PathBuf,
    pub(super) key: JournalKey,
    /// Where the last record that was read ends.
    pub(super) offset: u64,
    /// The first record.
    pub(in crate::session) head: Head,
    /// The last group that was read says that all data is in chunks.
    is_complete: bool,
}

impl JournalReader {
    pub(super) fn new(file: File, path: PathBuf, key: JournalKey) -> Result<JournalReader> {
        let failed = |cause| Error::io("reading", &path, cause);
        let unreadable = || {
            let message = format!("{} is no journal of this version", path.display());
            Error::new(ErrorKind::Damaged, message)
        };
        let mut input = BufReader::with_capacity(1 << 16, file);
        input.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut magic = [0; MAGIC.len()];
        let whole = input.read_exact(&mut magic);
        if whole.is_err() || magic != *MAGIC {
            return Err(unreadable());
        }
        let mut offset = MAGIC.len() as u64;
        let record = read_record(&mut input, &key, &mut offset).map_err(failed)?;
        let head = record.and_then(|record| postcard::from_bytes(&record).ok());
        let head = head.ok_or_else(unreadable)?;
        Ok(JournalReader { input, path, key, offset, head, is_complete: false })
    }

    /// The next group; none behind the last whole one.
    pub(super) fn group(&mut self) -> Result<Option<Group>> {
        let record = read_record(&mut self.input, &self.key, &mut self.offset)
            .map_err(|cause| Error::io("reading", &self.path, cause))?;
        let Some(record) = record else { return Ok(None) };
        let group: Group = postcard::from_bytes(&record).map_err(|cause| {
            let message = format!("{} is no journal of this version", self.path.display());
            Error::new(ErrorKind::Damaged, message).because(cause)
        })?;
        self.is_complete = group.is_complete;
        Ok(Some(group))
    }

    /// The next entries of a journal that is complete; none behind the last. Not always in groups as
    /// they were pushed.
    pub(in crate::session) fn entries(&mut self) -> Result<Option<Vec<IndexEntry>>> {
        match self.group()? {
            Some(group) => group.entries().map(Some),
            None if self.is_complete => Ok(None),
            // An index that is made of half a journal would hide the other half for ever.
            None => {
                let message = format!("the session's journal {} was damaged", self.path.display());
                Err(Error::new(ErrorKind::Damaged, message)
                    .way_out("run the archive again with --fresh"))
            }
        }
    }
}

/// The next record, if it is whole and what was sealed.
fn read_record(
    input: &mut BufReader<File>,
    key: &JournalKey,
    offset: &mut u64,
) -> std::io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match input.read_exact(&mut length) {
        Err(cause) if cause.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let length = u32::from_le_bytes(length);
    if length < SEAL_LENGTH as u32 {
        return Ok(None);
    }
    let mut sealed = Vec::new();
    input.take(length.into()).read_to_end(&mut sealed)?;
    if sealed.len() < length as usize {
        return Ok(None);
    }
    let record = key.open(&sealed);
    if record.is_some() {
        *offset += 4 + u64::from(length);
    }
    Ok(record)
}

/// An archive that was interrupted on this machine.
#[derive(Clone, Debug)]
pub struct Interrupted {
    /// Its id.
    pub archive: String,
    /// Its name.
    pub name: String,
    /// The store, as the operator named it.
    pub store: String,
    /// What runs it.
    pub job: Job,
}

/// All archives that were interrupted on this machine, as far as their journals can be read.
pub fn interrupted(base: Option<&Path>, random: &dyn Random) -> Result<Vec<Interrupted>> {
    let mut found = Vec::new();
    for state in StateFolder::all(base)? {
        let folder = state.journals()?;
        let listing =
            std::fs::read_dir(&folder).map_err(|cause| Error::io("listing", &folder, cause))?;
        for path in listing.flatten().map(|entry| entry.path()) {
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let Some(name) = name.strip_suffix(".journal") else { continue };
            let key = state.journal_key(random, name)?;
            // One that is locked belongs to a session that runs.
            let Ok(Some(file)) = open_locked(&path, false) else { continue };
            let Ok(reader) = JournalReader::new(file, path.clone(), key) else { continue };
            // What an agent did for somebody else is gone on with by whoever asks it again.
            if reader.head.job.arguments.is_empty() {
                continue;
            }
            let header = reader.head.header()?;
            found.push(Interrupted {
                archive: header.archive.to_string(),
                name: header.name,
                store: reader.head.store,
                job: reader.head.job,
            });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use format::{ArchiveHeader, StoreId};

    use super::*;
    use crate::ambient::SystemRandom;
    use crate::archive::entry_of_extents;
    use crate::store::ArchiveProof;

    fn journal(base: &Path) -> JournalWriter {
        let state = StateFolder::open(Some(base), StoreId([1; 16])).unwrap();
        let proof = ArchiveProof([2; 32]);
        let header = ArchiveHeader {
            archive: proof.archive(),
            session: format::SessionId([4; 16]),
            name: "a".to_owned(),
            source: [0; 32],
            started: format::Timestamp::default(),
            parent: format::ArchiveId([0; 16]),
            framing: format::Framing::Each,
        };
        let head = Head::new(&proof, &header, [3; 32], &Job::default(), String::new());
        let random: Arc<dyn Random> = Arc::new(SystemRandom);
        JournalWriter::create(&state, "a", &random, &head, false).unwrap()
    }

    fn all(mut reader: JournalReader) -> Result<Vec<IndexEntry>> {
        let mut all = Vec::new();
        while let Some(entries) = reader.entries()? {
            all.extend(entries);
        }
        Ok(all)
    }

    #[test]
    fn an_entry_of_any_number_of_extents_comes_back_and_so_does_the_next() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        // More than 64 MiB of them, which was the longest record once.
        let entries = [entry_of_extents(1, 16 << 20), entry_of_extents(2, 1)];
        entries.iter().for_each(|entry| journal.push(entry).unwrap());
        let found = all(journal.complete().unwrap()).unwrap();
        assert_eq!(found.len(), 2);
        assert!(found == entries, "it is not what was pushed");
    }

    #[test]
    fn a_journal_that_was_damaged_makes_no_index() {
        let base = tempfile::tempdir().unwrap();
        let mut journal = journal(base.path());
        for number in 1..4 {
            journal.push(&entry_of_extents(number, 1)).unwrap();
            journal.checkpoint(number, None).unwrap();
        }
        // A reader has read ahead what is damaged below.
        let first = journal.complete().unwrap().offset;
        let file = OpenOptions::new().read(true).write(true).open(&journal.path).unwrap();
        let at = first + 40;
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        assert_eq!(all(journal.reader().unwrap()).unwrap_err().kind(), ErrorKind::Damaged);
        file.write_all_at(&byte, at).unwrap();
        assert_eq!(all(journal.reader().unwrap()).unwrap().len(), 3);
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        assert_eq!(all(journal.reader().unwrap()).unwrap_err().kind(), ErrorKind::Damaged);
    }
}

//! The names that parity has in a pool's folder, and the sets that lie there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use format::{ParityHeader, ParityTable, StoreId};

use crate::media::{ReadFile, Storage, volume_file, volume_number};
use crate::{Error, ErrorKind, Result};

const SUFFIX: &str = ".parity";
/// A file that is not whole yet.
pub(super) const UNFINISHED: &str = ".new";
const REMOVED: &str = ".removed";

/// A set of which a file can be read at least.
pub(crate) struct ParitySet {
    /// As its first readable file has it.
    pub(crate) header: ParityHeader,
    /// Its files, by their numbers; none where one is not there, or says nothing.
    pub(crate) files: Vec<Option<String>>,
}

impl ParitySet {
    pub(crate) fn is_whole(&self) -> bool {
        self.files.iter().all(Option::is_some)
    }

    pub(crate) fn volumes(&self) -> BTreeSet<u32> {
        self.header.columns.iter().map(|column| column.volume).collect()
    }

    /// The names of all its files, there or not.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let (set, count) = (self.header.set, self.header.parity_count);
        (0..count).map(move |number| file_name(&set, number))
    }
}

/// What lies in a pool besides its volumes.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) sets: Vec<ParitySet>,
    /// Volumes that were taken out while sets name them.
    pub(crate) removed: BTreeSet<u32>,
    /// What a crash left of files that were being made.
    pub(crate) unfinished: Vec<String>,
    /// Files of parity that say nothing, with the reason.
    pub(crate) unreadable: Vec<(String, String)>,
    /// Volumes that are there.
    pub(crate) volumes: BTreeSet<u32>,
}

impl Found {
    pub(crate) fn is_empty(&self) -> bool {
        self.sets.is_empty()
            && self.removed.is_empty()
            && self.unfinished.is_empty()
            && self.unreadable.is_empty()
    }

    /// The highest number of a volume that parity knows.
    pub(crate) fn last_number(&self) -> u32 {
        let named = self.sets.iter().flat_map(ParitySet::volumes);
        named.chain(self.removed.iter().copied()).max().unwrap_or(0)
    }

    /// Volumes that have less than sets know of them, and that nobody took out.
    pub(crate) fn lacking(&self, storage: &dyn Storage) -> Result<BTreeMap<u32, Lack>> {
        let mut known: BTreeMap<u32, u64> = BTreeMap::new();
        for column in self.sets.iter().flat_map(|set| &set.header.columns) {
            let end = known.entry(column.volume).or_default();
            *end = column.end().max(*end);
        }
        let mut lacking = BTreeMap::new();
        for (number, known) in known {
            let length = match self.volumes.contains(&number) {
                true => there(storage.length(&volume_file(number)))?,
                false if self.removed.contains(&number) => continue,
                false => None,
            };
            if length.is_none_or(|length| length < known) {
                lacking.insert(number, Lack { length, known });
            }
        }
        Ok(lacking)
    }
}

/// How much of a volume there is, and how much there was when its sets were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lack {
    /// Bytes of the file; none where it is missing.
    pub(crate) length: Option<u64>,
    /// Bytes that sets know: they were acknowledged.
    pub(crate) known: u64,
}

/// None where a file is missing: a writer beside a reader may take any away.
fn there<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::Missing => Ok(None),
        found => found.map(Some),
    }
}

/// Whether a name is one that a file of a set may have: whatever else lies in the folder is not
/// touched.
fn is_of_set(name: &str) -> bool {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    name.strip_suffix(SUFFIX).and_then(|name| name.split_once('-')).is_some_and(|(set, number)| {
        set.len() == 16 && set.bytes().all(is_hex) && number.parse::<u8>().is_ok()
    })
}

fn is_ours(name: &str) -> bool {
    volume_number(name).is_some() || is_of_set(name)
}

pub(super) fn file_name(set: &[u8; 16], number: u8) -> String {
    format!("{}-{number}{SUFFIX}", hex::encode(&set[..8]))
}

/// Reads the headers of all files of parity in a pool.
pub(crate) fn look(storage: &dyn Storage, store: StoreId) -> Result<Found> {
    let mut found = Found::default();
    let mut sets: BTreeMap<[u8; 16], ParitySet> = BTreeMap::new();
    for name in storage.list()? {
        if let Some(number) = volume_number(&name) {
            found.volumes.insert(number);
        } else if name.strip_suffix(UNFINISHED).is_some_and(is_ours) {
            found.unfinished.push(name);
        } else if let Some(volume) = removed_number(&name) {
            found.removed.insert(volume);
        } else if is_of_set(&name) {
            let read = header(storage, &name, store).and_then(|header| {
                let (set, count) = (header.set, usize::from(header.parity_count));
                let place = usize::from(header.number);
                let header = ParityHeader { number: 0, ..header };
                let new = || ParitySet { header: header.clone(), files: vec![None; count] };
                let set = sets.entry(set).or_insert_with(new);
                if set.header != header {
                    return Err(Error::new(ErrorKind::Damaged, "it belongs to no set"));
                }
                set.files[place] = Some(name.clone());
                Ok(())
            });
            match read {
                Ok(()) => {}
                // A writer beside this reader has taken it away since.
                Err(error) if error.kind() == ErrorKind::Missing => {}
                Err(error) if matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Io) => {
                    found.unreadable.push((name, error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
    }
    found.sets = sets.into_values().collect();
    Ok(found)
}

fn header(storage: &dyn Storage, name: &str, store: StoreId) -> Result<ParityHeader> {
    let damaged = |why: String| Error::new(ErrorKind::Damaged, why);
    let file = storage.open(name)?;
    let mut bytes = vec![0; ParityHeader::LEN_MAX];
    let have = file.read_at(0, &mut bytes)?;
    let header = ParityHeader::decode(&bytes[..have]).map_err(|cause| match cause {
        format::Error::Version { .. } => Error::new(ErrorKind::Unsupported, name).because(cause),
        _ => damaged(cause.to_string()),
    })?;
    if header.store != store {
        let message = format!("{name} is of store {}", header.store);
        return Err(
            Error::new(ErrorKind::Refused, message).way_out("move the file to where it belongs")
        );
    }
    if file_name(&header.set, header.number) != name {
        return Err(damaged("it has the name of another one".to_owned()));
    }
    match file.length()? {
        length if length == header.file_length() => Ok(header),
        length => Err(damaged(format!("it has {length} bytes of {}", header.file_length()))),
    }
}

/// The checksums at the end of a file of a set.
pub(super) fn table(header: &ParityHeader, file: &dyn ReadFile) -> Result<ParityTable> {
    let mut bytes = vec![0; header.table_length()];
    let have = file.read_at(header.table_at(), &mut bytes)?;
    ParityTable::decode(header, &bytes[..have])
        .map_err(|cause| Error::new(ErrorKind::Damaged, "its table").because(cause))
}

/// The table of the first of a set's files that has one.
pub(crate) fn any_table(storage: &dyn Storage, set: &ParitySet) -> Option<ParityTable> {
    let mut files = set.files.iter().flatten();
    files.find_map(|name| table(&set.header, &*storage.open(name).ok()?).ok())
}

/// A volume; none where it is not there.
pub(super) fn volume(storage: &dyn Storage, number: u32) -> Option<Arc<dyn ReadFile>> {
    storage.open(&volume_file(number)).ok()
}

fn removed_file(volume: u32) -> String {
    volume_file(volume) + REMOVED
}

fn removed_number(name: &str) -> Option<u32> {
    volume_number(name.strip_suffix(REMOVED)?)
}

/// Says, durably, that a volume is going: whoever finds a set that names it does not miss it.
pub(crate) fn mark_removed(storage: &dyn Storage, store: StoreId, volume: u32) -> Result<()> {
    let found = look(storage, store)?;
    let is_named = found.sets.iter().any(|set| set.volumes().contains(&volume));
    if !is_named || found.removed.contains(&volume) {
        return Ok(());
    }
    storage.create(&removed_file(volume))?.sync()?;
    storage.sync()
}

/// Removes sets, and what a crash left, and then the marks of volumes that no set names any more.
pub(crate) fn tidy(storage: &dyn Storage, store: StoreId, drop: &[[u8; 16]]) -> Result<()> {
    let found = look(storage, store)?;
    let is_going = |set: &&ParitySet| drop.contains(&set.header.set);
    let of_sets = found.sets.iter().filter(is_going).flat_map(|set| set.files.iter().flatten());
    let going: Vec<&String> = of_sets.chain(&found.unfinished).collect();
    for name in &going {
        storage.remove(name)?;
    }
    if !going.is_empty() {
        storage.sync()?;
    }
    let kept = || found.sets.iter().filter(|set| !is_going(set));
    let is_named = |volume: &u32| kept().any(|set| set.volumes().contains(volume));
    let mut is_tidied = false;
    for volume in &found.removed {
        // One that is there again was never taken out: the power failed first.
        if found.volumes.contains(volume) || !is_named(volume) {
            storage.remove(&removed_file(*volume))?;
            is_tidied = true;
        }
    }
    if is_tidied { storage.sync() } else { Ok(()) }
}

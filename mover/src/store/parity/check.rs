//! Reads the parity of a store through, and says what is wrong with it, and what it protects.

use std::collections::BTreeSet;
use std::fmt;

use format::{ParityKind, checksum};
use serde::Serialize;

use super::files::{ParitySet, look, table};
use super::heal::parity_shard;
use crate::Result;
use crate::media::{Storage, volume_file};
use crate::store::config::PoolConfig;
use crate::store::open::Store;

/// What is wrong with parity, or what parity says is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParityFault {
    /// A file of a set is damaged or missing, or its pool has one that says nothing.
    File {
        /// The pool.
        pool: String,
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// A set knows a volume, and the volume is not there.
    Volume(u32),
    /// A set knows more of a volume than is there.
    Cut {
        /// Its number.
        volume: u32,
        /// Bytes that are there.
        length: u64,
        /// Bytes that were.
        known: u64,
    },
}

impl fmt::Display for ParityFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ParityFault::File { pool, file, why } => {
                write!(f, "parity of pool {pool}: {file}: {why}")
            }
            ParityFault::Volume(number) => {
                write!(f, "{}: the file is missing, and parity knows it", volume_file(*number))
            }
            ParityFault::Cut { volume, length, known } => {
                let file = volume_file(*volume);
                write!(f, "{file}: it has {length} bytes, and parity knows {known}")
            }
        }
    }
}

/// What the parity of a pool protects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ParityState {
    /// The pool.
    pub pool: String,
    /// As it is configured: `10+2`; none where no more is made.
    pub parity: Option<String>,
    /// Volumes in sets across volumes: the loss of some of each set is healed.
    pub volumes_across: Vec<u32>,
    /// Volumes of which parts are healed, and not their loss.
    pub volumes_within: Vec<u32>,
    /// Bytes of all files of parity.
    pub length: u64,
}

impl Store {
    /// Reads all parity. Each file that is not what it was is told once.
    pub fn check_parity(&self) -> Result<Vec<ParityFault>> {
        let mut faults = self.parity_faults()?;
        if !faults.is_empty() {
            // A writer beside this reader may have been replacing sets.
            let still = self.parity_faults()?;
            faults.retain(|fault| still.contains(fault));
        }
        Ok(faults)
    }

    fn parity_faults(&self) -> Result<Vec<ParityFault>> {
        let mut faults = Vec::new();
        for (_, PoolConfig { name: pool, storage, .. }) in self.shelf.on_disk() {
            let storage = &**storage;
            let found = look(storage, self.id)?;
            let fault = |file: &str, why: &str| ParityFault::File {
                pool: pool.clone(),
                file: file.to_owned(),
                why: why.to_owned(),
            };
            let unreadable = found.unreadable.iter();
            faults.extend(unreadable.clone().map(|(file, why)| fault(file, why)));
            for set in &found.sets {
                for (file, name) in set.files.iter().zip(set.names()) {
                    let why = match file {
                        Some(name) => damage(storage, set, name),
                        None if unreadable.clone().any(|(file, _)| *file == name) => None,
                        None => Some("it is missing".to_owned()),
                    };
                    faults.extend(why.map(|why| fault(&name, &why)));
                }
            }
            faults.extend(found.lacking(storage)?.into_iter().map(
                |(volume, lack)| match lack.length {
                    None => ParityFault::Volume(volume),
                    Some(length) => ParityFault::Cut { volume, length, known: lack.known },
                },
            ));
        }
        Ok(faults)
    }

    /// What parity protects, in each pool that has any or is to have some.
    pub fn parity(&self) -> Result<Vec<ParityState>> {
        let mut states = Vec::new();
        for (_, pool) in self.shelf.on_disk() {
            let found = look(&*pool.storage, self.id)?;
            if found.sets.is_empty() && pool.parity.is_none() {
                continue;
            }
            let of = |kind: ParityKind| -> BTreeSet<u32> {
                let sets = found.sets.iter().filter(|set| set.header.kind == kind);
                sets.flat_map(ParitySet::volumes).collect()
            };
            let across = of(ParityKind::Across);
            let length = |set: &ParitySet| {
                set.header.file_length() * set.files.iter().flatten().count() as u64
            };
            states.push(ParityState {
                pool: pool.name.clone(),
                parity: pool.parity.map(|parity| parity.to_string()),
                volumes_within: of(ParityKind::Within).difference(&across).copied().collect(),
                volumes_across: across.into_iter().collect(),
                length: found.sets.iter().map(length).sum(),
            });
        }
        Ok(states)
    }
}

fn damage(storage: &dyn Storage, set: &ParitySet, name: &str) -> Option<String> {
    let file = match storage.open(name) {
        Ok(file) => file,
        Err(error) => return Some(error.to_string()),
    };
    let own = match table(&set.header, &*file) {
        Ok(table) => table.own,
        Err(error) => return Some(error.to_string()),
    };
    let is_sound = |row: u32| {
        let bytes = parity_shard(&set.header, &*file, row);
        bytes.is_some_and(|bytes| checksum(&bytes) == own[row as usize])
    };
    let damaged = (0..set.header.row_count).filter(|row| !is_sound(*row)).count();
    (damaged > 0)
        .then(|| format!("{damaged} of its {} shards are not what they were", set.header.row_count))
}

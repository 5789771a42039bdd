//! What a pool remembers of its cartridges: it cannot look at each of them whenever it is asked.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// A cartridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cartridge {
    /// The file name of the volume that is on it; none while it is blank.
    pub volume: Option<String>,
    /// Records that were synced.
    pub records: u64,
    /// How often it was put into a drive.
    pub loads: u64,
    /// How often it was labelled: a tape wears.
    pub labels: u64,
    /// Why it is not written.
    pub problem: Option<String>,
}

/// All cartridges of a pool, by barcode.
#[derive(Debug)]
pub(super) struct Cartridges {
    path: PathBuf,
    pub(super) known: BTreeMap<String, Cartridge>,
}

impl Cartridges {
    /// Reads what was remembered; nothing where there is no such file.
    pub(super) fn open(path: &Path) -> Result<Cartridges> {
        let known = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|cause| {
                Error::new(ErrorKind::Damaged, format!("{} cannot be read", path.display()))
                    .because(cause)
                    .way_out("move it away and run `mover media scan`, which asks the cartridges")
            })?,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(cause) => return Err(Error::io("reading", path, cause)),
        };
        Ok(Cartridges { path: path.to_owned(), known })
    }

    /// The barcode of the cartridge with a volume.
    pub(super) fn with(&self, volume: &str) -> Option<&str> {
        let has = |(_, it): &(&String, &Cartridge)| it.volume.as_deref() == Some(volume);
        self.known.iter().find(has).map(|(barcode, _)| barcode.as_str())
    }

    /// Makes what is known durable.
    pub(super) fn save(&self) -> Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let failed = |cause: std::io::Error| Error::io("writing", &self.path, cause);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let text = serde_json::to_vec_pretty(&self.known).expect("names and numbers");
        file.write_all(&text).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(failed)
    }
}

//! What a pool remembers of media that it cannot look at whenever it is asked: a table in a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, ErrorKind, Result, durable};

/// A table by name, as it was saved last.
#[derive(Debug)]
pub(super) struct Remembered<T> {
    path: PathBuf,
    pub(super) known: BTreeMap<String, T>,
}

impl<T: Serialize + DeserializeOwned> Remembered<T> {
    /// Reads what was saved; nothing where there is no such file.
    pub(super) fn open(path: &Path) -> Result<Remembered<T>> {
        let known = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|cause| {
                Error::new(ErrorKind::Damaged, format!("{} cannot be read", path.display()))
                    .because(cause)
                    .way_out("move it away and run `mover media scan`, which asks the media")
            })?,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(cause) => return Err(Error::io("reading", path, cause)),
        };
        Ok(Remembered { path: path.to_owned(), known })
    }

    /// Reads it again: another process may have saved since.
    pub(super) fn refresh(&mut self) -> Result<()> {
        *self = Remembered::open(&self.path)?;
        Ok(())
    }

    /// Makes what is known durable.
    pub(super) fn save(&self) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|cause| Error::io("making folder", folder, cause))?;
        }
        let text = serde_json::to_vec_pretty(&self.known).expect("names and numbers");
        durable::replace(&self.path, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_known_again_and_garbage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/state.json");
        let mut one = Remembered::<u32>::open(&path).unwrap();
        let mut other = Remembered::<u32>::open(&path).unwrap();
        one.known.insert("a".to_owned(), 7);
        one.save().unwrap();
        other.refresh().unwrap();
        assert_eq!(other.known["a"], 7);
        std::fs::write(&path, b"{").unwrap();
        let error = Remembered::<u32>::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged);
        assert!(error.hint().unwrap().contains("media scan"));
    }
}

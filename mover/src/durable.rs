//! Small files that are whole or not there, and names that survive a power loss.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::{Error, Result};

/// Puts a file of these bytes in the place of what is there. Durable when it returns, name and all;
/// a crash on the way leaves the old one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |cause: std::io::Error| Error::io("writing", path, cause);
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    sync_folder(folder)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|cause| Error::io("syncing folder", folder, cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for bytes in [&b"one"[..], b"another"] {
            replace(&path, bytes).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = replace(&folder.path().join("no folder/state"), b"").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Missing);
    }
}

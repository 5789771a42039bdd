//! The plugin folder: components that this machine knows by name, besides those built in.
//!
//! What a file holds is read from the file: its name is for people.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use format::Digest;

use super::builtin;
use super::inspect::{COMPONENT_LENGTH_MAX, Description, describe};
use super::manifest::Manifest;
use crate::error::{Error, ErrorKind, Result};

/// A folder of components; it need not be there.
#[derive(Clone, Debug)]
pub struct PluginFolder {
    path: PathBuf,
}

/// A component in the folder.
#[derive(Debug)]
pub struct KeptPlugin {
    /// Its file.
    pub path: PathBuf,
    /// What it is; its manifest is there.
    pub description: Description,
    bytes: Vec<u8>,
    added: SystemTime,
}

impl KeptPlugin {
    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.description.manifest.as_ref().expect("others are not listed")
    }

    /// The whole component.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl PluginFolder {
    /// The folder at a path.
    pub fn new(path: impl Into<PathBuf>) -> PluginFolder {
        PluginFolder { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All components in it, by name, the newest version first, and of one version the one that
    /// was added last. Files that are no component are passed over.
    pub fn list(&self) -> Result<Vec<KeptPlugin>> {
        self.read(|_| true)
    }

    /// Those of a name, in the same order.
    pub fn named(&self, name: &str) -> Result<Vec<KeptPlugin>> {
        let mut kept = self.read(|file| file.starts_with(name))?;
        kept.retain(|kept| kept.manifest().name == name);
        Ok(kept)
    }

    /// Adds a component, which this host can run, and gives its path. One that is there already
    /// stays.
    pub fn add(&self, bytes: &[u8]) -> Result<PathBuf> {
        let description = describe(bytes);
        if let Some(mistake) = description.mistakes.into_iter().next() {
            return Err(mistake);
        }
        let manifest = description.manifest.expect("without one there is a mistake");
        let Manifest { name, version, .. } = &manifest;
        if !is_file_name(name) || !is_file_name(version) {
            let message = format!("{name} {version} cannot be the name of a file");
            return Err(Error::new(ErrorKind::Usage, message)
                .way_out("name it with letters, digits, dots, - and _, a letter or digit first"));
        }
        if builtin::find(name).is_some() {
            let message = format!("{name} is the name of a built-in component");
            return Err(Error::new(ErrorKind::Exists, message).way_out("give it another name"));
        }
        let path = self.path.join(format!("{name}-{version}-{}.wasm", short(&description.digest)));
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(&self.path)?;
            let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|cause| Error::io("writing", &path, cause))?;
        Ok(path)
    }

    fn read(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<KeptPlugin>> {
        let failed = |cause| Error::io("reading", &self.path, cause);
        let files = match fs::read_dir(&self.path) {
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files.map_err(failed)?,
        };
        let mut kept = Vec::new();
        for file in files {
            let file = file.map_err(failed)?;
            let name = file.file_name();
            let is_wanted =
                name.to_str().is_some_and(|name| name.ends_with(".wasm") && wanted(name));
            let metadata = fs::metadata(file.path());
            let Some(metadata) = metadata.ok().filter(|it| is_wanted && it.is_file()) else {
                continue;
            };
            if metadata.len() > COMPONENT_LENGTH_MAX as u64 {
                continue;
            }
            let path = file.path();
            let bytes = fs::read(&path).map_err(|cause| Error::io("reading", &path, cause))?;
            let description = describe(&bytes);
            let added = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            if description.manifest.is_some() {
                kept.push(KeptPlugin { path, description, bytes, added });
            }
        }
        kept.sort_by_cached_key(|kept| {
            let manifest = kept.manifest();
            let newest_first = std::cmp::Reverse((order(&manifest.version), kept.added));
            (manifest.name.clone(), newest_first)
        });
        Ok(kept)
    }
}

/// The beginning of a digest, for names of files.
fn short(digest: &Digest) -> String {
    digest.to_string().chars().take(8).collect()
}

fn is_file_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(fits)
}

/// What versions are compared by: numbers by value, and a release after what led to it.
fn order(version: &str) -> (Vec<u64>, bool, String) {
    let version = version.split_once('+').map_or(version, |(version, _)| version);
    let (numbers, before) = version.split_once('-').unwrap_or((version, ""));
    let numbers = numbers.split('.').map(|number| number.parse().unwrap_or(0)).collect();
    (numbers, before.is_empty(), before.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_their_numbers_and_releases_come_last() {
        let ordered = ["0.9.0", "0.10.0-a", "0.10.0-b", "0.10.0", "0.10.1", "1.0.0"];
        for pair in ordered.windows(2) {
            assert!(order(pair[0]) < order(pair[1]), "{pair:?}");
        }
        assert_eq!(order("1.0.0+one"), order("1.0.0+two"));
    }

    #[test]
    fn a_name_that_would_leave_the_folder_is_no_name_of_a_file() {
        for name in ["../up", "a/b", ".hidden", "", "-x", "a b"] {
            assert!(!is_file_name(name), "{name}");
        }
        assert!(is_file_name("card-numbers") && is_file_name("0.1.0-rc.1+x"));
    }

    #[test]
    fn a_built_in_name_is_not_taken_and_strange_files_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let plugins = PluginFolder::new(folder.path().join("plugins"));
        assert!(plugins.list().unwrap().is_empty());
        let error = plugins.add(builtin::find("zstd").unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Exists, "{error}");
        fs::create_dir_all(plugins.path().join("folder.wasm")).unwrap();
        fs::write(plugins.path().join("nonsense.wasm"), b"nonsense").unwrap();
        fs::write(plugins.path().join("zstd.wasm"), builtin::find("zstd").unwrap()).unwrap();
        let names: Vec<_> =
            plugins.list().unwrap().iter().map(|kept| kept.manifest().name.clone()).collect();
        assert_eq!(names, ["zstd"]);
    }
}

//! Compiled code, kept between runs, and trusted only with this installation's own signature.
//!
//! Compiled code is native code: whoever could slip us some could run anything. So an entry is
//! read whole, its keyed BLAKE3 checked, and only then given to wasmtime. The key is made on first
//! use and readable by its owner alone. That stops other users, shared caches and restored home
//! folders; it does not stop somebody who is this user already.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;

use crate::ambient::{SystemRandom, random_bytes};

/// Length of a key and of a signature.
const KEY_LENGTH: usize = 32;

/// A folder of compiled components.
#[derive(Debug)]
pub struct CompiledCache {
    folder: PathBuf,
    key: [u8; KEY_LENGTH],
}

impl CompiledCache {
    /// The cache in `folder`, with the key in `key_file`; both are made if they are not there.
    /// `None` where that cannot be, or where somebody else could have written them: then every
    /// start compiles anew.
    pub fn open(folder: &Path, key_file: &Path) -> Option<CompiledCache> {
        make_private_folder(folder)?;
        make_private_folder(key_file.parent()?)?;
        let key = match read_private(key_file) {
            Some(bytes) => bytes.try_into().ok()?,
            None => make_key(key_file)?,
        };
        Some(CompiledCache { folder: folder.to_owned(), key })
    }

    /// The compiled code of this name, if it is there and we signed it.
    pub(super) fn get(&self, name: &str) -> Option<Vec<u8>> {
        let mut bytes = read_private(&self.folder.join(name))?;
        let code_length = bytes.len().checked_sub(KEY_LENGTH)?;
        let signature = self.sign(name, &bytes[..code_length]);
        // `blake3::Hash` compares in constant time.
        if signature != blake3::Hash::from_slice(&bytes[code_length..]).ok()? {
            return None;
        }
        bytes.truncate(code_length);
        Some(bytes)
    }

    /// Keeps compiled code; that it could not be kept only costs time at the next start.
    pub(super) fn put(&self, name: &str, code: &[u8]) {
        let kept = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(code)?;
            file.write_all(self.sign(name, code).as_bytes())?;
            file.persist(self.folder.join(name))?;
            Ok(())
        };
        let _ = kept();
    }

    fn sign(&self, name: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(name.as_bytes());
        hasher.update(&[0]);
        hasher.update(code);
        hasher.finalize()
    }
}

fn make_private_folder(folder: &Path) -> Option<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
    let metadata = fs::metadata(folder).ok()?;
    (metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o022 == 0).then_some(())
}

fn read_private(path: &Path) -> Option<Vec<u8>> {
    let flags = rustix::fs::OFlags::NOFOLLOW.bits();
    let flags = i32::try_from(flags).expect("flags of open fit its argument");
    let mut file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if metadata.uid() != geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
        return None;
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn make_key(path: &Path) -> Option<[u8; KEY_LENGTH]> {
    let key: [u8; KEY_LENGTH] = random_bytes(&SystemRandom);
    let mut file = tempfile::NamedTempFile::new_in(path.parent()?).ok()?;
    file.write_all(&key).ok()?;
    match file.persist_noclobber(path) {
        Ok(_) => Some(key),
        // Another process was first: its key is the one.
        Err(_) => read_private(path)?.try_into().ok(),
    }
}

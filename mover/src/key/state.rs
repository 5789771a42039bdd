//! The state folder: what this machine keeps of a store for itself, `mover/stores/ID/` in the XDG
//! state folder.
//!
//! | file | what |
//! |---|---|
//! | `domain.key` | 32 random bytes: the dedupe domain of a machine that may only write |
//! | `record.key` | an age identity: seals the local record |
//! | `journal.key` | 32 random bytes: seals the journals of sessions that are not finished |
//! | `journals/` | those journals |
//! | `recipients` | the recipients that this machine has written for, one a line, the latest last |
//!
//! The folder is 0700 and its files are 0600. Each file appears whole or not at all, and of two
//! processes that make it at once, both end with the same one. Nothing here is on any volume: a
//! machine that loses the folder reads and sends everything once more, and loses nothing.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;
use format::{KeyGroup, StoreId};
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::domain::DomainSecret;
use super::group::parse_recipient;
use super::journal::JournalKey;
use super::record::RecordKey;
use super::secret::SecretBytes;
use crate::ambient::{Random, SystemRandom, random_bytes};
use crate::{Error, ErrorKind, Result};

const DOMAIN_KEY: &str = "domain.key";
const RECORD_KEY: &str = "record.key";
const JOURNAL_KEY: &str = "journal.key";
const RECIPIENTS: &str = "recipients";

/// More is not what was written here.
const FILE_LENGTH_MAX: u64 = 1 << 20;

/// How a group without encryption stands among the recipients: a store that was encrypted cannot
/// turn into one that is not, unseen.
const UNENCRYPTED: &str = "unencrypted";

/// A store's folder on this machine.
#[derive(Clone, Debug)]
pub struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    /// Opens it, and makes it where it is not; `base` stands in for the XDG state folder
    /// (`XDG_STATE_HOME`, or else `~/.local/state`).
    pub fn open(base: Option<&Path>, store: StoreId) -> Result<StateFolder> {
        let base = match base {
            Some(base) => base.to_owned(),
            None => xdg_state()?,
        };
        let path = base.join("mover").join("stores").join(store.to_string());
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| Error::io("making folder", &path, error))?;
        let meta = fs::metadata(&path).map_err(|error| Error::io("reading", &path, error))?;
        if meta.mode() & 0o077 != 0 {
            return Err(too_open(&path, meta.mode(), "700"));
        }
        Ok(StateFolder { path })
    }

    /// Where it is; for what others keep there too.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The dedupe domain of a machine that may only write, made on first use.
    pub fn domain_secret(&self, random: &dyn Random, writer: &str) -> Result<DomainSecret> {
        let fresh = Zeroizing::new(random_bytes::<32>(random));
        let bytes = self.read_or_create(DOMAIN_KEY, fresh.as_slice())?;
        let local = Zeroizing::new(
            <[u8; 32]>::try_from(bytes.as_slice())
                .map_err(|_| self.damaged(DOMAIN_KEY, "dedupe starts afresh then"))?,
        );
        Ok(DomainSecret::of_machine(&local, writer))
    }

    /// The key of the local record, made on first use.
    pub fn record_key(&self) -> Result<RecordKey> {
        let text = self.read_or_create(RECORD_KEY, RecordKey::generate().as_bytes())?;
        std::str::from_utf8(&text)
            .ok()
            .and_then(RecordKey::parse)
            .ok_or_else(|| self.damaged(RECORD_KEY, "all files are read again then"))
    }

    /// The key that the journal of a name is sealed with; its secret is made on first use.
    pub fn journal_key(&self, random: &dyn Random, name: &str) -> Result<JournalKey> {
        let fresh = Zeroizing::new(random_bytes::<32>(random));
        let bytes = self.read_or_create(JOURNAL_KEY, fresh.as_slice())?;
        let key = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| self.damaged(JOURNAL_KEY, "an unfinished session starts anew then"))?;
        Ok(JournalKey::derive(&SecretBytes::new(key), name))
    }

    /// The folder of journals, made on first use.
    pub fn journals(&self) -> Result<PathBuf> {
        let path = self.path.join("journals");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .map_err(|error| Error::io("making folder", &path, error))?;
        Ok(path)
    }

    /// The folders of all stores that this machine knows.
    pub fn all(base: Option<&Path>) -> Result<Vec<StateFolder>> {
        let base = match base {
            Some(base) => base.to_owned(),
            None => xdg_state()?,
        };
        let stores = base.join("mover").join("stores");
        let listing = match fs::read_dir(&stores) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("listing", &stores, error)),
        };
        let folders = listing.filter_map(|entry| Some(StateFolder { path: entry.ok()?.path() }));
        let mut folders: Vec<_> = folders.filter(|folder| folder.path.is_dir()).collect();
        folders.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(folders)
    }

    /// Remembers a store's recipient when the machine first writes for it; refuses another one
    /// later, so that a hostile store cannot have what is written encrypted for itself, or for a
    /// group that was replaced, or not at all. To be called before an epoch is opened.
    pub fn check_recipient(&self, group: &KeyGroup) -> Result<()> {
        let recipient = pinned(group);
        let known = self.read_or_create(RECIPIENTS, format!("{recipient}\n").as_bytes())?;
        let known = recipients(&known);
        if known.last().is_some_and(|last| last == recipient) {
            return Ok(());
        }
        let what = if known.iter().any(|line| line == recipient) {
            "this machine knows a later key group: either the store shows an old state"
        } else {
            "this machine has never seen that key group: either somebody changed the keys"
        };
        let message = format!(
            "the store wants its data written for {recipient} (key group {}), and {what}, or it \
             is hostile",
            group.group
        );
        let way_out = format!(
            "ask who changed the keys; if it is right, archive with --trust-new-key, or make \
             {recipient} the last line of {}",
            self.path.join(RECIPIENTS).display()
        );
        Err(Error::new(ErrorKind::Refused, message).way_out(way_out))
    }

    /// Makes a group's recipient the one that this machine writes for: after a change of keys that
    /// was made here, or when the operator says so.
    pub fn trust_recipient(&self, group: &KeyGroup) -> Result<()> {
        let recipient = pinned(group);
        let path = self.path.join(RECIPIENTS);
        let known = self.read_or_create(RECIPIENTS, format!("{recipient}\n").as_bytes())?;
        if recipients(&known).last().is_some_and(|last| last == recipient) {
            return Ok(());
        }
        let append = || -> io::Result<()> {
            let mut file = OpenOptions::new().append(true).open(&path)?;
            // The line end before it closes a line that a power loss cut.
            file.write_all(format!("\n{recipient}\n").as_bytes())?;
            file.sync_all()
        };
        append().map_err(|error| Error::io("writing", &path, error))
    }

    /// What a file holds, after giving it `fresh` where it is not there.
    fn read_or_create(&self, name: &str, fresh: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        let path = self.path.join(name);
        if let Some(bytes) = read_private(&path)? {
            return Ok(bytes);
        }
        self.create(&path, name, fresh).map_err(|error| Error::io("writing", &path, error))?;
        // Perhaps another process was faster: what is there now is what counts.
        read_private(&path)?
            .ok_or_else(|| Error::io("reading", &path, io::Error::from(io::ErrorKind::NotFound)))
    }

    /// Makes a file whole under another name, then links it: unlike a rename, a link never
    /// replaces what is there.
    fn create(&self, path: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
        let suffix = hex::encode(random_bytes::<8>(&SystemRandom));
        let temporary = self.path.join(format!(".{name}.{suffix}"));
        let written =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).and_then(
                |mut file| {
                    file.write_all(bytes)?;
                    file.sync_all()
                },
            );
        let linked = written.and_then(|()| fs::hard_link(&temporary, path));
        // Not worth an error: a stray file with a key that nobody uses.
        let _ = fs::remove_file(&temporary);
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => File::open(&self.path)?.sync_all(),
        }
    }

    fn damaged(&self, name: &str, price: &str) -> Error {
        let path = self.path.join(name);
        Error::new(ErrorKind::Damaged, format!("{} is not what was written there", path.display()))
            .way_out(format!("remove it, and a new one is made: {price}"))
    }
}

fn pinned(group: &KeyGroup) -> &str {
    if group.is_encrypted() { &group.recipient } else { UNENCRYPTED }
}

/// The lines that are whole; a recipient has a checksum.
fn recipients(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().map(str::trim);
    let whole = lines.filter(|line| *line == UNENCRYPTED || parse_recipient(line).is_ok());
    whole.map(str::to_owned).collect()
}

fn xdg_state() -> Result<PathBuf> {
    let xdg = Xdg::new().map_err(|error| {
        Error::new(ErrorKind::Missing, "there is no home folder to keep state in")
            .because(error)
            .way_out("set HOME or XDG_STATE_HOME")
    })?;
    Ok(xdg.state_dir().expect("XDG has a state folder"))
}

/// The bytes of a file that only its owner can read, or `None` if it is not there.
fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io("opening", path, error)),
    };
    let meta = file.metadata().map_err(|error| Error::io("reading", path, error))?;
    if !meta.is_file() {
        let message = format!("{} is not a plain file", path.display());
        return Err(Error::new(ErrorKind::Refused, message).way_out("move it away"));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(too_open(path, meta.mode(), "600"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    file.take(FILE_LENGTH_MAX)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::io("reading", path, error))?;
    Ok(Some(bytes))
}

fn too_open(path: &Path, mode: u32, wanted: &str) -> Error {
    let path = path.display();
    let message = format!("{path} is open to others (mode {:o})", mode & 0o7777);
    Error::new(ErrorKind::Refused, message).way_out(format!("chmod {wanted} {path}"))
}

//! What the operator brought to open a store with: passphrases, age identities, or nothing.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use age::x25519;
use zeroize::Zeroizing;

use super::passphrase::Passphrase;
use crate::{Error, ErrorKind, Result};

/// Room for hundreds of identities.
const FILE_LENGTH_MAX: u64 = 64 << 10;

/// What the operator brought; there may be several of each.
#[derive(Clone, Default)]
pub struct Access {
    pub(super) passphrases: Vec<Passphrase>,
    pub(super) identities: Vec<x25519::Identity>,
}

impl Access {
    /// Enough to write, if the key group is known, and for what is not encrypted.
    pub fn nothing() -> Access {
        Access::default()
    }

    /// Adds a passphrase.
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: Passphrase) -> Access {
        self.passphrases.push(passphrase);
        self
    }

    /// Adds the identities of a file as `age-keygen` and `mover key export` write it.
    pub fn with_identity_file(self, path: &Path) -> Result<Access> {
        let file = File::open(path).map_err(|error| Error::io("opening", path, error))?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
        file.take(FILE_LENGTH_MAX + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io("reading", path, error))?;
        let name = path.display().to_string();
        if bytes.len() as u64 > FILE_LENGTH_MAX {
            return Err(no_identity(&name, "too long to be one"));
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => self.with_identity_text(&name, text),
            // An age file's header is text, and what follows it is not.
            Err(_) if bytes.starts_with(AGE_FILE) => Err(encrypted(&name)),
            Err(_) => Err(no_identity(&name, "not text")),
        }
    }

    /// The same from memory; `name` is for messages.
    pub fn with_identity_text(mut self, name: &str, text: &str) -> Result<Access> {
        let count = self.identities.len();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let identity = parse_identity(line).map_err(|cause| match cause {
                NotIdentity::Encrypted => encrypted(name),
                // The line itself is never shown: it may be a secret with a slip in it.
                NotIdentity::Other(what) => {
                    no_identity(name, &format!("line {} is {what}", index + 1))
                }
            })?;
            self.identities.push(identity);
        }
        if self.identities.len() == count {
            return Err(no_identity(name, "there is none in it"));
        }
        Ok(self)
    }

    /// Whether there is nothing in it.
    pub fn is_nothing(&self) -> bool {
        self.passphrases.is_empty() && self.identities.is_empty()
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("passphrases", &self.passphrases.len())
            .field("identities", &self.identities.len())
            .finish()
    }
}

const AGE_FILE: &[u8] = b"age-encryption.org/v1";

enum NotIdentity {
    Encrypted,
    Other(&'static str),
}

fn parse_identity(line: &str) -> Result<x25519::Identity, NotIdentity> {
    if line.starts_with("AGE-SECRET-KEY-1") {
        return line.parse().map_err(|_| NotIdentity::Other("a secret key with a slip in it"));
    }
    Err(if line.as_bytes().starts_with(AGE_FILE) || line.contains("BEGIN AGE ENCRYPTED FILE") {
        NotIdentity::Encrypted
    } else if line.starts_with("AGE-SECRET-KEY-PQ-1") {
        NotIdentity::Other("a post-quantum identity, which this version does not know")
    } else if line.starts_with("AGE-PLUGIN-") {
        NotIdentity::Other("an identity of an age plugin, and those are not run")
    } else if line.starts_with("age1") {
        NotIdentity::Other("a recipient, which is public: it locks and does not unlock")
    } else if line.contains("BEGIN") {
        NotIdentity::Other("the begin of an SSH or PEM key, and only age identities are read")
    } else {
        NotIdentity::Other("no age identity")
    })
}

fn no_identity(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::Key, format!("identity file {name}: {what}"))
        .way_out("give a file as age-keygen writes it, with a line AGE-SECRET-KEY-1...")
}

fn encrypted(name: &str) -> Error {
    Error::new(ErrorKind::Key, format!("identity file {name}: it is encrypted itself"))
        .way_out(format!("decrypt it first: age -d {name}"))
}

//! Who a mover is: an Ed25519 key, made on first use, and its fingerprint, which people compare.

use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::SigningKey;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};

/// Letters between two dashes.
const GROUP_LENGTH: usize = 4;

/// The first 160 bits of BLAKE3 over a public key, as its SubjectPublicKeyInfo in DER.
///
/// Shown as eight groups of four letters. Finding another key with the same one takes 2^160 tries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 20]);

impl Fingerprint {
    /// Of a public key.
    pub fn of(public_key: &[u8]) -> Fingerprint {
        let digest = blake3::hash(public_key);
        Fingerprint(digest.as_bytes()[..20].try_into().expect("20 of 32 bytes"))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = BASE32_NOPAD.encode(&self.0);
        let groups = text.as_bytes().chunks(GROUP_LENGTH);
        let groups: Vec<_> =
            groups.map(|group| std::str::from_utf8(group).expect("ASCII")).collect();
        f.write_str(&groups.join("-"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    /// Case, spaces and dashes do not matter.
    fn from_str(text: &str) -> Result<Fingerprint> {
        let wrong = || {
            Error::new(ErrorKind::Usage, format!("{text} is no fingerprint"))
                .way_out("it is 32 letters and digits, as `mover identity` prints them")
        };
        let plain: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let bytes = BASE32_NOPAD.decode(plain.as_bytes()).map_err(|_| wrong())?;
        bytes.try_into().map(Fingerprint).map_err(|_| wrong())
    }
}

/// This machine's key.
#[derive(Clone)]
pub struct Identity {
    signing: Arc<dyn SigningKey>,
    public_key: Vec<u8>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.fingerprint())
    }
}

const KEY_FILE: &str = "identity.key";

impl Identity {
    /// Opens it, and makes it on first use: `mover/identity.key` in the XDG state folder, for which
    /// `base` can stand in.
    pub fn open(base: Option<&Path>) -> Result<Identity> {
        let folder = folder(base)?;
        let path = folder.join(KEY_FILE);
        let bytes = match read_private(&path)? {
            Some(bytes) => bytes,
            None => {
                let key = generate()?;
                create(&folder, &path, &key).map_err(|cause| Error::io("writing", &path, cause))?;
                // Another process may have been faster: what is there now is what counts.
                read_private(&path)?.unwrap_or(key)
            }
        };
        let damaged = || {
            let message = format!("{} holds no key", path.display());
            Error::new(ErrorKind::Damaged, message).way_out(
                "restore it from a backup; or remove it, then this machine gets a new identity \
                 that its peers have to be told of",
            )
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bytes.to_vec()));
        let signing = super::tls::provider().key_provider.load_private_key(key);
        let signing = signing.map_err(|cause| damaged().because(cause))?;
        let public_key = signing.public_key().ok_or_else(damaged)?.to_vec();
        Ok(Identity { signing, public_key })
    }

    /// What others know it by.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.public_key)
    }

    pub(super) fn certified(&self) -> Arc<rustls::sign::CertifiedKey> {
        let public_key = rustls::pki_types::CertificateDer::from(self.public_key.clone());
        let signing = Arc::clone(&self.signing);
        Arc::new(rustls::sign::CertifiedKey::new(vec![public_key], signing))
    }
}

fn generate() -> Result<Zeroizing<Vec<u8>>> {
    let random = ring::rand::SystemRandom::new();
    let document = ring::signature::Ed25519KeyPair::generate_pkcs8(&random)
        .map_err(|_| Error::new(ErrorKind::Io, "making a key: no randomness"))?;
    Ok(Zeroizing::new(document.as_ref().to_vec()))
}

/// `mover/` in the XDG state folder, which only its owner can look into.
pub fn folder(base: Option<&Path>) -> Result<PathBuf> {
    let base = match base {
        Some(base) => base.to_owned(),
        None => Xdg::new()
            .map_err(|cause| {
                Error::new(ErrorKind::Missing, "there is no home folder to keep an identity in")
                    .because(cause)
                    .way_out("set HOME or XDG_STATE_HOME")
            })?
            .state_dir()
            .expect("XDG has a state folder"),
    };
    let folder = base.join("mover");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|cause| Error::io("making folder", &folder, cause))?;
    Ok(folder)
}

/// The bytes of a file that nobody else may read.
fn read_private(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(Error::io("opening", path, cause)),
    };
    let meta = file.metadata().map_err(|cause| Error::io("reading", path, cause))?;
    if meta.mode() & 0o077 != 0 {
        let path = path.display();
        let message = format!("{path} is open to others (mode {:o})", meta.mode() & 0o7777);
        return Err(Error::new(ErrorKind::Refused, message).way_out(format!("chmod 600 {path}")));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(256));
    file.take(4096).read_to_end(&mut bytes).map_err(|cause| Error::io("reading", path, cause))?;
    Ok(Some(bytes))
}

/// Makes the file whole under another name, then links it: a link never replaces what is there.
fn create(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = tempfile::Builder::new().prefix(".identity").make_in(folder, |path| {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    })?;
    temporary.as_file().write_all(bytes)?;
    temporary.as_file().sync_all()?;
    match std::fs::hard_link(temporary.path(), path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
        _ => std::fs::File::open(folder)?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_made_once_and_kept() {
        let base = tempfile::tempdir().unwrap();
        let first = Identity::open(Some(base.path())).unwrap().fingerprint();
        assert_eq!(Identity::open(Some(base.path())).unwrap().fingerprint(), first);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(Identity::open(Some(other.path())).unwrap().fingerprint(), first);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        Identity::open(Some(base.path())).unwrap();
        let path = base.path().join("mover").join(KEY_FILE);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = Identity::open(Some(base.path())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.hint().unwrap().contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_fingerprint_is_read_however_it_was_typed() {
        let fingerprint = Fingerprint::of(b"a key");
        let text = fingerprint.to_string();
        assert_eq!(text.len(), 39);
        assert_eq!(text.parse::<Fingerprint>().unwrap(), fingerprint);
        let typed = text.to_lowercase().replace('-', " ");
        assert_eq!(typed.parse::<Fingerprint>().unwrap(), fingerprint);
        for wrong in ["", "ABCD", &text[..38], "!"] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }
}

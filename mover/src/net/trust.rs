//! Which server is trusted at which address: a file of lines `ADDRESS FINGERPRINT`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::address::with_port;
use super::identity::{Fingerprint, Identity, folder};
use super::link::dial;
use super::tls;
use crate::durable;
use crate::error::{Error, ErrorKind, Result};

/// Addresses and the fingerprints that are trusted there.
#[derive(Debug)]
pub struct KnownPeers {
    path: PathBuf,
}

impl KnownPeers {
    /// `mover/peers` in the XDG state folder, for which `base` can stand in.
    pub fn open(base: Option<&Path>) -> Result<KnownPeers> {
        Ok(KnownPeers { path: folder(base)?.join("peers") })
    }

    /// All of them, in the order in which they were added.
    pub fn list(&self) -> Result<Vec<(String, Fingerprint)>> {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(Error::io("reading", &self.path, cause)),
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .map(|(at, line)| {
                let (address, fingerprint) = line.split_once(' ').unwrap_or((line, ""));
                let fingerprint = fingerprint.parse().map_err(|cause: Error| {
                    let message = format!("{}:{}", self.path.display(), at + 1);
                    Error::new(ErrorKind::Damaged, message)
                        .because(cause)
                        .way_out("mend or remove that line, then trust that server again")
                })?;
                Ok((address.to_owned(), fingerprint))
            })
            .collect()
    }

    /// Who is trusted at an address.
    pub fn pinned(&self, address: &str) -> Result<Fingerprint> {
        let address = with_port(address);
        let found = self.list()?.into_iter().find(|(known, _)| *known == address);
        found.map(|(_, fingerprint)| fingerprint).ok_or_else(|| {
            Error::new(ErrorKind::Refused, format!("no server is trusted at {address} yet"))
                .way_out(format!(
                    "ask its operator for the output of `mover identity`, then: mover trust add \
                     {address} FINGERPRINT"
                ))
        })
    }

    /// Trusts a server; another one that was trusted there before has to be removed first.
    pub fn trust(&self, address: &str, fingerprint: Fingerprint) -> Result<()> {
        let address = with_port(address);
        self.change(|peers| {
            if let Some((_, known)) = peers.iter().find(|(known, _)| *known == address) {
                if *known == fingerprint {
                    return Ok(());
                }
                let message = format!("{known} is trusted at {address}, not {fingerprint}");
                return Err(Error::new(ErrorKind::Refused, message).way_out(format!(
                    "if the server really has a new identity: mover trust remove {address}"
                )));
            }
            peers.push((address.clone(), fingerprint));
            Ok(())
        })
    }

    /// Trusts nobody at an address any more.
    pub fn remove(&self, address: &str) -> Result<()> {
        let address = with_port(address);
        self.change(|peers| {
            let before = peers.len();
            peers.retain(|(known, _)| *known != address);
            match peers.len() < before {
                true => Ok(()),
                false => {
                    let message = format!("no server is trusted at {address}");
                    Err(Error::new(ErrorKind::Missing, message)
                        .way_out("see which there are: mover trust list"))
                }
            }
        })
    }

    /// Changes the list: under a lock, and whole or not at all.
    fn change(
        &self,
        change: impl FnOnce(&mut Vec<(String, Fingerprint)>) -> Result<()>,
    ) -> Result<()> {
        let failed = |cause| Error::io("writing", &self.path, cause);
        let lock = self.path.with_extension("lock");
        let lock =
            OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(lock);
        let lock: File = lock.map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut peers = self.list()?;
        change(&mut peers)?;
        let line =
            |(address, fingerprint): &(String, Fingerprint)| format!("{address} {fingerprint}\n");
        let text: String = peers.iter().map(line).collect();
        durable::replace(&self.path, text.as_bytes())
    }
}

/// Connects to find out who is at an address, and says nothing.
pub fn fingerprint_at(address: &str, identity: &Identity) -> Result<Fingerprint> {
    let address = with_port(address);
    let failed = |cause: io::Error| {
        Error::new(ErrorKind::Io, format!("asking {address} who it is")).because(cause)
    };
    let mut socket = dial(&address).map_err(failed)?;
    let name = rustls::pki_types::ServerName::try_from("mover").expect("a fixed name is right");
    let mut connection = rustls::ClientConnection::new(tls::curious_config(identity)?, name)
        .map_err(|cause| failed(io::Error::other(cause)))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket).map_err(failed)?;
    }
    tls::peer_fingerprint(connection.peer_certificates())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_fingerprint_is_never_taken_silently() {
        let base = tempfile::tempdir().unwrap();
        let peers = KnownPeers::open(Some(base.path())).unwrap();
        let (one, other) = (Fingerprint::of(b"one"), Fingerprint::of(b"other"));
        assert!(peers.pinned("nas").unwrap_err().hint().unwrap().contains("mover trust add"));
        peers.trust("nas", one).unwrap();
        peers.trust("nas:7373", one).unwrap();
        assert_eq!(peers.pinned("nas").unwrap(), one);
        assert_eq!(peers.trust("nas", other).unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(peers.list().unwrap(), [("nas:7373".to_owned(), one)]);
        peers.remove("nas").unwrap();
        peers.trust("nas", other).unwrap();
        assert_eq!(peers.pinned("nas:7373").unwrap(), other);
        assert!(peers.remove("elsewhere").is_err());
    }
}

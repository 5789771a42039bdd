//! The dedupe domain's secret, and the keyed identities that come from it.
//!
//! Blocks of two writers, two groups or two stores never have the same identity, so that one
//! cannot claim what is another's, and a destination learns equality inside a domain and nothing
//! between them.

use std::fs;
use std::path::Path;

use format::{BlockIdentity, StoreId};

use super::group::GroupSecret;
use super::secret::SecretBytes;
use crate::{Error, ErrorKind, Result};

const GROUP_CONTEXT: &str = "mover 0 dedupe domain";
const LOCAL_CONTEXT: &str = "mover 0 local dedupe domain";
const PUBLIC_CONTEXT: &str = "mover 0 public dedupe domain";
const SOURCE_CONTEXT: &str = "mover 0 source id";
const WRITER_CONTEXT: &str = "mover 0 writer id";

/// What makes identities comparable inside a dedupe domain, and nowhere else.
#[derive(Clone, Debug)]
pub struct DomainSecret {
    secret: SecretBytes,
    source: SecretBytes,
}

impl DomainSecret {
    fn derive(context: &str, from: &[u8], writer: &str) -> DomainSecret {
        let secret = SecretBytes::derive(context, &[from, writer.as_bytes()]);
        let source = SecretBytes::derive(SOURCE_CONTEXT, &[secret.bytes()]);
        DomainSecret { secret, source }
    }

    /// For a writer who can open the group: the same on every machine that calls itself so, and
    /// not lost with the machine.
    pub fn of_group(secret: &GroupSecret, writer: &str) -> DomainSecret {
        DomainSecret::derive(GROUP_CONTEXT, secret.plain().as_bytes(), writer)
    }

    /// For a store where nothing is encrypted. Everybody can compute it: it separates writers
    /// who err, and keeps nothing secret.
    pub fn of_open_store(store: StoreId, writer: &str) -> DomainSecret {
        DomainSecret::derive(PUBLIC_CONTEXT, &store.0, writer)
    }

    /// For a machine that may only write: `local` never leaves it.
    pub(super) fn of_machine(local: &[u8; 32], writer: &str) -> DomainSecret {
        DomainSecret::derive(LOCAL_CONTEXT, local, writer)
    }

    /// The identity of a block's plain bytes.
    pub fn identity(&self, block: &[u8]) -> BlockIdentity {
        BlockIdentity(*blake3::keyed_hash(self.secret.bytes(), block).as_bytes())
    }

    /// The identity of a source, from whatever says which one it is.
    pub fn source_id(&self, bytes: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(self.source.bytes(), bytes).as_bytes()
    }

    /// Names the domain in session headers, and gives nothing of it away.
    pub fn writer_id(&self) -> [u8; 32] {
        *SecretBytes::derive(WRITER_CONTEXT, &[self.secret.bytes()]).bytes()
    }
}

/// What a writer is called that was given no name: this machine's host name.
pub fn default_writer() -> Result<String> {
    let path = Path::new("/proc/sys/kernel/hostname");
    let name = fs::read_to_string(path).map_err(|error| Error::io("reading", path, error))?;
    match name.trim() {
        "" | "(none)" => Err(Error::new(ErrorKind::Missing, "this machine has no host name")
            .way_out("set one, or give the writer a name")),
        name => Ok(name.to_owned()),
    }
}

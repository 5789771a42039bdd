//! The seal on the records of a journal: each by itself, so that what a killed process wrote is
//! read up to its last whole record.

use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use super::secret::SecretBytes;
use crate::ambient::{Random, random_bytes};

/// Bytes by which a sealed record is longer: the nonce, and the tag.
pub const SEAL_LENGTH: usize = 24 + 16;

/// Seals and opens the records of one journal.
#[derive(Clone)]
pub struct JournalKey(XChaCha20Poly1305);

impl JournalKey {
    /// The key of the journal named `name` on a machine with this secret.
    pub(super) fn derive(machine: &SecretBytes, name: &str) -> JournalKey {
        let key =
            SecretBytes::derive("mover 0 session journal", &[machine.bytes(), name.as_bytes()]);
        JournalKey(XChaCha20Poly1305::new(key.bytes().into()))
    }

    /// Seals a record.
    pub fn seal(&self, random: &dyn Random, record: &[u8]) -> Vec<u8> {
        let nonce: [u8; 24] = random_bytes(random);
        let sealed = self.0.encrypt(XNonce::from_slice(&nonce), record);
        let mut out = Vec::with_capacity(record.len() + SEAL_LENGTH);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed.expect("a record is far shorter than the cipher's limit"));
        out
    }

    /// Opens a record; none where it is not what was sealed.
    pub fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(24)?;
        self.0.decrypt(XNonce::from_slice(nonce), sealed).ok()
    }
}

impl std::fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

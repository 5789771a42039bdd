//! 32 secret bytes: wiped when dropped, never printed.

use std::fmt;

use zeroize::Zeroizing;

/// Boxed, so that moving it leaves no copy behind on the stack.
#[derive(Clone)]
pub(super) struct SecretBytes(Box<Zeroizing<[u8; 32]>>);

impl SecretBytes {
    pub(super) fn new(bytes: [u8; 32]) -> SecretBytes {
        SecretBytes(Box::new(Zeroizing::new(bytes)))
    }

    /// BLAKE3's key derivation: `context` says what for, and is a constant of this program.
    pub(super) fn derive(context: &str, material: &[&[u8]]) -> SecretBytes {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in material {
            hasher.update(part);
        }
        SecretBytes::new(*hasher.finalize().as_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

//! Envelopes: a secret inside a binary age file, for one passphrase or one recipient.
//!
//! The randomness of an envelope is age's own, from the operating system: a seed replays which
//! keys a run has, not the bytes that they are wrapped in.

use std::io::Read;
use std::iter;

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, scrypt, x25519};
use zeroize::Zeroizing;

use super::passphrase::Passphrase;
use crate::{Error, ErrorKind, Result};

/// Work to try one passphrase: scrypt with N = 2^17, r = 8, p = 1, which OWASP names as the least
/// for stored passwords; 128 MiB and some tenths of a second. Fixed, since age's way of measuring
/// the machine makes a passphrase cheap to guess just when the machine was busy or small.
pub(super) const WORK_FACTOR: u8 = 17;

/// The most that a store may ask of a reader: 1 GiB. A later version may raise [`WORK_FACTOR`] up
/// to here and is still read; a hostile store cannot ask for hours.
const WORK_FACTOR_MAX: u8 = 20;

/// Wraps for the owner of a recipient's secret key.
pub(super) fn wrap(recipient: &x25519::Recipient, secret: &[u8]) -> Result<Vec<u8>> {
    age::encrypt(recipient, secret).map_err(|error| {
        Error::new(ErrorKind::Key, format!("wrapping a key for {recipient}"))
            .because(error.to_string())
    })
}

/// Wraps for whoever knows a passphrase.
pub(super) fn wrap_with(passphrase: &Passphrase, secret: &[u8]) -> Result<Vec<u8>> {
    let mut recipient = scrypt::Recipient::new(secret_string(passphrase));
    recipient.set_work_factor(WORK_FACTOR);
    age::encrypt(&recipient, secret).map_err(|error| {
        Error::new(ErrorKind::Key, "wrapping a key with a passphrase").because(error.to_string())
    })
}

/// What is inside, or `None` where the envelope is for somebody else.
pub(super) fn unwrap(
    identity: &x25519::Identity,
    envelope: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    unwrap_any(identity, envelope)
}

/// What is inside, or `None` where the passphrase is another one.
pub(super) fn unwrap_with(
    passphrase: &Passphrase,
    envelope: &[u8],
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut identity = scrypt::Identity::new(secret_string(passphrase));
    identity.set_max_work_factor(WORK_FACTOR_MAX);
    unwrap_any(&identity, envelope)
}

fn unwrap_any(identity: &dyn age::Identity, envelope: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let decryptor = Decryptor::new_buffered(envelope).map_err(|error| damaged(&error))?;
    let mut reader = match decryptor.decrypt(iter::once(identity)) {
        Ok(reader) => reader,
        // A wrong passphrase looks like a failed decryption, a wrong identity like no match.
        Err(
            DecryptError::NoMatchingKeys
            | DecryptError::DecryptionFailed
            | DecryptError::KeyDecryptionFailed,
        ) => return Ok(None),
        Err(DecryptError::ExcessiveWork { required, .. }) => {
            return Err(Error::new(
                ErrorKind::Refused,
                format!(
                    "a wrapped key asks for a work factor of {required}, \
                     and more than {WORK_FACTOR_MAX} is refused"
                ),
            ));
        }
        Err(error) => return Err(damaged(&error)),
    };
    // Room for all of it at once: a vector that grows leaves copies of the secret behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(envelope.len()));
    reader.read_to_end(&mut secret).map_err(|error| {
        Error::new(ErrorKind::Damaged, "a wrapped key is damaged").because(error)
    })?;
    Ok(Some(secret))
}

fn damaged(error: &DecryptError) -> Error {
    Error::new(ErrorKind::Damaged, "a wrapped key is damaged").because(error.to_string())
}

fn secret_string(passphrase: &Passphrase) -> SecretString {
    SecretString::from(passphrase.text().to_owned())
}

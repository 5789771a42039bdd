//! Goal: nobody opens what he must not, everybody else does, and each refusal says what to do.
//! Method: groups with few passphrases, since each costs a real scrypt; vectors for SPEC.

mod derivations;
mod errors;
mod groups;
mod programs;
mod states;

use age::secrecy::ExposeSecret;
use format::KeyGroup;

use super::*;
use crate::ambient::{SeededRandom, SteppingClock};
use crate::{Error, ErrorKind};

pub(super) fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).expect("not empty")
}

pub(super) fn with_passphrase(name: &str, text: &str) -> NewMember {
    NewMember::Passphrase { name: name.to_owned(), passphrase: passphrase(text) }
}

/// A person with an age identity: its text, and its recipient.
pub(super) struct Person {
    pub(super) identity: String,
    pub(super) recipient: String,
}

impl Person {
    pub(super) fn new() -> Person {
        let identity = age::x25519::Identity::generate();
        Person {
            identity: identity.to_string().expose_secret().to_owned(),
            recipient: identity.to_public().to_string(),
        }
    }

    pub(super) fn member(&self, name: &str) -> NewMember {
        NewMember::Recipient { name: name.to_owned(), recipient: self.recipient.clone() }
    }

    pub(super) fn access(&self) -> Access {
        Access::nothing().with_identity_text("memory", &self.identity).expect("an identity")
    }
}

pub(super) fn group_of(members: &[NewMember]) -> (KeyGroup, GroupSecret) {
    create_group(&SeededRandom::new(1), &SteppingClock::default(), members).expect("a group")
}

/// Kind, a part of the message, and a part of the way out; no message has a secret in it.
pub(super) fn check_error(error: Error, kind: ErrorKind, message: &str, way_out: &str) {
    let text = error.to_string();
    let hint = error.hint().unwrap_or_default();
    assert_eq!(error.kind(), kind, "{text}");
    assert!(text.contains(message), "{text}");
    assert!(hint.contains(way_out), "{text}; way out: {hint}");
    for secret in ["AGE-SECRET-KEY-1Q", "open sesame"] {
        assert!(!text.contains(secret) && !hint.contains(secret), "{text}; {hint}");
    }
}

//! Keys: who can read a store, and the keys that everything else is derived from.
//!
//! A *key group* is an age X25519 identity, the *group secret*. Its public recipient stands in
//! the clear in the key group's frame; its members are wrapped copies of the secret. Each session
//! opens a *key epoch*: a fresh key, wrapped for the group's recipient, so that a machine that
//! knows no more than the recipient can write and not read.
//!
//! What the envelopes hold. All are binary age files, so that the `age` program opens them too:
//!
//! | envelope | for | plain bytes |
//! |---|---|---|
//! | passphrase member | scrypt, N = 2^17 (readers: up to 2^20) | the group secret: 74 bytes |
//! | recipient member | X25519, the member's recipient | the group secret: 74 bytes |
//! | key epoch | X25519, the group's recipient | the epoch key: 32 bytes |
//!
//! The 74 bytes are `AGE-SECRET-KEY-1...`, ASCII, upper case, with no line end. The name of a
//! recipient member ends with its recipient; a label and a space may stand before it. A group
//! that was replaced has one more recipient member, labelled `key group ID`: the group that
//! replaced it, so that who opens the later one reads what was written under the earlier one.
//!
//! What is derived, with BLAKE3 (`derive_key(context, material)`, `keyed_hash(key, bytes)`);
//! integers are little-endian, and parts follow one another with nothing between them:
//!
//! | key | how |
//! |---|---|
//! | stage key | `derive_key("mover 0 stage key", E)`, E: 118 bytes as below |
//! | domain secret, of a key group | `derive_key("mover 0 dedupe domain", group secret, writer)` |
//! | domain secret, write-only | `derive_key("mover 0 local dedupe domain", local, writer)` |
//! | domain secret, unencrypted | `derive_key("mover 0 public dedupe domain", store id, writer)` |
//! | block identity | `keyed_hash(domain secret, plain bytes of the block)` |
//! | source id | `keyed_hash(derive_key("mover 0 source id", domain secret), bytes)` |
//! | writer id | `derive_key("mover 0 writer id", domain secret)` |
//!
//! The group secret is its 74 bytes of text, `local` 32 random bytes, the store id its
//! 16 bytes, the writer its name in UTF-8. E is:
//!
//! | offset | length | what |
//! |---|---|---|
//! | 0 | 32 | epoch key |
//! | 32 | 16 | session id |
//! | 48 | 4 | epoch number |
//! | 52 | 2 | position of the stage in its chain, from 0 |
//! | 54 | 32 | digest of the component |
//! | 86 | 32 | digest of its configuration |
//!
//! What keys do not do here: an epoch proves nothing about who wrote, since everybody may know
//! the recipient. A writer that remembers its group's recipient ([`StateFolder::check_recipient`])
//! is safe from a store that slips another under it.

mod access;
mod change;
mod domain;
mod envelope;
mod epoch;
mod group;
mod journal;
pub mod passphrase;
mod record;
mod secret;
mod state;
mod unlock;

pub use access::Access;
pub use change::{Removal, Unproven, add_member, remove_member};
pub use domain::{DomainSecret, default_writer};
pub use epoch::{EpochKey, StageKey, open_epoch, read_epoch, stage_key};
pub use group::{
    GroupSecret, NewMember, create_group, current_group, member_label, member_recipient,
    unencrypted_group,
};
pub use journal::{JournalKey, SEAL_LENGTH};
pub use passphrase::Passphrase;
pub use record::{Opener, RecordKey, Sealer};
pub use state::StateFolder;
pub use unlock::{Keyring, unlock};

#[cfg(test)]
mod tests;

//! Unlocking: from what the operator brought to the secrets of key groups.

use std::collections::HashMap;

use age::x25519;
use format::{Epoch, GroupId, KeyGroup, Member, MemberKind};
use zeroize::Zeroizing;

use super::access::Access;
use super::envelope;
use super::epoch::{EpochKey, read_epoch};
use super::group::{
    GroupSecret, PASSPHRASE_COUNT_MAX, latest_revisions, member_label, member_recipient,
};
use super::passphrase::{self, Passphrase};
use super::secret::SecretBytes;
use crate::{Error, ErrorKind, Result};

/// Members named in one message.
const NAMED_MAX: usize = 8;

/// Opens a group; `store` is how messages name the store.
pub fn unlock(group: &KeyGroup, access: &Access, store: &str) -> Result<GroupSecret> {
    if !group.is_encrypted() {
        let message = format!("store {store} is not encrypted: it needs no key");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let mut tried = Tried::default();
    let opened = match tried.identities(group, &access.identities)? {
        Some(secret) => Some(secret),
        None => tried.passphrases(group, access)?,
    };
    opened.ok_or_else(|| locked(group, access, store, tried))
}

/// What was found on the way to a key that opened nothing.
#[derive(Default)]
struct Tried {
    damaged: Option<Error>,
    whole_count: usize,
}

impl Tried {
    /// Cheap: some tens of microseconds for each pair.
    fn identities(
        &mut self,
        group: &KeyGroup,
        identities: &[x25519::Identity],
    ) -> Result<Option<GroupSecret>> {
        for identity in identities {
            if identity.to_public().to_string() == group.recipient {
                return Ok(Some(GroupSecret(identity.clone())));
            }
        }
        for member in group.members.iter().filter(|m| m.kind == MemberKind::Recipient) {
            for identity in identities {
                let plain = envelope::unwrap(identity, &member.envelope);
                if let Some(plain) = self.note(member, plain) {
                    return checked(group, member, &plain).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// Some tenths of a second for each pair.
    fn passphrases(&mut self, group: &KeyGroup, access: &Access) -> Result<Option<GroupSecret>> {
        let members = group.members.iter().filter(|m| m.kind == MemberKind::Passphrase);
        for member in members.take(PASSPHRASE_COUNT_MAX) {
            for passphrase in &access.passphrases {
                let plain = envelope::unwrap_with(passphrase, &member.envelope);
                if let Some(plain) = self.note(member, plain) {
                    return checked(group, member, &plain).map(Some);
                }
            }
        }
        Ok(None)
    }

    /// One damaged envelope keeps nobody from opening another.
    fn note(
        &mut self,
        member: &Member,
        plain: Result<Option<Zeroizing<Vec<u8>>>>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        match plain {
            Ok(plain) => {
                self.whole_count += 1;
                plain
            }
            Err(error) => {
                let message = format!("key {:?}", member_label(member));
                self.damaged = Some(Error::new(error.kind(), message).because(error));
                None
            }
        }
    }
}

/// Whoever can write to the store could wrap a secret of his own for our members.
fn checked(group: &KeyGroup, member: &Member, plain: &[u8]) -> Result<GroupSecret> {
    let secret = GroupSecret::from_plain(plain)?;
    if secret.recipient() != group.recipient {
        let message = format!(
            "key {:?} opens another group than {}: the frame is damaged or forged",
            member_label(member),
            group.group
        );
        return Err(Error::new(ErrorKind::Refused, message)
            .way_out("compare with the key group on another volume of the store"));
    }
    Ok(secret)
}

fn locked(group: &KeyGroup, access: &Access, store: &str, tried: Tried) -> Error {
    let passphrase = access.passphrases.first().map(Passphrase::name);
    let has_identity = !access.identities.is_empty();
    if let Some(error) = tried.damaged.as_ref().filter(|_| tried.whole_count == 0) {
        let message = format!("no key of store {store} that could be tried is whole");
        let error = Error::new(error.kind(), message);
        return error
            .because(tried.damaged.expect("just seen"))
            .way_out("the key group is on every volume of the store: try another one");
    }
    let message = match (&passphrase, has_identity) {
        (None, false) => {
            format!("store {store} is encrypted, and neither passphrase nor identity was given")
        }
        (Some(passphrase), false) => format!("{passphrase} opens no key of store {store}"),
        (None, true) => format!(
            "the identity opens no key of store {store}: {} is no member",
            own_recipients(access)
        ),
        (Some(passphrase), true) => format!(
            "neither {passphrase} nor the identity opens a key of store {store}: {} is no member",
            own_recipients(access)
        ),
    };
    let error = Error::new(ErrorKind::Key, message).way_out(ways(group, passphrase.is_some()));
    match tried.damaged {
        Some(damaged) => error.because(damaged),
        None => error,
    }
}

fn own_recipients(access: &Access) -> String {
    let recipients = access.identities.iter().map(|identity| identity.to_public().to_string());
    some_of(recipients.collect())
}

/// How this group can be opened; whether a passphrase was tried.
fn ways(group: &KeyGroup, has_passphrase: bool) -> String {
    let passphrases: Vec<String> = group
        .members
        .iter()
        .filter(|member| member.kind == MemberKind::Passphrase)
        .map(|member| format!("{:?}", member_label(member)))
        .collect();
    let recipients: Vec<String> =
        group.members.iter().filter_map(member_recipient).map(str::to_owned).collect();
    let known = some_of(passphrases.clone());
    let by_passphrase = match has_passphrase {
        true => format!("another passphrase (the store's keys: {known}; see mover key list)"),
        false => format!("{} (it has {known})", passphrase::WAYS),
    };
    let by_identity =
        format!("--identity FILE with the secret key of {}", some_of(recipients.clone()));
    match (passphrases.is_empty(), recipients.is_empty()) {
        (false, true) => {
            format!("{by_passphrase}, or --identity FILE as mover key export wrote it")
        }
        (true, false) => format!("give {by_identity}"),
        (false, false) => format!("{by_passphrase}, or {by_identity}"),
        (true, true) => "give --identity FILE as mover key export wrote it".to_owned(),
    }
}

fn envelope_digest(epoch: &Epoch) -> [u8; 32] {
    *blake3::hash(&epoch.envelope).as_bytes()
}

fn some_of(mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    names.truncate(NAMED_MAX);
    let text = names.join(", ");
    if more == 0 { text } else { format!("{text} and {more} more") }
}

/// The secrets of a store's groups, as far as they could be opened.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    store: String,
    secrets: HashMap<GroupId, GroupSecret>,
    /// Keys of single epochs, by the digests of their envelopes.
    lent: HashMap<[u8; 32], EpochKey>,
}

impl Keyring {
    /// For who only writes, and for a store where nothing is encrypted.
    pub fn empty() -> Keyring {
        Keyring::default()
    }

    /// Opens what can be opened of `groups`, in any order and with all their revisions. Who opens
    /// a group also opens those that it replaced. An error if there are encrypted groups and none
    /// opens: the one for the newest.
    pub fn open(groups: &[KeyGroup], access: &Access, store: &str) -> Result<Keyring> {
        let mut keyring = Keyring { store: store.to_owned(), ..Keyring::default() };
        let mut locked = latest_revisions(groups);
        locked.retain(|group| group.is_encrypted());
        // Newest first: a passphrase is tried once then, and the older groups open in turn.
        let mut access = access.clone();
        let mut first_error = None;
        loop {
            let locked_count = locked.len();
            locked.retain(|group| match unlock(group, &access, store) {
                Ok(secret) => {
                    access.identities.push(secret.0.clone());
                    keyring.insert(group.group, secret);
                    false
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                    true
                }
            });
            if locked.is_empty() || locked.len() == locked_count {
                break;
            }
            // Once more, should a clock have gone back between two groups; with the secrets found
            // so far alone, since passphrases are slow and were tried.
            access.passphrases.clear();
        }
        match first_error {
            Some(error) if keyring.secrets.is_empty() => Err(error),
            _ => Ok(keyring),
        }
    }

    /// Opens groups of which no frame is left, for who has their secrets on paper: `epochs` are
    /// theirs, from session headers. Gives whether any is open.
    pub fn open_lost(&mut self, epochs: &[Epoch], access: &Access) -> bool {
        for epoch in epochs {
            if self.secret(epoch.group).is_none() {
                let mut secrets = access.identities.iter().cloned().map(GroupSecret);
                let found = secrets.find(|secret| read_epoch(epoch, secret).is_ok());
                self.secrets.extend(found.map(|secret| (epoch.group, secret)));
            }
        }
        epochs.iter().any(|epoch| self.secret(epoch.group).is_some())
    }

    /// Adds a group that was just made, or opened elsewhere.
    pub fn insert(&mut self, group: GroupId, secret: GroupSecret) {
        self.secrets.insert(group, secret);
    }

    /// The secret of a group, if it is open.
    pub fn secret(&self, group: GroupId) -> Option<&GroupSecret> {
        self.secrets.get(&group)
    }

    /// Takes the key of one epoch, which somebody who can read has opened: with it what was
    /// written in that epoch can be read, and nothing else.
    pub fn lend(&mut self, envelope: [u8; 32], key: [u8; 32]) {
        self.lent.insert(envelope, EpochKey(SecretBytes::new(key)));
    }

    /// What [`Keyring::lend`] takes, for another mover: the digest of an epoch's envelope, and its
    /// key. None where the epoch is not encrypted.
    pub fn to_lend(&self, epoch: &Epoch) -> Result<Option<([u8; 32], [u8; 32])>> {
        let key = self.epoch_key(epoch)?;
        Ok(key.map(|key| (envelope_digest(epoch), *key.0.bytes())))
    }

    /// The key of an epoch, or `None` where the epoch is not encrypted.
    pub fn epoch_key(&self, epoch: &Epoch) -> Result<Option<EpochKey>> {
        if epoch.envelope.is_empty() {
            return Ok(None);
        }
        if let Some(key) = self.lent.get(&envelope_digest(epoch)) {
            return Ok(Some(key.clone()));
        }
        match self.secret(epoch.group) {
            Some(secret) => read_epoch(epoch, secret).map(Some),
            None => Err(self.not_open(epoch)),
        }
    }

    fn not_open(&self, epoch: &Epoch) -> Error {
        let message = match self.store.as_str() {
            "" => format!("key group {} is not open", epoch.group),
            store => format!("key group {} of store {store} is not open", epoch.group),
        };
        Error::new(ErrorKind::Key, message).way_out(format!(
            "{}, or --identity FILE of one who could read at that time",
            passphrase::WAYS
        ))
    }
}

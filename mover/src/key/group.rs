//! A key group: its secret, and the members that it is wrapped for.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use age::secrecy::ExposeSecret;
use age::x25519;
use format::{GroupId, KeyGroup, Member, MemberKind, limits};
use zeroize::Zeroizing;

use super::envelope;
use super::passphrase::Passphrase;
use crate::ambient::{Clock, Random, random_bytes};
use crate::{Error, ErrorKind, Result};

/// Passphrases of one group, at most: opening a store tries them one after the other, and each
/// takes some tenths of a second.
pub(super) const PASSPHRASE_COUNT_MAX: usize = 16;

/// Bytes of a group secret, as text.
pub(super) const SECRET_LENGTH: usize = 74;

/// How the group that replaced another is labelled among the members of the other.
pub(super) const SUCCESSOR_LABEL: &str = "key group ";

/// What a passphrase member is called that was given no name.
const PASSPHRASE_LABEL: &str = "passphrase";

/// One who is to open a group. A name may be empty: then a passphrase is called `passphrase`, and
/// a recipient by itself.
#[derive(Clone, Debug)]
pub enum NewMember {
    /// With a passphrase.
    Passphrase {
        /// For people.
        name: String,
        /// The passphrase.
        passphrase: Passphrase,
    },
    /// With the secret key of a recipient.
    Recipient {
        /// For people.
        name: String,
        /// `age1...`, as `age-keygen` prints it.
        recipient: String,
    },
}

/// Opens everything that is written under its group: an age identity.
#[derive(Clone)]
pub struct GroupSecret(pub(super) x25519::Identity);

impl GroupSecret {
    pub(super) fn generate() -> GroupSecret {
        GroupSecret(x25519::Identity::generate())
    }

    /// From the plain bytes of a member's envelope.
    pub(super) fn from_plain(plain: &[u8]) -> Result<GroupSecret> {
        let text = std::str::from_utf8(plain).ok().filter(|text| text.len() == SECRET_LENGTH);
        let identity = text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            Error::new(ErrorKind::Damaged, "what a wrapped key holds is no key of a group")
        })?;
        Ok(GroupSecret(identity))
    }

    pub(super) fn plain(&self) -> Zeroizing<String> {
        let text = Zeroizing::new(self.0.to_string().expose_secret().to_owned());
        debug_assert_eq!(text.len(), SECRET_LENGTH);
        text
    }

    /// What can be locked for it: public.
    pub fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// An age identity file. Given as an identity it opens the store like a member's, and the
    /// `age` program opens key epochs with it. Whoever has it reads everything that was and will
    /// be written under the group, and it cannot be taken back but by a new group.
    pub fn export(&self, group: &KeyGroup, store: &str) -> Zeroizing<String> {
        // One string of the right size: a string that grows leaves copies of the secret behind.
        let store = store.escape_debug().to_string();
        let mut text = Zeroizing::new(String::with_capacity(store.len() + 512));
        text.push_str("# The secret of key group ");
        text.push_str(&group.group.to_string());
        text.push_str(" of store ");
        text.push_str(&store);
        text.push_str(".\n# Whoever has this file reads everything written under it.\n");
        text.push_str("# public key: ");
        text.push_str(&self.recipient());
        text.push('\n');
        text.push_str(&self.plain());
        text.push('\n');
        text
    }
}

impl fmt::Debug for GroupSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupSecret(of {})", self.recipient())
    }
}

/// A new group, at its first revision.
pub fn create_group(
    random: &dyn Random,
    clock: &dyn Clock,
    members: &[NewMember],
) -> Result<(KeyGroup, GroupSecret)> {
    let secret = GroupSecret::generate();
    let mut group = unencrypted_group(random, clock);
    group.recipient = secret.recipient();
    for member in members {
        let member = wrap_member(&secret, member)?;
        insert_member(&mut group, member)?;
    }
    if group.members.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "a key group needs one who can open it")
            .way_out("give a passphrase or a recipient, or make the store without encryption"));
    }
    Ok((group, secret))
}

/// The group of a store where nothing is encrypted.
pub fn unencrypted_group(random: &dyn Random, clock: &dyn Clock) -> KeyGroup {
    KeyGroup {
        group: GroupId(random_bytes(random)),
        revision: 1,
        created: clock.now(),
        recipient: String::new(),
        members: Vec::new(),
    }
}

/// What people call a member.
pub fn member_label(member: &Member) -> &str {
    match member.name.rsplit_once(' ') {
        Some((label, _)) if member.kind == MemberKind::Recipient => label,
        _ => &member.name,
    }
}

/// The recipient of a recipient member.
pub fn member_recipient(member: &Member) -> Option<&str> {
    match member.kind {
        MemberKind::Recipient => member.name.rsplit(' ').next(),
        MemberKind::Passphrase => None,
    }
}

/// The group to write under, of all revisions of all groups of a store: the newest that no other
/// has replaced.
pub fn current_group(groups: &[KeyGroup]) -> Option<&KeyGroup> {
    let latest = latest_revisions(groups);
    let is_current = |group: &&KeyGroup| successor_of(group).is_none();
    latest.iter().copied().find(is_current).or(latest.first().copied())
}

/// The last revision of each group, the newest group first.
pub(super) fn latest_revisions(groups: &[KeyGroup]) -> Vec<&KeyGroup> {
    let mut latest: BTreeMap<GroupId, &KeyGroup> = BTreeMap::new();
    for group in groups {
        let known = latest.entry(group.group).or_insert(group);
        if known.revision < group.revision {
            *known = group;
        }
    }
    let mut latest: Vec<&KeyGroup> = latest.into_values().collect();
    latest.sort_by_key(|group| Reverse((group.created, group.group)));
    latest
}

/// The id of the group that replaced this one.
pub(super) fn successor_of(group: &KeyGroup) -> Option<&str> {
    group.members.iter().find_map(|member| member_label(member).strip_prefix(SUCCESSOR_LABEL))
}

pub(super) fn wrap_member(secret: &GroupSecret, member: &NewMember) -> Result<Member> {
    let (kind, name, label) = match member {
        NewMember::Passphrase { name, .. } => {
            let name = if name.is_empty() { PASSPHRASE_LABEL } else { name };
            (MemberKind::Passphrase, name.to_owned(), name)
        }
        NewMember::Recipient { name, recipient } => {
            let recipient = parse_recipient(recipient)?;
            let full =
                if name.is_empty() { recipient.to_string() } else { format!("{name} {recipient}") };
            (MemberKind::Recipient, full, name.as_str())
        }
    };
    check_label(label)?;
    if name.len() > limits::NAME_LENGTH_MAX {
        return Err(Error::new(
            ErrorKind::Usage,
            format!(
                "the name of a key has {} bytes, and {} fit",
                name.len(),
                limits::NAME_LENGTH_MAX
            ),
        ));
    }
    let plain = secret.plain();
    let envelope = match member {
        NewMember::Passphrase { passphrase, .. } => {
            envelope::wrap_with(passphrase, plain.as_bytes())?
        }
        NewMember::Recipient { recipient, .. } => {
            envelope::wrap(&parse_recipient(recipient)?, plain.as_bytes())?
        }
    };
    Ok(Member { kind, name, envelope })
}

fn check_label(label: &str) -> Result<()> {
    let what = if label.chars().any(char::is_control) || label.trim() != label {
        "has blanks at its ends or control characters"
    } else if label.starts_with(SUCCESSOR_LABEL) {
        "is what groups are called that replaced another"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Usage, format!("the name {label:?} of a key {what}"))
        .way_out("give it another name"))
}

/// Refuses what would make a group too large, or a name mean two members.
pub(super) fn insert_member(group: &mut KeyGroup, member: Member) -> Result<()> {
    let label = member_label(&member);
    let recipient = member_recipient(&member);
    let same = |other: &&Member| {
        member_label(other) == label
            || (recipient.is_some() && member_recipient(other) == recipient)
    };
    if let Some(other) = group.members.iter().find(same) {
        let message = format!("the key group has a key {:?} already", member_label(other));
        return Err(Error::new(ErrorKind::Exists, message)
            .way_out("remove that one first, or give the new one another name"));
    }
    let passphrases =
        group.members.iter().filter(|other| other.kind == MemberKind::Passphrase).count();
    if member.kind == MemberKind::Passphrase && passphrases >= PASSPHRASE_COUNT_MAX {
        let message = format!("the key group has {PASSPHRASE_COUNT_MAX} passphrases already");
        return Err(Error::new(ErrorKind::Refused, message)
            .way_out("use recipients: they are not tried one after the other"));
    }
    if group.members.len() >= limits::MEMBER_COUNT_MAX {
        let message = format!("the key group has {} keys already", limits::MEMBER_COUNT_MAX);
        return Err(Error::new(ErrorKind::Refused, message)
            .way_out("give a group of people one identity, and share it among them"));
    }
    group.members.push(member);
    Ok(())
}

pub(super) fn parse_recipient(text: &str) -> Result<x25519::Recipient> {
    let text = text.trim();
    if text.get(..15).is_some_and(|start| start.eq_ignore_ascii_case("age-secret-key-")) {
        // Not shown: it is a secret.
        return Err(Error::new(ErrorKind::Usage, "a secret key was given as a recipient")
            .way_out("age-keygen -y FILE prints the recipient of an identity file"));
    }
    text.parse().map_err(|cause: &str| {
        Error::new(ErrorKind::Usage, format!("no age recipient: {text:?}")).because(cause).way_out(
            "give one as age-keygen prints it, age1... with 62 characters; others \
                      (SSH, plugin, post-quantum) are not known here",
        )
    })
}

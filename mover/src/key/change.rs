//! Changes of who can read: adding is a new revision of a group, removing is a new group.

use std::cell::Cell;

use format::{GroupId, KeyGroup, Member, MemberKind};

use super::group::{
    GroupSecret, NewMember, SUCCESSOR_LABEL, insert_member, member_label, member_recipient,
    successor_of, wrap_member,
};
use super::passphrase::Passphrase;
use super::{create_group, envelope};
use crate::ambient::{Clock, Random};
use crate::{Error, ErrorKind, Result};

/// The group's next revision, with one member more, who can read all that was ever written under
/// it. To change a passphrase: add the new one, then remove the old one.
pub fn add_member(
    clock: &dyn Clock,
    group: &KeyGroup,
    secret: &GroupSecret,
    member: &NewMember,
) -> Result<KeyGroup> {
    check_secret(group, secret)?;
    let mut next = next_revision(clock, group)?;
    insert_member(&mut next, wrap_member(secret, member)?)?;
    Ok(next)
}

/// What becomes of a member who stays, but whose passphrase was not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// Nothing is changed, and the error names them.
    Refuse,
    /// They are dropped too, and [`Removal::dropped`] names them.
    Drop,
}

/// What [`remove_member`] made. Both frames are to be written, in one commit or else the new
/// group's first: the other one points to it, and a group that was replaced takes no more changes.
#[derive(Debug)]
pub struct Removal {
    /// The new group: the one to write under.
    pub group: KeyGroup,
    /// Its secret.
    pub secret: GroupSecret,
    /// The old group's next revision: without the removed one, and with the new group as a
    /// member, so that all members of the new one go on reading what is there.
    pub previous: KeyGroup,
    /// Who was dropped too, since their passphrases were not given.
    pub dropped: Vec<String>,
    /// To be shown: what the removed one can still read.
    pub note: String,
}

/// Makes a new group for all members but one: for what is written from then on.
///
/// The removed one can still read what was written before: those bytes are on media, the old
/// wrapped keys beside them, and neither is ever rewritten. Recipients are carried over by
/// themselves. A passphrase cannot be: each that stays has to be given in `passphrases`, else
/// `unproven` decides. Dedupe starts afresh under the new group.
///
/// `name` is a member's label or its recipient.
pub fn remove_member(
    random: &dyn Random,
    clock: &dyn Clock,
    group: &KeyGroup,
    secret: &GroupSecret,
    name: &str,
    passphrases: &[Passphrase],
    unproven: Unproven,
) -> Result<Removal> {
    check_secret(group, secret)?;
    if let Some(successor) = successor_of(group) {
        let message = format!("key group {} was replaced already, by {successor}", group.group);
        return Err(
            Error::new(ErrorKind::Usage, message).way_out("remove the key from the later group")
        );
    }
    let removed = group
        .members
        .iter()
        .position(|member| member_label(member) == name || member_recipient(member) == Some(name))
        .ok_or_else(|| no_member(group, name))?;
    let staying = members_without(group, removed);

    let (stay, dropped) = carry_over(&staying, passphrases)?;
    if unproven == Unproven::Refuse && !dropped.is_empty() {
        let message = format!(
            "removing {name:?} also loses {}: passphrases that were not given",
            quoted(&dropped)
        );
        return Err(Error::new(ErrorKind::Refused, message).way_out(
            "give those passphrases too, or say that they may be dropped, and add them again later",
        ));
    }
    if stay.is_empty() {
        let message = format!("removing {name:?} would leave nobody who can read the store");
        return Err(Error::new(ErrorKind::Refused, message)
            .way_out("add another passphrase or recipient first"));
    }

    // Made first, so that the new group is the newer one by the clock as well.
    let mut previous = next_revision(clock, group)?;
    let (new_group, new_secret) = create_group(random, clock, &stay)?;
    previous.members.remove(removed);
    previous.members.push(successor(secret, &new_group, &new_secret)?);
    let note = format!(
        "{} can still read what was written before now: it is on media, and stays as it is; to end \
         that too, archive again and destroy the old volumes",
        quoted(&[vec![name.to_owned()], dropped.clone()].concat())
    );
    Ok(Removal { group: new_group, secret: new_secret, previous, dropped, note })
}

fn members_without(group: &KeyGroup, removed: usize) -> Vec<&Member> {
    let members = group.members.iter().enumerate();
    members.filter(|(index, _)| *index != removed).map(|(_, member)| member).collect()
}

/// Those who can be wrapped for once more, and the labels of those who cannot.
fn carry_over(
    staying: &[&Member],
    passphrases: &[Passphrase],
) -> Result<(Vec<NewMember>, Vec<String>)> {
    let (mut stay, mut dropped) = (Vec::new(), Vec::new());
    // One who has a passphrase may have no second; each is expensive to try.
    let unused: Vec<(&Passphrase, Cell<bool>)> =
        passphrases.iter().map(|passphrase| (passphrase, Cell::new(true))).collect();
    for member in staying {
        if let Some(recipient) = member_recipient(member) {
            let label = member_label(member);
            let name = if label == recipient { String::new() } else { label.to_owned() };
            stay.push(NewMember::Recipient { name, recipient: recipient.to_owned() });
            continue;
        }
        let mut found = None;
        for (passphrase, free) in unused.iter().filter(|(_, free)| free.get()) {
            // A damaged envelope opens for nobody: its member is named as dropped.
            if matches!(envelope::unwrap_with(passphrase, &member.envelope), Ok(Some(_))) {
                free.set(false);
                found = Some((*passphrase).clone());
                break;
            }
        }
        match found {
            Some(passphrase) => {
                stay.push(NewMember::Passphrase { name: member.name.clone(), passphrase });
            }
            None => dropped.push(member_label(member).to_owned()),
        }
    }
    Ok((stay, dropped))
}

/// The new group as a member of the one that it replaces.
fn successor(old: &GroupSecret, group: &KeyGroup, secret: &GroupSecret) -> Result<Member> {
    Ok(Member {
        kind: MemberKind::Recipient,
        name: format!("{SUCCESSOR_LABEL}{} {}", group.group, secret.recipient()),
        envelope: envelope::wrap(&secret.0.to_public(), old.plain().as_bytes())?,
    })
}

fn next_revision(clock: &dyn Clock, group: &KeyGroup) -> Result<KeyGroup> {
    let revision = group.revision.checked_add(1).ok_or_else(|| {
        Error::new(
            ErrorKind::Unsupported,
            format!("key group {} has no revision left", group.group),
        )
    })?;
    Ok(KeyGroup { revision, created: clock.now(), ..group.clone() })
}

fn check_secret(group: &KeyGroup, secret: &GroupSecret) -> Result<()> {
    if !group.is_encrypted() {
        return Err(unencrypted(group.group));
    }
    if group.recipient != secret.recipient() {
        let message = format!("the secret belongs to another group than {}", group.group);
        return Err(Error::new(ErrorKind::Key, message));
    }
    Ok(())
}

fn unencrypted(group: GroupId) -> Error {
    let message = format!("key group {group} is not encrypted: it has no keys to change");
    Error::new(ErrorKind::Usage, message)
        .way_out("make a new store with keys, and copy the archives into it")
}

fn no_member(group: &KeyGroup, name: &str) -> Error {
    let labels: Vec<String> =
        group.members.iter().map(|member| member_label(member).to_owned()).collect();
    Error::new(ErrorKind::Missing, format!("the key group has no key {name:?}"))
        .way_out(format!("its keys are {}", quoted(&labels)))
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}

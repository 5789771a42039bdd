//! Key groups and key epochs: who can read what. SPEC 8.
//!
//! Wrapped keys are opaque here: files of the age format, made and opened by the mover.

use crate::error::{Error, Result};
use crate::id::{GroupId, Timestamp};
use crate::limits;
use crate::wire::{Put, Take};

/// How a member of a key group opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MemberKind {
    /// With a passphrase.
    Passphrase = 1,
    /// With the secret key of a recipient.
    Recipient = 2,
}

/// One who can open a key group's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// How.
    pub kind: MemberKind,
    /// For people: a name, or the recipient itself.
    pub name: String,
    /// The group's secret, wrapped for this member: an age file.
    pub envelope: Vec<u8>,
}

/// Who can read what is written under this group. A later frame of the same group replaces an
/// earlier one; a later group is the one to write under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyGroup {
    /// Its identity.
    pub group: GroupId,
    /// Counts the frames of the group, from 1.
    pub revision: u32,
    /// When this frame was made.
    pub created: Timestamp,
    /// The age recipient that epoch keys are wrapped for; empty where nothing is encrypted.
    pub recipient: String,
    /// Who can open the group's secret.
    pub members: Vec<Member>,
}

impl KeyGroup {
    /// Whether what is written under this group is encrypted.
    pub fn is_encrypted(&self) -> bool {
        !self.recipient.is_empty()
    }

    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_raw(&self.group.0);
        out.put_u32(self.revision);
        self.created.encode(out);
        out.put_bytes(self.recipient.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_count(self.members.len(), limits::MEMBER_COUNT_MAX);
        for member in &self.members {
            out.put_u8(member.kind as u8);
            out.put_bytes(member.name.as_bytes(), limits::NAME_LENGTH_MAX);
            out.put_bytes(&member.envelope, limits::ENVELOPE_LENGTH_MAX);
        }
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<KeyGroup> {
        let mut take = Take::new("key group", body);
        let group = GroupId(take.array()?);
        let revision = take.u32()?;
        if revision == 0 {
            return Err(take.invalid("revisions are counted from 1"));
        }
        let created = Timestamp::decode(&mut take)?;
        let recipient = take.text(limits::NAME_LENGTH_MAX)?;
        let count = take.count(limits::MEMBER_COUNT_MAX, 9)?;
        let mut members = Vec::with_capacity(count);
        for _ in 0..count {
            let kind = match take.u8()? {
                1 => MemberKind::Passphrase,
                2 => MemberKind::Recipient,
                value => return Err(Error::Unknown { what: "member kind", value: value.into() }),
            };
            let name = take.text(limits::NAME_LENGTH_MAX)?;
            let envelope = take.bytes(limits::ENVELOPE_LENGTH_MAX)?.to_vec();
            members.push(Member { kind, name, envelope });
        }
        take.end()?;
        Ok(KeyGroup { group, revision, created, recipient, members })
    }
}

/// A key epoch, as the session header that opens it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number in its session.
    pub number: u32,
    /// The group that can open it.
    pub group: GroupId,
    /// The epoch's key, wrapped for the group: an age file; empty where nothing is encrypted.
    pub envelope: Vec<u8>,
}

impl Epoch {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.number);
        out.put_raw(&self.group.0);
        out.put_bytes(&self.envelope, limits::ENVELOPE_LENGTH_MAX);
    }

    pub(crate) fn decode(take: &mut Take<'_>) -> Result<Epoch> {
        Ok(Epoch {
            number: take.u32()?,
            group: GroupId(take.array()?),
            envelope: take.bytes(limits::ENVELOPE_LENGTH_MAX)?.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> KeyGroup {
        let member =
            Member { kind: MemberKind::Recipient, name: String::new(), envelope: vec![1, 2] };
        KeyGroup {
            group: GroupId([1; 16]),
            revision: 1,
            created: Timestamp::default(),
            recipient: String::new(),
            members: vec![member],
        }
    }

    #[test]
    fn each_rule_has_its_error() {
        let mut bytes = Vec::new();
        group().encode(&mut bytes);
        assert_eq!(KeyGroup::decode(&bytes), Ok(group()));
        let check = |at: usize, value: &[u8], expected: fn(&Error) -> bool| {
            let mut bytes = bytes.clone();
            bytes[at..at + value.len()].copy_from_slice(value);
            let error = KeyGroup::decode(&bytes).expect_err("it was changed");
            assert!(expected(&error), "{error}");
        };
        check(16, &[0], |error| matches!(error, Error::Invalid { .. }));
        check(28, &1_000_000_000_u32.to_le_bytes(), |error| matches!(error, Error::Limit { .. }));
        check(36, &1025_u32.to_le_bytes(), |error| matches!(error, Error::Limit { .. }));
        check(36, &9_u32.to_le_bytes(), |error| matches!(error, Error::Truncated { .. }));
        check(40, &[3], |error| matches!(error, Error::Unknown { what: "member kind", .. }));
        check(45, &65_537_u32.to_le_bytes(), |error| matches!(error, Error::Limit { .. }));
        check(45, &[1], |error| matches!(error, Error::Invalid { .. }));
    }

    #[test]
    fn a_group_without_a_recipient_does_not_encrypt() {
        assert!(!group().is_encrypted());
        assert!(KeyGroup { recipient: "age1".to_owned(), ..group() }.is_encrypted());
    }
}

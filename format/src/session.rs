//! Session header and footer. SPEC 4.4.

use crate::component::ComponentEntry;
use crate::error::{Error, Result};
use crate::id::{SessionId, StoreId, Timestamp};
use crate::key::{Epoch, KeyGroup};
use crate::limits;
use crate::wire::{Put, Take};

/// Opens a session: all that is needed to decode its chunks, but for the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHeader {
    /// Its identity.
    pub session: SessionId,
    /// The store that it was written for.
    pub store: StoreId,
    /// The job that it is a run of.
    pub job: String,
    /// The source mover: a keyed digest of its name, the same in every session of one writer.
    pub writer: [u8; 32],
    /// The program that wrote it, for people.
    pub software: String,
    /// When it began.
    pub started: Timestamp,
    /// What chains point into.
    pub components: Vec<ComponentEntry>,
    /// The key epochs that it opens.
    pub epochs: Vec<Epoch>,
}

impl SessionHeader {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_raw(&self.session.0);
        out.put_raw(&self.store.0);
        out.put_bytes(self.job.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_raw(&self.writer);
        out.put_bytes(self.software.as_bytes(), limits::NAME_LENGTH_MAX);
        self.started.encode(out);
        out.put_count(self.components.len(), limits::COMPONENT_COUNT_MAX);
        for component in &self.components {
            component.encode(out);
        }
        out.put_count(self.epochs.len(), limits::EPOCH_COUNT_MAX);
        for epoch in &self.epochs {
            epoch.encode(out);
        }
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<SessionHeader> {
        let mut take = Take::new("session header", body);
        let session = SessionId(take.array()?);
        let store = StoreId(take.array()?);
        let job = take.text(limits::NAME_LENGTH_MAX)?;
        let writer = take.array()?;
        let software = take.text(limits::NAME_LENGTH_MAX)?;
        let started = Timestamp::decode(&mut take)?;
        let count = take.count(limits::COMPONENT_COUNT_MAX, 78)?;
        let components =
            (0..count).map(|_| ComponentEntry::decode(&mut take)).collect::<Result<_>>()?;
        let count = take.count(limits::EPOCH_COUNT_MAX, 24)?;
        let epochs: Vec<Epoch> =
            (0..count).map(|_| Epoch::decode(&mut take)).collect::<Result<_>>()?;
        if !epochs.is_sorted_by(|left, right| left.number < right.number) {
            return Err(take.invalid("epochs ascend by number"));
        }
        take.end()?;
        Ok(SessionHeader { session, store, job, writer, software, started, components, epochs })
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SessionStatus {
    /// All of it was done.
    Complete = 0,
    /// Done, but for faults that the operator was told.
    CompleteWithFaults = 1,
    /// Stopped before its end.
    Failed = 2,
}

/// Closes a session. It repeats the header and the key groups, since all depends on them:
/// they stand at both ends of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFooter {
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub status: SessionStatus,
    /// The header once more.
    pub header: SessionHeader,
    /// The key groups that the header's epochs name.
    pub groups: Vec<KeyGroup>,
}

impl SessionFooter {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.ended.encode(out);
        out.put_u8(self.status as u8);
        let mut part = Vec::new();
        self.header.encode(&mut part);
        out.put_bytes(&part, limits::FRAME_BODY_LENGTH_MAX as usize);
        out.put_count(self.groups.len(), limits::EPOCH_COUNT_MAX);
        for group in &self.groups {
            part.clear();
            group.encode(&mut part);
            out.put_bytes(&part, limits::FRAME_BODY_LENGTH_MAX as usize);
        }
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<SessionFooter> {
        let mut take = Take::new("session footer", body);
        let ended = Timestamp::decode(&mut take)?;
        let status = match take.u8()? {
            0 => SessionStatus::Complete,
            1 => SessionStatus::CompleteWithFaults,
            2 => SessionStatus::Failed,
            value => return Err(Error::Unknown { what: "session status", value: value.into() }),
        };
        let length_max = limits::FRAME_BODY_LENGTH_MAX as usize;
        let header = SessionHeader::decode(take.bytes(length_max)?)?;
        let count = take.count(limits::EPOCH_COUNT_MAX, 4)?;
        let groups =
            (0..count).map(|_| KeyGroup::decode(take.bytes(length_max)?)).collect::<Result<_>>()?;
        take.end()?;
        Ok(SessionFooter { ended, status, header, groups })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(epochs: &[u32]) -> SessionHeader {
        let epoch = |number: &u32| Epoch {
            number: *number,
            group: crate::GroupId::default(),
            envelope: Vec::new(),
        };
        SessionHeader {
            session: SessionId([1; 16]),
            store: StoreId([2; 16]),
            job: String::new(),
            writer: [3; 32],
            software: String::new(),
            started: Timestamp::default(),
            components: Vec::new(),
            epochs: epochs.iter().map(epoch).collect(),
        }
    }

    #[test]
    fn epochs_ascend() {
        let again = |epochs: &[u32]| {
            let mut bytes = Vec::new();
            header(epochs).encode(&mut bytes);
            SessionHeader::decode(&bytes)
        };
        assert_eq!(again(&[0, 5]), Ok(header(&[0, 5])));
        for wrong in [&[1, 1], &[2, 1]] {
            assert!(matches!(again(wrong), Err(Error::Invalid { .. })));
        }
    }

    #[test]
    fn lying_counts_and_an_unknown_status_are_refused() {
        let mut bytes = Vec::new();
        header(&[]).encode(&mut bytes);
        bytes[84..88].copy_from_slice(&257_u32.to_le_bytes());
        assert!(matches!(SessionHeader::decode(&bytes), Err(Error::Limit { .. })));
        bytes[84..88].copy_from_slice(&256_u32.to_le_bytes());
        assert!(matches!(SessionHeader::decode(&bytes), Err(Error::Truncated { .. })));
        let footer = SessionFooter {
            ended: Timestamp::default(),
            status: SessionStatus::Failed,
            header: header(&[0]),
            groups: Vec::new(),
        };
        let mut bytes = Vec::new();
        footer.encode(&mut bytes);
        assert_eq!(SessionFooter::decode(&bytes), Ok(footer));
        bytes[12] = 3;
        let error = Error::Unknown { what: "session status", value: 3 };
        assert_eq!(SessionFooter::decode(&bytes), Err(error));
    }
}

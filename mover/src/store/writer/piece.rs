//! A frame that is about to be appended, with what it means for the catalog.

use std::borrow::Cow;

use format::{FrameKind, KeyGroup, Prefix, StoreId, Timestamp, VolumeLabel, limits};

use crate::media::FrameParts;
use crate::store::change::Change;
use crate::{Error, ErrorKind, Result};

pub(super) struct Piece<'a> {
    pub(super) kind: FrameKind,
    pub(super) body: Cow<'a, [u8]>,
    pub(super) payload: Cow<'a, [u8]>,
    pub(super) change: Option<Change>,
}

impl<'a> Piece<'a> {
    pub(super) fn new(kind: FrameKind, body: impl Into<Cow<'a, [u8]>>) -> Piece<'a> {
        Piece { kind, body: body.into(), payload: Cow::Borrowed(&[]), change: None }
    }

    pub(super) fn payload(mut self, payload: impl Into<Cow<'a, [u8]>>) -> Piece<'a> {
        self.payload = payload.into();
        self
    }

    pub(super) fn change(mut self, change: Change) -> Piece<'a> {
        self.change = Some(change);
        self
    }

    pub(super) fn parts(&self) -> FrameParts<'_> {
        FrameParts { kind: self.kind, body: &self.body, payload: &self.payload }
    }

    pub(super) fn length(&self) -> u64 {
        self.parts().length()
    }

    /// Refuses what no reader would read, before any of it is written.
    pub(super) fn check(&self) -> Result<()> {
        let too_long = |what: &str, length: usize, limit: u32| {
            let message = format!("a {what} of {length} bytes passes the limit of {limit}");
            Err(Error::new(ErrorKind::Refused, message))
        };
        let (body_max, payload_max) =
            (limits::FRAME_BODY_LENGTH_MAX, limits::FRAME_PAYLOAD_LENGTH_MAX);
        match (self.body.len(), self.payload.len()) {
            (length, _) if length > body_max as usize => too_long("header", length, body_max),
            (_, length) if length > payload_max as usize => {
                too_long("payload", length, payload_max)
            }
            _ => Ok(()),
        }
    }
}

/// Bytes of a frame with a body alone.
pub(super) fn frame_length(body: &[u8]) -> u64 {
    (Prefix::LEN + body.len()) as u64
}

/// The body of a volume's label.
pub(in crate::store) fn label(
    store: StoreId,
    volume: u32,
    created: Timestamp,
    pool: &str,
) -> Vec<u8> {
    let mut body = Vec::new();
    let (pool, name) = (pool.to_owned(), String::new());
    VolumeLabel { store, volume, created, pool, name }.encode(&mut body);
    body
}

/// The body of a key group's frame.
pub(super) fn group(group: &KeyGroup) -> Vec<u8> {
    let mut body = Vec::new();
    group.encode(&mut body);
    body
}

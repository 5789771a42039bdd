//! What two movers say to each other, as bytes and back; no I/O here. `docs/protocol.md`.
//!
//! A connection begins with a greeting of fixed layout in each direction, for ever the same, so
//! that movers of any two versions can tell each other which they speak. Then come envelopes: two
//! lengths, a message in postcard's encoding, and bytes that belong to it as they stand on media.

mod message;
mod record;

use std::ops::RangeInclusive;

pub use message::{AgentJob, ChunkKey, FailureKind, Reply, Request, Rights, Steering, error_of};
pub use record::{
    ArchiveInfo, EndInfo, FaultInfo, PlaceInfo, SessionInfo, VolumeInfo, chunk_id, chunk_key,
};

use crate::error::{Error, ErrorKind, Result};

/// The versions of the protocol that this mover speaks.
pub const VERSIONS: RangeInclusive<u16> = 0..=0;

/// Bytes of a greeting.
pub const GREETING_LENGTH: usize = 12;
const GREETING_MAGIC: &[u8; 8] = b"MoverNet";

/// Bytes of an envelope's lengths.
pub const LENGTHS_LENGTH: usize = 8;
/// Bytes of a message, at most.
pub const MESSAGE_LENGTH_MAX: u32 = 1 << 20;
/// Bytes that come with a message, at most: a chunk with its table, or a component.
pub const PAYLOAD_LENGTH_MAX: u32 = 64 << 20;

/// The first bytes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// The lowest version that is spoken.
    pub lowest: u16,
    /// The highest.
    pub highest: u16,
}

impl Greeting {
    /// This mover's.
    pub fn own() -> Greeting {
        Greeting { lowest: *VERSIONS.start(), highest: *VERSIONS.end() }
    }

    /// As bytes.
    pub fn encode(&self) -> [u8; GREETING_LENGTH] {
        let mut bytes = [0; GREETING_LENGTH];
        bytes[..8].copy_from_slice(GREETING_MAGIC);
        bytes[8..10].copy_from_slice(&self.lowest.to_le_bytes());
        bytes[10..].copy_from_slice(&self.highest.to_le_bytes());
        bytes
    }

    /// From bytes; an error where they are no greeting.
    pub fn decode(bytes: &[u8; GREETING_LENGTH]) -> Result<Greeting> {
        if bytes[..8] != *GREETING_MAGIC {
            let message = "the peer speaks another protocol than mover's";
            return Err(Error::new(ErrorKind::Refused, message)
                .way_out("check address and port; they must be those of `mover serve`"));
        }
        let lowest = u16::from_le_bytes([bytes[8], bytes[9]]);
        let highest = u16::from_le_bytes([bytes[10], bytes[11]]);
        Ok(Greeting { lowest, highest })
    }

    /// The highest version that both speak.
    pub fn agree(&self, peer: &Greeting) -> Result<u16> {
        let version = self.highest.min(peer.highest);
        if version >= self.lowest && version >= peer.lowest {
            return Ok(version);
        }
        let message = format!(
            "the peer speaks versions {} to {} of the protocol, and this mover {} to {}",
            peer.lowest, peer.highest, self.lowest, self.highest
        );
        Err(Error::new(ErrorKind::Unsupported, message)
            .way_out("update the older of the two movers"))
    }
}

/// The lengths at the beginning of an envelope, within their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    /// Bytes of the message.
    pub message: usize,
    /// Bytes behind it.
    pub payload: usize,
}

impl Lengths {
    /// From bytes; an error beyond the limits, before anything is read or held.
    pub fn decode(bytes: &[u8; LENGTHS_LENGTH]) -> Result<Lengths> {
        let [a, b, c, d, e, f, g, h] = *bytes;
        let (message, payload) =
            (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        if message > MESSAGE_LENGTH_MAX || payload > PAYLOAD_LENGTH_MAX {
            let text = format!(
                "the peer announces a message of {message} and {payload} bytes, beyond the limits"
            );
            return Err(Error::new(ErrorKind::Refused, text));
        }
        Ok(Lengths { message: message as usize, payload: payload as usize })
    }
}

/// A message's envelope, but for the payload: lengths and message.
pub fn encode(message: &impl serde::Serialize, payload_length: usize) -> Result<Vec<u8>> {
    let mut bytes = behind(message, vec![0; LENGTHS_LENGTH]);
    let message_length = bytes.len() - LENGTHS_LENGTH;
    let too_long = || {
        let text = format!(
            "a message of {message_length} and {payload_length} bytes passes the limits of the \
             protocol, {MESSAGE_LENGTH_MAX} and {PAYLOAD_LENGTH_MAX}"
        );
        Error::new(ErrorKind::Refused, text)
    };
    let length = u32::try_from(message_length).map_err(|_| too_long())?;
    let payload = u32::try_from(payload_length).map_err(|_| too_long())?;
    if length > MESSAGE_LENGTH_MAX || payload > PAYLOAD_LENGTH_MAX {
        return Err(too_long());
    }
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..8].copy_from_slice(&payload.to_le_bytes());
    Ok(bytes)
}

fn behind(message: &impl serde::Serialize, bytes: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(message, bytes).expect("a message is plain data")
}

/// What a message has room for, record by record.
pub(in crate::net) struct Page {
    length: usize,
    is_empty: bool,
}

impl Page {
    /// A message without records.
    pub(in crate::net) fn new() -> Page {
        // What stands around them: the message's number, their count, whether there are more.
        const AROUND: usize = 32;
        Page { length: AROUND, is_empty: true }
    }

    /// Whether one more fits. The first always does: a page without any would never end.
    pub(in crate::net) fn takes(&mut self, record: &impl serde::Serialize) -> bool {
        self.length += behind(record, Vec::new()).len();
        let takes = self.is_empty || self.length <= MESSAGE_LENGTH_MAX as usize;
        self.is_empty = false;
        takes
    }
}

/// As many of the records, from the first on, as fit into one message.
pub(in crate::net) fn page<T: serde::Serialize>(records: impl Iterator<Item = T>) -> Vec<T> {
    let mut page = Page::new();
    records.take_while(|record| page.takes(record)).collect()
}

/// A message from its bytes, all of them.
pub fn decode<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    let garbled = || Error::new(ErrorKind::Refused, "the peer sent a message that makes no sense");
    let (message, rest) =
        postcard::take_from_bytes(bytes).map_err(|cause| garbled().because(cause))?;
    match rest.is_empty() {
        true => Ok(message),
        false => Err(garbled()),
    }
}

#[cfg(test)]
mod tests;

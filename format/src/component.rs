//! Components on the medium, and the table by which a session's chunks name them. SPEC 4.3.

use crate::error::{Error, Result};
use crate::id::Digest;
use crate::limits;
use crate::wire::{Put, Take};

/// What a component does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Changes an entry's bytes before they are cut.
    Filter = 1,
    /// Looks at plain bytes.
    Snoop = 2,
    /// Cuts blocks.
    Dedupe = 3,
    /// Encodes chunks.
    Transform = 4,
}

impl Role {
    fn decode(value: u8) -> Result<Role> {
        Ok(match value {
            1 => Role::Filter,
            2 => Role::Snoop,
            3 => Role::Dedupe,
            4 => Role::Transform,
            _ => return Err(Error::Unknown { what: "role", value: value.into() }),
        })
    }
}

/// A component with a configuration, as a chain names it by its place in the session's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentEntry {
    /// What it does.
    pub role: Role,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// BLAKE3 of the whole `.wasm`.
    pub digest: Digest,
    /// Its configuration: JSON.
    pub config: String,
    /// BLAKE3 of the configuration's bytes; the mover computes it, since nothing here hashes.
    pub config_digest: Digest,
    /// Whether a key is derived for it and a nonce stored with each chunk.
    pub keyed: bool,
}

impl ComponentEntry {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.role as u8);
        out.put_u8(self.keyed.into());
        out.put_raw(&self.digest.0);
        out.put_raw(&self.config_digest.0);
        out.put_bytes(self.name.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_bytes(self.version.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_bytes(self.config.as_bytes(), limits::CONFIG_LENGTH_MAX);
    }

    pub(crate) fn decode(take: &mut Take<'_>) -> Result<ComponentEntry> {
        let role = Role::decode(take.u8()?)?;
        let keyed = crate::tag::decode_bool("component entry", take.u8()?)?;
        Ok(ComponentEntry {
            role,
            keyed,
            digest: Digest(take.array()?),
            config_digest: Digest(take.array()?),
            name: take.text(limits::NAME_LENGTH_MAX)?,
            version: take.text(limits::NAME_LENGTH_MAX)?,
            config: take.text(limits::CONFIG_LENGTH_MAX)?,
        })
    }
}

/// The body of a component frame; its payload is the `.wasm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// BLAKE3 of the payload.
    pub digest: Digest,
    /// The component's name.
    pub name: String,
    /// The component's version.
    pub version: String,
}

impl Component {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_raw(&self.digest.0);
        out.put_bytes(self.name.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_bytes(self.version.as_bytes(), limits::NAME_LENGTH_MAX);
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<Component> {
        let mut take = Take::new("component", body);
        let component = Component {
            digest: Digest(take.array()?),
            name: take.text(limits::NAME_LENGTH_MAX)?,
            version: take.text(limits::NAME_LENGTH_MAX)?,
        };
        take.end()?;
        Ok(component)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_flags_are_known() {
        let entry = ComponentEntry {
            role: Role::Snoop,
            name: "n".to_owned(),
            version: String::new(),
            digest: Digest([1; 32]),
            config: "{}".to_owned(),
            config_digest: Digest([2; 32]),
            keyed: false,
        };
        let mut bytes = Vec::new();
        entry.encode(&mut bytes);
        let decode = |at: usize, value| {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            ComponentEntry::decode(&mut Take::new("component entry", &bytes))
        };
        assert_eq!(decode(0, 2), Ok(entry));
        assert_eq!(decode(0, 0), Err(Error::Unknown { what: "role", value: 0 }));
        assert_eq!(decode(0, 5), Err(Error::Unknown { what: "role", value: 5 }));
        assert!(matches!(decode(1, 2), Err(Error::Invalid { .. })));
        assert!(matches!(decode(67, 5), Err(Error::Limit { .. })));
    }
}

//! Volume label and footer: what a volume is, before and after everything on it. SPEC 4.1.

use crate::error::Result;
use crate::id::{StoreId, Timestamp};
use crate::limits;
use crate::wire::{Put, Take};

/// The first frame of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeLabel {
    /// The store that the volume belongs to.
    pub store: StoreId,
    /// The volume's number in its store, from 1.
    pub volume: u32,
    /// When it was labelled.
    pub created: Timestamp,
    /// The pool that it belongs to.
    pub pool: String,
    /// A name for people: a barcode, or what is written on the case; may be empty.
    pub name: String,
}

impl VolumeLabel {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_raw(&self.store.0);
        out.put_u32(self.volume);
        self.created.encode(out);
        out.put_bytes(self.pool.as_bytes(), limits::NAME_LENGTH_MAX);
        out.put_bytes(self.name.as_bytes(), limits::NAME_LENGTH_MAX);
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<VolumeLabel> {
        let mut take = Take::new("volume label", body);
        let label = VolumeLabel {
            store: StoreId(take.array()?),
            volume: take.u32()?,
            created: Timestamp::decode(&mut take)?,
            pool: take.text(limits::NAME_LENGTH_MAX)?,
            name: take.text(limits::NAME_LENGTH_MAX)?,
        };
        if label.volume == 0 {
            return Err(take.invalid("volumes are numbered from 1"));
        }
        take.end()?;
        Ok(label)
    }
}

/// The last frame of a volume that was closed; a missing one is normal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeFooter {
    /// The store that the volume belongs to.
    pub store: StoreId,
    /// The volume's number.
    pub volume: u32,
    /// The volume that goes on after this one; 0 where none does.
    pub next_volume: u32,
    /// Chunks on the volume.
    pub chunk_count: u64,
}

impl VolumeFooter {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_raw(&self.store.0);
        out.put_u32(self.volume);
        out.put_u32(self.next_volume);
        out.put_u64(self.chunk_count);
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<VolumeFooter> {
        let mut take = Take::new("volume footer", body);
        let footer = VolumeFooter {
            store: StoreId(take.array()?),
            volume: take.u32()?,
            next_volume: take.u32()?,
            chunk_count: take.u64()?,
        };
        take.end()?;
        Ok(footer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn label() -> VolumeLabel {
        let (pool, name) = ("main".to_owned(), String::new());
        VolumeLabel {
            store: StoreId([1; 16]),
            volume: 7,
            created: Timestamp::default(),
            pool,
            name,
        }
    }

    #[test]
    fn a_label_numbers_its_volume_from_1() {
        let mut bytes = Vec::new();
        label().encode(&mut bytes);
        assert_eq!(VolumeLabel::decode(&bytes), Ok(label()));
        bytes[16] = 0;
        let rule = "volumes are numbered from 1";
        let error = Error::Invalid { what: "volume label", rule };
        assert_eq!(VolumeLabel::decode(&bytes), Err(error));
    }

    #[test]
    fn a_footer_is_32_bytes() {
        let store = StoreId([1; 16]);
        let footer = VolumeFooter { store, volume: 7, next_volume: 0, chunk_count: 9 };
        let mut bytes = Vec::new();
        footer.encode(&mut bytes);
        assert_eq!(bytes.len(), 32);
        assert_eq!(VolumeFooter::decode(&bytes), Ok(footer));
        assert!(matches!(VolumeFooter::decode(&bytes[..31]), Err(Error::Truncated { .. })));
    }
}

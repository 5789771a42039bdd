//! Reads a volume from one end to the other, and says what is wrong with it.

use super::open::Store;
use super::record::{Fault, FaultKind, VolumeRecord};
use crate::media::{Payloads, Scan, Scanned};
use crate::{ErrorKind, Result};

impl Store {
    /// Reads all of a volume that the catalog knows, and gives what is damaged in it.
    pub fn check_volume(&self, volume: &VolumeRecord) -> Result<Vec<Fault>> {
        let mut scan = Scan::new(self.reader(volume.number)?, 0, Payloads::Check)?;
        let (mut faults, mut at) = (Vec::new(), 0);
        loop {
            let (offset, length) = match scan.next() {
                Ok(None) => return Ok(faults),
                Ok(Some(Scanned::Frame { offset, frame })) => {
                    at = offset + frame.prefix.frame_length();
                    continue;
                }
                Ok(Some(Scanned::Damage { offset, length } | Scanned::Torn { offset, length })) => {
                    at = offset + length;
                    (offset, length)
                }
                Err(error) if error.kind() == ErrorKind::Io => {
                    faults.extend(self.unreadable(volume, at)?);
                    return Ok(faults);
                }
                Err(error) => return Err(error),
            };
            // Behind what is indexed a writer may be at work.
            if offset < volume.indexed_length {
                let kind = FaultKind::Damaged;
                faults.push(Fault { volume: volume.number, offset, length, kind });
            }
        }
    }

    /// Asks for each chunk behind a place at which the medium failed: one bad sector must not hide
    /// what is behind it. Where the sector is in no chunk, what lies before the next one is named.
    fn unreadable(&self, volume: &VolumeRecord, from: u64) -> Result<Vec<Fault>> {
        let fault = |offset, length| Fault {
            volume: volume.number,
            offset,
            length,
            kind: FaultKind::Unreadable,
        };
        let mut places = self.volume_chunks(volume.number)?;
        places.retain(|place| place.offset >= from);
        let behind = places.first().map_or(volume.indexed_length, |place| place.offset);
        let mut faults = Vec::new();
        if behind > from {
            faults.push(fault(from, behind - from));
        }
        for place in places {
            if self.verify_copy(&place).is_err() {
                faults.push(fault(place.offset, place.length + place.footer_length));
            }
        }
        Ok(faults)
    }
}

//! Reads a volume from one end to the other, and says what is wrong with it.

use super::open::Store;
use super::record::{Fault, FaultKind, VolumeRecord};
use crate::Result;
use crate::media::{Payloads, Scan, Scanned};

impl Store {
    /// Reads all of a volume that the catalog knows, and gives what is damaged in it. One bad
    /// sector of a disk does not hide what lies behind it.
    pub fn check_volume(&self, volume: &VolumeRecord) -> Result<Vec<Fault>> {
        let mut scan = Scan::new(self.reader(volume.number)?, 0, Payloads::Check)?;
        if self.shelf.is_at_hand(volume.number) {
            scan = scan.over_bad_sectors();
        }
        let mut faults = Vec::new();
        while let Some(step) = scan.next()? {
            let (offset, length, unreadable) = match step {
                Scanned::Frame { .. } => continue,
                Scanned::Damage { offset, length, unreadable }
                | Scanned::Torn { offset, length, unreadable } => (offset, length, unreadable),
            };
            // Behind what is indexed a writer may be at work.
            if offset < volume.indexed_length {
                let kind = if unreadable { FaultKind::Unreadable } else { FaultKind::Damaged };
                faults.push(Fault { volume: volume.number, offset, length, kind });
            }
        }
        Ok(faults)
    }
}

//! What the labels of a store's volumes say.

use std::collections::BTreeMap;

use format::{FrameKind, Prefix, StoreId, VolumeLabel};

use super::record::{Fault, FaultKind};
use super::shelf::Shelf;
use crate::media::VolumeReader;
use crate::{Error, ErrorKind, Result};

/// A volume's label, as a frame.
pub(super) fn label(reader: &VolumeReader) -> Result<VolumeLabel> {
    let frame = reader.first_frame(FrameKind::VolumeLabel)?;
    VolumeLabel::decode(frame.body()).map_err(|cause| reader.unreadable(0, cause))
}

/// The store that the labels name, and the labels that cannot be read.
///
/// One label of a newer format or of another store refuses them all; damage is told only where
/// no label is left.
pub(super) fn identify(
    shelf: &Shelf,
    lengths: &BTreeMap<u32, u64>,
) -> Result<(StoreId, Vec<Fault>)> {
    // What has to be fetched is looked at when it is, unless nothing else is left.
    let at_hand = |(number, length): &(&u32, &u64)| **length > 0 && shelf.is_at_hand(**number);
    let is_home = lengths.iter().any(|volume| at_hand(&volume));
    let mut found: Option<StoreId> = None;
    let mut faults = Vec::new();
    let mut damage = None;
    for (number, length) in lengths {
        // An empty one was being made when the power failed.
        if *length == 0 || (is_home && !shelf.is_at_hand(*number)) {
            continue;
        }
        let reader = shelf.reader(*number)?;
        match label(&reader) {
            Ok(label) if label.volume != *number || found.is_some_and(|id| id != label.store) => {
                let path = reader.path().display();
                let message = format!("{path} is volume {} of store {}", label.volume, label.store);
                return Err(Error::new(ErrorKind::Refused, message)
                    .way_out("move the file to where it belongs"));
            }
            Ok(label) => found = Some(label.store),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Damaged | ErrorKind::Missing | ErrorKind::Io
                ) =>
            {
                let length = (*length).min(Prefix::LEN as u64);
                let kind = match error.kind() {
                    ErrorKind::Io => FaultKind::Unreadable,
                    _ => FaultKind::Damaged,
                };
                faults.push(Fault { volume: *number, offset: 0, length, kind });
                damage = damage.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    match (found, damage) {
        (Some(id), _) => Ok((id, faults)),
        (None, Some(damage)) => {
            Err(Error::new(ErrorKind::Damaged, "no volume has a readable label")
                .because(damage)
                .way_out("copy a volume of this store from elsewhere into its folder"))
        }
        (None, None) => Err(Error::new(ErrorKind::Damaged, "the store has no labelled volume")
            .way_out("if its making was cut off, remove the folder and run `mover init` again")),
    }
}

//! What the first record of a cartridge says.

use format::{Frame, VolumeLabel};

use super::drive::LoadedDrive;
use crate::media::volume_file;
use crate::{Error, ErrorKind, Result};

/// What is on a cartridge.
pub(super) enum Content {
    Blank,
    Volume(VolumeLabel),
    Foreign,
}

impl Content {
    /// Asks the cartridge.
    pub(super) fn read(loaded: &mut LoadedDrive) -> Result<Content> {
        let Some(record) = loaded.first_record()? else { return Ok(Content::Blank) };
        let label = Frame::decode(&record).and_then(|(frame, _)| VolumeLabel::decode(frame.body));
        Ok(label.map_or(Content::Foreign, Content::Volume))
    }
}

/// For people.
impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Content::Blank => f.write_str("it is blank"),
            Content::Volume(VolumeLabel { store, volume, pool, .. }) => {
                write!(f, "it holds volume {volume} of pool {pool} of store {store}")
            }
            Content::Foreign => f.write_str("it holds something that is none of ours"),
        }
    }
}

/// The wrong cartridge in the drive is found before anything is written or believed.
pub(super) fn check_label(loaded: &mut LoadedDrive, name: &str) -> Result<()> {
    let barcode = loaded.barcode.clone();
    let found = match Content::read(loaded)? {
        Content::Volume(label) if volume_file(label.volume) == name => return Ok(()),
        found => found,
    };
    let message = format!("cartridge {barcode} should hold {name}, but {found}");
    Err(Error::new(ErrorKind::Refused, message)
        .way_out("put the right cartridge in, or look for it with `mover media scan`"))
}

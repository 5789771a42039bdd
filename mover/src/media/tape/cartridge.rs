//! What a pool remembers of its cartridges: it cannot look at each of them whenever it is asked.

use serde::{Deserialize, Serialize};

use crate::media::remembered::Remembered;

/// A cartridge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cartridge {
    /// The file name of the volume that is on it; none while it is blank.
    pub volume: Option<String>,
    /// Records that were synced.
    pub records: u64,
    /// How often it was put into a drive.
    pub loads: u64,
    /// How often it was labelled: a tape wears.
    pub labels: u64,
    /// Why it is not written.
    pub problem: Option<String>,
}

/// All cartridges of a pool, by barcode.
pub(super) type Cartridges = Remembered<Cartridge>;

/// The barcode of the cartridge with a volume.
pub(super) fn with_volume<'a>(cartridges: &'a Cartridges, volume: &str) -> Option<&'a str> {
    let has = |(_, it): &(&String, &Cartridge)| it.volume.as_deref() == Some(volume);
    cartridges.known.iter().find(has).map(|(barcode, _)| barcode.as_str())
}

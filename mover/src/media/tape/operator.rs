//! Drives without a robot: a person is asked for cartridges, by their names.

use std::collections::BTreeMap;
use std::fmt;

use super::device::TapeDevice;
use super::loader::Loader;
use crate::Result;
use crate::media::scsi::TapeDrive;

/// Asks whoever is there, and comes back when it is done.
pub type Ask = Box<dyn FnMut(&str) -> Result<()> + Send>;

/// Drives that a person serves.
pub struct OperatorLoader {
    drives: Vec<String>,
    /// The names that are written on the cartridges.
    cartridges: Vec<String>,
    ask: Ask,
    loaded: BTreeMap<String, usize>,
}

impl OperatorLoader {
    /// `drives` are addresses; `cartridges` those that there are. No drive is spoken to yet.
    pub fn new(drives: Vec<String>, cartridges: Vec<String>, ask: Ask) -> OperatorLoader {
        OperatorLoader { drives, cartridges, ask, loaded: BTreeMap::new() }
    }
}

impl fmt::Debug for OperatorLoader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OperatorLoader").field(&self.drives).finish()
    }
}

impl Loader for OperatorLoader {
    fn drive_count(&self) -> usize {
        self.drives.len().max(1)
    }

    fn inventory(&mut self) -> Result<BTreeMap<String, Option<usize>>> {
        let place = |barcode: &String| (barcode.clone(), self.loaded.get(barcode).copied());
        Ok(self.cartridges.iter().map(place).collect())
    }

    fn load(&mut self, barcode: &str, drive: usize) -> Result<Box<dyn TapeDevice>> {
        let address = &self.drives[drive];
        (self.ask)(&format!("put cartridge {barcode} into drive {address}"))?;
        let opened = TapeDrive::open(address)?;
        self.loaded.insert(barcode.to_owned(), drive);
        Ok(Box::new(opened))
    }

    fn unload(&mut self, barcode: &str, drive: usize) -> Result<()> {
        self.loaded.remove(barcode);
        TapeDrive::open(&self.drives[drive])?.unload()
    }

    /// A drive without a robot puts out what is unloaded.
    fn eject(&mut self, _barcode: &str) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::media::scsi::Changer;
    use crate::media::scsi::tests::kit::{FIRST_DRIVE, FIRST_SLOT, Tgt};

    #[test]
    fn a_person_is_asked_for_the_cartridge_by_its_name() {
        let tgt = Tgt::library(2, 16);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (told, changer) = (Arc::clone(&asked), tgt.address(3));
        // The person is a robot here.
        let ask: Ask = Box::new(move |text| {
            told.lock().unwrap().push(text.to_owned());
            Changer::open(&changer)?.move_medium(FIRST_SLOT, FIRST_DRIVE)
        });
        let barcode = Tgt::barcode(1);
        let mut loader = OperatorLoader::new(vec![tgt.address(1)], vec![barcode.clone()], ask);
        let mut drive = loader.load(&barcode, 0).unwrap();
        drive.write(&[7; 512]).unwrap();
        drop(drive);
        assert_eq!(loader.inventory().unwrap()[&barcode], Some(0));
        loader.unload(&barcode, 0).unwrap();
        let asked = asked.lock().unwrap();
        assert!(asked[0].contains(&barcode) && asked[0].contains("iscsi://"), "{asked:?}");
    }
}

//! Drives without a robot: a person is asked for media, by their names.

use std::collections::BTreeMap;
use std::fmt;

use super::{DriveKind, Library};
use crate::Result;

/// Asks whoever is there, and comes back when it is done.
pub type Ask = Box<dyn FnMut(&str) -> Result<()> + Send>;

/// Drives that a person serves.
pub struct Operator {
    drives: Vec<String>,
    /// What is written on the media.
    names: Vec<String>,
    kind: DriveKind,
    ask: Ask,
    loaded: BTreeMap<String, usize>,
}

impl Operator {
    /// `drives` are addresses; `names` those of the media that there are. No drive is spoken to yet.
    pub fn new(drives: Vec<String>, names: Vec<String>, kind: DriveKind, ask: Ask) -> Operator {
        Operator { drives, names, kind, ask, loaded: BTreeMap::new() }
    }
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Operator").field(&self.drives).finish()
    }
}

impl Library for Operator {
    fn drives(&self) -> &[String] {
        &self.drives
    }

    fn is_unattended(&self) -> bool {
        false
    }

    fn inventory(&mut self) -> Result<BTreeMap<String, Option<usize>>> {
        let place = |name: &String| (name.clone(), self.loaded.get(name).copied());
        Ok(self.names.iter().map(place).collect())
    }

    fn load(&mut self, name: &str, drive: usize) -> Result<()> {
        let (medium, address) = (self.kind.medium(), &self.drives[drive]);
        (self.ask)(&format!("put {medium} {name} into drive {address}"))?;
        self.loaded.insert(name.to_owned(), drive);
        Ok(())
    }

    fn unload(&mut self, name: &str, drive: usize) -> Result<()> {
        self.loaded.remove(name);
        self.kind.let_go(&self.drives[drive])
    }

    /// A drive without a robot puts out what is unloaded.
    fn eject(&mut self, _name: &str) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::media::scsi::tests::kit::{FIRST_DRIVE, FIRST_SLOT, Tgt};
    use crate::media::scsi::{Changer, TapeDrive};

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
        let (barcode, address) = (Tgt::barcode(1), tgt.address(1));
        let (drives, names) = (vec![address.clone()], vec![barcode.clone()]);
        let mut library = Operator::new(drives, names, DriveKind::Tape, ask);
        library.load(&barcode, 0).unwrap();
        let mut drive = TapeDrive::open(&address).unwrap();
        crate::media::tape::TapeDevice::write(&mut drive, &[7; 512]).unwrap();
        drop(drive);
        assert_eq!(library.inventory().unwrap()[&barcode], Some(0));
        library.unload(&barcode, 0).unwrap();
        let asked = asked.lock().unwrap();
        let wanted = format!("put cartridge {barcode} into drive {address}");
        assert_eq!(*asked, [wanted]);
    }
}

//! Cartridges that a robot or a person puts into drives, which take SSC commands.

use std::collections::BTreeMap;

use super::device::TapeDevice;
use super::loader::Loader;
use crate::Result;
use crate::media::library::Library;
use crate::media::scsi::TapeDrive;

/// Real drives.
#[derive(Debug)]
pub struct LibraryLoader {
    library: Box<dyn Library>,
}

impl LibraryLoader {
    /// No device is spoken to yet.
    pub fn new(library: Box<dyn Library>) -> LibraryLoader {
        LibraryLoader { library }
    }
}

impl Loader for LibraryLoader {
    fn drive_count(&self) -> usize {
        self.library.drives().len().max(1)
    }

    fn inventory(&mut self) -> Result<BTreeMap<String, Option<usize>>> {
        self.library.inventory()
    }

    fn load(&mut self, barcode: &str, drive: usize) -> Result<Box<dyn TapeDevice>> {
        self.library.load(barcode, drive)?;
        Ok(Box::new(TapeDrive::open(&self.library.drives()[drive])?))
    }

    fn unload(&mut self, barcode: &str, drive: usize) -> Result<()> {
        self.library.unload(barcode, drive)
    }

    fn eject(&mut self, barcode: &str) -> Result<()> {
        self.library.eject(barcode)
    }
}

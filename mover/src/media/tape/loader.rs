//! Who puts cartridges into drives: a robot, a folder that stands for a library, a person.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::device::TapeDevice;
use super::simh::SimhTape;
use crate::{Error, ErrorKind, Result};

/// A library: its drives, its cartridges, and what moves them.
pub trait Loader: fmt::Debug + Send {
    /// How many drives there are; at least one.
    fn drive_count(&self) -> usize;
    /// The barcodes of all cartridges that are at hand, and the drive that each is in, if any.
    fn inventory(&mut self) -> Result<BTreeMap<String, Option<usize>>>;
    /// Puts a cartridge into a drive, which is empty. Gives the drive, with the tape at its
    /// beginning.
    fn load(&mut self, barcode: &str, drive: usize) -> Result<Box<dyn TapeDevice>>;
    /// Takes the cartridge out of a drive, and puts it where it belongs.
    fn unload(&mut self, barcode: &str, drive: usize) -> Result<()>;
    /// Puts a cartridge that is in no drive where a person can take it.
    fn eject(&mut self, barcode: &str) -> Result<()>;
}

/// Cartridges that are files of a folder: `BARCODE.tap`.
#[derive(Debug)]
pub struct FolderLoader {
    folder: PathBuf,
    /// Those that are there from the beginning, blank until they are written.
    cartridges: Vec<String>,
    capacity: u64,
    drive_count: usize,
    loaded: BTreeMap<String, usize>,
}

impl FolderLoader {
    /// `cartridges` are there from the beginning; others may be put into the folder. `capacity` is
    /// in bytes, for each of them.
    pub fn new(
        folder: impl Into<PathBuf>,
        cartridges: Vec<String>,
        capacity: u64,
        drive_count: usize,
    ) -> FolderLoader {
        let (folder, loaded) = (folder.into(), BTreeMap::new());
        FolderLoader { folder, cartridges, capacity, drive_count, loaded }
    }
}

impl Loader for FolderLoader {
    fn drive_count(&self) -> usize {
        self.drive_count.max(1)
    }

    fn inventory(&mut self) -> Result<BTreeMap<String, Option<usize>>> {
        let mut barcodes = self.cartridges.clone();
        match std::fs::read_dir(&self.folder) {
            Ok(entries) => {
                for entry in entries {
                    let entry =
                        entry.map_err(|cause| Error::io("reading folder", &self.folder, cause))?;
                    let name = entry.file_name().into_string().unwrap_or_default();
                    barcodes.extend(name.strip_suffix(".tap").map(str::to_owned));
                }
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::io("reading folder", &self.folder, cause)),
        }
        let place = |barcode: String| {
            let drive = self.loaded.get(&barcode).copied();
            (barcode, drive)
        };
        Ok(barcodes.into_iter().map(place).collect())
    }

    fn load(&mut self, barcode: &str, drive: usize) -> Result<Box<dyn TapeDevice>> {
        let failed = |cause| Error::io("making the folder of cartridges", &self.folder, cause);
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let path = self.folder.join(format!("{barcode}.tap"));
        if !self.cartridges.iter().any(|known| known == barcode) && !path.exists() {
            let message = format!("no cartridge {barcode} in {}", self.folder.display());
            return Err(Error::new(ErrorKind::Missing, message)
                .way_out(format!("put {barcode}.tap back, or restore from another copy")));
        }
        // A fiftieth, and never less than what may be under way, and what closes a volume.
        let reserve = (self.capacity / 50).clamp(8 << 20, 64 << 20).min(self.capacity / 2);
        let tape = SimhTape::open(path, self.capacity, reserve)?;
        self.loaded.insert(barcode.to_owned(), drive);
        Ok(Box::new(tape))
    }

    fn unload(&mut self, barcode: &str, _drive: usize) -> Result<()> {
        self.loaded.remove(barcode);
        Ok(())
    }

    fn eject(&mut self, barcode: &str) -> Result<()> {
        let message = format!("the folder {} has no door", self.folder.display());
        Err(Error::new(ErrorKind::Unsupported, message)
            .way_out(format!("move {barcode}.tap away with `mv`, and back when it is needed")))
    }
}

//! A real library: a robot that moves cartridges by SMC commands, and drives that take SSC ones.

use std::collections::BTreeMap;

use super::device::TapeDevice;
use super::loader::Loader;
use crate::media::scsi::{Changer, Inventory, TapeDrive};
use crate::{Error, ErrorKind, Result};

/// A library with a robot.
#[derive(Debug)]
pub struct ChangerLoader {
    /// Where the changer is, as `iscsi://HOST:PORT/IQN/LUN` or a device node.
    library: String,
    /// Where the drives are, in the order of the library's drive elements.
    drives: Vec<String>,
    /// Opened when it is first needed.
    changer: Option<Changer>,
}

impl ChangerLoader {
    /// No device is spoken to yet.
    pub fn new(library: impl Into<String>, drives: Vec<String>) -> ChangerLoader {
        ChangerLoader { library: library.into(), drives, changer: None }
    }

    /// Does something with the changer; one that fails is opened anew the next time.
    fn with<T>(&mut self, what: impl FnOnce(&mut Changer) -> Result<T>) -> Result<T> {
        let mut changer = match self.changer.take() {
            Some(changer) => changer,
            None => Changer::open(&self.library)?,
        };
        let done = what(&mut changer);
        if done.as_ref().err().is_none_or(|error| error.kind() != ErrorKind::Io) {
            self.changer = Some(changer);
        }
        done
    }

    fn missing(&self, barcode: &str) -> Error {
        let message = format!("cartridge {barcode} is not in library {}", self.library);
        Error::new(ErrorKind::Missing, message)
            .way_out(format!("put {barcode} into the library, and run the command again"))
    }

    fn element(&self, inventory: &Inventory, drive: usize) -> Result<u16> {
        inventory.drives.get(drive).map(|element| element.address).ok_or_else(|| {
            let (library, count) = (&self.library, inventory.drives.len());
            let message =
                format!("library {library} has {count} drives, and none for number {drive}");
            Error::new(ErrorKind::Usage, message)
                .way_out("name as many drives in the policy file as the library has, in its order")
        })
    }
}

impl Loader for ChangerLoader {
    fn drive_count(&self) -> usize {
        self.drives.len().max(1)
    }

    fn inventory(&mut self) -> Result<BTreeMap<String, Option<usize>>> {
        let inventory = self.with(Changer::inventory)?;
        let mut places = BTreeMap::new();
        for element in inventory.slots.iter().chain(&inventory.portals) {
            places.extend(element.barcode.clone().filter(|_| element.full).map(|it| (it, None)));
        }
        for (drive, element) in inventory.drives.iter().enumerate() {
            let barcode = element.barcode.clone().filter(|_| element.full);
            places.extend(barcode.map(|it| (it, Some(drive))));
        }
        Ok(places)
    }

    fn load(&mut self, barcode: &str, drive: usize) -> Result<Box<dyn TapeDevice>> {
        let inventory = self.with(Changer::inventory)?;
        let to = self.element(&inventory, drive)?;
        let address = self.drives.get(drive).cloned().unwrap_or_default();
        let in_drive = inventory.drives.iter().find(|element| element.address == to);
        let held = in_drive.filter(|element| element.full).and_then(|it| it.barcode.clone());
        if held.as_deref() != Some(barcode) {
            if let Some(held) = held {
                // What another program or a kill left in the drive goes back first.
                TapeDrive::open(&address)?.unload()?;
                self.unload_from(&inventory, &held, to)?;
            }
            let missing = || self.missing(barcode);
            let from = inventory.find(barcode).ok_or_else(missing)?.address;
            self.with(|changer| changer.move_medium(from, to))?;
        }
        Ok(Box::new(TapeDrive::open(&address)?))
    }

    fn unload(&mut self, barcode: &str, drive: usize) -> Result<()> {
        let inventory = self.with(Changer::inventory)?;
        let from = self.element(&inventory, drive)?;
        if let Some(address) = self.drives.get(drive) {
            TapeDrive::open(address)?.unload()?;
        }
        self.unload_from(&inventory, barcode, from)
    }

    fn eject(&mut self, barcode: &str) -> Result<()> {
        let inventory = self.with(Changer::inventory)?;
        let missing = || self.missing(barcode);
        let from = inventory.find(barcode).ok_or_else(missing)?.address;
        if inventory.portals.iter().any(|portal| portal.address == from) {
            return Ok(());
        }
        let free = inventory.portals.iter().find(|portal| !portal.full);
        let to = free.map(|portal| portal.address).ok_or_else(|| {
            let message = format!("the door of library {} has no free place", self.library);
            Error::new(ErrorKind::Full, message).way_out(match inventory.portals.is_empty() {
                true => "this library has none: take the cartridge out of its slot by hand",
                false => "take out what is there, and run the command again",
            })
        })?;
        self.with(|changer| changer.move_medium(from, to))
    }
}

impl ChangerLoader {
    /// Back to where it came from, or to any slot that is free.
    fn unload_from(&mut self, inventory: &Inventory, barcode: &str, from: u16) -> Result<()> {
        let element = inventory.drives.iter().find(|element| element.address == from);
        let source = element.and_then(|element| element.source).filter(|source| {
            inventory.slots.iter().any(|slot| slot.address == *source && !slot.full)
        });
        let empty = || inventory.slots.iter().find(|slot| !slot.full).map(|slot| slot.address);
        let to = source.or_else(empty).ok_or_else(|| {
            let message = format!("library {} has no free slot for {barcode}", self.library);
            Error::new(ErrorKind::Full, message).way_out("take a cartridge out of the library")
        })?;
        self.with(|changer| changer.move_medium(from, to))
    }
}

//! A real library: a robot that moves media by SMC commands.

use std::collections::BTreeMap;

use super::{DriveKind, Library};
use crate::media::scsi::{Changer, Inventory};
use crate::{Error, ErrorKind, Result};

/// A library with a robot.
#[derive(Debug)]
pub struct Robot {
    /// Where the changer is, as `iscsi://HOST:PORT/IQN/LUN` or a device node.
    library: String,
    /// Where the drives are, in the order of the library's drive elements.
    drives: Vec<String>,
    kind: DriveKind,
    /// Opened when it is first needed.
    changer: Option<Changer>,
}

impl Robot {
    /// No device is spoken to yet.
    pub fn new(library: impl Into<String>, drives: Vec<String>, kind: DriveKind) -> Robot {
        Robot { library: library.into(), drives, kind, changer: None }
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

    fn element(&self, inventory: &Inventory, drive: usize) -> Result<u16> {
        inventory.drives.get(drive).map(|element| element.address).ok_or_else(|| {
            let (library, count) = (&self.library, inventory.drives.len());
            let message =
                format!("library {library} has {count} drives, and none for number {drive}");
            Error::new(ErrorKind::Usage, message)
                .way_out("name as many drives in the policy file as the library has, in its order")
        })
    }

    /// The address of where a medium is.
    fn place(&self, inventory: &Inventory, name: &str) -> Result<u16> {
        inventory.find(name).map(|element| element.address).ok_or_else(|| {
            let (medium, library) = (self.kind.medium(), &self.library);
            let message = format!("{medium} {name} is not in library {library}");
            Error::new(ErrorKind::Missing, message)
                .way_out(format!("put {name} into the library, and run the command again"))
        })
    }

    /// Back to where it came from, or to any slot that is free.
    fn put_back(&mut self, inventory: &Inventory, name: &str, from: u16) -> Result<()> {
        let element = inventory.drives.iter().find(|element| element.address == from);
        let source = element.and_then(|element| element.source).filter(|source| {
            inventory.slots.iter().any(|slot| slot.address == *source && !slot.full)
        });
        let empty = || inventory.slots.iter().find(|slot| !slot.full).map(|slot| slot.address);
        let to = source.or_else(empty).ok_or_else(|| {
            let message = format!("library {} has no free slot for {name}", self.library);
            let way_out = format!("take a {} out of the library", self.kind.medium());
            Error::new(ErrorKind::Full, message).way_out(way_out)
        })?;
        self.with(|changer| changer.move_medium(from, to))
    }
}

impl Library for Robot {
    fn drives(&self) -> &[String] {
        &self.drives
    }

    fn is_unattended(&self) -> bool {
        true
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

    fn load(&mut self, name: &str, drive: usize) -> Result<()> {
        let inventory = self.with(Changer::inventory)?;
        let to = self.element(&inventory, drive)?;
        let in_drive = inventory.drives.iter().find(|element| element.address == to);
        let held = in_drive.filter(|element| element.full).and_then(|it| it.barcode.clone());
        if held.as_deref() == Some(name) {
            return Ok(());
        }
        let from = self.place(&inventory, name)?;
        if let Some(held) = held {
            self.kind.let_go(&self.drives[drive])?;
            self.put_back(&inventory, &held, to)?;
        }
        self.with(|changer| changer.move_medium(from, to))
    }

    fn unload(&mut self, name: &str, drive: usize) -> Result<()> {
        let inventory = self.with(Changer::inventory)?;
        let from = self.element(&inventory, drive)?;
        self.kind.let_go(&self.drives[drive])?;
        self.put_back(&inventory, name, from)
    }

    fn eject(&mut self, name: &str) -> Result<()> {
        let inventory = self.with(Changer::inventory)?;
        let from = self.place(&inventory, name)?;
        if inventory.portals.iter().any(|portal| portal.address == from) {
            return Ok(());
        }
        let free = inventory.portals.iter().find(|portal| !portal.full);
        let to = free.map(|portal| portal.address).ok_or_else(|| {
            let message = format!("the door of library {} has no free place", self.library);
            Error::new(ErrorKind::Full, message).way_out(match inventory.portals.is_empty() {
                true => "this library has none: take it out of its slot by hand",
                false => "take out what is there, and run the command again",
            })
        })?;
        self.with(|changer| changer.move_medium(from, to))
    }
}

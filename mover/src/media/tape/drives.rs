//! The drives of a pool, and what is in them: a drive is used by one thread at a time, and several
//! drives run at once.
//!
//! Whoever moves cartridges holds the library, and waits for the drive that it takes one from.
//! Whoever uses a drive holds that drive alone, so that the others stream while a robot works.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::cartridge::{Cartridges, with_volume};
use super::drive::LoadedDrive;
use super::label::check_label;
use super::loader::Loader;
use super::storage::TapeConfig;
use crate::media::library;
use crate::{Error, ErrorKind, Result};

/// Counts the uses of all drives: the one that was not used for longest gives its cartridge away.
static USES: AtomicU64 = AtomicU64::new(0);

/// A drive, with a cartridge or without.
#[derive(Default)]
pub(super) struct Drive {
    loaded: Mutex<Option<LoadedDrive>>,
    used: AtomicU64,
}

impl Drive {
    /// Waits until nobody else uses it.
    pub(super) fn take(&self) -> MutexGuard<'_, Option<LoadedDrive>> {
        self.used.store(USES.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.loaded.lock().expect("no holder panics")
    }
}

/// Where a drive stands in the library.
#[derive(Default)]
struct Bay {
    drive: Arc<Drive>,
    /// The barcode of the cartridge in it.
    holds: Option<String>,
    /// Why it is left alone: it failed.
    failed: Option<String>,
    /// The barcode of a cartridge that it does not give back.
    stuck: Option<String>,
}

/// What is in the drives, and what is known of the cartridges.
pub(super) struct Drives {
    config: Arc<TapeConfig>,
    pub(super) loader: Box<dyn Loader>,
    pub(super) cartridges: Cartridges,
    bays: Vec<Bay>,
    /// Held while cartridges are in drives: two that move one tape would write where it is not.
    held: Option<File>,
    /// Passes over cartridges that were taken out of their drive since.
    passes: BTreeMap<String, u64>,
}

impl Drives {
    pub(super) fn new(config: Arc<TapeConfig>, loader: Box<dyn Loader>) -> Result<Drives> {
        let cartridges = Cartridges::open(&config.state)?;
        let bays = (0..loader.drive_count()).map(|_| Bay::default()).collect();
        Ok(Drives { config, loader, cartridges, bays, held: None, passes: BTreeMap::new() })
    }

    /// The drives that failed, each with the reason; they are left alone.
    pub(super) fn failed_drives(&self) -> Vec<(usize, String)> {
        let failed = |(place, bay): (usize, &Bay)| Some((place, bay.failed.clone()?));
        self.bays.iter().enumerate().filter_map(failed).collect()
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// Keeps all others from the drives for as long as this pool, or this process, lives.
    pub(super) fn hold(&mut self) -> Result<()> {
        if self.held.is_some() {
            return Ok(());
        }
        let lock = self.config.state.with_extension("lock");
        self.held = Some(library::hold(&lock, &self.config.pool)?);
        // Whoever had them may have written since this pool was opened.
        self.cartridges.refresh()
    }

    /// The barcode of the cartridge with a volume.
    pub(super) fn barcode(&self, name: &str) -> Result<String> {
        with_volume(&self.cartridges, name).map(str::to_owned).ok_or_else(|| {
            let message = format!("pool {} has no cartridge with {name}", self.config.pool);
            Error::new(ErrorKind::Missing, message)
        })
    }

    /// The drive with the cartridge of a volume, which is what it should be.
    pub(super) fn fetch_volume(&mut self, name: &str) -> Result<(Arc<Drive>, String)> {
        self.hold()?;
        let barcode = self.barcode(name)?;
        let fresh = !self.bays.iter().any(|bay| bay.holds.as_ref() == Some(&barcode));
        let drive = self.fetch(&barcode)?;
        if fresh && self.cartridges.known[&barcode].records > 0 {
            let checked = match &mut *drive.take() {
                Some(loaded) => check_label(loaded, name),
                None => Ok(()),
            };
            if let Err(error) = checked {
                // Nobody is to find it in the drive and take it for the right one.
                self.take_out(&barcode)?;
                return Err(error);
            }
        }
        Ok((drive, barcode))
    }

    /// The drive that a cartridge is in, after it was put there.
    pub(super) fn fetch(&mut self, barcode: &str) -> Result<Arc<Drive>> {
        let has = |bay: &&Bay| bay.holds.as_deref() == Some(barcode);
        if let Some(bay) = self.bays.iter().find(has) {
            return Ok(Arc::clone(&bay.drive));
        }
        if let Some(place) = self.bays.iter().position(|bay| bay.stuck.as_deref() == Some(barcode))
        {
            let message = format!("cartridge {barcode} is stuck in drive {place}, which failed");
            return Err(Error::new(ErrorKind::Missing, message)
                .way_out("take it out by hand, and see to the drive"));
        }
        let mut places: Vec<usize> = (0..self.bays.len()).collect();
        places.sort_by_key(|place| {
            let bay = &self.bays[*place];
            (bay.holds.is_some(), bay.drive.used.load(Ordering::Relaxed))
        });
        let mut failure = None;
        for place in places {
            if self.bays[place].failed.is_some() {
                continue;
            }
            let emptied = self.unload(place);
            match emptied.and_then(|()| self.loader.load(barcode, place)) {
                Ok(device) => {
                    let length = self.config.record_length as usize;
                    let bay = &mut self.bays[place];
                    *bay.drive.take() = Some(LoadedDrive::new(device, barcode, length));
                    bay.holds = Some(barcode.to_owned());
                    self.cartridges.known.entry(barcode.to_owned()).or_default().loads += 1;
                    return Ok(Arc::clone(&bay.drive));
                }
                // It is not the drive that is at fault.
                Err(error) if error.kind() == ErrorKind::Missing => return Err(error),
                Err(error) => {
                    self.bays[place].failed = Some(error.to_string());
                    failure = Some(error);
                }
            }
        }
        Err(failure.unwrap_or_else(|| {
            let reasons: Vec<String> =
                self.failed_drives().into_iter().map(|(_, why)| why).collect();
            let message = format!("pool {} has no drive that works", self.config.pool);
            Error::new(ErrorKind::Io, message)
                .way_out(format!("see to the drives: {}", reasons.join("; ")))
        }))
    }

    /// Takes a cartridge out of its drive, if it is in one.
    pub(super) fn take_out(&mut self, barcode: &str) -> Result<()> {
        let has = |bay: &Bay| bay.holds.as_deref() == Some(barcode);
        self.bays.iter().position(has).map_or(Ok(()), |place| self.unload(place))
    }

    fn unload(&mut self, place: usize) -> Result<()> {
        let Some(barcode) = self.bays[place].holds.take() else { return Ok(()) };
        if let Some(loaded) = self.bays[place].drive.take().take() {
            *self.passes.entry(barcode.clone()).or_default() += loaded.passes;
        }
        self.loader.unload(&barcode, place)
    }

    /// A drive failed while it was used: it is left alone from now on.
    pub(super) fn fail(&mut self, drive: &Arc<Drive>, error: &Error) {
        let is_it = |bay: &Bay| Arc::ptr_eq(&bay.drive, drive);
        let Some(place) = self.bays.iter().position(is_it) else { return };
        self.bays[place].failed.get_or_insert_with(|| error.to_string());
        let held = self.bays[place].holds.clone();
        if self.unload(place).is_err() {
            self.bays[place].stuck = held;
        }
    }

    /// How often a cartridge was gone through.
    pub(super) fn passes(&self, barcode: &str) -> u64 {
        let bay = self.bays.iter().find(|bay| bay.holds.as_deref() == Some(barcode));
        let now = bay.and_then(|bay| bay.drive.take().as_ref().map(|loaded| loaded.passes));
        self.passes.get(barcode).copied().unwrap_or(0) + now.unwrap_or(0)
    }
}

impl Drop for Drives {
    /// Cartridges go back to where they belong, so that others find them there.
    fn drop(&mut self) {
        for place in 0..self.bays.len() {
            let _ = self.unload(place);
        }
        if self.held.is_some() {
            let _ = self.cartridges.save();
        }
    }
}

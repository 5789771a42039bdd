//! A pool of cartridges: each holds one volume, whose bytes are its records in their order.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use globset::GlobSet;

use super::cartridge::{Cartridge, with_volume};
use super::drive::LoadedDrive;
use super::drives::Drives;
use super::file::{TapeFile, is_of_drive};
use super::label::Content;
use super::loader::Loader;
use crate::media::{AppendFile, MediumKind, MediumTraits, ReadFile, Storage, volume_file};
use crate::{Error, ErrorKind, Result};

/// How a pool of cartridges is written.
#[derive(Clone, Debug)]
pub struct TapeConfig {
    /// The pool's name, for people.
    pub pool: String,
    /// Where it is remembered what is on which cartridge.
    pub state: PathBuf,
    /// Which cartridges of the library belong to the pool.
    pub barcodes: GlobSet,
    /// Bytes of a record.
    pub record_length: u32,
}

/// A pool of cartridges.
#[derive(Clone)]
pub struct TapeStorage {
    config: Arc<TapeConfig>,
    drives: Arc<Mutex<Drives>>,
}

impl fmt::Debug for TapeStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TapeStorage").field(&self.config.pool).finish()
    }
}

/// Where a cartridge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a drive.
    Drive(usize),
    /// At hand.
    Slot,
    /// Nowhere that the library can reach.
    Shelf,
}

impl TapeStorage {
    /// Makes ready for a pool; no cartridge is moved.
    pub fn new(config: TapeConfig, loader: Box<dyn Loader>) -> Result<TapeStorage> {
        let config = Arc::new(config);
        let drives = Drives::new(Arc::clone(&config), loader)?;
        Ok(TapeStorage { config, drives: Arc::new(Mutex::new(drives)) })
    }

    /// What is known of the cartridges of the pool, with the drive that each is in; those that the
    /// library does not have at hand are on a shelf.
    pub fn cartridges(&self) -> Result<Vec<(String, Cartridge, Place)>> {
        let mut drives = self.lock();
        let inventory = drives.loader.inventory()?;
        let mut all: BTreeMap<String, (Cartridge, Place)> = inventory
            .into_iter()
            .filter(|(barcode, _)| self.config.barcodes.is_match(barcode))
            .map(|(barcode, drive)| {
                let place = drive.map_or(Place::Slot, Place::Drive);
                (barcode, (Cartridge::default(), place))
            })
            .collect();
        for (barcode, known) in &drives.cartridges.known {
            let entry = all.entry(barcode.clone());
            entry.or_insert((Cartridge::default(), Place::Shelf)).0 = known.clone();
        }
        Ok(all.into_iter().map(|(barcode, (known, place))| (barcode, known, place)).collect())
    }

    /// Lets a cartridge be written whatever is on it, which is lost then.
    pub fn take_over(&self, barcode: &str) -> Result<()> {
        let mut drives = self.lock();
        drives.hold()?;
        with_cartridge(&mut drives, barcode, |loaded| {
            loaded.device.rewind()?;
            // A filemark at its beginning: what stood behind it cannot be read any more.
            loaded.device.write_filemarks(1).map(drop)
        })?;
        drives.take_out(barcode)?;
        let known = drives.cartridges.known.entry(barcode.to_owned()).or_default();
        (known.volume, known.records, known.problem) = (None, 0, None);
        // From now on it is one of ours.
        known.labels += 1;
        drives.cartridges.save()
    }

    /// Puts a cartridge where a person can take it: behind the library's door.
    pub fn eject(&self, barcode: &str) -> Result<()> {
        let mut drives = self.lock();
        drives.hold()?;
        drives.take_out(barcode)?;
        drives.loader.eject(barcode)
    }

    /// Asks every cartridge what is on it: for when nobody remembers. Takes its time.
    pub fn scan(&self) -> Result<()> {
        let mut drives = self.lock();
        drives.hold()?;
        for barcode in drives.loader.inventory()?.into_keys() {
            if !self.config.barcodes.is_match(&barcode) {
                continue;
            }
            let asked = with_cartridge(&mut drives, &barcode, |loaded| {
                let content = Content::read(loaded)?;
                let records = match &content {
                    Content::Volume(label) if label.pool == self.config.pool => {
                        loaded.count_records()?
                    }
                    _ => 0,
                };
                Ok((content, records))
            });
            let known = drives.cartridges.known.entry(barcode).or_default();
            match asked {
                Ok((Content::Volume(label), records)) if label.pool == self.config.pool => {
                    known.volume = Some(volume_file(label.volume));
                    known.records = records;
                    known.problem = None;
                }
                Ok((Content::Blank, _)) => {
                    *known = Cartridge { loads: known.loads, ..Cartridge::default() };
                }
                Ok((other, _)) => known.problem = Some(other.to_string()),
                Err(error) => known.problem = Some(error.to_string()),
            }
        }
        drives.cartridges.save()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Drives> {
        self.drives.lock().expect("no holder panics")
    }

    pub(super) fn record_length(&self) -> u32 {
        self.config.record_length
    }

    /// So many records of a volume are durable.
    pub(super) fn remember(&self, name: &str, records: u64) -> Result<()> {
        let mut drives = self.lock();
        let barcode = drives.barcode(name)?;
        drives.cartridges.known.get_mut(&barcode).expect("it has a volume").records = records;
        Ok(())
    }
}

/// Does something with a cartridge while nobody else moves any.
fn with_cartridge<T>(
    drives: &mut Drives,
    barcode: &str,
    what: impl FnOnce(&mut LoadedDrive) -> Result<T>,
) -> Result<T> {
    let drive = drives.fetch(barcode)?;
    let done = what(drive.take().as_mut().expect("it was just fetched, and the drives are held"));
    if let Err(error) = &done
        && is_of_drive(error)
    {
        drives.fail(&drive, error);
    }
    done
}

impl Storage for TapeStorage {
    fn traits(&self) -> MediumTraits {
        let record_length = self.config.record_length;
        MediumTraits { kind: MediumKind::Tape, record_length, can_truncate: true }
    }

    fn list(&self) -> Result<Vec<String>> {
        let drives = self.lock();
        let volumes = drives.cartridges.known.values().filter_map(|it| it.volume.clone());
        let mut volumes: Vec<String> = volumes.collect();
        volumes.sort_unstable();
        Ok(volumes)
    }

    fn length(&self, name: &str) -> Result<u64> {
        let drives = self.lock();
        let barcode = drives.barcode(name)?;
        Ok(drives.cartridges.known[&barcode].records * u64::from(self.config.record_length))
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let mut drives = self.lock();
        drives.hold()?;
        if with_volume(&drives.cartridges, name).is_some() {
            let message = format!("pool {} holds {name} already", self.config.pool);
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let mut told = Vec::new();
        for barcode in drives.loader.inventory()?.into_keys() {
            let known = drives.cartridges.known.get(&barcode);
            let is_free = known.is_none_or(|it| it.volume.is_none() && it.problem.is_none());
            if !self.config.barcodes.is_match(&barcode) || !is_free {
                if let Some(problem) = known.and_then(|known| known.problem.clone()) {
                    told.push(format!("{barcode}: {problem}"));
                }
                continue;
            }
            let (content, is_protected) = with_cartridge(&mut drives, &barcode, |loaded| {
                Ok((Content::read(loaded)?, loaded.device.is_write_protected()?))
            })?;
            let known = drives.cartridges.known.entry(barcode.clone()).or_default();
            let problem = match content {
                _ if is_protected => Some("it is write-protected".to_owned()),
                Content::Blank => None,
                // One that was given back is known, and was written by us.
                _ if known.labels > 0 => None,
                other => Some(other.to_string()),
            };
            if let Some(problem) = problem {
                told.push(format!("{barcode}: {problem}"));
                known.problem = Some(problem);
                drives.cartridges.save()?;
                continue;
            }
            known.volume = Some(name.to_owned());
            (known.records, known.labels) = (0, known.labels + 1);
            drives.cartridges.save()?;
            drop(drives);
            return Ok(Box::new(TapeFile::new(self, name, 0)));
        }
        let message = format!("pool {} has no blank cartridge left", self.config.pool);
        let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) };
        Err(Error::new(ErrorKind::Full, message).way_out(format!(
            "put blank cartridges into the library, or take one over by its name: \
             mover media label --overwrite BARCODE{told}"
        )))
    }

    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let mut drives = self.lock();
        // Whoever appends hears at once that the cartridge is away, or another one.
        let (_, barcode) = drives.fetch_volume(name)?;
        let records = drives.cartridges.known[&barcode].records;
        drop(drives);
        Ok(Box::new(TapeFile::new(self, name, records)))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        self.lock().barcode(name)?;
        Ok(Arc::new(TapeFile::new(self, name, 0)))
    }

    fn passes(&self, name: &str) -> u64 {
        let drives = self.lock();
        with_volume(&drives.cartridges, name).map_or(0, |barcode| drives.passes(barcode))
    }

    fn drive_count(&self) -> usize {
        self.lock().loader.drive_count()
    }

    fn failed_drives(&self) -> Vec<(usize, String)> {
        self.lock().failed_drives()
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut drives = self.lock();
        drives.hold()?;
        let barcode = drives.barcode(name)?;
        let known = drives.cartridges.known.get_mut(&barcode).expect("it has a volume");
        (known.volume, known.records) = (None, 0);
        drives.cartridges.save()
    }

    fn sync(&self) -> Result<()> {
        let drives = self.lock();
        match drives.is_held() {
            true => drives.cartridges.save(),
            // Nothing was changed by this pool.
            false => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        let drives = self.lock();
        PathBuf::from(with_volume(&drives.cartridges, name).unwrap_or(name))
    }
}

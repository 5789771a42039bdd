//! A pool of cartridges: each holds one volume, whose bytes are its records in their order.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use format::{Frame, VolumeLabel};
use globset::GlobSet;

use super::cartridge::{Cartridge, Cartridges, with_volume};
use super::drive::LoadedDrive;
use super::loader::Loader;
use crate::media::library;
use crate::media::{AppendFile, MediumKind, MediumTraits, ReadFile, Room, Storage};
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
    library: Arc<Mutex<Library>>,
}

/// What is in the drives, and what is known of the cartridges.
struct Library {
    loader: Box<dyn Loader>,
    cartridges: Cartridges,
    drives: Vec<Option<LoadedDrive>>,
    /// Drives that failed, with the reason; they are left alone.
    off_line: Vec<Option<String>>,
    /// The order in which drives were used, the last one last.
    used: Vec<usize>,
    /// Held while cartridges are in drives: two that move one tape would write where it is not.
    held: Option<File>,
    /// Passes over cartridges that were taken out of their drive since.
    passes: std::collections::BTreeMap<String, u64>,
}

impl fmt::Debug for TapeStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TapeStorage").field(&self.config.pool).finish()
    }
}

/// What is on a cartridge.
enum Content {
    Blank,
    Volume(VolumeLabel),
    Foreign,
}

impl TapeStorage {
    /// Makes ready for a pool; no cartridge is moved.
    pub fn new(config: TapeConfig, loader: Box<dyn Loader>) -> Result<TapeStorage> {
        let count = loader.drive_count();
        let library = Library {
            loader,
            cartridges: Cartridges::open(&config.state)?,
            drives: (0..count).map(|_| None).collect(),
            off_line: vec![None; count],
            used: (0..count).collect(),
            held: None,
            passes: std::collections::BTreeMap::new(),
        };
        let library = Arc::new(Mutex::new(library));
        Ok(TapeStorage { config: Arc::new(config), library })
    }

    /// What is known of the cartridges of the pool, with the drive that each is in; those that the
    /// library does not have at hand are on a shelf.
    pub fn cartridges(&self) -> Result<Vec<(String, Cartridge, Place)>> {
        let mut library = self.lock();
        let inventory = library.loader.inventory()?;
        let mut all: std::collections::BTreeMap<String, (Cartridge, Place)> = inventory
            .into_iter()
            .filter(|(barcode, _)| self.config.barcodes.is_match(barcode))
            .map(|(barcode, drive)| {
                let place = drive.map_or(Place::Slot, Place::Drive);
                (barcode, (Cartridge::default(), place))
            })
            .collect();
        for (barcode, known) in &library.cartridges.known {
            let entry = all.entry(barcode.clone());
            entry.or_insert((Cartridge::default(), Place::Shelf)).0 = known.clone();
        }
        Ok(all.into_iter().map(|(barcode, (known, place))| (barcode, known, place)).collect())
    }

    /// Lets a cartridge be written whatever is on it, which is lost then.
    pub fn take_over(&self, barcode: &str) -> Result<()> {
        let mut library = self.lock();
        self.hold(&mut library)?;
        let drive = self.fetch(&mut library, barcode)?;
        let loaded = library.drives[drive].as_mut().expect("it was just loaded");
        loaded.device.rewind()?;
        // A filemark at its beginning: what stood behind it cannot be read any more.
        loaded.device.write_filemarks(1)?;
        self.unload(&mut library, drive)?;
        let known = library.cartridges.known.entry(barcode.to_owned()).or_default();
        (known.volume, known.records, known.problem) = (None, 0, None);
        // From now on it is one of ours.
        known.labels += 1;
        library.cartridges.save()
    }

    /// Asks every cartridge what is on it: for when nobody remembers. Takes its time.
    pub fn scan(&self) -> Result<()> {
        let mut library = self.lock();
        self.hold(&mut library)?;
        for barcode in library.loader.inventory()?.into_keys() {
            if !self.config.barcodes.is_match(&barcode) {
                continue;
            }
            let drive = match self.fetch(&mut library, &barcode) {
                Ok(drive) => drive,
                Err(error) => {
                    let known = library.cartridges.known.entry(barcode).or_default();
                    known.problem = Some(error.to_string());
                    continue;
                }
            };
            let loaded = library.drives[drive].as_mut().expect("it was just loaded");
            let content = content(loaded)?;
            let records = match &content {
                Content::Volume(label) if label.pool == self.config.pool => {
                    loaded.count_records()?
                }
                _ => 0,
            };
            let known = library.cartridges.known.entry(barcode).or_default();
            match content {
                Content::Volume(label) if label.pool == self.config.pool => {
                    known.volume = Some(crate::media::volume_file(label.volume));
                    known.records = records;
                    known.problem = None;
                }
                Content::Blank => *known = Cartridge { loads: known.loads, ..Cartridge::default() },
                Content::Volume(label) => known.problem = Some(of_other(&label)),
                Content::Foreign => known.problem = Some(FOREIGN.to_owned()),
            }
        }
        library.cartridges.save()
    }

    fn lock(&self) -> MutexGuard<'_, Library> {
        self.library.lock().expect("no holder panics")
    }

    fn missing(&self, name: &str) -> Error {
        let message = format!("pool {} has no cartridge with {name}", self.config.pool);
        Error::new(ErrorKind::Missing, message)
    }

    fn barcode(&self, library: &Library, name: &str) -> Result<String> {
        let barcode = with_volume(&library.cartridges, name).map(str::to_owned);
        barcode.ok_or_else(|| self.missing(name))
    }

    /// The drive that a cartridge is in, after it was put there.
    fn fetch(&self, library: &mut Library, barcode: &str) -> Result<usize> {
        let has = |drive: &Option<LoadedDrive>| {
            drive.as_ref().is_some_and(|loaded| loaded.barcode == barcode)
        };
        if let Some(drive) = library.drives.iter().position(has) {
            library.used.retain(|used| *used != drive);
            library.used.push(drive);
            return Ok(drive);
        }
        let mut failure = None;
        for drive in library.used.clone() {
            if library.off_line[drive].is_some() {
                continue;
            }
            let loaded = match library.drives[drive].is_some() {
                true => self.unload(library, drive),
                false => Ok(()),
            };
            match loaded.and_then(|()| library.loader.load(barcode, drive)) {
                Ok(device) => {
                    let length = self.config.record_length as usize;
                    library.drives[drive] = Some(LoadedDrive::new(device, barcode, length));
                    library.used.retain(|used| *used != drive);
                    library.used.push(drive);
                    library.cartridges.known.entry(barcode.to_owned()).or_default().loads += 1;
                    return Ok(drive);
                }
                // It is not the drive that is at fault.
                Err(error) if error.kind() == ErrorKind::Missing => return Err(error),
                Err(error) => {
                    library.off_line[drive] = Some(error.to_string());
                    failure = Some(error);
                }
            }
        }
        Err(failure.unwrap_or_else(|| {
            let reasons: Vec<String> = library.off_line.iter().flatten().cloned().collect();
            let message = format!("pool {} has no drive that works", self.config.pool);
            Error::new(ErrorKind::Io, message)
                .way_out(format!("see to the drives: {}", reasons.join("; ")))
        }))
    }

    /// Keeps all others from the drives for as long as this pool, or this process, lives.
    fn hold(&self, library: &mut Library) -> Result<()> {
        if library.held.is_some() {
            return Ok(());
        }
        library.held =
            Some(library::hold(&self.config.state.with_extension("lock"), &self.config.pool)?);
        // Whoever had them may have written since this pool was opened.
        library.cartridges.refresh()
    }

    fn unload(&self, library: &mut Library, drive: usize) -> Result<()> {
        let Some(loaded) = library.drives[drive].take() else { return Ok(()) };
        *library.passes.entry(loaded.barcode.clone()).or_default() += loaded.passes;
        let LoadedDrive { device, barcode, .. } = loaded;
        drop(device);
        library.loader.unload(&barcode, drive)
    }

    /// Does something with the cartridge of a volume. A drive that fails is left alone from then
    /// on.
    fn with<T>(
        &self,
        name: &str,
        what: impl FnOnce(&mut LoadedDrive, &mut Cartridge) -> Result<T>,
    ) -> Result<T> {
        let mut library = self.lock();
        self.hold(&mut library)?;
        let barcode = self.barcode(&library, name)?;
        let fresh = !library.drives.iter().flatten().any(|loaded| loaded.barcode == barcode);
        let drive = self.fetch(&mut library, &barcode)?;
        let Library { drives, cartridges, .. } = &mut *library;
        let loaded = drives[drive].as_mut().expect("it was just loaded");
        let known = cartridges.known.get_mut(&barcode).expect("it has a volume");
        let checked = match fresh && known.records > 0 {
            true => check_label(loaded, name),
            false => Ok(()),
        };
        if let Err(error) = checked {
            // Nobody is to find it in the drive and take it for the right one.
            self.unload(&mut library, drive)?;
            return Err(error);
        }
        let done = what(loaded, known);
        if let Err(error) = &done
            && error.kind() == ErrorKind::Io
        {
            library.off_line[drive] = Some(error.to_string());
            library.drives[drive] = None;
            // Whether it can be taken out of a drive that fails is another question.
            let _ = library.loader.unload(&barcode, drive);
        }
        done
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

const FOREIGN: &str = "it holds something that is none of ours";

fn of_other(label: &VolumeLabel) -> String {
    format!("it holds volume {} of pool {} of store {}", label.volume, label.pool, label.store)
}

fn content(loaded: &mut LoadedDrive) -> Result<Content> {
    let Some(record) = loaded.first_record()? else { return Ok(Content::Blank) };
    let label = Frame::decode(&record).and_then(|(frame, _)| VolumeLabel::decode(frame.body));
    Ok(label.map_or(Content::Foreign, Content::Volume))
}

/// The wrong cartridge in the drive is found before anything is written or believed.
fn check_label(loaded: &mut LoadedDrive, name: &str) -> Result<()> {
    let barcode = loaded.barcode.clone();
    let found = match content(loaded)? {
        Content::Volume(label) if crate::media::volume_file(label.volume) == name => return Ok(()),
        Content::Volume(label) => of_other(&label),
        Content::Blank => "it is blank".to_owned(),
        Content::Foreign => FOREIGN.to_owned(),
    };
    let message = format!("cartridge {barcode} should hold {name}, but {found}");
    Err(Error::new(ErrorKind::Refused, message)
        .way_out("put the right cartridge in, or look for it with `mover media scan`"))
}

impl Storage for TapeStorage {
    fn traits(&self) -> MediumTraits {
        let record_length = self.config.record_length;
        MediumTraits { kind: MediumKind::Tape, record_length, can_truncate: true }
    }

    fn list(&self) -> Result<Vec<String>> {
        let library = self.lock();
        let volumes = library.cartridges.known.values().filter_map(|it| it.volume.clone());
        let mut volumes: Vec<String> = volumes.collect();
        volumes.sort_unstable();
        Ok(volumes)
    }

    fn length(&self, name: &str) -> Result<u64> {
        let library = self.lock();
        let barcode = self.barcode(&library, name)?;
        Ok(library.cartridges.known[&barcode].records * u64::from(self.config.record_length))
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let mut library = self.lock();
        self.hold(&mut library)?;
        if with_volume(&library.cartridges, name).is_some() {
            let message = format!("pool {} holds {name} already", self.config.pool);
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let mut told = Vec::new();
        for barcode in library.loader.inventory()?.into_keys() {
            let known = library.cartridges.known.get(&barcode);
            let is_free = known.is_none_or(|it| it.volume.is_none() && it.problem.is_none());
            if !self.config.barcodes.is_match(&barcode) || !is_free {
                if let Some(problem) = known.and_then(|known| known.problem.clone()) {
                    told.push(format!("{barcode}: {problem}"));
                }
                continue;
            }
            let drive = self.fetch(&mut library, &barcode)?;
            let loaded = library.drives[drive].as_mut().expect("it was just loaded");
            let problem = match content(loaded)? {
                // One that was given back is known, and was written by us.
                _ if library.cartridges.known[&barcode].labels > 0 => None,
                Content::Blank => None,
                Content::Volume(label) => Some(of_other(&label)),
                Content::Foreign => Some(FOREIGN.to_owned()),
            };
            let loaded = library.drives[drive].as_mut().expect("it was just loaded");
            let problem = match loaded.device.is_write_protected()? {
                true => Some("it is write-protected".to_owned()),
                false => problem,
            };
            let known = library.cartridges.known.entry(barcode.clone()).or_default();
            if let Some(problem) = problem {
                told.push(format!("{barcode}: {problem}"));
                known.problem = Some(problem);
                library.cartridges.save()?;
                continue;
            }
            known.volume = Some(name.to_owned());
            (known.records, known.labels) = (0, known.labels + 1);
            library.cartridges.save()?;
            drop(library);
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
        let mut library = self.lock();
        self.hold(&mut library)?;
        let barcode = self.barcode(&library, name)?;
        let records = library.cartridges.known[&barcode].records;
        drop(library);
        Ok(Box::new(TapeFile::new(self, name, records)))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        let library = self.lock();
        self.barcode(&library, name)?;
        drop(library);
        Ok(Arc::new(TapeFile::new(self, name, 0)))
    }

    fn passes(&self, name: &str) -> u64 {
        let library = self.lock();
        let Some(barcode) = with_volume(&library.cartridges, name) else { return 0 };
        let loaded = library.drives.iter().flatten().find(|loaded| loaded.barcode == barcode);
        let before = library.passes.get(barcode).copied().unwrap_or(0);
        before + loaded.map_or(0, |loaded| loaded.passes)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut library = self.lock();
        self.hold(&mut library)?;
        let barcode = self.barcode(&library, name)?;
        let known = library.cartridges.known.get_mut(&barcode).expect("it has a volume");
        (known.volume, known.records) = (None, 0);
        library.cartridges.save()
    }

    fn sync(&self) -> Result<()> {
        let library = self.lock();
        match library.held.is_some() {
            true => library.cartridges.save(),
            // Nothing was changed by this pool.
            false => Ok(()),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        let library = self.lock();
        PathBuf::from(with_volume(&library.cartridges, name).unwrap_or(name))
    }
}

impl Drop for Library {
    /// Cartridges go back to where they belong, so that others find them there.
    fn drop(&mut self) {
        for drive in 0..self.drives.len() {
            if let Some(loaded) = self.drives[drive].take() {
                let LoadedDrive { device, barcode, .. } = loaded;
                drop(device);
                let _ = self.loader.unload(&barcode, drive);
            }
        }
        if self.held.is_some() {
            let _ = self.cartridges.save();
        }
    }
}

/// A volume on a cartridge.
struct TapeFile {
    storage: TapeStorage,
    name: String,
    /// Records that a writer knows of.
    records: u64,
}

impl TapeFile {
    fn new(storage: &TapeStorage, name: &str, records: u64) -> TapeFile {
        TapeFile { storage: storage.clone(), name: name.to_owned(), records }
    }

    fn record_length(&self) -> u64 {
        self.storage.config.record_length.into()
    }
}

impl AppendFile for TapeFile {
    fn length(&self) -> u64 {
        self.records * self.record_length()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Room> {
        let records = self.records;
        let room = self.storage.with(&self.name, |loaded, _| loaded.append(records, bytes))?;
        self.records += bytes.len() as u64 / self.record_length();
        Ok(room)
    }

    fn sync(&mut self) -> Result<()> {
        let records = self.records;
        self.storage.with(&self.name, |loaded, known| {
            if known.records != records {
                loaded.flush()?;
                known.records = records;
            }
            Ok(())
        })?;
        self.storage.sync()
    }

    fn truncate(&mut self, length: u64) -> Result<()> {
        // What stands behind is lost with the next write.
        self.records = length / self.record_length();
        Ok(())
    }
}

impl ReadFile for TapeFile {
    fn length(&self) -> Result<u64> {
        self.storage.length(&self.name)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let (length, end) = (self.record_length(), self.storage.length(&self.name)?);
        let wanted = end.saturating_sub(offset).min(bytes.len() as u64);
        let wanted = usize::try_from(wanted).expect("no longer than the buffer");
        self.storage.with(&self.name, |loaded, _| {
            let mut filled = 0;
            while filled < wanted {
                let at = offset + filled as u64;
                let record = loaded.read(at / length)?;
                let from = usize::try_from(at % length).expect("a record is short");
                let count = (record.len() - from).min(wanted - filled);
                bytes[filled..filled + count].copy_from_slice(&record[from..from + count]);
                filled += count;
            }
            Ok(filled)
        })
    }
}

//! A pool of discs: each holds one volume.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::state::{DiscVolume, Discs, Segment, part_path, parts};
use super::xorriso;
use crate::media::{AppendFile, MediumKind, MediumTraits, ReadFile, Room, Storage};
use crate::{Error, ErrorKind, Result, durable};

/// What a disc session takes besides its files: descriptors, the tree of all sessions, padding.
const SESSION_OVERHEAD: u64 = 1 << 20;
/// What closes a volume has to fit behind the early warning.
const RESERVE: u64 = 4 << 20;
/// Bytes that are compared at a time.
const COMPARED: usize = 1 << 20;

/// How a pool of discs is written.
#[derive(Clone, Debug)]
pub struct DiscConfig {
    /// The pool's name, for people.
    pub pool: String,
    /// The folder of the images: `NAME.iso`.
    pub folder: PathBuf,
    /// Names of discs, in the order in which they are used.
    pub discs: Vec<String>,
    /// Bytes of a disc.
    pub capacity: u64,
    /// Bytes at which the spool is burned, if no session ends before.
    pub session_length: u64,
    /// Where the spool is, and what is remembered.
    pub spool: PathBuf,
}

/// A pool of discs.
#[derive(Clone, Debug)]
pub struct DiscStorage {
    config: Arc<DiscConfig>,
    discs: Arc<Mutex<Discs>>,
}

impl DiscStorage {
    /// Makes ready for a pool; no disc is looked at.
    pub fn new(config: DiscConfig) -> Result<DiscStorage> {
        let discs = Discs::open(&config.spool.join("discs.json"))?;
        let storage = DiscStorage { config: Arc::new(config), discs: Arc::new(Mutex::new(discs)) };
        Ok(storage)
    }

    /// Asks every disc what is on it: for when nobody remembers.
    pub fn scan(&self) -> Result<()> {
        let mut discs = self.lock();
        for disc in self.names()? {
            for part in parts(xorriso::files(&self.image(&disc))?) {
                let volume = discs.known.entry(part.volume.clone()).or_default();
                if volume.disc.is_empty() {
                    volume.disc.clone_from(&disc);
                }
                if volume.disc == disc {
                    volume.adopt(std::slice::from_ref(&part));
                }
            }
        }
        discs.save()
    }

    /// The discs of the pool: those that were named, and those in the folder.
    fn names(&self) -> Result<Vec<String>> {
        let mut names = self.config.discs.clone();
        let folder = &self.config.folder;
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let entry =
                        entry.map_err(|cause| Error::io("reading folder", folder, cause))?;
                    let name = entry.file_name().into_string().unwrap_or_default();
                    names.extend(name.strip_suffix(".iso").map(str::to_owned));
                }
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::io("reading folder", folder, cause)),
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn lock(&self) -> MutexGuard<'_, Discs> {
        self.discs.lock().expect("no holder panics")
    }

    fn image(&self, disc: &str) -> PathBuf {
        self.config.folder.join(format!("{disc}.iso"))
    }

    /// Where the bytes behind those that were burned wait. Its name says where they begin, so that
    /// what a kill leaves of a spool that was burned is never taken for more.
    fn spool(&self, name: &str, burned: u64) -> PathBuf {
        self.config.spool.join(format!("{name}-{burned:020}.spool"))
    }

    fn volume(&self, name: &str) -> Result<DiscVolume> {
        self.lock().known.get(name).cloned().ok_or_else(|| {
            let message = format!("pool {} has no disc with {name}", self.config.pool);
            Error::new(ErrorKind::Missing, message)
        })
    }

    fn spooled(&self, name: &str, burned: u64) -> Result<u64> {
        let path = self.spool(name, burned);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(cause) => Err(Error::io("reading", &path, cause)),
        }
    }

    /// Burns what is spooled of a volume.
    fn burn(&self, name: &str) -> Result<()> {
        let mut volume = self.volume(name)?;
        let (path, length) =
            (self.spool(name, volume.burned()), self.spooled(name, volume.burned())?);
        if length == 0 {
            return Ok(());
        }
        let image = self.image(&volume.disc);
        let held = xorriso::hold(&image)?;
        if !self.take_up(&mut volume, name, &path, length)? {
            let offset = volume.burned();
            xorriso::add(&held, &image, &volume.disc, &path, &part_path(name, offset))?;
            if !self.take_up(&mut volume, name, &path, length)? {
                let message = format!("disc {} is not what was burned on it", image.display());
                return Err(Error::new(ErrorKind::Damaged, message).way_out(
                    "what was to be burned is kept in the spool: replace the disc, or move the \
                     volume to another pool with `mover media migrate`",
                ));
            }
        }
        let synced = File::open(&image).and_then(|file| file.sync_all());
        synced.map_err(|cause| Error::io("syncing disc", &image, cause))?;
        let mut discs = self.lock();
        discs.known.insert(name.to_owned(), volume);
        discs.save()?;
        // Only now: until it is known where they lie, this is where the bytes are found.
        std::fs::remove_file(&path).map_err(|cause| Error::io("removing", &path, cause))
    }

    /// Looks whether the spool stands on the disc already, and right: then it is a part of the
    /// volume. A kill may have come between burning and remembering.
    fn take_up(
        &self,
        volume: &mut DiscVolume,
        name: &str,
        spool: &Path,
        length: u64,
    ) -> Result<bool> {
        let image = self.image(&volume.disc);
        let here = |part: &super::state::Part| {
            part.volume == name
                && part.segment.offset == volume.burned()
                && part.segment.length == length
        };
        let Some(part) = parts(xorriso::files(&image)?).into_iter().find(here) else {
            return Ok(false);
        };
        let same = same_bytes(&image, part.segment.at, spool, length);
        if same.map_err(|cause| Error::io("comparing disc", &image, cause))? {
            volume.adopt(std::slice::from_ref(&part));
            return Ok(true);
        }
        Ok(false)
    }
}

fn same_bytes(image: &Path, at: u64, spool: &Path, length: u64) -> std::io::Result<bool> {
    let (image, spool) = (File::open(image)?, File::open(spool)?);
    let (mut left, mut right) = (vec![0; COMPARED], vec![0; COMPARED]);
    let mut done = 0;
    while done < length {
        let count = usize::try_from(length - done).map_or(COMPARED, |left| left.min(COMPARED));
        image.read_exact_at(&mut left[..count], at + done)?;
        spool.read_exact_at(&mut right[..count], done)?;
        if left[..count] != right[..count] {
            return Ok(false);
        }
        done += count as u64;
    }
    Ok(true)
}

impl Storage for DiscStorage {
    fn traits(&self) -> MediumTraits {
        // What is still in the spool can be cut; what was burned never is.
        MediumTraits { kind: MediumKind::Optical, record_length: 1, can_truncate: true }
    }

    fn list(&self) -> Result<Vec<String>> {
        Ok(self.lock().known.keys().cloned().collect())
    }

    fn length(&self, name: &str) -> Result<u64> {
        let burned = self.volume(name)?.burned();
        Ok(burned + self.spooled(name, burned)?)
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let mut discs = self.lock();
        if discs.known.contains_key(name) {
            let message = format!("pool {} holds {name} already", self.config.pool);
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let mut foreign = Vec::new();
        for disc in &self.config.discs {
            if discs.known.values().any(|volume| volume.disc == *disc) {
                continue;
            }
            // Only a blank disc is written: what is on another one is somebody's.
            if std::fs::metadata(self.image(disc)).is_ok_and(|metadata| metadata.len() > 0) {
                foreign.push(disc.clone());
                continue;
            }
            std::fs::create_dir_all(&self.config.folder).map_err(|cause| {
                Error::io("making the folder of discs", &self.config.folder, cause)
            })?;
            let volume = DiscVolume { disc: disc.clone(), ..DiscVolume::default() };
            discs.known.insert(name.to_owned(), volume);
            discs.save()?;
            drop(discs);
            return Ok(Box::new(DiscFile::open(self, name)?));
        }
        let message = format!("pool {} has no blank disc left", self.config.pool);
        let told = match &foreign[..] {
            [] => String::new(),
            discs => format!("; {} are not blank, and none of ours", discs.join(", ")),
        };
        Err(Error::new(ErrorKind::Full, message)
            .way_out(format!("name more in the policy file, as discs = [...]{told}")))
    }

    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        self.volume(name)?;
        Ok(Box::new(DiscFile::open(self, name)?))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        self.volume(name)?;
        Ok(Arc::new(DiscReader { storage: self.clone(), name: name.to_owned() }))
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.spool(name, self.volume(name)?.burned());
        let mut discs = self.lock();
        // The disc cannot be written again: it goes with its volume.
        discs.known.remove(name);
        discs.save()?;
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("removing", &path, cause))
            }
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<()> {
        durable::sync_folder(&self.config.spool)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.volume(name).map_or_else(|_| PathBuf::from(name), |volume| self.image(&volume.disc))
    }
}

/// A volume that is written: its end is in the spool.
struct DiscFile {
    storage: DiscStorage,
    name: String,
    file: File,
    burned: u64,
    spooled: u64,
}

impl DiscFile {
    fn open(storage: &DiscStorage, name: &str) -> Result<DiscFile> {
        let burned = storage.volume(name)?.burned();
        let path = storage.spool(name, burned);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|cause| Error::io("opening spool", &path, cause))?;
        let spooled = storage.spooled(name, burned)?;
        Ok(DiscFile { storage: storage.clone(), name: name.to_owned(), file, burned, spooled })
    }

    fn burn(&mut self) -> Result<()> {
        self.storage.burn(&self.name)?;
        *self = DiscFile::open(&self.storage, &self.name)?;
        Ok(())
    }
}

impl DiscFile {
    fn failed(&self, doing: &str, cause: std::io::Error) -> Error {
        Error::io(doing, self.storage.spool(&self.name, self.burned), cause)
    }
}

impl AppendFile for DiscFile {
    fn length(&self) -> u64 {
        self.burned + self.spooled
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Room> {
        let written = self.file.write_all_at(bytes, self.spooled);
        written.map_err(|cause| self.failed("writing", cause))?;
        self.spooled += bytes.len() as u64;
        let sessions = self.storage.volume(&self.name)?.segments.len() as u64 + 1;
        let taken = self.length() + sessions * SESSION_OVERHEAD;
        match taken + RESERVE.min(self.storage.config.capacity / 4) >= self.storage.config.capacity
        {
            true => Ok(Room::Low),
            false => Ok(Room::Ample),
        }
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|cause| self.failed("syncing", cause))
    }

    fn rest(&mut self) -> Result<()> {
        match self.spooled >= self.storage.config.session_length {
            true => self.burn(),
            false => Ok(()),
        }
    }

    fn truncate(&mut self, length: u64) -> Result<()> {
        let Some(spooled) = length.checked_sub(self.burned) else {
            let message = format!("{} was burned beyond {length}", self.name);
            return Err(Error::new(ErrorKind::Refused, message));
        };
        let cut = self.file.set_len(spooled);
        cut.map_err(|cause| self.failed("truncating", cause))?;
        self.spooled = spooled;
        Ok(())
    }

    fn settle(&mut self) -> Result<()> {
        self.sync()?;
        self.burn()
    }

    fn finish(&mut self) -> Result<()> {
        self.settle()?;
        let mut discs = self.storage.lock();
        let volume = discs.known.get_mut(&self.name).expect("it was opened");
        volume.finished = true;
        let image = self.storage.config.folder.join(format!("{}.iso", volume.disc));
        discs.save()?;
        let protect = |path: &Path| -> std::io::Result<()> {
            let mut permissions = std::fs::metadata(path)?.permissions();
            permissions.set_readonly(true);
            std::fs::set_permissions(path, permissions)
        };
        match image.exists() {
            true => protect(&image).map_err(|cause| Error::io("protecting disc", &image, cause)),
            false => Ok(()),
        }
    }
}

/// A volume that is read: from the disc, and its end from the spool.
struct DiscReader {
    storage: DiscStorage,
    name: String,
}

impl DiscReader {
    fn part(&self, segment: &Segment, disc: &str, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let within = offset - segment.offset;
        let count = usize::try_from(segment.length - within)
            .map_or(bytes.len(), |left| left.min(bytes.len()));
        let image = self.storage.image(disc);
        let read = File::open(&image)
            .and_then(|file| file.read_exact_at(&mut bytes[..count], segment.at + within));
        read.map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => {
                Error::new(ErrorKind::Missing, format!("disc {disc} is not there"))
                    .way_out(format!("put {} back", image.display()))
            }
            std::io::ErrorKind::UnexpectedEof => {
                Error::new(ErrorKind::Damaged, format!("disc {disc} ends early"))
            }
            _ => Error::io("reading disc", &image, cause),
        })?;
        Ok(count)
    }
}

impl ReadFile for DiscReader {
    fn length(&self) -> Result<u64> {
        self.storage.length(&self.name)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let mut volume = self.storage.volume(&self.name)?;
        let mut filled = 0;
        while filled < bytes.len() {
            let at = offset + filled as u64;
            let room = &mut bytes[filled..];
            let behind = volume.segments.partition_point(|segment| segment.offset <= at);
            let segment = behind.checked_sub(1).map(|place| volume.segments[place]);
            let segment = segment.filter(|it| at < it.offset + it.length);
            let count = match segment {
                Some(segment) => self.part(&segment, &volume.disc, at, room)?,
                None => {
                    let path = self.storage.spool(&self.name, volume.burned());
                    let within = at.saturating_sub(volume.burned());
                    let read = File::open(&path).and_then(|file| file.read_at(room, within));
                    match read {
                        Ok(count) => count,
                        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                            // Another process may have burned it since.
                            self.storage.lock().refresh()?;
                            let now = self.storage.volume(&self.name)?;
                            if now.burned() == volume.burned() {
                                break;
                            }
                            volume = now;
                            continue;
                        }
                        Err(cause) => return Err(Error::io("reading spool", &path, cause)),
                    }
                }
            };
            if count == 0 {
                break;
            }
            filled += count;
        }
        Ok(filled)
    }
}

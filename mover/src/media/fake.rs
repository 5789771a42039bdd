//! For tests: a folder in memory that can crash, fill up and rot.
//!
//! It keeps what is durable apart from what a running program sees. Every change since the last
//! sync of a file is remembered; a crash keeps, tears or loses each of them, as a seed says, and
//! loses files, or brings them back, whose folder was not synced since they were made or removed.
//! It is public as the seam for crash tests anywhere.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::storage::{AppendFile, MediumTraits, ReadFile, Room, Storage};
use crate::ambient::{Random, SeededRandom, random_bytes};
use crate::{Error, ErrorKind, Result};

/// A folder in memory; clones are the same folder.
#[derive(Clone)]
pub struct FakeStorage {
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for FakeStorage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeStorage").finish_non_exhaustive()
    }
}

struct State {
    files: BTreeMap<String, FakeFile>,
    operations: u64,
    stop_at: Option<u64>,
    full_at: Option<u64>,
    traits: MediumTraits,
    capacity: Option<usize>,
    drive_count: usize,
    slowness: Duration,
    /// Volumes that there are media for.
    media_count: usize,
    /// Taken away since the folder was synced: a crash may bring them back.
    removed: Vec<(String, FakeFile)>,
    watcher: Option<Watcher>,
    /// The first sync of a file from this operation on fails, and takes what it did not write for
    /// written.
    sync_fails_at: Option<u64>,
    /// Bytes of files that no read gets.
    bad_sectors: Vec<(String, Range<u64>)>,
}

/// What is called before each operation.
type Watcher = Arc<dyn Fn() + Send + Sync>;

#[derive(Clone, Debug, Default)]
struct FakeFile {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Since the last sync, in order.
    changes: Vec<Change>,
    /// The folder was synced since the file was made.
    named: bool,
    /// What had its name until then: one of the two is there after a crash.
    replaced: Option<Box<FakeFile>>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Truncate(length) => bytes.truncate(*length),
            Change::Write(offset, written) => {
                // What is lost in front of it reads as zeros.
                let end = offset + written.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[*offset..end].copy_from_slice(written);
            }
        }
    }
}

impl Default for FakeStorage {
    fn default() -> FakeStorage {
        FakeStorage::new()
    }
}

impl FakeStorage {
    /// An empty folder.
    pub fn new() -> FakeStorage {
        FakeStorage::like(MediumTraits::DISK)
    }

    /// A medium with other traits.
    pub fn like(traits: MediumTraits) -> FakeStorage {
        FakeStorage::with(BTreeMap::new(), traits, None)
    }

    /// Each volume gives its early warning at so many bytes.
    pub fn warn_at(&self, capacity: usize) {
        self.lock().capacity = Some(capacity);
    }

    fn with(
        files: BTreeMap<String, FakeFile>,
        traits: MediumTraits,
        capacity: Option<usize>,
    ) -> FakeStorage {
        let (operations, stop_at, full_at) = (0, None, None);
        let (drive_count, slowness, media_count) = (1, Duration::ZERO, usize::MAX);
        let (removed, watcher, sync_fails_at, bad_sectors) = (Vec::new(), None, None, Vec::new());
        let state = State {
            files,
            operations,
            stop_at,
            full_at,
            traits,
            capacity,
            drive_count,
            slowness,
            media_count,
            removed,
            watcher,
            sync_fails_at,
            bad_sectors,
        };
        FakeStorage { state: Arc::new(Mutex::new(state)) }
    }

    /// Operations that changed something or made it durable, so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// The power fails in operation `operation`, counted from 0: all later ones fail.
    pub fn stop_at(&self, operation: u64) {
        self.lock().stop_at = Some(operation);
    }

    /// From operation `operation` on, counted from 0, whatever writes finds the disk full.
    pub fn full_at(&self, operation: u64) {
        self.lock().full_at = Some(operation);
    }

    /// There is room again.
    pub fn free(&self) {
        self.lock().full_at = None;
    }

    /// Calls this before each operation that changes something or makes it durable: what a crash
    /// would leave then can be looked at by [`FakeStorage::crash`].
    pub fn watch(&self, watcher: Arc<dyn Fn() + Send + Sync>) {
        self.lock().watcher = Some(watcher);
    }

    fn about_to_change(&self) {
        // Called while nothing is held: it looks at the storage.
        let watcher = self.lock().watcher.clone();
        if let Some(watcher) = watcher {
            watcher();
        }
    }

    /// Several drives, each of which takes its time for a write.
    pub fn drives(&self, count: usize, slowness: Duration) {
        let mut state = self.lock();
        (state.drive_count, state.slowness) = (count, slowness);
    }

    /// There are media for so many volumes, and no more.
    pub fn media(&self, count: usize) {
        self.lock().media_count = count;
    }

    /// Does something while all who read or write wait.
    pub fn while_held<T>(&self, what: impl FnOnce() -> T) -> T {
        let _held = self.lock();
        what()
    }

    /// What is there after a power loss; one seed is one way to lose.
    pub fn crash(&self, seed: u64) -> FakeStorage {
        let random = SeededRandom::new(seed);
        let mut files = BTreeMap::new();
        let state = self.lock();
        let (traits, capacity) = (state.traits, state.capacity);
        for (name, file) in &state.files {
            if !file.named && random_bytes::<1>(&random)[0] < 128 {
                if let Some(replaced) = &file.replaced {
                    let bytes = replaced.after_crash(&random);
                    files.insert(name.clone(), FakeFile::settled(bytes));
                }
                continue;
            }
            let bytes = file.after_crash(&random);
            files.insert(name.clone(), FakeFile::settled(bytes));
        }
        for (name, file) in &state.removed {
            if random_bytes::<1>(&random)[0] < 128 && !files.contains_key(name) {
                files.insert(name.clone(), FakeFile::settled(file.after_crash(&random)));
            }
        }
        FakeStorage::with(files, traits, capacity)
    }

    /// What is there after the program was killed: all that it had written, as durable as it was.
    pub fn kill(&self) -> FakeStorage {
        let state = self.lock();
        let (files, traits, capacity) = (state.files.clone(), state.traits, state.capacity);
        FakeStorage::with(files, traits, capacity)
    }

    /// Bytes of a file that a crash cannot take; 0 where its name is not durable.
    pub fn durable_length(&self, name: &str) -> u64 {
        let state = self.lock();
        let file = state.files.get(name).filter(|file| file.named);
        file.map_or(0, |file| file.durable.len() as u64)
    }

    /// Turns a bit of a file, on the medium.
    pub fn flip(&self, name: &str, offset: u64, bit: u8) {
        let mut state = self.lock();
        let file = state.files.get_mut(name).expect("a test flips bits of files that exist");
        let at = usize::try_from(offset).expect("a test's file fits into memory");
        file.live[at] ^= 1 << bit;
        if let Some(byte) = file.durable.get_mut(at) {
            *byte ^= 1 << bit;
        }
    }

    /// Has the first sync of a file from this operation on fail as it does on Linux: what was not
    /// written is taken for clean, can be read, and is gone after a crash, whatever is synced later.
    pub fn fail_sync_at(&self, operation: u64) {
        self.lock().sync_fails_at = Some(operation);
    }

    /// Has every read fail that touches these bytes of a file, as a disk does with a bad sector.
    pub fn spoil(&self, name: &str, bytes: Range<u64>) {
        self.lock().bad_sectors.push((name.to_owned(), bytes));
    }

    /// Cuts a file, as a careless copy does.
    pub fn cut(&self, name: &str, length: u64) {
        let mut state = self.lock();
        let file = state.files.get_mut(name).expect("a test cuts files that exist");
        let length = usize::try_from(length).expect("a test's file fits into memory");
        file.live.truncate(length);
        *file = FakeFile::settled(std::mem::take(&mut file.live));
    }

    /// Puts other bytes in a file's place, on the medium.
    pub fn replace(&self, name: &str, bytes: Vec<u8>) {
        self.lock().files.insert(name.to_owned(), FakeFile::settled(bytes));
    }

    /// Loses a file.
    pub fn lose(&self, name: &str) {
        self.lock().files.remove(name);
    }

    /// All files, by name, with their bytes.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let state = self.lock();
        state.files.iter().map(|(name, file)| (name.clone(), file.live.clone())).collect()
    }

    /// All bytes of a file.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.lock().files[name].live.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn file(&self, name: &str) -> FakeHandle {
        FakeHandle { storage: self.clone(), name: name.to_owned() }
    }
}

impl State {
    fn alive(&self) -> Result<()> {
        match self.stop_at {
            Some(stop_at) if self.operations > stop_at => {
                Err(Error::new(ErrorKind::Io, "the power has failed"))
            }
            _ => Ok(()),
        }
    }

    /// Counts an operation; `Ok(false)` is the one in which the power fails.
    fn begin(&mut self, takes_room: bool) -> Result<bool> {
        self.alive()?;
        let operation = self.operations;
        self.operations += 1;
        if takes_room && self.full_at.is_some_and(|full_at| operation >= full_at) {
            return Err(Error::new(ErrorKind::Full, "no space left on device"));
        }
        Ok(self.stop_at != Some(operation))
    }

    fn existing(&mut self, name: &str) -> Result<&mut FakeFile> {
        let missing = || Error::new(ErrorKind::Missing, format!("opening {name}: no such file"));
        self.files.get_mut(name).ok_or_else(missing)
    }
}

fn power_failed() -> Error {
    Error::new(ErrorKind::Io, "the power fails")
}

impl FakeFile {
    fn settled(bytes: Vec<u8>) -> FakeFile {
        let (changes, named, replaced) = (Vec::new(), true, None);
        FakeFile { live: bytes.clone(), durable: bytes, changes, named, replaced }
    }

    fn after_crash(&self, random: &dyn Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.changes {
            let [kept, part] = random_bytes::<2>(random);
            match change {
                Change::Truncate(length) if kept < 128 => bytes.truncate(*length),
                Change::Truncate(_) => {}
                Change::Write(offset, written) => {
                    let kept = match kept {
                        0..96 => written.len(),
                        96..176 => written.len() * usize::from(part) / 256,
                        _ => 0,
                    };
                    if kept > 0 {
                        // What is lost in front of what is kept reads as zeros.
                        let end = offset + kept;
                        bytes.resize(bytes.len().max(end), 0);
                        bytes[*offset..end].copy_from_slice(&written[..kept]);
                    }
                }
            }
        }
        bytes
    }
}

impl Storage for FakeStorage {
    fn drive_count(&self) -> usize {
        self.lock().drive_count
    }

    fn traits(&self) -> MediumTraits {
        self.lock().traits
    }

    fn list(&self) -> Result<Vec<String>> {
        let state = self.lock();
        state.alive()?;
        Ok(state.files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        self.about_to_change();
        let mut state = self.lock();
        let powered = state.begin(true)?;
        if state.files.contains_key(name) {
            return Err(Error::new(ErrorKind::Exists, format!("creating {name}: it exists")));
        }
        if state.files.len() >= state.media_count {
            return Err(Error::new(ErrorKind::Full, "there is no medium left"));
        }
        state.files.insert(name.to_owned(), FakeFile::default());
        match powered {
            true => Ok(Box::new(self.file(name))),
            false => Err(power_failed()),
        }
    }

    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let mut state = self.lock();
        state.alive()?;
        state.existing(name)?;
        Ok(Box::new(self.file(name)))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        let mut state = self.lock();
        state.alive()?;
        state.existing(name)?;
        Ok(Arc::new(self.file(name)))
    }

    fn remove(&self, name: &str) -> Result<()> {
        self.about_to_change();
        let mut state = self.lock();
        let powered = state.begin(false)?;
        state.existing(name)?;
        let file = state.files.remove(name).expect("it exists");
        // One whose name was never durable does not come back.
        if file.named {
            state.removed.push((name.to_owned(), file));
        }
        match powered {
            true => Ok(()),
            false => Err(power_failed()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.about_to_change();
        let mut state = self.lock();
        let powered = state.begin(false)?;
        state.existing(from)?;
        let mut file = state.files.remove(from).expect("it exists");
        let before = state.files.remove(to);
        file.replaced = before.map(|file| match file.replaced {
            Some(durable) if !file.named => durable,
            _ => Box::new(file),
        });
        file.named = false;
        state.files.insert(to.to_owned(), file);
        match powered {
            true => Ok(()),
            false => Err(power_failed()),
        }
    }

    fn sync(&self) -> Result<()> {
        self.about_to_change();
        let mut state = self.lock();
        if !state.begin(false)? {
            return Err(power_failed());
        }
        for file in state.files.values_mut() {
            (file.named, file.replaced) = (true, None);
        }
        state.removed.clear();
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(name)
    }
}

struct FakeHandle {
    storage: FakeStorage,
    name: String,
}

impl AppendFile for FakeHandle {
    fn length(&self) -> u64 {
        self.storage.lock().files[&self.name].live.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Room> {
        self.storage.about_to_change();
        let slowness = self.storage.lock().slowness;
        std::thread::sleep(slowness);
        let mut state = self.storage.lock();
        let begun = state.begin(true);
        let file = state.existing(&self.name)?;
        let offset = file.live.len();
        // A full disk takes the beginning of a write.
        let taken = match &begun {
            Ok(_) => bytes,
            Err(error) if error.kind() == ErrorKind::Full => &bytes[..bytes.len() / 2],
            Err(_) => &[],
        };
        file.live.extend_from_slice(taken);
        file.changes.push(Change::Write(offset, taken.to_vec()));
        match begun? {
            true if state.capacity.is_some_and(|capacity| offset + bytes.len() >= capacity) => {
                Ok(Room::Low)
            }
            true => Ok(Room::Ample),
            false => Err(power_failed()),
        }
    }

    fn sync(&mut self) -> Result<()> {
        self.storage.about_to_change();
        let mut state = self.storage.lock();
        let operation = state.operations;
        if !state.begin(false)? {
            return Err(power_failed());
        }
        let fails = state.sync_fails_at.take_if(|at| operation >= *at).is_some();
        let file = state.existing(&self.name)?;
        let changes = std::mem::take(&mut file.changes);
        if fails {
            // What it had to write is forgotten.
            let cause = std::io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
            return Err(Error::io("syncing", &self.name, cause));
        }
        // Not what is live: what an earlier sync gave up is never written.
        changes.iter().for_each(|change| change.apply(&mut file.durable));
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> Result<()> {
        self.storage.about_to_change();
        let mut state = self.storage.lock();
        let powered = state.begin(false)?;
        let file = state.existing(&self.name)?;
        let length = usize::try_from(length).expect("a test's file fits into memory");
        file.live.truncate(length);
        file.changes.push(Change::Truncate(length));
        match powered {
            true => Ok(()),
            false => Err(power_failed()),
        }
    }
}

impl ReadFile for FakeHandle {
    fn length(&self) -> Result<u64> {
        let mut state = self.storage.lock();
        state.alive()?;
        Ok(state.existing(&self.name)?.live.len() as u64)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let mut state = self.storage.lock();
        state.alive()?;
        let end = offset + bytes.len() as u64;
        let touches = |(name, bad): &(String, Range<u64>)| {
            *name == self.name && bad.start < end && offset < bad.end
        };
        if state.bad_sectors.iter().any(touches) {
            let cause = std::io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error());
            return Err(Error::io("reading", &self.name, cause));
        }
        let live = &state.existing(&self.name)?.live;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX).min(live.len());
        let count = bytes.len().min(live.len() - offset);
        bytes[..count].copy_from_slice(&live[offset..offset + count]);
        Ok(count)
    }
}

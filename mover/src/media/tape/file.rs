//! A volume on a cartridge, wherever the cartridge is.

use std::sync::{Arc, Mutex};

use super::drive::LoadedDrive;
use super::drives::Drive;
use super::storage::TapeStorage;
use crate::failpoint::{self, reach};
use crate::media::{AppendFile, ReadFile, Room, Storage};
use crate::{Error, ErrorKind, Result};

/// A volume on a cartridge.
pub(super) struct TapeFile {
    storage: TapeStorage,
    name: String,
    /// Records that a writer knows of.
    records: u64,
    /// Those of them that the pool remembers.
    synced: u64,
    /// The drive that its cartridge was in last, and the barcode.
    drive: Mutex<Option<(Arc<Drive>, String)>>,
}

impl TapeFile {
    pub(super) fn new(storage: &TapeStorage, name: &str, records: u64) -> TapeFile {
        let (storage, name, drive) = (storage.clone(), name.to_owned(), Mutex::default());
        TapeFile { storage, name, records, synced: records, drive }
    }

    fn record_length(&self) -> u64 {
        self.storage.record_length().into()
    }

    /// Does something with its cartridge, which is fetched where it is in no drive. A drive that
    /// fails is left alone from then on.
    fn with<T>(&self, what: impl FnOnce(&mut LoadedDrive) -> Result<T>) -> Result<T> {
        let mut what = Some(what);
        loop {
            let known = self.drive.lock().expect("no holder panics").clone();
            let (drive, barcode) = match known {
                Some(known) => known,
                None => self.storage.lock().fetch_volume(&self.name)?,
            };
            let mut taken = drive.take();
            let done = match &mut *taken {
                Some(loaded) if loaded.barcode == barcode => {
                    what.take().expect("it is done once")(loaded)
                }
                // It was taken out for another cartridge.
                _ => {
                    drop(taken);
                    *self.drive.lock().expect("no holder panics") = None;
                    continue;
                }
            };
            drop(taken);
            let failure = done.as_ref().err().filter(|error| is_of_drive(error));
            if let Some(error) = failure {
                self.storage.lock().fail(&drive, error);
            }
            *self.drive.lock().expect("no holder panics") =
                failure.is_none().then_some((drive, barcode));
            return done;
        }
    }
}

/// Whether it is the drive that failed, or that has no cartridge any more, and not what was asked
/// of it.
pub(super) fn is_of_drive(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Io | ErrorKind::Missing | ErrorKind::Busy)
}

impl AppendFile for TapeFile {
    fn length(&self) -> u64 {
        self.records * self.record_length()
    }

    fn write(&mut self, bytes: &[u8]) -> Result<Room> {
        let records = self.records;
        let room = self.with(|loaded| {
            reach(failpoint::TAPE_WRITING)?;
            loaded.append(records, bytes)
        })?;
        self.records += bytes.len() as u64 / self.record_length();
        Ok(room)
    }

    fn sync(&mut self) -> Result<()> {
        if self.synced != self.records {
            self.with(LoadedDrive::flush)?;
            self.storage.remember(&self.name, self.records)?;
            self.synced = self.records;
        }
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
        let mut read = |loaded: &mut LoadedDrive| {
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
        };
        match self.with(&mut read) {
            // Another drive may do better; the error of a second one is the cartridge's.
            Err(error) if is_of_drive(&error) => self.with(&mut read).map_err(|_| error),
            done => done,
        }
    }
}

//! A tape in a file, in the format of SIMH: other tools read it, and it needs no drive.
//!
//! Each record stands between two copies of its length, a little-endian `u32`, and is padded to an
//! even length; a length of 0 is a filemark, `0xffff_ffff` the end of the medium. Where the file
//! ends, the data ends.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::device::{TapeDevice, TapeRead};
use crate::media::Room;
use crate::{Error, ErrorKind, Result};

const FILEMARK: u32 = 0;
const END_OF_MEDIUM: u32 = 0xffff_ffff;
/// Bytes of a length.
const MARK: u64 = 4;
/// The longest record that SIMH knows: the other bits of a length are flags.
const RECORD_MAX: u32 = 0x00ff_ffff;

/// A tape in a file.
#[derive(Debug)]
pub struct SimhTape {
    file: File,
    path: PathBuf,
    /// Bytes that the cartridge holds.
    capacity: u64,
    /// Bytes before its end at which it warns.
    reserve: u64,
    at: u64,
    writable: bool,
}

impl SimhTape {
    /// Opens a tape; one that is not there is a blank one. `capacity` and `reserve` are bytes.
    pub fn open(path: impl Into<PathBuf>, capacity: u64, reserve: u64) -> Result<SimhTape> {
        let path = path.into();
        let writable =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let (file, writable) = match writable {
            Ok(file) => (file, true),
            Err(cause) if cause.kind() == io::ErrorKind::PermissionDenied => {
                let file = File::open(&path);
                (file.map_err(|cause| Error::io("opening tape", &path, cause))?, false)
            }
            Err(cause) => return Err(Error::io("opening tape", &path, cause)),
        };
        // A superuser opens what is write-protected all the same.
        let mode = file.metadata().map_err(|cause| Error::io("opening tape", &path, cause))?;
        let writable = writable && !mode.permissions().readonly();
        Ok(SimhTape { file, path, capacity, reserve, at: 0, writable })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn failed(&self, doing: &str, cause: io::Error) -> Error {
        Error::io(doing, &self.path, cause)
    }

    /// The length that stands at `at`; none at the end of the data, or where a kill tore it.
    fn mark_at(&self, at: u64) -> Result<Option<u32>> {
        let mut bytes = [0; MARK as usize];
        match self.file.read_exact_at(&mut bytes, at) {
            Ok(()) => match u32::from_le_bytes(bytes) {
                END_OF_MEDIUM => Ok(None),
                length => Ok(Some(length)),
            },
            Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(cause) => Err(self.failed("reading tape", cause)),
        }
    }

    /// Where the record at `at`, of so many bytes, ends; none where it is torn.
    fn end_of(&self, at: u64, length: u32) -> Result<Option<u64>> {
        if length > RECORD_MAX {
            let message = format!("{} has no record at {at:#x}", self.path.display());
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        let behind = at + MARK + u64::from(length) + u64::from(length % 2);
        match self.mark_at(behind)? {
            Some(again) if again == length => Ok(Some(behind + MARK)),
            Some(_) => {
                let message = format!("{} has no whole record at {at:#x}", self.path.display());
                Err(Error::new(ErrorKind::Damaged, message))
            }
            None => Ok(None),
        }
    }

    /// Goes over one record or filemark; false at the end of the data.
    fn skip(&mut self, filemark: bool) -> Result<bool> {
        match self.mark_at(self.at)? {
            Some(FILEMARK) if filemark => self.at += MARK,
            Some(FILEMARK) | None => return Ok(false),
            Some(length) => match self.end_of(self.at, length)? {
                Some(end) => self.at = end,
                None => return Ok(false),
            },
        }
        Ok(true)
    }

    fn room(&self) -> Room {
        match self.at + self.reserve >= self.capacity {
            true => Room::Low,
            false => Room::Ample,
        }
    }

    fn append(&mut self, slices: &mut [IoSlice<'_>], length: u64) -> Result<()> {
        if !self.writable {
            let message = format!("{} is write-protected", self.path.display());
            return Err(Error::new(ErrorKind::Refused, message)
                .way_out("make the file writable, or use another cartridge"));
        }
        if self.at + length > self.capacity {
            let message = format!("{} is full", self.path.display());
            return Err(Error::new(ErrorKind::Full, message)
                .way_out("run the same command again: it goes on with another cartridge"));
        }
        let write = |file: &mut File, at: u64| -> io::Result<()> {
            use std::io::Seek;
            // What lies behind a place that is written is lost, on a tape.
            if file.metadata()?.len() > at {
                file.set_len(at)?;
            }
            file.seek(io::SeekFrom::Start(at))?;
            let mut slices = slices;
            while !slices.is_empty() {
                match file.write_vectored(slices)? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    written => IoSlice::advance_slices(&mut slices, written),
                }
            }
            Ok(())
        };
        let at = self.at;
        write(&mut self.file, at).map_err(|cause| self.failed("writing tape", cause))?;
        self.at += length;
        Ok(())
    }
}

impl TapeDevice for SimhTape {
    fn write(&mut self, record: &[u8]) -> Result<Room> {
        let length = u32::try_from(record.len()).ok().filter(|it| (1..=RECORD_MAX).contains(it));
        let length = length.expect("a pool's records are of a length that tapes have");
        let (mark, padding) = (length.to_le_bytes(), [0; 1]);
        let padding = &padding[..record.len() % 2];
        let whole = 2 * MARK + (record.len() + padding.len()) as u64;
        let mut slices = [&mark[..], record, padding, &mark[..]].map(IoSlice::new);
        self.append(&mut slices, whole)?;
        Ok(self.room())
    }

    fn read(&mut self, record: &mut [u8]) -> Result<TapeRead> {
        let length = match self.mark_at(self.at)? {
            None => return Ok(TapeRead::EndOfData),
            Some(FILEMARK) => {
                self.at += MARK;
                return Ok(TapeRead::Filemark);
            }
            Some(length) => length,
        };
        let Some(end) = self.end_of(self.at, length)? else { return Ok(TapeRead::EndOfData) };
        let Some(room) = record.get_mut(..length as usize) else {
            let message = format!("{}: a record of {length} bytes", self.path.display());
            return Err(Error::new(ErrorKind::Damaged, message)
                .way_out("its records are longer than those of the pool: is it another's tape?"));
        };
        let read = self.file.read_exact_at(room, self.at + MARK);
        read.map_err(|cause| self.failed("reading tape", cause))?;
        self.at = end;
        Ok(TapeRead::Record(length as usize))
    }

    fn write_filemarks(&mut self, count: u32) -> Result<Room> {
        for _ in 0..count {
            let mark = FILEMARK.to_le_bytes();
            self.append(&mut [IoSlice::new(&mark)], MARK)?;
        }
        self.file.sync_data().map_err(|cause| self.failed("syncing tape", cause))?;
        Ok(self.room())
    }

    fn rewind(&mut self) -> Result<()> {
        self.at = 0;
        Ok(())
    }

    fn space_filemarks(&mut self, count: u32) -> Result<()> {
        for _ in 0..count {
            loop {
                match self.mark_at(self.at)? {
                    Some(FILEMARK) => break,
                    _ if self.skip(false)? => {}
                    _ => return Err(self.ends_early()),
                }
            }
            self.at += MARK;
        }
        Ok(())
    }

    fn space_records(&mut self, count: u32) -> Result<()> {
        for _ in 0..count {
            if !self.skip(false)? {
                return Err(self.ends_early());
            }
        }
        Ok(())
    }

    fn space_to_end(&mut self) -> Result<()> {
        while self.skip(true)? {}
        Ok(())
    }

    fn is_write_protected(&mut self) -> Result<bool> {
        Ok(!self.writable)
    }
}

impl SimhTape {
    fn ends_early(&self) -> Error {
        let message = format!("the data on {} ends before", self.path.display());
        Error::new(ErrorKind::Missing, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::conformance::bytes;

    fn tape(folder: &tempfile::TempDir) -> SimhTape {
        SimhTape::open(folder.path().join("A.tap"), 1 << 20, 100 << 10).unwrap()
    }

    fn read(tape: &mut SimhTape) -> (TapeRead, Vec<u8>) {
        let mut record = vec![0; 70_000];
        let read = tape.read(&mut record).unwrap();
        if let TapeRead::Record(length) = read {
            record.truncate(length);
        }
        (read, record)
    }

    #[test]
    fn the_bytes_are_those_that_simh_says() {
        let folder = tempfile::tempdir().unwrap();
        let mut tape = tape(&folder);
        assert_eq!(tape.write(b"abc").unwrap(), Room::Ample);
        tape.write_filemarks(1).unwrap();
        tape.write(b"de").unwrap();
        let wanted = b"\x03\0\0\0abc\0\x03\0\0\0\0\0\0\0\x02\0\0\0de\x02\0\0\0";
        assert_eq!(std::fs::read(folder.path().join("A.tap")).unwrap(), wanted);
    }

    #[test]
    fn records_and_filemarks_are_read_and_gone_over() {
        let folder = tempfile::tempdir().unwrap();
        let mut tape = tape(&folder);
        let record = |seed| bytes(seed, 65_536);
        for seed in 0..3 {
            tape.write(&record(seed)).unwrap();
        }
        tape.write_filemarks(1).unwrap();
        tape.write(&record(3)).unwrap();
        tape.write_filemarks(0).unwrap();
        tape.rewind().unwrap();
        assert_eq!(read(&mut tape).1, record(0));
        tape.space_records(1).unwrap();
        assert_eq!(read(&mut tape).1, record(2));
        assert_eq!(read(&mut tape).0, TapeRead::Filemark);
        assert_eq!(read(&mut tape).1, record(3));
        assert_eq!(read(&mut tape).0, TapeRead::EndOfData);
        tape.rewind().unwrap();
        tape.space_filemarks(1).unwrap();
        assert_eq!(read(&mut tape).1, record(3));
        assert!(tape.space_records(1).is_err());
        // What is behind a place that is written is lost.
        tape.rewind().unwrap();
        tape.space_records(1).unwrap();
        tape.write(&record(9)).unwrap();
        assert_eq!(read(&mut tape).0, TapeRead::EndOfData);
    }

    #[test]
    fn it_warns_before_its_end_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut tape = tape(&folder);
        let mut rooms = Vec::new();
        let error = loop {
            match tape.write(&bytes(1, 65_536)) {
                Ok(room) => rooms.push(room),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::Full);
        assert_eq!(rooms.iter().filter(|room| **room == Room::Low).count(), 1, "{rooms:?}");
    }

    #[test]
    fn a_torn_record_is_the_end_of_the_data() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("A.tap");
        let mut tape = tape(&folder);
        tape.write(&bytes(1, 1000)).unwrap();
        tape.write(&bytes(2, 1000)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 1009..2016 {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut tape = SimhTape::open(&path, 1 << 20, 0).unwrap();
            assert_eq!(read(&mut tape).0, TapeRead::Record(1000));
            assert_eq!(read(&mut tape).0, TapeRead::EndOfData, "{length}");
            tape.rewind().unwrap();
            tape.space_to_end().unwrap();
            tape.write(&bytes(3, 1000)).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().len(), 2016);
        }
    }

    #[test]
    fn a_protected_cartridge_is_not_written() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("A.tap");
        std::fs::write(&path, b"").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        let mut tape = SimhTape::open(&path, 1 << 20, 0).unwrap();
        assert!(tape.is_write_protected().unwrap());
        assert_eq!(tape.write(b"x").unwrap_err().kind(), ErrorKind::Refused);
    }
}

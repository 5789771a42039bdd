//! A drive with a cartridge in it: records by their numbers, and where the tape stands.

use std::collections::VecDeque;

use super::device::{TapeDevice, TapeRead};
use crate::media::Room;
use crate::{Error, ErrorKind, Result};

/// Records between two filemarks, so that places are arithmetic: record `n` stands behind `n / 1024`
/// filemarks and, from there, behind `n % 1024` records. SPEC 4.8.
pub(super) const FILE_RECORDS: u64 = 1024;
/// Records that are kept after they were read: what workers ask for is nearly in order, not quite.
const KEPT_RECORDS: usize = 32;
/// A gap of so many records is read through rather than gone over, for the same reason.
const GAP_RECORDS: u64 = 16;

/// A drive with a cartridge in it.
#[derive(Debug)]
pub(super) struct LoadedDrive {
    pub(super) device: Box<dyn TapeDevice>,
    pub(super) barcode: String,
    record_length: usize,
    /// The record that the tape stands in front of; none where that is not known.
    at: Option<u64>,
    kept: VecDeque<(u64, Vec<u8>)>,
    /// How often it was gone through from its beginning, or from further back than it stood.
    pub(super) passes: u64,
}

impl LoadedDrive {
    pub(super) fn new(
        device: Box<dyn TapeDevice>,
        barcode: &str,
        record_length: usize,
    ) -> LoadedDrive {
        let (barcode, kept) = (barcode.to_owned(), VecDeque::new());
        LoadedDrive { device, barcode, record_length, at: None, kept, passes: 0 }
    }

    /// Brings the tape in front of a record, all of which before it are there.
    fn go_to(&mut self, record: u64) -> Result<()> {
        match self.at {
            Some(at) if at == record => return Ok(()),
            Some(at) if at < record && at / FILE_RECORDS == record / FILE_RECORDS => {
                self.at = None;
                self.device.space_records(count(record - at))?;
            }
            Some(at) if at < record => {
                self.at = None;
                self.device.space_filemarks(count(record / FILE_RECORDS - at / FILE_RECORDS))?;
                self.device.space_records(count(record % FILE_RECORDS))?;
            }
            _ => {
                self.passes += 1;
                self.at = None;
                self.device.rewind()?;
                self.device.space_filemarks(count(record / FILE_RECORDS))?;
                self.device.space_records(count(record % FILE_RECORDS))?;
            }
        }
        self.at = Some(record);
        Ok(())
    }

    /// Writes the next records where the volume ends, which is in front of record `end`.
    pub(super) fn append(&mut self, end: u64, bytes: &[u8]) -> Result<Room> {
        if self.at != Some(end) {
            self.go_to_end(end)?;
        }
        self.kept.clear();
        let mut room = Room::Ample;
        let mut low = |written: Room| {
            if written == Room::Low {
                room = Room::Low;
            }
        };
        let mut at = end;
        for record in bytes.chunks(self.record_length) {
            assert_eq!(record.len(), self.record_length, "the volume writer pads to whole records");
            self.at = None;
            low(self.device.write(record)?);
            at += 1;
            if at.is_multiple_of(FILE_RECORDS) {
                low(self.device.write_filemarks(1)?);
            }
            self.at = Some(at);
        }
        Ok(room)
    }

    /// Before anything is written, the last record is read: a place that was only counted could be
    /// wrong, and what stands behind it would be lost.
    fn go_to_end(&mut self, end: u64) -> Result<()> {
        if end == 0 {
            return self.go_to(0);
        }
        self.go_to(end - 1)?;
        self.read_next()?.ok_or_else(|| self.ends_early(end - 1))?;
        if self.at != Some(end) {
            // A kill came between the record and its filemark.
            self.go_to(end - 1)?;
            self.at = None;
            self.device.space_records(1)?;
            self.device.write_filemarks(1)?;
            self.at = Some(end);
        }
        Ok(())
    }

    /// Makes all that was written durable.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.device.write_filemarks(0).map(drop)
    }

    /// Reads a record.
    pub(super) fn read(&mut self, record: u64) -> Result<&[u8]> {
        if let Some(kept) = self.kept.iter().position(|(number, _)| *number == record) {
            return Ok(&self.kept[kept].1);
        }
        match self.at {
            Some(at) if at < record && record - at <= GAP_RECORDS => {}
            _ => self.go_to(record)?,
        }
        loop {
            let at = self.at.ok_or_else(|| self.ends_early(record))?;
            self.read_next()?.ok_or_else(|| self.ends_early(record))?;
            if at == record {
                return Ok(&self.kept.back().expect("it was just read").1);
            }
        }
    }

    /// Reads the record that the tape stands in front of; none at the end of the data.
    fn read_next(&mut self) -> Result<Option<()>> {
        let at = self.at.take().expect("the tape was brought to a record");
        let mut record = match self.kept.len() < KEPT_RECORDS {
            true => vec![0; self.record_length],
            false => self.kept.pop_front().expect("some are kept").1,
        };
        match self.device.read(&mut record)? {
            TapeRead::Record(length) if length == self.record_length => {
                self.kept.push_back((at, record));
                let next = at + 1;
                // The tape always stands behind the filemark in front of a file.
                let is_there =
                    !next.is_multiple_of(FILE_RECORDS) || self.device.space_filemarks(1).is_ok();
                self.at = is_there.then_some(next);
                Ok(Some(()))
            }
            TapeRead::Record(length) => {
                let message = format!("{}: record {at} has {length} bytes", self.barcode);
                Err(Error::new(ErrorKind::Damaged, message).way_out(format!(
                    "the pool's records have {}: is it another's tape?",
                    self.record_length
                )))
            }
            TapeRead::Filemark | TapeRead::EndOfData => Ok(None),
        }
    }

    /// The records on the tape, by going over them: for when nobody remembers.
    pub(super) fn count_records(&mut self) -> Result<u64> {
        self.go_to(0)?;
        while self.at.is_some() && self.read_next()?.is_some() {}
        Ok(self.kept.back().map_or(0, |(number, _)| number + 1))
    }

    /// The first record, as it is; none where the tape is blank.
    pub(super) fn first_record(&mut self) -> Result<Option<Vec<u8>>> {
        self.at = None;
        self.passes += 1;
        self.device.rewind()?;
        // Somebody else's tape may have records of any length.
        let mut record = vec![0; self.record_length.max(1 << 20)];
        let read = self.device.read(&mut record)?;
        match read {
            TapeRead::EndOfData => {
                self.device.rewind()?;
                self.at = Some(0);
                Ok(None)
            }
            TapeRead::Filemark => Ok(Some(Vec::new())),
            TapeRead::Record(length) => {
                record.truncate(length);
                if length == self.record_length {
                    self.kept.push_back((0, record.clone()));
                    self.at = Some(1);
                }
                Ok(Some(record))
            }
        }
    }

    fn ends_early(&self, record: u64) -> Error {
        let message = format!("{} ends before record {record}", self.barcode);
        Error::new(ErrorKind::Damaged, message)
    }
}

fn count(records: u64) -> u32 {
    u32::try_from(records).expect("a tape has fewer records")
}

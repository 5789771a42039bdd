//! One record, and all that a drive may have to say about it.

use super::{TRANSFER, TapeDrive};
use crate::media::Room;
use crate::media::scsi::bytes;
use crate::media::scsi::sense::{Sense, key};
use crate::media::scsi::transport::Data;
use crate::media::tape::TapeRead;
use crate::{Error, ErrorKind, Result};

impl TapeDrive {
    pub(super) fn check_length(&self, length: usize) -> Result<()> {
        if (1..=self.longest).contains(&length) {
            return Ok(());
        }
        let (address, longest) = (self.unit.address(), self.longest);
        let message = format!("{address} takes records of 1 to {longest} bytes, not of {length}");
        Err(Error::new(ErrorKind::Usage, message)
            .way_out("use a shorter record length for this drive"))
    }

    pub(super) fn write_record(&mut self, record: &[u8]) -> Result<Room> {
        let mut command = [0x0a, 0, 0, 0, 0, 0];
        bytes::put(&mut command, 2, 3, record.len() as u64);
        let limit = self.limited(TRANSFER);
        let done = self.unit.run("WRITE", &command, Data::Out(record), limit)?;
        let room = self.room("WRITE", done.sense)?;
        if done.transferred < record.len() {
            let (address, took) = (self.unit.address(), done.transferred);
            let message =
                format!("{address}: WRITE: the drive took {took} bytes of {}", record.len());
            return Err(
                Error::new(ErrorKind::Io, message).way_out("rewind, and look what is there")
            );
        }
        Ok(room)
    }

    /// Whether there is room for more, from what a drive said after it wrote.
    pub(super) fn room(&self, name: &str, sense: Option<Sense>) -> Result<Room> {
        let Some(sense) = sense else { return Ok(Room::Ample) };
        // Near the end, all of it written, unless the drive says that something is left.
        let is_whole = sense.information.is_none_or(|left| left == 0);
        match sense.key {
            key::NO_SENSE | key::RECOVERED if sense.end_of_medium && is_whole => Ok(Room::Low),
            key::RECOVERED if is_whole => Ok(Room::Ample),
            key::NO_SENSE if sense.end_of_medium => {
                let sense = Sense { key: key::VOLUME_OVERFLOW, ..sense };
                Err(self.unit.failure(name, &sense))
            }
            _ => Err(self.unit.failure(name, &sense)),
        }
    }

    pub(super) fn read_record(&mut self, record: &mut [u8]) -> Result<TapeRead> {
        let asked = record.len().min(self.longest);
        if asked == 0 {
            let message = format!("{}: READ into no buffer", self.unit.address());
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let mut command = [0x08, 0, 0, 0, 0, 0];
        bytes::put(&mut command, 2, 3, asked as u64);
        let limit = self.limited(TRANSFER);
        let data = Data::In(&mut record[..asked]);
        let done = self.unit.run("READ", &command, data, limit)?;
        let Some(sense) = done.sense else { return self.whole(done.transferred, asked, asked) };
        match sense.key {
            key::NO_SENSE | key::RECOVERED if sense.filemark => Ok(TapeRead::Filemark),
            key::NO_SENSE if (sense.asc, sense.ascq) == (0x00, 0x05) => Ok(TapeRead::EndOfData),
            key::BLANK_CHECK => Ok(TapeRead::EndOfData),
            // The physical end, with nothing that marks the end of the data before it.
            key::MEDIUM_ERROR if sense.end_of_medium && sense.asc == 0x00 => {
                Ok(TapeRead::EndOfData)
            }
            key::NO_SENSE | key::RECOVERED => {
                let left = sense.information.unwrap_or((asked - done.transferred) as i64);
                if sense.incorrect_length && left <= 0 {
                    let (address, more) = (self.unit.address(), -left);
                    let message =
                        format!("{address}: a record is longer than {asked} bytes, by {more}");
                    return Err(Error::new(ErrorKind::Damaged, message)
                        .way_out("see whether this tape was written by this program"));
                }
                let length = usize::try_from(left).ok().and_then(|left| asked.checked_sub(left));
                // What cannot be is as good as nothing that came.
                self.whole(done.transferred, length.unwrap_or(usize::MAX), asked)
            }
            _ => Err(self.unit.failure("READ", &sense)),
        }
    }

    /// A record of `length` bytes, all of which have to have come.
    fn whole(&self, transferred: usize, length: usize, asked: usize) -> Result<TapeRead> {
        if length == 0 || length > asked || transferred < length {
            let address = self.unit.address();
            let message = format!(
                "{address}: READ of {asked} bytes: the drive sent {transferred} of a record of {length}"
            );
            return Err(Error::new(ErrorKind::Damaged, message).way_out("read the record again"));
        }
        Ok(TapeRead::Record(length))
    }
}

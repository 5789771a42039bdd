//! Tape drives (SSC): records of any length, filemarks, and the place of the tape.
//!
//! Some drives, tgt's among them, neither tell their place nor go to one, so both are left to the
//! caller, who counts. That makes one rule vital: a drive that was reset or failed may stand
//! anywhere, and nothing is read or written there until the tape was rewound.

mod record;
mod setup;

use std::time::Duration;

use super::bytes;
use super::sense::{Sense, key};
use super::transport::Data;
use super::unit::{DeviceType, LogicalUnit};
use crate::media::Room;
use crate::media::tape::{TapeDevice, TapeRead};
use crate::{Error, ErrorKind, Result};

/// Loading and threading a cartridge.
const LOAD: Duration = Duration::from_secs(15 * 60);
/// One record or filemark, with all retries of the drive; vendors say up to 40 minutes.
const TRANSFER: Duration = Duration::from_secs(40 * 60);
/// From one end of the tape to the other.
const WIND: Duration = Duration::from_secs(60 * 60);
/// The largest number that fits into the signed field of SPACE.
const MOST_SPACED: u32 = 0x7f_ffff;
/// The largest record that fits into the length field of READ and WRITE.
const LONGEST: usize = 0xff_ffff;

/// What is known of the tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Nothing yet: the next command sets the drive up and goes to the beginning.
    Fresh,
    /// The drive is set up, and stands where the caller thinks.
    Known,
    /// After an error.
    Lost,
}

/// A tape drive.
///
/// May be opened with no cartridge in it; the first command rewinds. After an error only
/// [`TapeDevice::rewind`] goes on. Whoever changes the cartridge calls [`TapeDrive::unload`] before.
#[derive(Debug)]
pub struct TapeDrive {
    unit: LogicalUnit,
    place: Place,
    /// Bytes of the longest record.
    longest: usize,
    /// Limits all timeouts.
    timeout: Duration,
}

impl TapeDrive {
    /// Opens the drive at an address, which may be empty.
    pub fn open(address: &str) -> Result<TapeDrive> {
        TapeDrive::new(LogicalUnit::open(address)?)
    }

    /// Takes a logical unit, which has to be a tape drive.
    pub fn new(mut unit: LogicalUnit) -> Result<TapeDrive> {
        unit.expect(DeviceType::Tape)?;
        Ok(TapeDrive { unit, place: Place::Fresh, longest: LONGEST, timeout: WIND })
    }

    /// The drive itself, to ask who it is.
    pub fn unit(&mut self) -> &mut LogicalUnit {
        &mut self.unit
    }

    /// Lets no command take longer than this, where it would be allowed to.
    pub fn limit_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Whether a cartridge is in the drive and can be used. Does not wait.
    pub fn is_ready(&mut self) -> Result<bool> {
        let (sense, happened) = self.unit.state()?;
        if happened || sense.is_some() {
            // Another cartridge may be in it, or it may have been reset to the beginning.
            self.lose_place();
        }
        match sense {
            None => Ok(true),
            Some(sense) if sense.key == key::NOT_READY => Ok(false),
            Some(sense) => Err(self.unit.failure("TEST UNIT READY", &sense)),
        }
    }

    /// Lets go of the cartridge, so that a changer can take it; an empty drive is left alone.
    ///
    /// Some drives give it up only after this, others need nothing.
    pub fn unload(&mut self) -> Result<()> {
        self.place = Place::Fresh;
        let (sense, _) = self.unit.state()?;
        if sense.is_some_and(|sense| sense.is_no_medium()) {
            return Ok(());
        }
        let limit = self.limited(LOAD);
        self.unit.must("UNLOAD", &[0x1b, 0, 0, 0, 0, 0], Data::None, limit).map(|_| ())
    }

    /// Makes sure that the tape stands where the caller thinks.
    fn find_place(&mut self) -> Result<()> {
        match self.place {
            Place::Known => Ok(()),
            Place::Fresh => self.rewind(),
            Place::Lost => {
                let address = self.unit.address();
                let message = format!("{address}: the place of the tape is lost after an error");
                Err(Error::new(ErrorKind::Io, message).way_out("rewind the tape"))
            }
        }
    }

    /// Runs what needs the tape in its place; after a failure the place is lost.
    fn at_place<T>(&mut self, run: impl FnOnce(&mut TapeDrive) -> Result<T>) -> Result<T> {
        self.find_place()?;
        let result = run(self);
        if result.is_err() {
            self.lose_place();
        }
        result
    }

    /// A drive in which nothing was done yet stays as it is.
    fn lose_place(&mut self) {
        if self.place == Place::Known {
            self.place = Place::Lost;
        }
    }

    fn space(&mut self, name: &str, code: u8, count: u32) -> Result<()> {
        let limit = self.limited(WIND);
        let mut left = count;
        loop {
            let part = left.min(MOST_SPACED);
            let mut command = [0x11, code, 0, 0, 0, 0];
            bytes::put(&mut command, 2, 3, part.into());
            let done = self.unit.run(name, &command, Data::None, limit)?;
            match done.sense {
                None => {}
                Some(sense) if sense.key == key::RECOVERED => {}
                Some(sense) if sense.key == key::BLANK_CHECK || is_stop(&sense) => {
                    return Err(self.short_of(name, part, &sense));
                }
                Some(sense) => return Err(self.unit.failure(name, &sense)),
            }
            left -= part;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// The tape holds less than it should.
    fn short_of(&self, name: &str, count: u32, sense: &Sense) -> Error {
        let address = self.unit.address();
        let left = sense.information.map(|left| format!(", {left} before the goal"));
        let left = left.unwrap_or_default();
        let message = format!("{address}: {name} {count} met {sense}{left}");
        Error::new(ErrorKind::Damaged, message).way_out(
            "see whether the right cartridge is in the drive; it may have been overwritten",
        )
    }

    fn limited(&self, timeout: Duration) -> Duration {
        timeout.min(self.timeout)
    }
}

/// Whether something stood in the way: a filemark, an end of the tape, the end of the data.
fn is_stop(sense: &Sense) -> bool {
    sense.key == key::NO_SENSE
        || sense.key == key::MEDIUM_ERROR && (sense.end_of_medium || sense.filemark)
}

impl TapeDevice for TapeDrive {
    fn write(&mut self, record: &[u8]) -> Result<Room> {
        self.find_place()?;
        self.check_length(record.len())?;
        self.at_place(|drive| drive.write_record(record))
    }

    fn read(&mut self, record: &mut [u8]) -> Result<TapeRead> {
        self.at_place(|drive| drive.read_record(record))
    }

    fn write_filemarks(&mut self, count: u32) -> Result<Room> {
        self.at_place(|drive| {
            if count > 0xff_ffff {
                let message = format!("{}: {count} filemarks at once", drive.unit.address());
                return Err(Error::new(ErrorKind::Usage, message));
            }
            let mut command = [0x10, 0, 0, 0, 0, 0];
            bytes::put(&mut command, 2, 3, count.into());
            let limit = drive.limited(TRANSFER);
            let done = drive.unit.run("WRITE FILEMARKS", &command, Data::None, limit)?;
            drive.room("WRITE FILEMARKS", done.sense)
        })
    }

    fn rewind(&mut self) -> Result<()> {
        self.lose_place();
        self.prepare()?;
        let limit = self.limited(WIND);
        let _ = self.unit.must("REWIND", &[0x01, 0, 0, 0, 0, 0], Data::None, limit)?;
        self.place = Place::Known;
        Ok(())
    }

    fn space_filemarks(&mut self, count: u32) -> Result<()> {
        self.at_place(|drive| drive.space("SPACE filemarks", 1, count))
    }

    fn space_records(&mut self, count: u32) -> Result<()> {
        self.at_place(|drive| drive.space("SPACE records", 0, count))
    }

    fn space_to_end(&mut self) -> Result<()> {
        self.at_place(|drive| {
            let limit = drive.limited(WIND);
            let command = [0x11, 3, 0, 0, 0, 0];
            let done = drive.unit.run("SPACE end of data", &command, Data::None, limit)?;
            match done.sense {
                // Some drives report that they arrived.
                None => Ok(()),
                Some(sense) if sense.key <= key::RECOVERED || sense.key == key::BLANK_CHECK => {
                    Ok(())
                }
                Some(sense) => Err(drive.unit.failure("SPACE end of data", &sense)),
            }
        })
    }

    fn is_write_protected(&mut self) -> Result<bool> {
        // Asked with the cartridge in its place: an empty drive says that nothing is protected.
        self.at_place(|drive| Ok(drive.mode()?.is_protected))
    }
}

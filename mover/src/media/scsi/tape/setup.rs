//! Getting a drive with a new cartridge to where records of any length can be written.

use super::{LOAD, LONGEST, TapeDrive};
use crate::media::scsi::bytes;
use crate::media::scsi::sense::key;
use crate::media::scsi::transport::Data;
use crate::media::scsi::unit::SHORT;
use crate::{Error, ErrorKind, Result};

impl TapeDrive {
    /// Waits for a cartridge that is being loaded, and sets the drive up for it. Fails with
    /// [`ErrorKind::Missing`] at once where there is none.
    pub(super) fn prepare(&mut self) -> Result<()> {
        let patience = self.limited(LOAD);
        let (mut sense, _) = self.unit.settled(patience)?;
        if sense.is_some_and(|sense| sense.code() == (key::NOT_READY, 0x04, 0x02)) {
            // The cartridge lies in the drive, but somebody has to tell the drive to thread it.
            let _ = self.unit.must("LOAD", &[0x1b, 0, 0, 0, 1, 0], Data::None, patience)?;
            (sense, _) = self.unit.settled(patience)?;
        }
        if let Some(sense) = sense {
            return Err(self.unit.failure("TEST UNIT READY", &sense));
        }
        self.longest = self.ask_longest()?;
        self.set_variable()
    }

    fn ask_longest(&mut self) -> Result<usize> {
        let mut data = [0; 6];
        let command = [0x05, 0, 0, 0, 0, 0];
        let _ = self.unit.must("READ BLOCK LIMITS", &command, Data::In(&mut data), SHORT)?;
        match bytes::get(&data, 1, 3) as usize {
            0 => Ok(LONGEST),
            longest => Ok(longest),
        }
    }

    /// Asks for records of any length, in the drive's own compression and density.
    fn set_variable(&mut self) -> Result<()> {
        const BUFFERED: u8 = 0x10;
        let header = self.mode()?;
        // A mode parameter header, and one block descriptor: the density that it has, length 0.
        let parameters = [0, 0, BUFFERED, 8, header.density, 0, 0, 0, 0, 0, 0, 0];
        let command = [0x15, 0x10, 0, 0, parameters.len() as u8, 0];
        let _ = self.unit.must("MODE SELECT", &command, Data::Out(&parameters), SHORT)?;
        match self.mode()?.block_length {
            0 => Ok(()),
            length => {
                let address = self.unit.address();
                let message = format!("{address} keeps to blocks of {length} bytes");
                Err(Error::new(ErrorKind::Unsupported, message)
                    .way_out("set the drive to variable block length"))
            }
        }
    }

    pub(super) fn mode(&mut self) -> Result<Mode> {
        let mut data = [0; 12];
        let command = [0x1a, 0, 0, 0, 12, 0];
        let _ = self.unit.must("MODE SENSE", &command, Data::In(&mut data), SHORT)?;
        let has_descriptor = data[3] >= 8;
        Ok(Mode {
            is_protected: data[2] & 0x80 != 0,
            density: if has_descriptor { data[4] } else { 0 },
            block_length: if has_descriptor { bytes::get(&data, 9, 3) as u32 } else { 0 },
        })
    }
}

/// What MODE SENSE tells.
pub(super) struct Mode {
    pub(super) is_protected: bool,
    density: u8,
    block_length: u32,
}

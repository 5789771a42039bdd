//! Disc recorders (MMC): burning an image to a blank write-once disc, and reading discs.
//!
//! Only discs that need no laser settings from the host are burned: DVD+R and BD-R. A disc is
//! burned from its first block to the last in one go and closed; nothing is ever overwritten.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use super::bytes;
use super::sense::{Sense, key};
use super::transport::Data;
use super::unit::{DeviceType, LogicalUnit, SHORT};
use crate::{Error, ErrorKind, Result};

/// Bytes of a block of a disc.
pub const BLOCK: usize = 2048;
/// Bytes that go over at once: what DVD and Blu-ray discs correct errors in, or a multiple.
const CHUNK: usize = 64 << 10;
/// Turning up, or looking at a disc of which it knows nothing.
const SPIN_UP: Duration = Duration::from_secs(2 * 60);
/// One command that moves data, with the drive's own retries.
const TRANSFER: Duration = Duration::from_secs(2 * 60);
/// Writing what ends a disc.
const CLOSE: Duration = Duration::from_secs(60 * 60);

/// Whether a disc can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscState {
    /// Nothing is on it.
    Blank,
    /// Something is on it, and it is not closed.
    Appendable,
    /// Nothing more can be written.
    Complete,
}

/// A disc in a drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disc {
    /// Its kind, by the number in the standard.
    pub profile: u16,
    /// Whether it can be written.
    pub state: DiscState,
    /// It can be erased, so it is none that keeps what is on it.
    pub erasable: bool,
}

impl Disc {
    /// What people call this kind of disc.
    pub fn kind(&self) -> &'static str {
        match self.profile {
            0x08 => "CD-ROM",
            0x09 => "CD-R",
            0x0a => "CD-RW",
            0x10 => "DVD-ROM",
            0x11 | 0x15 | 0x16 => "DVD-R",
            0x12 => "DVD-RAM",
            0x13 | 0x14 | 0x17 => "DVD-RW",
            0x1a | 0x2a => "DVD+RW",
            0x1b | 0x2b => "DVD+R",
            0x40 => "BD-ROM",
            0x41 | 0x42 => "BD-R",
            0x43 => "BD-RE",
            _ => "unknown disc",
        }
    }

    fn is_burnable(&self) -> bool {
        matches!(self.profile, 0x1b | 0x2b | 0x41) && !self.erasable
    }
}

/// A drive for discs.
#[derive(Debug)]
pub struct Recorder {
    unit: LogicalUnit,
    /// Limits all timeouts.
    timeout: Duration,
}

impl Recorder {
    /// Opens the drive at an address, which may be empty.
    pub fn open(address: &str) -> Result<Recorder> {
        Recorder::new(LogicalUnit::open(address)?)
    }

    /// Takes a logical unit, which has to be a drive for discs.
    pub fn new(mut unit: LogicalUnit) -> Result<Recorder> {
        unit.expect(DeviceType::Disc)?;
        Ok(Recorder { unit, timeout: CLOSE })
    }

    /// The drive itself, to ask who it is.
    pub fn unit(&mut self) -> &mut LogicalUnit {
        &mut self.unit
    }

    /// Lets no command take longer than this, where it would be allowed to.
    pub fn limit_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// The disc in the drive; none where there is none.
    pub fn disc(&mut self) -> Result<Option<Disc>> {
        let (sense, _) = self.unit.settled(SPIN_UP.min(self.timeout))?;
        match sense {
            None => {}
            Some(sense) if sense.is_no_medium() => return Ok(None),
            Some(sense) => return Err(self.unit.failure("TEST UNIT READY", &sense)),
        }
        let mut data = [0; 8];
        let command = [0x46, 0x02, 0, 0, 0, 0, 0, 0, 8, 0];
        let done = self.unit.must("GET CONFIGURATION", &command, Data::In(&mut data), SHORT)?;
        let profile = bytes::get16(&data[..done.transferred.min(8)], 6);
        let mut data = [0; 34];
        let command = [0x51, 0, 0, 0, 0, 0, 0, 0, 34, 0];
        let name = "READ DISC INFORMATION";
        let done = self.unit.must(name, &command, Data::In(&mut data), SHORT)?;
        if done.transferred < 3 {
            return Err(self.refuse("does not tell what is on the disc", "use another disc"));
        }
        let state = match data[2] & 0x03 {
            0 => DiscState::Blank,
            1 => DiscState::Appendable,
            _ => DiscState::Complete,
        };
        Ok(Some(Disc { profile, state, erasable: data[2] & 0x10 != 0 }))
    }

    /// Lets go of the disc, so that a changer or a person can take it; an empty drive is left alone.
    pub fn eject(&mut self) -> Result<()> {
        let (sense, _) = self.unit.state()?;
        if sense.is_some_and(|sense| sense.is_no_medium()) {
            return Ok(());
        }
        let limit = SPIN_UP.min(self.timeout);
        self.unit.must("START STOP UNIT", &[0x1b, 0, 0, 0, 0x02, 0], Data::None, limit).map(|_| ())
    }

    /// Blocks that a blank disc takes; none where the drive does not tell.
    pub fn free_blocks(&mut self) -> Result<Option<u64>> {
        let mut data = [0; 36];
        // Of the track that is still to be written.
        let command = [0x52, 0x01, 0, 0, 0, 0xff, 0, 0, data.len() as u8, 0];
        let done = self.unit.run("READ TRACK INFORMATION", &command, Data::In(&mut data), SHORT)?;
        let is_told = done.sense.is_none() && done.transferred >= 20;
        Ok(is_told.then(|| bytes::get(&data, 16, 4)).filter(|blocks| *blocks > 0))
    }

    /// Blocks on the disc, each of [`BLOCK`] bytes, as the drive counts them.
    ///
    /// Some count more than can be read: run-out blocks of a CD, one block in tgt. Whoever has to
    /// know the length of an image keeps it in the image.
    pub fn blocks(&mut self) -> Result<u64> {
        let mut data = [0; 8];
        let command = [0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let done = self.unit.must("READ CAPACITY", &command, Data::In(&mut data), SHORT)?;
        let length = bytes::get(&data, 4, 4) as usize;
        if done.transferred < 8 || length != BLOCK {
            let what = format!("has blocks of {length} bytes");
            return Err(self.refuse(&what, "use a data disc"));
        }
        Ok(bytes::get(&data, 0, 4) + 1)
    }

    /// Fills `bytes`, a multiple of [`BLOCK`], from a block on.
    pub fn read(&mut self, block: u64, bytes: &mut [u8]) -> Result<()> {
        for (number, part) in (0..).zip(bytes.chunks_mut(CHUNK)) {
            let at = block + number * (CHUNK / BLOCK) as u64;
            let command = self.transfer(0x28, at, part.len())?;
            let limit = TRANSFER.min(self.timeout);
            let wanted = part.len();
            let done = self.unit.must("READ", &command, Data::In(part), limit)?;
            if done.transferred < wanted {
                let (address, came) = (self.unit.address(), done.transferred);
                let message = format!("{address}: READ at block {at}: {came} of {wanted} bytes");
                return Err(Error::new(ErrorKind::Damaged, message).way_out("clean the disc"));
            }
        }
        Ok(())
    }

    /// Burns an image to a blank disc, closes it, and gives the count of its blocks.
    ///
    /// The last block is filled up with zeros. Fails with [`ErrorKind::Refused`] before anything is
    /// written where the disc is not blank or not of a kind that can be written once only, with
    /// [`ErrorKind::Full`] where the image is too long: then the disc is spoilt, so ask before. An
    /// error of `image` also spoils the disc. `written` gets the bytes that the drive took.
    pub fn burn(&mut self, image: &mut dyn Read, written: &mut dyn FnMut(u64)) -> Result<u64> {
        self.check_blank()?;
        let mut chunk = vec![0; CHUNK];
        let mut block = 0;
        loop {
            let filled = fill(image, &mut chunk)
                .map_err(|cause| Error::new(ErrorKind::Io, "reading the image").because(cause))?;
            let padded = filled.next_multiple_of(BLOCK);
            chunk[filled..padded].fill(0);
            if padded > 0 {
                self.write(block, &chunk[..padded])?;
                block += (padded / BLOCK) as u64;
                written(block * BLOCK as u64);
            }
            if filled < CHUNK {
                break;
            }
        }
        if block > 0 {
            self.close()?;
        }
        Ok(block)
    }

    /// Fails with [`ErrorKind::Missing`] where there is no disc, with [`ErrorKind::Refused`] where
    /// it is not blank or not of a kind that can be written once only.
    pub fn check_blank(&mut self) -> Result<()> {
        let Some(disc) = self.disc()? else {
            let message = format!("{}: there is no disc in the drive", self.unit.address());
            return Err(Error::new(ErrorKind::Missing, message).way_out("put a blank disc in"));
        };
        let kind = disc.kind();
        if disc.state != DiscState::Blank {
            return Err(
                self.refuse(&format!("holds a {kind} that is not blank"), "put a blank disc in")
            );
        }
        if !disc.is_burnable() {
            let what = format!("holds a {kind}, which is not written here");
            return Err(self.refuse(&what, "put a blank DVD+R or BD-R in"));
        }
        Ok(())
    }

    fn write(&mut self, block: u64, bytes: &[u8]) -> Result<()> {
        let command = self.transfer(0x2a, block, bytes.len())?;
        let limit = TRANSFER.min(self.timeout);
        let deadline = Instant::now() + limit;
        loop {
            let done = self.unit.run("WRITE", &command, Data::Out(bytes), limit)?;
            match done.sense {
                None if done.transferred == bytes.len() => return Ok(()),
                None => return Err(self.refuse("took a part of a write only", "use another disc")),
                Some(sense) if sense.key == key::RECOVERED => return Ok(()),
                // Its buffer is full, and it took none of this.
                Some(sense) if is_still_writing(&sense) && Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(20));
                }
                Some(sense) if sense.asc == 0x21 => {
                    let full = Sense { key: key::VOLUME_OVERFLOW, ..sense };
                    return Err(self.unit.failure("WRITE", &full));
                }
                Some(sense) => return Err(self.unit.failure("WRITE", &sense)),
            }
        }
    }

    /// Writes what makes a disc readable everywhere.
    fn close(&mut self) -> Result<()> {
        const TRACK: u8 = 1;
        const SESSION: u8 = 2;
        const DISC: u8 = 6;
        let limit = CLOSE.min(self.timeout);
        let flush = [0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let _ = self.unit.must("SYNCHRONIZE CACHE", &flush, Data::None, limit)?;
        let mut last = None;
        // Which of these a disc needs depends on its kind, and drives refuse those it does not.
        for (what, name) in
            [(TRACK, "CLOSE TRACK"), (SESSION, "CLOSE SESSION"), (DISC, "CLOSE DISC")]
        {
            let command = [0x5b, 0, what, 0, 0, 1, 0, 0, 0, 0];
            if let Some(sense) = self.unit.run(name, &command, Data::None, limit)?.sense {
                last = Some(self.unit.failure(name, &sense));
            }
            if self.disc()?.is_some_and(|disc| disc.state == DiscState::Complete) {
                return Ok(());
            }
        }
        Err(last.unwrap_or_else(|| self.refuse("does not close the disc", "use another disc")))
    }

    fn transfer(&self, opcode: u8, block: u64, length: usize) -> Result<[u8; 10]> {
        let blocks = length / BLOCK;
        if !length.is_multiple_of(BLOCK) || block + blocks as u64 > 1 << 32 {
            let address = self.unit.address();
            let message = format!("{address}: {length} bytes at block {block}");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let mut command = [0; 10];
        command[0] = opcode;
        bytes::put(&mut command, 2, 4, block);
        bytes::put(&mut command, 7, 2, blocks as u64);
        Ok(command)
    }

    fn refuse(&self, what: &str, way_out: &str) -> Error {
        Error::new(ErrorKind::Refused, format!("{} {what}", self.unit.address())).way_out(way_out)
    }
}

fn is_still_writing(sense: &Sense) -> bool {
    sense.code() == (key::NOT_READY, 0x04, 0x08)
}

/// Reads until `bytes` is full or there is no more.
fn fill(image: &mut dyn Read, bytes: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match image.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

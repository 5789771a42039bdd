//! One logical unit: its commands, with errors that name the device, the command and the way out.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use super::bytes;
use super::sense::{Sense, key};
use super::transport::{self, Data, Outcome, Transport};
use crate::{Error, ErrorKind, Result};

/// For commands that only ask.
pub(super) const SHORT: Duration = Duration::from_secs(30);

const GOOD: u8 = 0x00;
const CHECK_CONDITION: u8 = 0x02;
const BUSY: u8 = 0x08;
const RESERVATION_CONFLICT: u8 = 0x18;
const TASK_SET_FULL: u8 = 0x28;

/// A device may report so many changes, one for each command, before it says how it is.
const ATTENTIONS: usize = 8;

/// What kind of device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceType {
    /// A tape drive.
    Tape,
    /// A drive for CD, DVD or Blu-ray discs.
    Disc,
    /// The robot of a library.
    Changer,
    /// Anything else, by its number in the standard; 0x1f where nothing is behind the address.
    Other(u8),
}

impl DeviceType {
    fn words(self) -> String {
        match self {
            DeviceType::Tape => "a tape drive".to_owned(),
            DeviceType::Disc => "a disc drive".to_owned(),
            DeviceType::Changer => "a media changer".to_owned(),
            DeviceType::Other(0x00) => "a disk".to_owned(),
            DeviceType::Other(0x1f) => "nothing".to_owned(),
            DeviceType::Other(number) => format!("a device of type {number:#04x}"),
        }
    }
}

/// Who made a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What kind of device it is.
    pub device_type: DeviceType,
    /// The maker.
    pub vendor: String,
    /// The model.
    pub product: String,
    /// Its firmware.
    pub revision: String,
    /// Tells it from others of its model; empty where it has none.
    pub serial: String,
}

/// A device, with the way to it.
pub struct LogicalUnit {
    transport: Box<dyn Transport>,
    lun: u64,
    address: String,
}

/// What a device answered to a command that it understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) struct Done {
    pub(super) transferred: usize,
    /// Sense data, where there is any; it may be about a failure.
    pub(super) sense: Option<Sense>,
}

impl LogicalUnit {
    /// Opens the device at an address that [`transport::open`] knows.
    pub fn open(address: &str) -> Result<LogicalUnit> {
        let (transport, lun) = transport::open(address)?;
        Ok(LogicalUnit::new(transport, lun, address))
    }

    /// Takes a way to a device; `address` is what people call it.
    pub fn new(transport: Box<dyn Transport>, lun: u64, address: &str) -> LogicalUnit {
        LogicalUnit { transport, lun, address: address.to_owned() }
    }

    /// What people call it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Asks the device who it is. It answers this even where it is not ready.
    pub fn identity(&mut self) -> Result<Identity> {
        let mut data = [0; 96];
        let done = self.must("INQUIRY", &[0x12, 0, 0, 0, 96, 0], Data::In(&mut data), SHORT)?;
        let data = &data[..done.transferred.min(96)];
        let device_type = match data.first().map(|byte| byte & 0x1f) {
            Some(0x01) => DeviceType::Tape,
            Some(0x05) => DeviceType::Disc,
            Some(0x08) => DeviceType::Changer,
            number => DeviceType::Other(number.unwrap_or(0x1f)),
        };
        let (vendor, product) = (bytes::text(data, 8, 8), bytes::text(data, 16, 16));
        let revision = bytes::text(data, 32, 4);
        let mut page = [0; 255];
        let command = [0x12, 1, 0x80, 0, 255, 0];
        let asked = self.run("INQUIRY", &command, Data::In(&mut page), SHORT)?;
        let serial = match asked.sense {
            None if asked.transferred >= 4 && page[1] == 0x80 => {
                bytes::text(&page, 4, usize::from(page[3]))
            }
            _ => String::new(),
        };
        Ok(Identity { device_type, vendor, product, revision, serial })
    }

    /// Fails unless the device is what it has to be.
    pub(super) fn expect(&mut self, wanted: DeviceType) -> Result<()> {
        let found = self.identity()?.device_type;
        if found == wanted {
            return Ok(());
        }
        let message = format!("{} is {}, not {}", self.address, found.words(), wanted.words());
        Err(Error::new(ErrorKind::Usage, message).way_out("check the address of the device"))
    }

    /// How the device is, after it said all that happened to it: none where it is ready.
    ///
    /// The second value tells whether anything happened, such as a reset or a change of media.
    pub(super) fn state(&mut self) -> Result<(Option<Sense>, bool)> {
        let mut happened = false;
        for _ in 0..ATTENTIONS {
            match self.run("TEST UNIT READY", &[0; 6], Data::None, SHORT)?.sense {
                Some(sense) if sense.key == key::UNIT_ATTENTION => happened = true,
                // Ready, with something to say that needs nobody.
                Some(sense) if sense.key <= key::RECOVERED => return Ok((None, happened)),
                sense => return Ok((sense, happened)),
            }
        }
        let message = format!("{} does not stop reporting changes", self.address);
        Err(Error::new(ErrorKind::Io, message).way_out("switch the device off and on"))
    }

    /// As [`LogicalUnit::state`], but waits while the device gets ready.
    pub(super) fn settled(&mut self, patience: Duration) -> Result<(Option<Sense>, bool)> {
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(50);
        let mut happened = false;
        loop {
            let (sense, news) = self.state()?;
            happened |= news;
            let waits = sense.is_some_and(|sense| sense.is_becoming_ready());
            if !waits || Instant::now() >= deadline {
                return Ok((sense, happened));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Runs a command of which any sense data is a failure, but for a corrected error.
    pub(super) fn must(
        &mut self,
        name: &str,
        command: &[u8],
        data: Data<'_>,
        timeout: Duration,
    ) -> Result<Done> {
        let done = self.run(name, command, data, timeout)?;
        match done.sense {
            Some(sense) if sense.key != key::RECOVERED => Err(self.failure(name, &sense)),
            _ => Ok(done),
        }
    }

    /// Runs a command and leaves it to the caller what sense data means; that of a command before
    /// this one is always a failure.
    pub(super) fn run(
        &mut self,
        name: &str,
        command: &[u8],
        data: Data<'_>,
        timeout: Duration,
    ) -> Result<Done> {
        let outcome = self.transport.execute(self.lun, command, data, timeout);
        let Outcome { status, sense, transferred } = outcome.map_err(|cause| {
            let error = Error::new(cause.kind(), format!("{}: {name}", self.address));
            let way_out = cause.hint().unwrap_or("open the device again").to_owned();
            error.because(cause).way_out(way_out)
        })?;
        let busy = |what: &str, way_out: &str| {
            Error::new(ErrorKind::Busy, format!("{}: {name}: {what}", self.address))
                .way_out(way_out)
        };
        match status {
            GOOD => Ok(Done { transferred, sense: None }),
            CHECK_CONDITION => match sense {
                Some(sense) if sense.deferred && sense.key != key::RECOVERED => {
                    Err(self.failure(name, &sense))
                }
                Some(sense) => Ok(Done { transferred, sense: Some(sense) }),
                None => {
                    let message = format!("{}: {name}: failed without a reason", self.address);
                    Err(Error::new(ErrorKind::Io, message).way_out("switch the device off and on"))
                }
            },
            BUSY | TASK_SET_FULL => Err(busy("the device is busy", "try again later")),
            RESERVATION_CONFLICT => Err(busy(
                "another host has reserved the device",
                "end what uses the device on the other host",
            )),
            status => {
                let message = format!("{}: {name}: status {status:#04x}", self.address);
                Err(Error::new(ErrorKind::Io, message).way_out("try again"))
            }
        }
    }

    /// What sense data means to the caller of a command.
    pub(super) fn failure(&self, name: &str, sense: &Sense) -> Error {
        let message = format!("{}: {name}: {sense}", self.address);
        Error::new(sense.error_kind(), message).way_out(sense.way_out())
    }
}

impl fmt::Debug for LogicalUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogicalUnit").field("address", &self.address).finish_non_exhaustive()
    }
}

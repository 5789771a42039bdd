//! Media changers (SMC): what is where, and moving it.

use std::time::Duration;

use super::bytes;
use super::elements::{self, Element, Inventory, Layout};
use super::transport::Data;
use super::unit::{DeviceType, LogicalUnit, SHORT};
use crate::{Error, ErrorKind, Result};

/// Looking into every slot of a large library.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// One move, with a drive that has to wind back before it lets go.
const MOVE: Duration = Duration::from_secs(20 * 60);
/// Elements that are asked for at once: tgt fails where the answer might exceed 4096 bytes.
const BATCH: u32 = 25;
/// Bytes that an element's description may take; those of today's libraries take less than 100.
const DESCRIPTION: usize = 160;

/// The robot of a library.
#[derive(Debug)]
pub struct Changer {
    unit: LogicalUnit,
    layout: Layout,
    /// Limits all timeouts.
    timeout: Duration,
}

impl Changer {
    /// Opens the changer at an address.
    pub fn open(address: &str) -> Result<Changer> {
        Changer::new(LogicalUnit::open(address)?)
    }

    /// Takes a logical unit, which has to be a media changer.
    pub fn new(mut unit: LogicalUnit) -> Result<Changer> {
        unit.expect(DeviceType::Changer)?;
        let mut changer = Changer { unit, layout: Layout::default(), timeout: LOOK };
        changer.wait()?;
        let mut data = [0; 64];
        let command = [0x1a, 0x08, 0x1d, 0, data.len() as u8, 0];
        let done = changer.unit.must("MODE SENSE", &command, Data::In(&mut data), SHORT)?;
        let layout = Layout::parse(&data[..done.transferred]).ok_or_else(|| {
            let address = changer.unit.address();
            Error::new(ErrorKind::Unsupported, format!("{address} does not tell its elements"))
                .way_out("use a changer that has the element address assignment page")
        })?;
        Ok(Changer { layout, ..changer })
    }

    /// The changer itself, to ask who it is.
    pub fn unit(&mut self) -> &mut LogicalUnit {
        &mut self.unit
    }

    /// Lets no command take longer than this, where it would be allowed to.
    pub fn limit_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Makes the robot look into all places and read all labels anew. May take many minutes.
    pub fn look(&mut self) -> Result<()> {
        self.wait()?;
        let command = [0x07, 0, 0, 0, 0, 0];
        let limit = LOOK.min(self.timeout);
        self.unit.must("INITIALIZE ELEMENT STATUS", &command, Data::None, limit).map(|_| ())
    }

    /// What the changer knows of its places.
    pub fn inventory(&mut self) -> Result<Inventory> {
        self.wait()?;
        let layout = self.layout;
        Ok(Inventory {
            slots: self.elements(2, layout.slots)?,
            drives: self.elements(4, layout.drives)?,
            portals: self.elements(3, layout.portals)?,
        })
    }

    /// Moves a medium from one element to another.
    ///
    /// Fails with [`ErrorKind::Missing`] where there is none, with [`ErrorKind::Exists`] where the
    /// destination is full, with [`ErrorKind::Refused`] where a drive does not let go of it.
    pub fn move_medium(&mut self, source: u16, destination: u16) -> Result<()> {
        self.wait()?;
        let mut command = [0; 12];
        command[0] = 0xa5;
        bytes::put(&mut command, 2, 2, self.layout.robots.0.into());
        bytes::put(&mut command, 4, 2, source.into());
        bytes::put(&mut command, 6, 2, destination.into());
        let name = format!("MOVE MEDIUM from {source} to {destination}");
        let limit = MOVE.min(self.timeout);
        self.unit.must(&name, &command, Data::None, limit).map(|_| ())
    }

    /// Waits for a robot that starts, and takes note of what happened: a door that was opened, a
    /// reset. What is where is asked for every time, so none of it matters here.
    fn wait(&mut self) -> Result<()> {
        let (sense, _) = self.unit.settled(MOVE.min(self.timeout))?;
        sense.map_or(Ok(()), |sense| Err(self.unit.failure("TEST UNIT READY", &sense)))
    }

    fn elements(&mut self, kind: u8, (first, count): (u16, u16)) -> Result<Vec<Element>> {
        const WITH_LABELS: u8 = 0x10;
        let mut found = Vec::new();
        let end = u32::from(first) + u32::from(count);
        let mut start = u32::from(first);
        while start < end {
            let part = (end - start).min(BATCH);
            let mut data = vec![0; 16 + part as usize * DESCRIPTION];
            let mut command = [0; 12];
            (command[0], command[1]) = (0xb8, WITH_LABELS | kind);
            bytes::put(&mut command, 2, 2, start.into());
            bytes::put(&mut command, 4, 2, part.into());
            bytes::put(&mut command, 7, 3, data.len() as u64);
            let name = "READ ELEMENT STATUS";
            let limit = LOOK.min(self.timeout);
            let done = self.unit.must(name, &command, Data::In(&mut data), limit)?;
            let mut elements = elements::parse(&data[..done.transferred]);
            elements.retain(|element| (start..start + part).contains(&element.address.into()));
            if elements.len() != part as usize {
                let (address, told) = (self.unit.address(), elements.len());
                let message = format!("{address}: {name}: told of {told} elements out of {part}");
                return Err(Error::new(ErrorKind::Io, message)
                    .way_out("let the library take stock again, or look at its display"));
            }
            found.extend(elements);
            start += part;
        }
        Ok(found)
    }
}

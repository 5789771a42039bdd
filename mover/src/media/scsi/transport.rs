//! What carries commands to devices.

use std::fmt;
use std::time::Duration;

use super::{IscsiTransport, Sense, SgTransport};
use crate::Result;

/// What goes with a command.
#[derive(Debug)]
pub enum Data<'a> {
    /// Nothing.
    None,
    /// From the device, at most so much.
    In(&'a mut [u8]),
    /// To the device.
    Out(&'a [u8]),
}

/// How the device answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outcome {
    /// The SCSI status, 0 where all went well.
    pub status: u8,
    /// What the device says about it; always there after CHECK CONDITION, unless the device is
    /// broken.
    pub sense: Option<Sense>,
    /// Bytes that went over, which never are more than were given or asked for.
    pub transferred: usize,
}

/// The way to a device or to several. Commands are run one by one.
pub trait Transport: fmt::Debug + Send {
    /// Runs one command on a logical unit.
    ///
    /// That the device refuses is no error here but an [`Outcome`]; an error means that nobody
    /// knows what the device did. After one that concerns the way itself, all that follow fail.
    /// Returns after at most about twice `timeout`, whatever the other side does.
    fn execute(
        &mut self,
        lun: u64,
        command: &[u8],
        data: Data<'_>,
        timeout: Duration,
    ) -> Result<Outcome>;
}

/// Opens the way to a device: `iscsi://HOST:PORT/IQN/LUN`, or the path of a generic SCSI device.
///
/// The second value is the logical unit behind the transport that was meant.
pub fn open(address: &str) -> Result<(Box<dyn Transport>, u64)> {
    if address.starts_with("iscsi://") {
        let (transport, lun) = IscsiTransport::open(address)?;
        return Ok((Box::new(transport), lun));
    }
    Ok((Box::new(SgTransport::open(address)?), 0))
}

//! SCSI devices: tape drives, media changers and disc recorders, by their own commands.
//!
//! The commands are the same whatever carries them, so there is one interface with two transports
//! behind it: iSCSI in plain TCP, which needs nothing of the kernel, and the kernel's generic
//! SCSI devices. Everything that a target sends is taken as the word of a stranger: lengths are
//! bounded before they are used, and what makes no sense is an error.

// In suggested reading order.
mod bytes;
mod sense;
mod transport;
mod iscsi;
mod sg;
mod unit;
mod tape;
mod elements;
mod changer;
mod recorder;

pub use changer::Changer;
pub use elements::{Element, Inventory};
pub use iscsi::IscsiTransport;
pub use recorder::{BLOCK, Disc, DiscState, Recorder};
pub use sense::Sense;
pub use sg::SgTransport;
pub use tape::TapeDrive;
pub use transport::{Data, Outcome, Transport, open};
pub use unit::{DeviceType, Identity, LogicalUnit};

#[cfg(test)]
pub(crate) mod tests;

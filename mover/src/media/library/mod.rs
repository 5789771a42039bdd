//! Who puts media into drives: a robot, or a person. Cartridges and discs are moved alike.

// In suggested reading order.
mod drives;
mod robot;
mod operator;

use std::collections::BTreeMap;
use std::fmt;

pub use drives::DriveKind;
pub(super) use drives::hold;
pub use operator::{Ask, Operator};
pub use robot::Robot;

use crate::Result;

/// Drives, the media for them, and what moves these.
pub trait Library: fmt::Debug + Send {
    /// Addresses of the drives; at least one.
    fn drives(&self) -> &[String];
    /// Whether a medium comes without somebody being asked for it.
    fn is_unattended(&self) -> bool;
    /// The names of all media that are at hand, and the drive that each is in, if any.
    fn inventory(&mut self) -> Result<BTreeMap<String, Option<usize>>>;
    /// Puts a medium into a drive; what another program or a kill left in it goes back first.
    fn load(&mut self, name: &str, drive: usize) -> Result<()>;
    /// Takes the medium out of a drive, and puts it where it belongs.
    fn unload(&mut self, name: &str, drive: usize) -> Result<()>;
    /// Puts a medium that is in no drive where a person can take it.
    fn eject(&mut self, name: &str) -> Result<()>;
}

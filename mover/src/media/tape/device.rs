//! What the mover needs of a tape drive, whatever is behind it.

use std::fmt;

use crate::Result;
use crate::media::Room;

/// What a read met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeRead {
    /// A record of so many bytes; the tape stands behind it.
    Record(usize),
    /// A filemark; the tape stands behind it.
    Filemark,
    /// Nothing was ever written behind this place.
    EndOfData,
}

/// A drive with a cartridge in it, or a file that stands for one.
///
/// After an error the place of the tape is unknown until [`TapeDevice::rewind`].
pub trait TapeDevice: fmt::Debug + Send {
    /// Writes one record where the tape stands; whatever was written behind it is lost.
    fn write(&mut self, record: &[u8]) -> Result<Room>;
    /// Reads the next record, which is at most as long as `record`.
    fn read(&mut self, record: &mut [u8]) -> Result<TapeRead>;
    /// Writes filemarks, and makes all that was written before durable; with 0, only that.
    fn write_filemarks(&mut self, count: u32) -> Result<Room>;
    /// Goes to the beginning.
    fn rewind(&mut self) -> Result<()>;
    /// Goes over so many filemarks.
    fn space_filemarks(&mut self, count: u32) -> Result<()>;
    /// Goes over so many records, none of which is a filemark.
    fn space_records(&mut self, count: u32) -> Result<()>;
    /// Goes behind all that was written.
    fn space_to_end(&mut self) -> Result<()>;
    /// Whether the cartridge forbids writing.
    fn is_write_protected(&mut self) -> Result<bool>;
}

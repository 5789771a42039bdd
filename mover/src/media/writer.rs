//! Appends frames to one volume, in few large writes.

use format::{Frame, FrameKind, Prefix};

use super::behind::WriteBehind;
use super::storage::{AppendFile, MediumKind, MediumTraits, Room, Storage};
use crate::{Error, ErrorKind, Result};

/// Bytes that are gathered before they are written: large enough for a disk to stream, small
/// enough to forget. A single larger frame is held whole.
const WRITE_SIZE: usize = 2 << 20;

/// A frame to be written.
#[derive(Clone, Copy, Debug)]
pub struct FrameParts<'a> {
    /// What it is.
    pub kind: FrameKind,
    /// Its body.
    pub body: &'a [u8],
    /// Its payload.
    pub payload: &'a [u8],
}

impl FrameParts<'_> {
    /// Bytes on the volume.
    pub fn length(&self) -> u64 {
        (Prefix::LEN + self.body.len() + self.payload.len()) as u64
    }
}

/// The one writer of a volume. After a failed write it refuses everything: nobody knows what of
/// that write is there.
pub struct VolumeWriter {
    file: Box<dyn AppendFile>,
    name: String,
    traits: MediumTraits,
    buffer: Vec<u8>,
    /// Bytes of the volume that were synced.
    synced: u64,
    is_low: bool,
    poisoned: bool,
}

impl VolumeWriter {
    /// Makes the volume; its name is durable when this returns.
    pub fn create(storage: &dyn Storage, name: &str) -> Result<VolumeWriter> {
        let mut file = storage.create(name)?;
        file.sync()?;
        storage.sync()?;
        VolumeWriter::new(file, name, storage.traits())
    }

    /// Goes on at the end of the volume, of which what is behind `length` is cut off.
    pub fn open(storage: &dyn Storage, name: &str, length: u64) -> Result<VolumeWriter> {
        let mut file = storage.append(name)?;
        if file.length() > length {
            file.truncate(length)?;
            file.sync()?;
        }
        VolumeWriter::new(file, name, storage.traits())
    }

    fn new(file: Box<dyn AppendFile>, name: &str, traits: MediumTraits) -> Result<VolumeWriter> {
        // A drive that has to wait for the next bytes stops, and goes back to where it was.
        let file = match traits.kind {
            MediumKind::Tape => Box::new(WriteBehind::new(file)?),
            _ => file,
        };
        let (name, buffer, synced) = (name.to_owned(), Vec::new(), file.length());
        Ok(VolumeWriter { file, name, traits, buffer, synced, is_low: false, poisoned: false })
    }

    /// Bytes of the volume, those included that are still gathered.
    pub fn length(&self) -> u64 {
        self.file.length() + self.buffer.len() as u64
    }

    /// Whether what is appended next has to wait for a drive.
    pub fn is_busy(&mut self) -> bool {
        self.file.is_busy()
    }

    /// The medium has given its early warning: what closes the volume still fits.
    pub fn is_low(&self) -> bool {
        self.is_low
    }

    /// Appends frames that belong together and gives the offset of the first.
    ///
    /// None is the end of the volume: they would pass `length_max`, and nothing was appended.
    pub fn append(&mut self, frames: &[FrameParts<'_>], length_max: u64) -> Result<Option<u64>> {
        self.healthy()?;
        let offset = self.length();
        if offset + frames.iter().map(FrameParts::length).sum::<u64>() > length_max {
            return Ok(None);
        }
        for frame in frames {
            Frame::encode(frame.kind, frame.body, frame.payload, &mut self.buffer);
            if self.buffer.len() >= WRITE_SIZE {
                self.flush()?;
            }
        }
        Ok(Some(offset))
    }

    /// Hands everything to whoever keeps it when this process is killed.
    pub fn write_out(&mut self) -> Result<()> {
        match self.traits.kind {
            MediumKind::Disk | MediumKind::Optical => self.flush(),
            // A part of a record, or of an object, is in this process alone.
            MediumKind::Tape | MediumKind::Object => self.sync(),
        }
    }

    /// Writes what is gathered, as far as whole records go.
    pub fn flush(&mut self) -> Result<()> {
        self.healthy()?;
        let whole = self.buffer.len() - self.buffer.len() % self.traits.record_length as usize;
        if whole == 0 {
            return Ok(());
        }
        let written = self.file.write(&self.buffer[..whole]);
        self.buffer.drain(..whole);
        // A burst of large frames must not keep its memory for ever.
        self.buffer.shrink_to(2 * WRITE_SIZE);
        self.poisoned = written.is_err();
        self.is_low |= written? == Room::Low;
        Ok(())
    }

    /// Writes what is gathered, filled up to a whole record, and makes it durable.
    pub fn sync(&mut self) -> Result<()> {
        self.pad();
        self.flush()?;
        match self.file.sync() {
            Ok(()) => {
                self.synced = self.file.length();
                Ok(())
            }
            Err(error) => {
                self.poisoned = true;
                give_up(&mut *self.file, &self.traits, self.synced);
                Err(error)
            }
        }
    }

    /// What was synced stands in the catalog now.
    pub fn rest(&mut self) -> Result<()> {
        self.file.rest()
    }

    /// Nothing comes for a while: a disc can be burned.
    pub fn settle(&mut self) -> Result<()> {
        self.sync()?;
        self.file.settle()
    }

    /// Nothing more will be written: a disc can be closed, a tape rewound.
    pub fn finish(mut self) -> Result<()> {
        self.pad();
        self.flush()?;
        self.file.finish()
    }

    fn pad(&mut self) {
        let record_length = self.traits.record_length as usize;
        let over = self.buffer.len() % record_length;
        if over == 0 {
            return;
        }
        let gap = record_length - over;
        // Too few bytes for a frame: the padding goes on through the next record.
        let gap = if gap < Prefix::LEN { gap + record_length } else { gap };
        let zeros = vec![0; gap - Prefix::LEN];
        Frame::encode(FrameKind::Padding, &[], &zeros, &mut self.buffer);
    }

    fn healthy(&self) -> Result<()> {
        match self.poisoned {
            true => Err(Error::new(
                ErrorKind::Io,
                format!("an earlier write to volume file {} failed", self.name),
            )),
            false => Ok(()),
        }
    }
}

/// A sync has failed. Linux then takes the pages for clean that it could not write: they can still
/// be read, the next sync succeeds, and a power loss takes them. So nobody, in this process or the
/// next, must find them there: they are cut off, having never been acknowledged.
pub(crate) fn give_up(file: &mut dyn AppendFile, traits: &MediumTraits, synced: u64) {
    if traits.can_truncate {
        // Where not even that can be done, the disk is past helping.
        let _ = file.truncate(synced);
    }
}

//! Appends frames to one volume, in few large writes.

use format::{Frame, FrameKind, Prefix};

use super::storage::{AppendFile, Storage};
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
    buffer: Vec<u8>,
    poisoned: bool,
}

impl VolumeWriter {
    /// Makes the file; its name is durable when this returns.
    pub fn create(storage: &dyn Storage, name: &str) -> Result<VolumeWriter> {
        let mut file = storage.create(name)?;
        file.sync()?;
        storage.sync()?;
        Ok(VolumeWriter::new(file, name))
    }

    /// Goes on at the end of the file, of which what is behind `length` is cut off.
    pub fn open(storage: &dyn Storage, name: &str, length: u64) -> Result<VolumeWriter> {
        let mut file = storage.append(name)?;
        if file.length() > length {
            file.truncate(length)?;
            file.sync()?;
        }
        Ok(VolumeWriter::new(file, name))
    }

    fn new(file: Box<dyn AppendFile>, name: &str) -> VolumeWriter {
        VolumeWriter { file, name: name.to_owned(), buffer: Vec::new(), poisoned: false }
    }

    /// Bytes of the volume, those included that are still gathered.
    pub fn length(&self) -> u64 {
        self.file.length() + self.buffer.len() as u64
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

    /// Writes what is gathered.
    pub fn flush(&mut self) -> Result<()> {
        self.healthy()?;
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.file.write(&self.buffer);
        self.buffer.clear();
        // A burst of large frames must not keep its memory for ever.
        self.buffer.shrink_to(2 * WRITE_SIZE);
        self.poisoned = written.is_err();
        written
    }

    /// Writes what is gathered and makes it durable.
    pub fn sync(&mut self) -> Result<()> {
        self.flush()?;
        let synced = self.file.sync();
        // Linux may drop dirty pages after a failed sync: trying again would lie.
        self.poisoned = synced.is_err();
        synced
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

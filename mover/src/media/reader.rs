//! Reads frames of one volume at known places.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use format::{FrameKind, Prefix};

use super::storage::{ReadFile, Storage};
use crate::{Error, ErrorKind, Result};

/// A volume that is read, by any number of threads.
#[derive(Clone)]
pub struct VolumeReader {
    file: Arc<dyn ReadFile>,
    path: Arc<Path>,
}

/// A frame whose checksums agreed.
#[derive(Debug)]
pub struct FrameBytes {
    /// Its prefix.
    pub prefix: Prefix,
    bytes: Vec<u8>,
}

impl FrameBytes {
    /// Its body.
    pub fn body(&self) -> &[u8] {
        &self.bytes[Prefix::LEN..self.payload_at()]
    }

    /// Its payload.
    pub fn payload(&self) -> &[u8] {
        &self.bytes[self.payload_at()..]
    }

    /// Its payload, to keep.
    pub fn into_payload(mut self) -> Vec<u8> {
        let at = self.payload_at();
        self.bytes.drain(..at);
        self.bytes
    }

    fn payload_at(&self) -> usize {
        Prefix::LEN + self.prefix.body_length as usize
    }
}

impl std::fmt::Debug for VolumeReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("VolumeReader").field(&self.path).finish()
    }
}

impl VolumeReader {
    /// Opens a volume's file.
    pub fn open(storage: &dyn Storage, name: &str) -> Result<VolumeReader> {
        let path: PathBuf = storage.path(name);
        Ok(VolumeReader { file: storage.open(name)?, path: path.into() })
    }

    /// Bytes of the volume now.
    pub fn length(&self) -> Result<u64> {
        self.file.length()
    }

    /// What people call the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a frame of a known length in one read, and checks all of it.
    pub fn frame(&self, offset: u64, length: u64, kind: FrameKind) -> Result<FrameBytes> {
        let mut bytes = vec![0; usize::try_from(length).expect("bounded by limits")];
        if self.read_at(offset, &mut bytes)? < bytes.len() {
            let message = format!("{} ends before it", self.path.display());
            return Err(Error::new(ErrorKind::Missing, message));
        }
        let check = || -> Result<Prefix, format::Error> {
            let (frame, _) = format::Frame::decode(&bytes)?;
            if frame.prefix.kind != kind || frame.prefix.frame_length() != length {
                let rule = "what was written here is what is read here";
                return Err(format::Error::Invalid { what: "frame", rule });
            }
            Ok(frame.prefix)
        };
        match check() {
            Ok(prefix) => Ok(FrameBytes { prefix, bytes }),
            Err(cause) => Err(self.unreadable(offset, cause)),
        }
    }

    /// Reads the frame at the front of the volume, of any length.
    pub fn first_frame(&self, kind: FrameKind) -> Result<FrameBytes> {
        let mut prefix = [0; Prefix::LEN];
        let have = self.read_at(0, &mut prefix)?;
        match Prefix::decode(&prefix[..have]) {
            Ok(prefix) => self.frame(0, prefix.frame_length(), kind),
            Err(cause) => Err(self.unreadable(0, cause)),
        }
    }

    pub(super) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        self.file.read_at(offset, bytes)
    }

    /// The error for bytes at `offset` that do not say what they should.
    pub fn unreadable(&self, offset: u64, cause: format::Error) -> Error {
        let kind = match cause {
            format::Error::Version { .. } => ErrorKind::Unsupported,
            _ => ErrorKind::Damaged,
        };
        Error::new(kind, format!("{} at {offset:#x}", self.path.display())).because(cause)
    }
}

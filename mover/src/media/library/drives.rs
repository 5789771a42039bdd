//! What differs between drives for cartridges and for discs, and who has them.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::media::scsi::{Recorder, TapeDrive};
use crate::{Error, ErrorKind, Result};

/// What drives of a library take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveKind {
    /// Cartridges.
    Tape,
    /// Discs.
    Disc,
}

impl DriveKind {
    /// What people call a medium.
    pub(super) fn medium(self) -> &'static str {
        match self {
            DriveKind::Tape => "cartridge",
            DriveKind::Disc => "disc",
        }
    }

    /// Has a drive let go of what is in it.
    pub(super) fn let_go(self, address: &str) -> Result<()> {
        match self {
            DriveKind::Tape => TapeDrive::open(address)?.unload(),
            DriveKind::Disc => Recorder::open(address)?.eject(),
        }
    }
}

/// Keeps all others from the drives of a pool for as long as the file lives.
pub(in crate::media) fn hold(path: &Path, pool: &str) -> Result<File> {
    let failed = |cause| Error::io("locking", path, cause);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = File::create(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another command has the drives of pool {pool}");
            Err(Error::new(ErrorKind::Busy, message).way_out("wait for its end, and try again"))
        }
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

//! What differs between drives for cartridges and for discs, and who has them.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::media::scsi::{Recorder, TapeDrive};
use crate::{Error, ErrorKind, Result};

/// How long another command may take to let go: a program that it started has the lock too, until
/// that program runs.
const PATIENCE: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(20);

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
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                let message = format!("another command has the drives of pool {pool}");
                return Err(
                    Error::new(ErrorKind::Busy, message).way_out("wait for its end, and try again")
                );
            }
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
    }
}

//! Drives that failed while a command used them: whoever sees to them has to hear of it, also where
//! other drives did the work.

use super::console::Console;
use crate::error::{Error, ErrorKind};
use crate::store::ReadStore;

/// Names them, and gives whether there are any.
pub(super) fn tell_failed_drives(store: &dyn ReadStore, console: &Console) -> bool {
    let failed = store.failed_drives();
    for drive in &failed {
        let message = format!(
            "drive {} of pool {} failed, and other drives were used: {}",
            drive.drive, drive.pool, drive.cause
        );
        console.error(
            &Error::new(ErrorKind::Io, message)
                .way_out("see to the drive; until then each command tries it once more"),
        );
    }
    !failed.is_empty()
}

//! The lock file: one writer at a time, and a refusal that names the holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use crate::ambient::Clock;
use crate::{Error, ErrorKind, Result};

/// The lock; dropping it gives it back, as does the end of the process, however that comes.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a program that another thread has just started has the file, too,
        // until it has become itself.
        let _ = self.file.unlock();
    }
}

/// How it went.
#[derive(Debug)]
pub(super) enum Attempt {
    Held(Lock),
    /// Somebody holds it: the refusal.
    Busy(Error),
    /// The folder cannot be written: a read-only mount, or somebody else's.
    Unwritable(Error),
}

/// Tries to take the lock; `doing` is for those who come after.
pub(super) fn acquire(path: &Path, doing: &str, clock: &dyn Clock) -> Result<Attempt> {
    let failed = |cause: io::Error| Error::io("locking", path, cause);
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = match opened {
        Ok(file) => file,
        Err(cause) => {
            use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
            let unwritable = matches!(cause.kind(), PermissionDenied | ReadOnlyFilesystem);
            if !unwritable {
                return Err(failed(cause));
            }
            let store = path.parent().unwrap_or(path).display();
            let message = format!("store {store} cannot be written");
            return Ok(Attempt::Unwritable(
                Error::new(ErrorKind::Refused, message)
                    .because(cause)
                    .way_out("it can be read; to write, mount it writable or become its owner"),
            ));
        }
    };
    let mut patience = RECOVERY_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                file.rewind().map_err(failed)?;
                let (holder, error) = busy(path, &mut file);
                if holder != RECOVERY || patience == 0 {
                    return Ok(Attempt::Busy(error));
                }
                patience -= 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
    }
    // The text is a courtesy; the lock itself is the operating system's.
    let since = clock.now().seconds;
    let text = format!("{}\n{since}\n{}\n", std::process::id(), doing.replace('\n', " "));
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())
    };
    write(&mut file).map_err(failed)?;
    Ok(Attempt::Held(Lock { file }))
}

/// What a reader does that found the catalog behind.
pub(super) const RECOVERY: &str = "recovery";
/// How often a recovery is waited for: it is short, and no reason to refuse anybody.
const RECOVERY_PATIENCE: u32 = 100;

/// What the holder does, and the refusal.
fn busy(path: &Path, file: &mut File) -> (String, Error) {
    let mut text = String::new();
    // A holder that has just come may not have written its name yet.
    let _ = file.take(4096).read_to_string(&mut text);
    let store = path.parent().unwrap_or(path).display();
    let mut lines = text.lines();
    let pid: Option<u32> = lines.next().and_then(|line| line.parse().ok());
    let since: Option<i64> = lines.next().and_then(|line| line.parse().ok());
    let doing = lines.next().unwrap_or("unknown");
    let holder = match (pid, since.and_then(|since| jiff::Timestamp::from_second(since).ok())) {
        (Some(pid), Some(since)) => format!("process {pid} ({doing}, since {since})"),
        _ => "another process".to_owned(),
    };
    let message = format!("store {store} is being written by {holder}");
    let error = Error::new(ErrorKind::Busy, message)
        .way_out("wait until it is done; one process writes to a store at a time");
    (doing.to_owned(), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::SteppingClock;

    #[test]
    fn a_refusal_names_the_holder_and_the_lock_is_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let clock = SteppingClock::default();
        let held = acquire(&path, "archive /home", &clock).unwrap();
        assert!(matches!(held, Attempt::Held(_)));
        let Attempt::Busy(error) = acquire(&path, "prune", &clock).unwrap() else {
            panic!("the lock was given twice");
        };
        assert_eq!(error.kind(), ErrorKind::Busy);
        let text = error.to_string();
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        assert!(text.contains("archive /home, since 2023-11-14"), "{text}");
        drop(held);
        let Attempt::Held(held) = acquire(&path, "prune", &clock).unwrap() else {
            panic!("the lock was not given back");
        };
        // As a program has it that is being started.
        let _also = held.file.try_clone().unwrap();
        drop(held);
        assert!(matches!(acquire(&path, "archive", &clock).unwrap(), Attempt::Held(_)));
    }
}

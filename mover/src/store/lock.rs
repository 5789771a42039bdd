//! The lock file: one writer at a time, and a refusal that names the holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::ambient::Clock;
use crate::{Error, ErrorKind, Result};

/// The lock; dropping it gives it back, as does the end of the process, however that comes.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Nobody takes the next holder for this one before it has written its name.
        let _ = self.file.set_len(0);
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
    let mut patience = PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                let holder = Holder::read(&mut file).map_err(failed)?;
                if holder.is_there_to_stay() || patience == 0 {
                    return Ok(Attempt::Busy(holder.refusal(path)));
                }
                patience -= 1;
                std::thread::sleep(Duration::from_millis(50));
            }
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
    }
    // The text says who waits for whom, and why; the lock itself is the operating system's.
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
/// How often is asked again whoever may be gone soon.
const PATIENCE: u32 = 100;

/// Who holds the lock, as far as its file says.
struct Holder {
    process: Option<Pid>,
    since: Option<jiff::Timestamp>,
    doing: String,
}

impl Holder {
    fn read(file: &mut File) -> io::Result<Holder> {
        let mut text = Vec::new();
        file.rewind()?;
        file.take(4096).read_to_end(&mut text)?;
        let text = String::from_utf8_lossy(&text);
        let mut lines = text.lines();
        let process = lines.next().and_then(|line| line.parse::<u32>().ok());
        let process = process.and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let since = lines.next().and_then(|line| line.parse().ok());
        let since = since.and_then(|since| jiff::Timestamp::from_second(since).ok());
        Ok(Holder { process, since, doing: lines.next().unwrap_or_default().to_owned() })
    }

    /// Whether it makes sense to refuse whoever comes second. A recovery is short. And a holder
    /// that has just come may not have written its name yet: then the file has none, or that of a
    /// process that was killed, and the holder may be a recovery, too. One on another machine
    /// cannot be told from that: who comes second is refused when the patience ends.
    fn is_there_to_stay(&self) -> bool {
        let is_alive = |pid| test_kill_process(pid) != Err(Errno::SRCH);
        self.doing != RECOVERY && self.process.is_some_and(is_alive)
    }

    fn refusal(&self, path: &Path) -> Error {
        let holder = match (self.process, self.since) {
            (Some(pid), Some(since)) => {
                format!("process {} ({}, since {since})", pid.as_raw_pid(), self.doing)
            }
            _ => "another process".to_owned(),
        };
        let store = path.parent().unwrap_or(path).display();
        Error::new(ErrorKind::Busy, format!("store {store} is being written by {holder}"))
            .way_out("wait until it is done; one process writes to a store at a time")
    }
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
        assert_eq!(std::fs::read(&path).unwrap(), b"", "nobody holds it");
        let Attempt::Held(held) = acquire(&path, "prune", &clock).unwrap() else {
            panic!("the lock was not given back");
        };
        // As a program has it that is being started.
        let _also = held.file.try_clone().unwrap();
        drop(held);
        assert!(matches!(acquire(&path, "archive", &clock).unwrap(), Attempt::Held(_)));
    }

    /// As a holder that has just come, or one that was killed before it, leaves the file.
    fn second_beside(text: &str) -> Attempt {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, text).unwrap();
        let first = File::open(&path).unwrap();
        first.try_lock().unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| acquire(&path, "archive", &SteppingClock::default()));
            std::thread::sleep(Duration::from_millis(120));
            first.unlock().unwrap();
            second.join().unwrap().unwrap()
        })
    }

    #[test]
    fn who_holds_it_for_a_moment_only_is_waited_for() {
        let here = std::process::id();
        assert!(matches!(second_beside(&format!("{here}\n0\nrecovery\n")), Attempt::Held(_)));
    }

    #[test]
    fn who_has_not_written_its_name_yet_may_be_gone_soon() {
        assert!(matches!(second_beside(""), Attempt::Held(_)));
        let mut dead = std::process::Command::new("true").spawn().unwrap();
        let id = dead.id();
        dead.wait().unwrap();
        assert!(matches!(second_beside(&format!("{id}\n0\nserve\n")), Attempt::Held(_)));
    }
}

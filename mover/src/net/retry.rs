//! Which failures are worth another try, and when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::wire::FailureKind;
use crate::ambient::{SystemRandom, random_bytes};
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::Cancel;

const WAIT_MIN: Duration = Duration::from_millis(100);
const WAIT_MAX: Duration = Duration::from_secs(10);
/// How soon a wait hears that it is over.
const CANCEL_INTERVAL: Duration = Duration::from_millis(100);

/// What a server answered, in the clothes of an error: asking again would give it again.
#[derive(Debug)]
struct Answered(FailureKind);

impl std::fmt::Display for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("said the other mover")
    }
}

impl std::error::Error for Answered {}

/// Marks an error as an answer.
pub(super) fn answered(error: Error, kind: FailureKind) -> Error {
    error.because(Answered(kind))
}

fn answer(error: &Error) -> Option<FailureKind> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<Answered>().map(|answered| answered.0)
}

/// Whether the connection failed, rather than what was asked for.
pub(super) fn is_lost(error: &Error) -> bool {
    error.kind() == ErrorKind::Io && answer(error).is_none()
}

/// Whether the server does not know the session any more.
pub(super) fn is_unattached(error: &Error) -> bool {
    answer(error) == Some(FailureKind::Unattached)
}

/// Waits longer and longer between tries, each time by chance, so that many clients of a server
/// that comes back do not come back at once.
pub(super) struct Backoff {
    patience: Duration,
    since: Option<Instant>,
    wait: Duration,
    notes: Arc<dyn Fn(&str) + Send + Sync>,
    cancel: Cancel,
}

impl Backoff {
    pub(super) fn new(
        patience: Duration,
        notes: Arc<dyn Fn(&str) + Send + Sync>,
        cancel: Cancel,
    ) -> Backoff {
        Backoff { patience, since: None, wait: WAIT_MIN, notes, cancel }
    }

    /// Waits before the next try, or gives up with the failure.
    pub(super) fn wait(&mut self, error: Error) -> Result<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self.patience.saturating_sub(since.elapsed());
        if left.is_zero() {
            let seconds = self.patience.as_secs();
            return Err(match seconds {
                0 => error,
                _ => Error::new(ErrorKind::Io, format!("given up after {seconds} seconds"))
                    .because(error)
                    .way_out(
                        "run the same command again, or `mover resume`, when the other mover \
                              can be reached; it goes on from where it stands",
                    ),
            });
        }
        if self.wait == WAIT_MIN * 4 {
            (self.notes)(&format!("{error}; trying again for {} seconds", left.as_secs()));
        }
        let [chance] = random_bytes::<1>(&SystemRandom);
        let share = 0.5 + f64::from(chance) / 256.0;
        let until = Instant::now() + self.wait.mul_f64(share).min(left);
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.cancel.is_cancelled() {
                return Err(Error::new(ErrorKind::Cancelled, "stopped by the operator")
                    .because(error)
                    .way_out("run the same command again, or `mover resume`"));
            }
            std::thread::sleep(left.min(CANCEL_INTERVAL));
        }
        self.wait = (self.wait * 2).min(WAIT_MAX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_not_asked_for_again() {
        let lost = Error::new(ErrorKind::Io, "the connection was lost");
        assert!(is_lost(&lost));
        let told = answered(Error::new(ErrorKind::Io, "disk broken"), FailureKind::Io);
        assert!(!is_lost(&told) && !is_unattached(&told));
        let gone = answered(Error::new(ErrorKind::Io, "who?"), FailureKind::Unattached);
        assert!(!is_lost(&gone) && is_unattached(&gone));
    }

    #[test]
    fn patience_ends() {
        let backoff = |patience| Backoff::new(patience, Arc::new(|_| {}), Cancel::default());
        let mut patient = backoff(Duration::from_millis(30));
        let error = || Error::new(ErrorKind::Io, "lost");
        while patient.wait(error()).is_ok() {}
        assert!(backoff(Duration::ZERO).wait(error()).is_err());
    }
}

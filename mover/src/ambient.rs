//! Time and randomness, injected, so that a seed replays a run.

use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use format::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time of day.
    fn now(&self) -> Timestamp;
    /// Time that never goes back, from an arbitrary beginning.
    fn elapsed(&self) -> Duration;
}

/// Gives bytes that nobody can foresee.
pub trait Random: Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// An array of random bytes.
pub fn random_bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose elapsed time begins now.
    pub fn start() -> SystemClock {
        SystemClock { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock before 1970 is wrong; zero says so better than a panic.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: since.subsec_nanos(),
        }
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives randomness on Linux, or blocks");
    }
}

/// For tests: a clock that moves by a millisecond whenever it is asked.
#[derive(Debug, Default)]
pub struct SteppingClock {
    milliseconds: Mutex<u64>,
}

impl Clock for SteppingClock {
    fn now(&self) -> Timestamp {
        let elapsed = self.elapsed();
        Timestamp {
            seconds: 1_700_000_000 + i64::try_from(elapsed.as_secs()).unwrap_or(0),
            nanoseconds: elapsed.subsec_nanos(),
        }
    }

    fn elapsed(&self) -> Duration {
        let mut milliseconds = self.milliseconds.lock().expect("no holder panics");
        *milliseconds += 1;
        Duration::from_millis(*milliseconds)
    }
}

/// For tests and golden files: bytes that follow from a seed.
#[derive(Debug)]
pub struct SeededRandom {
    reader: Mutex<blake3::OutputReader>,
}

impl SeededRandom {
    /// The same bytes for the same seed.
    pub fn new(seed: u64) -> SeededRandom {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        SeededRandom { reader: Mutex::new(hasher.finalize_xof()) }
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.reader.lock().expect("no holder panics").fill(bytes);
    }
}

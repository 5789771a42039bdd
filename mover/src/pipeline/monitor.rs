//! Sees every stage: bytes in and out, time busy and time waiting; and can stop them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Stops a pipeline from outside, for good or for a while: the operator's Ctrl-C, another
/// terminal's `mover status --pause`, or the first failure.
#[derive(Clone, Debug, Default)]
pub struct Cancel {
    is_cancelled: Arc<AtomicBool>,
    is_paused: Arc<AtomicBool>,
}

/// How soon a pipeline that waits hears that it goes on.
const PAUSE_INTERVAL: Duration = Duration::from_millis(50);

impl Cancel {
    /// Asks everybody to stop.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether to stop. While it is paused, the answer waits.
    pub fn is_cancelled(&self) -> bool {
        while self.is_paused() && !self.is_cancelled.load(Ordering::Relaxed) {
            std::thread::sleep(PAUSE_INTERVAL);
        }
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Asks everybody to wait, or to go on.
    pub fn pause(&self, pause: bool) {
        self.is_paused.store(pause, Ordering::Relaxed);
    }

    /// Whether everybody waits.
    pub fn is_paused(&self) -> bool {
        self.is_paused.load(Ordering::Relaxed)
    }

    /// The flag itself, for a signal handler to set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_cancelled)
    }
}

/// Counts for one stage, shared by its instances.
#[derive(Debug)]
pub struct Meter {
    name: &'static str,
    instances: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    busy_ns: AtomicU64,
    wait_ns: AtomicU64,
}

/// What a meter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct MeterReading {
    /// The stage.
    pub stage: &'static str,
    /// Its parallel copies.
    pub instances: u64,
    /// Bytes that went in.
    pub bytes_in: u64,
    /// Bytes that came out.
    pub bytes_out: u64,
    /// Time at work, summed over the instances.
    pub busy_ms: u64,
    /// Time waiting for input, buffers or the next stage, summed likewise.
    pub wait_ms: u64,
}

impl Meter {
    /// A meter at zero.
    pub fn new(name: &'static str) -> Arc<Meter> {
        Arc::new(Meter {
            name,
            instances: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
            wait_ns: AtomicU64::new(0),
        })
    }

    /// Counts one more parallel copy.
    pub fn add_instance(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes.
    pub fn moved(&self, bytes_in: usize, bytes_out: usize) {
        self.bytes_in.fetch_add(bytes_in as u64, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out as u64, Ordering::Relaxed);
    }

    /// Runs `work` and counts its time as busy.
    pub fn busy<T>(&self, work: impl FnOnce() -> T) -> T {
        timed(&self.busy_ns, work)
    }

    /// Runs `work` and counts its time as waiting.
    pub fn wait<T>(&self, work: impl FnOnce() -> T) -> T {
        timed(&self.wait_ns, work)
    }

    /// Runs `work` and counts its time as busy, but for what it counts as waiting itself.
    pub fn busy_between_waits<T>(&self, work: impl FnOnce() -> T) -> T {
        let (started, waited) = (Instant::now(), self.wait_ns.load(Ordering::Relaxed));
        let result = work();
        let waited = self.wait_ns.load(Ordering::Relaxed) - waited;
        self.busy_ns.fetch_add(nanoseconds(started).saturating_sub(waited), Ordering::Relaxed);
        result
    }

    /// The counts now.
    pub fn read(&self) -> MeterReading {
        MeterReading {
            stage: self.name,
            instances: self.instances.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            busy_ms: self.busy_ns.load(Ordering::Relaxed) / 1_000_000,
            wait_ms: self.wait_ns.load(Ordering::Relaxed) / 1_000_000,
        }
    }
}

fn timed<T>(counter: &AtomicU64, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = work();
    counter.fetch_add(nanoseconds(started), Ordering::Relaxed);
    result
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

//! How far a session is, for whoever watches; and where its faults go.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::error::Error;
use crate::pipeline::{Meter, MeterReading};

/// Counts that a running session keeps up to date. Read them at any time.
#[derive(Debug, Default)]
pub struct Progress {
    entries: AtomicU64,
    bytes: AtomicU64,
    stored: AtomicU64,
    /// What is to be done in all, where it is known; otherwise 0.
    entries_total: AtomicU64,
    bytes_total: AtomicU64,
    current: Mutex<Vec<u8>>,
    meters: Mutex<Vec<Arc<Meter>>>,
}

/// The counts at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Entries done.
    pub entries: u64,
    /// Bytes of content read or written.
    pub bytes: u64,
    /// Bytes written to or read from volumes.
    pub stored: u64,
    /// Entries in all; 0 where unknown.
    pub entries_total: u64,
    /// Bytes in all; 0 where unknown.
    pub bytes_total: u64,
    /// The path under work.
    pub current: Vec<u8>,
}

impl Progress {
    /// One more entry, and where the session is.
    pub fn entry(&self, path: &[u8]) {
        self.entries.fetch_add(1, Ordering::Relaxed);
        // Nobody waits for a path that only a person looks at.
        if let Ok(mut current) = self.current.try_lock() {
            current.clear();
            current.extend_from_slice(path);
        }
    }

    /// So many more bytes of content.
    pub fn bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Ordering::Relaxed);
    }

    /// So many more bytes of a volume.
    pub fn stored(&self, count: u64) {
        self.stored.fetch_add(count, Ordering::Relaxed);
    }

    /// What is to be done in all.
    pub fn expect(&self, entries: u64, bytes: u64) {
        self.entries_total.store(entries, Ordering::Relaxed);
        self.bytes_total.store(bytes, Ordering::Relaxed);
    }

    /// Shows what stages do, too.
    pub fn show(&self, meters: impl IntoIterator<Item = Arc<Meter>>) {
        self.meters.lock().expect("no holder panics").extend(meters);
    }

    /// What the stages have done so far.
    pub fn stages(&self) -> Vec<MeterReading> {
        self.meters.lock().expect("no holder panics").iter().map(|meter| meter.read()).collect()
    }

    /// The counts now.
    pub fn read(&self) -> Reading {
        Reading {
            entries: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            stored: self.stored.load(Ordering::Relaxed),
            entries_total: self.entries_total.load(Ordering::Relaxed),
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
            current: self.current.lock().expect("no holder panics").clone(),
        }
    }
}

/// Hears of everything that an operator should know while a session runs.
pub trait Observer: Sync {
    /// Something went wrong with one entry or chunk; the session goes on.
    fn fault(&self, path: &[u8], error: &Error);
    /// A snoop asked for an entry to be held or left out, or found something in it.
    fn found(&self, path: &[u8], verdict: format::Verdict, finding: &format::Finding);
    /// Something worth a line that is no fault.
    fn note(&self, text: &str);
}

//! A volume of any bytes: scanned, indexed as a store, checked, and every archive on it restored
//! into a folder that it must not leave.
//!
//! The first byte says by its bits: 1 checksums are made right, 2 a mere user reads the store, so
//! that its catalog is made in memory, 4 the restore replaces what is there, 8 it gives files back
//! to their owners, and the others put traps into the folder. The next two are the length of the first volume; behind it comes a second one.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use format::{Finding, Verdict};
use fuzz::jail::{JAIL, as_user};
use fuzz::{mend, seeds};
use libfuzzer_sys::fuzz_target;
use mover::ambient::{SeededRandom, SteppingClock};
use mover::key::Keyring;
use mover::media::{FakeStorage, Payloads, Scan, Scanned, VolumeReader, volume_file};
use mover::pipeline::Cancel;
use mover::plugin::{Engine, Limits};
use mover::session::{
    Ambient, Decoding, Observer, PathFilter, Progress, RestoreConfig, VerifyConfig, Watch, restore,
    unfinished_footer, verify,
};
use mover::store::{ArchiveRecord, Store, StoreConfig};
use mover::target::TargetConfig;

fuzz_target!(init: seeds::write_if_asked(seeds::volume::all), |input: &[u8]| {
    let Some((flags, rest)) = input.split_first() else { return };
    let Some((length, rest)) = rest.split_first_chunk() else { return };
    let flag = |bit: u8| flags >> bit & 1 == 1;
    let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
    let mut volumes = match length {
        0 => vec![rest.to_vec()],
        _ => vec![rest[..length].to_vec(), rest[length..].to_vec()],
    };
    if flag(0) {
        volumes.iter_mut().for_each(|volume| mend::volume(volume));
    }
    let storage = FakeStorage::new();
    for (number, volume) in (1..).zip(volumes) {
        storage.replace(&volume_file(number), volume);
        scan(&storage, number);
    }
    // Made by whoever may, before anybody is somebody else.
    LazyLock::force(&FOLDER);
    JAIL.set(if flag(2) { flags >> 4 } else { 0 }, flag(1));
    let (overwrite, owners) = (flag(2), flag(3));
    let run = || store(&storage, overwrite, owners);
    match flag(1) {
        true => as_user(run),
        false => run(),
    }
    JAIL.check();
});

/// Every byte is in one step, and in one only; whether payloads are read or not, and from wherever
/// a frame begins.
fn scan(storage: &FakeStorage, number: u32) {
    for payloads in [Payloads::Check, Payloads::Skip] {
        let reader = VolumeReader::open(storage, &volume_file(number)).expect("it is there");
        let mut scan = Scan::new(reader, 0, payloads).expect("memory can be read");
        let mut at = 0;
        loop {
            match scan.next() {
                Ok(Some(Scanned::Frame { offset, frame })) => {
                    assert_eq!(offset, at);
                    at += frame.prefix.frame_length();
                }
                Ok(Some(
                    Scanned::Damage { offset, length, .. } | Scanned::Torn { offset, length, .. },
                )) => {
                    assert_eq!(offset, at);
                    assert!(length > 0);
                    at += length;
                }
                Ok(None) => {
                    assert_eq!(at, scan.end());
                    break;
                }
                // A newer format: nothing behind it can be told.
                Err(_) => break,
            }
        }
    }
}

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let silent = Arc::new(|_: &str, _, _: &str| {});
    Engine::new(None, Limits::default(), silent).expect("WebAssembly runs here")
});

/// Nobody hears of faults: of these there are many.
struct Silent;

impl Observer for Silent {
    fn fault(&self, path: &[u8], error: &mover::Error) {
        let _ = (path, error.to_string());
    }
    fn found(&self, _path: &[u8], _verdict: Verdict, _finding: &Finding) {}
    fn note(&self, _text: &str) {}
}

/// Archives that are read; more would only take longer.
const ARCHIVES_MAX: usize = 2;

/// The store's own: lock and catalog.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("mover-fuzz-{}-store", std::process::id()));
    std::fs::create_dir_all(&path).expect("a folder for temporary files is there");
    path
});

fn store(storage: &FakeStorage, overwrite: bool, owners: bool) {
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = std::fs::remove_file(FOLDER.join(name));
    }
    let mut config = StoreConfig::new(&*FOLDER);
    config.storage = Some(Arc::new(storage.clone()));
    (config.clock, config.random) =
        (Arc::new(SteppingClock::default()), Arc::new(SeededRandom::new(0)));
    let Ok(store) = Store::open(&config) else { return };
    let ambient = Ambient {
        clock: Arc::new(SteppingClock::default()),
        random: Arc::new(SeededRandom::new(1)),
    };
    let keyring = Keyring::empty();
    let decoding = Decoding::new(&store, &ENGINE, &keyring);
    let (progress, cancel) = (Progress::default(), Cancel::default());
    let watch = Watch { observer: &Silent, progress: &progress, cancel: &cancel };
    let config = VerifyConfig { read: true, archive: None, workers: 1 };
    let _ = verify(&ambient, &store, &decoding, &config, &watch);
    let archives = store.archives().unwrap_or_default();
    for record in archives.iter().take(ARCHIVES_MAX) {
        let _ = store.archive_pools(record);
        into_jail(&ambient, &store, &decoding, record, (overwrite, owners), &watch);
    }
}

fn into_jail(
    ambient: &Ambient,
    store: &Store,
    decoding: &Decoding<'_>,
    record: &ArchiveRecord,
    (overwrite, owners): (bool, bool),
    watch: &Watch<'_>,
) {
    let footer = match &record.footer {
        Some(footer) => footer.clone(),
        None => match unfinished_footer(store, &record.header) {
            Ok(footer) => footer,
            Err(_) => return,
        },
    };
    let mut target = TargetConfig::new(JAIL.folder());
    (target.overwrite, target.owners) = (overwrite, owners);
    let config = RestoreConfig {
        filter: PathFilter::default(),
        target,
        journals: None,
        fresh: true,
        rate_max: None,
        workers: 1,
        chunk_count_max: 8,
    };
    let _ = restore(ambient, decoding, &footer, config, watch);
}

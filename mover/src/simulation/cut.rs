//! Cuts the power before an operation, and looks at what is left.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::model::Model;
use super::scenario::rig_on;
use crate::ambient::SeededRandom;
use crate::media::{FakeStorage, volume_file};
use crate::store::tests::{self, Log, Rig};
use crate::store::{Store, rebuild};

/// The files of a catalog, by name.
type Catalog = BTreeMap<PathBuf, Vec<u8>>;

/// Of so many stores one is also made anew from its media, and written to.
const THOROUGH_EACH: u64 = 8;

/// Watches the media of a scenario, and cuts before each operation.
pub(super) struct Cuts {
    seed: u64,
    /// How often each operation is cut before, in another way each time.
    ways: u64,
    model: Mutex<Model>,
    watched: Mutex<Option<Watched>>,
    operations: AtomicU64,
    known: Mutex<HashSet<[u8; 32]>>,
}

struct Watched {
    folder: PathBuf,
    media: [FakeStorage; 2],
    /// As they were before the last operation.
    catalog: Arc<Catalog>,
    model: Model,
}

impl Cuts {
    pub(super) fn new(seed: u64, ways: u64) -> Arc<Cuts> {
        Arc::new(Cuts {
            seed,
            ways,
            model: Mutex::default(),
            watched: Mutex::default(),
            operations: AtomicU64::new(0),
            known: Mutex::default(),
        })
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    pub(super) fn states(&self) -> u64 {
        self.known.lock().expect("no holder panics").len() as u64
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().expect("no holder panics")
    }

    /// From here on every operation of these media is cut before.
    pub(super) fn watch(self: &Arc<Self>, folder: &Path, media: [FakeStorage; 2]) {
        let catalog = Arc::new(catalog_of(folder));
        let (folder, own) = (folder.to_owned(), media.clone());
        let watched = Watched { folder, media, catalog, model: Model::default() };
        *self.watched.lock().expect("no holder panics") = Some(watched);
        for medium in own {
            let cuts = Arc::downgrade(self);
            medium.watch(Arc::new(move || {
                if let Some(cuts) = cuts.upgrade() {
                    cuts.before_operation();
                }
            }));
        }
    }

    fn before_operation(&self) {
        let operation = self.operations.fetch_add(1, Ordering::Relaxed);
        let mut watched = self.watched.lock().expect("no holder panics");
        let Some(watched) = watched.as_mut() else { return };
        let (catalog, model) = (Arc::new(catalog_of(&watched.folder)), self.model().clone());
        if catalog != watched.catalog {
            // A commit of the catalog lies between the last operation and this one: the power may
            // fail before that, too.
            let between = Model::between(&watched.model, &model);
            (0..self.ways).for_each(|way| self.cut(operation, way, watched, &between));
        }
        (watched.catalog, watched.model) = (catalog, model);
        (0..self.ways).for_each(|way| self.cut(operation, way, watched, &watched.model));
    }

    fn cut(&self, operation: u64, way: u64, watched: &Watched, model: &Model) {
        let seed = self.seed << 40 | operation << 8 | way;
        let left = watched.media.each_ref().map(|medium| medium.crash(seed));
        let state = digest(&left, &watched.catalog);
        if !self.known.lock().expect("no holder panics").insert(state) {
            return;
        }
        let mut rig = rig_on(&left);
        // What is made behind the cut has names of its own.
        rig.config.random = Arc::new(SeededRandom::new(!seed));
        for (name, bytes) in &*watched.catalog {
            std::fs::write(rig.folder.path().join(name), bytes).expect("there is room");
        }
        let thorough = (operation + way).is_multiple_of(THOROUGH_EACH);
        if let Err(broken) = survives(&rig, &left, model, thorough) {
            panic!("seed {}, operation {operation}, way {way}: {broken}", self.seed);
        }
    }
}

/// Opens what is left as a writer does, and looks.
fn survives(rig: &Rig, media: &[FakeStorage], model: &Model, thorough: bool) -> Result<(), String> {
    let failed = |error: crate::Error| format!("opening: {error}");
    drop(rig.writer().map_err(failed)?);
    model.broken_by(&Store::open(&rig.config).map_err(failed)?)?;
    if !thorough {
        return Ok(());
    }
    rebuild(&rig.config).map_err(|error| format!("rebuilding: {error}"))?;
    let store = Store::open(&rig.config).map_err(failed)?;
    model.broken_by(&store).map_err(|broken| format!("made anew from its media: {broken}"))?;
    let mut log = Log::default();
    let mut writer = rig.writer().map_err(failed)?;
    tests::session(&mut writer, u64::MAX >> 8, &mut log).map_err(failed)?;
    drop(writer);
    let store = Store::open(&rig.config).map_err(failed)?;
    tests::check(&store, &log);
    model.broken_by(&store)?;
    heals(rig, media).map_err(|error| format!("healing: {error}"))?;
    model.broken_by(&Store::open(&rig.config).map_err(failed)?)
}

/// Protects, loses a volume of each medium that parity stands in for, and has it given back.
fn heals(rig: &Rig, media: &[FakeStorage]) -> Result<(), crate::Error> {
    let mut writer = rig.writer()?;
    let done = writer.protect(&BTreeSet::new(), &mut |_| Ok(()))?;
    assert!(done.troubles.is_empty(), "nothing is damaged: {done:?}");
    for state in writer.parity()? {
        let Some(number) = state.volumes_across.first() else { continue };
        let file = volume_file(*number);
        let medium = media.iter().find(|medium| medium.files().iter().any(|(it, _)| *it == file));
        let medium = medium.expect("a set has volumes that are there");
        let before = medium.bytes(&file);
        medium.lose(&file);
        let healed = writer.heal(&BTreeSet::new(), &mut |_| Ok(()))?;
        assert_eq!((&healed.volumes[..], healed.lost_bytes), (&[*number][..], 0));
        assert!(medium.bytes(&file) == before, "{file} is another one");
    }
    Ok(())
}

fn catalog_of(folder: &Path) -> Catalog {
    let files = std::fs::read_dir(folder).expect("the scenario has a folder");
    let files = files.map(|entry| entry.expect("a folder in memory can be read").path());
    let of_catalog = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Shared memory is nothing that a power cut leaves.
        name.starts_with("catalog.") && !name.ends_with("-shm")
    };
    files
        .filter(of_catalog)
        .map(|path| {
            let bytes = std::fs::read(&path).expect("a folder in memory can be read");
            (path.file_name().expect("a file").into(), bytes)
        })
        .collect()
}

fn digest(media: &[FakeStorage], catalog: &Catalog) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for medium in media {
        for (name, bytes) in medium.files() {
            hasher.update(name.as_bytes()).update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(&bytes);
        }
        hasher.update(b"|");
    }
    for (name, bytes) in catalog {
        hasher.update(name.as_os_str().as_encoded_bytes()).update(bytes);
    }
    *hasher.finalize().as_bytes()
}

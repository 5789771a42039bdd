//! {flip, truncate, delete} x {every kind of frame} x {with the catalog, without it}.
//!
//! Whatever is damaged, verify says so, no wrong byte is restored, what is missing is named, and
//! what does not depend on the damage comes back.

use std::fs;
use std::path::{Path, PathBuf};

use format::{ChunkHeader, ChunkKind, FrameKind};

use crate::kit::same::contents;
use crate::kit::volume::{self, Place};
use crate::kit::{Machine, args, tree};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Harm {
    Flip,
    Truncate,
    Delete,
}

/// A part of a frame that is hit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    Label,
    Component,
    SessionHeader,
    ArchiveHeader,
    ChunkHeader,
    ChunkPayload,
    ChunkFooter,
    IndexPage,
    IndexRoot,
    ArchiveFooter,
    SessionFooter,
}

const PARTS: [Part; 11] = [
    Part::Label,
    Part::Component,
    Part::SessionHeader,
    Part::ArchiveHeader,
    Part::ChunkHeader,
    Part::ChunkPayload,
    Part::ChunkFooter,
    Part::IndexPage,
    Part::IndexRoot,
    Part::ArchiveFooter,
    Part::SessionFooter,
];

impl Part {
    fn is(self, bytes: &[u8], place: &Place) -> bool {
        let chunk = || ChunkHeader::decode(&bytes[place.body()]).expect("it is sound").kind;
        match place.kind() {
            FrameKind::VolumeLabel => self == Part::Label,
            FrameKind::Component => self == Part::Component,
            FrameKind::SessionHeader => self == Part::SessionHeader,
            FrameKind::ArchiveHeader => self == Part::ArchiveHeader,
            FrameKind::ChunkHeader => match chunk() {
                ChunkKind::Data => matches!(self, Part::ChunkHeader | Part::ChunkPayload),
                ChunkKind::IndexPage => self == Part::IndexPage,
                ChunkKind::IndexRoot => self == Part::IndexRoot,
            },
            FrameKind::ChunkFooter => self == Part::ChunkFooter,
            FrameKind::ArchiveFooter => self == Part::ArchiveFooter,
            FrameKind::SessionFooter => self == Part::SessionFooter,
            _ => false,
        }
    }

    /// The middle of the part.
    fn offset(self, place: &Place) -> usize {
        let payload = place.payload();
        match self {
            Part::ChunkPayload | Part::IndexPage | Part::IndexRoot | Part::Component => {
                (payload.start + payload.end) / 2
            }
            _ => (place.body().start + place.body().end) / 2,
        }
    }
}

/// A machine whose store has several volumes and two archives.
struct Scene {
    machine: Machine,
    store: PathBuf,
    sources: [PathBuf; 2],
    sound: Vec<(PathBuf, Vec<u8>)>,
    catalog: Vec<(PathBuf, Vec<u8>)>,
}

impl Scene {
    fn new() -> Scene {
        let machine = Machine::without_keys();
        let store = machine.path("store");
        let sources = [machine.path("one"), machine.path("two")];
        machine.ok(args!["init", store, "--no-encryption"]);
        for (number, source) in (0..).zip(&sources) {
            for file in 0..30 {
                let path = source.join(format!("file-{file:02}"));
                tree::random_file(&path, 100 * number + file, 170_000);
            }
            machine.ok(args![
                "archive",
                source,
                "--to",
                store,
                "--name",
                name(source),
                "--volume-size",
                "8M",
            ]);
        }
        let sound = volume::bytes(&store);
        assert!(sound.len() > 1, "the archives lie on several volumes");
        let catalog = fs::read_dir(&store)
            .expect("a store can be listed")
            .map(|item| item.expect("a folder can be read").path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), fs::read(path).expect("a file can be read")))
            .collect();
        Scene { machine, store, sources, sound, catalog }
    }

    /// Makes the store what it was.
    fn heal(&self) {
        for item in fs::read_dir(&self.store).expect("a store can be listed") {
            let path = item.expect("a folder can be read").path();
            if path.is_file() {
                fs::remove_file(path).expect("it can be removed");
            }
        }
        for (path, bytes) in self.sound.iter().chain(&self.catalog) {
            fs::write(path, bytes).expect("it can be written");
        }
    }

    /// Hits the middle frame of those that fit, and says where.
    fn harm(&self, harm: Harm, part: Part) -> String {
        let find = |(path, bytes): &(PathBuf, Vec<u8>)| {
            let places = volume::frames(bytes).into_iter();
            let places: Vec<_> = places.filter(|place| part.is(bytes, place)).collect();
            places.into_iter().map(|place| (path.clone(), place)).collect::<Vec<_>>()
        };
        let places: Vec<_> = self.sound.iter().flat_map(find).collect();
        let (path, place) = places.get(places.len() / 2).expect("there is such a frame").clone();
        let offset = part.offset(&place);
        match harm {
            Harm::Flip => volume::flip(&path, offset, 3),
            Harm::Truncate => {
                let file = fs::File::options().write(true).open(&path).expect("it is there");
                file.set_len(offset as u64).expect("it can be cut");
            }
            Harm::Delete => fs::remove_file(&path).expect("it can be removed"),
        }
        format!("{harm:?} at {offset} of {path:?}")
    }

    /// Harms a part, and checks what verify and restore make of it.
    fn check(&self, harm: Harm, part: Part, forget: bool, missing_max: usize) {
        let at = format!("{} ({part:?}, catalog gone: {forget})", self.harm(harm, part));
        if forget {
            volume::forget_catalog(&self.store);
        }
        let verified = self.machine.run(args!["--json", "verify", self.store, "--read"]);
        // A volume that is gone without a trace, catalog and all, can only be seen by what the
        // others need of it.
        // Nor can a footer that ends a volume be told from one that was never finished.
        let unfinished = forget && verified.stdout.contains("unfinished");
        if (harm == Harm::Flip && !unfinished) || !forget {
            assert_eq!(verified.code, 1, "{at}: {verified:?}");
            assert!(verified.number("damaged") > 0, "{at}: {verified:?}");
            assert!(!verified.stderr.is_empty(), "{at}: what is damaged is named");
        }
        let missing: usize = self.sources.iter().map(|source| self.restore(source, &at)).sum();
        assert!(missing <= missing_max, "{at}: {missing} files are missing");
    }

    /// Restores an archive, checks that nothing wrong came out, and gives how much is missing.
    fn restore(&self, source: &Path, at: &str) -> usize {
        let into = self.machine.path("restored");
        let _ = fs::remove_dir_all(&into);
        let done = self.machine.run(args!["restore", self.store, name(source), "--into", into]);
        done.assert_code(&[0, 1, 2]);
        let (was, is) = (contents(source), contents(&into));
        let wrong = is.iter().find(|(path, content)| was.get(*path) != Some(*content));
        assert!(wrong.is_none(), "{at}: {:?} has wrong bytes: {done:?}", wrong.map(|pair| pair.0));
        let missing = was.len() - is.len();
        assert!(missing == 0 || done.code != 0, "{at}: {missing} are missing in silence: {done:?}");
        // Where index and data are both hit, nobody knows the names; the chunks are named.
        let names_are_known = !done.stderr.contains("a part of the index is damaged");
        if done.code == 1 && !names_are_known {
            assert!(done.stderr.contains("chunk "), "{at}: no chunk is named: {done:?}");
        }
        if done.code == 1 && names_are_known {
            for path in was.keys().filter(|path| !is.contains_key(*path)) {
                let path = String::from_utf8_lossy(path);
                assert!(done.stderr.contains(&*path), "{at}: {path} is missing: {done:?}");
            }
        }
        missing
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("it has a name")
}

/// Harms every part, with the catalog and without; all that goes wrong is told.
fn check(harm: Harm, missing_max: usize) {
    let scene = Scene::new();
    let mut wrong = Vec::new();
    for part in PARTS {
        for forget in [false, true] {
            let case = || scene.check(harm, part, forget, missing_max);
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(case)).is_err() {
                wrong.push(format!("{part:?}, catalog gone: {forget}"));
            }
            scene.heal();
        }
    }
    assert!(wrong.is_empty(), "{harm:?} of {wrong:#?}");
    scene.machine.ok(args!["verify", scene.store, "--read"]);
}

#[test]
fn a_flipped_bit_costs_at_most_one_chunk() {
    // Seven files of 170 kB touch a chunk of 1 MiB, with both ends eight.
    check(Harm::Flip, 8);
}

#[test]
fn a_truncated_volume_costs_at_most_what_was_cut_off() {
    check(Harm::Truncate, 60);
}

#[test]
fn a_deleted_volume_costs_at_most_what_was_on_it() {
    check(Harm::Delete, 60);
}

#[test]
fn a_damaged_catalog_is_made_anew() {
    let scene = Scene::new();
    let (path, bytes) = scene
        .catalog
        .iter()
        .find(|(path, _)| name(path).ends_with(".sqlite"))
        .expect("there is a catalog");
    for harmed in [bytes[..bytes.len() / 2].to_vec(), b"no database".to_vec(), vec![], {
        let mut noise = crate::kit::random::Random::new(5).bytes(bytes.len());
        noise[..16].copy_from_slice(b"SQLite format 3\0");
        noise
    }] {
        volume::forget_catalog(&scene.store);
        fs::write(path, harmed).expect("it can be written");
        for source in &scene.sources {
            assert_eq!(scene.restore(source, "a damaged catalog"), 0);
        }
    }
}

//! `mover verify --repair`: what is damaged is healed from another pool, and what is lost is named.

use std::fs;
use std::path::{Path, PathBuf};

use format::FrameKind;

use crate::kit::volume::{self, flip, forget_catalog};
use crate::kit::{Machine, args, assert_same, tree};
use crate::media::policy;

const TWICE: &str = "[pools.second]\nkind = \"disk\"\npath = \"second/volumes\"\n\
                     volume-size = \"2M\"\n\
                     [[rules]]\nname = \"all\"\npools = [\"default\", \"second\"]\n";
const FILES: u64 = 12;

struct Scene {
    machine: Machine,
    store: PathBuf,
    source: PathBuf,
}

impl Scene {
    /// Two archives, the second of which refers to the first, in pools that a policy names.
    fn new(text: &str) -> Scene {
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        for number in 0..FILES {
            tree::random_file(&source.join(format!("file-{number:02}")), number, 400_000);
        }
        let scene = Scene { machine, store, source };
        tree::settle();
        scene.archive(text);
        tree::random_file(&scene.source.join("later"), 99, 400_000);
        tree::settle();
        scene.archive(text);
        scene
    }

    fn archive(&self, text: &str) {
        let file = policy(&self.machine, text);
        self.machine.ok(args!["archive", "--policy", file, "--volume-size", "4M"]);
    }

    /// Turns a bit in the middle of every so many frames of a kind, and gives how many it hit.
    fn damage(&self, folder: &Path, kind: FrameKind, every: usize) -> usize {
        let mut count = 0;
        for (path, bytes) in volume::bytes(folder) {
            let of_kind = volume::frames(&bytes).into_iter().filter(|it| it.kind() == kind);
            for place in of_kind.step_by(every) {
                flip(&path, place.offset + place.length() / 2, 3);
                count += 1;
            }
        }
        count
    }

    fn repair(&self) -> crate::kit::machine::Done {
        self.machine.run(args!["--json", "verify", self.store, "--repair"])
    }

    fn assert_well(&self) {
        self.machine.assert_well(&self.store, &self.source);
    }
}

fn report(done: &crate::kit::machine::Done) -> serde_json::Value {
    done.lines_of("repair").pop().unwrap_or_else(|| panic!("no report of a repair: {done:?}"))
}

/// Chunks, labels and the ends of archives, in either pool: a repair leaves no damage, and
/// each pool is enough again without the other.
#[test]
fn damage_in_one_pool_is_healed_from_the_other() {
    let kinds = [FrameKind::ChunkHeader, FrameKind::VolumeLabel, FrameKind::ArchiveFooter];
    for (kind, home) in kinds.into_iter().flat_map(|kind| [(kind, true), (kind, false)]) {
        let scene = Scene::new(TWICE);
        let folder = if home { scene.store.clone() } else { scene.machine.path("second") };
        assert!(scene.damage(&folder, kind, 2) > 0, "{kind:?}");
        assert_eq!(scene.machine.run(args!["verify", scene.store]).code, 1, "{kind:?} {home}");
        // What another copy stands in for is damage, and no loss.
        let read = scene.machine.run(args!["verify", scene.store, "--read"]);
        assert!(!read.stderr.contains("not whole"), "{kind:?} {home}: {read:?}");
        let done = scene.repair();
        assert_eq!(done.code, 0, "{kind:?} {home}: {done:?}");
        let report = report(&done);
        assert!(report["volumes_removed"].as_u64() > Some(0), "{report}");
        assert_eq!(report["healed"].as_u64() > Some(0), kind == FrameKind::ChunkHeader, "{report}");
        assert_eq!(report["lost_chunks"], 0, "{report}");
        scene.assert_well();
        // The media say the same without the catalog.
        forget_catalog(&scene.store);
        scene.assert_well();
        // The pool that was damaged is enough alone.
        if !home {
            for (path, _) in volume::bytes(&scene.store) {
                fs::remove_file(path).expect("a volume can be removed");
            }
            assert_same(
                &scene.source,
                &scene.machine.restore(&scene.store, "latest", "from-second"),
            );
        }
    }
}

/// A chunk whose footer alone is damaged can be read, and so be written anew without any copy.
#[test]
fn a_chunk_without_its_footer_is_healed_from_itself() {
    let scene = Scene::new("[[rules]]\nname = \"all\"\n");
    assert!(scene.damage(&scene.store, FrameKind::ChunkFooter, 2) > 0);
    assert_eq!(scene.machine.run(args!["verify", scene.store]).code, 1);
    let done = scene.repair();
    assert_eq!(done.code, 0, "{done:?}");
    assert!(report(&done)["healed"].as_u64() > Some(0), "{done:?}");
    scene.assert_well();
    forget_catalog(&scene.store);
    scene.assert_well();
}

/// Without a copy the chunks are lost: the files are named, everything else is moved to safety, and
/// the next archive of the source is whole again.
#[test]
fn what_is_lost_is_named_and_the_next_archive_is_whole() {
    let alone = "[[rules]]\nname = \"all\"\n";
    let scene = Scene::new(alone);
    let sound = fs::read(scene.source.join("file-05")).expect("a file");
    let (path, bytes) = volume::bytes(&scene.store)
        .into_iter()
        .find(|(_, bytes)| bytes.windows(64).any(|part| part == &sound[200_000..200_064]))
        .expect("nothing is compressed or encrypted that is random");
    let at = bytes.windows(64).position(|part| part == &sound[200_000..200_064]);
    flip(&path, at.expect("just found"), 1);
    let done = scene.repair();
    assert_eq!(done.code, 1, "{done:?}");
    done.assert_says(&["file-05", "not whole"]);
    let first = report(&done);
    assert_eq!(first["lost_chunks"], 1, "{first}");
    assert!(first["lost_entries"].as_u64() >= Some(2), "it is in both archives: {first}");
    // The source still has it.
    scene.archive(alone);
    assert_same(&scene.source, &scene.machine.restore(&scene.store, "latest", "again"));
    // With the archives gone that were hit, nothing is wrong any more.
    scene.machine.ok(args!["prune", scene.store, "--keep-last", "1"]);
    let done = scene.repair();
    assert_eq!(done.code, 0, "{done:?}");
    scene.assert_well();
    forget_catalog(&scene.store);
    scene.assert_well();
}

/// A volume that is gone is missed until its copies are known to be enough.
#[test]
fn a_volume_that_is_gone_is_no_longer_missed_once_its_copies_are_enough() {
    let scene = Scene::new(TWICE);
    let second = volume::bytes(&scene.machine.path("second"));
    fs::remove_file(&second[0].0).expect("a volume can be removed");
    let done = scene.machine.run(args!["verify", scene.store]);
    assert_eq!(done.code, 1, "{done:?}");
    let done = scene.repair();
    assert_eq!(done.code, 0, "{done:?}");
    scene.assert_well();
    // What lay on it is in one pool only now, until it is copied.
    scene.machine.ok(args!["copy", scene.store, "--all", "--to-pool", "second"]);
    // And so is one that was cut.
    let (path, bytes) = volume::bytes(&scene.store).into_iter().next().expect("a volume");
    fs::write(path, &bytes[..bytes.len() / 2]).expect("a volume can be written");
    assert_eq!(scene.machine.run(args!["verify", scene.store]).code, 1);
    let done = scene.repair();
    assert_eq!(done.code, 0, "{done:?}");
    scene.assert_well();
    forget_catalog(&scene.store);
    scene.assert_well();
}

/// Killed at any moment a repair loses nothing, and comes to its end when it is run again.
#[test]
fn a_repair_that_is_killed_is_run_again() {
    for milliseconds in [5, 20, 40, 80, 160] {
        let scene = Scene::new(TWICE);
        scene.damage(&scene.store, FrameKind::ChunkHeader, 3);
        let mut child = scene.machine.spawn(args!["verify", scene.store, "--repair"]);
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        // It may have ended.
        let _ = child.kill();
        child.wait().expect("it was started");
        let done = scene.repair();
        assert_eq!(done.code, 0, "{milliseconds} ms: {done:?}");
        scene.assert_well();
    }
}

/// There is nothing to do where nothing is wrong, and one archive alone cannot be repaired.
#[test]
fn a_sound_store_is_left_as_it_is() {
    let scene = Scene::new(TWICE);
    let before = volume::bytes(&scene.store);
    assert_eq!(scene.repair().code, 0);
    assert_eq!(before, volume::bytes(&scene.store));
    let one = args!["verify", scene.store, "a", "--repair"];
    scene.machine.fails(2, &["--repair", "cannot be used with"], one);
}

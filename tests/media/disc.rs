//! Write-once discs: images in a folder, and tgt's recorder in a jukebox.

use std::path::{Path, PathBuf};

use super::policy;
use crate::kit::machine::until;
use crate::kit::tgt::Tgt;
use crate::kit::{Machine, args, assert_same, machine, output_of, tool, tree};

#[test]
fn an_archive_spans_two_discs_and_survives_kills() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_files(&source, 10, 2_000_000);
    let file = policy(
        &machine,
        "[pools.disc]\nkind = \"optical\"\nfolder = \"discs\"\ndiscs = [\"D1\", \"D2\", \"D3\"]\n\
         capacity = \"20M\"\nsession-size = \"4M\"\n\
         [[rules]]\nname = \"all\"\nstages = []\npools = [\"disc\"]\n",
    );
    for milliseconds in [250, 500, 900] {
        let mut child = machine.spawn(args!["archive", "--policy", file, "--limit-rate", "10M"]);
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let _ = child.kill();
        drop(machine::wait(child));
    }
    machine.ok(args!["archive", "--policy", file]);
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.ok(args!["verify", store, "--read"]);
    let images = std::fs::read_dir(machine.path("discs")).expect("discs").count();
    assert!(images >= 2, "{images}");

    // The discs mount anywhere: another program reads their files, which together are the volume.
    let into = machine.make_folder("by bsdtar");
    let mut bsdtar = tool("bsdtar", "libarchive-tools");
    output_of(bsdtar.arg("-xf").arg(machine.path("discs/D1.iso")).arg("-C").arg(&into));
    let volume = std::fs::read_dir(into.join("mover")).expect("a folder").next();
    let mut parts: Vec<PathBuf> = std::fs::read_dir(volume.expect("a volume").expect("one").path())
        .expect("parts")
        .map(|part| part.expect("a part").path())
        .collect();
    parts.sort();
    let bytes: Vec<u8> =
        parts.iter().flat_map(|part| std::fs::read(part).expect("a part")).collect();
    let frames = crate::kit::volume::frames(&bytes);
    assert!(frames.iter().any(|frame| frame.kind() == format::FrameKind::ChunkHeader));

    // And alone they are enough.
    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "a", "from discs alone"));
}

/// A pool that tgt's recorder burns, in a jukebox.
fn jukebox(tgt: &Tgt, capacity: &str) -> String {
    let (recorder, changer) = (tgt.address(1), tgt.address(2));
    format!(
        "[pools.disc]\nkind = \"optical\"\nrecorder = \"{recorder}\"\nlibrary = \"{changer}\"\n\
         capacity = \"{capacity}\"\n"
    )
}

const TO_DISC: &str = "[[rules]]\nname = \"all\"\nstages = []\npools = [\"disc\"]\n";

/// What `media list` says of a disc.
fn disc(machine: &Machine, store: &Path, name: &str) -> serde_json::Value {
    let listed = machine.json(args!["media", "list", store]).lines_of("disc");
    listed.into_iter().find(|it| it["disc"] == name).expect("it is listed")
}

#[test]
fn an_archive_spans_the_discs_of_a_jukebox_and_they_alone_are_enough() {
    let tgt = Tgt::jukebox(4);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_files(&source, 12, 2_000_000);
    let file = policy(&machine, &format!("{}{TO_DISC}", jukebox(&tgt, "16M")));
    machine.ok(args!["archive", "--policy", file]);
    assert_eq!(disc(&machine, &store, "DISC0001")["burns"], 1);
    assert_eq!(disc(&machine, &store, "DISC0001")["closed"], true);
    assert_same(&source, &machine.restore(&store, "a", "from discs and the spool"));

    // The last disc is not full: it is burned when somebody says so.
    let waits = machine.ok(args!["media", "list", store]);
    assert!(waits.stdout.contains("waits in the spool"), "{waits:?}");
    machine.ok(args!["media", "close", store, "disc"]);
    let listed = machine.ok(args!["media", "list", store]);
    assert!(!listed.stdout.contains("waits in the spool"), "{listed:?}");
    assert!(listed.stdout.contains("blank"), "one is left: {listed:?}");
    assert_same(&source, &machine.restore(&store, "a", "from discs"));
    machine.ok(args!["verify", store, "--read"]);

    // A disc mounts anywhere.
    let into = machine.make_folder("by bsdtar");
    let mut bsdtar = tool("bsdtar", "libarchive-tools");
    output_of(bsdtar.arg("-xf").arg(tgt.file("DISC0001")).arg("-C").arg(&into));
    let volumes = std::fs::read_dir(into.join("mover")).expect("a folder").count();
    assert_eq!(volumes, 1);

    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "a", "from discs alone"));
}

/// By the machine's power switch, in the middle of a burning: the disc is spoilt, nothing is lost.
#[test]
fn killed_while_it_burns_it_goes_on_with_another_disc() {
    for point in ["disc-writing=20*off->sleep(60000)", "disc-burned=sleep(60000)"] {
        let tgt = Tgt::jukebox(4);
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        tree::random_files(&source, 8, 2_000_000);
        let file = policy(&machine, &format!("{}{TO_DISC}", jukebox(&tgt, "14M")));
        let machine = machine.variable("FAILPOINTS", point);
        let mut child = machine.spawn(args!["archive", "--policy", file]);
        let state = store.join("media/disc-spool/discs.json");
        let is_burning = || {
            let text = std::fs::read_to_string(&state).unwrap_or_default();
            text.contains("\"burning\": true")
        };
        until("a disc is burned", is_burning);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        child.kill().expect("a kill");
        drop(machine::wait(child));
        let machine = machine.variable("FAILPOINTS", "");
        machine.ok(args!["archive", "--policy", file]);
        machine.ok(args!["media", "close", store, "disc"]);
        let first = disc(&machine, &store, "DISC0001");
        match point.starts_with("disc-writing") {
            true => {
                assert_eq!(first["volume"], serde_json::Value::Null, "{first}");
                assert!(first["problem"].to_string().contains("cut off"), "{first}");
            }
            // It was burned, and only had to be compared.
            false => assert_eq!((&first["burns"], &first["closed"]), (&1.into(), &true.into())),
        }
        assert_same(&source, &machine.restore(&store, "a", "back"));
        machine.ok(args!["verify", store, "--read"]);
        std::fs::remove_dir_all(&store).expect("the store is lost");
        machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
        assert_same(&source, &machine.restore(&store, "a", "from discs alone"));
    }
}

#[test]
fn a_disc_that_is_not_what_was_burned_is_retired_and_burned_again() {
    let tgt = Tgt::jukebox(3);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 3_000_000);
    let file = policy(&machine, &format!("{}{TO_DISC}", jukebox(&tgt, "64M")));
    machine.ok(args!["archive", "--policy", file]);
    // The first disc rots between burning and comparing.
    let machine = machine.variable("FAILPOINTS", "disc-burned=1*sleep(5000)");
    let child = machine.spawn(args!["media", "close", store, "disc"]);
    let content = std::fs::read(source.join("file")).expect("a file");
    let image = tgt.file("DISC0001");
    let part = &content[1_000_000..1_000_064];
    let place = || {
        let bytes = std::fs::read(&image).expect("a disc");
        bytes.windows(64).position(|window| window == part)
    };
    until("the file is on the disc", || place().is_some());
    std::thread::sleep(std::time::Duration::from_millis(1500));
    flip(&image, place().expect("it is there"));
    let done = machine::wait(child);
    assert_eq!(done.code, 0, "{done:?}");
    let first = disc(&machine, &store, "DISC0001");
    assert!(first["problem"].to_string().contains("not what was burned"), "{first}");
    assert_eq!((&first["volume"], &first["burns"]), (&serde_json::Value::Null, &1.into()));
    assert_eq!(disc(&machine, &store, "DISC0002")["closed"], true);
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.fails(
        2,
        &["DISC0001", "not blank"],
        args!["media", "label", store, "disc", "--overwrite", "DISC0001"],
    );
    // With nothing left but the discs, the good one of the two is taken.
    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "a", "from discs alone"));
}

/// Turns a bit of a file in its place.
fn flip(path: &Path, at: usize) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().read(true).write(true).open(path).expect("a file");
    let (mut byte, at) = ([0], at as u64);
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[byte[0] ^ 4], at).expect("a byte");
}

#[test]
fn damage_on_a_burned_disc_is_named_and_a_copy_stands_in() {
    for pools in ["[\"disc\"]", "[\"disc\", \"default\"]"] {
        let tgt = Tgt::jukebox(2);
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        tree::random_files(&source, 3, 2_000_000);
        let rule = format!("[[rules]]\nname = \"all\"\nstages = []\npools = {pools}\n");
        let file = policy(&machine, &format!("{}{rule}", jukebox(&tgt, "64M")));
        machine.ok(args!["archive", "--policy", file]);
        machine.ok(args!["media", "close", store, "disc"]);
        let content = std::fs::read(source.join("file-1")).expect("a file");
        let image = tgt.file("DISC0001");
        let part = &content[1_000_000..1_000_064];
        let bytes = std::fs::read(&image).expect("a disc");
        let at = bytes.windows(64).position(|window| window == part).expect("it is there");
        flip(&image, at);
        let into = machine.path("back");
        let restored = machine.run(args!["restore", store, "a", "--into", into]);
        if pools.contains("default") {
            assert_eq!(restored.code, 0, "{restored:?}");
            assert_same(&source, &into);
        } else {
            assert_eq!(restored.code, 1, "{restored:?}");
            restored.assert_says(&["file-1"]);
            let read = |folder: &Path| std::fs::read(folder.join("file-2")).expect("a file");
            assert!(read(&source) == read(&into));
        }
        let verified = machine.run(args!["verify", store]);
        assert_eq!(verified.code, 1, "{verified:?}");
    }
}

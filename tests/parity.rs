//! Parity beside the volumes: what is damaged or lost comes back bit for bit, and what is beyond it
//! is named.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::kit::machine::{Done, until};
use crate::kit::server::{ALL, Server};
use crate::kit::volume::{flip, forget_catalog, volumes};
use crate::kit::{Machine, args, assert_same, disk::SmallDisk, tool, tree};

/// A store with parity and an archive in it, of as many volumes as this gives files.
struct Scene {
    machine: Machine,
    store: PathBuf,
    source: PathBuf,
}

impl Scene {
    fn new(parity: &str, files: u64) -> Scene {
        let machine = Machine::without_keys();
        let (store, source) = (machine.path("store"), machine.path("source"));
        machine.ok(args!["init", store, "--no-encryption", "--parity", parity]);
        for number in 0..files {
            tree::random_file(&source.join(format!("file-{number:02}")), number, 900_000);
        }
        tree::settle();
        let scene = Scene { machine, store, source };
        scene.archive();
        scene
    }

    fn archiving(&self) -> Vec<OsString> {
        args!["archive", self.source, "--to", self.store, "--volume-size", "4M"]
    }

    fn archive(&self) -> Done {
        self.machine.ok(self.archiving())
    }

    fn files(&self, suffix: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let listing = fs::read_dir(self.store.join("volumes")).expect("a store has volumes");
        let paths = listing.map(|item| item.expect("it can be listed").path());
        let of_kind = paths.filter(|path| path.to_string_lossy().ends_with(suffix));
        of_kind.map(|path| (path.clone(), fs::read(path).expect("it can be read"))).collect()
    }

    fn verify(&self) -> Done {
        self.machine.run(args!["--json", "verify", self.store])
    }

    fn repair(&self) -> Done {
        self.machine.run(args!["--json", "verify", self.store, "--repair"])
    }

    fn assert_well(&self) {
        self.machine.assert_well(&self.store, &self.source);
    }
}

/// The number in a volume's name.
fn number(path: &Path) -> u32 {
    path.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).expect("a volume's name")
}

/// Two of five files are deleted, with the catalog there or gone; then two volumes are hurt all over.
#[test]
fn lost_and_damaged_volumes_come_back_bit_for_bit() {
    let scene = Scene::new("3+2", 10);
    let before = scene.files(".volume");
    let length = |files: &BTreeMap<PathBuf, Vec<u8>>| files.values().map(Vec::len).sum::<usize>();
    let parity = length(&scene.files(".parity"));
    assert!(before.len() > 6, "{} volumes", before.len());
    assert!(parity < length(&before) * 3 / 4, "two for three: {parity} of {}", length(&before));
    for without_catalog in [false, true] {
        for gone in [[0, 1], [0, 2], [1, 2]] {
            let lost = gone.map(|at| before.keys().nth(at).expect("there are more"));
            lost.iter().for_each(|path| fs::remove_file(path).expect("it is there"));
            if without_catalog {
                forget_catalog(&scene.store);
            }
            let done = scene.verify();
            assert_eq!(done.code, 1, "{done:?}");
            let file = |path: &Path| format!("{:08}.volume", number(path));
            done.assert_says(&[&file(lost[0]), &file(lost[1]), "missing"]);
            let done = scene.repair();
            assert_eq!(done.code, 0, "{done:?}");
            let heal = done.lines_of("heal").pop().expect("it tells what was healed");
            assert_eq!(heal["volumes"].as_array().map(Vec::len), Some(2), "{heal}");
            assert_eq!(heal["lost_bytes"], 0, "{heal}");
            assert_eq!(scene.files(".volume"), before);
            scene.assert_well();
        }
    }
    for path in before.keys().take(2) {
        let bytes = before[path].len();
        (0..40).for_each(|at| flip(path, at * (bytes / 40), 1));
    }
    assert_eq!(scene.verify().code, 1);
    assert_eq!(scene.repair().code, 0);
    assert_eq!(scene.files(".volume"), before);
    scene.assert_well();
}

/// The newest bytes are in no set across volumes yet: damage of them is healed all the same.
#[test]
fn what_is_newest_is_healed_by_what_stands_within_its_volume() {
    let scene = Scene::new("10+2", 2);
    let before = scene.files(".volume");
    let newest = before.keys().next_back().expect("there is one");
    // As many bytes as two of ten columns have, less what of them would reach into a third.
    let mut bytes = fs::read(newest).expect("it is there");
    let column = bytes.len() / 10 / 4096 * 4096;
    bytes[100_000..100_000 + 2 * column - 4096].fill(0xee);
    fs::write(newest, bytes).expect("it can be written");
    assert_eq!(scene.verify().code, 1);
    let done = scene.repair();
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(scene.files(".volume"), before);
    scene.assert_well();
}

/// A program that was written from the specification alone gives the same bytes.
#[test]
fn a_healer_from_the_specification_alone_gives_the_same_volume() {
    let scene = Scene::new("2+1", 3);
    let (path, bytes) = scene.files(".volume").into_iter().next().expect("there are some");
    fs::remove_file(&path).expect("it is there");
    let healer = Path::new(env!("CARGO_MANIFEST_DIR")).join("reader/mover_parity.py");
    let mut python = tool("python3", "python3");
    python.arg(healer).arg(scene.store.join("volumes")).arg(number(&path).to_string());
    let output = python.output().expect("python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stdout == bytes, "{} bytes of {}", output.stdout.len(), bytes.len());
}

/// A volume that is lost is not forgotten by what archives add, however long nobody looks; and one
/// that is cut is told by every archive.
#[test]
fn what_heals_a_volume_outlives_the_archives_that_come_behind_its_loss() {
    for without_catalog in [false, true] {
        for cut in [false, true] {
            let scene = Scene::new("3+2", 10);
            let before = scene.files(".volume");
            let (path, bytes) = before.first_key_value().expect("there are some");
            match cut {
                true => fs::write(path, &bytes[..bytes.len() / 3]).expect("it can be cut"),
                false => fs::remove_file(path).expect("it is there"),
            }
            let set = scene.files(".parity").into_keys().next().expect("there are some");
            fs::remove_file(set).expect("it is there");
            if without_catalog {
                forget_catalog(&scene.store);
            }
            for round in 0..3 {
                tree::random_file(&scene.source.join("new"), 50 + round, 2_000_000);
                tree::settle();
                let done = scene.machine.run(scene.archiving());
                assert_eq!(done.code, i32::from(cut), "{done:?}");
                if cut {
                    done.assert_says(&["and parity knows", "mover verify --repair"]);
                }
            }
            assert_eq!(scene.verify().code, 1);
            let done = scene.repair();
            assert_eq!(done.code, 0, "{without_catalog}, {cut}: {done:?}");
            assert!(fs::read(path).expect("it is back") == *bytes, "{without_catalog}, {cut}");
            scene.assert_well();
        }
    }
}

/// One more than there is parity for: what can be had is had, and the files that are lost are named.
#[test]
fn what_is_beyond_parity_is_named() {
    let scene = Scene::new("3+1", 4);
    let before = scene.files(".volume");
    let lost: Vec<&PathBuf> = before.keys().skip(1).take(2).collect();
    lost.iter().for_each(|path| fs::remove_file(path).expect("it is there"));
    let done = scene.repair();
    assert_eq!(done.code, 1, "{done:?}");
    done.assert_says(&["is not whole any more", "file-0"]);
    // The number of what is lost is never given to another volume.
    scene.archive();
    assert!(lost.iter().all(|path| !path.exists()));
    assert_same(&scene.source, &scene.machine.restore(&scene.store, "latest", "back"));
}

#[test]
fn damaged_parity_is_told_and_made_anew() {
    let scene = Scene::new("3+1", 4);
    for (path, bytes) in scene.files(".parity") {
        flip(&path, bytes.len() / 2, 5);
        let done = scene.verify();
        assert_eq!(done.code, 1, "{done:?}");
        done.assert_says(&["parity of pool default", "shards are not what they were"]);
        let done = scene.repair();
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.lines_of("heal").is_empty() && done.lines_of("repair").is_empty(), "{done:?}");
        scene.assert_well();
    }
}

/// A pool of a policy has its own; a prune takes volumes out of sets, and the others stay protected.
#[test]
fn after_a_prune_the_other_volumes_are_still_protected() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let policy = crate::media::policy(
        &machine,
        "[pools.nas]\nkind = \"disk\"\npath = \"nas/volumes\"\nvolume-size = \"4M\"\n\
         parity = \"3+1\"\n[[rules]]\nname = \"all\"\npools = [\"nas\"]\n",
    );
    for round in 0..4 {
        for number in 0..20 {
            tree::random_file(&source.join(format!("file-{number}")), round * 10 + number, 900_000);
        }
        tree::settle();
        machine.ok(args!["archive", "--policy", policy]);
    }
    let nas = machine.path("nas");
    let before = volumes(&nas).len();
    let done = machine.ok(args!["prune", store, "--keep-last", "1"]);
    assert!(volumes(&nas).len() < before, "{done:?}");
    machine.ok(args!["verify", store]);
    let left = volumes(&nas);
    let bytes = fs::read(&left[0]).expect("it is there");
    fs::remove_file(&left[0]).expect("it is there");
    let done = machine.run(args!["verify", store, "--repair"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(fs::read(&left[0]).expect("it is back") == bytes);
    assert_same(&source, &machine.restore(&store, "latest", "back"));
    let listed = machine.ok(args!["media", "list", store]);
    assert!(listed.stdout.contains("parity of pool nas: 3+1"), "{listed:?}");
}

/// A policy says it of the store's own pool, too; without it, what was said before holds.
#[test]
fn a_policy_rules_the_parity_of_the_store_itself() {
    let (machine, store) = Machine::with_open_store();
    tree::random_file(&machine.path("source/file"), 1, 500_000);
    let rule = "[[rules]]\nname = \"all\"\n";
    let own = format!("parity = \"1+1\"\nvolume-size = \"5M\"\n{rule}");
    let file = crate::media::policy(&machine, &own);
    machine.ok(args!["archive", "--policy", file]);
    let state = |parity: &str| {
        let listed = machine.ok(args!["media", "list", store]);
        assert!(listed.stdout.contains(&format!("parity of pool default: {parity}")), "{listed:?}");
    };
    state("1+1");
    machine.ok(args!["media", "protect", store, "--parity", "3+1"]);
    let file = crate::media::policy(&machine, rule);
    machine.ok(args!["archive", "--policy", file]);
    state("3+1");
    let file = crate::media::policy(&machine, &own);
    let elsewhere = args!["archive", "--policy", file, "--to", "mover://127.0.0.1:1/main"];
    machine.fails(2, &["kept by the mover that has the store", "media protect"], elsewhere);
}

/// A server makes parity when nobody writes any more.
#[test]
fn a_served_store_is_protected_by_its_server() {
    let client = Machine::without_keys();
    let (server, url) = Server::for_client(&client);
    let refused = args!["init", url, "--no-encryption", "--parity", "3+1"];
    client.fails(2, &["kept by the mover that has the store", "media protect"], refused);
    client.ok(args!["init", url, "--no-encryption"]);
    let store = server.store();
    server.machine.ok(args!["media", "protect", store, "--parity", "3+1"]);
    let sets = || {
        let listing = fs::read_dir(store.join("volumes")).expect("a store has volumes");
        let names = listing.map(|item| item.expect("it can be listed").file_name());
        names.filter(|name| name.to_string_lossy().ends_with(".parity")).count()
    };
    let before = sets();
    let source = client.path("source");
    tree::random_file(&source.join("file"), 1, 900_000);
    client.ok(args!["archive", source, "--to", url]);
    until("parity of what is new is there", || sets() > before);
}

/// It used to be silent until the parity was made, so that whoever came was given up by the client.
#[test]
fn a_server_that_makes_parity_tells_who_waits_for_it() {
    let silence = ("MOVER_NET_TIMEOUT_SECONDS", "5");
    let client = Machine::without_keys().variable(silence.0, silence.1);
    let mut server = Server::new();
    let store = server.store();
    server.machine.ok(args!["init", store, "--no-encryption", "--parity", "3+1"]);
    server.allow(&client, ALL);
    server.start_with(&[silence, ("FAILPOINTS", "parity-written=sleep(12000)")]);
    server.trusted_by(&client, server.address);
    let url = server.url(server.address);
    let source = client.path("source");
    tree::random_file(&source.join("file"), 1, 900_000);
    client.ok(args!["archive", source, "--to", url, "--name", "first"]);
    until("parity is being made", || {
        let listing = fs::read_dir(store.join("volumes")).expect("a store has volumes");
        let mut names = listing.map(|item| item.expect("it can be listed").file_name());
        names.any(|name| name.to_string_lossy().ends_with(".parity.new"))
    });
    // A lost connection is not made anew: none is lost.
    let archive = args!["--retry-for", "0s", "archive", source, "--to", url, "--name", "second"];
    let done = client.ok(archive);
    assert!(done.seconds > 5.0, "it did not wait for the parity: {done:?}");
}

/// Without room for parity the archive is there all the same, and the next command makes it.
#[test]
fn a_full_disk_costs_the_parity_and_not_the_archive() {
    let machine = Machine::without_keys();
    let folder = machine.make_folder("disk");
    let disk = SmallDisk::mount(&folder, "9M");
    let machine = machine.prefix(disk.prefix());
    let (store, source) = (folder.join("store"), machine.path("source"));
    machine.ok(args!["init", store, "--no-encryption", "--parity", "1+2"]);
    tree::random_file(&source.join("file"), 1, 1_500_000);
    tree::settle();
    let done = machine.run(args!["archive", source, "--to", store]);
    assert_eq!(done.code, 1, "{done:?}");
    done.assert_says(&["no parity yet", "media protect"]);
    machine.ok(args!["verify", store]);
    assert_same(&source, &machine.restore(&store, "latest", "back"));
    disk.resize("40M");
    machine.ok(args!["media", "protect", store]);
    machine.ok(args!["verify", store]);
}

#[test]
fn what_makes_no_sense_is_refused_and_parity_can_be_taken_away() {
    let (machine, store) = Machine::with_open_store();
    machine.fails(2, &["no pool", "--parity 10+2"], args!["media", "protect", store]);
    let protect = |parity: &str| args!["media", "protect", store, "--parity", parity];
    machine.fails(2, &["is no N+M, such as 10+2"], protect("10"));
    machine.fails(2, &["is no N+M, such as 10+2"], protect("250+10"));
    let elsewhere = args!["media", "protect", store, "--parity", "3+1", "--pool", "tape"];
    machine.fails(2, &["has no pool tape"], elsewhere);
    let other = machine.path("other");
    machine.fails(2, &["10+2"], args!["init", other, "--no-encryption", "--parity", "x"]);
    let done = machine.ok(protect("3+1"));
    assert!(done.stdout.contains("parity of pool default: 3+1"), "{done:?}");
    let done = machine.ok(protect("none"));
    assert!(done.stdout.contains("no parity any more"), "{done:?}");
    let listing = fs::read_dir(store.join("volumes")).expect("a store has volumes");
    assert_eq!(listing.count(), 1, "the first volume alone");
}

/// Killed at any moment, an archive and its parity go on, and nothing is left over.
#[test]
fn killed_while_it_makes_parity_it_loses_nothing() {
    let scene = Scene::new("2+1", 2);
    for round in 0..12 {
        tree::random_file(&scene.source.join("file-00"), 100 + round, 900_000);
        tree::settle();
        let mut child = scene.machine.spawn(scene.archiving());
        std::thread::sleep(std::time::Duration::from_millis(60 + round * 25));
        // It may have ended.
        let _ = child.kill();
        child.wait().expect("it was started");
        scene.archive();
        assert!(scene.files(".new").is_empty() && scene.files(".removed").is_empty());
        assert_eq!(scene.verify().code, 0, "round {round}");
    }
    let (path, bytes) = scene.files(".volume").into_iter().next().expect("there are some");
    fs::remove_file(&path).expect("it is there");
    assert_eq!(scene.repair().code, 0);
    assert!(scene.files(".volume")[&path] == bytes);
    scene.assert_well();
}

//! Disks that are full: a clear error, and nothing lost. Needs root, for a small disk.

use std::fs;

use crate::kit::disk::SmallDisk;
use crate::kit::{Machine, args, tree};

#[test]
fn a_disk_that_fills_while_archiving_costs_only_that_archive() {
    let machine = Machine::without_keys();
    let (small, big) = (machine.path("small-source"), machine.path("big-source"));
    tree::random_file(&small.join("file"), 1, 2 << 20);
    tree::random_file(&big.join("file"), 2, 40 << 20);
    let mounted = machine.make_folder("disk");
    let disk = SmallDisk::mount(&mounted, "24m");
    let machine = machine.prefix(disk.prefix());
    let store = mounted.join("store");
    machine.ok(args!["init", store, "--no-encryption"]);
    machine.ok(args!["archive", small, "--to", store, "--name", "small"]);
    machine.fails(2, &["space"], args!["archive", big, "--to", store, "--name", "big"]);
    // A reader needs no room.
    let archives = machine.json(args!["list", store]).lines_of("archive");
    let finished: Vec<_> =
        archives.iter().filter(|archive| archive["status"] == "finished").collect();
    assert_eq!(finished.len(), 1, "{archives:?}");
    let restored = machine.restore(&store, "small", "restored");
    let read = |path: std::path::PathBuf| fs::read(path).expect("it is there");
    assert!(read(small.join("file")) == read(restored.join("file")));
    // With room again, it goes on.
    disk.resize("128m");
    machine.ok(args!["verify", store, "--read"]);
    machine.ok(args!["archive", big, "--to", store, "--name", "big"]);
    let restored = machine.restore(&store, "big", "restored-big");
    assert!(read(big.join("file")) == read(restored.join("file")));
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn a_disk_that_is_full_from_the_start_gets_no_store() {
    let machine = Machine::without_keys();
    let mounted = machine.make_folder("disk");
    let disk = SmallDisk::mount(&mounted, "4k");
    let machine = machine.prefix(disk.prefix());
    let done = machine.fails(2, &[], args!["init", mounted.join("store"), "--no-encryption"]);
    assert!(done.stderr.contains("space") || done.stderr.contains("full"), "{done:?}");
}

#[test]
fn a_disk_that_fills_while_restoring_is_said_and_what_fits_is_whole() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_files(&source, 10, 2 << 20);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let mounted = machine.make_folder("disk");
    let disk = SmallDisk::mount(&mounted, "9m");
    let machine = machine.prefix(disk.prefix());
    let into = mounted.join("restored");
    machine.fails(2, &["space", "file-", "try: "], args!["restore", store, "a", "--into", into]);
    let seen = disk.seen_from_outside().join("restored");
    let (was, is) = (crate::kit::same::contents(&source), crate::kit::same::contents(&seen));
    let whole = is.iter().filter(|(path, content)| was.get(*path) == Some(*content)).count();
    assert!((1..=4).contains(&whole), "{whole} files of 2 MiB fit into 9 MiB");
    assert_eq!(whole, is.len(), "half a file is no file: {:?}", is.keys());
    disk.resize("64m");
    machine.ok(args!["restore", store, "a", "--into", into, "--overwrite"]);
    assert!(was == crate::kit::same::contents(&seen));
}

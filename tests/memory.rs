//! Memory stays within its bound, whatever the number of files.

use crate::kit::same::assert_same;
use crate::kit::{Machine, args, is_long, tree};

#[test]
fn many_tiny_files_fit_into_little_memory() {
    let machine = Machine::new();
    let (source, store) = (machine.path("source"), machine.path("store"));
    let (folders, files, mebibytes_max) =
        if is_long() { (1000, 1000, 300) } else { (50, 1000, 200) };
    tree::tiny_files(&source, folders, files, 100);
    machine.ok(args!["init", store]);
    let into = machine.path("restored");
    for command in [
        args!["archive", source, "--to", store, "--name", "a"],
        args!["archive", source, "--to", store, "--name", "b"],
        args!["list", store, "a"],
        args!["verify", store, "--read"],
        args!["restore", store, "b", "--into", into],
    ] {
        let (done, kibibytes) = machine.run_measured(command.clone());
        assert_eq!(done.code, 0, "{command:?}: {:?}", done.stderr);
        println!("{:?}: {} MiB, {:.1} s", command[0], kibibytes >> 10, done.seconds);
        assert!(kibibytes >> 10 < mebibytes_max, "{command:?}: {} MiB", kibibytes >> 10);
    }
    crate::kit::same::assert_same_by_rsync(&source, &into);
}

#[test]
fn a_big_file_fits_into_little_memory() {
    // A passphrase would take more for a moment than all that is measured here.
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("big"), 1, 300 << 20);
    let into = machine.path("restored");
    for command in [
        args!["archive", source, "--to", store, "--name", "a"],
        args!["restore", store, "a", "--into", into],
    ] {
        let (done, kibibytes) = machine.run_measured(command.clone());
        assert_eq!(done.code, 0, "{command:?}: {:?}", done.stderr);
        println!("{:?}: {} MiB", command[0], kibibytes >> 10);
        assert!(kibibytes >> 10 < 130, "{command:?}: {} MiB", kibibytes >> 10);
    }
    crate::kit::same::assert_same_by_rsync(&source, &into);
}

#[test]
fn as_many_workers_run_as_the_memory_has_room_for() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("big"), 1, 200 << 20);
    let archive = |memory: &str| {
        let more = args!["--workers", "100", "--memory", memory, "--json"];
        let name = args!["archive", source, "--to", store, "--name", memory, "--fresh", "--reread"];
        let (done, kibibytes) = machine.run_measured([name, more].concat());
        assert_eq!(done.code, 0, "{:?}", done.stderr);
        (done.number("workers"), done, kibibytes >> 10)
    };
    let (few, done, _) = archive("1M");
    assert_eq!(few, 1, "one at least");
    let note = "1 of 100 workers run: more do not fit into 1.00 MiB of memory (--memory)";
    assert!(done.stdout.contains(note), "{done:?}");
    let (some, _, peak) = archive("150M");
    let (more, _, _) = archive("400M");
    assert!(2 < some && 2 * some < more && more < 100, "{some} {more}");
    // Head, index, code and catalog come to it.
    assert!(peak < 150 + 150, "{peak} MiB");
    assert_same(&source, &machine.restore(&store, "150M", "restored"));
}

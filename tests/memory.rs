//! Memory stays within its bound, whatever the number of files.

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
    let machine = Machine::new();
    let (source, store) = (machine.path("source"), machine.path("store"));
    tree::random_file(&source.join("big"), 1, 300 << 20);
    machine.ok(args!["init", store]);
    let into = machine.path("restored");
    for command in [
        args!["archive", source, "--to", store, "--name", "a"],
        args!["restore", store, "a", "--into", into],
    ] {
        let (done, kibibytes) = machine.run_measured(command.clone());
        assert_eq!(done.code, 0, "{command:?}: {:?}", done.stderr);
        assert!(kibibytes >> 10 < 200, "{command:?}: {} MiB", kibibytes >> 10);
    }
    crate::kit::same::assert_same_by_rsync(&source, &into);
}

//! What is left out of an archive, and what comes through standard input.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;

use crate::kit::disk::SmallDisk;
use crate::kit::machine::wait;
use crate::kit::random::Random;
use crate::kit::{Machine, args, tree};

/// Archives with `options`, and compares the names of all files with `expect`.
fn check(machine: &Machine, source: &Path, store: &Path, options: Vec<OsString>, expect: &[&str]) {
    let shown = options.clone();
    machine.ok([args!["archive", source, "--to", store, "--name", "a"], options].concat());
    let entries = machine.json(args!["list", store, "a"]).lines_of("entry");
    let files: BTreeSet<&str> = entries
        .iter()
        .filter(|entry| entry["kind"] == "file")
        .map(|entry| entry["path"].as_str().expect("a path is text"))
        .collect();
    assert_eq!(files, expect.iter().copied().collect(), "{shown:?}");
}

#[test]
fn what_globs_ignore_files_and_cache_tags_exclude_is_left_out() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for path in ["a.o", "a.c", "deep/b.o", "deep/b.c", "build/c.c", "deep/build/d.c"] {
        tree::write(&source.join(path), path);
    }
    let cache = source.join("cache");
    tree::write(&cache.join("CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n");
    tree::write(&cache.join("big"), "x");
    let all = [
        "a.o",
        "a.c",
        "deep/b.o",
        "deep/b.c",
        "build/c.c",
        "deep/build/d.c",
        "cache/CACHEDIR.TAG",
        "cache/big",
    ];
    check(&machine, &source, &store, args![], &all);

    let expect = ["a.c", "deep/b.c", "deep/build/d.c", "cache/CACHEDIR.TAG", "cache/big"];
    check(&machine, &source, &store, args!["--exclude", "*.o", "--exclude", "/build"], &expect);

    let globs = machine.path("globs");
    tree::write(&globs, "# a comment\n*.c\n!/a.c\n\ncache/\n");
    check(&machine, &source, &store, args!["--exclude-from", globs], &["a.o", "a.c", "deep/b.o"]);

    let options = args!["--exclude-caches", "--exclude", "*.c"];
    let files = ["a.o", "deep/b.o", "cache/CACHEDIR.TAG"];
    check(&machine, &source, &store, options, &files);

    tree::write(&source.join("deep/.moverignore"), "*.o\nbuild\n");
    let options = args!["--ignore-file", ".moverignore", "--exclude", "cache"];
    let expect = ["a.o", "a.c", "deep/.moverignore", "deep/b.c", "build/c.c"];
    check(&machine, &source, &store, options, &expect);
}

#[test]
fn one_file_system_is_not_left() {
    let machine = Machine::without_keys();
    let source = machine.path("source");
    tree::write(&source.join("here"), "x");
    let mounted = machine.make_folder("source/mounted");
    let disk = SmallDisk::mount(&mounted, "1m");
    tree::write(&disk.seen_from_outside().join("there"), "x");
    let machine = machine.prefix(disk.prefix());
    let store = machine.path("store");
    machine.ok(args!["init", store, "--no-encryption"]);
    check(&machine, &source, &store, args![], &["here", "mounted/there"]);
    check(&machine, &source, &store, args!["--one-file-system"], &["here"]);
    let entries = machine.json(args!["list", store, "a"]).lines_of("entry");
    let folder = entries.iter().find(|entry| entry["path"] == "mounted");
    assert!(folder.is_some(), "a mount point is an empty folder: {entries:?}");
}

#[test]
fn standard_input_becomes_a_file() {
    let (machine, store) = Machine::with_open_store();
    for (name, length) in [("dump.sql", 3_000_000), ("nothing", 0)] {
        let content = Random::new(1).bytes(length);
        let mut archive =
            machine.spawn(args!["archive", "--stdin", name, "--to", store, "--name", name]);
        let mut stdin = archive.stdin.take().expect("it is a pipe");
        stdin.write_all(&content).expect("the archive reads it");
        drop(stdin);
        let done = wait(archive);
        assert_eq!(done.code, 0, "{done:?}");
        let restored = machine.restore(&store, name, &format!("r-{name}"));
        assert!(std::fs::read(restored.join(name)).expect("it is there") == content);
    }
}

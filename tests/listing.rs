//! Long listings stream, and short restores read little.

use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

use crate::kit::{Machine, args, is_long, tree};

#[test]
fn a_listing_begins_before_it_ends() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let (folders, files) = if is_long() { (1000, 1000) } else { (60, 1000) };
    tree::tiny_files(&source, folders, files, 20);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--snoop", "none"]);
    let begin = Instant::now();
    let mut list = machine.spawn(args!["--json", "list", store, "a"]);
    let mut stdout = BufReader::new(list.stdout.take().expect("it is a pipe"));
    let mut text = String::new();
    stdout.read_line(&mut text).expect("a pipe can be read");
    let first = begin.elapsed().as_secs_f64();
    let ended = list.try_wait().expect("it can be asked");
    assert!(ended.is_none(), "far more is to come than fits into a pipe");
    stdout.read_to_string(&mut text).expect("a pipe can be read");
    let all = begin.elapsed().as_secs_f64();
    assert!(list.wait().expect("it can be waited for").success());
    // The root and the folders are entries too.
    assert_eq!(text.lines().count(), folders * files + folders + 1);
    assert!(first < all / 2.0 || first < 0.3, "the first line took {first} s of {all} s");
}

#[test]
fn a_listing_that_nobody_reads_to_its_end_is_no_error() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::tiny_files(&source, 5, 1000, 20);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--snoop", "none"]);
    let mut list = machine.spawn(args!["list", store, "a"]);
    drop(list.stdout.take());
    let done = crate::kit::machine::wait(list);
    assert!(!done.stderr.contains("panick"), "{done:?}");
}

#[test]
fn a_restore_of_one_path_reads_only_what_it_needs() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for number in 0..64 {
        let path = source.join(format!("{}/file-{number:02}", number % 4));
        tree::random_file(&path, number, 700_000);
    }
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--snoop", "none"]);
    let restore = |into: &str| args!["restore", store, "a", "--into", machine.path(into)];
    let all = machine.json(restore("all"));
    let one = machine.json([restore("one"), args!["2/file-30"]].concat());
    assert!(all.number("chunks_read") >= 40, "{all:?}");
    assert!(one.number("chunks_read") <= 6, "{one:?}");
    assert!(one.number("stored_bytes_read") < 6 << 20, "{one:?}");
    assert_eq!(one.number("bytes_written"), 700_000, "{one:?}");
    let read = |path: std::path::PathBuf| std::fs::read(path).expect("it is there");
    let (was, is) = (source.join("2/file-30"), machine.path("one/2/file-30"));
    assert!(read(was) == read(is));
}

#[test]
fn a_listing_of_paths_shows_what_lies_below_them() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let entries = machine.json(args!["list", store, "a", "noise", "bin/run"]).lines_of("entry");
    let mut paths: Vec<_> = entries.iter().filter_map(|entry| entry["path"].as_str()).collect();
    paths.retain(|path| *path != "noise");
    let expect: Vec<String> = (0..8).map(|number| format!("noise/{number}")).collect();
    let expect: Vec<&str> =
        ["bin/run"].into_iter().chain(expect.iter().map(|path| &**path)).collect();
    assert_eq!(paths, expect);
    let run = entries.iter().find(|entry| entry["path"] == "bin/run").expect("it is listed");
    assert_eq!(run["kind"], "file");
    assert_eq!(run["size"], 17);
}

//! Files that change, vanish or cannot be read are named, and the rest is archived: exit code 1.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::kit::machine::wait;
use crate::kit::{Machine, args, tree};

/// Waits until a process has a file open.
fn wait_until_open(child: &mut Child, path: &Path) {
    let descriptors = format!("/proc/{}/fd", child.id());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(60) {
        assert!(child.try_wait().expect("it can be asked").is_none(), "it ended too early");
        let links = fs::read_dir(&descriptors).into_iter().flatten().flatten();
        if links.filter_map(|item| fs::read_link(item.path()).ok()).any(|target| target == path) {
            return;
        }
        std::thread::yield_now();
    }
    panic!("{path:?} was not opened within a minute");
}

#[test]
fn a_file_that_changes_and_one_that_vanishes_while_the_archive_runs_are_named() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.make_folder("source").canonicalize().expect("it is there");
    tree::random_file(&source.join("a-changes"), 1, 8 << 20);
    tree::random_file(&source.join("b-stays"), 2, 1 << 20);
    tree::write(&source.join("z-vanishes"), "x");
    let mut archive = machine.spawn(args![
        "--json",
        "archive",
        source,
        "--to",
        store,
        "--name",
        "a",
        "--limit-rate",
        "4M",
    ]);
    wait_until_open(&mut archive, &source.join("a-changes"));
    let file = File::options().write(true).open(source.join("a-changes")).expect("it is there");
    file.write_all_at(b"changed", 8 << 20).expect("it can be written");
    fs::remove_file(source.join("z-vanishes")).expect("it can be removed");
    let done = wait(archive);
    assert_eq!(done.code, 1, "{done:?}");
    done.assert_says(&["a-changes", "z-vanishes"]);
    assert_eq!(done.number("faults"), 2, "{done:?}");
    let named: Vec<_> = done.lines_of("fault").iter().map(|line| line["path"].clone()).collect();
    assert_eq!(named, ["a-changes", "z-vanishes"]);
    let restored = machine.run(args!["restore", store, "a", "--into", machine.path("restored")]);
    restored.assert_code(&[0, 1]);
    let read = |path: &Path| fs::read(path).expect("it is there");
    let copy = machine.path("restored/b-stays");
    assert!(read(&source.join("b-stays")) == read(&copy));
    // The next one finds nothing wrong, and does not take the faulty file for known.
    let second = machine.json(args!["archive", source, "--to", store, "--name", "b"]);
    assert!(second.number("bytes_read") >= 8 << 20, "{second:?}");
    crate::kit::assert_same(&source, &machine.restore(&store, "b", "restored-b"));
}

#[test]
fn a_file_and_a_folder_that_cannot_be_read_are_named_and_the_rest_is_archived() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    tree::write(&source.join("locked-file"), "x");
    tree::write(&source.join("locked-folder/inside"), "x");
    for name in ["locked-file", "locked-folder"] {
        let none = fs::Permissions::from_mode(0o0);
        fs::set_permissions(source.join(name), none).expect("a mode can be set");
    }
    // Root without the right to pass over modes is like everybody else.
    drop(crate::kit::tool("setpriv", "util-linux"));
    let machine = machine.prefix(args![
        "setpriv",
        "--bounding-set",
        "-dac_override,-dac_read_search",
        "--inh-caps",
        "-dac_override,-dac_read_search",
    ]);
    let archive = args!["--json", "archive", source, "--to", store, "--name", "a"];
    let done = machine.fails(1, &["locked-file", "locked-folder", "permission denied"], archive);
    assert_eq!(done.number("faults"), 2, "{done:?}");
    let machine = machine.prefix(vec![]);
    machine.run(args!["restore", store, "a", "--into", machine.path("r")]).assert_code(&[0, 1]);
    let (mut was, is) =
        (crate::kit::same::contents(&source), crate::kit::same::contents(&machine.path("r")));
    was.retain(|path, _| !path.starts_with(b"locked"));
    assert!(was.iter().all(|(path, content)| is.get(path) == Some(content)));
}

//! Filters: bytes are changed before they are cut, and changed back.

use std::path::PathBuf;

use crate::kit::component::{self, Behaviour};
use crate::kit::{Machine, args, assert_same, tape, tree};
use crate::media::policy;

/// A machine with a tree, a store without keys, and a filter in a file.
fn prepare(behaviour: Behaviour, is_lossy: bool) -> (Machine, PathBuf, PathBuf, PathBuf) {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    tree::random_file(&source.join("film"), 77, 3 << 20);
    let bytes = component::filter("turner", behaviour, is_lossy);
    let filter = component::save(&machine.path(""), "turner", &bytes);
    (machine, store, source, filter)
}

#[test]
fn a_filtered_tree_comes_back_without_the_file_of_its_filter() {
    let (machine, store, source, filter) = prepare(Behaviour::Honest, false);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--filter", filter]);
    let noise = std::fs::read(source.join("film")).expect("a file");
    let stored = std::fs::read(store.join("volumes/00000001.volume")).expect("a volume");
    let is_there = stored.windows(64).any(|bytes| *bytes == noise[..64]);
    assert!(!is_there, "it lies as the filter made it");
    // An unchanged file is not read again, unless its filters are others.
    let same = args!["archive", source, "--to", store, "--name", "b", "--filter", filter];
    assert_eq!(machine.json(same).number("bytes_read"), 0);
    let other = machine.json(args!["archive", source, "--to", store, "--name", "c"]);
    assert!(other.number("bytes_read") > 3_000_000, "{other:?}");
    std::fs::remove_file(filter).expect("it can be removed");
    for name in ["a", "b", "c"] {
        assert_same(&source, &machine.restore(&store, name, name));
    }
    let out = machine.ok(args!["restore", store, "a", "film", "--stdout"]);
    assert_eq!(out.stdout.len(), String::from_utf8_lossy(&noise).len());
    let listed = machine.ok(args!["list", store, "a"]);
    let line = listed.stdout.lines().find(|line| line.ends_with("film")).expect("its line");
    assert!(line.contains("3145728"), "the size is that of the file: {line}");
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn a_lossy_filter_is_refused_unless_somebody_wants_it() {
    let (machine, store, source, filter) = prepare(Behaviour::Lie, true);
    let archive = args!["archive", source, "--to", store, "--name", "a", "--filter", filter];
    machine.fails(2, &["turner is lossy", "--lossy"], archive.clone());
    machine.ok([archive, args!["--lossy"]].concat());
    let back = machine.restore(&store, "a", "back");
    let noise = |folder: &PathBuf| std::fs::read(folder.join("film")).expect("a file");
    let (was, is) = (noise(&source), noise(&back));
    assert!(was.len() == is.len() && was.iter().zip(&is).all(|(was, is)| was ^ is == 1));
}

#[test]
fn a_filter_of_what_comes_through_a_pipe_is_refused_and_not_left_out() {
    let (machine, store, _, filter) = prepare(Behaviour::Honest, false);
    let dump = machine.path("dump");
    tree::write(&dump, "a secret");
    let archive = args!["archive", "--stdin", "dump.sql", "--to", store, "--filter", filter];
    let mut command = machine.command(archive);
    command.stdin(std::fs::File::open(&dump).expect("a file"));
    let output = command.output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("filter turner cannot change dump.sql"), "{told}");
    assert!(machine.ok(args!["list", store]).stdout.lines().all(|line| !line.contains("dump")));
}

#[test]
fn a_filter_that_does_not_give_back_what_it_was_given_is_found_out() {
    for (behaviour, part) in [
        (Behaviour::Lie, "turner does not give back what it was given"),
        (Behaviour::Trap, "trapped"),
        (Behaviour::Loop, "time limit"),
        (Behaviour::Flood, "output limit"),
    ] {
        let (machine, store, source, filter) = prepare(behaviour, false);
        let archive = args!["archive", source, "--to", store, "--name", "a", "--filter", filter];
        machine.fails(2, &["filtering", part], archive);
        machine.ok(args!["archive", source, "--to", store, "--name", "b"]);
        assert_same(&source, &machine.restore(&store, "b", "b"));
    }
}

#[test]
fn a_policy_says_whose_bytes_a_filter_changes_and_a_tape_alone_gives_them_back() {
    let (machine, store, source, filter) = prepare(Behaviour::Honest, false);
    let digest =
        machine.json(args!["plugin", "inspect", filter]).lines_of("component")[0]["digest"]
            .as_str()
            .expect("it has one")
            .to_owned();
    let pool = "[pools.tape]\nkind = \"tape\"\nfolder = \"tapes\"\ncartridges = [\"A1\"]\n";
    let with = |more: &str| {
        let filters = format!("filters = [{{ component = {filter:?}, path = [\"film\"]{more} }}]");
        let rule = "[[rules]]\nname = \"all\"\nstages = []\npools = [\"tape\"]\n";
        policy(&machine, &format!("{filters}\n{pool}{rule}"))
    };
    let archive = |file: PathBuf| args!["archive", "--policy", file];
    machine.fails(2, &["does not pin", &digest], archive(with("")));
    let file = with(&format!(", digest = {digest:?}"));
    machine.ok(archive(file.clone()));
    let noise = std::fs::read(source.join("film")).expect("a file");
    let on_tape = tape::records(&machine.path("tapes/A1.tap"));
    let has = |bytes: &[u8]| on_tape.windows(64).any(|found| *found == bytes[..64]);
    let turned: Vec<u8> = noise.iter().map(|byte| byte ^ 0x55).collect();
    assert!(!has(&noise) && has(&turned), "it lies as the filter made it");
    std::fs::remove_dir_all(&store).expect("the store is lost");
    std::fs::remove_file(filter).expect("and the filter");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "a", "back"));
}

#[test]
fn a_hole_goes_through_a_filter_in_little_memory() {
    let (machine, store, source, filter) = prepare(Behaviour::Honest, false);
    let sparse = std::fs::File::create(source.join("sparse")).expect("a file");
    sparse.set_len(1 << 30).expect("a hole");
    let archive = args!["archive", source, "--to", store, "--name", "a", "--filter", filter];
    let (done, kibibytes) = machine.run_measured(archive);
    assert_eq!(done.code, 0, "{done:?}");
    assert!(kibibytes < 300 << 10, "{kibibytes} KiB at the peak");
    assert_same(&source, &machine.restore(&store, "a", "back"));
}

#[test]
fn a_filtered_file_that_was_interrupted_is_read_anew() {
    let (machine, store, source, filter) = prepare(Behaviour::Honest, false);
    tree::random_file(&source.join("zz-large"), 78, 24 << 20);
    let archive = args!["archive", source, "--to", store, "--name", "a", "--filter", filter];
    let mut slow = archive.clone();
    slow.extend(args!["--limit-rate", "8M"]);
    let mut child = machine.spawn(slow);
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert!(child.try_wait().expect("a child").is_none(), "it still runs");
    child.kill().expect("a kill");
    drop(crate::kit::machine::wait(child));
    machine.ok(archive);
    assert_same(&source, &machine.restore(&store, "a", "back"));
}

//! `mover catalog`: made anew it is what it was, each difference is found and no other, and another
//! copy of the store gives what this one lacks.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kit::machine::Done;
use crate::kit::volume::{self, flip, forget_catalog};
use crate::kit::{Machine, args, assert_same, output_of, tool, tree};
use crate::media::policy;

const TWICE: &str = "[pools.second]\nkind = \"disk\"\npath = \"second\"\nvolume-size = \"2M\"\n\
                     [[rules]]\nname = \"all\"\npools = [\"default\", \"second\"]\n";

/// A store that has lived: two pools, an archive that was dropped and pruned, one that refers.
fn lived() -> (Machine, PathBuf, PathBuf) {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    for round in 0..3 {
        tree::random_file(&source.join(format!("file-{round}")), round, 1_500_000);
        tree::settle();
        let file = policy(&machine, TWICE);
        machine.ok(args!["archive", "--policy", file, "--volume-size", "2M"]);
    }
    machine.ok(args!["prune", store, "--keep-last", "2"]);
    (machine, store, source)
}

fn is_right(machine: &Machine, store: &Path) {
    let done = machine.ok(args!["catalog", "compare", store]);
    assert!(done.stdout.contains("says what the media say"), "{done:?}");
}

fn differences(done: &Done) -> Vec<String> {
    let lines = done.lines_of("difference");
    lines.iter().map(|line| line["what"].as_str().expect("a kind of thing").to_owned()).collect()
}

#[test]
fn a_catalog_made_anew_is_the_one_that_was_deleted() {
    let (machine, store, source) = lived();
    is_right(&machine, &store);
    let before = machine.json(args!["list", store, "--all"]).stdout;
    let saved = machine.path("saved.sqlite");
    // Its log is empty once the last command has closed it.
    fs::copy(store.join("catalog.sqlite"), &saved).expect("a catalog");
    forget_catalog(&store);
    machine.ok(args!["catalog", "rebuild", store]);
    assert_eq!(machine.json(args!["list", store, "--all"]).stdout, before);
    machine.ok(args!["catalog", "compare", store]);
    assert_same(&source, &machine.restore(&store, "latest", "back"));
    // And the one that was deleted says what the media say, entry by entry.
    forget_catalog(&store);
    fs::copy(&saved, store.join("catalog.sqlite")).expect("a catalog");
    is_right(&machine, &store);
}

fn change(store: &Path, statement: &str) {
    let catalog = store.join("catalog.sqlite");
    let mut python = tool("python3", "python3");
    let program = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
                   n = c.execute(sys.argv[2]).rowcount\nc.commit()\nassert n == 1, n\n";
    output_of(python.arg("-c").arg(program).arg(catalog).arg(statement));
}

#[test]
fn each_difference_of_a_catalog_is_found_and_no_other() {
    let (machine, store, _) = lived();
    let plants = [
        ("chunk", "DELETE FROM chunks WHERE rowid_of"),
        ("chunk", "UPDATE chunks SET offset = offset + 1 WHERE rowid_of"),
        ("chunk", "UPDATE chunks SET footer_length = 0 WHERE rowid_of"),
        (
            "volume",
            "UPDATE volumes SET indexed_length = indexed_length - 1
                    WHERE number = (SELECT max(number) FROM volumes)",
        ),
        ("archive", "UPDATE archives SET footer = NULL, footer_lists = NULL WHERE id = 2"),
        (
            "archive",
            "UPDATE archives SET dropped_seconds = 1, dropped_nanoseconds = 0 WHERE id = 3",
        ),
        ("session", "UPDATE sessions SET status = 2 WHERE id = 2"),
        (
            "block",
            "DELETE FROM blocks WHERE identity = (SELECT max(identity) FROM blocks)
                   AND pool = 1",
        ),
        (
            "component",
            "DELETE FROM components WHERE (digest, volume) = (SELECT max(digest), volume
                       FROM components)",
        ),
        ("key group", "UPDATE key_groups SET revision = 9"),
    ];
    let saved = machine.path("saved.sqlite");
    fs::copy(store.join("catalog.sqlite"), &saved).expect("a catalog");
    for (what, statement) in plants {
        let place = "(volume, offset) = (SELECT max(volume), max(offset)
                     FROM chunks WHERE volume = (SELECT max(volume) FROM chunks))";
        change(&store, &statement.replace("rowid_of", place));
        let done = machine.run(args!["--json", "catalog", "compare", store]);
        assert_eq!(done.code, 1, "{statement}: {done:?}");
        assert_eq!(differences(&done), [what], "{statement}: {done:?}");
        // What was compared was not changed by that.
        let done = machine.run(args!["--json", "catalog", "compare", store]);
        assert_eq!(differences(&done), [what], "{statement}: {done:?}");
        forget_catalog(&store);
        fs::copy(&saved, store.join("catalog.sqlite")).expect("a catalog");
    }
    machine.ok(args!["catalog", "compare", store]);
}

/// Damage of a frame is a difference too: the media no longer say what the catalog remembers.
#[test]
fn a_catalog_remembers_what_a_medium_lost() {
    let (machine, store, _) = lived();
    let chunk_of = |(path, bytes): (PathBuf, Vec<u8>)| {
        let mut frames = volume::frames(&bytes).into_iter();
        let chunk = frames.find(|it| it.kind() == format::FrameKind::ChunkHeader)?;
        Some((path, chunk.body().start + 4))
    };
    let chunk = volume::bytes(&store).into_iter().find_map(chunk_of);
    let (path, at) = chunk.expect("a volume with a chunk");
    flip(&path, at, 2);
    let done = machine.run(args!["--json", "catalog", "compare", store]);
    assert_eq!(done.code, 1, "{done:?}");
    let lines = done.lines_of("difference");
    let lost = lines.iter().find(|line| line["what"] == "chunk").expect("the chunk");
    assert!(lost["media"].is_null() && lost["catalog"].is_string(), "{lost}");
}

/// The paths that differ, with what differs.
fn paths(done: &Done) -> Vec<String> {
    let lines = done.lines_of("difference");
    let said = |line: &serde_json::Value| {
        let what = match line["difference"].as_str().expect("how") {
            "changed" => {
                let what = line["what"].as_array().expect("a list");
                what.iter().map(|it| it.as_str().expect("a word")).collect::<Vec<_>>().join("+")
            }
            other => other.to_owned(),
        };
        format!("{} {what}", line["path"].as_str().expect("a path"))
    };
    lines.iter().map(said).collect()
}

#[test]
fn each_difference_of_a_source_is_found_and_no_other() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for name in
        ["content", "grown", "kept", "linked", "mode", "gone", "owner", "time", "typed", "xattr"]
    {
        tree::write(&source.join("d").join(name), name.repeat(1000));
    }
    fs::hard_link(source.join("d/linked"), source.join("d/linked2")).expect("a link");
    symlink("one", source.join("d/target")).expect("a link");
    tree::write(&source.join("z/sparse"), "");
    let sparse = fs::OpenOptions::new().write(true).open(source.join("z/sparse"));
    sparse.and_then(|file| file.set_len(3 << 20)).expect("a sparse file");
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let compare = |more: &[&str]| {
        let mut arguments = args!["--json", "catalog", "compare", store, "a", source];
        arguments.extend(more.iter().map(Into::into));
        machine.run(arguments)
    };
    let done = compare(&["--read"]);
    assert_eq!((done.code, paths(&done).len()), (0, 0), "{done:?}");
    assert!(done.report()["bytes_compared"].as_u64() > Some(3 << 20), "{done:?}");

    // Each change leaves times alone but where it is the time that is changed.
    let at = |name: &str| source.join("d").join(name);
    let touch = |path: &Path, like: &Path| {
        output_of(Command::new("touch").arg("-r").arg(like).arg("-h").arg(path));
    };
    let folder = machine.path("folder-as-it-was");
    fs::create_dir(&folder).expect("a folder");
    touch(&folder, &source.join("d"));
    let keeping = |name: &str, change: &dyn Fn(&Path)| {
        let like = machine.path("like");
        tree::write(&like, "");
        touch(&like, &at(name));
        change(&at(name));
        touch(&at(name), &like);
    };
    keeping("content", &|path| tree::write(path, "CONTENT".repeat(1000)));
    keeping("grown", &|path| tree::write(path, "grown".repeat(1001)));
    keeping("mode", &|path| {
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("a mode");
    });
    keeping("owner", &|path| std::os::unix::fs::chown(path, Some(77), None).expect("an owner"));
    keeping("xattr", &|path| {
        output_of(tool("setfattr", "attr").args(["-n", "user.a", "-v", "b"]).arg(path));
    });
    keeping("linked2", &|path| {
        fs::remove_file(path).expect("a name");
        fs::copy(at("kept"), path).and_then(|_| fs::copy(at("linked"), path)).expect("a copy");
    });
    keeping("target", &|path| {
        fs::remove_file(path).and_then(|()| symlink("two", path)).expect("a link");
    });
    keeping("typed", &|path| {
        fs::remove_file(path).and_then(|()| fs::create_dir(path)).expect("a folder");
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("a mode");
    });
    output_of(Command::new("touch").args(["-d", "2001-02-03"]).arg(at("time")));
    fs::remove_file(at("gone")).expect("a file");
    tree::write(&at("new"), "new");
    touch(&source.join("d"), &folder);
    let expected = [
        "d/gone only-in-archive",
        "d/grown size",
        "d/linked hard links",
        "d/linked2 hard links",
        "d/mode mode",
        "d/new only-in-source",
        "d/owner owner",
        "d/target target",
        "d/time mtime",
        "d/typed kind+size",
        "d/xattr attributes",
    ];
    let done = compare(&[]);
    assert_eq!(done.code, 1, "{done:?}");
    assert_eq!(paths(&done), expected);
    let done = compare(&["--read"]);
    let with_content = [&["d/content content"], &expected[..]].concat();
    assert_eq!(paths(&done), with_content);
    // What was left out of the archive is left out of the comparison.
    let done = compare(&["--exclude", "new"]);
    assert_eq!(paths(&done).len(), expected.len() - 1, "{done:?}");
}

#[test]
fn another_copy_of_the_store_gives_what_this_one_lacks() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("first"), 1, 1_500_000);
    let archive = |to: &Path, name: &str| {
        machine.ok(args!["archive", source, "--to", to, "--name", name]);
    };
    archive(&store, "first");
    let copy = machine.path("copy");
    output_of(Command::new("cp").arg("-a").arg(&store).arg(&copy));
    tree::random_file(&source.join("second"), 2, 1_500_000);
    archive(&copy, "there");
    let there = machine.path("there");
    output_of(Command::new("cp").arg("-a").arg(&source).arg(&there));
    tree::random_file(&source.join("third"), 3, 1_500_000);
    archive(&store, "here");
    // A chunk of the first archive is lost here, and is not there.
    let sound = fs::read(source.join("first")).expect("a file");
    let (path, bytes) = volume::bytes(&store).into_iter().next().expect("a volume");
    let at = bytes.windows(64).position(|part| part == &sound[700_000..700_064]);
    flip(&path, at.expect("it is stored as it is"), 0);
    let repaired = machine.run(args!["verify", store, "--repair"]);
    assert_eq!(repaired.code, 1, "{repaired:?}");

    let merged = machine.json(args!["catalog", "merge", store, copy]);
    let number = |key: &str| merged.number(key);
    assert_eq!((number("archives"), number("healed"), number("faults")), (1, 1, 0), "{merged:?}");
    assert_same(&there, &machine.restore(&store, "there", "back-there"));
    assert_same(&source, &machine.restore(&store, "here", "back-here"));
    // The damaged copy of the chunk is not missed by anybody now.
    machine.run(args!["verify", store, "--repair"]);
    machine.ok(args!["verify", store, "--read"]);
    forget_catalog(&store);
    machine.ok(args!["verify", store, "--read"]);
    machine.ok(args!["catalog", "compare", store]);
    // Once more there is nothing to do.
    let again = machine.json(args!["catalog", "merge", store, copy]);
    assert_eq!((again.number("archives"), again.number("chunks")), (0, 0), "{again:?}");
    // Another store is another store.
    let other = machine.path("other");
    machine.ok(args!["init", other, "--no-encryption"]);
    machine.fails(2, &["is store", "not merged"], args!["catalog", "merge", store, other]);
}

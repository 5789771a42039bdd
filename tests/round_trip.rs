//! What goes in comes out: every kind of key, framing and way to name a source.

use std::fs;

use crate::kit::machine::PASSPHRASE;
use crate::kit::{Machine, args, assert_same, output_of, tool, tree, volume};

/// Archives a tree twice with every framing, and restores both.
fn check_framings(machine: &Machine, init: &[&str]) {
    let source = machine.path("source");
    tree::sample(&source, 1);
    let store = machine.path("store");
    let mut arguments = args!["init", store];
    arguments.extend(init.iter().map(Into::into));
    machine.ok(arguments);
    for framing in ["each", "run", "both"] {
        let to = args!["archive", source, "--to", store, "--name", framing, "--framing", framing];
        machine.ok(to);
        let restored = machine.restore(&store, framing, framing);
        assert_same(&source, &restored);
    }
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn a_tree_comes_back_from_a_store_with_a_passphrase() {
    check_framings(&Machine::new(), &[]);
}

#[test]
fn a_tree_comes_back_from_a_store_without_encryption() {
    check_framings(&Machine::without_keys(), &["--no-encryption"]);
}

#[test]
fn a_tree_comes_back_from_a_store_with_a_recipient() {
    let machine = Machine::without_keys();
    let identity = machine.path("identity");
    let recipient = new_identity(&identity);
    let machine = machine.global(args!["--identity", identity]);
    check_framings(&machine, &["--recipient", &recipient]);
}

/// Writes an identity file of age, and gives its recipient.
pub(crate) fn new_identity(path: &std::path::Path) -> String {
    output_of(tool("age-keygen", "age").arg("-o").arg(path));
    output_of(tool("age-keygen", "age").arg("-y").arg(path)).trim().to_owned()
}

#[test]
fn an_archive_goes_on_from_volume_to_volume() {
    let machine = Machine::without_keys();
    let (source, store) = (machine.path("source"), machine.path("store"));
    for number in 0..6 {
        tree::random_file(&source.join(format!("{number}")), number, 5 << 20);
    }
    machine.ok(args!["init", store, "--no-encryption"]);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--volume-size", "8M"]);
    let volumes = volume::volumes(&store);
    assert!(volumes.len() >= 4, "30 MiB lie on several volumes of 8 MiB: {volumes:?}");
    for path in &volumes {
        let length = fs::metadata(path).expect("a volume is there").len();
        assert!(length <= 10 << 20, "a volume keeps to its size: {path:?}: {length}");
    }
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn every_level_worker_count_verification_and_chunk_size_gives_the_same_tree() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 2);
    let cases: [&[&str]; 8] = [
        &["--stage", r#"zstd={"level":-5}"#, "--workers", "1"],
        &["--stage", r#"zstd={"level":19}"#, "--workers", "4"],
        &["--stage", "zstd", "--stage", r#"zstd={"level":1}"#],
        &["--verify", "always"],
        &["--verify", "sample"],
        &["--verify", "never"],
        &["--chunk-size", "64K", "--framing", "run"],
        &["--chunk-size", "8M", "--framing", "both"],
    ];
    for (number, case) in cases.iter().enumerate() {
        let name = format!("case-{number}");
        let mut arguments = args!["archive", source, "--to", store, "--name", name, "--reread"];
        arguments.extend(case.iter().map(Into::into));
        machine.ok(arguments);
        assert_same(&source, &machine.restore(&store, &name, &name));
    }
}

#[test]
fn one_folder_becomes_the_root_and_several_paths_lie_side_by_side() {
    let (machine, store) = Machine::with_open_store();
    tree::write(&machine.path("one/inside/a"), "a");
    tree::write(&machine.path("two/b"), "b");
    tree::write(&machine.path("file"), "c");
    let (one, two, file) = (machine.path("one"), machine.path("two"), machine.path("file"));

    machine.ok(args!["archive", one, "--to", store, "--name", "folder"]);
    assert_same(&one, &machine.restore(&store, "folder", "r-folder"));

    machine.ok(args!["archive", one, two, file, "--to", store, "--name", "several"]);
    let restored = machine.restore(&store, "several", "r-several");
    assert_same(&one, &restored.join("one"));
    assert_same(&two, &restored.join("two"));
    assert_eq!(fs::read(restored.join("file")).expect("it is there"), b"c");

    machine.ok(args!["archive", file, "--to", store, "--name", "file"]);
    let restored = machine.restore(&store, "file", "r-file");
    assert_eq!(fs::read(restored.join("file")).expect("it is there"), b"c");
}

#[test]
fn an_empty_folder_is_an_archive_too() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.make_folder("source");
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn only_the_paths_that_are_named_are_restored() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 3);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let into = machine.path("restored");
    machine.ok(args!["restore", store, "a", "noise", "text/3/file-3.txt", "--into", into]);
    assert_same(&source.join("noise"), &into.join("noise"));
    let (original, restored) = (source.join("text/3"), into.join("text/3"));
    assert_eq!(fs::read_dir(&restored).expect("it is there").count(), 1);
    assert_eq!(
        fs::read(original.join("file-3.txt")).expect("it is there"),
        fs::read(restored.join("file-3.txt")).expect("it is there")
    );
    assert!(!into.join("bin").exists());
}

#[test]
fn an_archive_is_named_by_name_by_id_and_by_latest() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for version in ["one", "two", "three"] {
        tree::write(&source.join("file"), version);
        let name = if version == "three" { "other" } else { "same" };
        machine.ok(args!["archive", source, "--to", store, "--name", name]);
    }
    let archives = machine.json(args!["list", store]).lines_of("archive");
    assert_eq!(archives.len(), 3);
    let first = archives[0]["id"].as_str().expect("an archive has an id").to_owned();
    for (name, content) in [("same", "two"), ("latest", "three"), (&first[..10], "one")] {
        let restored = machine.restore(&store, name, &format!("r-{name}"));
        assert_eq!(fs::read_to_string(restored.join("file")).expect("it is there"), content);
    }
}

#[test]
fn a_dropped_archive_is_gone_and_the_others_are_whole() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 4);
    machine.ok(args!["archive", source, "--to", store, "--name", "first"]);
    machine.ok(args!["archive", source, "--to", store, "--name", "second"]);
    machine.ok(args!["drop", store, "first"]);
    let into = machine.path("gone");
    machine.fails(2, &["first"], args!["restore", store, "first", "--into", into]);
    let archives = machine.json(args!["list", store]).lines_of("archive");
    let shown = archives.iter().filter(|archive| archive["status"] == "finished");
    assert_eq!(shown.map(|archive| &archive["name"]).collect::<Vec<_>>(), ["second"]);
    assert_same(&source, &machine.restore(&store, "second", "restored"));
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn the_catalog_is_a_cache() {
    let (machine, store) = Machine::with_store();
    let source = machine.path("source");
    tree::sample(&source, 5);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let before = machine.json(args!["list", store]).stdout;
    volume::forget_catalog(&store);
    assert_eq!(machine.json(args!["list", store]).stdout, before);
    assert_same(&source, &machine.restore(&store, "a", "restored"));
    volume::forget_catalog(&store);
    machine.ok(args!["archive", source, "--to", store, "--name", "b"]);
    assert_same(&source, &machine.restore(&store, "b", "restored-b"));
}

#[test]
fn a_store_is_read_on_another_machine() {
    let (machine, store) = Machine::with_store();
    let source = machine.path("source");
    tree::sample(&source, 6);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let other = Machine::without_keys().variable("MOVER_PASSPHRASE", PASSPHRASE);
    assert_same(&source, &other.restore(&store, "a", "restored"));
}

#[test]
fn names_and_contents_are_nowhere_to_be_seen_in_an_encrypted_store() {
    let machine = Machine::new();
    let (source, store) = (machine.path("source"), machine.path("store"));
    let (name, content) = ("tell-tale-name", "tell-tale content ");
    tree::write(&source.join(name), content.repeat(1000));
    machine.ok(args!["init", store]);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let mut folders = vec![store];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).expect("a folder can be read") {
            let path = item.expect("a folder can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).expect("a file can be read");
            for secret in [name, content] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret:?} stands in {path:?}");
            }
        }
    }
}

//! Everything that an operator can get wrong: each its message, its exit code, and nothing lost.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::kit::{Machine, args, assert_same, tree, volume};

/// A machine with a store without encryption and one archive `a` in it.
fn prepare() -> (Machine, PathBuf, PathBuf) {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    (machine, store, source)
}

/// Every command that opens a store fails in the same way.
fn check_all(machine: &Machine, store: &PathBuf, parts: &[&str]) {
    let source = machine.path("source");
    fs::create_dir_all(&source).expect("a new folder");
    let commands: [Vec<OsString>; 6] = [
        args!["list", store],
        args!["list", store, "a"],
        args!["restore", store, "a", "--into", machine.path("never")],
        args!["verify", store],
        args!["archive", source, "--to", store, "--name", "never"],
        args!["drop", store, "a"],
    ];
    for command in commands {
        machine.fails(2, parts, command);
    }
    assert!(!machine.path("never").exists());
}

#[test]
fn a_wrong_passphrase_opens_nothing_and_breaks_nothing() {
    let (machine, store) = Machine::with_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let before = volume::bytes(&store);
    let wrong = Machine::without_keys().variable("MOVER_PASSPHRASE", "wrong horse");
    let into = wrong.path("restored");
    for command in [
        args!["restore", store, "a", "--into", into],
        args!["list", store, "a"],
        args!["verify", store, "--read"],
        args!["archive", source, "--to", store, "--name", "b"],
        args!["key", "export", store],
    ] {
        let way_out = "try: another passphrase (the store's keys: ";
        wrong.fails(2, &["the passphrase in MOVER_PASSPHRASE opens no key of", way_out], command);
    }
    assert!(volume::bytes(&store) == before, "not a byte has changed");
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn no_key_at_all_is_an_error_and_not_a_question_where_nobody_can_answer() {
    let (machine, store) = Machine::with_store();
    let source = machine.path("source");
    tree::write(&source.join("file"), "x");
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    // In a session of its own it finds no terminal, wherever the tests run.
    let other = Machine::without_keys().prefix(args!["setsid", "--wait"]);
    let done = other.fails(2, &["passphrase"], args!["list", store, "a"]);
    assert!(done.stderr.contains("MOVER_PASSPHRASE"), "the way out names it: {done:?}");
    let missing = other.path("missing");
    let other = other.global(args!["--passphrase-file", missing]);
    other.fails(2, &["missing"], args!["list", store, "a"]);
}

#[test]
fn where_there_is_no_store_the_path_is_named() {
    let machine = Machine::without_keys();
    let store = machine.path("nowhere");
    check_all(&machine, &store, &["nowhere", "try: check the path", "makes a new one"]);
    assert!(!store.exists(), "nothing is made by looking");
}

#[test]
fn a_folder_that_is_no_store_stays_as_it_is() {
    let machine = Machine::without_keys();
    let store = machine.path("pictures");
    tree::write(&store.join("cat.jpg"), "meow");
    check_all(&machine, &store, &["pictures", "try: check the path, or make a store in a new"]);
    machine.fails(2, &["pictures"], args!["init", store, "--no-encryption"]);
    assert_eq!(fs::read_dir(&store).expect("it is there").count(), 1);
    // A file is no store either.
    check_all(&machine, &store.join("cat.jpg"), &["cat.jpg"]);
    // Nor is an empty folder, but it can become one.
    let empty = machine.make_folder("empty");
    check_all(&machine, &empty, &["empty"]);
    machine.ok(args!["init", empty, "--no-encryption"]);
}

#[test]
fn a_store_is_not_made_twice() {
    let (machine, store, source) = prepare();
    machine.fails(2, &["store"], args!["init", store, "--no-encryption"]);
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn a_store_of_a_newer_format_is_left_alone() {
    let (machine, store, source) = prepare();
    let sound = volume::bytes(&store);
    volume::set_version(&store, 999);
    volume::forget_catalog(&store);
    let before = volume::bytes(&store);
    check_all(&machine, &store, &["version", "999"]);
    assert!(volume::bytes(&store) == before, "not a byte has changed");
    for (path, bytes) in sound {
        fs::write(path, bytes).expect("a volume can be written");
    }
    volume::forget_catalog(&store);
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn a_source_that_does_not_exist_is_named_and_no_archive_is_made() {
    let (machine, store, source) = prepare();
    let missing = machine.path("missing");
    for paths in [args![missing], args![source, missing]] {
        let archive = [args!["archive"], paths, args!["--to", store, "--name", "b"]].concat();
        machine.fails(2, &["missing"], archive);
    }
    let archives = machine.json(args!["list", store]).lines_of("archive");
    let finished = archives.iter().filter(|archive| archive["status"] == "finished");
    assert_eq!(finished.count(), 1, "{archives:?}");
}

#[test]
fn an_archive_that_is_not_there_is_named() {
    let (machine, store, source) = prepare();
    let into = machine.path("restored");
    for command in [
        args!["restore", store, "no-such-archive", "--into", into],
        args!["list", store, "no-such-archive"],
        args!["verify", store, "no-such-archive"],
        args!["drop", store, "no-such-archive"],
        args!["drop", store, "a", "no-such-archive"],
    ] {
        machine.fails(2, &["no-such-archive"], command);
    }
    assert!(!into.exists());
    // The one that is there was not dropped beside the one that is not.
    assert_same(&source, &machine.restore(&store, "a", "restored"));
    let none = machine.path("empty-store");
    machine.ok(args!["init", none, "--no-encryption"]);
    machine.fails(2, &["empty-store"], args!["list", none, "latest"]);
}

#[test]
fn a_path_that_is_not_in_the_archive_is_named() {
    let (machine, store, _) = prepare();
    let into = machine.path("restored");
    let restore = args!["restore", store, "a", "bin/run", "no/such/path", "--into", into];
    let done = machine.run(restore);
    done.assert_code(&[1, 2]).assert_says(&["no/such/path"]);
}

#[test]
fn a_restore_target_that_holds_something_is_refused_without_overwrite() {
    let (machine, store, source) = prepare();
    let into = machine.path("restored");
    tree::write(&into.join("text/0/file-0.txt"), "mine");
    tree::write(&into.join("also-mine"), "mine");
    let restore = args!["restore", store, "a", "--into", into];
    machine.fails(2, &["restored", "--overwrite"], restore.clone());
    assert_eq!(fs::read(into.join("text/0/file-0.txt")).expect("it is there"), b"mine");
    assert!(!into.join("bin").exists(), "nothing was restored");
    machine.ok([restore, args!["--overwrite"]].concat());
    assert_eq!(fs::read(into.join("also-mine")).expect("it is there"), b"mine");
    fs::remove_file(into.join("also-mine")).expect("it can be removed");
    assert!(crate::kit::same::contents(&source) == crate::kit::same::contents(&into));
    // A file in place of the folder.
    let file = machine.path("file");
    tree::write(&file, "mine");
    machine.fails(2, &["file"], args!["restore", store, "a", "--into", file]);
    assert_eq!(fs::read(file).expect("it is there"), b"mine");
}

#[test]
fn options_that_make_no_sense_are_named() {
    let (machine, store, source) = prepare();
    let archive = |options| [args!["archive", source, "--to", store], options].concat();
    machine.fails(2, &["no-such-stage"], archive(args!["--stage", "no-such-stage"]));
    machine.fails(2, &["missing.wasm"], archive(args!["--stage", "./missing.wasm"]));
    machine.fails(2, &["level"], archive(args!["--stage", r#"zstd={"level":99}"#]));
    machine.fails(2, &["JSON"], archive(args!["--stage", "zstd={level"]));
    for spec in [("--stage", "zstd"), ("--snoop", "snoop-yara"), ("--dedupe", "crc-dedupe")] {
        let (option, name) = spec;
        let hint = format!("mover plugin inspect {name}");
        let typo = archive(args![option, format!("{name}={{\"levl\":9}}")]);
        machine.fails(2, &["levl", &hint], typo);
    }
    machine.fails(2, &["glob"], archive(args!["--exclude", "[z-a]"]));
    // None of these has begun anything that could be gone on with.
    let unfinished = machine.json(args!["list", store]).lines_of("archive");
    assert_eq!(unfinished.len(), 1, "{unfinished:?}");
    let done = machine.ok(args!["resume", "--list"]);
    assert!(!done.stdout.contains("source"), "{done:?}");
    let done = machine.ok(archive(args![]));
    assert!(!done.stderr.contains("interrupted"), "{done:?}");
    machine.fails(2, &["key"], archive(args!["--stage", "chacha20poly1305"]));
    let globs = machine.path("no-globs");
    machine.fails(2, &["no-globs"], archive(args!["--exclude-from", globs]));
    // These never get past the parsing of arguments, which has words of its own.
    for options in [
        args!["--framing", "none"],
        args!["--verify", "often"],
        args!["--memory", "much"],
        args!["--limit-rate", "-1"],
        args!["--no-such-option"],
    ] {
        machine.run(archive(options)).assert_code(&[2]);
    }
    let new = machine.path("new");
    let init = args!["init", new, "--recipient", "age1nonsense"];
    machine.fails(2, &["age1nonsense"], init);
    assert!(!new.exists(), "nothing was made");
}

#[test]
fn a_flipped_bit_anywhere_is_found_and_everything_else_comes_back() {
    use crate::kit::random::Random;
    use crate::kit::same::contents;
    let machine = Machine::without_keys();
    let (source, store) = (machine.path("source"), machine.path("store"));
    let identity = machine.path("identity");
    let recipient = crate::round_trip::new_identity(&identity);
    let machine = machine.global(args!["--identity", identity]);
    tree::random_files(&source, 40, 150_000);
    machine.ok(args!["init", store, "--recipient", recipient]);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let was = contents(&source);
    let path = volume::volumes(&store)[0].clone();
    let sound = fs::read(&path).expect("a volume can be read");
    let seed = std::env::var("MOVER_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mut random = Random::new(seed);
    let count = if crate::kit::is_long() { 500 } else { 24 };
    for number in 0..count {
        let offset = usize::try_from(random.below(sound.len() as u64)).expect("it fits");
        let place = volume::frames(&sound).into_iter().rfind(|place| place.offset <= offset);
        let at = format!("seed {seed}, byte {offset}, in {place:?}");
        // Both with the catalog that knows better, and with nothing but the volume.
        volume::forget_catalog(&store);
        if number % 2 == 1 {
            machine.ok(args!["list", store]);
        }
        volume::flip(&path, offset, number as u8);
        let verified = machine.run(args!["--json", "verify", store, "--read"]);
        assert_eq!(verified.code, 1, "{at}: {verified:?}");
        assert!(verified.number("damaged") > 0, "{at}: {verified:?}");
        assert!(!verified.stderr.is_empty(), "{at}: what is damaged is named");
        let into = machine.path(&format!("restored-{number}"));
        let restored = machine.run(args!["restore", store, "a", "--into", into]);
        restored.assert_code(&[0, 1]);
        let is = contents(&into);
        assert!(is.iter().all(|(path, content)| was[path] == *content), "{at}: wrong bytes");
        let missing = was.keys().filter(|path| !is.contains_key(*path)).collect::<Vec<_>>();
        // A chunk holds at most eight of these files, and parts of two more.
        assert!(missing.len() <= 10, "{at}: {missing:?}: {restored:?}");
        assert!(missing.is_empty() || restored.code == 1, "{at}: {restored:?}");
        for path in missing {
            restored.assert_says(&[&String::from_utf8_lossy(path), "chunk"]);
        }
        fs::remove_dir_all(&into).expect("it can be removed");
        fs::write(&path, &sound).expect("a volume can be written");
    }
    volume::forget_catalog(&store);
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn a_truncated_volume_is_found_and_what_lies_before_the_cut_comes_back() {
    let machine = Machine::without_keys();
    let (source, store) = (machine.path("source"), machine.path("store"));
    tree::random_file(&source.join("first"), 1, 3 << 20);
    machine.ok(args!["init", store, "--no-encryption"]);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let whole = volume::total_length(&store);
    fs::rename(source.join("first"), machine.path("first")).expect("it can be moved");
    tree::random_file(&source.join("second"), 2, 3 << 20);
    machine.ok(args!["archive", source, "--to", store, "--name", "b"]);
    let path = volume::volumes(&store)[0].clone();
    let file = fs::File::options().write(true).open(&path).expect("it can be opened");
    file.set_len(whole + 1_500_000).expect("it can be cut");
    let done = machine.run(args!["verify", store]);
    done.assert_code(&[1]).assert_says(&["00000001"]);
    let restored = machine.restore(&store, "a", "restored");
    let read = |path: PathBuf| fs::read(path).expect("it is there");
    assert!(read(restored.join("first")) == read(machine.path("first")));
    let into = machine.path("restored-b");
    let done = machine.run(args!["restore", store, "b", "--into", into]);
    done.assert_code(&[1, 2]);
    assert!(!into.join("second").exists(), "half a file is no file");
}

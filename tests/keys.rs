//! Who can read a store, and who can only write.

use std::path::{Path, PathBuf};

use format::FrameKind;

use crate::kit::machine::PASSPHRASE;
use crate::kit::{Machine, args, assert_same, tree, volume};
use crate::round_trip::new_identity;

/// A machine with an encrypted store and one archive in it.
fn prepare() -> (Machine, PathBuf, PathBuf) {
    let (machine, store) = Machine::with_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    (machine, store, source)
}

fn other(passphrase: &str) -> Machine {
    Machine::without_keys().variable("MOVER_PASSPHRASE", passphrase)
}

fn key_names(machine: &Machine, store: &Path) -> Vec<String> {
    let lines = machine.json(args!["key", "list", store]).lines();
    lines.iter().filter_map(|line| line["name"].as_str()).map(str::to_owned).collect()
}

#[test]
fn a_second_passphrase_opens_what_was_there_and_the_first_can_be_removed() {
    let (machine, store, source) = prepare();
    let first = key_names(&machine, &store);
    assert_eq!(first.len(), 1, "{first:?}");
    let file = machine.path("new");
    tree::write(&file, "another passphrase\n");
    machine.ok(args!["key", "add", store, "--new-passphrase-file", file, "--name", "second"]);
    let names = key_names(&machine, &store);
    assert!(names.len() == 2 && names.contains(&"second".to_owned()), "{names:?}");

    let second = other("another passphrase");
    assert_same(&source, &second.restore(&store, "a", "restored"));
    second.ok(args!["key", "remove", store, first[0]]);
    assert_eq!(key_names(&second, &store), ["second"]);
    tree::write(&source.join("newer"), "x");
    second.ok(args!["archive", source, "--to", store, "--name", "b"]);
    assert_same(&source, &second.restore(&store, "b", "restored-b"));
    // The old passphrase may know old keys; what came after it is closed.
    let into = machine.path("closed");
    let done = machine.run(args!["restore", store, "b", "--into", into]);
    done.assert_code(&[2]);
    assert!(!into.join("newer").exists());
}

#[test]
fn the_last_key_cannot_be_removed() {
    let (machine, store, _) = prepare();
    let names = key_names(&machine, &store);
    machine.fails(2, &[&names[0]], args!["key", "remove", store, names[0]]);
    machine.fails(2, &["no-such-key"], args!["key", "remove", store, "no-such-key"]);
    assert_eq!(key_names(&machine, &store), names);
}

#[test]
fn a_recipient_that_is_added_opens_the_store_with_its_identity() {
    let (machine, store, source) = prepare();
    let identity = machine.path("identity");
    let recipient = new_identity(&identity);
    machine.ok(args!["key", "add", store, "--recipient", recipient, "--name", "mine"]);
    let listed = machine.ok(args!["key", "list", store]).stdout;
    assert!(listed.contains("mine") && listed.contains(&recipient), "{listed}");
    let other = Machine::without_keys().global(args!["--identity", identity]);
    assert_same(&source, &other.restore(&store, "a", "restored"));
}

#[test]
fn an_exported_key_opens_the_store_and_age_knows_it() {
    let (machine, store, source) = prepare();
    let exported = machine.path("exported");
    tree::write(&exported, machine.ok(args!["key", "export", store]).stdout);
    let other = Machine::without_keys().global(args!["--identity", exported]);
    assert_same(&source, &other.restore(&store, "a", "restored"));
    let recipient =
        crate::kit::output_of(crate::kit::tool("age-keygen", "age").arg("-y").arg(&exported));
    assert!(recipient.starts_with("age1"), "{recipient}");
}

#[test]
fn a_machine_that_can_only_write_writes_incrementally_and_reads_nothing() {
    let reader = Machine::without_keys();
    let identity = reader.path("identity");
    let recipient = new_identity(&identity);
    let reader = reader.global(args!["--identity", identity]);

    let writer = Machine::without_keys();
    let (source, store) = (writer.path("source"), writer.path("store"));
    tree::sample(&source, 1);
    tree::settle();
    writer.ok(args!["init", store, "--recipient", recipient]);
    writer.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let second = writer.json(args!["archive", source, "--to", store, "--name", "b"]);
    assert_eq!(second.number("bytes_read"), 0, "{second:?}");
    let into = writer.path("restored");
    writer.fails(2, &["key"], args!["restore", store, "b", "--into", into]);
    writer.fails(2, &["key"], args!["list", store, "b"]);
    // Names of archives are in the clear, and what is stored can be checked.
    assert_eq!(writer.json(args!["list", store]).lines_of("archive").len(), 2);
    writer.ok(args!["verify", store]);
    assert_same(&source, &reader.restore(&store, "a", "restored-a"));
    assert_same(&source, &reader.restore(&store, "b", "restored-b"));

    // What is new behind everything that the record has.
    tree::write(&source.join("zz/new"), "new");
    tree::write(&source.join("zz/newer"), "newer");
    writer.ok(args!["archive", source, "--to", store, "--name", "more"]);
    assert_same(&source, &reader.restore(&store, "more", "restored-more"));

    // Without its record it reads again, and nothing is wrong with what it writes.
    std::fs::remove_dir_all(writer.path("state/mover/stores")).expect("it can be removed");
    writer.ok(args!["archive", source, "--to", store, "--name", "c"]);
    assert_same(&source, &reader.restore(&store, "c", "restored-c"));
}

#[test]
fn several_recipients_can_each_read() {
    let machine = Machine::without_keys();
    let identities = [machine.path("one"), machine.path("two")];
    let recipients = identities.each_ref().map(|path| new_identity(path));
    let (source, store) = (machine.path("source"), machine.path("store"));
    tree::sample(&source, 1);
    machine.ok(args!["init", store, "--recipient", recipients[0], "--recipient", recipients[1],]);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    for identity in identities {
        let reader = Machine::without_keys().global(args!["--identity", identity]);
        assert_same(&source, &reader.restore(&store, "a", "restored"));
    }
}

#[test]
fn a_passphrase_comes_from_a_file_too() {
    let (machine, store, source) = prepare();
    let file = machine.path("passphrase");
    tree::write(&file, format!("{PASSPHRASE}\n"));
    let other = Machine::without_keys().global(args!["--passphrase-file", file]);
    assert_same(&source, &other.restore(&store, "a", "restored"));
}

/// How often the key envelope stands in a store, hit in all places but some.
fn damage_envelopes(store: &Path, spared: usize) -> usize {
    let holds_it = |kind| matches!(kind, FrameKind::KeyGroup | FrameKind::SessionFooter);
    let mut places = Vec::new();
    for (path, bytes) in volume::bytes(store) {
        let frames = volume::frames(&bytes).into_iter().filter(|place| holds_it(place.kind()));
        places.extend(frames.map(|place| (path.clone(), place.offset + place.length() / 2)));
    }
    for (path, offset) in &places[..places.len() - spared] {
        volume::flip(path, *offset, 2);
    }
    places.len()
}

/// One that is left opens everything; without any the store is lost to every passphrase, and said
/// to be, and damage of nothing else costs as much.
#[test]
fn one_envelope_that_is_left_is_enough_and_without_any_all_is_lost() {
    for (spared, code) in [(1, 0), (0, 2)] {
        let (machine, store) = Machine::with_store();
        let source = machine.path("source");
        tree::random_files(&source, 6, 900_000);
        machine.ok(args!["archive", source, "--to", store, "--volume-size", "4M"]);
        let exported = machine.path("exported");
        tree::write(&exported, machine.ok(args!["key", "export", store]).stdout);
        let count = damage_envelopes(&store, spared);
        assert!(count > 6, "at both ends of each volume, and with the session: {count}");
        volume::forget_catalog(&store);
        let back = machine.path("back");
        let done = machine.run(args!["restore", store, "latest", "--into", back]);
        assert_eq!(done.code, code, "{spared} spared: {done:?}");
        match spared {
            0 => drop(done.assert_says(&["no readable key group"])),
            _ => assert_same(&source, &back),
        }
        // It takes no key to say what is damaged.
        assert_eq!(machine.run(args!["verify", store]).code, 1);
        let paper = Machine::without_keys().global(args!["--identity", exported]);
        assert_same(&source, &paper.restore(&store, "latest", "back"));
    }
}

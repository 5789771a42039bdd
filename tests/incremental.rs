//! What is unchanged is not read, what is known is not stored twice.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::kit::{Machine, args, assert_same, is_long, tool, tree, volume};

#[test]
fn a_second_archive_of_an_unchanged_tree_reads_nothing_and_adds_next_to_nothing() {
    for machine in [Machine::new(), Machine::without_keys()] {
        let (source, store) = (machine.path("source"), machine.path("store"));
        for seed in 0..12 {
            tree::sample(&source.join(seed.to_string()), seed);
        }
        tree::settle();
        let open = machine
            .command(vec![])
            .get_envs()
            .all(|(name, value)| name != "MOVER_PASSPHRASE" || value.is_none());
        let mut init = args!["init", store];
        if open {
            init.extend(args!["--no-encryption"]);
        }
        machine.ok(init);
        machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
        let before = volume::total_length(&store);
        let second = machine.json(args!["archive", source, "--to", store, "--name", "b"]);
        let added = volume::total_length(&store) - before;
        assert_eq!(second.number("bytes_read"), 0, "{second:?}");
        assert_eq!(second.number("unchanged_files"), second.number("files") - 12, "{second:?}");
        assert!(added * 100 < before, "{added} added to {before}: {second:?}");
        assert!(second.number("stored_bytes").abs_diff(added) <= added / 10, "{added}: {second:?}");
        assert_same(&source, &machine.restore(&store, "b", "restored"));
    }
}

#[test]
fn ten_bytes_edited_in_a_big_file_add_less_than_3_mb() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let megabytes = if is_long() { 1000 } else { 64 };
    let path = source.join("big");
    tree::write(&path, "");
    let file = File::options().write(true).open(&path).expect("it can be opened");
    let mut random = crate::kit::random::Random::new(1);
    for number in 0..megabytes {
        file.write_all_at(&random.bytes(1 << 20), number << 20).expect("it can be written");
    }
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let before = volume::total_length(&store);
    file.write_all_at(b"ten bytes!", (megabytes << 20) / 2 + 12_345).expect("it can be written");
    let second = machine.json(args!["archive", source, "--to", store, "--name", "b"]);
    let added = volume::total_length(&store) - before;
    assert!(added < 3_000_000, "{added} bytes were added: {second:?}");
    assert_eq!(second.number("bytes_read"), megabytes << 20);
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

#[test]
fn bytes_put_into_the_middle_of_a_file_shift_the_rest_and_it_is_known_all_the_same() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("big"), 1, 24 << 20);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let before = volume::total_length(&store);
    let mut content = fs::read(source.join("big")).expect("it can be read");
    content.splice(5_000_000..5_000_000, *b"thirteen more");
    tree::write(&source.join("big"), content);
    machine.ok(args!["archive", source, "--to", store, "--name", "b"]);
    let added = volume::total_length(&store) - before;
    assert!(added < 3_000_000, "{added} bytes were added");
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

#[test]
fn reread_reads_everything_and_stores_it_once() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("a"), 1, 12 << 20);
    tree::random_file(&source.join("b"), 2, 12 << 20);
    tree::settle();
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let before = volume::total_length(&store);
    let second = machine.json(args!["archive", source, "--to", store, "--name", "b", "--reread"]);
    assert_eq!(second.number("bytes_read"), 24 << 20);
    assert_eq!(second.number("unchanged_files"), 0);
    assert_eq!(second.number("deduplicated_bytes"), 24 << 20);
    let added = volume::total_length(&store) - before;
    assert!(added * 100 < before, "{added} bytes were added to {before}");
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

#[test]
fn what_was_moved_or_copied_is_stored_once() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("here/a"), 1, 12 << 20);
    tree::random_file(&source.join("here/b"), 2, 12 << 20);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let before = volume::total_length(&store);
    fs::rename(source.join("here"), source.join("there")).expect("it can be renamed");
    fs::copy(source.join("there/a"), source.join("a-copy")).expect("it can be copied");
    machine.ok(args!["archive", source, "--to", store, "--name", "b"]);
    let added = volume::total_length(&store) - before;
    assert!(added * 100 < before, "{added} bytes were added to {before}");
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

#[test]
fn only_what_changed_is_read() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    tree::write(&source.join("same-size"), "before");
    tree::settle();
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    // The same length and the same modification time: only the change time tells.
    let reference = machine.path("reference");
    tree::write(&reference, "");
    crate::kit::output_of(
        tool("touch", "coreutils").arg("-r").arg(source.join("same-size")).arg(&reference),
    );
    tree::write(&source.join("same-size"), "after!");
    crate::kit::output_of(
        tool("touch", "coreutils").arg("-r").arg(&reference).arg(source.join("same-size")),
    );
    tree::write(&source.join("new"), "12345");
    fs::remove_file(source.join("noise/3")).expect("it can be removed");
    let second = machine.json(args!["archive", source, "--to", store, "--name", "b"]);
    assert_eq!(second.number("bytes_read"), 6 + 5, "{second:?}");
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

#[test]
fn metadata_that_changed_is_archived_whether_or_not_the_content_is_read() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    tree::settle();
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    chown(source.join("noise/7"), Some(5), Some(6)).expect("root may");
    let mode = fs::Permissions::from_mode(0o701);
    fs::set_permissions(source.join("text"), mode).expect("a mode can be set");
    fs::hard_link(source.join("noise/6"), source.join("another")).expect("a new hard link");
    machine.ok(args!["archive", source, "--to", store, "--name", "b"]);
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

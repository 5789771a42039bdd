//! Two archives at once, and readers beside one.
//!
//! An archive of standard input runs for as long as the test holds the pipe open.

use std::io::Write;
use std::path::Path;
use std::process::Child;

use crate::kit::machine::wait;
use crate::kit::random::Random;
use crate::kit::{Machine, args, assert_same, tree};

/// An archive that has begun to read, and reads until its standard input is closed.
fn begin(machine: &Machine, store: &Path, content: &[u8]) -> Child {
    let mut archive =
        machine.spawn(args!["archive", "--stdin", "data", "--to", store, "--name", "long"]);
    // Far more than fits into a pipe: when it is written, the archive is at work.
    let stdin = archive.stdin.as_mut().expect("it is a pipe");
    stdin.write_all(content).expect("the archive reads it");
    archive
}

fn end(mut archive: Child) {
    drop(archive.stdin.take());
    let done = wait(archive);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn a_second_archive_is_refused_by_name_while_readers_work_beside_the_first() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    machine.ok(args!["archive", source, "--to", store, "--name", "before"]);
    let content = Random::new(1).bytes(16 << 20);
    let first = begin(&machine, &store, &content);

    let pid = first.id().to_string();
    for command in [
        args!["archive", source, "--to", store, "--name", "second"],
        args!["drop", store, "before"],
    ] {
        machine.fails(2, &[&pid], command);
    }
    let archives = machine.json(args!["list", store]).lines_of("archive");
    let running = archives.iter().filter(|archive| archive["status"] != "finished");
    assert!(running.count() <= 1, "{archives:?}");
    assert!(archives.iter().all(|archive| archive["name"] != "second"), "{archives:?}");
    assert_same(&source, &machine.restore(&store, "before", "restored"));
    assert_same(&source, &machine.restore(&store, "latest", "restored-latest"));
    machine.ok(args!["verify", store, "--read"]);
    machine.ok(args!["list", store, "before"]);

    end(first);
    let restored = machine.restore(&store, "long", "restored-long");
    assert!(std::fs::read(restored.join("data")).expect("it is there") == content);
    machine.ok(args!["archive", source, "--to", store, "--name", "second"]);
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn the_lock_of_a_killed_archive_holds_nobody() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    let mut first = begin(&machine, &store, &Random::new(1).bytes(16 << 20));
    first.kill().expect("it can be killed");
    first.wait().expect("it can be waited for");
    machine.ok(args!["archive", source, "--to", store, "--name", "second"]);
    assert_same(&source, &machine.restore(&store, "second", "restored"));
}

#[test]
fn an_interrupted_archive_ends_cleanly_and_says_so() {
    let (machine, store) = Machine::with_open_store();
    let content = Random::new(1).bytes(1 << 20);
    let mut first = begin(&machine, &store, &content);
    let pid = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is there");
    // It is asked between two reads, and ends long before the source does.
    let mut stdin = first.stdin.take().expect("it is a pipe");
    let taken = (0..1000).take_while(|_| stdin.write_all(&content).is_ok()).count();
    assert!(taken < 1000, "it goes on reading");
    let done = wait(first);
    assert_ne!(done.code, 0, "{done:?}");
    machine.ok(args!["verify", store, "--read"]);
    let archives = machine.json(args!["list", store]).lines_of("archive");
    assert!(archives.iter().all(|archive| archive["status"] != "finished"), "{archives:?}");
}

#[test]
fn archives_into_two_stores_run_side_by_side() {
    let machine = Machine::without_keys();
    let stores = [machine.path("one"), machine.path("two")];
    for store in &stores {
        machine.ok(args!["init", store, "--no-encryption"]);
    }
    let content = Random::new(1).bytes(8 << 20);
    for archive in stores.each_ref().map(|store| begin(&machine, store, &content)) {
        end(archive);
    }
}

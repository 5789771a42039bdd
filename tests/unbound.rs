//! Other programs as head and tail of a pipeline, and sessions that are looked at and steered.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::kit::machine::{until, wait};
use crate::kit::random::Random;
use crate::kit::server::Server;
use crate::kit::{Done, Machine, args, assert_same, tree};

/// Looks until something runs.
pub(crate) fn status(machine: &Machine, arguments: &[&str]) -> serde_json::Value {
    let begin = Instant::now();
    loop {
        let mut command = args!["--json", "status"];
        command.extend(arguments.iter().map(Into::into));
        let done = machine.ok(command);
        if let Some(session) = done.lines_of("session").pop() {
            return session;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "nothing runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Looks until nothing moves for longer than a session needs for what it has at hand.
fn stands_still(machine: &Machine, arguments: &[&str]) -> serde_json::Value {
    let mut before = status(machine, arguments);
    until("it stands still", || {
        std::thread::sleep(Duration::from_millis(700));
        let now = status(machine, arguments);
        std::mem::replace(&mut before, now.clone())["bytes"] == now["bytes"]
    });
    before
}

#[test]
fn one_file_comes_out_of_a_pipe() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let noise = Random::new(3).bytes(3 << 20);
    tree::write(&source.join("folder/noise"), &noise);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let mut child = machine.spawn(args!["restore", store, "a", "folder/noise", "--stdout"]);
    let mut bytes = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut bytes).expect("it can be read");
    assert_eq!(wait(child).code, 0);
    assert!(bytes == noise, "{} bytes", bytes.len());
    let folder = args!["restore", store, "a", "folder", "--stdout"];
    machine.fails(2, &["is not a file"], folder);
    machine.fails(2, &["no entry x"], args!["restore", store, "a", "x", "--stdout"]);
    machine.fails(2, &["one file"], args!["restore", store, "a", "--stdout"]);
}

#[test]
fn a_program_attaches_to_a_session_by_its_name_at_either_end() {
    let (machine, store) = Machine::with_open_store();
    let noise = Random::new(4).bytes(5 << 20);
    machine.fails(2, &["no session waits under the name dump"], args!["attach", "dump"]);
    let archive = args!["archive", "--attach", "dump", "--stdin", "db.sql", "--to", store];
    let session = machine.spawn(archive);
    until("it waits", || machine.path("state/mover/sessions/dump.end").exists());
    let mut program = machine.spawn(args!["attach", "dump"]);
    program.stdin.take().expect("a pipe").write_all(&noise).expect("it reads");
    assert_eq!(wait(program).code, 0);
    let done: Done = wait(session);
    assert_eq!(done.code, 0, "{done:?}");
    let restore = args!["restore", store, "db.sql", "db.sql", "--attach", "back"];
    let session = machine.spawn(restore);
    until("it waits", || machine.path("state/mover/sessions/back.end").exists());
    let mut program = machine.spawn(args!["attach", "back"]);
    drop(program.stdin.take());
    let mut bytes = Vec::new();
    program.stdout.take().expect("a pipe").read_to_end(&mut bytes).expect("it can be read");
    assert!(bytes == noise, "{} bytes", bytes.len());
    assert_eq!((wait(program).code, wait(session).code), (0, 0));
}

/// The second used to be taken for the program, and an empty entry was archived as a success.
#[test]
fn a_name_that_a_session_waits_under_is_refused_to_another_one() {
    let (machine, store) = Machine::with_open_store();
    let other = machine.path("other");
    machine.ok(args!["init", other, "--no-encryption"]);
    let archive = |store| args!["archive", "--attach", "dump", "--stdin", "db.sql", "--to", store];
    let session = machine.spawn(archive(&store));
    until("it waits", || machine.path("state/mover/sessions/dump.end").exists());
    machine.fails(2, &["another session waits under the name dump"], archive(&other));
    let mut program = machine.spawn(args!["attach", "dump"]);
    program.stdin.take().expect("a pipe").write_all(b"all of it").expect("it reads");
    assert_eq!((wait(program).code, wait(session).code), (0, 0));
    let back = machine.ok(args!["restore", store, "db.sql", "db.sql", "--stdout"]);
    assert_eq!(back.stdout, "all of it");
}

#[test]
fn a_session_that_cannot_be_shown_goes_on_and_says_so() {
    let (machine, store) = Machine::with_open_store();
    let unshown = "mover status does not show this";
    let source = machine.path("source");
    tree::sample(&source, 6);
    // It takes longer to restore than it takes to look at that, on any machine.
    tree::random_file(&source.join("long"), 7, 4 << 20);
    let sessions = machine.path("state/mover/sessions");
    tree::write(&sessions, "in the way of a folder");
    let done = machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    done.assert_says(&[unshown]);
    // Nothing at all can be kept there.
    let machine = machine.variable("XDG_STATE_HOME", "/dev/null/state");
    let into = machine.path("restored");
    let done = machine.ok(args!["restore", store, "a", "--into", into]);
    done.assert_says(&[unshown, "it cannot go on later"]);
    assert_same(&source, &into);
    // Longer than the path of a socket may be.
    let long = machine.path(&"x".repeat(150));
    // As every machine of the tests has it.
    tree::write(&long.join("mover/cache.key"), [0x6d; 32]);
    let machine = machine.variable("XDG_STATE_HOME", long);
    let into = machine.path("restored-again");
    let restore = args!["restore", store, "a", "--into", into, "--limit-rate", "100K"];
    let child = machine.spawn(restore);
    assert_eq!(status(&machine, &[])["kind"], "restore");
    let session = status(&machine, &[]);
    machine.ok(args!["status", "--stop", session["id"].as_str().expect("an id")]);
    assert_eq!(wait(child).code, 2);
}

#[test]
fn a_session_is_seen_paused_and_stopped_from_another_terminal() {
    let (machine, store) = Machine::with_open_store();
    assert!(machine.ok(args!["status"]).stdout.contains("nothing runs"));
    let source = machine.path("source");
    tree::random_file(&source.join("large"), 5, 96 << 20);
    let archive = args!["archive", source, "--to", store, "--limit-rate", "8M"];
    let child = machine.spawn(archive.clone());
    let seen = status(&machine, &[]);
    assert_eq!((&seen["kind"], &seen["archive"]), (&"archive".into(), &"source".into()));
    let id = seen["id"].as_str().expect("an id").to_owned();
    let stages = || status(&machine, &[])["stages"].as_array().expect("stages").len();
    until("six stages", || stages() >= 6);
    machine.ok(args!["status", "--pause", id]);
    let paused = stands_still(&machine, &[]);
    assert_eq!(paused["paused"], true, "{paused}");
    machine.ok(args!["status", "--continue", id]);
    let bytes = || status(&machine, &[])["bytes"].as_u64();
    until("it goes on", || bytes() > paused["bytes"].as_u64());
    machine.ok(args!["status", "--stop", id]);
    let done = wait(child);
    assert_eq!(done.code, 2, "{done:?}");
    done.assert_says(&["stopped by the operator", "run the same command again"]);
    machine.fails(2, &["no session 1 runs"], args!["status", "--pause", "1"]);
    let done = machine.json(args!["archive", source, "--to", store]);
    assert_eq!(done.report()["resumed"], true, "{done:?}");
}

#[test]
fn a_server_s_sessions_are_seen_and_steered_by_who_may() {
    let client = Machine::without_keys();
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
    let metrics = free.expect("loopback has a free port");
    let server = Server::new().serve(&format!("metrics = \"{metrics}\"\n"));
    let (mut server, url) = server.serving(&client);
    client.ok(args!["init", url, "--no-encryption"]);
    let source = client.path("source");
    tree::random_file(&source.join("large"), 6, 96 << 20);
    let child = client.spawn(args!["archive", source, "--to", url, "--limit-rate", "8M"]);
    let seen = status(&client, &[&url]);
    assert_eq!((&seen["archive"], &seen["store"]), (&"source".into(), &"main".into()));
    let id = seen["session"].as_str().expect("an id")[..8].to_owned();
    let stranger = Machine::without_keys();
    server.allow(&stranger, "\"write\"");
    server.reload();
    server.trusted_by(&stranger, server.address);
    let nothing = stranger.ok(args!["status", "--once", url]);
    assert!(nothing.stdout.contains("nothing runs"), "{nothing:?}");
    stranger.fails(2, &["0 sessions there"], args!["status", url, "--stop", id]);
    client.ok(args!["status", url, "--pause", id]);
    stands_still(&client, &[&url]);
    client.ok(args!["status", url, "--continue", id]);
    let done = wait(child);
    assert_eq!(done.code, 0, "{done:?}");
    let mut scraper = std::net::TcpStream::connect(metrics).expect("it listens");
    scraper.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("it reads");
    let mut text = String::new();
    scraper.read_to_string(&mut text).expect("it answers");
    let value = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("no {name}: {text}")).trim().parse().expect("a number")
    };
    assert_eq!((value("mover_sessions_total "), value("mover_sessions ")), (1, 0));
    assert!(
        value("mover_received_bytes_total ") > 64 << 20
            && value("mover_received_chunks_total ") > 60
    );
}

#[test]
fn what_was_never_finished_is_seen_read_and_dropped() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source.join("first"), 7);
    tree::random_file(&source.join("second"), 7, 48 << 20);
    let archive = args!["archive", source, "--to", store, "--limit-rate", "16M"];
    let mut child = machine.spawn(archive);
    until("24 MiB are stored", || crate::kit::volume::total_length(&store) > 24 << 20);
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let listed = machine.ok(args!["list", store]);
    assert!(listed.stdout.contains("(unfinished)"), "{listed:?}");
    let id = listed.stdout.lines().nth(1).expect("a line")[..8].to_owned();
    let entries = machine.ok(args!["list", store, id]);
    entries.assert_says(&["never finished"]);
    assert!(entries.stdout.contains("first"), "{entries:?}");
    let into = machine.path("restored");
    machine.ok(args!["restore", store, id, "first", "--into", into]);
    assert_same(&source.join("first"), &into.join("first"));
    machine.ok(args!["drop", store, id]);
    assert!(machine.ok(args!["list", store]).stdout.contains("no archives"));
    // What was dropped is not gone on with.
    let done = machine.json(args!["archive", source, "--to", store]);
    assert_eq!(done.report()["resumed"], false);
}

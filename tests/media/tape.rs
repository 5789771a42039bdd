//! Tapes: tgt's library over iSCSI, and cartridges in files.

use std::path::PathBuf;

use super::{TO_TAPE, folder, policy};
use crate::kit::machine::until;
use crate::kit::tgt::Tgt;
use crate::kit::{Machine, args, assert_same, machine, tape, tree};

fn library(tgt: &Tgt, pool: &str) -> String {
    let (one, two, changer) = (tgt.address(1), tgt.address(2), tgt.address(3));
    format!(
        "[pools.{pool}]\nkind = \"tape\"\nlibrary = \"{changer}\"\ndrives = [\"{one}\", \"{two}\"]\n"
    )
}

/// Passes over tapes in a restore's report, by cartridge.
fn passes(done: &machine::Done) -> Vec<(String, u64)> {
    let passes = done.report()["tape_passes"].as_array().expect("a list").clone();
    let pair = |it: &serde_json::Value| {
        (it[0].as_str().expect("a barcode").to_owned(), it[1].as_u64().expect("a count"))
    };
    passes.iter().map(pair).collect()
}

#[test]
fn an_archive_spans_three_cartridges_of_a_library() {
    let tgt = Tgt::library(4, 8);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_files(&source, 14, 2_000_000);
    let one_drive = format!("{}streams = 1\n{TO_TAPE}", library(&tgt, "tape"));
    let file = policy(&machine, &one_drive);
    machine.ok(args!["archive", "--policy", file]);
    let listed = machine.ok(args!["media", "list", store]);
    let tapes =
        listed.stdout.lines().filter(|line| line.contains("chunks") && line.contains("TST"));
    assert!(tapes.count() >= 3, "{listed:?}");

    // Named in advance, gone through once each, and the same.
    let plan = machine.ok(args!["restore", store, "a", "--plan"]);
    for barcode in ["TST001L4", "TST002L4", "TST003L4"] {
        assert!(plan.stdout.contains(barcode), "{plan:?}");
    }
    let into = machine.path("back");
    let done = machine.json(args!["restore", store, "a", "--into", into]);
    assert_same(&source, &into);
    let passes_of_all = passes(&done);
    assert_eq!(passes_of_all.len(), 3, "{passes_of_all:?}");
    assert!(passes_of_all.iter().all(|(_, count)| *count == 1), "{passes_of_all:?}");

    // One file alone needs one cartridge, or two where it lies across them.
    let into = machine.path("one");
    let done = machine.json(args!["restore", store, "a", "file-13", "--into", into]);
    assert!(passes(&done).len() <= 2, "{done:?}");
    let read = |path: PathBuf| std::fs::read(path).expect("it was restored");
    assert!(read(into.join("file-13")) == read(source.join("file-13")));

    // With nothing left but the cartridges.
    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    let into = machine.path("from tapes alone");
    machine.ok(args!["restore", store, "a", "--into", into]);
    assert_same(&source, &into);
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn what_slow_drives_wrote_in_turns_they_read_at_once() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let fill = |first: u64| {
        for number in first..first + 24 {
            tree::random_file(&source.join(format!("file-{number:02}")), number, 1_500_000);
        }
    };
    fill(0);
    let tapes = folder("tape", "[\"A1\", \"A2\", \"A3\"]", "1G");
    let file = policy(&machine, &format!("{tapes}streams = 2\n{TO_TAPE}"));
    let archive = args!["archive", "--policy", file];
    let machine = machine.variable("FAILPOINTS", "tape-writing=sleep(60)");
    machine.ok(archive.clone());
    let plan = machine.json(args!["restore", store, "a", "--plan"]);
    let volumes = plan.lines_of("plan")[0]["volumes"].as_array().expect("a list").clone();
    let tapes: Vec<_> = volumes.iter().filter(|volume| volume["kind"] == "tape").collect();
    // In turns, and yet neither has to be read before all else.
    assert_eq!(tapes.len(), 2, "{volumes:?}");
    assert!(tapes.iter().all(|volume| volume["staged"] == false), "{volumes:?}");
    let into = machine.path("back");
    let done = machine.json(args!["restore", store, "a", "--into", into]);
    assert_same(&source, &into);
    assert!(passes(&done).iter().all(|(_, count)| *count == 1), "{done:?}");

    // A kill in the middle may leave gaps in the order of chunks, on either of them.
    fill(24);
    let machine = machine.variable("FAILPOINTS", "tape-writing=sleep(300)");
    let mut child = machine.spawn(archive.clone());
    std::thread::sleep(std::time::Duration::from_millis(700));
    assert!(child.try_wait().expect("a child").is_none(), "it still writes");
    child.kill().expect("a kill");
    drop(machine::wait(child));
    machine.ok(archive);
    assert_same(&source, &machine.restore(&store, "latest", "again"));
    machine.ok(args!["verify", store, "--read"]);
}

/// A drive less is better than none: where one thread does not start, the others read its tape.
#[test]
fn tapes_that_are_read_before_all_else_are_read_by_the_threads_that_there_are() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let fill = |count: u64, seed: u64| {
        for number in 0..count {
            let file = source.join(format!("file-{number:02}"));
            tree::random_file(&file, seed + number, 1_500_000);
        }
        tree::settle();
    };
    let tapes = folder("tape", "[\"A1\", \"A2\"]", "1G");
    let file = policy(&machine, &format!("{tapes}streams = 2\n{TO_TAPE}"));
    let machine = machine.variable("FAILPOINTS", "tape-writing=sleep(60)");
    fill(16, 0);
    machine.ok(args!["archive", "--policy", file]);
    // What comes first by its path lies last now, on each of them.
    fill(8, 100);
    machine.ok(args!["archive", "--policy", file]);
    let plan = machine.json(args!["restore", store, "a", "--plan"]);
    let volumes = plan.lines_of("plan")[0]["volumes"].as_array().expect("a list").clone();
    assert_eq!(volumes.iter().filter(|it| it["staged"] == true).count(), 2, "{volumes:?}");
    let restore = |passed: u32| {
        let into = machine.path(&format!("back-{passed}"));
        let prefix = args!["env", format!("FAILPOINTS=thread-started={passed}*off->1*return")];
        let done = machine.run_under(&prefix, args!["restore", store, "a", "--into", into]);
        if done.code == 0 {
            assert_same(&source, &into);
        }
        done.code
    };
    let codes: Vec<i32> = (0..10).map(restore).collect();
    let needed = codes.iter().rposition(|code| *code == 2).expect("some thread is needed");
    // Without the thread that `mover status` asks, and without the second drive's.
    assert_eq!(codes[..needed].iter().filter(|code| **code == 0).count(), 2, "{codes:?}");
}

#[test]
fn killed_while_it_writes_to_a_tape_it_goes_on() {
    let tgt = Tgt::library(3, 64);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_files(&source, 12, 3_000_000);
    let file = policy(&machine, &format!("{}{TO_TAPE}", library(&tgt, "tape")));
    let mut kills = 0;
    for milliseconds in [400, 700, 1000] {
        let mut child = machine.spawn(args!["archive", "--policy", file, "--limit-rate", "12M"]);
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        if child.try_wait().expect("a child").is_none() {
            child.kill().expect("a kill");
            kills += 1;
        }
        drop(machine::wait(child));
    }
    assert!(kills > 0, "nothing was killed in the middle");
    machine.ok(args!["archive", "--policy", file]);
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.ok(args!["verify", store, "--read"]);
    std::fs::remove_file(store.join("catalog.sqlite")).expect("a catalog");
    assert_same(&source, &machine.restore(&store, "a", "without a catalog"));
}

#[test]
fn faults_of_a_library_are_named_and_lose_nothing() {
    let mut tgt = Tgt::library(2, 64);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 3_000_000);
    let file = policy(&machine, &format!("{}{TO_TAPE}", library(&tgt, "tape")));
    machine.ok(args!["archive", "--policy", file]);
    tgt.kill();
    tree::random_file(&source.join("more"), 2, 3_000_000);
    let done = machine.run(args!["archive", "--policy", file]);
    assert_eq!(done.code, 2, "{done:?}");
    assert!(done.stderr.contains("iscsi://"), "{done:?}");
    // What is in the home pool can still be listed.
    assert!(machine.ok(args!["list", store]).stdout.contains('a'));
}

#[test]
fn a_drive_that_fails_is_left_alone_and_the_archive_goes_on() {
    let tgt = Tgt::library(4, 64);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_files(&source, 12, 2_000_000);
    let file = policy(&machine, &format!("{}{TO_TAPE}", library(&tgt, "tape")));
    let child = machine.spawn(args!["archive", "--policy", file, "--limit-rate", "6M"]);
    let first = tgt.file(&Tgt::barcode(1));
    until("a drive writes", || first.metadata().is_ok_and(|it| it.len() > 1 << 20));
    tgt.remove(1);
    let broken = "drive 0 of pool tape failed, and other drives were used";
    let done = machine::wait(child);
    done.assert_code(&[1]).assert_says(&["going on with the other drives", broken]);
    // The other drive reads it too, whatever is stuck in the first one; and who finds the first one
    // broken at its first use says so as well.
    let into = machine.path("back");
    let restore = args!["restore", store, "a", "--into", into];
    machine.run(restore).assert_code(&[1]).assert_says(&[broken]);
    assert_same(&source, &into);
    let verify = args!["verify", store, "--read"];
    machine.run(verify).assert_code(&[1]).assert_says(&[broken]);
    tree::random_file(&source.join("more"), 20, 1_000_000);
    let archive = args!["archive", "--policy", file];
    machine.run(archive).assert_code(&[1]).assert_says(&[broken]);
}

#[test]
fn a_cartridge_goes_to_the_door_and_is_missed_by_its_name() {
    let tgt = Tgt::library(2, 64);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 3_000_000);
    let file = policy(&machine, &format!("{}{TO_TAPE}", library(&tgt, "tape")));
    machine.ok(args!["archive", "--policy", file]);
    machine.ok(args!["media", "eject", store, "tape", "TST001L4"]);
    // Behind the door it is still at hand; a second one has no place there.
    let full = machine.run(args!["media", "eject", store, "tape", "TST002L4"]);
    assert_eq!(full.code, 2, "{full:?}");
    assert!(full.stderr.contains("take out what is there"), "{full:?}");
    tgt.empty_door();
    let listed = machine.ok(args!["media", "list", store]);
    let line = listed.stdout.lines().find(|line| line.contains("loaded") && line.contains("001L4"));
    assert!(line.expect("it is known").contains("on a shelf"), "{listed:?}");
    let into = machine.path("back");
    let done = machine.run(args!["restore", store, "a", "--into", into]);
    assert!(done.code != 0 && done.stderr.contains("TST001L4"), "{done:?}");
}

/// A cartridge so short that it ends before its warning can be heeded: what was to be written fails,
/// and the same command run again goes on with the next cartridge.
#[test]
fn a_cartridge_that_ends_without_warning_is_not_written_again() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let tapes: Vec<String> = (1..=20).map(|number| format!("\"T{number:02}\"")).collect();
    let pool = folder("tape", &format!("[{}]", tapes.join(", ")), "3M");
    let file = policy(&machine, &format!("{pool}{TO_TAPE}"));
    let mut ended = 0;
    for round in 0..8 {
        // So much that the warning has not come yet, and then more than there is room for.
        let (name, length) = if round % 2 == 0 { ("less", 600_000) } else { ("more", 1_900_000) };
        tree::random_file(&source.join(name), round, length);
        tree::settle();
        let done = machine.run(args!["archive", "--policy", file]);
        if done.code != 0 {
            ended += 1;
            assert_eq!(done.code, 2, "{done:?}");
            done.assert_says(&["no room", ".tap is full", "run the same command again"]);
            machine.ok(args!["archive", "--policy", file]);
        }
    }
    assert!(ended > 0, "no cartridge came to its end");
    machine.assert_well(&store, &source);
    crate::kit::volume::forget_catalog(&store);
    machine.assert_well(&store, &source);
}

#[test]
fn a_foreign_cartridge_is_left_alone_until_it_is_named() {
    let (machine, store) = Machine::with_open_store();
    tree::random_file(&machine.path("source").join("file"), 1, 100_000);
    let tape = machine.path("tapes").join("T1.tap");
    // A record of three bytes of somebody else.
    let foreign = b"\x03\0\0\0abc\0\x03\0\0\0";
    tree::write(&tape, foreign);
    let text = format!("{}{TO_TAPE}", folder("tape", "[\"T1\"]", "12M"));
    let file = policy(&machine, &text);
    machine.fails(
        2,
        &["no blank cartridge", "T1", "none of ours"],
        args!["archive", "--policy", file],
    );
    assert_eq!(std::fs::read(&tape).expect("the tape"), foreign);
    machine.ok(args!["media", "label", store, "tape", "--overwrite", "T1"]);
    machine.ok(args!["archive", "--policy", file]);
    assert_same(&machine.path("source"), &machine.restore(&store, "a", "back"));
}

/// Another reader takes the records off a tape: they are the volume, and hold what they should.
#[test]
fn a_tape_is_read_by_a_program_that_is_not_ours() {
    let (machine, _) = Machine::with_open_store();
    tree::write(&machine.path("source").join("note"), "a sentence that is easy to find on a tape");
    let rule = "[[rules]]\nname = \"all\"\nstages = []\nencrypt = false\npools = [\"tape\"]\n";
    let text = format!("{}{rule}", folder("tape", "[\"T1\"]", "12M"));
    machine.ok(args!["archive", "--policy", policy(&machine, &text)]);
    let volume = tape::records(&machine.path("tapes/T1.tap"));
    let part = b"a sentence that is easy to find on a tape";
    assert_eq!(volume[..8], format::MAGIC);
    assert_eq!(volume.windows(part.len()).filter(|window| window == part).count(), 1);
}

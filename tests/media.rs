//! Real media: cartridges in tgt's library over iSCSI, tapes in files, a second disk, S3 servers.

use std::path::{Path, PathBuf};

use crate::kit::machine::until;
use crate::kit::rclone::Rclone;
use crate::kit::tgt::Tgt;
use crate::kit::volume::volumes;
use crate::kit::{Machine, args, assert_same, machine, output_of, tape, tool, tree};

/// A policy with these pools and rules, beside a store without encryption.
pub(crate) fn policy(machine: &Machine, text: &str) -> PathBuf {
    let path = machine.path("policy.toml");
    let head = "version = 1\n[archive]\nstore = \"store\"\nname = \"a\"\npaths = [\"source\"]\n";
    tree::write(&path, format!("{head}{text}"));
    path
}

fn library(tgt: &Tgt, pool: &str) -> String {
    let (one, two, changer) = (tgt.address(1), tgt.address(2), tgt.address(3));
    format!(
        "[pools.{pool}]\nkind = \"tape\"\nlibrary = \"{changer}\"\ndrives = [\"{one}\", \"{two}\"]\n"
    )
}

const TO_TAPE: &str = "[[rules]]\nname = \"all\"\nstages = []\npools = [\"tape\"]\n";

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
    for number in 0..14 {
        tree::random_file(&source.join(format!("file-{number}")), number, 2_000_000);
    }
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
    for number in 0..12 {
        tree::random_file(&source.join(format!("file-{number}")), number, 3_000_000);
    }
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
    for number in 0..12 {
        tree::random_file(&source.join(format!("file-{number}")), number, 2_000_000);
    }
    let file = policy(&machine, &format!("{}{TO_TAPE}", library(&tgt, "tape")));
    let child = machine.spawn(args!["archive", "--policy", file, "--limit-rate", "6M"]);
    let first = tgt.file(&Tgt::barcode(1));
    until("a drive writes", || first.metadata().is_ok_and(|it| it.len() > 1 << 20));
    tgt.remove(1);
    let done = machine::wait(child);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.stderr.contains("going on with the other drives"), "{done:?}");
    // The other drive reads it too, whatever is stuck in the first one.
    let restored = machine.restore(&store, "a", "back");
    assert_same(&source, &restored);
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

/// A pool of cartridges in files.
fn folder(pool: &str, cartridges: &str, capacity: &str) -> String {
    format!(
        "[pools.{pool}]\nkind = \"tape\"\nfolder = \"tapes\"\ncartridges = {cartridges}\n\
         capacity = \"{capacity}\"\nrecord-size = \"64K\"\n"
    )
}

const TWO_COPIES: &str = "[[rules]]\nname = \"all\"\npools = [\"default\", \"tape\"]\n";

#[test]
fn a_copy_that_dies_is_completed_later_without_its_source() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for number in 0..8 {
        tree::random_file(&source.join(format!("file-{number}")), number, 2_000_000);
    }
    // Room for less than half of it.
    let few = folder("tape", "[\"T1\"]", "12M");
    let file = policy(&machine, &format!("{few}{TWO_COPIES}"));
    let done = machine.run(args!["archive", "--policy", file]);
    assert_eq!(done.code, 1, "{done:?}");
    done.assert_says(&["tape", "left behind", "mover copy"]);
    assert_same(&source, &machine.restore(&store, "a", "from the copy that lived"));

    // The source is gone; two more cartridges come.
    let kept = machine.path("kept");
    std::fs::rename(&source, &kept).expect("a rename");
    let more = folder("tape", "[\"T1\", \"T2\", \"T3\"]", "12M");
    let file = policy(&machine, &format!("{more}{TWO_COPIES}"));
    machine.ok(args!["media", "list", store, "--policy", file]);
    let done = machine.json(args!["copy", store, "a", "--to-pool", "tape"]);
    assert!(done.number("chunks_there") > 0 && done.number("chunks") > 0, "{done:?}");
    let again = machine.json(args!["copy", store, "a", "--to-pool", "tape"]);
    assert_eq!(again.number("chunks"), 0, "a copy that is whole is not made again: {again:?}");

    // Now the tapes alone are enough.
    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&kept, &machine.restore(&store, "a", "from the tapes"));
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

#[test]
fn volumes_move_to_another_medium_as_they_are() {
    let machine = Machine::new();
    let (source, store) = (machine.path("source"), machine.path("store"));
    tree::sample(&source, 1);
    tree::random_file(&source.join("large"), 5, 5_000_000);
    machine.ok(args!["init", store]);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--volume-size", "2M"]);
    let text = folder("tape", "[\"T1\", \"T2\"]", "64M");
    let file = policy(&machine, &text);
    machine.ok(args!["media", "list", store, "--policy", file]);
    // Nobody needs a key for it.
    let other = Machine::without_keys();
    let done =
        other.json(args!["media", "migrate", store, "--from-pool", "default", "--to-pool", "tape"]);
    assert!(done.number("volumes_removed") > 0, "{done:?}");
    let listed = machine.ok(args!["media", "list", store]).stdout;
    assert!(listed.contains("T1"), "{listed}");
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.ok(args!["verify", store, "--read"]);
    std::fs::remove_file(store.join("catalog.sqlite")).expect("a catalog");
    assert_same(&source, &machine.restore(&store, "a", "without a catalog"));
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn a_pool_that_is_not_there_is_told_once_and_before_anything_else() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("large"), 5, 5_000_000);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--volume-size", "2M"]);
    // Nothing needs a chunk of the first volume any more, so that it could go at once.
    machine.ok(args!["drop", store, "a"]);
    let before = volumes(&store);
    let shown = format!("store {} has no pool tapee", store.display());
    let parts = [shown.as_str(), "it has default; add one by a policy"];
    for command in [
        args!["media", "migrate", store, "1", "--to-pool", "tapee"],
        args!["media", "migrate", store, "--from-pool", "tapee", "--to-pool", "default"],
        args!["copy", store, "--all", "--to-pool", "tapee"],
        args!["catalog", "merge", store, store, "--to-pool", "tapee"],
    ] {
        machine.fails(2, &parts, command);
    }
    assert_eq!(volumes(&store), before, "no volume was taken out");
    // With chunks that are needed it is the same, and not once for each of them.
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("large"), 5, 5_000_000);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--volume-size", "2M"]);
    for command in [
        args!["media", "migrate", store, "1", "--to-pool", "tapee"],
        args!["copy", store, "a", "--to-pool", "tapee"],
    ] {
        let done = machine.fails(2, &["has no pool tapee"], command);
        assert_eq!(done.stderr.matches("tapee").count(), 1, "{done:?}");
    }
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn each_pool_is_listed_with_its_own_media_and_a_disk_is_neither_labelled_nor_ejected() {
    let (machine, store) = Machine::with_open_store();
    tree::random_file(&machine.path("source/file"), 1, 100_000);
    let tapes = folder("first", "[\"T1\"]", "64M");
    let others = folder("second", "[\"U1\"]", "64M").replace("\"tapes\"", "\"others\"");
    let nas = "[pools.third]\nkind = \"disk\"\npath = \"nas\"\n";
    let rule = "[[rules]]\nname = \"all\"\npools = [\"first\", \"second\", \"third\"]\n";
    let file = policy(&machine, &format!("{tapes}{others}{nas}{rule}"));
    machine.ok(args!["archive", "--policy", file]);
    let listed = machine.ok(args!["media", "list", store]).stdout;
    let at = |text: &str| listed.find(text).unwrap_or_else(|| panic!("no {text}: {listed}"));
    let places = ["pool first", "  T1 ", "pool second", "  U1 ", "pool third"].map(at);
    assert!(places.is_sorted(), "{listed}");
    for pool in ["default", "third"] {
        let parts = [
            &*format!("pool {pool} is on disk: only cartridges and discs are labelled or ejected"),
            "first, second",
        ];
        machine.fails(2, &parts, args!["media", "label", store, pool, "--overwrite", "T1"]);
        machine.fails(2, &parts, args!["media", "eject", store, pool, "T1"]);
    }
    let parts = ["has no pool fourth", "default, first, second, third"];
    machine.fails(2, &parts, args!["media", "eject", store, "fourth", "T1"]);
}

/// How long volumes become is said once: whatever writes to the pool later goes by it.
#[test]
fn a_volume_size_holds_until_another_is_said() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for (round, said) in [(0, Some("4M")), (1, None), (2, None), (3, Some("6M"))] {
        for number in 0..10 {
            // Half of the files stay as they are: a prune has something to move.
            let seed = if number % 2 == 0 { number } else { round * 100 + number };
            tree::random_file(&source.join(format!("file-{number}")), seed, 400_000);
        }
        tree::settle();
        let mut archive = args!["archive", source, "--to", store, "--name", "a"];
        archive.extend(said.into_iter().flat_map(|said| args!["--volume-size", said]));
        machine.ok(archive);
        if round == 2 {
            let done = machine.json(args!["prune", store, "--keep-last", "1", "--used-max", "90"]);
            assert!(done.number("volumes_removed") > 0, "{done:?}");
        }
        let longest =
            volumes(&store).into_iter().map(|path| path.metadata().expect("it is there").len());
        let longest = longest.max().expect("there are some");
        let most = if round < 3 { 4 << 20 } else { 6 << 20 };
        assert!(longest <= most, "round {round}: {longest}");
        assert!(round < 3 || longest > 4 << 20, "round {round}: {longest}");
    }
}

#[test]
fn what_no_archive_needs_is_given_back() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for round in 0..5 {
        tree::random_file(&source.join("changes"), round, 3_000_000);
        tree::write(&source.join("stays"), "the same every time");
        machine.ok(args!["archive", source, "--to", store, "--name", "a", "--volume-size", "4M"]);
    }
    tree::random_file(&machine.path("other").join("x"), 99, 100_000);
    machine.ok(args!["archive", machine.path("other"), "--to", store, "--name", "b"]);
    let length = |store: &Path| crate::kit::volume::total_length(store);
    let before = length(&store);
    let plan = machine.json(args!["prune", store, "--keep-last", "2", "--dry-run"]);
    assert_eq!((plan.number("dropped"), length(&store)), (3, before), "{plan:?}");
    let done = machine.json(args!["prune", store, "--keep-last", "2"]);
    assert_eq!(done.number("dropped"), 3, "{done:?}");
    assert!(done.number("volumes_removed") > 0, "{done:?}");
    assert!(length(&store) + 6_000_000 < before, "{before} became {}", length(&store));
    assert_same(&source, &machine.restore(&store, "a", "back"));
    assert_same(&machine.path("other"), &machine.restore(&store, "b", "other back"));
    machine.ok(args!["verify", store, "--read"]);
    // And nothing that was dropped comes back with a new catalog.
    std::fs::remove_file(store.join("catalog.sqlite")).expect("a catalog");
    let archives = machine.json(args!["list", store]).lines_of("archive").len();
    assert_eq!(archives, 3);
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn an_s3_server_is_a_medium() {
    let server = Rclone::start();
    let (machine, store) = Machine::with_open_store();
    let machine = machine
        .variable("AWS_ACCESS_KEY_ID", Rclone::KEY)
        .variable("AWS_SECRET_ACCESS_KEY", Rclone::SECRET);
    let source = machine.path("source");
    tree::sample(&source, 3);
    tree::random_file(&source.join("large"), 5, 9_000_000);
    let text = format!(
        "[pools.cloud]\nkind = \"object\"\nendpoint = \"http://127.0.0.1:{}\"\n\
         bucket = \"bucket\"\nprefix = \"mover\"\npart-size = \"2M\"\nvolume-size = \"4M\"\n\
         [[rules]]\nname = \"all\"\npools = [\"cloud\"]\n",
        server.port
    );
    let file = policy(&machine, &text);
    machine.ok(args!["archive", "--policy", file]);
    let objects = std::fs::read_dir(server.folder.path().join("bucket/mover")).expect("objects");
    assert!(objects.count() >= 3, "several volumes");
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.ok(args!["verify", store, "--read"]);
    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "a", "from objects alone"));
    drop(server);
    let done = machine.run(args!["restore", store, "a", "--into", machine.path("no server")]);
    assert!(done.code == 1 || done.code == 2, "{done:?}");
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

#[test]
fn an_archive_spans_two_discs_and_survives_kills() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for number in 0..10 {
        tree::random_file(&source.join(format!("file-{number}")), number, 2_000_000);
    }
    let file = policy(
        &machine,
        "[pools.disc]\nkind = \"optical\"\nfolder = \"discs\"\ndiscs = [\"D1\", \"D2\", \"D3\"]\n\
         capacity = \"20M\"\nsession-size = \"4M\"\n\
         [[rules]]\nname = \"all\"\nstages = []\npools = [\"disc\"]\n",
    );
    for milliseconds in [250, 500, 900] {
        let mut child = machine.spawn(args!["archive", "--policy", file, "--limit-rate", "10M"]);
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
        let _ = child.kill();
        drop(machine::wait(child));
    }
    machine.ok(args!["archive", "--policy", file]);
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.ok(args!["verify", store, "--read"]);
    let images = std::fs::read_dir(machine.path("discs")).expect("discs").count();
    assert!(images >= 2, "{images}");

    // The discs mount anywhere: another program reads their files, which together are the volume.
    let into = machine.make_folder("by bsdtar");
    let mut bsdtar = tool("bsdtar", "libarchive-tools");
    output_of(bsdtar.arg("-xf").arg(machine.path("discs/D1.iso")).arg("-C").arg(&into));
    let volume = std::fs::read_dir(into.join("mover")).expect("a folder").next();
    let mut parts: Vec<PathBuf> = std::fs::read_dir(volume.expect("a volume").expect("one").path())
        .expect("parts")
        .map(|part| part.expect("a part").path())
        .collect();
    parts.sort();
    let bytes: Vec<u8> =
        parts.iter().flat_map(|part| std::fs::read(part).expect("a part")).collect();
    let frames = crate::kit::volume::frames(&bytes);
    assert!(frames.iter().any(|frame| frame.kind() == format::FrameKind::ChunkHeader));

    // And alone they are enough.
    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "a", "from discs alone"));
}

/// A pool that tgt's recorder burns, in a jukebox.
fn jukebox(tgt: &Tgt, capacity: &str) -> String {
    let (recorder, changer) = (tgt.address(1), tgt.address(2));
    format!(
        "[pools.disc]\nkind = \"optical\"\nrecorder = \"{recorder}\"\nlibrary = \"{changer}\"\n\
         capacity = \"{capacity}\"\n"
    )
}

const TO_DISC: &str = "[[rules]]\nname = \"all\"\nstages = []\npools = [\"disc\"]\n";

/// What `media list` says of a disc.
fn disc(machine: &Machine, store: &Path, name: &str) -> serde_json::Value {
    let listed = machine.json(args!["media", "list", store]).lines_of("disc");
    listed.into_iter().find(|it| it["disc"] == name).expect("it is listed")
}

#[test]
fn an_archive_spans_the_discs_of_a_jukebox_and_they_alone_are_enough() {
    let tgt = Tgt::jukebox(4);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for number in 0..12 {
        tree::random_file(&source.join(format!("file-{number}")), number, 2_000_000);
    }
    let file = policy(&machine, &format!("{}{TO_DISC}", jukebox(&tgt, "16M")));
    machine.ok(args!["archive", "--policy", file]);
    assert_eq!(disc(&machine, &store, "DISC0001")["burns"], 1);
    assert_eq!(disc(&machine, &store, "DISC0001")["closed"], true);
    assert_same(&source, &machine.restore(&store, "a", "from discs and the spool"));

    // The last disc is not full: it is burned when somebody says so.
    let waits = machine.ok(args!["media", "list", store]);
    assert!(waits.stdout.contains("waits in the spool"), "{waits:?}");
    machine.ok(args!["media", "close", store, "disc"]);
    let listed = machine.ok(args!["media", "list", store]);
    assert!(!listed.stdout.contains("waits in the spool"), "{listed:?}");
    assert!(listed.stdout.contains("blank"), "one is left: {listed:?}");
    assert_same(&source, &machine.restore(&store, "a", "from discs"));
    machine.ok(args!["verify", store, "--read"]);

    // A disc mounts anywhere.
    let into = machine.make_folder("by bsdtar");
    let mut bsdtar = tool("bsdtar", "libarchive-tools");
    output_of(bsdtar.arg("-xf").arg(tgt.file("DISC0001")).arg("-C").arg(&into));
    let volumes = std::fs::read_dir(into.join("mover")).expect("a folder").count();
    assert_eq!(volumes, 1);

    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "a", "from discs alone"));
}

/// By the machine's power switch, in the middle of a burning: the disc is spoilt, nothing is lost.
#[test]
fn killed_while_it_burns_it_goes_on_with_another_disc() {
    for point in ["disc-writing=20*off->sleep(60000)", "disc-burned=sleep(60000)"] {
        let tgt = Tgt::jukebox(4);
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        for number in 0..8 {
            tree::random_file(&source.join(format!("file-{number}")), number, 2_000_000);
        }
        let file = policy(&machine, &format!("{}{TO_DISC}", jukebox(&tgt, "14M")));
        let machine = machine.variable("FAILPOINTS", point);
        let mut child = machine.spawn(args!["archive", "--policy", file]);
        let state = store.join("media/disc-spool/discs.json");
        let is_burning = || {
            let text = std::fs::read_to_string(&state).unwrap_or_default();
            text.contains("\"burning\": true")
        };
        until("a disc is burned", is_burning);
        std::thread::sleep(std::time::Duration::from_millis(1500));
        child.kill().expect("a kill");
        drop(machine::wait(child));
        let machine = machine.variable("FAILPOINTS", "");
        machine.ok(args!["archive", "--policy", file]);
        machine.ok(args!["media", "close", store, "disc"]);
        let first = disc(&machine, &store, "DISC0001");
        match point.starts_with("disc-writing") {
            true => {
                assert_eq!(first["volume"], serde_json::Value::Null, "{first}");
                assert!(first["problem"].to_string().contains("cut off"), "{first}");
            }
            // It was burned, and only had to be compared.
            false => assert_eq!((&first["burns"], &first["closed"]), (&1.into(), &true.into())),
        }
        assert_same(&source, &machine.restore(&store, "a", "back"));
        machine.ok(args!["verify", store, "--read"]);
        std::fs::remove_dir_all(&store).expect("the store is lost");
        machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
        assert_same(&source, &machine.restore(&store, "a", "from discs alone"));
    }
}

#[test]
fn a_disc_that_is_not_what_was_burned_is_retired_and_burned_again() {
    let tgt = Tgt::jukebox(3);
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 3_000_000);
    let file = policy(&machine, &format!("{}{TO_DISC}", jukebox(&tgt, "64M")));
    machine.ok(args!["archive", "--policy", file]);
    // The first disc rots between burning and comparing.
    let machine = machine.variable("FAILPOINTS", "disc-burned=1*sleep(5000)");
    let child = machine.spawn(args!["media", "close", store, "disc"]);
    let content = std::fs::read(source.join("file")).expect("a file");
    let image = tgt.file("DISC0001");
    let part = &content[1_000_000..1_000_064];
    let place = || {
        let bytes = std::fs::read(&image).expect("a disc");
        bytes.windows(64).position(|window| window == part)
    };
    until("the file is on the disc", || place().is_some());
    std::thread::sleep(std::time::Duration::from_millis(1500));
    flip(&image, place().expect("it is there"));
    let done = machine::wait(child);
    assert_eq!(done.code, 0, "{done:?}");
    let first = disc(&machine, &store, "DISC0001");
    assert!(first["problem"].to_string().contains("not what was burned"), "{first}");
    assert_eq!((&first["volume"], &first["burns"]), (&serde_json::Value::Null, &1.into()));
    assert_eq!(disc(&machine, &store, "DISC0002")["closed"], true);
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.fails(
        2,
        &["DISC0001", "not blank"],
        args!["media", "label", store, "disc", "--overwrite", "DISC0001"],
    );
    // With nothing left but the discs, the good one of the two is taken.
    std::fs::remove_dir_all(&store).expect("the store is lost");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "a", "from discs alone"));
}

/// Turns a bit of a file in its place.
fn flip(path: &Path, at: usize) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().read(true).write(true).open(path).expect("a file");
    let (mut byte, at) = ([0], at as u64);
    file.read_exact_at(&mut byte, at).expect("a byte");
    file.write_all_at(&[byte[0] ^ 4], at).expect("a byte");
}

#[test]
fn damage_on_a_burned_disc_is_named_and_a_copy_stands_in() {
    for pools in ["[\"disc\"]", "[\"disc\", \"default\"]"] {
        let tgt = Tgt::jukebox(2);
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        for number in 0..3 {
            tree::random_file(&source.join(format!("file-{number}")), number, 2_000_000);
        }
        let rule = format!("[[rules]]\nname = \"all\"\nstages = []\npools = {pools}\n");
        let file = policy(&machine, &format!("{}{rule}", jukebox(&tgt, "64M")));
        machine.ok(args!["archive", "--policy", file]);
        machine.ok(args!["media", "close", store, "disc"]);
        let content = std::fs::read(source.join("file-1")).expect("a file");
        let image = tgt.file("DISC0001");
        let part = &content[1_000_000..1_000_064];
        let bytes = std::fs::read(&image).expect("a disc");
        let at = bytes.windows(64).position(|window| window == part).expect("it is there");
        flip(&image, at);
        let into = machine.path("back");
        let restored = machine.run(args!["restore", store, "a", "--into", into]);
        if pools.contains("default") {
            assert_eq!(restored.code, 0, "{restored:?}");
            assert_same(&source, &into);
        } else {
            assert_eq!(restored.code, 1, "{restored:?}");
            restored.assert_says(&["file-1"]);
            let read = |folder: &Path| std::fs::read(folder.join("file-2")).expect("a file");
            assert!(read(&source) == read(&into));
        }
        let verified = machine.run(args!["verify", store]);
        assert_eq!(verified.code, 1, "{verified:?}");
    }
}

/// A bit that turns on any medium is named, and hurts one chunk.
#[test]
fn damage_on_any_medium_is_named_and_all_else_is_restored() {
    let disc = "[pools.tape]\nkind = \"optical\"\nfolder = \"tapes\"\ndiscs = [\"D1\"]\n\
                capacity = \"64M\"\n";
    let disk = "[pools.tape]\nkind = \"disk\"\npath = \"tapes\"\n";
    let tape = folder("tape", "[\"T1\"]", "64M");
    for pool in [disc, disk, &tape] {
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        for number in 0..6 {
            tree::random_file(&source.join(format!("file-{number}")), number, 2_000_000);
        }
        machine.ok(args!["archive", "--policy", policy(&machine, &format!("{pool}{TO_TAPE}"))]);
        let medium = std::fs::read_dir(machine.path("tapes"))
            .expect("a medium")
            .map(|entry| entry.expect("an entry").path())
            .find(|path| path.extension().is_some_and(|it| it != "lock"))
            .expect("a medium");
        // In the middle of a file's content.
        let content = std::fs::read(source.join("file-3")).expect("a file");
        let mut bytes = std::fs::read(&medium).expect("a medium");
        let part = &content[1_000_000..1_000_064];
        let at = bytes.windows(64).position(|window| window == part).expect("it is there");
        bytes[at + 7] ^= 4;
        let mut permissions = std::fs::metadata(&medium).expect("a medium").permissions();
        #[allow(clippy::permissions_set_readonly_false, reason = "it was protected by its pool")]
        permissions.set_readonly(false);
        std::fs::set_permissions(&medium, permissions).expect("it is ours");
        std::fs::write(&medium, bytes).expect("a medium");
        let verified = machine.run(args!["verify", store]);
        assert_eq!(verified.code, 1, "{pool}: {verified:?}");
        let into = machine.path("back");
        let restored = machine.run(args!["restore", store, "a", "--into", into]);
        assert_eq!(restored.code, 1, "{pool}: {restored:?}");
        restored.assert_says(&["file-3"]);
        for number in [0, 1, 2, 4, 5] {
            let name = format!("file-{number}");
            let read = |folder: &Path| std::fs::read(folder.join(&name)).expect("a file");
            assert!(read(&source) == read(&into), "{pool}: {name}");
        }
    }
}

/// What is damaged in one pool is read from the other.
#[test]
fn a_copy_stands_in_for_what_is_damaged() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 3_000_000);
    let rule = "[[rules]]\nname = \"all\"\nstages = []\npools = [\"default\", \"tape\"]\n";
    let text = format!("{}{rule}", folder("tape", "[\"T1\"]", "64M"));
    machine.ok(args!["archive", "--policy", policy(&machine, &text)]);
    let volume = store.join("volumes/00000001.volume");
    let content = std::fs::read(source.join("file")).expect("a file");
    let mut bytes = std::fs::read(&volume).expect("a volume");
    let part = &content[1_000_000..1_000_064];
    let at = bytes.windows(64).position(|window| window == part).expect("it is there");
    bytes[at] ^= 1;
    std::fs::write(&volume, bytes).expect("a volume");
    assert_same(&source, &machine.restore(&store, "a", "back"));
}

/// A disk that is not mounted is missed by nobody, and comes back as it was.
#[test]
fn a_disk_that_is_away_comes_back_as_it_was() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 1_000_000);
    let text = "[pools.nas]\nkind = \"disk\"\npath = \"nas\"\n\
                [[rules]]\nname = \"all\"\npools = [\"nas\"]\n";
    let file = policy(&machine, text);
    machine.ok(args!["archive", "--policy", file]);
    // An empty mount point stays where the disk was.
    std::fs::rename(machine.path("nas"), machine.path("unmounted")).expect("a rename");
    machine.make_folder("nas");
    assert!(machine.ok(args!["list", store]).stdout.contains('a'));
    tree::random_file(&source.join("more"), 2, 1_000_000);
    machine.fails(2, &["no pool nas at hand", "mount"], args!["archive", "--policy", file]);
    let done = machine.run(args!["restore", store, "a", "--into", machine.path("without")]);
    assert_eq!(done.code, 1, "{done:?}");
    assert_eq!(std::fs::read_dir(machine.path("nas")).expect("a folder").count(), 0);
    std::fs::remove_dir(machine.path("nas")).expect("it is empty");
    std::fs::rename(machine.path("unmounted"), machine.path("nas")).expect("a rename");
    machine.ok(args!["archive", "--policy", file]);
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.ok(args!["verify", store, "--read"]);
}

/// What an old archive stored stays in every pool whose newest archive refers to it.
#[test]
fn prune_keeps_the_copies_that_newer_archives_refer_to() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 2_000_000);
    let text = "[pools.second]\nkind = \"disk\"\npath = \"second\"\nvolume-size = \"1M\"\n\
                [[rules]]\nname = \"all\"\npools = [\"default\", \"second\"]\n";
    let file = policy(&machine, text);
    tree::settle();
    machine.ok(args!["archive", "--policy", file]);
    machine.ok(args!["archive", "--policy", file]);
    let count = || std::fs::read_dir(machine.path("second")).expect("a pool").count();
    let before = count();
    let done = machine.json(args!["prune", store, "--keep-last", "1"]);
    assert_eq!(done.number("dropped"), 1, "{done:?}");
    assert_eq!(before, count(), "both copies stay: {done:?}");
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.ok(args!["verify", store, "--read"]);
}

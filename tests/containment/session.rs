//! Through the binary, in real archives: what a session does when a component fails.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::kit::guest::Guest;
use crate::kit::random::Random;
use crate::kit::{Done, Machine, args, assert_same, component, tree, volume};

/// Fails at about half of the chunks, by a bit of what they hold, however often they are tried.
const PICKY: &str = "(if (i32.and (i32.load8_u offset=70 (local.get $input)) (i32.const 1))
    (then unreachable))";

/// A phrase that no chunk may hold in the clear where it is encrypted.
const PHRASE: &[u8] = b"the phrase that must not be read from the medium";

/// A source of 2 MiB of noise and of a phrase that stands in it often.
fn source(machine: &Machine) -> PathBuf {
    let source = machine.path("source");
    let mut random = Random::new(5);
    let mut content = Vec::new();
    while content.len() < 2 << 20 {
        content.extend(random.bytes(1000));
        content.extend_from_slice(PHRASE);
    }
    tree::write(&source.join("noise"), content);
    tree::write(&source.join("small"), "a small file");
    source
}

fn save(machine: &Machine, guest: &Guest) -> PathBuf {
    component::save(&machine.path(""), "guest", &guest.build())
}

fn archive(source: &Path, store: &Path, name: &str) -> Vec<std::ffi::OsString> {
    args!["--json", "archive", source, "--to", store, "--name", name, "--chunk-size", "64K"]
}

fn number(done: &Done, key: &str) -> u64 {
    done.report()[key].as_u64().unwrap_or_else(|| panic!("no {key}: {done:?}"))
}

/// What was said of chunks that a stage failed at.
fn notes(done: &Done) -> Vec<String> {
    let notes = done.lines_of("note");
    let texts = notes.iter().filter_map(|note| note["text"].as_str());
    texts.filter(|text| text.contains("stored without")).map(str::to_owned).collect()
}

fn holds(store: &Path, phrase: &[u8]) -> bool {
    let volumes = volume::bytes(store);
    volumes.iter().any(|(_, bytes)| bytes.windows(phrase.len()).any(|window| window == phrase))
}

#[test]
fn a_chunk_that_a_stage_fails_at_is_stored_without_it_and_encrypted_all_the_same() {
    let machine = Machine::new();
    let (source, store) = (source(&machine), machine.path("store"));
    machine.ok(args!["init", store]);
    let stage = save(&machine, &Guest::transform().with("encode", PICKY));
    for (seed, framing) in (1..).zip(["each", "run", "both"]) {
        let more = args![
            "--stage",
            stage,
            "--stage",
            "zstd",
            "--framing",
            framing,
            "--on-failure",
            "store",
            "--reread"
        ];
        tree::random_file(&source.join("new"), seed, 1 << 20);
        let done = machine.run([archive(&source, &store, framing), more].concat());
        done.assert_code(&[1]);
        let note = &notes(&done)[0];
        for part in ["encoding chunk", "guest 1.0.0 in encode trapped", "without its stages"] {
            assert!(note.contains(part), "{note}");
        }
        let failed = number(&done, "untransformed_chunks");
        assert!((2..40).contains(&failed), "some, and not all: {done:?}");
        assert_same(&source, &machine.restore(&store, framing, framing));
    }
    machine.ok(args!["verify", store, "--read"]);
    assert!(!holds(&store, PHRASE), "it was stored in the clear");
}

#[test]
fn without_keys_a_chunk_that_a_stage_fails_at_is_stored_as_it_is() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    let stage = save(&machine, &Guest::transform().with("encode", "unreachable"));
    let more = args!["--stage", stage, "--on-failure", "store"];
    let done = machine.run([archive(&source, &store, "a"), more].concat());
    done.assert_code(&[1]);
    assert_eq!(notes(&done).len(), 5, "told, and not at every chunk: {done:?}");
    assert!(holds(&store, PHRASE));
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn what_does_not_come_back_is_stored_without_the_stage_that_lied() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    let stage = save(&machine, &Guest::transform().with("written", "(i32.const 0) (i32.const 64)"));
    let more = args!["--stage", stage, "--on-failure", "store"];
    let done = machine.run([archive(&source, &store, "a"), more].concat());
    done.assert_code(&[1]);
    assert!(notes(&done)[0].contains("component guest 1.0.0 did not give back"), "{done:?}");
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn a_rule_says_whether_the_session_stops_or_stores() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    let stage = save(&machine, &Guest::transform().with("encode", PICKY));
    let documents = machine.json(args!["plugin", "inspect", stage]).lines_of("component");
    let digest = documents[0]["digest"].as_str().expect("a digest").to_owned();
    let policy = machine.path("policy.toml");
    let write = |answer: &str| {
        tree::write(
            &policy,
            format!(
                "version = 1\n[archive]\nstore = {store:?}\nname = \"a\"\npaths = [{source:?}]\n\
                 [[rules]]\nname = \"all\"\nchunk-size = \"64K\"\n\
                 stages = [{{ component = {stage:?}, digest = \"{digest}\" }}]\n{answer}\n"
            ),
        );
    };
    let run = || machine.run(args!["--json", "archive", "--policy", policy]);
    for answer in ["", "on-failure = \"stop\""] {
        write(answer);
        run().assert_code(&[2]).assert_says(&["encoding chunk", "guest 1.0.0 in encode trapped"]);
    }
    write("on-failure = \"maybe\"");
    machine.run(args!["policy", "check", policy]).assert_code(&[1, 2]);
    write("on-failure = \"store\"");
    let done = run();
    done.assert_code(&[1]);
    assert!(number(&done, "untransformed_chunks") > 0, "{done:?}");
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn a_trap_at_the_second_chunk_of_each_instance_costs_nothing_but_time() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    let second = "(global.set $count (i32.add (global.get $count) (i32.const 1)))
        (if (i32.eq (global.get $count) (i32.const 2)) (then unreachable))";
    let stage = save(&machine, &Guest::transform().with("encode", second));
    machine.ok([archive(&source, &store, "a"), args!["--stage", stage]].concat());
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn one_that_encodes_otherwise_each_time_loses_nothing() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    let moody = Guest::transform()
        .with(
            "encode",
            "(global.set $count (i32.add (global.get $count) (i32.const 1)))
             (i32.store8 (i32.const 2048) (global.get $count))
             (call $write (local.get $output) (i32.const 2048) (i32.const 1))",
        )
        .with(
            "decoded",
            "(i32.add (local.get $input) (i32.const 1))
             (i32.sub (local.get $length) (i32.const 1))",
        );
    let stage = save(&machine, &moody);
    machine.ok([archive(&source, &store, "a"), args!["--stage", stage]].concat());
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn one_that_decodes_rightly_only_while_it_is_watched_is_found_out_by_whoever_reads() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    // It knows that it is verified, since it has encoded before.
    let sly = Guest::transform().with("encode", "(global.set $count (i32.const 1))").with(
        "decode",
        "(if (i32.eqz (global.get $count))
                (then (memory.fill (local.get $input) (i32.const 0) (local.get $length))))",
    );
    let stage = save(&machine, &sly);
    machine.ok([archive(&source, &store, "sly"), args!["--stage", stage]].concat());
    tree::random_file(&source.join("new"), 3, 1 << 20);
    machine.ok([archive(&source, &store, "honest"), args!["--reread", "--fresh"]].concat());
    let done = machine.run(args!["restore", store, "sly", "--into", machine.path("sly")]);
    done.assert_code(&[1, 2]);
    let done = machine.run(args!["verify", store, "--read"]);
    assert!(done.code != 0 && !done.stderr.is_empty(), "{done:?}");
    let left = machine.path("sly/noise");
    let was = std::fs::read(source.join("noise")).expect("a file");
    assert!(std::fs::read(left).map_or(true, |read| read != was), "it cannot be right");
}

/// Traps where the first byte of the window is `x`.
const TOUCHY: &str = "(if (i32.and (i32.ne (local.get $length) (i32.const 0))
      (i32.eq (i32.load8_u (local.get $input)) (i32.const 120)))
    (then unreachable))";

fn unscanned(machine: &Machine, store: &Path, archive: &str) -> Vec<String> {
    let entries = machine.json(args!["list", store, archive]).lines_of("entry");
    let is_unscanned = |entry: &&Value| {
        let findings = entry["findings"].as_array().cloned().unwrap_or_default();
        findings.iter().any(|finding| finding["name"] == "unscanned")
    };
    let paths = entries.iter().filter(is_unscanned).filter_map(|entry| entry["path"].as_str());
    paths.map(str::to_owned).collect()
}

#[test]
fn what_a_snoop_failed_at_is_tagged_told_and_shown_to_it_again() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    // Windows are of 1 MiB: one has all of `b`, and that `a` ends; others go well before and after.
    tree::random_file(&source.join("a"), 1, 1 << 20);
    tree::write(&source.join("b"), "x".repeat(1 << 20));
    tree::random_file(&source.join("c"), 2, 3 << 20);
    let snoop = save(&machine, &Guest::snoop().with("inspect", TOUCHY));
    let stops = [archive(&source, &store, "a"), args!["--snoop", snoop]].concat();
    machine.run(stops).assert_code(&[2]).assert_says(&["looking at", "guest 1.0.0 in inspect"]);
    let tags = || {
        let more = args!["--snoop", snoop, "--on-snoop-failure", "tag", "--fresh"];
        let done = machine.run([archive(&source, &store, "a"), more].concat());
        done.assert_code(&[1]);
        done
    };
    let done = tags();
    let missed = unscanned(&machine, &store, "a");
    assert_eq!(number(&done, "unscanned"), missed.len() as u64, "{done:?}");
    assert_eq!(missed, ["a", "b"]);
    let listed = machine.json(args!["list", store, "a"]).stdout;
    assert!(listed.contains("component guest 1.0.0 in inspect trapped"), "{listed}");
    assert_same(&source, &machine.restore(&store, "a", "restored"));
    // The second time the others are known, and what was missed is shown to it once more.
    let done = tags();
    assert_eq!(number(&done, "unchanged_files"), 3 - missed.len() as u64, "{done:?}");
    assert_eq!(unscanned(&machine, &store, "a"), missed);
}

#[test]
fn cuts_with_a_wrong_crc_stop_the_session_with_the_names_of_file_and_component() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    let wrong = "(local.set $crc (i32.const 7))";
    let dedupe = save(&machine, &Guest::dedupe().with("cut-made", wrong));
    let done = machine.run([archive(&source, &store, "a"), args!["--dedupe", dedupe]].concat());
    done.assert_code(&[2]);
    done.assert_says(&["cutting noise", "guest 1.0.0 in cut", "the CRC of a block is wrong"]);
    let dedupe = save(&machine, &Guest::dedupe());
    machine.ok([archive(&source, &store, "b"), args!["--dedupe", dedupe]].concat());
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

#[test]
fn two_sessions_at_once_of_which_one_is_hostile_do_not_meet() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    let other = machine.path("other");
    machine.ok(args!["init", other, "--no-encryption"]);
    let loops = "(loop $again (br $again))";
    let stage = save(&machine, &Guest::transform().with("encode", loops));
    let hostile = machine.spawn([archive(&source, &other, "h"), args!["--stage", stage]].concat());
    machine.ok(archive(&source, &store, "calm"));
    let done = crate::kit::machine::wait(hostile);
    done.assert_code(&[2]).assert_says(&["guest 1.0.0 in encode passed its time limit"]);
    assert_same(&source, &machine.restore(&store, "calm", "restored"));
}

#[test]
fn the_memory_of_a_session_stays_within_the_limit_of_its_components() {
    let (machine, store) = Machine::with_open_store();
    let source = source(&machine);
    // Each of two workers may have 512 MiB of it, and touches 64 before it takes too much.
    let bomb = "(call $grow_to (i32.const 67108864))
        (memory.fill (i32.const 65536) (i32.const 1) (i32.const 67000000))
        (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1024)) (i32.const -1))))";
    let stage = save(&machine, &Guest::transform().with("encode", bomb));
    let more = args!["--stage", stage, "--workers", "2"];
    let (done, kibibytes) = machine.run_measured([archive(&source, &store, "a"), more].concat());
    done.assert_code(&[2]).assert_says(&["guest 1.0.0 in encode passed its memory limit"]);
    println!("{} MiB at the peak", kibibytes >> 10);
    assert!(kibibytes >> 10 < 400, "{} MiB", kibibytes >> 10);
}

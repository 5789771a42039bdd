//! The command line itself: help, completions, man pages, JSON, dry runs, rates.

use std::fs;

use crate::kit::{Machine, args, assert_same, tree, volume};

const COMMANDS: [&str; 8] =
    ["init", "archive", "list", "restore", "verify", "drop", "key", "plugin"];

#[test]
fn every_command_has_help_with_an_example() {
    let machine = Machine::without_keys();
    let top = machine.ok(args!["--help"]).stdout;
    for command in COMMANDS {
        assert!(top.contains(command), "{command} is not in the help: {top}");
        let help = machine.ok(args![command, "--help"]).stdout;
        let (_, examples) = help.split_once("Examples:").unwrap_or_default();
        assert!(examples.contains(&format!("mover {command}")), "{command}: no example: {help}");
    }
    // What every command takes stands behind what is its own.
    let help = machine.ok(args!["archive", "--help"]).stdout;
    let (own, of_all) = help.split_once("Options of all commands:").expect("it has a heading");
    assert!(own.contains("--trust-new-key") && !own.contains("--passphrase-file"), "{help}");
    assert!(of_all.contains("--passphrase-file") && !of_all.contains("--trust-new-key"), "{help}");
    assert!(machine.ok(args!["--version"]).stdout.starts_with("mover "));
    machine.run(args![]).assert_code(&[2]);
    machine.run(args!["no-such-command"]).assert_code(&[2]);
}

#[test]
fn completions_and_man_pages_come_out() {
    let machine = Machine::without_keys();
    for shell in ["bash", "zsh", "fish"] {
        let script = machine.ok(args!["completions", shell]).stdout;
        assert!(
            script.contains("archive") && script.contains("one-file-system"),
            "{shell}: {script}"
        );
    }
    let folder = machine.path("man");
    machine.ok(args!["man", folder]);
    let names: Vec<_> = fs::read_dir(&folder)
        .expect("it is there")
        .map(|item| item.expect("a folder can be read").file_name().into_string().expect("text"))
        .collect();
    assert!(names.contains(&"mover.1".to_owned()), "{names:?}");
    assert!(names.iter().any(|name| name.contains("archive")), "{names:?}");
}

#[test]
fn completions_that_nobody_reads_to_their_end_are_no_error() {
    let machine = Machine::without_keys();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let mut script = machine.spawn(args!["completions", shell]);
        drop(script.stdout.take());
        let done = crate::kit::machine::wait(script);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{shell}: {done:?}");
    }
}

#[test]
fn every_line_of_json_is_a_document_and_the_last_is_the_report() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    let archive = machine.json(args!["archive", source, "--to", store, "--name", "a"]);
    for key in [
        "entries",
        "files",
        "bytes_read",
        "content_bytes",
        "stored_bytes",
        "deduplicated_bytes",
        "unchanged_files",
        "faults",
        "findings",
        "held",
        "stopped",
    ] {
        archive.number(key);
    }
    let report = archive.report();
    assert_eq!(report["name"], "a");
    assert!(report["seconds"].is_f64() && report["archive"].is_string(), "{report}");
    // One file by two names is read once.
    assert!(archive.number("content_bytes") >= archive.number("bytes_read"), "{report}");

    let into = machine.path("restored");
    let restore = machine.json(args!["restore", store, "a", "--into", into]);
    for key in ["entries", "bytes_written", "faults", "refused", "chunks_read", "stored_bytes_read"]
    {
        restore.number(key);
    }
    assert_eq!(restore.number("entries"), archive.number("entries"));
    let verify = machine.json(args!["verify", store]);
    assert!(verify.number("chunks") > 0 && verify.number("damaged") == 0, "{verify:?}");

    let archives = machine.json(args!["list", store]).lines();
    assert_eq!(archives.len(), 1, "{archives:?}");
    for key in ["type", "id", "name", "entries", "content_bytes", "finished", "status"] {
        assert!(!archives[0][key].is_null(), "{key}: {archives:?}");
    }
    let entries = machine.json(args!["list", store, "a"]).lines();
    assert_eq!(entries.len() as u64, archive.number("entries"));
    for key in ["type", "path", "kind", "size", "mode", "mtime", "verdict"] {
        assert!(entries.iter().all(|entry| !entry[key].is_null()), "{key}: {entries:?}");
    }
}

#[test]
fn an_error_is_json_too_where_json_was_asked_for() {
    let machine = Machine::without_keys();
    let done = machine.run(args!["--json", "list", machine.path("nowhere")]);
    assert_eq!(done.code, 2, "{done:?}");
    done.lines();
    done.assert_says(&["error: ", "nowhere"]);
}

#[test]
fn quiet_is_quiet_and_errors_are_said_all_the_same() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    let done = machine.ok(args!["--quiet", "archive", source, "--to", store, "--name", "a"]);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    machine.fails(2, &["missing"], args!["--quiet", "list", store, "missing"]);
}

#[test]
fn that_components_are_compiled_is_said_once_on_a_machine() {
    let (machine, store) = Machine::with_open_store();
    let cache = machine.path("cache");
    let machine = machine.variable("XDG_CACHE_HOME", &cache);
    tree::sample(&machine.path("source"), 1);
    let archive = args!["archive", machine.path("source"), "--to", store];
    let note = "note: compiling components, once on this machine";
    let first = machine.ok(archive.clone());
    assert_eq!(first.stderr.matches(note).count(), 1, "{first:?}");
    let second = machine.ok(archive.clone());
    assert!(!second.stderr.contains(note), "{second:?}");
    // Who asked for quiet or for documents is not told.
    for option in ["--quiet", "--json"] {
        std::fs::remove_dir_all(&cache).expect("it was made");
        let done = machine.ok([args![option], archive.clone()].concat());
        assert!(!done.stderr.contains("compiling"), "{done:?}");
        assert!(!done.stdout.contains("compiling"), "{done:?}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    tree::random_file(&source.join("new"), 9, 3 << 20);
    let before = volume::bytes(&store);
    let listed = machine.json(args!["list", store]).stdout;
    let dry = machine.json(args!["archive", source, "--to", store, "--name", "b", "--dry-run"]);
    let into = machine.path("restored");
    machine.ok(args!["restore", store, "a", "--into", into, "--dry-run"]);
    machine.ok(args!["drop", store, "a", "--dry-run"]);
    assert!(volume::bytes(&store) == before, "not a byte has changed");
    assert_eq!(machine.json(args!["list", store]).stdout, listed);
    assert!(!into.exists());
    // What it said is what comes.
    let wet = machine.json(args!["archive", source, "--to", store, "--name", "b"]);
    assert_eq!(dry.number("entries"), wet.number("entries"));
    assert_eq!(dry.number("content_bytes"), wet.number("content_bytes"));
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

#[test]
fn a_rate_is_kept_to() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 8 << 20);
    let archive = args!["archive", source, "--to", store, "--name", "a", "--limit-rate", "4M"];
    let done = machine.ok(archive);
    // A second's worth may go at once.
    assert!((0.9..20.0).contains(&done.seconds), "{} s", done.seconds);
    let into = machine.path("restored");
    let done = machine.ok(args!["restore", store, "a", "--into", into, "--limit-rate", "4M"]);
    assert!((0.9..20.0).contains(&done.seconds), "{} s", done.seconds);
    assert_same(&source, &into);
}

//! Findings are tagged, held or stopped.

use std::fs;
use std::path::Path;

use crate::kit::random::Random;
use crate::kit::{Done, Machine, args, assert_same, tree, volume};

/// In two halves, so that scanners leave this file alone.
fn eicar() -> String {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD", "-ANTIVIRUS-TEST-FILE!$H+H*"].concat()
}

fn private_key() -> String {
    ["-----BEGIN RSA PRIVATE", " KEY-----\nMIIEpAIBAAKCAQEA\n"].concat()
}

/// The listed verdict of a path.
fn verdict(machine: &Machine, store: &Path, path: &str) -> Option<String> {
    let entries = machine.json(args!["list", store, "a"]).lines_of("entry");
    let entry = entries.iter().find(|entry| entry["path"] == path)?;
    Some(entry["verdict"].as_str().unwrap_or_else(|| panic!("no verdict: {entry}")).to_owned())
}

/// The paths that an archive had something to say of, each once.
fn found(done: &Done) -> Vec<String> {
    let path = |line: &serde_json::Value| line["path"].as_str().map(str::to_owned);
    let mut paths: Vec<String> = done.lines_of("finding").iter().filter_map(path).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn restore(machine: &Machine, store: &Path) -> Done {
    let done = machine.run(args!["restore", store, "a", "--into", machine.path("restored")]);
    done.assert_code(&[0, 3]);
    done
}

#[test]
fn malware_is_held_and_a_private_key_is_tagged() {
    let (machine, store) = Machine::with_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    tree::write(&source.join("malware"), eicar());
    tree::write(&source.join("about-malware"), format!("a text about {}", eicar()));
    tree::write(&source.join("key.pem"), private_key());
    let archive = args!["--json", "archive", source, "--to", store, "--name", "a"];
    let done = machine.fails(3, &[], archive);
    assert!(found(&done).contains(&"malware".to_owned()), "{done:?}");
    assert_eq!(done.number("held"), 1, "{done:?}");
    assert_eq!(done.number("faults"), 0, "{done:?}");
    assert!(done.number("findings") >= 3, "{done:?}");
    assert_eq!(verdict(&machine, &store, "malware").as_deref(), Some("hold"));
    assert_eq!(verdict(&machine, &store, "about-malware").as_deref(), Some("tag"));
    assert_eq!(verdict(&machine, &store, "key.pem").as_deref(), Some("tag"));
    let listed = machine.json(args!["list", store, "a"]).stdout;
    assert!(listed.contains("private_key_pem"), "the finding is listed: {listed}");
    let done = restore(&machine, &store);
    done.assert_says(&["note: 1 held entry is not restored: malware"]);
    assert!(!machine.path("restored/malware").exists(), "what is held is not restored");
    fs::remove_file(source.join("malware")).expect("it can be removed");
    let was = crate::kit::same::contents(&source);
    assert!(was == crate::kit::same::contents(&machine.path("restored")));
    // Naming it does not help.
    let into = machine.path("named");
    let named = args!["restore", store, "a", "malware", "--into", into];
    machine.fails(3, &["malware is held by a snoop", "--snoop none"], named);
    assert!(!into.join("malware").exists());
    let piped = args!["restore", store, "a", "malware", "--stdout"];
    machine.fails(2, &["malware is held by a snoop", "--snoop none"], piped);
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn what_is_held_stays_held_in_the_next_archive() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::write(&source.join("malware"), eicar());
    tree::settle();
    for _ in 0..2 {
        machine.fails(3, &["malware"], args!["archive", source, "--to", store, "--name", "a"]);
        assert_eq!(verdict(&machine, &store, "malware").as_deref(), Some("hold"));
    }
    restore(&machine, &store);
    assert!(!machine.path("restored/malware").exists());
}

#[test]
fn own_rules_decide_and_stopped_files_are_left_out() {
    const RULES: &str = r#"snoop-yara={"rules":
        "rule hold_it { strings: $a = \"hold-me\" condition: $a }
         rule stop_it { strings: $a = \"stop-me\" condition: $a }",
        "actions":{"hold_it":"hold","stop_it":"stop"}}"#;
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::write(&source.join("plain"), "nothing here");
    tree::write(&source.join("held"), "please hold-me");
    tree::write(&source.join("stopped"), "please stop-me ".repeat(10_000));
    let rules = RULES.replace("\n         ", " ");
    let archive =
        args!["--json", "archive", source, "--to", store, "--name", "a", "--snoop", rules];
    let done = machine.fails(3, &[], archive);
    assert_eq!(found(&done), ["held", "stopped"], "{done:?}");
    assert_eq!((done.number("held"), done.number("stopped")), (1, 1), "{done:?}");
    assert_eq!(verdict(&machine, &store, "held").as_deref(), Some("hold"));
    assert_eq!(verdict(&machine, &store, "stopped"), None, "what was stopped is not listed");
    restore(&machine, &store);
    assert!(machine.path("restored/plain").exists());
    assert!(!machine.path("restored/held").exists() && !machine.path("restored/stopped").exists());
}

#[test]
fn content_that_was_held_is_not_taken_for_known_when_it_comes_again_without_rules() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let content = [eicar().into_bytes(), Random::new(1).bytes(300_000)].concat();
    tree::write(&source.join("file"), content);
    machine.fails(3, &["file"], args!["archive", source, "--to", store, "--name", "a"]);
    let again =
        args!["archive", source, "--to", store, "--name", "a", "--snoop", "none", "--reread"];
    machine.ok(again);
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn without_snoops_nothing_is_found() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::write(&source.join("malware"), eicar());
    let done =
        machine.json(args!["archive", source, "--to", store, "--name", "a", "--snoop", "none"]);
    assert_eq!((done.number("held"), done.number("findings")), (0, 0), "{done:?}");
    assert_same(&source, &machine.restore(&store, "a", "restored"));
}

#[test]
fn a_match_across_any_border_is_found() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let needle = private_key();
    let noise = Random::new(1).bytes(9 << 20);
    let mut names = Vec::new();
    for border in [64 << 10, 256 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20] {
        for before in [1, 10, 26] {
            let mut content = noise[..border + (1 << 19)].to_vec();
            let at = border - before;
            content[at..at + needle.len()].copy_from_slice(needle.as_bytes());
            let name = format!("{border}-{before}");
            tree::write(&source.join(&name), content);
            names.push(name);
        }
    }
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--snoop", "snoop-yara"]);
    let entries = machine.json(args!["list", store, "a"]).lines_of("entry");
    for name in names {
        let entry = entries.iter().find(|entry| entry["path"] == *name).expect("it is listed");
        assert_eq!(entry["verdict"], "tag", "{entry}");
    }
}

#[test]
fn rules_that_do_not_compile_are_an_error_before_anything_is_written() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::write(&source.join("file"), "x");
    let before = volume::total_length(&store);
    for (spec, part) in [
        (r#"snoop-yara={"rules":"rule broken {"}"#, "rules"),
        (r#"snoop-yara={"actions":{"no_such_rule":"hold"}}"#, "no_such_rule"),
        (r#"snoop-yara={"unknown":1}"#, "unknown"),
        ("snoop-yara={not json", "JSON"),
        ("no-such-snoop", "no-such-snoop"),
        ("zstd", "zstd"),
    ] {
        let archive = args!["archive", source, "--to", store, "--name", "a", "--snoop", spec];
        machine.fails(2, &[part], archive);
    }
    assert_eq!(volume::total_length(&store), before);
}

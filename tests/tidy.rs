//! The tree is as its documents say, and no part of it has outgrown its reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file in front of its tests, and of a function.
const FILE_MAX: usize = 600;
const FUNCTION_MAX: usize = 70;

/// What is longer, and how long: it may become shorter.
const LONG_FILES: [(&str, usize); 4] = [
    ("mover/src/net/server/answer.rs", 659),
    ("mover/src/net/tests/mod.rs", 629),
    ("mover/src/session/archive.rs", 699),
    ("mover/src/session/restore.rs", 604),
];
const LONG_FUNCTIONS: [(&str, usize); 13] = [
    ("mover/src/cli/archive.rs: run", 75),
    ("mover/src/media/conformance.rs: check", 87),
    ("mover/src/net/server/answer.rs: begin", 88),
    ("mover/src/net/server/answer.rs: read", 126),
    ("mover/src/net/tests/mod.rs: a_stolen_writer_appends_nothing_that_is_not_its_own", 77),
    ("mover/src/session/archive.rs: feed", 85),
    ("mover/src/session/archive.rs: pump", 107),
    ("mover/src/session/archive.rs: write", 103),
    ("mover/src/session/explain.rs: explain", 88),
    ("mover/src/session/restore.rs: restore", 79),
    ("mover/src/simulation/scenario.rs: archive", 86),
    ("tests/catalog.rs: each_difference_of_a_source_is_found_and_no_other", 85),
    (
        "tests/kill_campaign.rs: \
         killed_at_any_moment_on_either_side_it_goes_on_and_sends_little_again",
        83,
    ),
];

/// Rooms of `mover/src` that all others may know.
const KNOWN_BY_ALL: [&str; 7] =
    ["ambient", "durable", "error", "failpoint", "pin", "threads", "units"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace is around it")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All that people have written in Rust, by path.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8");
            // Not what cargo makes, nor the generator of the bindings.
            let is_made = name == "target" && path.with_file_name("Cargo.toml").is_file();
            if path.is_dir() && !is_made && name != "bindings" {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let below = path.strip_prefix(root()).expect("it is below").to_str();
                found.insert(below.expect("UTF-8").to_owned(), read(&path));
            }
        }
    }
    found
}

fn all_sources() -> BTreeMap<String, String> {
    ["format", "mover", "plugins", "tests", "fuzz"].into_iter().flat_map(sources).collect()
}

/// A file without the tests at its end.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod ").next().expect("there is a first part")
}

/// Only what is written down is longer than it may be, and has not grown since.
fn assert_written_down(found: &BTreeMap<String, usize>, known: &[(&str, usize)]) {
    for (name, length) in found {
        let most = known.iter().find(|(known, _)| known == name).map(|(_, length)| *length);
        assert!(most.is_some_and(|most| *length <= most), "{name} has {length} lines: {most:?}");
    }
    for (name, _) in known {
        assert!(found.contains_key(*name), "{name} is short now: its line can go");
    }
}

#[test]
fn every_file_says_what_it_is() {
    let silent: Vec<String> = all_sources()
        .into_iter()
        .filter(|(_, text)| !text.starts_with("//!"))
        .map(|(path, _)| path)
        .collect();
    assert!(silent.is_empty(), "no line of `//!` at the beginning: {silent:#?}");
}

#[test]
fn no_file_is_longer_than_one_reads_at_once() {
    let lengths = all_sources().into_iter().map(|(path, text)| {
        let lines = without_tests(&text).lines().count();
        (path, lines)
    });
    assert_written_down(&lengths.filter(|(_, lines)| *lines > FILE_MAX).collect(), &LONG_FILES);
}

/// The name of a function that begins in this line, and how far that is indented.
fn function(line: &str) -> Option<(&str, &str)> {
    let code = line.trim_start();
    let indent = &line[..line.len() - code.len()];
    let words =
        ["pub ", "pub(crate) ", "pub(super) ", "async ", "const ", "unsafe ", "extern \"C\" "];
    let mut rest = code
        .strip_prefix("pub(in ")
        .map_or(code, |it| it.split_once(") ").map_or(it, |(_, rest)| rest));
    while let Some(next) = words.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = next;
    }
    let name = rest.strip_prefix("fn ")?.split(['(', '<']).next()?;
    (!line.ends_with('}') && !line.ends_with(';')).then_some((name, indent))
}

#[test]
fn no_function_is_longer_than_one_reads_at_once() {
    let mut long = BTreeMap::new();
    for (path, text) in all_sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some((name, indent)) = function(line) else { continue };
            let ends = |line: &&str| line.strip_prefix(indent) == Some("}");
            let length = lines[at..].iter().position(ends).map_or(0, |behind| behind + 1);
            if length > FUNCTION_MAX {
                long.insert(format!("{path}: {name}"), length);
            }
        }
    }
    assert_written_down(&long, &LONG_FUNCTIONS);
}

/// Which rooms of `mover/src` name which.
fn arrows() -> BTreeMap<String, BTreeSet<String>> {
    let sources = sources("mover/src");
    let room = |path: &str| -> String {
        let below = path.strip_prefix("mover/src/").expect("it is below");
        below.split(['/', '.']).next().expect("a name").to_owned()
    };
    let rooms: BTreeSet<String> = sources.keys().map(|path| room(path)).collect();
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in &sources {
        let from = room(path);
        let is_test = path.contains("/tests") || path.ends_with("tests.rs");
        // Tests may look wherever they need to, and the crate itself has everything.
        if is_test || from == "simulation" || from == "lib" || from == "main" {
            continue;
        }
        let text = without_tests(text);
        let mut known: BTreeSet<&str> = text
            .split("crate::")
            .skip(1)
            .filter_map(|behind| behind.split(|c: char| !c.is_alphanumeric() && c != '_').next())
            .filter(|name| rooms.contains(*name))
            .collect();
        if text.contains("format::") {
            known.insert("format");
        }
        let known = known.into_iter().filter(|to| *to != from && !KNOWN_BY_ALL.contains(to));
        arrows.entry(from.clone()).or_default().extend(known.map(str::to_owned));
    }
    arrows.retain(|from, known| !known.is_empty() && !KNOWN_BY_ALL.contains(&from.as_str()));
    arrows
}

#[test]
fn rooms_know_those_that_architecture_draws_and_no_others() {
    let text = read(&root().join("docs/architecture.md"));
    let drawn = text.split("### Who may know whom").nth(1).expect("the part is there");
    let table = drawn.split("```").nth(1).expect("its table");
    let row = |line: &str| {
        let (from, known) = line.split_once("->")?;
        let known = known.split(',').map(|room| room.trim().to_owned()).collect();
        Some((from.trim().to_owned(), known))
    };
    let drawn: BTreeMap<String, BTreeSet<String>> = table.lines().filter_map(row).collect();
    let found = arrows();
    assert!(found.len() > 10, "{found:#?}");
    assert!(drawn == found, "drawn: {drawn:#?}\nfound: {found:#?}");
}

#[test]
fn every_limit_of_the_format_stands_in_its_specification() {
    let limits = read(&root().join("format/src/limits.rs"));
    let spec = read(&root().join("format/SPEC.md"));
    let names: Vec<&str> = limits
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next())
        .collect();
    assert!(names.len() > 20, "{names:?}");
    let lacking: Vec<_> = names.into_iter().filter(|name| !spec.contains(name)).collect();
    assert!(lacking.is_empty(), "SPEC.md does not name {lacking:?}");
}

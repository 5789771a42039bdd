//! `mover plugin`: what authors of components have, and how operators keep and pin components.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::kit::component::{self, Behaviour};
use crate::kit::guest::Guest;
use crate::kit::{Done, Machine, args, assert_same, tree};

/// A machine with a component in a file.
fn with_component(name: &str, bytes: &[u8]) -> (Machine, PathBuf) {
    let machine = Machine::without_keys();
    let path = component::save(&machine.path(""), name, bytes);
    (machine, path)
}

fn digest(machine: &Machine, component: &Path) -> String {
    let lines = machine.json(args!["plugin", "inspect", component]).lines_of("component");
    lines[0]["digest"].as_str().expect("it has one").to_owned()
}

#[test]
fn every_command_has_help_with_an_example() {
    let machine = Machine::without_keys();
    let commands =
        ["new", "build", "inspect", "check", "run", "test", "bench", "add", "remove", "list"];
    for command in commands {
        let help = machine.ok(args!["plugin", command, "--help"]).stdout;
        assert!(help.contains(&format!("mover plugin {command}")), "{command}: {help}");
    }
}

#[test]
fn a_component_is_inspected_without_being_run() {
    let (machine, path) =
        with_component("trapper", &component::transform("trapper", Behaviour::Trap));
    let shown = machine.ok(args!["plugin", "inspect", path]).stdout;
    for part in ["trapper 1.0.0, transform", "mover:plugin 0.1", "64.00 MiB", "blake3:"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = machine.ok(args!["plugin", "inspect", "zstd"]).stdout;
    for part in ["built in", "level", "-7 to 22", "fastest", "mover:plugin/output@0.1.0"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let documents = machine.json(args!["plugin", "inspect", "zstd"]).lines_of("component");
    assert_eq!((&documents[0]["name"], &documents[0]["built_in"]), (&json!("zstd"), &json!(true)));
    machine.fails(2, &["no component nothing"], args!["plugin", "inspect", "nothing"]);
}

#[test]
fn a_check_tells_all_mistakes_and_not_the_first() {
    let mut bytes = component::transform_with("odd", "contract", json!("0.2"));
    let (machine, path) = with_component("odd", &bytes);
    let done = machine.fails(2, &["error"], args!["plugin", "check", path]);
    let told = "built for mover:plugin 0.2, this mover offers 0.1 (try: rebuild it with";
    assert!(done.stdout.contains(told), "{done:?}");

    let schema = json!({ "type": "object", "properties": { "a": { "type": "int" } } });
    bytes = component::transform_with("odd", "config_schema", schema);
    let path = component::save(&machine.path(""), "schema", &bytes);
    let done = machine.run(args!["--json", "plugin", "check", path]);
    assert_eq!(done.code, 2, "{done:?}");
    let findings = done.lines_of("finding");
    let errors: Vec<&Value> = findings.iter().filter(|it| it["is_error"] == true).collect();
    assert_eq!(errors.len(), 2, "{findings:?}");
    assert!(findings.len() > 2, "what is merely odd is told, too: {findings:?}");

    bytes = component::transform_with("odd", "memory_max", json!(1_u64 << 40));
    let path = component::save(&machine.path(""), "memory", &bytes);
    let done = machine.fails(2, &["1 error"], args!["plugin", "check", path]);
    assert!(done.stdout.contains("1048576 MiB of memory, and gets 512"), "{done:?}");

    let wasi = component::save(&machine.path(""), "wasi", &component::transform_with_wasi("wasi"));
    let done = machine.fails(2, &["1 error"], args!["plugin", "check", wasi]);
    assert!(done.stdout.contains("asks for wasi:clocks/monotonic-clock@0.2.0"), "{done:?}");
    let bare = component::save(&machine.path(""), "bare", &component::without_manifest());
    let done = machine.fails(2, &["1 error"], args!["plugin", "check", bare]);
    assert!(done.stdout.contains("mover plugin build"), "{done:?}");
}

#[test]
fn what_is_right_passes_the_check() {
    let (machine, path) = with_component("same", &component::transform("same", Behaviour::Honest));
    let done = machine.ok(args!["plugin", "check", path]);
    assert!(done.stdout.contains("same 1.0.0, a transform, fits this mover"), "{done:?}");
    for name in ["zstd", "chacha20poly1305", "crc-dedupe", "snoop-yara", "snoop-type"] {
        let done = machine.ok(args!["plugin", "check", name]);
        assert!(!done.stdout.contains("warning"), "{done:?}");
    }
    machine.fails(2, &["1 error"], args!["plugin", "check", "zstd", "--config", r#"{"level":99}"#]);
}

#[test]
fn one_file_goes_through_a_transform_and_back() {
    let machine = Machine::without_keys();
    let (input, encoded, decoded) =
        (machine.path("input"), machine.path("encoded"), machine.path("decoded"));
    tree::random_file(&input, 3, 300_000);
    for stage in ["zstd", "chacha20poly1305"] {
        let done = machine.ok(args!["plugin", "run", stage, input, "-o", encoded]);
        done.assert_says(&["--plain-length 300000"]);
        let back = args!["plugin", "run", stage, "--decode", "--plain-length", "300000", encoded];
        machine.ok([back, args!["-o", decoded]].concat());
        assert!(fs::read(&input).unwrap() == fs::read(&decoded).unwrap());
    }
    machine.fails(2, &["--plain-length"], args!["plugin", "run", "zstd", "--decode", encoded]);
    machine.fails(2, &["no way back"], args!["plugin", "run", "snoop-type", "--undo", input]);
}

#[test]
fn one_file_gets_a_verdict_and_a_table_of_blocks() {
    let machine = Machine::without_keys();
    let input = machine.path("input");
    tree::random_file(&input, 3, 3_000_000);
    let report = machine.json(args!["plugin", "run", "crc-dedupe", input]).report();
    let cuts = report["cuts"].as_array().expect("a table");
    let sum: u64 = cuts.iter().map(|cut| cut["length"].as_u64().expect("a length")).sum();
    assert_eq!(sum, 3_000_000);
    fs::write(&input, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\n").unwrap();
    let report = machine.json(args!["plugin", "run", "snoop-yara", input]).report();
    assert_ne!(report["verdict"], "pass", "{report}");
    assert_eq!(report["findings"][0]["offset"], 0, "{report}");
}

#[test]
fn a_trap_shows_where_it_was() {
    let (machine, path) =
        with_component("trapper", &component::transform("trapper", Behaviour::Trap));
    let input = machine.path("input");
    fs::write(&input, "some bytes").unwrap();
    let said = ["component trapper 1.0.0 in encode trapped", "unreachable", "   0: "];
    machine.fails(2, &said, args!["plugin", "run", path, input]);
    let done = machine.run(args!["--json", "plugin", "run", path, input]);
    assert!(!done.lines_of("backtrace").is_empty(), "{done:?}");
}

fn test(machine: &Machine, path: &Path) -> Done {
    machine.run(args![
        "--json",
        "plugin",
        "test",
        path,
        "--cases",
        "8",
        "--out-dir",
        machine.path("")
    ])
}

fn failed(done: &Done) -> Vec<Value> {
    done.lines_of("check").into_iter().filter(|check| check["ok"] == false).collect()
}

/// Runs the command that a failure names.
fn again(machine: &Machine, check: &Value) -> Done {
    let command = check["again"].as_str().expect("a command").to_owned();
    let words = command.strip_prefix("mover ").expect("it is ours").split(' ');
    let mut arguments: Vec<_> = words.map(std::ffi::OsString::from).collect();
    if check["again"].as_str().is_some_and(|it| it.contains(" test ")) {
        arguments.extend(args!["--out-dir", machine.path("")]);
    }
    machine.run(arguments)
}

#[test]
fn the_built_in_components_pass_the_suite_of_their_role() {
    let machine = Machine::without_keys();
    for name in ["zstd", "chacha20poly1305", "crc-dedupe", "snoop-type"] {
        let done = test(&machine, Path::new(name));
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.report()["checks"].as_u64() >= Some(7), "{done:?}");
    }
}

#[test]
fn a_transform_that_lies_is_shown_by_one_byte() {
    let (machine, path) = with_component("liar", &component::transform("liar", Behaviour::Lie));
    let done = test(&machine, &path);
    assert_eq!(done.code, 1, "{done:?}");
    let failed = failed(&done);
    let check = failed.iter().find(|check| check["check"] == "round-trip").expect("it lies");
    let example = fs::read(check["example"].as_str().expect("a file")).unwrap();
    assert_eq!(example.len(), 1, "the smallest that shows it: {check}");
    again(&machine, check).assert_code(&[1]);
}

#[test]
fn a_decoder_that_says_more_than_it_should_is_shown_by_a_run() {
    // The honest one writes what it is given, also when that is longer than the chunk.
    let (machine, path) = with_component("same", &component::transform("same", Behaviour::Honest));
    let done = test(&machine, &path);
    assert_eq!(done.code, 1, "{done:?}");
    let failed = failed(&done);
    let check = failed.iter().find(|check| check["check"] == "damage").expect("it says too much");
    assert!(check["message"].as_str().unwrap().contains("passed its output limit"), "{check}");
    again(&machine, check).assert_code(&[2]).assert_says(&["passed its output limit"]);
    let round_trip = done.lines_of("check").into_iter().find(|it| it["check"] == "round-trip");
    assert_eq!(round_trip.expect("it is asked")["ok"], true);
}

#[test]
fn what_counts_its_calls_depends_on_the_order_of_chunks() {
    let counter =
        Guest::transform().with("module", "(global $calls (mut i32) (i32.const 0))").with(
            "encode",
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (if (local.get $length) (then (i32.store8 (local.get $input) (global.get $calls))))",
        );
    let (machine, path) = with_component("counter", &counter.build());
    let failed = failed(&test(&machine, &path));
    let check = failed.iter().find(|check| check["check"] == "order").expect("it counts");
    assert!(check["message"].as_str().unwrap().contains("behind other ones"), "{check}");
}

#[test]
fn what_traps_loops_or_takes_every_configuration_fails_the_suite() {
    let loops = component::snoop("looper", Behaviour::Loop);
    let (machine, path) = with_component("looper", &loops);
    let done = machine.run(args![
        "--json",
        "plugin",
        "test",
        path,
        "--input",
        "/dev/null",
        "--out-dir",
        machine.path("")
    ]);
    assert_eq!(done.code, 1, "{done:?}");
    let failed = failed(&done);
    let check = failed.iter().find(|check| check["check"] == "verdict").expect("it loops");
    assert!(check["message"].as_str().unwrap().contains("passed its time limit"), "{check}");
    // The one in text does not look at what it is given.
    assert!(failed.iter().any(|check| check["check"] == "configuration"), "{failed:?}");
}

#[test]
fn figures_come_beside_those_of_the_built_in_component() {
    let (machine, path) = with_component("same", &component::transform("same", Behaviour::Honest));
    let input = machine.path("input");
    tree::random_file(&input, 3, 3 << 20);
    let bench = args!["plugin", "bench", path, "--input", input];
    let figures = |done: Done| done.lines_of("figures");
    let first = figures(machine.json(bench.clone()));
    assert_eq!((&first[0]["name"], &first[1]["name"]), (&json!("same"), &json!("zstd")));
    assert_eq!(first[0]["ratio"], 1.0);
    assert_eq!(first[0]["forth"]["bytes_in"], 3 << 20);
    // Instructions are the same in every run.
    let second = figures(machine.json(bench));
    for place in [0, 1] {
        let fuel = |of: &[Value]| of[place]["forth"]["fuel_per_byte"].clone();
        assert_eq!(fuel(&first), fuel(&second));
    }
    let shown = machine.ok(args!["plugin", "bench", "crc-dedupe", "--input", input]).stdout;
    assert!(shown.contains("MB/s") && shown.contains("peak memory"), "{shown}");
}

#[test]
fn a_component_is_added_used_by_its_name_and_removed() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    let bytes = component::transform("same", Behaviour::Honest);
    let path = component::save(&machine.path(""), "same", &bytes);
    machine.ok(args!["plugin", "add", path]);
    fs::remove_file(&path).unwrap();
    let listed = machine.json(args!["plugin", "list"]).lines_of("component");
    assert_eq!(listed.len(), 6, "{listed:?}");
    let kept = listed.iter().find(|it| it["name"] == "same").expect("it was added");
    let pin = kept["digest"].as_str().unwrap().to_owned();
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--stage", "same"]);
    let pinned = format!("same@{pin}={{}}");
    machine.ok(args!["archive", source, "--to", store, "--name", "b", "--stage", pinned]);
    let wrong = format!("same@blake3:{}", "0".repeat(64));
    let archive = args!["archive", source, "--to", store, "--name", "c", "--stage", wrong];
    machine.fails(2, &["not what is pinned", &pin], archive);

    machine.ok(args!["plugin", "remove", "same"]);
    let archive = args!["archive", source, "--to", store, "--name", "d", "--stage", "same"];
    machine.fails(2, &["no component same"], archive);
    machine.fails(2, &["no same"], args!["plugin", "remove", "same"]);
    // Archives keep theirs.
    assert_same(&source, &machine.restore(&store, "b", "restored"));
}

#[test]
fn the_newest_version_of_a_name_is_taken_and_an_older_one_where_it_is_pinned() {
    let machine = Machine::without_keys();
    let folder = machine.path("kept");
    for version in ["0.9.0", "0.10.0"] {
        let bytes = component::transform_with("same", "version", json!(version));
        let path = component::save(&machine.path(""), version, &bytes);
        machine.ok(args!["plugin", "add", path, "--plugins", folder]);
    }
    let inspect = args!["plugin", "inspect", "same", "--plugins", folder];
    let found = machine.json(inspect.clone()).lines_of("component");
    assert_eq!(found[0]["version"], "0.10.0");
    let remove = args!["plugin", "remove", "same", "--version", "0.10.0", "--plugins", folder];
    machine.ok(remove);
    assert_eq!(machine.json(inspect).lines_of("component")[0]["version"], "0.9.0");
    // What cannot be used is not kept.
    let path = component::save(&machine.path(""), "x", &component::transform_of_track("x", "9.9"));
    machine.fails(2, &["cannot be added", "9.9"], args!["plugin", "add", path]);
}

#[test]
fn a_policy_pins_what_is_not_built_in() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    let bytes = component::transform("same", Behaviour::Honest);
    let path = component::save(&machine.path(""), "same", &bytes);
    let policy = machine.path("policy.toml");
    let write = |stage: &str| {
        let text = format!(
            "version = 1\n[archive]\nstore = {store:?}\nname = \"a\"\npaths = [{source:?}]\n\
             [[rules]]\nname = \"all\"\nstages = [{stage}]\n"
        );
        fs::write(&policy, text).unwrap();
    };
    let archive = || args!["archive", "--policy", policy];
    let pin = digest(&machine, &path);
    write(&format!("{path:?}"));
    // It says what to write.
    machine.fails(2, &["does not pin", &format!("digest = \"{pin}\"")], archive());
    machine.run(args!["policy", "check", policy]).assert_code(&[1]);

    write(&format!("{{ component = {path:?}, digest = \"{pin}\" }}, \"zstd\""));
    machine.ok(args!["policy", "check", policy]);
    machine.ok(archive());
    assert_same(&source, &machine.restore(&store, "a", "restored"));

    let changed = component::transform_with("same", "version", json!("1.0.1"));
    component::save(&machine.path(""), "same", &changed);
    machine.fails(2, &["not what is pinned", &digest(&machine, &path)], archive());
    write(&format!("{{ component = {path:?}, digest = \"blake3:12\" }}"));
    machine.fails(2, &["is not a digest", "64 hexadecimal digits"], archive());
}

#[test]
fn a_new_project_becomes_a_component_that_passes_all() {
    // Cargo and its registry are those of whoever runs the tests; nothing is downloaded.
    let home = |name: &str, below: &str| {
        let own = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(below);
        std::env::var_os(name).map_or_else(own, PathBuf::from)
    };
    let machine = Machine::without_keys()
        .variable("CARGO_HOME", home("CARGO_HOME", ".cargo"))
        .variable("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"))
        .variable("CARGO_NET_OFFLINE", "true");
    machine.fails(2, &["no project"], args!["plugin", "build", machine.path("")]);
    let project = machine.path("log-thing");
    machine.ok(args!["plugin", "new", "log-thing", "--role", "filter", "--into", project]);
    let new = args!["plugin", "new", "log-thing", "--role", "filter", "--into", project];
    machine.fails(2, &["is not empty"], new);
    let built = machine.path("log-thing.wasm");
    let done = machine.ok(args!["plugin", "build", project, "-o", built]);
    assert!(done.stdout.contains("log-thing 0.1.0, a filter, fits this mover"), "{done:?}");
    assert_eq!(test(&machine, &built).code, 0);
    // The same sources make the same component.
    let first = fs::read(&built).unwrap();
    machine.ok(args!["plugin", "build", project, "-o", built]);
    assert!(first == fs::read(&built).unwrap());

    fs::write(project.join("src/lib.rs"), "nonsense").unwrap();
    machine.fails(2, &["does not build"], args!["plugin", "build", project]);
}

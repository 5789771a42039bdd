//! Components of other people: an honest one works, and a hostile one harms nobody.

use std::path::{Path, PathBuf};

use crate::kit::component::{self, Behaviour, COMPLAINT};
use crate::kit::{Machine, args, assert_same, tree};

/// A machine with a tree, a store, and an archive that has to stay whole.
fn prepare() -> (Machine, PathBuf, PathBuf) {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    machine.ok(args!["archive", source, "--to", store, "--name", "before"]);
    (machine, store, source)
}

/// An archive with the component fails with `parts`, and nothing else is harmed.
fn check(option: &str, name: &str, bytes: &[u8], parts: &[&str]) {
    let (machine, store, source) = prepare();
    let path = component::save(&machine.path(""), name, bytes);
    let archive = args![
        "archive",
        source,
        "--to",
        store,
        "--name",
        "hostile",
        option,
        path,
        "--reread",
        "--verify",
        "always",
        "--chunk-size",
        "64K",
    ];
    // New content: what is known already would not be encoded again.
    tree::random_file(&source.join("new"), 77, 3 << 20);
    machine.fails(2, &[&[name], parts].concat(), archive);
    assert_unharmed(&machine, &store, &source);
}

fn assert_unharmed(machine: &Machine, store: &Path, source: &Path) {
    let archives = machine.json(args!["list", store]).lines_of("archive");
    let finished: Vec<_> =
        archives.iter().filter(|archive| archive["status"] == "finished").collect();
    assert_eq!(finished.len(), 1, "{archives:?}");
    machine.ok(args!["verify", store, "--read"]);
    machine.ok(args!["archive", source, "--to", store, "--name", "after"]);
    assert_same(source, &machine.restore(store, "after", "after"));
}

#[test]
fn an_honest_transform_and_an_honest_snoop_work() {
    let (machine, store, source) = prepare();
    let folder = machine.path("");
    let stage = component::save(&folder, "same", &component::transform("same", Behaviour::Honest));
    let snoop = component::save(&folder, "calm", &component::snoop("calm", Behaviour::Honest));
    tree::random_file(&source.join("new"), 77, 3 << 20);
    machine.ok(args![
        "archive",
        source,
        "--to",
        store,
        "--name",
        "a",
        "--stage",
        stage,
        "--stage",
        "zstd",
        "--snoop",
        snoop,
        "--snoop",
        "snoop-type",
    ]);
    // The store carries its components: the files are not needed any more.
    std::fs::remove_file(stage).expect("it can be removed");
    std::fs::remove_file(snoop).expect("it can be removed");
    assert_same(&source, &machine.restore(&store, "a", "restored"));
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn what_a_store_carries_decodes_and_says_so_unless_it_may_not() {
    let (machine, store, source) = prepare();
    let bytes = component::transform("same", Behaviour::Honest);
    let stage = component::save(&machine.path(""), "same", &bytes);
    tree::random_file(&source.join("new"), 77, 1 << 20);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--stage", stage]);
    let digest = digest(&machine, &stage);
    std::fs::remove_file(&stage).expect("it can be removed");
    let restore = |into: &str| args!["restore", store, "a", "--into", machine.path(into)];
    let done = machine.ok(restore("one"));
    assert!(done.stderr.contains("decodes as the medium carries it"), "{done:?}");
    assert!(done.stderr.contains(&digest), "{done:?}");
    assert_same(&source, &machine.path("one"));
    let refused = machine.run([args!["--no-carried"], restore("two")].concat());
    assert!(refused.code != 0 && refused.stderr.contains(&digest), "{refused:?}");
    // Whoever has it needs no leave.
    let stage = component::save(&machine.path(""), "same", &bytes);
    let plugins = args!["--plugins", machine.path("plugins")];
    machine.ok([plugins.clone(), args!["plugin", "add", stage]].concat());
    machine.ok([plugins, args!["--no-carried"], restore("three")].concat());
    assert_same(&source, &machine.path("three"));
    // It may decode, and never encodes: it cannot be named.
    let stage = args!["archive", source, "--to", store, "--name", "b", "--stage", "same"];
    machine.fails(2, &["no component same"], stage);
}

#[test]
fn what_authenticates_is_trusted_by_its_digest_alone() {
    let (machine, store, source) = prepare();
    let bytes = component::transform_with("seal", "authenticates", true.into());
    let stage = component::save(&machine.path(""), "seal", &bytes);
    tree::random_file(&source.join("new"), 77, 1 << 20);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--stage", stage]);
    let digest = digest(&machine, &stage);
    std::fs::remove_file(&stage).expect("it can be removed");
    let restore = |into: &str| args!["restore", store, "a", "--into", machine.path(into)];
    let refused = machine.run(restore("one"));
    assert!(refused.code != 0 && refused.stderr.contains("--trust-component"), "{refused:?}");
    let other = format!("blake3:{}", "0".repeat(64));
    assert!(machine.run([args!["--trust-component", other], restore("two")].concat()).code != 0);
    machine.ok([args!["--trust-component", digest], restore("three")].concat());
    assert_same(&source, &machine.path("three"));
}

#[test]
fn a_store_of_an_earlier_version_opens_without_a_word_about_its_components() {
    let (machine, store) = Machine::with_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/golden/0.1");
    let stage = |name: &str| golden.join(name).with_extension("wasm");
    let stages = args!["--stage", stage("zstd"), "--stage", stage("chacha20poly1305")];
    machine.ok([args!["archive", source, "--to", store, "--name", "a"], stages].concat());
    let restored =
        machine.ok(args!["--no-carried", "restore", store, "a", "--into", machine.path("back")]);
    assert!(!restored.stderr.contains("carries"), "{restored:?}");
    assert_same(&source, &machine.path("back"));
    machine.ok(args!["verify", store, "--read"]);
}

/// The digest of a component in a file, as an operator writes it.
fn digest(machine: &Machine, component: &Path) -> String {
    let lines = machine.json(args!["plugin", "inspect", component]).lines_of("component");
    lines[0]["digest"].as_str().expect("it has one").to_owned()
}

#[test]
fn a_transform_that_traps_is_named() {
    check("--stage", "trapper", &component::transform("trapper", Behaviour::Trap), &["trapped"]);
}

#[test]
fn a_transform_that_loops_is_stopped() {
    let bytes = component::transform("looper", Behaviour::Loop);
    check("--stage", "looper", &bytes, &["passed its time limit"]);
}

#[test]
fn a_transform_that_floods_is_stopped() {
    let bytes = component::transform("flooder", Behaviour::Flood);
    check("--stage", "flooder", &bytes, &["passed its output limit"]);
}

#[test]
fn a_transform_that_takes_all_memory_is_stopped() {
    let bytes = component::transform("glutton", Behaviour::MemoryBomb);
    check("--stage", "glutton", &bytes, &["passed its memory limit"]);
}

#[test]
fn a_transform_that_lies_is_found_out_before_the_plain_bytes_are_let_go() {
    check("--stage", "liar", &component::transform("liar", Behaviour::Lie), &[]);
    check("--stage", "swallower", &component::transform("swallower", Behaviour::Swallow), &[]);
}

#[test]
fn what_a_transform_complains_of_is_passed_on() {
    let bytes = component::transform("complainer", Behaviour::Fail);
    check("--stage", "complainer", &bytes, &[COMPLAINT]);
}

#[test]
fn a_transform_that_asks_for_wasi_is_refused_by_name() {
    let bytes = component::transform_with_wasi("asker");
    check("--stage", "asker", &bytes, &["asks for wasi:clocks/monotonic-clock@0.2.0"]);
}

#[test]
fn a_component_of_another_track_is_refused_with_both_versions() {
    let bytes = component::transform_of_track("stranger", "7.3");
    check("--stage", "stranger", &bytes, &["7.3", "0.1"]);
}

#[test]
fn what_is_no_component_or_has_no_manifest_is_refused() {
    check("--stage", "unnamed", &component::without_manifest(), &["manifest"]);
    check("--stage", "nonsense", b"this is not wasm", &[]);
    check("--stage", "module", b"\0asm\x01\0\0\0", &[]);
    check("--stage", "empty", b"", &[]);
}

#[test]
fn a_component_in_another_role_is_refused() {
    check("--stage", "misplaced", &component::snoop("misplaced", Behaviour::Honest), &["snoop"]);
}

#[test]
fn a_snoop_that_traps_is_named() {
    check("--snoop", "trapper", &component::snoop("trapper", Behaviour::Trap), &["trapped"]);
}

#[test]
fn a_snoop_that_loops_is_stopped() {
    let bytes = component::snoop("looper", Behaviour::Loop);
    check("--snoop", "looper", &bytes, &["passed its time limit"]);
}

#[test]
fn a_snoop_that_takes_all_memory_is_stopped() {
    let bytes = component::snoop("glutton", Behaviour::MemoryBomb);
    check("--snoop", "glutton", &bytes, &["passed its memory limit"]);
}

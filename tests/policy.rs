//! One policy file: what goes where, in what form, in how many copies; and mistakes in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::kit::random::Random;
use crate::kit::server::Server;
use crate::kit::{Machine, args, assert_same, tape, tree, volume};
use crate::media::policy;

const EICAR: &str = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

const RULES: &str = r#"
hold-pool = "quarantine"
[pools.quarantine]
kind = "disk"
path = "quarantine"
[pools.tape]
kind = "tape"
folder = "tapes"
cartridges = ["T1", "T2", "T3"]
capacity = "8M"
record-size = "64K"
[pools.video]
kind = "optical"
folder = "video"
discs = ["V1", "V2"]
capacity = "40M"
[[rules]]
name = "secrets"
when = { path = ["id_*", "*.key"] }
[[rules]]
name = "video"
when = { type = ["video/*"] }
stages = []
encrypt = false
pools = ["video"]
[[rules]]
name = "logs"
when = { path = ["*.log"] }
stages = [{ component = "zstd", config = { level = 19 } }]
pools = ["tape"]
[[rules]]
name = "two copies"
when = { path = ["/both/"] }
pools = ["default", "tape"]
[[rules]]
name = "noise inside"
when = { path = ["mixed.bin"], chunk-entropy = ">7.9" }
stages = []
pools = ["video"]
[[rules]]
name = "rest"
"#;

fn mixed_tree(source: &Path) {
    let noise = |seed, length| Random::new(seed).bytes(length);
    tree::sample(&source.join("src"), 4);
    tree::write(
        &source.join("pics/a.png"),
        [&b"\x89PNG\r\n\x1a\n"[..], &noise(1, 500_000)].concat(),
    );
    let film = [&b"\0\0\0\x18ftypmp42"[..], &noise(2, 4_000_000)].concat();
    tree::write(&source.join("video/film.mp4"), film);
    let log: String =
        (0..40_000).map(|line| format!("12:00:{:02} request {line}\n", line % 60)).collect();
    tree::write(&source.join("logs/old.log"), log);
    tree::write(
        &source.join("keys/id_rsa"),
        "the secret that nobody is to see, and no medium shows",
    );
    tree::write(&source.join("keys/eicar.com"), EICAR);
    tree::write(&source.join("both/x.txt"), "both ".repeat(40_000));
    let text = "plain text, line by line\n".repeat(120_000);
    let mixed = [text.as_bytes(), &noise(3, 4 << 20), text.as_bytes()].concat();
    tree::write(&source.join("mixed.bin"), mixed);
}

fn prepare() -> (Machine, PathBuf, PathBuf, PathBuf) {
    let machine = Machine::new();
    let (source, store) = (machine.path("source"), machine.path("store"));
    mixed_tree(&source);
    machine.ok(args!["init", store]);
    let file = policy(&machine, RULES);
    (machine, source, store, file)
}

/// Plain bytes of chunks on each medium, by a scan of the raw volumes alone.
fn chunks_on(folder: &Path) -> u64 {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        // Beside the volumes stands the mark of the pool.
        if path.extension().is_none() {
            continue;
        }
        let bytes = match path.extension().is_some_and(|it| it == "tap") {
            true => tape::records(&path),
            false => std::fs::read(&path).expect("a volume"),
        };
        let frames = volume::frames(&bytes);
        count +=
            frames.iter().filter(|it| it.kind() == format::FrameKind::ChunkHeader).count() as u64;
    }
    count
}

fn all_bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        all.extend(std::fs::read(entry.expect("an entry").path()).expect("a volume"));
    }
    all
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn one_policy_sends_each_thing_its_way_and_said_so_before() {
    let (machine, source, store, file) = prepare();
    machine.ok(args!["policy", "check", file]);

    // What it says before.
    let said = machine.json(args!["policy", "explain", file]);
    let mut ways: BTreeMap<String, Vec<(String, Vec<String>)>> = BTreeMap::new();
    for line in said.lines_of("file") {
        let of_file = line["ways"].as_array().expect("a list").iter().map(|way| {
            let pools = way["pools"].as_array().expect("a list").iter();
            let pools = pools.map(|pool| pool.as_str().expect("a name").to_owned()).collect();
            (way["rule"].as_str().unwrap_or_default().to_owned(), pools)
        });
        ways.insert(line["path"].as_str().expect("a path").to_owned(), of_file.collect());
    }
    let way = |rule: &str, pools: &[&str]| {
        (rule.to_owned(), pools.iter().map(|pool| (*pool).to_owned()).collect::<Vec<_>>())
    };
    assert_eq!(ways["video/film.mp4"], [way("video", &["video"])]);
    assert_eq!(ways["logs/old.log"], [way("logs", &["tape"])]);
    assert_eq!(ways["keys/id_rsa"], [way("secrets", &["default"])]);
    assert_eq!(ways["keys/eicar.com"], [way("(held)", &["quarantine"])]);
    assert_eq!(ways["both/x.txt"], [way("two copies", &["default", "tape"])]);
    assert_eq!(ways["mixed.bin"], [way("rest", &["default"]), way("noise inside", &["video"])]);
    assert!(!store.join("pools.toml").exists(), "explaining writes nothing");

    // What it does: held is told by its exit code.
    machine.fails(3, &["eicar"], args!["archive", "--policy", file]);
    let back = machine.restore(&store, "a", "back");
    std::fs::remove_file(source.join("keys/eicar.com")).expect("it was held");
    assert_same_files(&source, &back);

    // Where it is, by the raw volumes.
    let (home, video, tape, quarantine) = (
        all_bytes(&store.join("volumes")),
        all_bytes(&machine.path("video")),
        all_bytes(&machine.path("tapes")),
        all_bytes(&machine.path("quarantine")),
    );
    let film = std::fs::read(source.join("video/film.mp4")).expect("the film");
    assert!(holds(&video, &film[1_200_000..1_201_000]), "as it is, readable by anybody");
    assert!(!holds(&home, &film[1_200_000..1_201_000]));
    for medium in [&home, &video, &tape, &quarantine] {
        assert!(!holds(medium, b"the secret that nobody"), "a secret lies open");
        assert!(!holds(medium, b"EICAR-STANDARD"), "held, and encrypted");
    }
    let counted = ["tapes", "quarantine"].map(|pool| chunks_on(&machine.path(pool)));
    assert!(counted.iter().all(|count| *count > 0), "{counted:?}");

    // An empty catalog changes nothing.
    std::fs::remove_file(store.join("catalog.sqlite")).expect("a catalog");
    assert_same_files(&source, &machine.restore(&store, "a", "without a catalog"));
    machine.ok(args!["verify", store, "--read"]);
}

/// Holes and times of folders apart, which the held file changes.
fn assert_same_files(source: &Path, back: &Path) {
    assert_eq!(crate::kit::same::contents(source), crate::kit::same::contents(back));
}

#[test]
fn one_file_lies_on_two_media_and_is_one_file() {
    let (machine, source, store, file) = prepare();
    machine.fails(3, &[], args!["archive", "--policy", file]);
    let plan = machine.ok(args!["restore", store, "a", "mixed.bin", "--plan"]);
    assert!(plan.stdout.contains("pool default") && plan.stdout.contains("pool video"), "{plan:?}");
    let into = machine.path("one");
    machine.ok(args!["restore", store, "a", "mixed.bin", "--into", into]);
    let read = |path: PathBuf| std::fs::read(path).expect("a file");
    assert!(read(into.join("mixed.bin")) == read(source.join("mixed.bin")));
}

#[test]
fn a_second_archive_of_the_same_policy_stores_little() {
    let (machine, source, store, file) = prepare();
    std::fs::remove_file(source.join("keys/eicar.com")).expect("a file");
    machine.ok(args!["archive", "--policy", file]);
    let again = machine.json(args!["archive", "--policy", file, "--reread"]);
    assert!(again.number("stored_bytes") < 600_000, "{again:?}");
    assert_same(&source, &machine.restore(&store, "latest", "back"));
}

/// Two pools on disk beside the store's own.
fn two_pools(machine: &Machine) -> String {
    let pool = |name: &str| {
        let path = machine.path(name);
        format!("[pools.{name}]\nkind = \"disk\"\npath = {path:?}\n")
    };
    pool("near") + &pool("far")
}

/// Bytes of the chunks in a pool, and how many there are.
fn held(machine: &Machine, store: &Path, pool: &str) -> (u64, u64) {
    let listed = machine.json(args!["media", "list", store]);
    let volumes = listed.lines_of("volume");
    let volumes = volumes.iter().filter(|it| it["pool"] == pool);
    let number = |it: &Value, key: &str| it[key].as_u64().expect("a number");
    volumes.fold((0, 0), |(bytes, chunks), it| {
        (bytes + number(it, "length"), chunks + number(it, "chunks"))
    })
}

#[test]
fn an_archive_needs_another_pool_only_where_a_rule_says_so() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_file(&source.join("file"), 1, 3_000_000);
    let rule = |more: &str| {
        let rule = "[[rules]]\nname = \"all\"\nstages = []\n";
        policy(&machine, &format!("{}{rule}{more}\n", two_pools(&machine)))
    };
    machine.ok(args!["archive", "--policy", rule("pools = [\"near\"]")]);
    let besides = "pools = [\"far\"]\ndedupe-with = [\"near\"]";
    machine.ok(args!["archive", "--policy", rule(besides), "--reread", "--name", "b"]);
    assert!(held(&machine, &store, "far").0 < 1_000_000, "all of it is in the other pool");
    let plan = machine.ok(args!["restore", store, "b", "--plan"]);
    assert!(plan.stdout.contains("pool near"), "{plan:?}");
    assert_same(&source, &machine.restore(&store, "b", "b"));
    machine.ok(args!["archive", "--policy", rule("pools = [\"far\"]"), "--reread", "--name", "c"]);
    assert!(held(&machine, &store, "far").0 > 3_000_000, "no rule says so any more");
    let plan = machine.ok(args!["restore", store, "c", "--plan"]);
    assert!(!plan.stdout.contains("pool near"), "{plan:?}");
    assert_same(&source, &machine.restore(&store, "c", "c"));
}

/// A copy elsewhere is one of everything, and not of what was new in each archive alone.
#[test]
fn an_archive_of_what_is_known_is_in_every_pool_that_has_it() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::sample(&source.join("tree"), 3);
    tree::random_file(&source.join("other"), 4, 100_000);
    let rules = "[[rules]]\nname = \"rare\"\nwhen = { path = [\"*.rare\"] }\npools = [\"far\"]\n\
                 [[rules]]\nname = \"all\"\npools = [\"default\", \"near\"]\n";
    let file = policy(&machine, &format!("{}{rules}", two_pools(&machine)));
    let archive = |name: &str| args!["archive", "--policy", file, "--name", name];
    machine.ok(archive("new"));
    assert_eq!(machine.json(archive("unchanged")).number("bytes_read"), 0);
    machine.ok([archive("known"), args!["--reread"]].concat());
    std::fs::remove_file(source.join("other")).expect("it is there");
    machine.ok(archive("less"));
    assert_eq!(held(&machine, &store, "far").1, 0, "nothing of it is there");
    std::fs::rename(&store, machine.path("lost")).expect("it is there");
    machine.ok(args!["media", "scan", store, "--policy", file, "--adopt"]);
    assert_same(&source, &machine.restore(&store, "less", "less"));
    for name in ["new", "unchanged", "known"] {
        assert!(machine.restore(&store, name, name).join("other").is_file(), "{name}");
    }
    machine.ok(args!["verify", store, "--read"]);
}

#[test]
fn files_lie_together_or_apart_as_the_rule_says() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_files(&source, 12, 5_000);
    for (pool, grouping, least, most) in [("near", "together", 1, 4), ("far", "apart", 12, 16)] {
        let rule =
            format!("[[rules]]\nname = \"all\"\npools = [\"{pool}\"]\ngrouping = \"{grouping}\"\n");
        let file = policy(&machine, &format!("{}{rule}", two_pools(&machine)));
        machine.ok(args!["archive", "--policy", file, "--reread", "--name", pool]);
        let (_, chunks) = held(&machine, &store, pool);
        assert!((least..=most).contains(&chunks), "{grouping}: {chunks}");
        assert_same(&source, &machine.restore(&store, pool, grouping));
    }
}

#[test]
fn a_destination_has_the_last_word_on_where_things_lie() {
    let client = Machine::without_keys();
    let server = Server::new();
    let pools = two_pools(&server.machine);
    let policy = format!("[stores.main.map]\ntape = [\"near\", \"far\"]\n{pools}");
    let (server, url) = server.policy(&policy).serving(&client);
    client.ok(args!["init", url, "--no-encryption"]);
    let source = client.path("source");
    tree::random_file(&source.join("file"), 1, 2_000_000);
    let to = |pool: &str| {
        let file = client.path("policy.toml");
        let tapes = "kind = \"tape\"\nfolder = \"tapes\"\ncartridges = [\"A1\"]";
        let text = format!(
            "version = 1\n[archive]\nstore = \"{url}\"\nname = \"a\"\n\
             paths = [\"source\"]\n[pools.{pool}]\n{tapes}\n\
             [[rules]]\nname = \"all\"\npools = [\"{pool}\"]\n"
        );
        tree::write(&file, text);
        file
    };
    client.ok(args!["archive", "--policy", to("tape")]);
    for pool in ["near", "far"] {
        assert!(held(&server.machine, &server.store(), pool).0 > 2_000_000, "{pool}");
    }
    // What it finds there again is not sent again.
    let again = client.json(args!["archive", "--policy", to("tape"), "--reread"]);
    assert!(again.number("stored_bytes") < 100_000, "{again:?}");
    // A pool that neither it nor its map knows is refused by name.
    client.fails(
        2,
        &["attic"],
        args!["archive", "--policy", to("attic"), "--name", "b", "--reread"],
    );
}

#[test]
fn mistakes_are_told_with_their_places_and_nothing_is_written() {
    let (machine, _, store, _) = prepare();
    for (text, parts) in [
        (
            "[[rules]]\nname = \"x\"\npools = [\"tpae\"]\n",
            &["policy.toml:8:", "tpae", "[pools.NAME]"][..],
        ),
        ("[[rules]]\nname = \"x\"\nstages = [\"zstdd\"]\n", &["policy.toml:8:", "zstdd"]),
        ("[[rules]]\nname = \"x\"\npool = \"default\"\n", &["policy.toml:8:1", "pools"]),
        ("[[rules]]\nname = \"x\"\n[[rules]]\nname = \"y\"\n", &["can never match"]),
        ("[pools.t]\nkind = \"tape\"\n", &["pool t", "folder"]),
        ("[pools.d]\nkind = \"dsik\"\npath = \"x\"\n", &["policy.toml:7:", "dsik"]),
        ("nmae = \"x\"\n", &["policy.toml:6:1", "nmae"]),
    ] {
        let file = policy(&machine, text);
        machine.fails(2, parts, args!["archive", "--policy", file]);
    }
    assert!(machine.json(args!["list", store]).lines_of("archive").is_empty());
    assert!(!machine.path("quarantine").exists());
}

#[test]
fn a_new_policy_is_right_and_can_be_used() {
    let machine = Machine::new();
    let text = machine.ok(args!["policy", "new"]).stdout;
    let file = machine.path("new.toml");
    tree::write(&file, &text);
    machine.ok(args!["policy", "check", file]);
    let (source, store) = (machine.path("source"), machine.path("store"));
    tree::sample(&source, 1);
    machine.ok(args!["init", store]);
    let text = text
        .replace("\"/backup/store\"", &format!("{store:?}"))
        .replace("[\"/home\"]", &format!("[{source:?}]"))
        .replace("/backup/quarantine", machine.path("q").to_str().expect("UTF-8"));
    tree::write(&file, text);
    machine.ok(args!["archive", "--policy", file]);
    machine.ok(args!["prune", "--policy", file, "--dry-run"]);
    assert_same(&source, &machine.restore(&store, "home", "back"));
}

//! Real media: cartridges in tgt's library over iSCSI, tapes in files, discs, a second disk, S3
//! servers. Here is what holds for several kinds.

mod disc;
mod tape;

use std::path::{Path, PathBuf};

use crate::kit::rclone::Rclone;
use crate::kit::volume::volumes;
use crate::kit::{Machine, args, assert_same, tree};

/// A policy with these pools and rules, beside a store without encryption.
pub(crate) fn policy(machine: &Machine, text: &str) -> PathBuf {
    let path = machine.path("policy.toml");
    let head = "version = 1\n[archive]\nstore = \"store\"\nname = \"a\"\npaths = [\"source\"]\n";
    tree::write(&path, format!("{head}{text}"));
    path
}

const TO_TAPE: &str = "[[rules]]\nname = \"all\"\nstages = []\npools = [\"tape\"]\n";

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
    tree::random_files(&source, 8, 2_000_000);
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

#[test]
fn volumes_move_to_another_medium_as_they_are() {
    let (machine, store) = Machine::with_store();
    let source = machine.path("source");
    tree::sample(&source, 1);
    tree::random_file(&source.join("large"), 5, 5_000_000);
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
    let machine = machine.with_s3_keys();
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
        tree::random_files(&source, 6, 2_000_000);
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

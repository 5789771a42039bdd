//! An archive that was interrupted goes on where it stands, whatever became of its source, its
//! journal or its store meanwhile.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::kit::step::{Stop, run_until};
use crate::kit::{Machine, args, assert_same, machine, tree};

/// A machine whose archive of a large file and a few small ones was killed in the large one.
struct Interrupted {
    machine: Machine,
    store: PathBuf,
    source: PathBuf,
}

fn stored(store: &Path) -> u64 {
    crate::kit::volume::total_length(store)
}

impl Interrupted {
    fn new(prepare: impl FnOnce(&Path)) -> Interrupted {
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        tree::sample(&source.join("a"), 31);
        tree::random_file(&source.join("large"), 31, 48 << 20);
        tree::sample(&source.join("z"), 32);
        prepare(&source);
        let this = Interrupted { machine, store, source };
        let mut child = this.machine.spawn([this.command(), args!["--limit-rate", "24M"]].concat());
        let begin = Instant::now();
        while stored(&this.store) < 20 << 20 {
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing is stored");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        this
    }

    fn command(&self) -> Vec<std::ffi::OsString> {
        args!["--json", "archive", self.source, "--to", self.store, "--name", "it"]
    }

    fn journal(&self) -> PathBuf {
        let stores = self.machine.path("state/mover/stores");
        let store = std::fs::read_dir(stores).expect("it is there").next().expect("one");
        let folder = store.expect("an entry").path().join("journals");
        let journal = std::fs::read_dir(folder).expect("it is there").next().expect("one");
        journal.expect("an entry").path()
    }

    /// Goes on, and checks that all is there; gives the report.
    fn finish(&self) -> serde_json::Value {
        let done = self.machine.ok(self.command());
        let into = self.machine.restore(&self.store, "it", "restored");
        assert_same(&self.source, &into);
        self.machine.ok(args!["verify", self.store, "--read"]);
        assert!(self.machine.ok(args!["resume", "--list"]).stdout.is_empty());
        done.report()
    }
}

#[test]
fn it_goes_on_in_the_middle_of_a_file_and_reads_little_again() {
    let it = Interrupted::new(|_| ());
    let before = stored(&it.store);
    let report = it.finish();
    assert_eq!(report["resumed"], true);
    let files = walk(&it.source);
    assert_eq!(report["files"].as_u64(), Some(files), "each file is counted once: {report}");
    let added = stored(&it.store) - before;
    assert!(added < 34 << 20, "{added} bytes more, where 28 MiB were missing");
}

fn walk(folder: &Path) -> u64 {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("one").path());
    entries
        .map(|path| match path.symlink_metadata().expect("it is there") {
            meta if meta.is_dir() => walk(&path),
            meta => u64::from(meta.is_file()),
        })
        .sum()
}

#[test]
fn a_file_that_has_changed_since_is_read_anew_and_marked() {
    let it = Interrupted::new(|_| ());
    tree::random_file(&it.source.join("large"), 99, 40 << 20);
    let report = it.finish();
    assert_eq!((&report["resumed"], &report["restarted_files"]), (&true.into(), &1.into()));
    let listed = it.machine.json(args!["list", it.store, "it", "large"]);
    assert!(listed.stdout.contains("restarted"), "{listed:?}");
}

#[test]
fn what_came_and_went_meanwhile_is_as_it_is_now_behind_the_place() {
    let it = Interrupted::new(|_| ());
    let root = std::fs::File::open(&it.source).expect("it is there");
    let time = root.metadata().and_then(|meta| meta.modified()).expect("it has a time");
    std::fs::remove_file(it.source.join("large")).expect("it is there");
    tree::write(&it.source.join("zz-new"), "new");
    std::fs::remove_dir_all(it.source.join("z")).expect("it is there");
    // The root itself was archived before all that.
    root.set_modified(time).expect("its time can be set");
    let report = it.finish();
    assert_eq!(report["resumed"], true);
}

#[test]
fn a_snoop_goes_on_too_and_forgets_nothing_that_it_saw_before() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq\n";
    let it = Interrupted::new(|source| {
        let mut bytes = key.as_bytes().to_vec();
        bytes.extend(crate::kit::random::Random::new(5).bytes(48 << 20));
        tree::write(&source.join("large"), bytes);
    });
    let report = it.finish();
    assert_eq!(report["resumed"], true);
    let listed = it.machine.json(args!["list", it.store, "it", "large"]);
    assert!(listed.stdout.contains("snoop-yara"), "{listed:?}");
}

/// A window ends where its list of 4096 parts is full, which may be right behind the beginning of a
/// file: with one of these trees it is.
#[test]
fn a_snoop_sees_a_file_from_its_first_byte_wherever_a_window_ends() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq\n";
    for folders in 0..3 {
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        for number in 0..folders {
            std::fs::create_dir_all(source.join(format!("a{number}"))).expect("a new folder");
        }
        for number in 0..1363 {
            tree::write(&source.join(format!("b{number:04}")), "small");
        }
        // Its length must not be taken for what was seen of the next one.
        tree::random_file(&source.join("b9999"), 6, 300_000);
        let mut bytes = key.as_bytes().to_vec();
        bytes.extend(crate::kit::random::Random::new(5).bytes(6 << 20));
        tree::write(&source.join("large"), bytes);
        let archive = args!["--json", "archive", source, "--to", store, "--name", "it"].into_iter();
        // The first chunk, which arrives, ends in the window behind that one.
        let archive: Vec<_> = archive.chain(args!["--chunk-size", "1200K"]).collect();
        let killed = (Stop::Kill, "store-chunk-appended", 1);
        assert!(run_until(&machine, killed, archive.clone()).is_some());
        assert_eq!(machine.ok(archive).report()["resumed"], true);
        let listed = machine.json(args!["list", store, "it", "large"]);
        assert!(listed.stdout.contains("snoop-yara"), "{folders}: {listed:?}");
    }
}

#[test]
fn a_journal_that_lost_its_end_goes_back_and_sends_nothing_twice() {
    let it = Interrupted::new(|_| ());
    // As after a power loss, which takes what was not synced.
    let journal = it.journal();
    let length = std::fs::metadata(&journal).expect("it is there").len();
    let file = std::fs::OpenOptions::new().write(true).open(&journal).expect("it is there");
    file.set_len(length * 2 / 3).expect("it can be cut");
    let before = stored(&it.store);
    let report = it.finish();
    assert_eq!(report["resumed"], true);
    assert!(report["deduplicated_bytes"].as_u64() > Some(1 << 20), "{report}");
    let added = stored(&it.store) - before;
    assert!(added < 34 << 20, "{added} bytes more, where 28 MiB were missing");
}

#[test]
fn a_journal_of_garbage_is_no_journal() {
    let it = Interrupted::new(|_| ());
    std::fs::write(it.journal(), [0x5a; 5000]).expect("it can be written");
    let report = it.finish();
    assert_eq!(report["resumed"], false);
}

#[test]
fn a_store_that_lost_what_was_not_synced_is_gone_on_with_from_there() {
    let it = Interrupted::new(|_| ());
    let volume = crate::kit::volume::volumes(&it.store).pop().expect("one");
    let length = std::fs::metadata(&volume).expect("it is there").len();
    let file = std::fs::OpenOptions::new().write(true).open(&volume).expect("it is there");
    file.set_len(length - (5 << 20)).expect("it can be cut");
    let report = it.finish();
    assert_eq!(report["resumed"], true);
}

/// A machine with an interrupted archive, of whose two pools one has lost what was not synced.
struct Gap {
    machine: Machine,
    store: PathBuf,
    second: PathBuf,
    source: PathBuf,
    archive: Vec<std::ffi::OsString>,
}

fn gap() -> Gap {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    for number in 0..40 {
        let name = ["odd", "even"][number % 2];
        tree::random_file(&source.join(format!("{number:02}.{name}")), number as u64, 700_000);
    }
    let text = "[pools.second]\nkind = \"disk\"\npath = \"second/volumes\"\n\
                [[rules]]\nname = \"odd\"\nwhen = { path = [\"*.odd\"] }\npools = [\"second\"]\n\
                [[rules]]\nname = \"even\"\npools = [\"default\"]\n";
    let file = crate::media::policy(&machine, text);
    let archive = args!["--json", "archive", "--policy", file];
    let second = machine.path("second");
    let mut child = machine.spawn([archive.clone(), args!["--limit-rate", "12M"]].concat());
    machine::until("both pools have chunks", || {
        second.join("volumes").is_dir() && stored(&second) > 6 << 20 && stored(&store) > 9 << 20
    });
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    let volume = crate::kit::volume::volumes(&second).pop().expect("one");
    let hurt = std::fs::OpenOptions::new().write(true).open(&volume).expect("it is there");
    // A few chunks are left.
    hurt.set_len(4_500_000).expect("it can be cut");
    Gap { machine, store, second, source, archive }
}

/// The numbers of those chunks are used by none, and the archive does not claim to need them.
#[test]
fn what_one_of_two_pools_lost_is_not_needed_any_more() {
    let Gap { machine, store, source, archive, .. } = gap();
    let done = machine.ok(archive);
    assert_eq!(done.report()["resumed"], true);
    assert_same(&source, &machine.restore(&store, "a", "back"));
    machine.ok(args!["verify", store, "--read"]);
    let copied = machine.json(args!["copy", store, "--all", "--to-pool", "second"]);
    assert_eq!(copied.number("faults"), 0, "{copied:?}");
}

/// It used to begin again at the gap, each time that it was interrupted.
#[test]
fn an_archive_goes_on_behind_a_gap_that_an_earlier_session_closed() {
    let Gap { machine, store, second, source, archive } = gap();
    let before = stored(&second);
    let mut child = machine.spawn([archive.clone(), args!["--limit-rate", "8M"]].concat());
    // The gap is at 10.odd; behind what is buffered, and the components once more, that is 20.odd.
    machine::until("it is far behind the gap", || stored(&second) > before + (7 << 20));
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    // Behind the gap, and in front of where that session was: it is not looked for again.
    std::fs::remove_file(source.join("14.odd")).expect("it is there");
    assert_eq!(machine.ok(archive).report()["resumed"], true);
    let listed = machine.ok(args!["list", store, "a"]);
    assert!(listed.stdout.contains("14.odd"), "{listed:?}");
    machine.ok(args!["verify", store, "--read"]);
    machine.restore(&store, "a", "back");
}

#[test]
fn what_was_asked_for_has_to_be_the_same() {
    let it = Interrupted::new(|_| ());
    let other = [it.command(), args!["--exclude", "nothing-like-it"]].concat();
    let done = it.machine.ok(other);
    assert!(done.stdout.contains("a new one is begun"), "{done:?}");
    assert_eq!(done.report()["resumed"], false);
    let it = Interrupted::new(|_| ());
    let done = it.machine.ok([it.command(), args!["--fresh"]].concat());
    assert_eq!(done.report()["resumed"], false);
    assert!(it.machine.ok(args!["list", it.store]).stdout.contains("(unfinished)"));
}

#[test]
fn resume_runs_the_command_that_was_interrupted() {
    let it = Interrupted::new(|_| ());
    let listed = it.machine.ok(args!["resume", "--list"]);
    assert!(listed.stdout.contains("it into") && listed.stdout.contains("archive"), "{listed:?}");
    it.machine.fails(2, &["nothing was interrupted"], args!["resume", "ffffffffffff"]);
    let done = it.machine.ok(args!["resume"]);
    assert!(done.stdout.contains("\"resumed\":true"), "{done:?}");
    let into = it.machine.restore(&it.store, "it", "restored");
    assert_same(&it.source, &into);
}

//! Killed at each step that has a name, or refused there, on each kind of medium and on either of
//! two movers: the same command run again comes to its end, and nothing is lost.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::kit::rclone::Rclone;
use crate::kit::server::Server;
use crate::kit::step::{Stop, run_past_full, run_until, steps};
use crate::kit::volume::forget_catalog;
use crate::kit::{Machine, args, assert_same, tree};
use crate::media::policy;

/// Steps of each archive, whatever its medium.
const OF_ARCHIVE: [&str; 8] = [
    "store-volume-created",
    "store-chunk-appended",
    "store-before-write",
    "store-after-write",
    "store-after-sync",
    "store-before-catalog",
    "store-after-catalog",
    "store-volume-closed",
];
const OF_RECOVERY: [&str; 2] = ["store-recovery-indexed", "store-recovery-truncated"];
const OF_REBUILD: [&str; 2] = ["store-catalog-made", "store-catalog-set-aside"];
const OF_PRUNE: [&str; 2] = ["store-volume-marked", "store-volume-forgotten"];
const OF_PARITY: [&str; 2] = ["parity-written", "parity-named"];
const OF_HEALING: [&str; 2] = ["parity-volume-healed", "parity-volume-put-back"];
const OF_TAPE: [&str; 1] = ["tape-writing"];
const OF_DISC: [&str; 1] = ["disc-burned"];
const OF_OBJECTS: [&str; 2] = ["object-putting", "object-put"];
const OF_THREADS: [&str; 1] = ["thread-started"];
/// It takes a recorder: `media::disc::killed_while_it_burns_it_goes_on_with_another_disc`.
const ELSEWHERE: [&str; 1] = ["disc-writing"];

const TWO_WAYS: [(Stop, u32); 2] = [(Stop::Kill, 1), (Stop::Error, 0)];
const TO_POOL: &str = "[[rules]]\nname = \"all\"\nstages = []\npools = [\"pool\"]\n";
const DISK: &str = "[pools.pool]\nkind = \"disk\"\npath = \"pool\"\nvolume-size = \"1M\"\n\
                    parity = \"1+1\"\n";

/// Tapes of such a capacity; short ones come to their end in some archives.
fn tapes(capacity: &str) -> String {
    let cartridges: Vec<String> = (1..=60).map(|number| format!("\"T{number:02}\"")).collect();
    format!(
        "[pools.pool]\nkind = \"tape\"\nfolder = \"tapes\"\ncartridges = [{}]\n\
         capacity = \"{capacity}\"\nrecord-size = \"64K\"\n",
        cartridges.join(", ")
    )
}

struct Scene {
    machine: Machine,
    store: PathBuf,
    source: PathBuf,
    policy: PathBuf,
    /// Bytes of each file.
    length: usize,
    round: u64,
}

impl Scene {
    /// A store with one archive in a pool.
    fn new(pool: &str) -> Scene {
        let (machine, store) = Machine::with_open_store();
        Scene::on(machine, store, pool)
    }

    fn on(machine: Machine, store: PathBuf, pool: &str) -> Scene {
        let source = machine.path("source");
        let policy = policy(&machine, &format!("{pool}{TO_POOL}"));
        let mut scene = Scene { machine, store, source, policy, length: 500_000, round: 0 };
        scene.change();
        scene.machine.ok(scene.archive());
        scene
    }

    fn change(&mut self) {
        self.round += 1;
        for number in 0..3 {
            let file = self.source.join(format!("file-{}", (self.round + number) % 5));
            tree::random_file(&file, self.round * 10 + number, self.length);
        }
        tree::settle();
    }

    fn archive(&self) -> Vec<std::ffi::OsString> {
        args!["archive", "--policy", self.policy]
    }

    /// Stops an archive of new content at a step, and goes on with it. Whether it came by.
    fn archive_until(&mut self, step: &str, (stop, passed): (Stop, u32)) -> bool {
        self.change();
        let done = run_until(&self.machine, (stop, step, passed), self.archive());
        run_past_full(&self.machine, &[], self.archive()).assert_code(&[0]);
        done.is_some()
    }

    /// Nothing is lost, with the catalog and without.
    fn check(&self) {
        self.machine.assert_well(&self.store, &self.source);
        forget_catalog(&self.store);
        self.machine.assert_well(&self.store, &self.source);
    }

    /// Archives are stopped at all steps that they come by, which have to be these at least.
    fn stop_archives(mut self, own: &[&str]) {
        let mut reached = BTreeSet::new();
        for step in steps() {
            for way in TWO_WAYS {
                if self.archive_until(&step, way) {
                    reached.insert(step.clone());
                }
            }
        }
        for step in OF_ARCHIVE.iter().chain(own) {
            assert!(reached.contains(*step), "{step} was not come by: {reached:?}");
        }
        self.check();
    }
}

/// Each step, in both ways.
fn stops<'a>(steps: &'a [&'a str]) -> impl Iterator<Item = (&'a str, Stop)> {
    steps.iter().flat_map(|step| [Stop::Kill, Stop::Error].map(|stop| (*step, stop)))
}

#[test]
fn every_step_is_one_at_which_a_test_stops() {
    let known: BTreeSet<String> = [
        &OF_ARCHIVE[..],
        &OF_RECOVERY,
        &OF_REBUILD,
        &OF_PRUNE,
        &OF_PARITY,
        &OF_HEALING,
        &OF_TAPE,
        &OF_DISC,
        &OF_OBJECTS,
        &OF_THREADS,
        &ELSEWHERE,
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect();
    assert_eq!(steps(), known);
}

#[test]
fn an_archive_to_a_disk_is_stopped_at_every_step_and_gone_on_with() {
    Scene::new(DISK).stop_archives(&OF_PARITY);
}

#[test]
fn an_archive_to_tapes_is_stopped_at_every_step_and_gone_on_with() {
    let mut scene = Scene::new(&tapes("20M"));
    // Each archive comes to the end of a cartridge.
    scene.length = 2_500_000;
    scene.stop_archives(&OF_TAPE);
}

#[test]
fn an_archive_to_discs_is_stopped_at_every_step_and_gone_on_with() {
    let discs: Vec<String> = (1..=160).map(|number| format!("\"D{number:03}\"")).collect();
    let pool = format!(
        "[pools.pool]\nkind = \"optical\"\nfolder = \"discs\"\ndiscs = [{}]\n\
         capacity = \"6M\"\nsession-size = \"2M\"\n",
        discs.join(", ")
    );
    let mut scene = Scene::new(&pool);
    // Each archive comes to the end of a disc.
    scene.length = 2_000_000;
    scene.stop_archives(&OF_DISC);
}

#[test]
fn an_archive_to_objects_is_stopped_at_every_step_and_gone_on_with() {
    let server = Rclone::start();
    let (machine, store) = Machine::with_open_store();
    let machine = machine.with_s3_keys();
    let pool = format!(
        "[pools.pool]\nkind = \"object\"\nendpoint = \"http://127.0.0.1:{}\"\n\
         bucket = \"bucket\"\nprefix = \"mover\"\npart-size = \"1M\"\nvolume-size = \"2M\"\n",
        server.port
    );
    Scene::on(machine, store, &pool).stop_archives(&OF_OBJECTS);
}

/// What a killed archive left is recovered by the next command, which is stopped too.
#[test]
fn a_recovery_is_stopped_at_every_step_and_done_again() {
    let mut scene = Scene::new(DISK);
    for (step, stop) in stops(&OF_RECOVERY) {
        scene.change();
        let killed = (Stop::Kill, "store-after-write", 0);
        assert!(run_until(&scene.machine, killed, scene.archive()).is_some());
        let done = run_until(&scene.machine, (stop, step, 0), scene.archive());
        assert!(done.is_some(), "{step} was not come by");
        scene.machine.ok(scene.archive());
    }
    scene.check();
}

#[test]
fn a_rebuild_is_stopped_at_every_step_and_done_again() {
    let scene = Scene::new(DISK);
    let rebuild = || args!["catalog", "rebuild", scene.store];
    for (step, stop) in stops(&OF_REBUILD) {
        let done = run_until(&scene.machine, (stop, step, 0), rebuild());
        assert!(done.is_some(), "{step} was not come by");
        // Whoever comes next finds a catalog, or makes one.
        scene.machine.assert_well(&scene.store, &scene.source);
        scene.machine.ok(rebuild());
    }
    scene.check();
}

#[test]
fn a_prune_is_stopped_at_every_step_and_done_again() {
    let mut scene = Scene::new(DISK);
    let prune = args!["prune", scene.store, "--keep-last", "1", "--used-max", "80"];
    for (step, stop) in stops(&OF_PRUNE) {
        for _ in 0..3 {
            scene.change();
            scene.machine.ok(scene.archive());
        }
        let done = run_until(&scene.machine, (stop, step, 0), prune.clone());
        assert!(done.is_some(), "{step} was not come by");
        scene.machine.assert_well(&scene.store, &scene.source);
        scene.machine.ok(prune.clone());
    }
    scene.check();
}

#[test]
fn a_healing_is_stopped_at_every_step_and_done_again() {
    let scene = Scene::new(DISK);
    let volume = scene.machine.path("pool/00000002.volume");
    let bytes = fs::read(&volume).expect("it is there");
    let repair = || args!["verify", scene.store, "--repair"];
    for (step, stop) in stops(&OF_HEALING) {
        fs::remove_file(&volume).expect("it is there");
        let done = run_until(&scene.machine, (stop, step, 0), repair());
        assert!(done.is_some(), "{step} was not come by");
        scene.machine.ok(repair());
        assert!(fs::read(&volume).expect("it is back") == bytes, "{step}, {stop:?}");
    }
    scene.check();
}

/// The system may have no thread left, first or last: that is an error and not an endless wait.
#[test]
fn a_thread_that_does_not_start_is_an_error_and_nothing_is_lost() {
    for (pool, archive_threads) in [(DISK.to_owned(), 5), (tapes("400M"), 6)] {
        let mut scene = Scene::new(&pool);
        let into = scene.machine.path("into");
        let restore = args!["restore", scene.store, "latest", "--into", into, "--overwrite"];
        let verify = args!["verify", scene.store, "--read"];
        for (command, threads) in [(scene.archive(), archive_threads), (restore, 4), (verify, 2)] {
            let mut failed = 0;
            // Some threads are a help only, so that the command does without.
            for passed in 0..12 {
                scene.change();
                let way = (Stop::Error, OF_THREADS[0], passed);
                failed += u32::from(run_until(&scene.machine, way, command.clone()).is_some());
                scene.machine.ok(scene.archive());
            }
            assert!(failed >= threads, "{command:?} failed {failed} times");
        }
        scene.machine.assert_well(&scene.store, &scene.source);
    }
}

/// Components are compiled where no cache has them, by threads of their own.
#[test]
fn compilers_that_do_not_start_are_an_error() {
    let (machine, store) = Machine::with_open_store();
    let empty = machine.path("empty");
    let machine = machine.variable("XDG_CACHE_HOME", empty);
    tree::write(&machine.path("source/file"), "text");
    let way = (Stop::Error, OF_THREADS[0], 1);
    let archive = args!["archive", machine.path("source"), "--to", store];
    let done = run_until(&machine, way, archive).expect("there is nothing to run");
    done.assert_says(&["component zstd cannot be used", "threads to compile on", "ulimit"]);
}

#[test]
fn between_two_movers_a_thread_that_does_not_start_is_an_error_or_tried_again() {
    let client = Machine::without_keys();
    let (mut server, url) = Server::for_client(&client);
    client.ok(args!["init", url, "--no-encryption"]);
    let source = client.path("source");
    let archive = args!["archive", source, "--to", url, "--retry-for", "5s"];
    let mut failed = 0;
    for passed in 0..12 {
        tree::random_file(&source.join("file"), u64::from(passed), 1_000_000);
        let way = (Stop::Error, OF_THREADS[0], passed);
        failed += u32::from(run_until(&client, way, archive.clone()).is_some());
    }
    assert!(failed >= 7, "only {failed} threads are needed");
    // A server without a thread for a connection closes it; the first two are its own.
    for passed in 2..6 {
        tree::random_file(&source.join("file"), 20 + passed, 1_000_000);
        server.stop();
        server.start_with(&[("FAILPOINTS", &format!("thread-started={passed}*off->1*return"))]);
        client.ok(archive.clone());
    }
    client.assert_well(std::path::Path::new(&url), &source);
    server.stop();
}

/// The store is with another mover, which is killed or fails.
#[test]
fn a_server_is_stopped_at_every_step_and_the_archive_is_gone_on_with() {
    let client = Machine::without_keys();
    let (mut server, url) = Server::for_client(&client);
    client.ok(args!["init", url, "--no-encryption"]);
    let source = client.path("source");
    let archive = args!["archive", source, "--to", url, "--retry-for", "1s"];
    let mut reached = BTreeSet::new();
    for (round, step) in OF_ARCHIVE.into_iter().enumerate() {
        for (stop, passed) in [(Stop::Kill, 0), (Stop::Error, 0)] {
            let seed = round as u64 * 2 + u64::from(stop == Stop::Error);
            tree::random_file(&source.join(format!("file-{}", seed % 3)), seed, 2_000_000);
            server.stop();
            server.start_with(&[("FAILPOINTS", &stop.at(step, passed))]);
            let done = client.run(archive.clone());
            if done.code != 0 {
                assert_eq!(done.code, 2, "{step}, {stop:?}: {done:?}");
                reached.insert(step);
            }
            // One that was killed has nothing to end.
            if server.is_running() {
                server.stop()
            } else {
                server.kill()
            }
            server.start();
            client.ok(archive.clone());
        }
    }
    for step in OF_ARCHIVE.iter().filter(|step| !step.starts_with("store-volume")) {
        assert!(reached.contains(step), "{step} was not come by: {reached:?}");
    }
    client.ok(args!["verify", url, "--read"]);
    assert_same(&source, &client.restore(std::path::Path::new(&url), "latest", "back"));
    server.stop();
    forget_catalog(&server.store());
    server.machine.ok(args!["verify", server.store(), "--read"]);
}

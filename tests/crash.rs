//! Killed at any moment, the store is whole: it opens, every finished archive is there, nothing
//! half-written is visible, and the next archive completes.
//!
//! By SIGKILL at seeded moments, and by fail points, which abort at every step of commit.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::kit::random::Random;
use crate::kit::step::{Stop, run_until, steps};
use crate::kit::{Machine, args, assert_same, tree, volume};

struct Campaign {
    machine: Machine,
    store: PathBuf,
    source: PathBuf,
    random: Random,
    /// Names of archives that were finished, and have to stay so.
    finished: BTreeSet<String>,
    round: u64,
}

impl Campaign {
    fn new(seed: u64) -> Campaign {
        let machine = Machine::without_keys();
        let identity = machine.path("identity");
        let recipient = crate::round_trip::new_identity(&identity);
        let machine = machine.global(args!["--identity", identity]);
        let (store, source) = (machine.path("store"), machine.path("source"));
        tree::sample(&source, 1);
        machine.ok(args!["init", store, "--recipient", recipient]);
        let random = Random::new(seed);
        Campaign { machine, store, source, random, finished: BTreeSet::new(), round: 0 }
    }

    /// Changes the tree, so that there is something to store.
    fn change(&mut self) -> String {
        self.round += 1;
        let length = 1 + self.random.below(8 << 20);
        let path = self.source.join(format!("new-{}", self.round % 4));
        tree::random_file(&path, self.random.next(), usize::try_from(length).expect("it fits"));
        let small = self.source.join(format!("small/{}", self.round));
        tree::write(&small, format!("{}", self.round));
        format!("round-{}", self.round)
    }

    fn archive(&self, name: &str) -> Vec<std::ffi::OsString> {
        args!["archive", self.source, "--to", self.store, "--name", name, "--volume-size", "16M"]
    }

    /// Archives to the end, and gives the seconds that it took.
    fn complete(&mut self) -> f64 {
        let name = self.change();
        let done = self.machine.ok(self.archive(&name));
        self.finished.insert(name);
        done.seconds
    }

    /// Kills an archive after a time; whether it had come to its end is for the listing to say.
    fn kill_after(&mut self, time: Duration) -> String {
        let name = self.change();
        let mut archive = self.machine.spawn(self.archive(&name));
        let begin = Instant::now();
        while begin.elapsed() < time && archive.try_wait().expect("it can be asked").is_none() {
            std::thread::sleep(Duration::from_micros(200));
        }
        // It may have ended by itself, which is a moment like any other.
        let _ = archive.kill();
        archive.wait().expect("it can be waited for");
        name
    }

    /// Everything that has to hold after a kill.
    fn check(&mut self, killed: &str, at: &str) {
        let listed = self.machine.run(args!["--json", "list", self.store]);
        assert_eq!(listed.code, 0, "{at}: the store does not open: {listed:?}");
        let names: BTreeSet<String> = listed
            .lines_of("archive")
            .iter()
            .filter(|archive| archive["status"] == "finished")
            .map(|archive| archive["name"].as_str().expect("a name is text").to_owned())
            .collect();
        let mut with_killed = self.finished.clone();
        with_killed.insert(killed.to_owned());
        assert!(names == self.finished || names == with_killed, "{at}: {names:?}");
        let verified = self.machine.run(args!["verify", self.store, "--read"]);
        assert_eq!(verified.code, 0, "{at}: {verified:?}");
        if names.contains(killed) {
            self.restore(killed, at);
        }
        self.finished = names;
    }

    fn restore(&self, name: &str, at: &str) {
        let into = self.machine.path("restored");
        let _ = std::fs::remove_dir_all(&into);
        let done = self.machine.run(args!["restore", self.store, name, "--into", into]);
        assert_eq!(done.code, 0, "{at}: {done:?}");
        assert_same(&self.source, &into);
    }

    /// The next archive completes, whatever the one before was killed at.
    fn go_on(&mut self, at: &str) {
        self.complete();
        let name = format!("round-{}", self.round);
        self.restore(&name, at);
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn a_store_is_whole_after_sigkill_at_any_moment() {
    let seed = number("MOVER_SEED", 1);
    let kills = number("MOVER_KILLS", 12);
    let mut campaign = Campaign::new(seed);
    let mut seconds = campaign.complete();
    for kill in 0..kills {
        let share = campaign.random.below(1100) as f64 / 1000.0;
        let time = Duration::from_secs_f64(seconds * share);
        let at = format!("seed {seed}, kill {kill} after {time:?}");
        let killed = campaign.kill_after(time);
        if campaign.random.below(4) == 0 {
            volume::forget_catalog(&campaign.store);
        }
        campaign.check(&killed, &at);
        if kill % 3 == 2 {
            campaign.go_on(&at);
            seconds = campaign.complete();
        }
    }
    campaign.go_on("the end");
}

#[test]
fn a_restore_that_was_killed_is_done_again() {
    let mut campaign = Campaign::new(2);
    for _ in 0..4 {
        campaign.change();
    }
    let seconds = campaign.complete();
    let into = campaign.machine.path("restored");
    for share in [0.2, 0.5, 0.8] {
        let name = format!("round-{}", campaign.round);
        let restore = args!["restore", campaign.store, name, "--into", into, "--overwrite"];
        let mut child = campaign.machine.spawn(restore.clone());
        std::thread::sleep(Duration::from_secs_f64(seconds * share));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().expect("it can be waited for");
        campaign.machine.ok(restore);
        assert_same(&campaign.source, &into);
        std::fs::remove_dir_all(&into).expect("it can be removed");
    }
}

#[test]
fn a_store_is_whole_after_an_abort_at_every_step_of_commit() {
    let names = steps().into_iter().filter(|name| name.starts_with("store-"));
    let mut campaign = Campaign::new(3);
    campaign.complete();
    let mut reached = BTreeSet::new();
    for name in names {
        // The first time that a step is reached, and a later one.
        for skipped in [0, 2] {
            let at = format!("{name} after {skipped}");
            let archive = campaign.change();
            let stop = (Stop::Kill, &*name, skipped);
            if run_until(&campaign.machine, stop, campaign.archive(&archive)).is_some() {
                reached.insert(name.clone());
            }
            campaign.check(&archive, &at);
        }
        campaign.go_on(&name);
    }
    assert!(reached.len() >= 3, "an archive passes the steps of commit: {reached:?}");
}

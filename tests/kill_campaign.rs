//! Source, destination or both killed by SIGKILL at seeded moments, and connections broken in every
//! way: every archive ends byte-identical, and little is sent again, by the proxy's count.
//!
//! `MOVER_KILLS` is how often (20, or 200 in the long form), `MOVER_SEED` when.

use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

use crate::kit::machine::wait;
use crate::kit::proxy::{Break, Proxy};
use crate::kit::random::Random;
use crate::kit::server::{ALL, Server};
use crate::kit::{Machine, args, assert_same, tree};

const CHANNELS: u64 = 4;
/// A chunk of 1 MiB and a block more, encoded, with its tags and tables.
const FRAME_MAX: u64 = 1_500_000;
/// What a session says besides chunks when it is begun again: handshakes, lists, questions after
/// the blocks of what is read again.
const WORDS_MAX: u64 = 600_000;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

struct Campaign {
    server: Server,
    proxy: Proxy,
    client: Machine,
    source: PathBuf,
    url: String,
    child: Option<Child>,
    random: Random,
}

impl Campaign {
    fn new(seed: u64, client: Machine) -> Campaign {
        let mut server = Server::new();
        server.allow(&client, ALL);
        server.start();
        let proxy = Proxy::to(server.address);
        server.trusted_by(&client, proxy.address());
        let url = server.url(proxy.address());
        client.ok(args!["init", url, "--no-encryption"]);
        let source = client.path("source");
        tree::random_file(&source.join("large"), seed, 80 << 20);
        tree::tiny_files(&source.join("small"), 20, 100, 700);
        tree::random_file(&source.join("zlarge"), seed + 1, 40 << 20);
        Campaign { server, proxy, client, source, url, child: None, random: Random::new(seed) }
    }

    fn spawn(&mut self, name: &str) {
        let archive = args!["--json", "archive", self.source, "--to", self.url, "--name", name];
        self.child = Some(self.client.spawn(archive));
    }

    /// Bytes that an undisturbed archive of the same tree sends.
    fn undisturbed(&self) -> u64 {
        let other = Campaign::fresh_store(&self.client, &self.source);
        other.0
    }

    fn fresh_store(client: &Machine, source: &PathBuf) -> (u64, Server) {
        let mut server = Server::new();
        server.allow(client, ALL);
        server.start();
        let proxy = Proxy::to(server.address);
        server.trusted_by(client, proxy.address());
        let url = server.url(proxy.address());
        client.ok(args!["init", url, "--no-encryption"]);
        client.ok(args!["archive", source, "--to", url, "--name", "undisturbed"]);
        (proxy.up(), server)
    }

    fn kill_source(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Runs the command until it ends well; gives its last report.
    fn finish(&mut self, name: &str) -> serde_json::Value {
        for _ in 0..5 {
            if self.child.is_none() {
                self.spawn(name);
            }
            let done = wait(self.child.take().expect("it was just begun"));
            if done.code == 0 {
                return done.report();
            }
            assert!(done.stderr.contains("run the same command again"), "{done:?}");
        }
        panic!("it does not end: {}", self.server.log());
    }

    fn assert_restored(&self, name: &str) {
        let into = self.client.path("restored");
        self.client.ok(args!["restore", self.url, name, "--into", into]);
        assert_same(&self.source, &into);
        self.client.ok(args!["verify", self.url, "--read"]);
    }
}

#[test]
fn killed_at_any_moment_on_either_side_it_goes_on_and_sends_little_again() {
    let (seed, kills) = (number("MOVER_SEED", 1), number("MOVER_KILLS", 20));
    let mut campaign = Campaign::new(seed, Machine::without_keys());
    let undisturbed = campaign.undisturbed();
    let (mut killed, mut archives, mut expected) = (0, 0, 0);
    while killed < kills {
        archives += 1;
        let name = format!("round-{archives}");
        // Another content for every archive, or dedupe would leave nothing to send.
        for (file, length) in [("large", 80 << 20), ("zlarge", 40 << 20)] {
            tree::random_file(
                &campaign.source.join(file),
                seed * 1000 + archives + length as u64,
                length,
            );
        }
        let before = campaign.proxy.up();
        let mut interruptions = 0;
        campaign.spawn(&name);
        while killed < kills && interruptions < 8 {
            let until = campaign.proxy.up() + campaign.random.below(undisturbed / 6);
            let begin = Instant::now();
            let is_over = loop {
                let child = campaign.child.as_mut().expect("it runs");
                if child.try_wait().expect("it can be asked").is_some() {
                    break true;
                }
                if campaign.proxy.up() >= until || begin.elapsed() > Duration::from_secs(20) {
                    break false;
                }
                std::thread::sleep(Duration::from_micros(500));
            };
            if is_over {
                break;
            }
            let at = campaign.proxy.up() - before;
            assert!(
                at > 0 && begin.elapsed() < Duration::from_secs(20),
                "seed {seed}, kill {killed}: no progress: {}",
                campaign.server.log()
            );
            killed += 1;
            interruptions += 1;
            match campaign.random.below(3) {
                0 => {
                    campaign.kill_source();
                    campaign.spawn(&name);
                }
                1 => {
                    campaign.server.kill();
                    campaign.server.start();
                }
                _ => {
                    campaign.server.kill();
                    campaign.kill_source();
                    campaign.server.start();
                    campaign.spawn(&name);
                }
            }
        }
        campaign.finish(&name);
        let sent = campaign.proxy.up() - before;
        expected += undisturbed;
        let again = sent.saturating_sub(undisturbed);
        let most = interruptions * (CHANNELS * FRAME_MAX + WORDS_MAX) + WORDS_MAX;
        println!(
            "seed {seed}, {name}: {interruptions} interruptions, {sent} bytes sent, {undisturbed} \
             undisturbed: {again} more, at most {most}"
        );
        assert!(again <= most, "seed {seed}, {name}: {again} bytes more, and {most} allowed");
        if archives == 1 || killed >= kills {
            campaign.assert_restored(&name);
            std::fs::remove_dir_all(campaign.client.path("restored")).expect("it is there");
        }
    }
    let all = campaign.client.json(args!["list", campaign.url]);
    let finished = all.lines_of("archive").iter().filter(|a| a["status"] == "finished").count();
    assert_eq!(finished as u64, archives);
    println!(
        "{killed} kills, {archives} archives, {} bytes, {expected} undisturbed",
        campaign.proxy.up()
    );
}

#[test]
fn a_broken_network_is_mended_by_the_running_process() {
    for (seed, how) in
        [(1, Break::Reset), (2, Break::Close), (3, Break::Stall), (4, Break::HalfClose)]
    {
        let client = Machine::without_keys().variable("MOVER_NET_TIMEOUT_SECONDS", "2");
        let mut campaign = Campaign::new(seed, client);
        let before = campaign.proxy.up();
        campaign.spawn("cut");
        let cuts = 3;
        for cut in 1..=cuts {
            let reached = before + cut * (25 << 20);
            assert!(campaign.proxy.wait_for_up(reached, Duration::from_secs(60)), "{how:?}");
            campaign.proxy.break_all(how);
        }
        let done = wait(campaign.child.take().expect("it runs"));
        assert_eq!(done.code, 0, "{how:?}: {done:?}: {}", campaign.server.log());
        let report = done.report();
        assert!(report["retries"].as_u64().expect("a number") >= 1, "{how:?}: {report}");
        assert_eq!(report["resumed"], false, "{how:?}");
        let (again, size) = (report["bytes_sent_again"].as_u64().expect("a number"), 122 << 20);
        let sent = campaign.proxy.up() - before;
        let most = cuts * (CHANNELS * FRAME_MAX + WORDS_MAX) + WORDS_MAX;
        println!("{how:?}: {sent} bytes for {size}, {again} of chunks again by mover's own count");
        assert!(sent < size + most, "{how:?}: {sent} bytes, and {size} + {most} allowed");
        campaign.assert_restored("cut");
    }
}

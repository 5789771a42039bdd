//! The server calls the agent: it has a source archived, and restored, on connections that it lends.

use crate::kit::server::{Server, fingerprint};
use crate::kit::step::{Stop, run_until};
use crate::kit::{Machine, args, assert_same, tree};

/// An agent with one source, which a machine may do something with.
fn agent(caller: &Machine, rights: &str, more: &str) -> (Server, String) {
    let agent = Server::new();
    let source = agent.machine.make_folder("source-folder").join("home");
    let peer = fingerprint(caller);
    let lines = format!(
        "[sources.home]\npath = {source:?}\n{more}\n[[sources.home.allow]]\npeer = \"{peer}\"\n\
         rights = [{rights}]\n"
    );
    let mut agent = agent.policy(&lines);
    agent.start();
    agent.trusted_by(caller, agent.address);
    let url = format!("mover://{}/home", agent.address);
    (agent, url)
}

#[test]
fn a_source_is_archived_and_restored_from_the_store_s_side() {
    let caller = Machine::new();
    let store = caller.path("store");
    caller.ok(args!["init", store]);
    let (agent, url) = agent(&caller, "\"archive\", \"restore\"", "exclude = [\"*.skip\"]\n");
    let source = agent.machine.path("source-folder/home");
    tree::sample(&source, 21);
    tree::random_file(&source.join("large"), 21, 24 << 20);
    let done = caller.json(args!["archive", "--from", url, "--to", store, "--name", "laptop"]);
    assert!(done.number("bytes_sent") > 24 << 20, "{done:?}");
    let into = caller.restore(&store, "laptop", "here");
    assert_same(&source, &into);
    // Once more: the agent's own record says what is unchanged, though it can read nothing.
    let done = caller.json(args!["archive", "--from", url, "--to", store, "--name", "laptop"]);
    assert_eq!(done.number("bytes_read"), 0, "{done:?}");
    // What the agent's operator excludes does not leave it.
    tree::write(&source.join("secret.skip"), "mine");
    caller.ok(args!["archive", "--from", url, "--to", store, "--name", "laptop"]);
    let listed = caller.ok(args!["list", store, "laptop"]);
    assert!(!listed.stdout.contains("secret.skip"), "{listed:?}");
    // And back, into the agent's own folder.
    std::fs::remove_dir_all(&source).expect("it is there");
    let done = caller.ok(args!["restore", store, "laptop", "--into", url]);
    assert!(done.stdout.starts_with("restored laptop ("), "{done:?}");
    assert!(done.stdout.contains(&format!(") into {url}: ")), "{done:?}");
    let again = caller.restore(&store, "laptop", "again");
    assert_same(&again, &source);
    caller.ok(args!["verify", store, "--read"]);
}

#[test]
fn an_agent_does_for_nobody_what_its_policy_does_not_say() {
    let caller = Machine::without_keys();
    let store = caller.path("store");
    caller.ok(args!["init", store, "--no-encryption"]);
    let (agent, url) = agent(&caller, "\"archive\"", "");
    tree::sample(&agent.machine.path("source-folder/home"), 22);
    caller.ok(args!["archive", "--from", url, "--to", store]);
    caller.fails(2, &["no source home", "may use"], args!["restore", store, "home", "--into", url]);
    let stranger = Machine::without_keys();
    stranger.ok(args!["init", stranger.path("store"), "--no-encryption"]);
    agent.trusted_by(&stranger, agent.address);
    let archive = args!["archive", "--from", url, "--to", stranger.path("store")];
    stranger.fails(2, &["no source home", "may use"], archive);
    let other = url.replace("home", "other");
    caller.fails(2, &["no source other"], args!["archive", "--from", other, "--to", store]);
    // An agent that offers no store offers none to the one who may have it archived either.
    let main = url.replace("home", "main");
    caller.fails(2, &["may use"], args!["list", main]);
}

/// On either side the system may have no thread left; what was begun is gone on with.
#[test]
fn a_thread_that_does_not_start_on_either_side_is_an_error_or_done_without() {
    let caller = Machine::without_keys();
    let store = caller.path("store");
    caller.ok(args!["init", store, "--no-encryption"]);
    let (mut agent, url) = agent(&caller, "\"archive\"", "");
    let source = agent.machine.path("source-folder/home");
    let archive = args!["archive", "--from", url, "--to", store, "--retry-for", "5s"];
    let mut failed = 0;
    for passed in 0..16 {
        tree::random_file(&source.join("file"), u64::from(passed), 500_000);
        let way = (Stop::Error, "thread-started", passed);
        failed += u32::from(run_until(&caller, way, archive.clone()).is_some());
        caller.ok(archive.clone());
    }
    assert!(failed >= 7, "only {failed} of the caller's threads are needed");
    let mut failed = 0;
    // The agent's first two threads are its own.
    for passed in 2..16 {
        tree::random_file(&source.join("file"), 20 + passed, 500_000);
        agent.stop();
        agent.start_with(&[("FAILPOINTS", &format!("thread-started={passed}*off->1*return"))]);
        let done = caller.run(archive.clone());
        if done.code != 0 {
            assert_eq!(done.code, 2, "{passed}: {done:?}");
            done.assert_says(&["fail point thread-started"]);
            failed += 1;
        }
        caller.ok(archive.clone());
    }
    assert!(failed >= 1, "the agent can do without any thread");
    assert_same(&source, &caller.restore(&store, "latest", "back"));
    agent.stop();
}

#[test]
fn an_agent_calls_the_server_just_as_well() {
    let laptop = Machine::without_keys();
    let (_server, url) = Server::for_client(&laptop);
    laptop.ok(args!["init", url, "--no-encryption"]);
    let source = laptop.path("source");
    tree::sample(&source, 23);
    laptop.ok(args!["archive", source, "--to", url]);
    let into = laptop.path("restored");
    laptop.ok(args!["restore", url, "latest", "--into", into]);
    assert_same(&source, &into);
}

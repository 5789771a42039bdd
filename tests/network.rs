//! A store with another mover is used like one in a folder; and what goes wrong between two movers
//! is said clearly, and loses nothing.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::kit::disk::SmallDisk;
use crate::kit::machine::{until, wait};
use crate::kit::proxy::{Break, Proxy};
use crate::kit::server::{ALL, Server, fingerprint};
use crate::kit::{Machine, args, assert_same, tree};

/// A server with a store without encryption, and a machine that may do everything there.
fn pair() -> (Server, Machine, String) {
    let client = Machine::without_keys();
    let (server, url) = serving(&client, &["--no-encryption"]);
    (server, client, url)
}

fn serving(client: &Machine, options: &[&str]) -> (Server, String) {
    let (server, url) = Server::for_client(client);
    let mut init = args!["init", url];
    init.extend(options.iter().map(Into::into));
    client.ok(init);
    (server, url)
}

#[test]
fn a_tree_goes_there_and_back_with_all_its_metadata() {
    let client = Machine::new();
    let (mut server, url) = serving(&client, &[]);
    let source = client.path("source");
    tree::sample(&source, 3);
    client.ok(args!["archive", source, "--to", url, "--name", "tree"]);
    let into = client.path("restored");
    client.ok(args!["restore", url, "tree", "--into", into]);
    assert_same(&source, &into);
    let listed = client.ok(args!["list", url, "tree"]);
    assert!(listed.stdout.lines().count() > 100, "{listed:?}");
    client.ok(args!["verify", url, "--read"]);
    let second = client.path("second");
    tree::write(&second, "another passphrase\n");
    client.ok(args!["key", "add", url, "--new-passphrase-file", second, "--name", "spare"]);
    assert!(client.ok(args!["key", "list", url]).stdout.contains("spare"));
    // The server's operator checks without a key, and reads nothing.
    server.stop();
    server.machine.ok(args!["verify", server.store()]);
    server.machine.fails(2, &["passphrase"], args!["list", server.store(), "tree"]);
    client.fails(2, &["connecting to"], args!["--retry-for", "0s", "list", url]);
    server.start();
    client.ok(args!["drop", url, "tree"]);
    assert!(client.ok(args!["list", url]).stdout.contains("no archives"));
}

#[test]
fn every_framing_goes_over_the_network() {
    let (server, client, url) = pair();
    let source = client.path("source");
    tree::random_file(&source.join("noise"), 5, 20 << 20);
    for framing in ["each", "run", "both"] {
        tree::random_file(&source.join("noise"), 5 + framing.len() as u64, 20 << 20);
        client.ok(args!["archive", source, "--to", url, "--name", framing, "--framing", framing]);
        let into = client.path(framing);
        client.ok(args!["restore", url, framing, "--into", into]);
        assert_same(&source, &into);
    }
    server.machine.ok(args!["verify", server.store(), "--read"]);
}

#[test]
fn what_the_store_has_is_not_sent() {
    let (server, client, _) = pair();
    let proxy = Proxy::to(server.address);
    server.trusted_by(&client, proxy.address());
    let url = server.url(proxy.address());
    let source = client.path("source");
    tree::random_file(&source.join("one"), 7, 16 << 20);
    client.ok(args!["archive", source, "--to", url, "--name", "a"]);
    let first = proxy.up();
    assert!(first > 16 << 20, "{first}");
    std::fs::copy(source.join("one"), source.join("two")).expect("a copy");
    let done = client.json(args!["archive", source, "--to", url, "--name", "b"]);
    let second = proxy.up() - first;
    assert!(second < 300_000, "a copy of 16 MiB sent {second} bytes");
    assert_eq!(done.number("deduplicated_bytes"), 16 << 20);
    let third = proxy.up();
    let done = client.json(args!["archive", source, "--to", url, "--name", "c"]);
    assert_eq!(done.number("bytes_read"), 0);
    assert!(proxy.up() - third < 200_000, "nothing new sent {} bytes", proxy.up() - third);
}

#[test]
fn a_machine_that_may_only_write_writes_and_sees_nothing() {
    let keeper = Machine::without_keys();
    let identity = keeper.path("identity");
    let recipient = crate::round_trip::new_identity(&identity);
    let (mut server, url) = serving(&keeper, &["--recipient", &recipient]);
    let writer = Machine::without_keys();
    server.allow(&writer, "\"write\"");
    server.reload();
    server.trusted_by(&writer, server.address);
    let source = writer.path("source");
    tree::sample(&source, 8);
    writer.ok(args!["archive", source, "--to", url, "--name", "mine"]);
    let done = writer.json(args!["archive", source, "--to", url, "--name", "mine"]);
    assert_eq!(done.number("bytes_read"), 0, "its own record says what is unchanged");
    writer.fails(2, &["may not read"], args!["list", url]);
    writer.fails(2, &["may not read"], args!["restore", url, "mine", "--into", "x"]);
    writer.fails(2, &["may not"], args!["drop", url, "mine"]);
    writer.fails(2, &["may not"], args!["verify", url]);
    let into = keeper.path("restored");
    keeper.ok(args!["--identity", identity, "restore", url, "mine", "--into", into]);
    assert_same(&source, &into);
}

#[test]
fn several_machines_write_to_one_store_at_once() {
    let (mut server, client, url) = pair();
    let machines: Vec<Machine> = (0..3).map(|_| Machine::without_keys()).collect();
    for machine in &machines {
        server.allow(machine, "\"write\", \"read\"");
    }
    server.reload();
    let children: Vec<_> = machines
        .iter()
        .enumerate()
        .map(|(number, machine)| {
            server.trusted_by(machine, server.address);
            let source = machine.path("source");
            tree::sample(&source, number as u64);
            tree::random_file(&source.join("large"), number as u64, 24 << 20);
            let name = format!("of-{number}");
            machine.spawn(args!["archive", source, "--to", url, "--name", name])
        })
        .collect();
    for child in children {
        let done = wait(child);
        assert_eq!(done.code, 0, "{done:?}: {}", server.log());
    }
    for (number, machine) in machines.iter().enumerate() {
        let into = machine.path("restored");
        machine.ok(args!["restore", url, format!("of-{number}"), "--into", into]);
        assert_same(&machine.path("source"), &into);
    }
    client.ok(args!["verify", url, "--read"]);
}

#[test]
fn nobody_may_do_anything_until_the_policy_says_so() {
    let (mut server, _, url) = pair();
    let stranger = Machine::without_keys();
    stranger.fails(2, &["no server is trusted", "mover trust add"], args!["list", url]);
    server.trusted_by(&stranger, server.address);
    let id = fingerprint(&stranger);
    for command in [
        args!["list", url],
        args!["verify", url],
        args!["init", url, "--no-encryption"],
        args!["archive", "/etc/hostname", "--to", url],
        args!["restore", url, "latest", "--into", "x"],
        args!["list", url.replace("main", "other")],
    ] {
        stranger.fails(2, &[&id, "may use"], command);
    }
    server.allow(&stranger, "\"read\"");
    server.reload();
    stranger.ok(args!["list", url]);
    stranger.fails(2, &["may not write"], args!["archive", "/etc/hostname", "--to", url]);
    server.allow(&stranger, "");
    server.reload();
    stranger.fails(2, &["may use"], args!["list", url]);
}

#[test]
fn another_server_under_a_trusted_address_is_refused() {
    let (mut server, client, url) = pair();
    server.stop();
    let mut impostor = Server::new();
    impostor.address = server.address;
    impostor.allow(&client, ALL);
    impostor.start();
    let done = client.fails(2, &["is not the server that this machine trusts"], args!["list", url]);
    let (found, wanted) = (impostor.fingerprint(), server.fingerprint());
    done.assert_says(&[&format!("trusts: it is {found}, and {wanted} is trusted")]);
    assert!(!done.stderr.contains("WrongKey"), "{done:?}");
    client.fails(
        2,
        &["is trusted at", "not"],
        args!["trust", "add", server.address.to_string(), impostor.fingerprint()],
    );
}

#[test]
fn a_mistake_in_the_policy_is_told_and_changes_nothing() {
    let (server, client, url) = pair();
    let policy = server.machine.path("mover.toml");
    let text = std::fs::read_to_string(&policy).expect("it is there");
    std::fs::write(&policy, format!("{text}\nnonsense = 1\n")).expect("it can be written");
    server.machine.fails(2, &["mover.toml:", "nonsense"], args!["serve", "--policy", policy]);
    client.ok(args!["list", url]);
}

#[test]
fn a_server_that_speaks_another_version_or_protocol_is_named() {
    use std::io::{Read, Write};
    let client = Machine::without_keys();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let _ = socket.read(&mut [0; 1024]);
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let other = Machine::without_keys();
    client.ok(args!["trust", "add", address.to_string(), fingerprint(&other)]);
    let url = format!("mover://{address}/main");
    client.fails(2, &["connection to", "was lost"], args!["--retry-for", "1s", "list", url]);
}

#[test]
fn a_store_that_is_missing_or_held_is_named() {
    let client = Machine::without_keys();
    let (server, url) = Server::for_client(&client);
    client.fails(2, &["no store", "mover init"], args!["list", url]);
    client.ok(args!["init", url, "--no-encryption"]);
    client.fails(2, &["already"], args!["init", url, "--no-encryption"]);
    // A local writer holds it.
    let local = server.machine.path("local");
    tree::random_file(&local.join("noise"), 3, 64 << 20);
    let archive = args!["archive", local, "--to", server.store(), "--limit-rate", "4M"];
    let mut holder = server.machine.spawn(archive);
    let bytes = || crate::unbound::status(&server.machine, &[])["bytes"].as_u64();
    until("the local writer writes", || bytes().is_some_and(|bytes| bytes > 0));
    let done = client.run(args!["archive", "/etc/hostname", "--to", url]);
    done.assert_code(&[2]).assert_says(&["is being written by"]);
    let _ = holder.kill();
    let _ = holder.wait();
    client.ok(args!["archive", "/etc/hostname", "--to", url]);
}

#[test]
fn a_full_server_is_waited_for_and_then_given_up_and_gone_on_with() {
    let machine = Machine::without_keys();
    let small = machine.make_folder("small");
    let disk = SmallDisk::mount(&small, "24m");
    let machine = machine.prefix(disk.prefix());
    let server = Server::on(machine).serve("full-patience = \"2s\"\n");
    let client = Machine::without_keys();
    let (mut server, url) = server.store_at(small.join("store")).serving(&client);
    client.ok(args!["init", url, "--no-encryption"]);
    let source = client.path("source");
    tree::random_file(&source.join("noise"), 9, 40 << 20);
    let archive = args!["archive", source, "--to", url, "--name", "much"];
    let done = client.fails(2, &["waiting for room", "full"], archive.clone());
    assert!(done.seconds > 2.0, "it was not waited for: {done:?}");
    disk.resize("100m");
    assert!(client.ok(args!["list", url]).stdout.contains("unfinished"));
    let done = client.json(archive);
    assert_eq!(done.report()["resumed"], true, "{done:?}");
    let into = client.path("restored");
    client.ok(args!["restore", url, "much", "--into", into]);
    assert_same(&source, &into);
    server.stop();
}

/// The session that waits for its disk used to hold what every other connection needs to have its
/// payload let in, and none of them was told that it is waited for.
#[test]
fn a_store_that_waits_for_room_keeps_no_other_waiting_where_memory_is_short() {
    use std::io::{BufRead, BufReader};
    let silence = ("MOVER_NET_TIMEOUT_SECONDS", "5");
    let machine = Machine::without_keys();
    let small = machine.make_folder("small");
    let disk = SmallDisk::mount(&small, "24m");
    let machine = machine.prefix(disk.prefix());
    let client = Machine::without_keys().variable(silence.0, silence.1);
    let (other, peer) = (machine.path("other"), fingerprint(&client));
    let mut server = Server::on(machine)
        .store_at(small.join("store"))
        .serve("memory = \"2M\"\nfull-patience = \"120s\"\n")
        .policy(&format!("[stores.other]\npath = {other:?}\n"))
        .policy(&format!("[[stores.other.allow]]\npeer = \"{peer}\"\nrights = [{ALL}]\n"));
    server.allow(&client, ALL);
    server.start_with(&[silence]);
    server.trusted_by(&client, server.address);
    let url = server.url(server.address);
    let other = url.replace("main", "other");
    let source = client.path("source");
    tree::random_file(&source.join("noise"), 17, 40 << 20);
    for store in [&url, &other] {
        client.ok(args!["init", store, "--no-encryption"]);
    }
    // Lost connections are not made anew: none is lost.
    let archive = |store: &str| {
        let options = args!["--retry-for", "0s", "archive", "--chunk-size", "1M"];
        [options, args![source, "--to", store, "--name", "a"]].concat()
    };
    let mut waiting = client.spawn(archive(&url));
    let mut said = BufReader::new(waiting.stderr.take().expect("a pipe")).lines();
    let is_full = said.any(|line| line.expect("text").contains("waiting for room"));
    assert!(is_full, "it is not waited for room: {}", server.log());
    client.ok(archive(&other));
    // Longer than silence may last, for all channels of the session that waits.
    std::thread::sleep(Duration::from_secs(7));
    assert!(waiting.try_wait().expect("a child").is_none(), "it waits no more: {}", server.log());
    disk.resize("100m");
    let done = wait(waiting);
    assert_eq!(done.code, 0, "{done:?}: {:?}", said.collect::<Vec<_>>());
    client.ok(args!["verify", url, "--read"]);
    client.ok(args!["verify", other, "--read"]);
}

#[test]
fn a_server_that_dies_for_good_is_given_up_in_time() {
    let (mut server, client, _) = pair();
    let proxy = Proxy::to(server.address);
    server.trusted_by(&client, proxy.address());
    let url = server.url(proxy.address());
    let source = client.path("source");
    tree::random_file(&source.join("noise"), 11, 60 << 20);
    let archive = args!["--retry-for", "2s", "archive", source, "--to", url];
    let child = client.spawn(archive);
    assert!(proxy.wait_for_up(20 << 20, Duration::from_secs(30)));
    server.kill();
    proxy.break_all(Break::Reset);
    let done = wait(child);
    assert_eq!(done.code, 2, "{done:?}");
    done.assert_says(&["given up after 2 seconds", "try: run the same command again"]);
    server.start();
    let interrupted = client.ok(args!["resume", "--list"]);
    assert!(interrupted.stdout.contains("source"), "{interrupted:?}");
    client.ok(args!["resume"]);
    let into = client.path("restored");
    client.ok(args!["restore", url, "source", "--into", into]);
    assert_same(&source, &into);
}

/// It used to try again for each of the files, and to begin the long one anew.
#[test]
fn a_restore_from_a_server_that_dies_for_good_ends_and_goes_on_later() {
    let (mut server, client, url) = pair();
    let source = client.path("source");
    for number in 0..50 {
        tree::random_file(&source.join(format!("a/{number:02}")), number, 800 << 10);
    }
    tree::random_file(&source.join("long"), 50, 64 << 20);
    client.ok(args!["archive", source, "--to", url, "--name", "a"]);
    let there = |path: &Path| {
        let listing = std::fs::read_dir(path).into_iter().flatten().flatten();
        listing.filter_map(|item| item.metadata().ok()).map(|meta| meta.len()).sum::<u64>()
    };
    // In the middle of the small files, and in the middle of the long one.
    for (folder, length) in [("a", 6 << 20), ("", 24 << 20)] {
        let into = client.path(&format!("restored-{folder}"));
        let restore = args!["--retry-for", "2s", "restore", url, "a", "--into", into];
        let child = client.spawn([restore.clone(), args!["--limit-rate", "20M"]].concat());
        let begin = Instant::now();
        while there(&into.join(folder)) < length {
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing is restored");
            std::thread::sleep(Duration::from_millis(5));
        }
        server.kill();
        let done = wait(child);
        assert_eq!(done.code, 2, "{done:?}");
        done.assert_says(&["given up after 2 seconds", "run the same command again"]);
        assert!(done.seconds < 20.0, "{done:?}");
        server.start();
        let done = client.json(restore);
        let (kept, resumed) = (done.number("bytes_kept"), done.number("resumed_files"));
        let is_long = folder.is_empty();
        assert!(kept + (1 << 20) >= length && resumed == u64::from(is_long), "{done:?}");
        assert_same(&source, &into);
    }
}

/// They used to wait as long for each chunk, to tell each as damaged, and all that was left as in
/// the source alone.
#[test]
fn what_reads_from_a_server_that_goes_away_for_good_ends_and_says_so() {
    let (server, client, url) = pair();
    let source = client.path("source");
    tree::random_file(&source.join("noise"), 19, 16 << 20);
    client.ok(args!["archive", source, "--to", url, "--name", "a", "--chunk-size", "64K"]);
    let commands = |url: &str| {
        vec![
            args!["verify", url],
            args!["verify", url, "a"],
            args!["verify", url, "--read"],
            args!["catalog", "compare", url, "a", source, "--read"],
        ]
    };
    let through = |proxy: &Proxy| {
        server.trusted_by(&client, proxy.address());
        server.url(proxy.address())
    };
    for number in 0..commands(&url).len() {
        let whole = Proxy::to(server.address);
        client.ok(commands(&through(&whole)).remove(number));
        let half = Proxy::that_ends(server.address, whole.down() / 2);
        let command = [args!["--retry-for", "2s"], commands(&through(&half)).remove(number)];
        let done = client.fails(2, &["given up after 2 seconds"], command.concat());
        done.assert_says(&["run the same command again"]);
        assert!(!done.stderr.contains("fault: "), "what was not read is not damaged: {done:?}");
        assert!(!done.stdout.contains("only in the source"), "{done:?}");
        assert!(done.seconds < 20.0, "{done:?}");
    }
}

#[test]
fn a_slow_session_is_not_taken_for_a_dead_one() {
    // Silence is 3 seconds here, on both sides, and the session takes 10.
    let client = Machine::without_keys().variable("MOVER_NET_TIMEOUT_SECONDS", "3");
    let mut server = Server::new();
    server.allow(&client, ALL);
    server.start_with(&[("MOVER_NET_TIMEOUT_SECONDS", "3")]);
    server.trusted_by(&client, server.address);
    let url = server.url(server.address);
    client.ok(args!["init", url, "--no-encryption"]);
    let source = client.path("source");
    tree::random_file(&source.join("noise"), 13, 32 << 20);
    let done = client.json(args!["archive", source, "--to", url, "--limit-rate", "3M"]);
    assert_eq!((done.number("retries"), done.number("bytes_sent_again")), (0, 0), "{done:?}");
    // Nor is one that reads nothing for a while.
    let archive = args!["--json", "archive", "--stdin", "slow", "--to", url];
    let mut child = client.spawn(archive);
    let mut stdin = child.stdin.take().expect("a pipe");
    for _ in 0..2 {
        use std::io::Write;
        stdin.write_all(&[7; 3 << 20]).expect("it reads");
        std::thread::sleep(Duration::from_millis(4000));
    }
    drop(stdin);
    let done = wait(child);
    assert_eq!((done.code, done.number("retries")), (0, 0), "{done:?}");
}

#[test]
fn what_comes_through_a_pipe_cannot_be_gone_on_with_and_that_is_said() {
    use std::io::Write;
    let (mut server, client, url) = pair();
    let archive = args!["--retry-for", "1s", "archive", "--stdin", "dump", "--to", url];
    let mut child = client.spawn(archive);
    let mut stdin = child.stdin.take().expect("a pipe");
    let noise = crate::kit::random::Random::new(4).bytes(8 << 20);
    stdin.write_all(&noise).expect("it reads");
    std::thread::sleep(Duration::from_millis(500));
    server.kill();
    let _ = stdin.write_all(&noise);
    drop(stdin);
    let done = wait(child);
    assert_eq!(done.code, 2, "{done:?}");
    done.assert_says(&["pipe"]);
    server.start();
    assert!(client.ok(args!["list", url]).stdout.contains("dump (unfinished)"));
}

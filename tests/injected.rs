//! The kernel fails: errors that strace puts in the place of system calls of the real binary, on
//! the files of its store.
//!
//! Each command is run with one call in it failing, the first, the second and so on. It ends with a
//! defined exit code and names the file and the error; what was acknowledged stays, and the same
//! command run again comes to its end.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::kit::machine::{Done, SIGABRT, until, wait};
use crate::kit::server::Server;
use crate::kit::{Machine, args, assert_same, is_long, tool, tree};
use crate::media::policy;

/// What a system call answers instead of doing anything, and what people are told.
const ERRORS: [(&str, &str); 3] = [
    ("EIO", "Input/output error"),
    ("ENOSPC", "No space left on device"),
    ("EDQUOT", "Disk quota exceeded"),
];
const WRITING: [&str; 4] = ["pwrite64", "fdatasync", "fsync", "ftruncate"];
const POOLS: &str = "[pools.second]\nkind = \"disk\"\npath = \"second\"\nvolume-size = \"1M\"\n\
                     [[rules]]\nname = \"all\"\npools = [\"second\"]\n";

struct Scene {
    machine: Machine,
    store: PathBuf,
    source: PathBuf,
    policy: PathBuf,
}

impl Scene {
    fn new() -> Scene {
        Scene::in_pools(POOLS)
    }

    /// A store with an archive, and a source that has changed since.
    fn in_pools(pools: &str) -> Scene {
        drop(tool("strace", "strace"));
        let (machine, store) = Machine::with_open_store();
        let source = machine.path("source");
        tree::random_file(&source.join("one"), 1, 1_500_000);
        let policy = policy(&machine, pools);
        tree::settle();
        machine.ok(args!["archive", "--policy", policy, "--name", "first"]);
        tree::random_file(&source.join("two"), 2, 2_500_000);
        tree::settle();
        Scene { machine, store, source, policy }
    }

    fn archive(&self) -> Vec<OsString> {
        args!["archive", "--policy", self.policy, "--name", "second"]
    }

    /// Runs a command whose `when`th call of a kind on one of `files` is answered with an error;
    /// none where it makes fewer such calls.
    fn run(
        &self,
        call: &str,
        (error, when): (&str, impl std::fmt::Display),
        files: &[PathBuf],
        command: Vec<OsString>,
    ) -> Option<Done> {
        let log = self.machine.path("strace.log");
        let mut prefix = args!["strace", "-f", "-qq", "-o", log];
        prefix.extend(args!["-e", format!("trace={call}")]);
        prefix.extend(args!["-e", format!("inject={call}:error={error}:when={when}")]);
        for file in files {
            prefix.extend(args!["-P", file]);
        }
        let done = self.machine.run_under(&prefix, command);
        let text = fs::read_to_string(&log).expect("strace wrote down what it did");
        text.contains("(INJECTED)").then_some(done)
    }

    /// The volumes that there are, and those that will be made next.
    fn volumes(&self) -> Vec<PathBuf> {
        let second = self.machine.path("second");
        let name = |number: u32| format!("{number:08}.volume");
        let home = (1..4).map(|number| self.store.join("volumes").join(name(number)));
        home.chain((2..12).map(|number| second.join(name(number)))).collect()
    }

    /// Tapes and images, and what waits to be burned behind what a disc has of a volume.
    fn media(&self) -> Vec<PathBuf> {
        let second = self.machine.path("second");
        let media = ["T1.tap", "T2.tap", "T3.tap", "D1.iso", "D2.iso", "D3.iso"];
        let mut files: Vec<PathBuf> = media.iter().map(|name| second.join(name)).collect();
        let listed = self.machine.json(args!["media", "list", self.store]);
        let volumes = listed.lines_of("volume").into_iter().filter(|it| it["pool"] == "second");
        let burned =
            volumes.filter_map(|it| Some((it["number"].as_u64()?, it["length"].as_u64()?)));
        let name = |(number, burned)| format!("{number:08}.volume-{burned:020}.spool");
        let spool = self.store.join("media/second-spool");
        files.extend(burned.chain([(3, 0), (4, 0)]).map(|volume| spool.join(name(volume))));
        files
    }

    /// Whatever happened, the first archive is there, and the second can be made.
    fn is_whole(&self, what: &str) {
        let into = self.machine.path("first");
        let first = self.machine.run(args!["restore", self.store, "first", "--into", into]);
        assert_eq!(first.code, 0, "{what}: {first:?}");
        let read = |path: &Path| fs::read(path).expect("a file");
        assert!(read(&self.source.join("one")) == read(&self.machine.path("first/one")), "{what}");
        fs::remove_dir_all(self.machine.path("first")).expect("it was restored");
        let again = self.machine.run(self.archive());
        assert_eq!(again.code, 0, "{what}: {again:?}");
        assert_same(&self.source, &self.machine.restore(&self.store, "second", "back"));
        let verified = self.machine.run(args!["verify", self.store, "--read"]);
        assert_eq!(verified.code, 0, "{what}: {verified:?}");
    }
}

fn times() -> Vec<u32> {
    if is_long() { (1..20).collect() } else { vec![1, 2, 4] }
}

#[test]
fn a_write_or_sync_that_fails_is_named_and_loses_nothing() {
    let mut injected = 0;
    for call in WRITING {
        for (error, text) in ERRORS {
            for when in times() {
                let scene = Scene::new();
                let what = format!("{call} answers {error} at {when}");
                let command = scene.archive();
                let Some(done) = scene.run(call, (error, when), &scene.volumes(), command) else {
                    break;
                };
                injected += 1;
                // One of several pools may be left behind; else it is a failure.
                assert!(done.code == 2 || done.code == 1, "{what}: {done:?}");
                done.assert_says(&[text, ".volume"]);
                scene.is_whole(&what);
            }
        }
    }
    assert!(injected >= 15, "{injected} errors were injected");
}

/// The number of a thread of a process.
fn thread(process: impl std::fmt::Display, name: &str) -> String {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
    let mut tasks = tasks.map(|task| task.expect("an entry").path());
    let is_it = |task: &PathBuf| {
        fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    let task = tasks.find(is_it).unwrap_or_else(|| panic!("it has no thread {name}"));
    task.file_name().expect("a number").to_string_lossy().into_owned()
}

/// A server's disk fails at a sync that no append waits for, behind the back of the session that
/// writes: it hears of that soon, not at its end, and goes on when it is run again.
#[test]
fn a_sync_of_a_server_that_fails_is_heard_of_soon_and_loses_nothing() {
    let client = Machine::without_keys();
    let (server, url) = Server::for_client(&client);
    client.ok(args!["init", url, "--no-encryption"]);
    let source = client.path("source");
    tree::random_file(&source.join("noise"), 1, 120 << 20);
    tree::settle();
    let archive = || args!["archive", source, "--to", url, "--name", "noise"];
    let mut slow = archive();
    // Half a minute, were it not for what fails: the server commits after five seconds.
    slow.extend(args!["--limit-rate", "4M"]);
    let child = client.spawn(slow);
    let volumes: Vec<PathBuf> = (1..4)
        .map(|number| server.store().join("volumes").join(format!("{number:08}.volume")))
        .collect();
    let length = |path: &PathBuf| fs::metadata(path).map_or(0, |it| it.len());
    // Components are 3 MB of them.
    until("chunks", || volumes.iter().map(length).sum::<u64>() > 8 << 20);
    let log = client.path("strace.log");
    let mut strace = tool("strace", "strace");
    strace.args(["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=1"]);
    volumes.iter().for_each(|volume| _ = strace.arg("-P").arg(volume));
    // One thread alone: what fails for an append is told to who appends.
    strace.arg("-o").arg(&log).arg("-p").arg(thread(server.process(), "mover-tend"));
    let mut strace = strace.stderr(Stdio::piped()).spawn().expect("strace runs");
    let mut said = BufReader::new(strace.stderr.take().expect("it is a pipe"));
    let mut line = String::new();
    while !line.contains("attached") {
        assert_ne!(said.read_line(&mut line).expect("a pipe can be read"), 0, "{line}");
    }
    // While nothing is appended the server commits by itself.
    let id = crate::unbound::status(&client, &[])["id"].as_str().expect("an id").to_owned();
    client.ok(args!["status", "--pause", id]);
    until("a sync fails", || fs::read_to_string(&log).is_ok_and(|log| log.contains("(INJECTED)")));
    client.ok(args!["status", "--continue", id]);
    let done = wait(child);
    strace.kill().expect("it can be killed");
    strace.wait().expect("it can be waited for");
    assert_eq!(done.code, 2, "{done:?}: {}", server.log());
    done.assert_says(&["run the same command again"]);
    assert!(done.seconds < 20.0, "it was heard of late: {done:?}");
    client.ok(archive());
    let into = client.path("restored");
    client.ok(args!["restore", url, "noise", "--into", into]);
    assert_same(&source, &into);
    client.ok(args!["verify", url, "--read"]);
}

/// The same on tapes in files, and on what waits for a disc and the disc's image: there it is another
/// program that fails.
#[test]
fn a_tape_or_disc_that_fails_is_named_and_loses_nothing() {
    let rule = "[[rules]]\nname = \"all\"\nstages = []\npools = [\"second\"]\n";
    let tapes = format!(
        "[pools.second]\nkind = \"tape\"\nfolder = \"second\"\ncapacity = \"20M\"\n\
         cartridges = [\"T1\", \"T2\", \"T3\"]\nrecord-size = \"64K\"\n{rule}"
    );
    let discs = format!(
        "[pools.second]\nkind = \"optical\"\nfolder = \"second\"\ncapacity = \"20M\"\n\
         discs = [\"D1\", \"D2\", \"D3\"]\n{rule}"
    );
    for (pools, call, named) in [
        (&tapes, "writev", ".tap"),
        (&tapes, "fdatasync", ".tap"),
        (&discs, "pwrite64", "second"),
        (&discs, "fdatasync", "second"),
        (&discs, "fsync", ".iso"),
        (&discs, "write", ".iso"),
    ] {
        let mut injected = 0;
        for (error, text) in ERRORS {
            for when in [1, 2] {
                let scene = Scene::in_pools(pools);
                let what = format!("{call} answers {error} at {when} in {pools}");
                let done = scene.run(call, (error, when), &scene.media(), scene.archive());
                let Some(done) = done else { break };
                injected += 1;
                // Where it is behind all content the pool is left behind, and an end lacks a copy.
                assert!(done.code == 2 || done.code == 1, "{what}: {done:?}");
                done.assert_says(&[named]);
                // What another program was told it tells in its own words.
                if !done.stderr.contains("xorriso") {
                    done.assert_says(&[text]);
                }
                scene.is_whole(&what);
            }
        }
        assert!(injected > 0, "{call} was not called in {pools}");
    }
}

/// A signal in between is nobody's business.
#[test]
fn a_call_that_is_interrupted_is_made_again() {
    let mut injected = 0;
    for call in ["pwrite64", "fdatasync", "pread64", "openat"] {
        for when in [1, 3] {
            let scene = Scene::new();
            let what = format!("{call} is interrupted at {when}");
            let command = scene.archive();
            let Some(done) = scene.run(call, ("EINTR", when), &scene.volumes(), command) else {
                continue;
            };
            injected += 1;
            assert_eq!(done.code, 0, "{what}: {done:?}");
            scene.is_whole(&what);
        }
    }
    assert!(injected >= 4, "{injected} calls were interrupted");
}

/// What cannot be read of a volume costs what is in it, and is named; the volume is as it was.
#[test]
fn a_read_that_fails_is_named_and_the_rest_is_restored() {
    let (mut injected, mut named) = (0, 0);
    // Once, and for ever; labels come first, one of each volume.
    let once = (1..8).map(|when| format!("{when}"));
    for when in once.chain((1..8).map(|when| format!("{when}+"))) {
        let scene = Scene::new();
        let second: Vec<PathBuf> = scene.volumes().into_iter().skip(3).collect();
        let into = scene.machine.path("hurt");
        let command = args!["restore", scene.store, "first", "--into", into];
        let what = format!("pread64 answers EIO at {when}");
        let Some(done) = scene.run("pread64", ("EIO", &when), &second, command) else { continue };
        injected += 1;
        // A label is not missed where another volume has one, and what fails once is asked again.
        if done.code == 0 {
            let read = |path: PathBuf| fs::read(path).expect("a file");
            assert!(read(scene.source.join("one")) == read(into.join("one")), "{what}");
        } else {
            named += 1;
            assert!(done.code == 1 || done.code == 2, "{what}: {done:?}");
            done.assert_says(&["Input/output error", ".volume"]);
        }
        scene.is_whole(&what);
    }
    assert!(injected >= 2 && named >= 1, "{injected} reads failed, {named} were named");
}

/// The catalog is a cache: what SQLite cannot write or read is made anew, or the command says so.
#[test]
fn a_catalog_that_cannot_be_written_loses_nothing() {
    let mut injected = 0;
    for call in ["pwrite64", "fdatasync", "ftruncate", "pread64"] {
        for when in times() {
            let scene = Scene::new();
            let files = ["catalog.sqlite", "catalog.sqlite-wal"].map(|name| scene.store.join(name));
            let what = format!("the catalog's {call} answers EIO at {when}");
            let command = scene.archive();
            let Some(done) = scene.run(call, ("EIO", when), &files, command) else { break };
            injected += 1;
            assert!([0, 1, 2].contains(&done.code), "{what}: {done:?}");
            if done.code == 2 {
                done.assert_says(&["catalog"]);
            }
            scene.is_whole(&what);
        }
    }
    assert!(injected >= 4, "{injected} errors were injected");
}

/// A limit of the size of files is an error like any other, and no signal that kills.
#[test]
fn a_file_size_limit_is_named_and_loses_nothing() {
    for limit in [300_000u32, 900_000] {
        let scene = Scene::new();
        let prefix = args!["prlimit", format!("--fsize={limit}")];
        let done = scene.machine.run_under(&prefix, scene.archive());
        assert_eq!(done.code, 2, "{limit}: {done:?}");
        done.assert_says(&["File too large"]);
        scene.is_whole(&format!("files of at most {limit} bytes"));
    }
}

/// Without memory a process ends: by an error, where a component asked for it, or by a signal of its
/// own. As after a kill, nothing is lost by that.
#[test]
fn a_memory_limit_ends_the_command_and_loses_nothing() {
    let (mut ended, mut done_well) = (0, 0);
    for mebibytes in [8u64, 16, 32, 40, 48, 60, 1000] {
        let scene = Scene::new();
        let hurt = scene.machine.path("hurt");
        let restore = args!["restore", scene.store, "first", "--into", hurt];
        // A restore goes on without what it could not decode.
        for (command, faulty) in [(scene.archive(), None), (restore, Some(1))] {
            let limit = args!["prlimit", format!("--data={}", mebibytes << 20)];
            let done = scene.machine.run_starved(&limit, command);
            match done.code {
                0 => done_well += 1,
                SIGABRT => ended += 1,
                2 => {
                    ended += 1;
                    done.assert_says(&["error: "]);
                }
                code if Some(code) == faulty => {
                    ended += 1;
                    done.assert_says(&["fault: "]);
                }
                _ => panic!("{mebibytes} MiB: {done:?}"),
            }
        }
        scene.is_whole(&format!("{mebibytes} MiB of memory"));
    }
    assert!(ended > 0 && done_well > 0, "{ended} ended, {done_well} were done");
}

/// The kernel has no memory for one protection of pages in each thread: the thread's stack, its
/// stack for signals, a component's memory.
#[test]
fn a_thread_that_gets_no_memory_is_an_error_and_loses_nothing() {
    let scene = Scene::new();
    let log = scene.machine.path("strace.log");
    let mut said = String::new();
    // The first five are the loader's.
    for when in 6..=40 {
        let mut prefix = args!["strace", "-f", "-qq", "-o", log, "-e", "trace=mprotect"];
        prefix.extend(args!["-e", format!("inject=mprotect:error=ENOMEM:when={when}")]);
        let done = scene.machine.run_starved(&prefix, scene.archive());
        assert!([0, 2, SIGABRT].contains(&done.code), "at {when}: {done:?}");
        said += &done.stderr;
    }
    for error in ["starts no thread mover-", "no memory is left for a thread that runs components"]
    {
        assert!(said.contains(error), "nobody says {error:?}: {said}");
    }
    scene.is_whole("without memory for threads");
}

/// The target of a restore fails: the file is named, and the same command goes on.
#[test]
fn a_target_that_cannot_be_written_is_named_and_gone_on_with() {
    for (call, error, text) in [
        ("pwrite64", "EIO", "Input/output error"),
        ("pwrite64", "ENOSPC", "No space left"),
        ("utimensat", "EIO", "Input/output error"),
    ] {
        let scene = Scene::new();
        let into = scene.machine.path("hurt");
        let files = [into.clone(), into.join("one"), into.join("two")];
        let restore = || args!["restore", scene.store, "first", "--into", into];
        let Some(done) = scene.run(call, (error, 1), &files, restore()) else { continue };
        assert!(done.code == 1 || done.code == 2, "{call} {error}: {done:?}");
        done.assert_says(&[text]);
        let mut again = restore();
        again.extend(args!["--overwrite"]);
        let done = scene.machine.run(again);
        assert_eq!(done.code, 0, "{call} {error}: {done:?}");
        let read = |path: PathBuf| fs::read(path).expect("a file");
        assert!(read(scene.source.join("one")) == read(into.join("one")));
    }
}

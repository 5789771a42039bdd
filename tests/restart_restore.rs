//! A restore that was interrupted goes on when the same command is run again: what is there and
//! whole is neither written nor read again, and in the end all is as if nothing had happened.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::kit::disk::SmallDisk;
use crate::kit::random::Random;
use crate::kit::{Done, Machine, args, assert_same, same, tree};

const BIG: &str = "m-big";
const BIG_LENGTH: usize = 96 << 20;

struct Restart {
    machine: Machine,
    store: PathBuf,
    source: PathBuf,
    into: PathBuf,
}

impl Restart {
    /// Small files of all kinds, a long one, and small ones behind it.
    fn new() -> Restart {
        let (machine, store) = Machine::with_open_store();
        let (source, into) = (machine.path("source"), machine.path("restored"));
        tree::sample(&source.join("a"), 1);
        tree::random_file(&source.join(BIG), 2, BIG_LENGTH);
        tree::tiny_files(&source.join("z"), 20, 100, 3000);
        fs::hard_link(source.join("a/bin/run"), source.join("z/run")).expect("a new hard link");
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(source.join("a/noise/5"), private).expect("a mode can be set");
        machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
        Restart { machine, store, source, into }
    }

    fn arguments(&self) -> Vec<OsString> {
        args!["--json", "restore", self.store, "a", "--into", self.into]
    }

    /// Begins, or goes on, and is killed once so many bytes are there.
    fn kill_at(&self, bytes: u64, more: &[&str]) {
        let slow = args!["--limit-rate", "60M"];
        let more = more.iter().map(OsString::from).collect();
        let mut child = self.machine.spawn([self.arguments(), slow, more].concat());
        let begin = Instant::now();
        while size(&self.into) < bytes && child.try_wait().expect("it can be asked").is_none() {
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing goes on");
            std::thread::sleep(Duration::from_micros(500));
        }
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().expect("it can be waited for");
    }

    fn go_on(&self) -> Done {
        let done = self.machine.ok(self.arguments());
        assert_same(&self.source, &self.into);
        assert!(self.journals().is_empty(), "the journal goes in the end");
        done
    }

    fn journals(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.machine.path("")];
        while let Some(folder) = folders.pop() {
            for item in fs::read_dir(folder).expect("a folder can be read") {
                let item = item.expect("a folder can be read");
                if item.file_type().expect("a type").is_dir() {
                    folders.push(item.path());
                } else if item.path().extension().is_some_and(|end| end == "journal") {
                    found.push(item.path());
                }
            }
        }
        found
    }

    /// As if the machine had lost its power: nothing that was not synced counts.
    fn lose_power(&self) {
        for journal in self.journals() {
            let text = fs::read_to_string(&journal).expect("a journal is text");
            assert!(text.contains("\"boot "), "{text}");
            fs::write(journal, text.replace("\"boot ", "\"boot before ")).expect("it is written");
        }
    }
}

/// Bytes of all files below a folder that may change meanwhile.
fn size(folder: &Path) -> u64 {
    let Ok(listing) = fs::read_dir(folder) else { return 0 };
    let sizes = listing.flatten().map(|item| match item.metadata() {
        Ok(meta) if meta.is_dir() => size(&item.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[test]
fn killed_again_and_again_it_comes_to_its_end() {
    let restart = Restart::new();
    let seed = std::env::var("MOVER_SEED").map_or(1, |text| text.parse().expect("a number"));
    let mut random = Random::new(seed);
    let total = size(&restart.source);
    for round in 1..=6 {
        let bytes = total * round / 7 + random.below(total / 20);
        restart.kill_at(bytes, &[]);
        // What was killed in between has lost nothing but the file that it was at.
        assert!(size(&restart.into) + (2 << 20) >= bytes, "seed {seed}, round {round}");
    }
    let (begun, there) = (restart.journals().len(), size(&restart.into));
    let done = restart.go_on();
    if begun > 0 {
        assert!(done.number("entries_kept") > 100, "{done:?}");
        // All that was there is kept, but for one block or file.
        assert!(done.number("bytes_kept") + (4 << 20) >= there, "{there}: {done:?}");
        assert!(done.number("bytes_written") <= total - there + (4 << 20), "{there}: {done:?}");
    }
}

#[test]
fn a_long_file_goes_on_in_its_middle() {
    let restart = Restart::new();
    restart.kill_at(60 << 20, &[]);
    let there = fs::metadata(restart.into.join(BIG)).expect("it is half there");
    assert!((30 << 20..90 << 20).contains(&there.len()), "{}", there.len());
    let done = restart.go_on();
    assert_eq!(done.number("resumed_files"), 1);
    assert_eq!(fs::metadata(restart.into.join(BIG)).expect("it is there").ino(), there.ino());
    // A chunk has about a MiB of plain bytes; some more are of the index, or were read twice.
    let left = (size(&restart.source) - there.len()) >> 20;
    assert!(done.number("chunks_read") < left + 10, "{left}: {done:?}");
    // And now it is a finished restore, which is not gone on with.
    restart.machine.fails(2, &["not empty"], restart.arguments());
}

#[test]
fn what_was_changed_meanwhile_is_written_anew() {
    let restart = Restart::new();
    restart.kill_at(60 << 20, &[]);
    let change = |name: &str| {
        let path = restart.into.join(name);
        let mut bytes = fs::read(&path).expect("it is there");
        bytes[1000] ^= 1;
        fs::write(&path, bytes).expect("it can be written");
    };
    // One as everybody can read it, and one that looks half-written by its mode.
    change("a/noise/7");
    change("a/noise/5");
    fs::remove_file(restart.into.join("a/bin/run")).expect("it is there");
    // The block that is compared: the last that is there whole.
    let big = restart.into.join(BIG);
    let mut bytes = fs::read(&big).expect("it is there");
    let start = bytes.len().saturating_sub(6 << 20);
    bytes[start..].fill(0);
    fs::write(&big, bytes).expect("it can be written");
    let done = restart.go_on();
    assert_eq!(done.number("resumed_files"), 0, "{done:?}");
    assert!(done.number("entries_kept") > 90, "{done:?}");
}

#[test]
fn after_a_power_loss_only_what_was_synced_is_believed() {
    let restart = Restart::new();
    restart.kill_at(60 << 20, &[]);
    // Looks right, and is not: its blocks never came to the disk.
    let (lost, looks) = (restart.into.join("a/noise/7"), restart.source.join("a/noise/7"));
    fs::write(&lost, vec![0; (1 << 20) + 1]).expect("it can be written");
    let mut touch = crate::kit::tool("touch", "coreutils");
    crate::kit::output_of(touch.arg("-r").arg(looks).arg(&lost));
    restart.lose_power();
    let done = restart.go_on();
    assert_eq!(done.number("entries_kept") + done.number("resumed_files"), 0, "{done:?}");
}

#[test]
fn after_a_power_loss_it_goes_on_where_it_was_synced_last() {
    let restart = Restart::new();
    // Slow enough for a place to be synced every 5 s.
    let mut child =
        restart.machine.spawn([restart.arguments(), args!["--limit-rate", "8M"]].concat());
    let begin = Instant::now();
    let is_synced =
        |journal: &PathBuf| fs::read_to_string(journal).is_ok_and(|text| text.contains("synced"));
    while !restart.journals().iter().any(is_synced) {
        assert!(begin.elapsed() < Duration::from_secs(60), "nothing is synced");
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("it runs");
    child.wait().expect("it can be waited for");
    restart.lose_power();
    let done = restart.go_on();
    assert_eq!(done.number("resumed_files"), 1, "{done:?}");
    assert!(done.number("entries_kept") > 90, "{done:?}");
}

#[test]
fn old_files_that_look_the_same_are_not_believed() {
    let restart = Restart::new();
    let old = restart.into.join("z/0019/file-0099");
    let new = restart.source.join("z/0019/file-0099");
    tree::write(&old, vec![0; 3000]);
    let mut touch = crate::kit::tool("touch", "coreutils");
    crate::kit::output_of(touch.arg("-r").arg(new).arg(&old));
    restart.kill_at(60 << 20, &["--overwrite"]);
    let done = restart.go_on();
    // What is long is told by its inode, all the same.
    assert_eq!(done.number("resumed_files"), 1, "{done:?}");
}

#[test]
fn another_job_begins_by_itself() {
    let restart = Restart::new();
    restart.kill_at(60 << 20, &[]);
    let refused = |more: &[&str]| {
        let more = more.iter().map(OsString::from).collect();
        restart.machine.fails(2, &["not empty"], [restart.arguments(), more].concat());
    };
    refused(&["z"]);
    refused(&["--fresh"]);
    // Now it is forgotten.
    refused(&[]);
    let done = restart.machine.ok([restart.arguments(), args!["--overwrite"]].concat());
    assert_eq!(done.number("entries_kept"), 0);
    assert_same(&restart.source, &restart.into);
}

#[test]
fn an_emptied_folder_is_filled_and_another_one_is_not_taken_for_it() {
    let restart = Restart::new();
    restart.kill_at(60 << 20, &[]);
    for item in fs::read_dir(&restart.into).expect("it is there") {
        let path = item.expect("a folder can be read").path();
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        removed.expect("it can be removed");
    }
    assert_eq!(restart.go_on().number("entries_kept"), 0);

    fs::remove_dir_all(&restart.into).expect("it can be removed");
    restart.kill_at(60 << 20, &[]);
    fs::remove_dir_all(&restart.into).expect("it can be removed");
    tree::write(&restart.into.join("mine"), "mine");
    restart.machine.fails(2, &["not empty"], restart.arguments());
}

#[test]
fn folders_above_what_was_asked_for_get_their_modes() {
    let restart = Restart::new();
    let arguments = [restart.arguments(), args!["z/0003", "z/0004"]].concat();
    let mut slow =
        restart.machine.spawn([arguments.clone(), args!["--limit-rate", "200K"]].concat());
    while size(&restart.into) < 150_000 {
        std::thread::sleep(Duration::from_millis(1));
    }
    slow.kill().expect("it runs");
    slow.wait().expect("it can be waited for");
    let done = restart.machine.ok(arguments);
    assert!(done.number("entries_kept") > 10, "{done:?}");
    let mode = fs::metadata(restart.into.join("z")).expect("it is there").mode();
    assert_eq!(mode & 0o7777, 0o755);
    assert_same(&restart.source.join("z/0004"), &restart.into.join("z/0004"));
}

#[test]
fn two_at_once_are_refused() {
    let restart = Restart::new();
    let mut slow =
        restart.machine.spawn([restart.arguments(), args!["--limit-rate", "8M"]].concat());
    while size(&restart.into) < 1 << 20 {
        std::thread::sleep(Duration::from_millis(1));
    }
    restart.machine.fails(2, &["another restore", "running"], restart.arguments());
    slow.kill().expect("it runs");
    slow.wait().expect("it can be waited for");
    restart.go_on();
}

#[test]
fn stopped_by_the_operator_or_a_full_disk_it_says_how_to_go_on() {
    let restart = Restart::new();
    let mut child =
        restart.machine.spawn([restart.arguments(), args!["--limit-rate", "30M"]].concat());
    while size(&restart.into) < 30 << 20 {
        assert!(child.try_wait().expect("it can be asked").is_none(), "it ended too early");
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let done = crate::kit::machine::wait(child);
    assert_eq!(done.code, 2);
    done.assert_says(&["stopped", "same command again"]);
    assert_eq!(restart.go_on().number("resumed_files"), 1);

    let mounted = restart.machine.make_folder("disk");
    let disk = SmallDisk::mount(&mounted, "50m");
    let into = mounted.join("restored");
    let Restart { machine, store, source, .. } = restart;
    let machine = machine.prefix(disk.prefix());
    let arguments = args!["--json", "restore", store, "a", "--into", into];
    machine.fails(2, &["space", "make room", "same command again"], arguments.clone());
    disk.resize("200m");
    let done = machine.ok(arguments);
    assert_eq!(done.number("resumed_files"), 1, "{done:?}");
    assert!(done.number("bytes_kept") > 40 << 20, "{done:?}");
    assert!(same::contents(&source) == same::contents(&disk.seen_from_outside().join("restored")));
}

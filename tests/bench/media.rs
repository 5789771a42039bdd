//! How fast media are, each beside a plain program on the same target in the same run:
//! `cargo bench --locked --features mover/failpoints -p tests --bench media [records|tape|object]`.

#[path = "../kit/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod kit;

use std::path::Path;
use std::time::{Duration, Instant};

use kit::rclone::Rclone;
use kit::tgt::{FIRST_DRIVE, Tgt};
use kit::{Machine, args, random::Random, tree};
use mover::media::Storage;
use mover::media::object::{ObjectConfig, ObjectCredentials, ObjectStorage};
use mover::media::scsi::{Changer, TapeDrive};
use mover::media::tape::TapeDevice;

/// Bytes that go to a medium.
const LENGTH: usize = 512 << 20;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|it| it == name);
    if is_wanted("records") {
        records();
    }
    if is_wanted("tape") {
        tape();
    }
    if is_wanted("object") {
        object();
    }
}

#[allow(clippy::cast_precision_loss, reason = "a rate")]
fn rate(length: usize, time: Duration) -> f64 {
    length as f64 / 1e6 / time.as_secs_f64()
}

fn timed(what: impl FnOnce()) -> Duration {
    let began = Instant::now();
    what();
    began.elapsed()
}

/// A library with the cartridge of this number in its first drive.
fn loaded(tgt: &Tgt, number: u16) -> TapeDrive {
    let mut changer = Changer::open(&tgt.address(3)).expect("a changer");
    let inventory = changer.inventory().expect("an inventory");
    let slot = inventory.find(&Tgt::barcode(number)).expect("a cartridge").address;
    changer.move_medium(slot, FIRST_DRIVE).expect("a move");
    let mut drive = TapeDrive::open(&tgt.address(1)).expect("a drive");
    drive.rewind().expect("a rewind");
    drive
}

/// A plain sequential writer.
fn write_records(drive: &mut TapeDrive, bytes: &[u8], length: usize) -> f64 {
    drive.rewind().expect("a rewind");
    let time = timed(|| {
        for record in bytes.chunks(length) {
            let _ = drive.write(record).expect("a record");
        }
        let _ = drive.write_filemarks(0).expect("a flush");
    });
    rate(bytes.len(), time)
}

/// Records of several lengths, to a drive and back.
fn records() {
    let noise = Random::new(1).bytes(LENGTH);
    for length in [4 << 10, 64 << 10, 256 << 10, 1 << 20] {
        let tgt = Tgt::library(2, 2000);
        let mut drive = loaded(&tgt, 1);
        // Short ones take long.
        let bytes = &noise[..LENGTH.min(length << 13)];
        let written = write_records(&mut drive, bytes, length);
        drive.rewind().expect("a rewind");
        let mut record = vec![0; length];
        let read = timed(|| {
            for _ in bytes.chunks(length) {
                drive.read(&mut record).expect("a record");
            }
        });
        let (kibibytes, read) = (length >> 10, rate(bytes.len(), read));
        println!("records of {kibibytes} KiB: written {written:.0} MB/s, read {read:.0} MB/s");
    }
}

/// An archive straight to tapes, and a copy from disk to tape, each beside a plain writer of the
/// same round; medians of several rounds.
fn tape() {
    const ROUNDS: usize = 5;
    let rounds: Vec<[f64; 4]> = (0..ROUNDS).map(|_| tape_round()).collect();
    let median = |what: &dyn Fn(&[f64; 4]) -> f64| {
        let mut all: Vec<f64> = rounds.iter().map(what).collect();
        all.sort_by(f64::total_cmp);
        all[ROUNDS / 2]
    };
    println!("tape, 256 KiB records: plain writer {:.0} MB/s", median(&|it| it[0]));
    let ways = ["mover copy from disk", "archive to 1 of 2 drives", "archive to 2 of 2 drives"];
    for (place, way) in (1..).zip(ways) {
        let (rate, ratio) = (median(&|it| it[place]), median(&|it| it[place] / it[0]));
        println!("  {way} {rate:.0} MB/s: {ratio:.2}");
    }
}

/// MB/s of a plain writer, a copy, and archives to one and to two drives.
fn tape_round() -> [f64; 4] {
    let tgt = Tgt::library(3, 4000);
    let (machine, store) = Machine::with_open_store();
    let noise = machine.path("source").join("noise");
    tree::random_file(&noise, 1, LENGTH);
    let policy = machine.path("policy.toml");
    let (changer, drives) = (tgt.address(3), [tgt.address(1), tgt.address(2)]);
    let write_policy = |pools: &str, streams: u8| {
        let head = "version = 1\n[archive]\nstore = \"store\"\nname = \"a\"\npaths = [\"source\"]";
        let pool = format!(
            "kind = \"tape\"\nlibrary = {changer:?}\ndrives = {drives:?}\nstreams = {streams}"
        );
        let rule = format!("name = \"all\"\nstages = []\npools = [{pools:?}]");
        tree::write(&policy, format!("{head}\n[pools.tape]\n{pool}\n[[rules]]\n{rule}\n"));
    };
    write_policy("default", 1);
    machine.ok(args!["archive", "--policy", policy, "--snoop", "none"]);

    let bytes = std::fs::read(&noise).expect("noise");
    let mut drive = loaded(&tgt, 3);
    // The first time tgt makes the cartridge's file.
    let _ = write_records(&mut drive, &bytes, 256 << 10);
    let plain = write_records(&mut drive, &bytes, 256 << 10);
    drive.unload().expect("an unload");
    drop(drive);

    let seconds = |done: &kit::Done| {
        Duration::from_secs_f64(done.report()["seconds"].as_f64().expect("a time"))
    };
    let done = machine.json(args!["copy", store, "a", "--to-pool", "tape", "--no-verify"]);
    let copied = rate(LENGTH, seconds(&done));
    let [one, two] = [1, 2].map(|streams| {
        write_policy("tape", streams);
        tree::random_file(&noise, 1 + u64::from(streams), LENGTH);
        let done = machine.json(args!["archive", "--policy", policy, "--snoop", "none"]);
        rate(LENGTH, seconds(&done))
    });
    [plain, copied, one, two]
}

/// Parts of several lengths, beside `rclone copyto`.
fn object() {
    let server = Rclone::start();
    let bytes = Random::new(1).bytes(LENGTH / 2);
    for mebibytes in [4, 16, 64] {
        let storage = ObjectStorage::new(&ObjectConfig {
            endpoint: Some(format!("http://127.0.0.1:{}", server.port)),
            part_length: mebibytes << 20,
            credentials: Some(ObjectCredentials {
                access_key_id: Rclone::KEY.to_owned(),
                secret_access_key: Rclone::SECRET.to_owned(),
                session_token: None,
            }),
            ..ObjectConfig::new("bucket", format!("parts-{mebibytes}"))
        });
        let storage = storage.expect("a pool");
        let put = timed(|| {
            let mut file = storage.create("1").expect("a volume");
            for piece in bytes.chunks(1 << 20) {
                let _ = file.write(piece).expect("a piece");
            }
            file.sync().expect("a sync");
        });
        let mut read = vec![0; bytes.len()];
        let got = timed(|| {
            let file = storage.open("1").expect("a volume");
            for (place, piece) in read.chunks_mut(1 << 20).enumerate() {
                file.read_at((place as u64) << 20, piece).expect("a piece");
            }
        });
        assert!(read == bytes, "what was put is what is got");
        let (put, got) = (rate(bytes.len(), put), rate(bytes.len(), got));
        println!("object, parts of {mebibytes} MiB: put {put:.0} MB/s, got {got:.0} MB/s");
    }
    let file = server.folder.path().join("plain");
    tree::write(&file, &bytes);
    let remote = format!(
        ":s3,provider=Other,endpoint='http://127.0.0.1:{}',access_key_id={},secret_access_key={}:",
        server.port,
        Rclone::KEY,
        Rclone::SECRET
    );
    let (to, back) = (format!("{remote}bucket/plain"), server.folder.path().join("back"));
    let copy = |from: &Path, to: &Path| {
        timed(|| {
            let program = std::env::var("MOVER_RCLONE").unwrap_or_else(|_| "rclone".to_owned());
            let done = std::process::Command::new(program).arg("copyto").args([from, to]).status();
            assert!(done.expect("rclone runs").success());
        })
    };
    let put = rate(bytes.len(), copy(&file, Path::new(&to)));
    let got = rate(bytes.len(), copy(Path::new(&to), &back));
    println!("  rclone copyto: put {put:.0} MB/s, got {got:.0} MB/s");
}

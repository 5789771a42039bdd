//! A policy file: checked, read, and its storage map asked.
//!
//! What is complained of has a place in the file; what is not complained of can be read; and the
//! two ways to ask which rule an entry falls under agree.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use fuzz::seeds;
use libfuzzer_sys::fuzz_target;
use mover::policy::{ContentFacts, EntryFacts, Policy, StorageMap, check};

fuzz_target!(init: seeds::write_if_asked(seeds::policy::all), |input: &[u8]| {
    if let Ok(text) = std::str::from_utf8(input) {
        policy(text);
    }
});

fn policy(text: &str) {
    static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
        std::env::temp_dir().join(format!("mover-fuzz-{}.toml", std::process::id()))
    });
    let complaints = check(text);
    let lines = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
    for complaint in &complaints {
        assert!((1..=lines).contains(&complaint.line), "{complaint:?}");
        assert!(complaint.column >= 1 && !complaint.message.is_empty(), "{complaint:?}");
    }
    std::fs::write(&*FILE, text).expect("a folder for temporary files is there");
    let read = Policy::read(&FILE);
    let is_wrong = complaints.iter().any(|complaint| complaint.is_error);
    assert_eq!(read.is_err(), is_wrong, "{read:?} {complaints:?}");
    let Ok(policy) = read else { return };
    let map = policy.map().expect("its rules were checked");
    assert_eq!(map.fingerprint(), policy.map().expect("as before").fingerprint());
    ask(&map);
    for name in policy.store_names() {
        let store = policy.store(name).expect("it was named");
        let _ = (policy.pools_of_map(store), policy.store_rights(name, |_| true));
    }
    let _ = (policy.fingerprints().count(), policy.archive.excludes());
}

/// All facts of a few entries and contents, in every combination.
fn ask(map: &StorageMap) {
    const PATHS: [&[u8]; 5] = [b"", b"a/b.txt", b"home/x.mp4", b"tmp/\xff\n", b"a/b/c/d/e"];
    const SIZES: [u64; 3] = [0, 70_000, u64::MAX];
    let tags = ["type:text/plain".to_owned(), "x".to_owned()];
    let noise: Vec<u8> =
        (0..4096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let contents: [(&[u8], Option<&[String]>); 4] = [
        (b"", None),
        (b"\xff\xd8\xff\xe0 JFIF", Some(&[])),
        (b"text", Some(&tags)),
        (&noise, None),
    ];
    for (number, path) in (0..).zip(PATHS) {
        let facts = EntryFacts {
            path: path.to_vec(),
            size: SIZES[number as usize % SIZES.len()],
            age: Duration::from_secs(u64::from(number) * 40_000_000),
            uid: number,
            gid: number,
            archive: "home".to_owned(),
        };
        let narrowed = map.narrow(&facts);
        let _ = narrowed.asks_for_content();
        for (head, tags) in contents {
            let facts = ContentFacts { head, part: head, tags };
            let choice = narrowed.route(&facts);
            assert_eq!(narrowed.rule(&facts), choice.rule, "{choice:?}");
        }
    }
}

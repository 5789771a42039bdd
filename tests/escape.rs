//! Entries that would leave the folder that they are restored into are refused, named, counted.
//!
//! `mover` does not write such entries, so they are forged: a transform that changes nothing leaves
//! the payloads plain, paths are replaced by others of the same length and in the same order, and
//! every checksum is made to fit.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use format::{Frame, FrameKind, TagHeader, TagKind};

use crate::kit::component::{self, Behaviour};
use crate::kit::{Machine, args, tree, volume};

/// What is archived, and what it is forged to; all of it has to be refused.
const FORGED: [(&str, &str); 8] = [
    ("!mover-escaped", "/mover-escaped"),
    (".,", ".."),
    (".,/evil", "../evil"),
    ("lnab", "lk/a"),
    ("lnab/evil", "lk/evil99"),
    ("sub/.,", "sub/.."),
    ("sub/.,/.,", "sub/../.."),
    ("sub/.,/.,/evil", "sub/../../evil"),
];

/// Replaces a path wherever it stands with its length before it, as in entries and index pages.
fn replace(bytes: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let counted = |path: &str| {
        let length = u32::try_from(path.len()).expect("it is short");
        [&length.to_le_bytes()[..], path.as_bytes()].concat()
    };
    let (from, to) = (counted(from), counted(to));
    for at in 0..bytes.len().saturating_sub(from.len() - 1) {
        if bytes[at..].starts_with(&from) {
            bytes[at..at + to.len()].copy_from_slice(&to);
        }
    }
}

/// Forges the plain payload of a chunk.
fn forge(payload: &mut [u8], is_data: bool) {
    // Where the tag headers stand, and the blocks behind them.
    let mut entries = Vec::new();
    if is_data {
        let start = payload.as_ptr().addr();
        let mut header = 0;
        for tagged in format::blocks(payload) {
            let tagged = tagged.expect("the payload is plain");
            let block = tagged.block.as_ptr().addr() - start;
            if tagged.tag.kind == TagKind::Entry {
                entries.push((header, block..block + tagged.block.len()));
            }
            header = block + tagged.block.len();
        }
    }
    for (from, to) in FORGED {
        replace(payload, from, to);
    }
    for (header, block) in entries {
        let crc = format::checksum(&payload[block]);
        payload[header + TagHeader::LEN - 4..header + TagHeader::LEN]
            .copy_from_slice(&crc.to_le_bytes());
    }
}

/// Forges every chunk of every volume.
fn forge_store(store: &Path) {
    for (path, bytes) in volume::bytes(store) {
        let mut forged = Vec::with_capacity(bytes.len());
        for place in volume::frames(&bytes) {
            let body = &bytes[place.body()];
            let mut payload = bytes[place.payload()].to_vec();
            if place.kind() == FrameKind::ChunkHeader {
                let header = format::ChunkHeader::decode(body).expect("it is sound");
                forge(&mut payload, header.kind == format::ChunkKind::Data);
            }
            Frame::encode(place.kind(), body, &payload, &mut forged);
        }
        fs::write(path, forged).expect("a volume can be written");
    }
    volume::forget_catalog(store);
}

#[test]
fn entries_that_would_leave_the_folder_are_refused_named_and_counted() {
    let (machine, store) = Machine::with_open_store();
    let (source, outside) = (machine.path("source"), machine.make_folder("outside"));
    for (from, _) in FORGED {
        match from.ends_with("evil") || from.starts_with('!') {
            true => tree::write(&source.join(from), "evil"),
            false => fs::create_dir_all(source.join(from)).expect("a new folder"),
        }
    }
    tree::write(&source.join("good"), "good");
    symlink(&outside, source.join("lk")).expect("a new link");
    let stage = component::transform("same", Behaviour::Honest);
    let stage = component::save(&machine.path(""), "same", &stage);
    machine.ok(args![
        "archive",
        source,
        "--to",
        store,
        "--name",
        "a",
        "--stage",
        stage,
        "--framing",
        "each",
        "--snoop",
        "none",
    ]);
    forge_store(&store);
    machine.ok(args!["verify", store]);

    let into = machine.path("jail/jail/into");
    let restore = args!["--json", "restore", store, "a", "--into", into];
    for options in [args!["--dry-run"], args![]] {
        let done = machine.run([restore.clone(), options].concat());
        done.assert_code(&[1, 3]);
        for (_, path) in FORGED {
            done.assert_says(&[path]);
        }
        assert_eq!(done.number("refused"), FORGED.len() as u64, "{done:?}");
    }
    assert_eq!(fs::read(into.join("good")).expect("it is there"), b"good");
    assert_eq!(fs::read_dir(&outside).expect("it is there").count(), 0, "through the link");
    assert!(!Path::new("/mover-escaped").exists() && !into.join("mover-escaped").exists());
    for folder in ["jail", "jail/jail"] {
        let count = fs::read_dir(machine.path(folder)).expect("it is there").count();
        assert_eq!(count, 1, "something was put into {folder}");
    }
    // Into a folder where the link stands already, of which the archive knows nothing.
    let into = machine.make_folder("trap");
    symlink(&outside, into.join("sub")).expect("a new link");
    machine.run(args!["restore", store, "a", "--into", into, "--overwrite"]);
    assert_eq!(fs::read_dir(&outside).expect("it is there").count(), 0, "through the link");
}

#[test]
fn a_link_in_the_target_is_replaced_and_never_followed() {
    let (machine, store) = Machine::with_open_store();
    let (source, outside) = (machine.path("source"), machine.make_folder("outside"));
    tree::write(&source.join("folder/file"), "new");
    tree::write(&source.join("file"), "new");
    tree::write(&outside.join("file"), "mine");
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let into = machine.make_folder("restored");
    symlink(&outside, into.join("folder")).expect("a new link");
    symlink(outside.join("file"), into.join("file")).expect("a new link");
    machine.run(args!["restore", store, "a", "--into", into, "--overwrite"]);
    assert_eq!(fs::read(outside.join("file")).expect("it is there"), b"mine");
    assert_eq!(fs::read_dir(&outside).expect("it is there").count(), 1);
    assert!(!into.join("file").is_symlink());
}

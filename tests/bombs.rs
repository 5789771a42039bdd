//! Crafted stores: chunks that decode to more than they say, and lists that claim more than there
//! is. Each is named, in bounded time and memory, and everything else comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use format::{ArchiveFooter, ChunkHeader, ChunkKind, Frame, FrameKind};

use crate::kit::{Machine, args, tool, tree, volume};

/// Plain bytes of the bomb: a gigabyte of zeros, in about 30 KiB.
fn bomb(machine: &Machine) -> Vec<u8> {
    let zeros = machine.path("zeros");
    let file = fs::File::create(&zeros).expect("a new file");
    file.set_len(1 << 30).expect("a hole");
    let output = tool("zstd", "zstd").args(["-q", "-c", "-3"]).arg(&zeros).output();
    output.expect("zstd runs").stdout
}

/// Rewrites the store frame by frame; `change` gives another body and payload, or none.
fn craft(
    store: &Path,
    mut change: impl FnMut(FrameKind, &[u8], &[u8]) -> Option<(Vec<u8>, Vec<u8>)>,
) {
    for (path, bytes) in volume::bytes(store) {
        let mut crafted = Vec::with_capacity(bytes.len());
        for place in volume::frames(&bytes) {
            let (body, payload) = (&bytes[place.body()], &bytes[place.payload()]);
            match change(place.kind(), body, payload) {
                Some((body, payload)) => {
                    Frame::encode(place.kind(), &body, &payload, &mut crafted);
                }
                None => Frame::encode(place.kind(), body, payload, &mut crafted),
            }
        }
        fs::write(path, crafted).expect("a volume can be written");
    }
    volume::forget_catalog(store);
}

/// A store whose files lie in several chunks.
fn scene() -> (Machine, PathBuf, PathBuf) {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    tree::random_files(&source, 8, 600_000);
    machine.ok(args!["archive", source, "--to", store, "--name", "a", "--framing", "each"]);
    (machine, store, source)
}

/// Bytes of memory beyond what a sound restore takes, at most.
const MEMORY_KIB: u64 = 100 << 10;

#[test]
fn a_chunk_that_decodes_to_more_than_it_says_is_named_and_takes_no_memory() {
    for (kind, claims_all) in [
        (ChunkKind::Data, false),
        (ChunkKind::Data, true),
        (ChunkKind::IndexPage, false),
        (ChunkKind::IndexRoot, false),
    ] {
        let (machine, store, source) = scene();
        let (_, sound) =
            machine.run_measured(args!["restore", store, "a", "--into", machine.path("sound")]);
        let bomb = bomb(&machine);
        let mut planted = 0;
        craft(&store, |frame, body, _| {
            if frame != FrameKind::ChunkHeader || planted > 0 {
                return None;
            }
            let mut header = ChunkHeader::decode(body).expect("it is sound");
            if header.kind != kind {
                return None;
            }
            planted += 1;
            if claims_all {
                header.plain_length = format::limits::CHUNK_PLAIN_LENGTH_MAX;
            }
            let mut body = Vec::new();
            header.encode(&mut body);
            Some((body, bomb.clone()))
        });
        assert_eq!(planted, 1, "{kind:?}");
        let into = machine.path("hurt");
        let began = Instant::now();
        let (done, peak) = machine.run_measured(args!["restore", store, "a", "--into", into]);
        assert!(began.elapsed().as_secs() < 30, "{kind:?}: {done:?}");
        assert_eq!(done.code, 1, "{kind:?}: {done:?}");
        assert!(peak < sound + MEMORY_KIB, "{kind:?}: {peak} KiB, and {sound} where it is sound");
        let read = |folder: &Path, number: u32| fs::read(folder.join(format!("file-{number}")));
        let same = (0..8).filter(|number| {
            read(&into, *number).is_ok_and(|it| it == read(&source, *number).expect("a file"))
        });
        // One chunk has at most two whole files and parts of two.
        let least = if kind == ChunkKind::Data { 4 } else { 8 };
        assert!(same.count() >= least, "{kind:?}: {done:?}");
        let (done, peak) = machine.run_measured(args!["verify", store, "--read"]);
        assert_eq!(done.code, 1, "{kind:?}: {done:?}");
        assert!(peak < sound + MEMORY_KIB, "{kind:?}: verify took {peak} KiB");
    }
}

/// An archive's footer claims to need more chunks than a lifetime is long.
#[test]
fn a_list_that_claims_more_than_there_is_makes_nobody_work_for_ever() {
    let (machine, store, _) = scene();
    tree::write(&machine.path("other/file"), "other");
    machine.ok(args!["archive", machine.path("other"), "--to", store, "--name", "other"]);
    let mut planted = 0;
    craft(&store, |frame, body, payload| {
        if frame != FrameKind::ArchiveFooter {
            return None;
        }
        let mut footer = ArchiveFooter::decode(body, payload).expect("it is sound");
        let range = footer.needs.first_mut().filter(|range| range.count > 1)?;
        range.count = 1 << 60;
        planted += 1;
        let (mut body, mut lists) = (Vec::new(), Vec::new());
        footer.encode(&mut body, &mut lists);
        Some((body, lists))
    });
    assert!(planted > 0);
    let copy = machine.path("copy");
    crate::kit::output_of(std::process::Command::new("cp").arg("-a").arg(&store).arg(&copy));
    let began = Instant::now();
    for (codes, command) in [
        (vec![0], args!["list", store]),
        (vec![1], args!["verify", store]),
        (vec![2], args!["copy", store, "--all", "--to-pool", "default"]),
        (vec![0, 1, 2], args!["catalog", "merge", store, copy]),
        (vec![1], args!["verify", store, "--repair"]),
        (vec![0, 1], args!["restore", store, "a", "--into", machine.path("a")]),
        (vec![0], args!["restore", store, "other", "--into", machine.path("b")]),
        (vec![0], args!["prune", store, "--keep-last", "1"]),
    ] {
        let shown = format!("{command:?}");
        let (done, peak) = machine.run_measured(command);
        assert!(codes.contains(&done.code), "{shown}: {done:?}");
        assert!(peak < 400 << 10, "{shown}: {peak} KiB");
    }
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    assert_eq!(fs::read(machine.path("b/file")).expect("it was restored"), b"other");
}

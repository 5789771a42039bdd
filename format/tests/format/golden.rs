//! Bytes of released versions: what they wrote is read for ever.
//!
//! A folder of `tests/golden` is a version. `UPDATE_GOLDEN=1` writes that of the current version
//! again, which is allowed only while it is not frozen.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use format::*;

use crate::fixture;
use crate::hostile::decode_frame;

/// Every version with golden files, the current one last.
const VERSIONS: [&str; 1] = ["v1"];

/// The one that is no frame.
const PARITY: &str = "parity";

fn folder(version: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version)
}

pub(crate) fn is_to_update() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1")
}

/// Hexadecimal, 32 bytes a line.
pub(crate) fn lines(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| hex::encode(line) + "\n").collect()
}

pub(crate) fn bytes_of(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    hex::decode(digits).expect("hexadecimal digits")
}

/// The golden files of the current version: their names and what the code makes.
fn current() -> Vec<(&'static str, Vec<u8>)> {
    let mut files = fixture::frames();
    files.push(("volume", fixture::tiny().volume));
    let (header, table) = fixture::parity();
    let mut parity = Vec::new();
    header.encode(&mut parity);
    table.encode(&mut parity);
    files.push((PARITY, parity));
    files
}

#[test]
fn the_current_version_writes_the_golden_bytes() {
    for (name, bytes) in current() {
        let path = folder(VERSIONS[VERSIONS.len() - 1]).join(name).with_extension("hex");
        if is_to_update() {
            fs::write(&path, lines(&bytes)).expect("the golden folder can be written");
        }
        let golden = fs::read_to_string(&path).expect("every golden file is there");
        let changed = "the format changed: if that is meant, SPEC.md changes in the same commit";
        assert_eq!(lines(&bytes), golden, "{name}: {changed}, and UPDATE_GOLDEN=1 blesses it");
    }
}

#[test]
fn golden_frames_of_every_version_are_read_and_written_back_the_same() {
    for version in VERSIONS {
        for file in fs::read_dir(folder(version)).expect("a golden folder") {
            let path = file.expect("a golden file").path();
            if path.file_stem().is_some_and(|name| name == PARITY) {
                continue;
            }
            let golden = bytes_of(&fs::read_to_string(&path).expect("hexadecimal text"));
            let mut rest = golden.as_slice();
            let mut count = 0;
            while !rest.is_empty() {
                let (frame, behind) = Frame::decode(rest).expect("a golden frame is whole");
                let (body, payload) = decode_frame(&frame).expect("a golden frame decodes");
                assert_eq!(body, frame.body, "{}", path.display());
                assert_eq!(payload, frame.payload, "{}", path.display());
                (rest, count) = (behind, count + 1);
            }
            assert!(count > 0, "{} has no frame", path.display());
        }
    }
}

#[test]
fn golden_parity_of_every_version_is_read() {
    for version in VERSIONS {
        let path = folder(version).join(PARITY).with_extension("hex");
        let golden = bytes_of(&fs::read_to_string(path).expect("hexadecimal text"));
        let header = ParityHeader::decode(&golden).expect("a golden header decodes");
        let table = ParityTable::decode(&header, &golden[header.len()..]);
        assert_eq!((header, table.expect("a golden table decodes")), fixture::parity());
    }
}

#[test]
fn every_golden_folder_and_file_is_read_by_a_test() {
    let names = |path: PathBuf| -> BTreeSet<String> {
        let name = |file: fs::DirEntry| file.file_name().into_string().expect("ASCII");
        fs::read_dir(path).expect("a folder").map(|file| name(file.expect("a file"))).collect()
    };
    let known = VERSIONS.iter().map(|version| (*version).to_owned()).collect();
    assert_eq!(names(folder("")), known);
    let files = current().iter().map(|(name, _)| format!("{name}.hex")).collect();
    assert_eq!(names(folder("v1")), files);
}

#[test]
fn every_frame_kind_has_a_golden_frame() {
    let kinds: BTreeSet<u16> = fixture::frames()
        .iter()
        .map(|(_, bytes)| Prefix::decode(bytes).expect("whole").kind as u16)
        .collect();
    assert_eq!(kinds, (1..=14).collect());
}

#[test]
fn the_tiny_volume_is_read_by_its_index_and_in_one_pass() {
    let volume = fixture::tiny().volume;
    let (mut data, mut pages) = (Vec::new(), Vec::new());
    let mut rest = volume.as_slice();
    while !rest.is_empty() {
        let (frame, behind) = Frame::decode(rest).expect("whole");
        rest = behind;
        if frame.prefix.kind == FrameKind::ChunkHeader {
            match ChunkHeader::decode(frame.body).expect("sound").kind {
                ChunkKind::Data => data.push(frame.payload),
                ChunkKind::IndexPage => pages.push(frame.payload),
                ChunkKind::IndexRoot => {
                    let root = PageEntry::decode_all(frame.payload).expect("sound");
                    assert_eq!(root.len(), 1);
                    assert_eq!(
                        (root[0].entry_count, root[0].first_path.as_slice()),
                        (4, &b"docs"[..])
                    );
                }
            }
        }
    }
    let block = |run: &Run| {
        let blocks = blocks(data[usize::try_from(run.chunk.number).expect("small")]);
        let data =
            blocks.map(|tagged| tagged.expect("sound")).filter(|t| t.tag.kind == TagKind::Data);
        data.skip(run.first as usize)
            .take(run.count as usize)
            .flat_map(|t| t.block.to_vec())
            .collect::<Vec<u8>>()
    };
    let content = |extents: &[Extent]| -> Vec<u8> {
        let bytes = |extent: &Extent| match extent {
            Extent::Data(run) => block(run),
            Extent::Hole(length) => vec![0; usize::try_from(*length).expect("small")],
        };
        extents.iter().flat_map(bytes).collect()
    };
    let sparse = [fixture::HELLO, &[0; 4096], b"end"].concat();
    let mut read = 0;
    for record in pages.iter().flat_map(|page| index_entries(page).expect("sound")) {
        let record = record.expect("sound");
        let expected: &[u8] = match record.number {
            2 => fixture::HELLO,
            3 => &sparse,
            _ => b"",
        };
        assert_eq!(content(&record.extents), expected);
        read += 1;
    }
    assert_eq!(read, 4);
    let ends = data
        .iter()
        .flat_map(|plain| blocks(plain))
        .filter(|tagged| tagged.as_ref().expect("sound").tag.kind == TagKind::End);
    assert_eq!(ends.count(), 4);
}

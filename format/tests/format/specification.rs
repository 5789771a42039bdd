//! SPEC.md says what the code does: its limits, its vectors, its magics.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use format::*;

use crate::fixture::{self, HELLO, counting};
use crate::golden::{bytes_of, is_to_update, lines};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn specification() -> String {
    fs::read_to_string(file("SPEC.md")).expect("SPEC.md stands beside the crate")
}

/// Every constant of limits.rs, by its name.
fn known_limits() -> BTreeMap<&'static str, u64> {
    macro_rules! named {
        ($($name:ident)*) => { [$((stringify!($name), limits::$name as u64)),*].into() };
    }
    named! {
        CHUNK_PLAIN_LENGTH_MAX FRAME_PAYLOAD_LENGTH_MAX FRAME_BODY_LENGTH_MAX BLOCK_LENGTH_MAX
        CHUNK_NUMBER_MAX CONTENT_LENGTH_MAX NANOSECONDS_MAX CHAIN_LENGTH_MAX COMPONENT_COUNT_MAX
        CONFIG_LENGTH_MAX NONCE_LENGTH_MAX OPTIONS_LENGTH_MAX NAME_LENGTH_MAX PATH_LENGTH_MAX
        XATTR_COUNT_MAX XATTR_LENGTH_MAX EPOCH_COUNT_MAX MEMBER_COUNT_MAX ENVELOPE_LENGTH_MAX
        FINDING_COUNT_MAX EXTENT_COUNT_MAX
        PARITY_COLUMN_COUNT_MAX PARITY_ROW_COUNT_MAX PARITY_SHARD_LENGTH_MAX
        PARITY_ROW_LENGTH_MAX
    }
}

#[test]
fn every_limit_stands_in_the_specification_with_its_value() {
    let source = fs::read_to_string(file("src/limits.rs")).expect("the limits");
    let constants = source.lines().filter_map(|line| line.strip_prefix("pub const "));
    let mut names: Vec<&str> = constants.filter_map(|line| line.split(':').next()).collect();
    names.sort_unstable();
    assert_eq!(names, known_limits().into_keys().collect::<Vec<_>>(), "a limit without a test");
    let specification = specification();
    let rows = specification.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
        let (name, value) = (cells.next()?, cells.next()?);
        name.ends_with("_MAX").then(|| (name, value.parse().expect("a limit is a number")))
    });
    assert_eq!(rows.collect::<BTreeMap<&str, u64>>(), known_limits());
}

/// What section 12 shows, made by the code.
fn vectors() -> Vec<(&'static str, Vec<u8>)> {
    let mut frame = Vec::new();
    let mut body = Vec::new();
    fixture::archive_drop().encode(&mut body);
    Frame::encode(FrameKind::ArchiveDrop, &body, &[], &mut frame);
    let mut tag = Vec::new();
    fixture::put_block(TagKind::Data, (2, 0, 0), HELLO, &Options::default(), &mut tag);
    let mut entry = Vec::new();
    fixture::entry().encode(&mut entry);
    let chain = [(Digest(counting(0x40)), Digest(counting(0x80)))];
    let binding = Binding {
        chunk: fixture::data_chunk(7),
        kind: ChunkKind::Data,
        epoch: 1,
        plain_length: 13,
        position: 0,
        chain: &chain,
    };
    let binding = binding.encode();
    let sealed_key = stage_key(1, 0);
    let cipher = XChaCha20Poly1305::new(&sealed_key.into());
    let sealed = Payload { msg: HELLO, aad: &binding };
    let sealed = cipher.encrypt(&XNonce::from(counting::<24>(0x60)), sealed).expect("short");
    let group = "AGE-SECRET-KEY-1QQQSYQCYQ5RQWZQFPG9SCRGWPUGPZYSNZS23V9CCRYDPK8QARC0SWRYDWG";
    let group = blake3::derive_key("mover 0 dedupe domain", format!("{group}host").as_bytes());
    let source = blake3::derive_key("mover 0 source id", &group);
    let open = fixture::open_domain(&counting(0x20), "host");
    vec![
        ("frame", frame),
        ("tag", tag),
        ("entry", entry),
        ("binding", binding),
        ("stage-key", stage_key(0x0102_0304, 0x0506).to_vec()),
        ("sealed-key", sealed_key.to_vec()),
        ("sealed-chunk", sealed),
        ("group-identity", blake3::keyed_hash(&group, b"mover").as_bytes().to_vec()),
        ("group-source", blake3::keyed_hash(&source, b"mover").as_bytes().to_vec()),
        ("group-writer", blake3::derive_key("mover 0 writer id", &group).to_vec()),
        ("open-identity", blake3::keyed_hash(&open, b"mover").as_bytes().to_vec()),
        ("volume", fixture::tiny().volume),
    ]
}

/// SPEC 8.4, said once more here, since nothing in the crate itself hashes.
fn stage_key(epoch: u32, position: u16) -> [u8; 32] {
    let mut material = counting::<32>(0x00).to_vec();
    material.extend_from_slice(&counting::<16>(0x20));
    material.extend_from_slice(&epoch.to_le_bytes());
    material.extend_from_slice(&position.to_le_bytes());
    material.extend_from_slice(&counting::<32>(0x40));
    material.extend_from_slice(&counting::<32>(0x80));
    assert_eq!(material.len(), 118);
    blake3::derive_key("mover 0 stage key", &material)
}

/// The text between the marks of each vector.
fn shown(specification: &str) -> BTreeMap<&str, &str> {
    let parts = specification.split("```vector ").skip(1);
    parts
        .map(|part| {
            let (name, rest) = part.split_once('\n').expect("a vector has a name and a line");
            (name, rest.split("```").next().expect("split gives one part at least"))
        })
        .collect()
}

#[test]
fn the_vectors_of_the_specification_are_what_the_code_makes() {
    let mut text = specification();
    if is_to_update() {
        for (name, bytes) in vectors() {
            let mark = format!("```vector {name}\n");
            let start = text.find(&mark).expect("every vector has its place") + mark.len();
            let end = start + text[start..].find("```").expect("every vector ends");
            text.replace_range(start..end, &lines(&bytes));
        }
        fs::write(file("SPEC.md"), &text).expect("SPEC.md can be written");
    }
    let shown = shown(&text);
    let names: Vec<&str> = vectors().iter().map(|(name, _)| *name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(shown.keys().copied().collect::<Vec<_>>(), sorted);
    for (name, bytes) in vectors() {
        assert_eq!(bytes_of(shown[name]), bytes, "{name}: UPDATE_GOLDEN=1 blesses a change");
    }
}

#[test]
fn the_constants_of_the_text_are_those_of_the_code() {
    let text = specification();
    let spaced = |bytes: &[u8]| -> String {
        let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("`{}`", pairs.join(" "))
    };
    assert!(text.contains(&spaced(&MAGIC)));
    assert!(text.contains(&spaced(&BINDING_MAGIC)));
    assert!(text.contains(&format!("`0x{:08X}`", checksum(b"123456789"))));
    assert!(text.starts_with(&format!("# The format of Mover, version {VERSION}\n")));
    assert_eq!(checksum(b""), 0);
    assert_eq!((Run::LEN, ChunkId::LEN, TagHeader::LEN, EntryEnd::LEN), (44, 28, 32, 10));
}

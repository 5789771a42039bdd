//! The built-in components through the host, and the cache of compiled code.
//! Hostile components are in `tests/components.rs`, through the binary.

use std::fs;
use std::sync::Arc;

use format::Digest;

use super::{CompiledCache, Engine, Limits, Plugin, Trust, builtin};
use crate::ambient::{Random, SeededRandom};
use crate::error::ErrorKind;
use crate::pipeline::{Action, ChunkInfo, Cutter, Inspector, Transform};

fn engine(cache: Option<CompiledCache>) -> Engine {
    Engine::new(cache, Limits::default(), Arc::new(|_, _, _| {})).unwrap()
}

fn load(name: &str) -> Arc<Plugin> {
    engine(None).load(builtin::find(name).unwrap(), Trust::BuiltIn).unwrap()
}

/// Half text and half noise, so that every stage has something to do.
fn sample(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    SeededRandom::new(7).fill(&mut bytes[length / 2..]);
    for (place, byte) in bytes[..length / 2].iter_mut().enumerate() {
        *byte = b"the quick brown fox "[place % 20];
    }
    bytes
}

fn info<'a>(plain: &[u8], nonce: &'a [u8], binding: &'a [u8]) -> ChunkInfo<'a> {
    ChunkInfo { plain_length: u32::try_from(plain.len()).unwrap(), nonce, binding }
}

#[test]
fn zstd_gives_back_every_chunk_at_every_kind_of_level() {
    let plugin = load("zstd");
    for level in [-7, 1, 3, 19] {
        let mut zstd = plugin.transform(&format!(r#"{{"level":{level}}}"#), &[]).unwrap();
        for length in [0, 1, 100, 70_000, 1 << 20] {
            let plain = sample(length);
            let chunk = info(&plain, &[], &[]);
            let (mut encoded, mut decoded) = (Vec::new(), Vec::new());
            zstd.encode(&chunk, &plain, &mut encoded).unwrap();
            zstd.decode(&chunk, &encoded, &mut decoded).unwrap();
            assert!(decoded == plain, "level {level}, {length} bytes");
        }
    }
}

#[test]
fn zstd_refuses_what_it_did_not_make_and_a_length_that_is_not_the_chunks() {
    let mut zstd = load("zstd").transform("{}", &[]).unwrap();
    let plain = sample(10_000);
    let (mut encoded, mut decoded) = (Vec::new(), Vec::new());
    zstd.encode(&info(&plain, &[], &[]), &plain, &mut encoded).unwrap();
    for wrong in [9_999, 10_001] {
        let chunk = ChunkInfo { plain_length: wrong, nonce: &[], binding: &[] };
        assert!(zstd.decode(&chunk, &encoded, &mut decoded).is_err(), "{wrong}");
    }
    let error = zstd.decode(&info(&plain, &[], &[]), b"garbage", &mut decoded).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("zstd"), "{error}");
}

#[test]
fn the_cipher_notices_another_key_nonce_binding_or_bit() {
    let plugin = load("chacha20poly1305");
    let mut cipher = plugin.transform("{}", &[1; 32]).unwrap();
    let plain = sample(5_000);
    let (nonce, binding) = ([2; 24], *b"what it is");
    let (mut encoded, mut decoded) = (Vec::new(), Vec::new());
    let chunk = info(&plain, &nonce, &binding);
    cipher.encode(&chunk, &plain, &mut encoded).unwrap();
    assert_eq!(encoded.len(), plain.len() + 16);
    cipher.decode(&chunk, &encoded, &mut decoded).unwrap();
    assert_eq!(decoded, plain);

    let mut flipped = encoded.clone();
    flipped[77] ^= 1;
    let mut other = plugin.transform("{}", &[9; 32]).unwrap();
    let failures = [
        cipher.decode(&info(&plain, &[3; 24], &binding), &encoded, &mut decoded),
        cipher.decode(&info(&plain, &nonce, b"another"), &encoded, &mut decoded),
        cipher.decode(&chunk, &flipped, &mut decoded),
        other.decode(&chunk, &encoded, &mut decoded),
    ];
    for (place, failure) in failures.into_iter().enumerate() {
        let error = failure.expect_err("it was changed");
        assert_eq!(error.kind(), ErrorKind::Damaged, "{place}: {error}");
    }
}

#[test]
fn blocks_have_their_crc_and_end_where_entries_end() {
    let mut cutter = load("crc-dedupe").cutter("{}").unwrap();
    let window = sample(1 << 20);
    let ends = [10, 10, 300_000, 1 << 20];
    let mut cuts = Vec::new();
    cutter.cut(&window, &ends, &mut cuts).unwrap();
    let mut at = 0;
    let mut seen = Vec::new();
    for cut in &cuts {
        let length = cut.length as usize;
        assert!(length <= cutter.block_length_max());
        assert_eq!(cut.crc, format::checksum(&window[at..at + length]));
        at += length;
        seen.push(u32::try_from(at).unwrap());
    }
    assert!(ends.iter().all(|end| seen.contains(end)), "{seen:?}");
}

#[test]
fn a_virus_across_a_window_border_is_held_and_rules_that_are_wrong_are_named() {
    let plugin = load("snoop-yara");
    let eicar =
        concat!(r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*");
    let mut snoop = plugin.inspector("{}").unwrap();
    let (head, tail) = eicar.as_bytes().split_at(30);
    assert!(snoop.inspect(head, &[]).unwrap().is_empty());
    let ends = [u32::try_from(tail.len()).unwrap(); 2];
    let verdicts = snoop.inspect(tail, &ends).unwrap();
    assert_eq!(verdicts[0].action, Action::Hold, "{verdicts:?}");
    assert_eq!(verdicts[1].action, Action::Pass, "{verdicts:?}");

    let state = {
        snoop.inspect(head, &[]).unwrap();
        snoop.save().unwrap()
    };
    let mut resumed = plugin.resume_inspector("{}", state).unwrap();
    assert_eq!(resumed.inspect(tail, &ends[..1]).unwrap()[0].action, Action::Hold);

    let Err(error) = plugin.inspector(r#"{"rules":"rule broken {"}"#) else {
        panic!("a broken rule was taken");
    };
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
}

#[test]
fn what_a_medium_carries_may_neither_encode_nor_authenticate() {
    let engine = engine(None);
    let carried = engine.load(builtin::find("zstd").unwrap(), Trust::Carried).unwrap();
    let mut zstd = carried.transform("{}", &[]).unwrap();
    let error = zstd.encode(&info(b"x", &[], &[]), b"x", &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    let cipher = builtin::find("chacha20poly1305").unwrap();
    let error = engine.load(cipher, Trust::Carried).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[test]
fn what_an_earlier_version_had_built_in_authenticates_and_never_encodes() {
    let cipher = fs::read("../wit/golden/0.1/chacha20poly1305.wasm").unwrap();
    let digest = Digest(*blake3::hash(&cipher).as_bytes());
    assert!(builtin::find_digest(&digest).is_none(), "it is a former one");
    let former = engine(None).load_carried(&digest, || Ok(cipher)).unwrap();
    let mut transform = former.transform("{}", &[1; 32]).unwrap();
    let (nonce, binding) = ([2; 24], [3; 10]);
    let plain = b"what was sealed then".as_slice();
    let mut codec = load("chacha20poly1305").transform("{}", &[1; 32]).unwrap();
    let (mut sealed, mut opened) = (Vec::new(), Vec::new());
    codec.encode(&info(plain, &nonce, &binding), plain, &mut sealed).unwrap();
    transform.decode(&info(plain, &nonce, &binding), &sealed, &mut opened).unwrap();
    assert_eq!(opened, plain);
    let error = transform.encode(&info(plain, &nonce, &binding), plain, &mut sealed).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
}

#[test]
fn compiled_code_is_taken_only_with_our_own_signature() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, key) = (folder.path().join("cache"), folder.path().join("state/key"));
    let open = || CompiledCache::open(&cache, &key).unwrap();
    let bytes = builtin::find("crc-dedupe").unwrap();
    engine(Some(open())).load(bytes, Trust::BuiltIn).unwrap();
    let entry = fs::read_dir(&cache).unwrap().next().unwrap().unwrap();
    let name = entry.file_name().into_string().unwrap();
    let sound = fs::read(entry.path()).unwrap();
    assert!(open().get(&name).is_some(), "a hit");

    for place in [0, sound.len() / 2, sound.len() - 1] {
        let mut changed = sound.clone();
        changed[place] ^= 1;
        fs::write(entry.path(), changed).unwrap();
        assert!(open().get(&name).is_none(), "byte {place} was changed");
    }
    fs::write(entry.path(), &sound).unwrap();
    assert!(open().get("another-name").is_none());
    let stranger = CompiledCache::open(&cache, &folder.path().join("other/key")).unwrap();
    assert!(stranger.get(&name).is_none(), "signed with another key");

    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(open().get(&name).is_none(), "anybody could have written it");
    // Whatever is wrong with the cache, the component loads.
    engine(Some(open())).load(bytes, Trust::BuiltIn).unwrap();
}

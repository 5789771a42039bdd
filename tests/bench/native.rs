//! The built-in components against their own code built for this machine, in one process:
//! `cargo bench --locked --workspace --features mover/failpoints --bench native [FOLDER]`.
//!
//! Both sides are the same files of `plugins/` with the same libraries and settings; only the
//! target differs, and that the component's calls are bounded and its bytes copied. Where the code
//! is written for WebAssembly (the cipher, the CRC), native is the library that uses what this
//! processor has. Data is what is in FOLDER, by default /usr/lib, in pieces of 1 MiB.

#![allow(dead_code, unused_imports, reason = "the components' tests and glue use the rest")]

#[path = "../../plugins/crc-dedupe/src/cutter.rs"]
mod cutter;
#[path = "../../plugins/snoop-type/src/entropy.rs"]
mod entropy;
#[path = "../../plugins/crc-dedupe/src/gear.rs"]
mod gear;
#[path = "../../plugins/snoop-yara/src/inspector/mod.rs"]
mod inspector;
#[path = "../../plugins/snoop-type/src/kind.rs"]
mod kind;
#[path = "../../plugins/snoop-yara/src/rules.rs"]
mod rules;
#[path = "../../plugins/snoop-type/src/inspector.rs"]
mod type_inspector;
#[path = "../../plugins/zstd/src/codec.rs"]
mod zstd_codec;

use std::cell::RefCell;
use std::hint::black_box;
use std::io::Read;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use mover::pipeline::{ChunkInfo, Cutter, Inspector, Transform};
use mover::plugin::{Engine, Limits, Plugin, Trust, builtin};

const CHUNK: usize = 1 << 20;
const PIECES: usize = 64;
const ROUNDS: usize = 7;
const KEY: [u8; 32] = [1; 32];
const NONCE: [u8; 24] = [2; 24];
const BINDING: [u8; 64] = [3; 64];

/// Takes a piece by its number.
type Side = Box<dyn FnMut(usize, &[u8])>;

/// One stage, built twice.
struct Stage {
    name: &'static str,
    native: Side,
    wasm: Side,
    /// Fuel that the component has used.
    fuel: Box<dyn Fn() -> u64>,
}

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let folder = folder.unwrap_or_else(|| "/usr/lib".to_owned());
    let pieces = pieces(Path::new(&folder));
    println!(
        "{} pieces of 1 MiB of {folder}, medians of {ROUNDS} rounds, native and wasm in turns",
        pieces.len()
    );
    println!(
        "{:<28}{:>12}{:>10}{:>8}{:>16}{:>12}{:>14}",
        "", "native MB/s", "wasm MB/s", "ratio", "native cycles/B", "wasm", "fuel a byte"
    );
    for make in [zstd, zstd_back, cipher, cipher_back, dedupe, snoop_type, snoop_yara] {
        show(make(&pieces), &pieces);
    }
}

#[allow(clippy::cast_precision_loss, reason = "rates")]
fn show(mut stage: Stage, pieces: &[Vec<u8>]) {
    let bytes = (CHUNK * pieces.len()) as f64;
    let all = |side: &mut dyn FnMut(usize, &[u8])| {
        let began = Instant::now();
        pieces.iter().enumerate().for_each(|(number, piece)| side(number, piece));
        began.elapsed().as_secs_f64()
    };
    // Once before it is measured: buffers grow.
    all(&mut stage.native);
    all(&mut stage.wasm);
    let before = (stage.fuel)();
    let round = |_| (all(&mut stage.native), all(&mut stage.wasm));
    let rounds: Vec<_> = (0..ROUNDS).map(round).collect();
    let fuel = ((stage.fuel)() - before) as f64 / (bytes * ROUNDS as f64);
    let median = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<_> = rounds.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    let (native, wasm) = (median(|it| it.0), median(|it| it.1));
    println!(
        "{:<28}{:>12.0}{:>10.0}{:>8.2}{:>16.2}{:>12.2}{:>14.2}",
        stage.name,
        bytes / native / 1e6,
        bytes / wasm / 1e6,
        median(|it| it.0 / it.1),
        native * hertz() / bytes,
        wasm * hertz() / bytes,
        fuel,
    );
}

/// What this processor says of its clock; cycles are only as good as that.
fn hertz() -> f64 {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("cpu MHz"));
    let value = line.and_then(|line| line.split(": ").nth(1)?.parse::<f64>().ok());
    value.map_or(f64::NAN, |megahertz| megahertz * 1e6)
}

/// The first bytes of files in the order of their names, until it is enough.
fn pieces(folder: &Path) -> Vec<Vec<u8>> {
    let (mut bytes, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            match std::fs::symlink_metadata(&path) {
                Ok(it) if it.is_dir() => folders.push(path),
                Ok(it) if it.is_file() => {
                    let file = std::fs::File::open(&path);
                    // Not more of one file: a library of 100 MB would be all that is seen.
                    let _ = file.and_then(|file| file.take(CHUNK as u64).read_to_end(&mut bytes));
                }
                _ => {}
            }
            if bytes.len() >= CHUNK * PIECES {
                return bytes.chunks_exact(CHUNK).take(PIECES).map(<[u8]>::to_vec).collect();
            }
        }
    }
    panic!("{} has less than {PIECES} MiB of files", folder.display())
}

fn plugin(name: &str) -> Arc<Plugin> {
    let log = Arc::new(|_: &str, _, _: &str| {});
    let engine = Engine::new(None, Limits::default(), log).expect("this machine runs WebAssembly");
    engine.load(builtin::find(name).expect("it is built in"), Trust::BuiltIn).expect("it loads")
}

/// A component that two closures share: the one that calls it, and the one that asks for its fuel.
fn twice<T>(it: T) -> (Rc<RefCell<T>>, Rc<RefCell<T>>) {
    let it = Rc::new(RefCell::new(it));
    (Rc::clone(&it), it)
}

fn info(nonce: &'static [u8]) -> ChunkInfo<'static> {
    let plain_length = u32::try_from(CHUNK).expect("a chunk");
    ChunkInfo { plain_length, nonce, binding: &BINDING }
}

fn zstd(_: &[Vec<u8>]) -> Stage {
    let mut native = zstd_codec::Codec::open("{}").expect("it opens");
    let (called, asked) = twice(plugin("zstd").transform("{}", &[]).expect("it opens"));
    let mut output = Vec::new();
    Stage {
        name: "zstd, level 3",
        native: Box::new(move |_, piece| {
            black_box(native.encode(piece).expect("it encodes"));
        }),
        wasm: Box::new(move |_, piece| {
            called.borrow_mut().encode(&info(&[]), piece, &mut output).expect("it encodes");
        }),
        fuel: Box::new(move || asked.borrow().usage().fuel),
    }
}

fn zstd_back(pieces: &[Vec<u8>]) -> Stage {
    let mut native = zstd_codec::Codec::open("{}").expect("it opens");
    let (called, asked) = twice(plugin("zstd").transform("{}", &[]).expect("it opens"));
    let encode = |piece: &Vec<u8>| native.encode(piece).expect("it encodes").to_vec();
    let frames: Rc<[Vec<u8>]> = pieces.iter().map(encode).collect();
    let same = Rc::clone(&frames);
    let mut output = Vec::new();
    Stage {
        name: "zstd, back",
        native: Box::new(move |number, piece| {
            let plain = native.decode(&frames[number], info(&[]).plain_length).expect("a frame");
            assert!(plain.len() == piece.len());
        }),
        wasm: Box::new(move |number, piece| {
            called.borrow_mut().decode(&info(&[]), &same[number], &mut output).expect("a frame");
            assert!(output.len() == piece.len());
        }),
        fuel: Box::new(move || asked.borrow().usage().fuel),
    }
}

fn cipher(_: &[Vec<u8>]) -> Stage {
    let native = XChaCha20Poly1305::new(&KEY.into());
    let cipher = plugin("chacha20poly1305").transform("{}", &KEY).expect("it opens");
    let (called, asked) = twice(cipher);
    let (mut buffer, mut output) = (Vec::new(), Vec::new());
    Stage {
        name: "chacha20poly1305",
        native: Box::new(move |_, piece| {
            buffer.clear();
            buffer.extend_from_slice(piece);
            let tag =
                native.encrypt_inout_detached(&NONCE.into(), &BINDING, (&mut buffer[..]).into());
            black_box(tag.expect("it encrypts"));
        }),
        wasm: Box::new(move |_, piece| {
            called.borrow_mut().encode(&info(&NONCE), piece, &mut output).expect("it encrypts");
        }),
        fuel: Box::new(move || asked.borrow().usage().fuel),
    }
}

fn cipher_back(pieces: &[Vec<u8>]) -> Stage {
    let native = XChaCha20Poly1305::new(&KEY.into());
    let cipher = plugin("chacha20poly1305").transform("{}", &KEY).expect("it opens");
    let (called, asked) = twice(cipher);
    let seal = |piece: &Vec<u8>| {
        let mut sealed = piece.clone();
        native.encrypt_in_place(&NONCE.into(), &BINDING, &mut sealed).expect("it encrypts");
        sealed
    };
    let sealed: Rc<[Vec<u8>]> = pieces.iter().map(seal).collect();
    let same = Rc::clone(&sealed);
    let (mut buffer, mut output) = (Vec::new(), Vec::new());
    Stage {
        name: "chacha20poly1305, back",
        native: Box::new(move |number, piece| {
            buffer.clear();
            buffer.extend_from_slice(&sealed[number]);
            native.decrypt_in_place(&NONCE.into(), &BINDING, &mut buffer).expect("it opens");
            assert!(buffer.len() == piece.len());
        }),
        wasm: Box::new(move |number, piece| {
            called
                .borrow_mut()
                .decode(&info(&NONCE), &same[number], &mut output)
                .expect("it opens");
            assert!(output.len() == piece.len());
        }),
        fuel: Box::new(move || asked.borrow().usage().fuel),
    }
}

fn dedupe(_: &[Vec<u8>]) -> Stage {
    let native = cutter::Cutter::open("{}").expect("it opens");
    let (called, asked) = twice(plugin("crc-dedupe").cutter("{}").expect("it opens"));
    let mut cuts = Vec::new();
    let ends = [info(&[]).plain_length];
    Stage {
        name: "crc-dedupe",
        native: Box::new(move |_, piece| {
            let block = |block: &[u8]| (block.len(), crc32c::crc32c(block));
            black_box(native.cut(piece, &ends, block).expect("ends are right"));
        }),
        wasm: Box::new(move |_, piece| {
            cuts.clear();
            called.borrow_mut().cut(piece, &ends, &mut cuts).expect("ends are right");
        }),
        fuel: Box::new(move || asked.borrow().usage().fuel),
    }
}

fn snoop_type(_: &[Vec<u8>]) -> Stage {
    let mut native = type_inspector::Inspector::open("{}").expect("it opens");
    snoop("snoop-type", move |piece, ends| {
        black_box(native.inspect(piece, ends).expect("ends are right"));
    })
}

fn snoop_yara(_: &[Vec<u8>]) -> Stage {
    let mut native = inspector::Inspector::open("{}").expect("it opens");
    snoop("snoop-yara", move |piece, ends| {
        black_box(native.inspect(piece, ends).expect("ends are right"));
    })
}

/// An inspector that takes each piece for an entry.
fn snoop(name: &'static str, mut native: impl FnMut(&[u8], &[u32]) + 'static) -> Stage {
    let (called, asked) = twice(plugin(name).inspector("{}").expect("it opens"));
    let ends = [info(&[]).plain_length];
    Stage {
        name,
        native: Box::new(move |_, piece| native(piece, &ends)),
        wasm: Box::new(move |_, piece| {
            black_box(called.borrow_mut().inspect(piece, &ends).expect("ends are right"));
        }),
        fuel: Box::new(move || asked.borrow().usage().fuel),
    }
}

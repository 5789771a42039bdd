//! What components cost: `cargo bench --locked --features mover/failpoints -p tests --bench plugin`.

#[path = "../kit/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the tests use the rest")]
mod kit;

use std::sync::Arc;
use std::time::{Duration, Instant};

use kit::guest::Guest;
use kit::random::Random;
use mover::pipeline::{ChunkInfo, Transform};
use mover::plugin::{CompiledCache, Engine, Limits, Trust, builtin, describe};

const CHUNK: usize = 1 << 20;

fn engine(cache: Option<CompiledCache>) -> Engine {
    let log = Arc::new(|_: &str, _, _: &str| {});
    Engine::new(cache, Limits::default(), log).expect("this machine runs WebAssembly")
}

/// The least of so many times: what it costs when nobody else is in the way.
fn least(count: usize, mut what: impl FnMut()) -> Duration {
    let time = |_| {
        let began = Instant::now();
        what();
        began.elapsed()
    };
    (0..count).map(time).min().expect("at least one")
}

#[allow(clippy::cast_precision_loss, reason = "a rate")]
fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64()
}

fn main() {
    start_up();
    identity();
    small_calls();
}

/// Each built-in component with a warm cache, as at the start of every command.
fn start_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, key) = (folder.path().join("cache"), folder.path().join("key/key"));
    let open = || engine(Some(CompiledCache::open(&path, &key).expect("a new folder")));
    println!("start-up with a warm cache, the least of 20, in ms:");
    for name in builtin::names() {
        let bytes = builtin::find(name).expect("a name of its own");
        let before: Vec<_> = files(&path);
        drop(open().load(bytes, Trust::BuiltIn).expect("it loads"));
        let entry = files(&path).into_iter().find(|file| !before.contains(file)).expect("kept");
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let look = milliseconds(least(20, || drop(describe(bytes))));
        let check = milliseconds(least(20, || {
            let code = std::fs::read(&entry).expect("the cache");
            std::hint::black_box(blake3::keyed_hash(&[1; 32], &code));
        }));
        let engine = open();
        let load = milliseconds(least(20, || {
            drop(engine.load(bytes, Trust::BuiltIn).expect("it loads"));
        }));
        let plugin = engine.load(bytes, Trust::BuiltIn).expect("it loads");
        let instantiate = milliseconds(least(20, || match plugin.role() {
            format::Role::Transform => {
                let key = if plugin.manifest().keyed { &[1; 32][..] } else { &[] };
                drop(plugin.transform("{}", key).expect("it opens"));
            }
            format::Role::Snoop => drop(plugin.inspector("{}").expect("it opens")),
            format::Role::Dedupe => drop(plugin.cutter("{}").expect("it opens")),
            format::Role::Filter => unreachable!("none is built in"),
        }));
        println!(
            "  {name}: {:.2} = looked at {look:.2}, code read and checked {check:.2}, taken over \
             {:.2}, instantiated and opened {instantiate:.2}",
            load + instantiate,
            (load - look - check).max(0.0),
        );
    }
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(folder).into_iter().flatten();
    files.map(|file| file.expect("an entry").path()).collect()
}

/// A transform that changes nothing, by chunks of 1 MiB.
fn identity() {
    let plugin = engine(None).load(&Guest::transform().build(), Trust::Operator).expect("it loads");
    let mut codec = plugin.transform("{}", &[]).expect("it opens");
    let plain = Random::new(1).bytes(CHUNK);
    let plain_length = u32::try_from(CHUNK).expect("a chunk");
    let info = ChunkInfo { plain_length, nonce: &[], binding: &[7; 100] };
    let (mut encoded, mut decoded) = (Vec::with_capacity(2 * CHUNK), Vec::with_capacity(CHUNK));
    let one_way = least(300, || codec.encode(&info, &plain, &mut encoded).expect("honest"));
    let copy = least(300, || {
        decoded.clear();
        decoded.extend_from_slice(std::hint::black_box(&plain));
    });
    let verified = least(300, || {
        codec.encode(&info, &plain, &mut encoded).expect("honest");
        codec.decode(&info, &encoded, &mut decoded).expect("honest");
        assert!(decoded == plain);
    });
    let usage = codec.usage();
    println!("identity at 1 MiB, the best of 300, in GB/s:");
    println!("  decode-verify off {:.2}", rate(CHUNK, one_way) / 1e9);
    println!("  decode-verify on {:.2}", rate(CHUNK, verified) / 1e9);
    println!("  one plain copy of the same {:.2}", rate(CHUNK, copy) / 1e9);
    println!(
        "  copied for each byte: {:.3} in, {:.3} out",
        rate(usize::try_from(usage.bytes_in).expect("fits"), Duration::from_secs(1))
            / rate(usize::try_from(usage.calls).expect("fits") * CHUNK, Duration::from_secs(1)),
        rate(usize::try_from(usage.bytes_out).expect("fits"), Duration::from_secs(1))
            / rate(usize::try_from(usage.calls).expect("fits") * CHUNK, Duration::from_secs(1)),
    );
}

/// Calls with 16 bytes.
fn small_calls() {
    let plugin = engine(None).load(&Guest::transform().build(), Trust::Operator).expect("it loads");
    let mut codec = plugin.transform("{}", &[]).expect("it opens");
    let plain = [7; 16];
    let info = ChunkInfo { plain_length: 16, nonce: &[], binding: &[] };
    let mut encoded = Vec::with_capacity(4096);
    let time = least(20, || {
        for _ in 0..10_000 {
            codec.encode(&info, &plain, &mut encoded).expect("honest");
        }
    });
    println!("small calls, the best of 20 times 10,000: {:.0} a second", rate(10_000, time));
}

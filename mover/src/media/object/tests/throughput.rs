//! How fast it is beside plain clients, on loopback: `cargo test --release -- --ignored throughput --nocapture`.

use std::time::Instant;

use super::super::{ObjectConfig, ObjectStorage};
use super::servers::Server;
use crate::media::Storage;
use crate::media::conformance::bytes;

#[test]
#[ignore = "a measurement"]
fn throughput() {
    let server = Server::rclone();
    let all = bytes(1, 256 << 20);
    let rate = |begun: Instant| (256. * 1.048_576 / begun.elapsed().as_secs_f64()).round();
    for part in [4, 16, 64] {
        let prefix = format!("part-{part}");
        let config = ObjectConfig { part_length: part << 20, prefix, ..server.config() };
        let storage = ObjectStorage::new(&config).unwrap();
        let mut file = storage.create("1").unwrap();
        let begun = Instant::now();
        for piece in all.chunks(1 << 20) {
            let _ = file.write(piece).unwrap();
        }
        file.sync().unwrap();
        let put = rate(begun);
        let mut read = vec![0; all.len()];
        let mut rates = Vec::new();
        for length in [64 << 10, 1 << 20, 16 << 20] {
            let reader = storage.open("1").unwrap();
            let begun = Instant::now();
            for (index, piece) in read.chunks_mut(length).enumerate() {
                reader.read_at((index * length) as u64, piece).unwrap();
            }
            rates.push(rate(begun));
        }
        assert!(read == all);
        println!("parts of {part} MiB: put {put} MB/s, reads of 64 KiB, 1, 16 MiB {rates:?} MB/s");
    }
    // For the plain clients that are measured beside it.
    if let Ok(script) = std::env::var("BESIDE") {
        let file = server.folder.path().join("file");
        std::fs::write(&file, &all).unwrap();
        let args = [server.port.to_string(), file.to_str().unwrap().to_owned()];
        std::process::Command::new(script).args(args).status().unwrap();
    }
}

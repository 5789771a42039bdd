//! How fast records go over, for people: `cargo test --release -- --ignored --nocapture speed`.

use std::time::Instant;

use super::kit::Tgt;
use super::tape::{loaded, record};
use crate::media::Room;
use crate::media::tape::{TapeDevice, TapeRead};

#[test]
#[ignore = "prints figures and checks none"]
fn speed_of_records() {
    for length in [4 << 10, 64 << 10, 256 << 10, 1 << 20] {
        let tgt = Tgt::library(2, 2000);
        let mut drive = loaded(&tgt);
        drive.rewind().unwrap();
        let count = (512 << 20) / length.max(32 << 10);
        let bytes = record(1, length);
        let start = Instant::now();
        for _ in 0..count {
            assert_eq!(drive.write(&bytes).unwrap(), Room::Ample);
        }
        let written = start.elapsed();
        assert_eq!(drive.write_filemarks(1).unwrap(), Room::Ample);
        drive.rewind().unwrap();
        let mut buffer = vec![0; length];
        let start = Instant::now();
        for _ in 0..count {
            assert_eq!(drive.read(&mut buffer).unwrap(), TapeRead::Record(length));
        }
        let read = start.elapsed();
        let rate = |time: std::time::Duration| (count * length) as f64 / 1e6 / time.as_secs_f64();
        println!(
            "{:5} KiB: written {:4.0} MB/s, read {:4.0} MB/s",
            length >> 10,
            rate(written),
            rate(read)
        );
    }
}

//! Numbers of one to eight bytes, and those that came before them.

use crate::{DeltaConfig, Mode};
use mover_plugin::Direction;

/// Rewrites one number after another.
#[derive(Debug)]
pub(crate) struct Numbers {
    width: usize,
    mode: Mode,
    is_big_endian: bool,
    direction: Direction,
    /// The last `stride` numbers, in a ring: the one that the next is compared with is at `next`.
    before: Vec<u64>,
    next: usize,
}

impl Numbers {
    pub(crate) fn new(config: &DeltaConfig, direction: Direction) -> Self {
        Self {
            width: config.width,
            mode: config.mode,
            is_big_endian: config.big_endian,
            direction,
            before: vec![0; config.stride],
            next: 0,
        }
    }

    /// Forgets all numbers.
    pub(crate) fn restart(&mut self) {
        self.before.fill(0);
        self.next = 0;
    }

    /// Rewrites the numbers that `bytes` consists of.
    pub(crate) fn rewrite(&mut self, bytes: &mut [u8]) {
        // A width known to the compiler makes a number one load.
        match self.width {
            1 => self.rewrite_width::<1>(bytes),
            2 => self.rewrite_width::<2>(bytes),
            3 => self.rewrite_width::<3>(bytes),
            4 => self.rewrite_width::<4>(bytes),
            5 => self.rewrite_width::<5>(bytes),
            6 => self.rewrite_width::<6>(bytes),
            7 => self.rewrite_width::<7>(bytes),
            _ => self.rewrite_width::<8>(bytes),
        }
    }

    fn rewrite_width<const WIDTH: usize>(&mut self, bytes: &mut [u8]) {
        for bytes in bytes.as_chunks_mut::<WIDTH>().0 {
            if self.is_big_endian {
                bytes.reverse();
            }
            let mut number = [0; 8];
            number[..WIDTH].copy_from_slice(bytes);
            let number = self.number(u64::from_le_bytes(number));
            bytes.copy_from_slice(&number.to_le_bytes()[..WIDTH]);
            if self.is_big_endian {
                bytes.reverse();
            }
        }
    }

    /// Carries beyond the width fall off when the number is written.
    fn number(&mut self, found: u64) -> u64 {
        let before = self.before[self.next];
        let changed = match (self.mode, self.direction) {
            (Mode::Xor, _) => found ^ before,
            (Mode::Delta, Direction::Apply) => found.wrapping_sub(before),
            (Mode::Delta, Direction::Undo) => found.wrapping_add(before),
        };
        self.before[self.next] = match self.direction {
            Direction::Apply => found,
            Direction::Undo => changed,
        };
        self.next += 1;
        if self.next == self.before.len() {
            self.next = 0;
        }
        changed
    }
}

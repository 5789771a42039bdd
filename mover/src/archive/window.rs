//! A window: neighbouring bytes of several entries, with the marks between them.
//!
//! Snoops and the dedupe component see a whole window in one call, so that a million tiny files
//! cost no more calls than one large one.

use format::{Entry, IndexEntry, Options};

/// Bytes of an entry's content with no hole between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where in the entry they begin.
    pub offset: u64,
    /// How many they are.
    pub length: usize,
}

/// What happens along a window, in order.
#[derive(Clone, Debug)]
pub enum Part {
    /// An entry with content begins.
    Begin {
        /// Its number in the archive.
        number: u64,
        /// The entry.
        entry: Box<Entry>,
        /// Which filters its content went through.
        options: Options,
    },
    /// The next bytes of the window are content of the open entry.
    Data(Piece),
    /// The open entry has a hole here.
    Hole(Piece),
    /// The open entry ends.
    End {
        /// Bytes that were read, holes included.
        size: u64,
        /// It could not be read as it should.
        faulty: bool,
    },
    /// An entry without content of its own to read: a folder, a link, a device, another name.
    Bare {
        /// Its number in the archive.
        number: u64,
        /// The entry.
        entry: Box<Entry>,
    },
    /// A file that is as it was in the parent archive.
    Unchanged {
        /// Its number in the archive.
        number: u64,
        /// The entry as it is now, with where its content lies already.
        previous: Box<IndexEntry>,
    },
}

/// Bytes to be inspected and cut in one call.
#[derive(Debug)]
pub struct Window {
    /// All the room there is, cleared once; [`Window::filled`] is what counts.
    bytes: Vec<u8>,
    filled: usize,
    /// Bytes at the front that the last window left uncut, and that the snoops have seen.
    pub seen: usize,
    /// What happens along them.
    pub parts: Vec<Part>,
}

/// Parts without bytes are bounded too.
const PART_COUNT_MAX: usize = 4096;

impl Window {
    /// An empty window of at most `length_max` bytes.
    pub fn new(length_max: usize) -> Window {
        Window { bytes: vec![0; length_max], filled: 0, seen: 0, parts: Vec::new() }
    }

    /// The bytes that were added.
    pub fn filled(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    /// The bytes that the snoops have not seen.
    pub fn unseen(&self) -> &[u8] {
        &self.bytes[self.seen..self.filled]
    }

    /// Bytes that still fit.
    pub fn room(&self) -> usize {
        self.bytes.len() - self.filled
    }

    /// Whether the window is to be worked on before more is added.
    pub fn is_full(&self) -> bool {
        self.room() == 0 || self.parts.len() >= PART_COUNT_MAX
    }

    /// Adds content of the open entry by letting `read` fill the room and count what it filled;
    /// gives what else `read` gave.
    pub fn read_with<T>(&mut self, read: impl FnOnce(&mut [u8]) -> (usize, T)) -> T {
        let (count, result) = read(&mut self.bytes[self.filled..]);
        self.filled += count;
        result
    }

    /// Marks the last `length` bytes as content at `offset` of the open entry.
    pub fn mark_data(&mut self, offset: u64, length: usize) {
        if let Some(Part::Data(piece)) = self.parts.last_mut()
            && piece.offset + piece.length as u64 == offset
        {
            piece.length += length;
            return;
        }
        self.parts.push(Part::Data(Piece { offset, length }));
    }

    /// Positions at which there must be a cut: ends of entries, and holes in them.
    pub fn cut_ends(&self) -> Vec<u32> {
        let mut at = 0;
        let mut ends = Vec::new();
        for part in &self.parts {
            match part {
                Part::Data(piece) => at += piece.length,
                Part::Hole(_) | Part::End { .. }
                    if at > 0 && ends.last() != Some(&position(at)) =>
                {
                    ends.push(position(at));
                }
                _ => {}
            }
        }
        ends
    }

    /// Positions, among the bytes that the snoops have not seen, at which entries end.
    pub fn entry_ends(&self) -> Vec<u32> {
        let mut at = 0;
        let mut ends = Vec::new();
        for part in &self.parts {
            match part {
                Part::Data(piece) => at += piece.length,
                Part::End { .. } => ends.push(position(at.saturating_sub(self.seen))),
                _ => {}
            }
        }
        ends
    }

    /// Empties the window, but for `rest` bytes at its end that stay as content of the entry that
    /// goes on, from `offset` of it.
    pub fn carry(&mut self, rest: usize, offset: u64) {
        self.bytes.copy_within(self.filled - rest..self.filled, 0);
        self.filled = rest;
        self.seen = rest;
        self.parts.clear();
        if rest > 0 {
            self.parts.push(Part::Data(Piece { offset, length: rest }));
        }
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a window is far smaller than 4 GiB")
}

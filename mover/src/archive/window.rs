//! A window: neighbouring bytes of several entries, with the marks between them.
//!
//! Snoops and the dedupe component see a whole window in one call, so that a million tiny files
//! cost no more calls than one large one.

use format::{Entry, IndexEntry, Options};

use crate::error::Error;

/// Bytes of an entry's content with no hole between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where in the entry they begin.
    pub offset: u64,
    /// How many they are.
    pub length: usize,
}

/// What happens along a window, in order.
#[derive(Debug)]
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
    /// Something went wrong with an entry.
    Fault {
        /// Its path.
        path: Vec<u8>,
        /// What.
        error: Error,
        /// It is a file that could not even be opened, and has no other part.
        is_unread: bool,
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
    /// All the room there is, cleared once: in front, for what the window before leaves uncut;
    /// behind that, for what is read.
    bytes: Vec<u8>,
    /// Where the room in front ends, while nothing is in it.
    front: usize,
    start: usize,
    end: usize,
    /// Bytes at the start that the snoops have seen.
    seen: usize,
    /// What happens along them.
    pub parts: Vec<Part>,
}

/// Parts without bytes are bounded too.
const PART_COUNT_MAX: usize = 4096;

impl Window {
    /// An empty window for `length` bytes, and `front` that an earlier one left over.
    pub fn new(front: usize, length: usize) -> Window {
        let bytes = vec![0; front + length];
        Window { bytes, front, start: front, end: front, seen: 0, parts: Vec::new() }
    }

    /// The bytes that were added.
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// The bytes that the snoops have not seen.
    pub fn unseen(&self) -> &[u8] {
        &self.filled()[self.seen..]
    }

    /// Whether the window is to be worked on before more is added.
    pub fn is_full(&self) -> bool {
        self.end == self.bytes.len() || self.parts.len() >= PART_COUNT_MAX
    }

    /// Adds content of the open entry by letting `read` fill the room and count what it filled;
    /// gives what else `read` gave.
    pub fn read_with<T>(&mut self, read: impl FnOnce(&mut [u8]) -> (usize, T)) -> T {
        let (count, result) = read(&mut self.bytes[self.end..]);
        self.end += count;
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

    /// Puts in front what the window before left uncut, and the snoops have seen: content of the
    /// entry that goes on, from `offset` of it.
    pub fn prepend(&mut self, rest: &[u8], offset: u64) {
        if rest.is_empty() {
            return;
        }
        let start = self.start.checked_sub(rest.len()).expect("less than a block is left uncut");
        self.bytes[start..self.start].copy_from_slice(rest);
        self.start = start;
        self.seen = rest.len();
        match self.parts.first_mut() {
            Some(Part::Data(piece)) if offset + rest.len() as u64 == piece.offset => {
                *piece = Piece { offset, length: rest.len() + piece.length };
            }
            _ => self.parts.insert(0, Part::Data(Piece { offset, length: rest.len() })),
        }
    }

    /// The snoops have seen the first bytes, so many or all.
    pub fn mark_seen(&mut self, length: usize) {
        self.seen = length.min(self.filled().len());
    }

    /// Empties the window.
    pub fn clear(&mut self) {
        (self.start, self.end, self.seen) = (self.front, self.front, 0);
        self.parts.clear();
    }
}

fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a window is far smaller than 4 GiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(window: &mut Window, offset: u64, bytes: &[u8]) {
        window.read_with(|room| {
            room[..bytes.len()].copy_from_slice(bytes);
            (bytes.len(), ())
        });
        window.mark_data(offset, bytes.len());
    }

    #[test]
    fn what_was_left_uncut_comes_before_what_was_read_and_is_not_shown_again() {
        let mut window = Window::new(4, 8);
        add(&mut window, 103, b"more");
        window.parts.push(Part::End { size: 107, faulty: false });
        window.prepend(b"abc", 100);
        assert_eq!((window.filled(), window.unseen()), (&b"abcmore"[..], &b"more"[..]));
        assert!(matches!(window.parts[0], Part::Data(Piece { offset: 100, length: 7 })));
        assert_eq!((window.cut_ends(), window.entry_ends()), (vec![7], vec![4]));
        window.clear();
        assert!(window.filled().is_empty() && window.parts.is_empty());
    }

    #[test]
    fn what_was_left_uncut_stays_apart_from_what_lies_behind_a_hole() {
        let mut window = Window::new(4, 8);
        window.parts.push(Part::Hole(Piece { offset: 3, length: 7 }));
        add(&mut window, 10, b"x");
        window.prepend(b"abc", 0);
        assert_eq!((window.parts.len(), window.cut_ends()), (3, vec![3]));
    }

    #[test]
    fn a_window_is_full_of_bytes_or_of_parts() {
        let mut window = Window::new(4, 2);
        add(&mut window, 0, b"x");
        assert!(!window.is_full());
        add(&mut window, 1, b"y");
        assert!(window.is_full());
        window.clear();
        let fault = || Part::End { size: 0, faulty: false };
        window.parts.extend(std::iter::repeat_with(fault).take(PART_COUNT_MAX));
        assert!(window.is_full());
    }

    #[test]
    fn a_file_that_has_become_shorter_than_what_was_seen_of_it_has_nothing_unseen() {
        let mut window = Window::new(4, 8);
        add(&mut window, 0, b"xy");
        window.mark_seen(5);
        assert!(window.unseen().is_empty());
    }
}

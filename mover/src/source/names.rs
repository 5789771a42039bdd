//! The names in one folder, sorted, in few bytes: a million of them must not fill the memory.

use std::mem::MaybeUninit;

use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, RawDir};
use rustix::io::Errno;

/// What a listing says about an entry's kind, before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    Folder,
    Other,
    /// Some file systems do not say.
    Unknown,
}

/// Names as slices of one arena, and a cursor.
#[derive(Default)]
pub(super) struct Names {
    arena: Vec<u8>,
    slots: Vec<Slot>,
    next: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    /// The first eight bytes, so that sorting seldom touches the arena.
    prefix: u64,
    offset: u32,
    length: u16,
    hint: Hint,
}

// Twenty bytes of name and this make 40 MiB of a million files.
const _: () = assert!(size_of::<Slot>() == 16);

impl Names {
    /// Reads and sorts a folder; `buffer` is scratch.
    /// After an error, it holds what was read before.
    pub(super) fn read(
        folder: BorrowedFd<'_>,
        buffer: &mut [MaybeUninit<u8>],
    ) -> (Names, Option<Errno>) {
        let mut names = Names::default();
        let mut failure = None;
        let mut listing = RawDir::new(folder, buffer);
        while let Some(item) = listing.next() {
            match item {
                Ok(item) => {
                    let name = item.file_name().to_bytes();
                    if name == b"." || name == b".." {
                        continue;
                    }
                    let hint = match item.file_type() {
                        FileType::Directory => Hint::Folder,
                        FileType::Unknown => Hint::Unknown,
                        _ => Hint::Other,
                    };
                    if !names.push(name, hint) {
                        failure = Some(Errno::OVERFLOW);
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(errno) => {
                    failure = Some(errno);
                    break;
                }
            }
        }
        names.sort();
        (names, failure)
    }

    /// Answers whether there was room: an arena holds 4 GiB, and a name 64 KiB.
    fn push(&mut self, name: &[u8], hint: Hint) -> bool {
        let (Ok(offset), Ok(length)) = (u32::try_from(self.arena.len()), u16::try_from(name.len()))
        else {
            return false;
        };
        let first = |index| u64::from(name.get(index).copied().unwrap_or(0));
        let prefix = (0..8).fold(0, |prefix, index| prefix << 8 | first(index));
        self.arena.extend_from_slice(name);
        self.slots.push(Slot { prefix, offset, length, hint });
        true
    }

    fn sort(&mut self) {
        let arena = &self.arena;
        // No name holds a zero, so that equal prefixes mean two longer names.
        self.slots.sort_unstable_by(|left, right| {
            let by_prefix = left.prefix.cmp(&right.prefix);
            by_prefix.then_with(|| left.name(arena).cmp(right.name(arena)))
        });
        // A listing that changes while it is read may give a name twice.
        self.slots.dedup_by(|left, right| {
            left.prefix == right.prefix && left.name(arena) == right.name(arena)
        });
    }

    /// The next name in order.
    pub(super) fn next(&mut self) -> Option<(&[u8], Hint)> {
        let slot = self.slots.get(self.next)?;
        self.next += 1;
        Some((slot.name(&self.arena), slot.hint))
    }

    /// Whether a name is there.
    pub(super) fn contains(&self, name: &[u8]) -> bool {
        self.slots.binary_search_by(|slot| slot.name(&self.arena).cmp(name)).is_ok()
    }

    /// Forgets all names but one.
    pub(super) fn keep_only(&mut self, name: &[u8]) {
        let arena = &self.arena;
        self.slots.retain(|slot| slot.name(arena) == name);
    }
}

impl Slot {
    fn name<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        let start = self.offset as usize;
        &arena[start..start + usize::from(self.length)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn names_come_in_the_order_of_their_bytes(
            mut given in proptest::collection::vec("[a-c./]{1,12}", 0..40)
        ) {
            let mut names = Names::default();
            for name in &given {
                prop_assert!(names.push(name.as_bytes(), Hint::Other));
            }
            names.sort();
            given.sort();
            given.dedup();
            let mut got = Vec::new();
            while let Some((name, _)) = names.next() {
                got.push(String::from_utf8(name.to_vec()).unwrap());
            }
            prop_assert_eq!(got, given);
        }
    }
}

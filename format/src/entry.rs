//! An entry: one thing in a source's tree, with everything but its content. SPEC 9.

use crate::error::{Error, Result};
use crate::id::Timestamp;
use crate::limits;
use crate::wire::{Put, Take};

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EntryKind {
    /// A regular file, or the bytes that came through standard input.
    File = 1,
    /// A folder.
    Directory = 2,
    /// A symbolic link; its target is in [`Entry::link_target`].
    Symlink = 3,
    /// A named pipe.
    Fifo = 4,
    /// A character device.
    CharDevice = 5,
    /// A block device.
    BlockDevice = 6,
    /// A socket in the file system; kept for the record, not made again.
    Socket = 7,
}

impl EntryKind {
    fn decode(value: u8) -> Result<EntryKind> {
        Ok(match value {
            1 => EntryKind::File,
            2 => EntryKind::Directory,
            3 => EntryKind::Symlink,
            4 => EntryKind::Fifo,
            5 => EntryKind::CharDevice,
            6 => EntryKind::BlockDevice,
            7 => EntryKind::Socket,
            _ => return Err(Error::Unknown { what: "entry kind", value: value.into() }),
        })
    }
}

/// An extended attribute; POSIX ACLs are the attributes `system.posix_acl_*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Xattr {
    /// The full name, with its namespace.
    pub name: Vec<u8>,
    /// The value as the file system gives it.
    pub value: Vec<u8>,
}

/// One thing in the tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Where it lies below the archive's root: components joined by `/`, any bytes but NUL;
    /// empty for the root itself. Never absolute, and no component is empty, `.` or `..`.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Permission bits with set-user, set-group and sticky: the lower 12 bits of `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When the content was changed last.
    pub mtime: Timestamp,
    /// When the entry was changed last: for finding what is unchanged, never restored.
    pub ctime: Timestamp,
    /// Bytes of content of a file, holes included; 0 for all else.
    pub size: u64,
    /// The source's device number: for finding hard links and what is unchanged.
    pub device: u64,
    /// The source's inode number: likewise.
    pub inode: u64,
    /// Major and minor number of a device node; otherwise 0.
    pub device_node: (u32, u32),
    /// Names of the same file share this number; 0 where there is one name only.
    pub link_group: u64,
    /// Where a symbolic link points; otherwise empty.
    pub link_target: Vec<u8>,
    /// In ascending order of names.
    pub xattrs: Vec<Xattr>,
}

/// Bytes of an entry with empty path, no target and no attributes.
const FIXED_LENGTH: usize = 88;

impl Entry {
    /// An entry of a kind at a path, all else zero.
    pub fn new(path: impl Into<Vec<u8>>, kind: EntryKind) -> Entry {
        Entry {
            path: path.into(),
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            mtime: Timestamp::default(),
            ctime: Timestamp::default(),
            size: 0,
            device: 0,
            inode: 0,
            device_node: (0, 0),
            link_group: 0,
            link_target: Vec::new(),
            xattrs: Vec::new(),
        }
    }

    /// Appends the entry's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(self.kind as u8);
        out.put_u8(0);
        out.put_u16(u16::try_from(self.mode & 0o7777).expect("12 bits"));
        out.put_u32(self.uid);
        out.put_u32(self.gid);
        self.mtime.encode(out);
        self.ctime.encode(out);
        out.put_u64(self.size);
        out.put_u64(self.device);
        out.put_u64(self.inode);
        out.put_u32(self.device_node.0);
        out.put_u32(self.device_node.1);
        out.put_u64(self.link_group);
        out.put_bytes(&self.path, limits::PATH_LENGTH_MAX);
        out.put_bytes(&self.link_target, limits::PATH_LENGTH_MAX);
        out.put_count(self.xattrs.len(), limits::XATTR_COUNT_MAX);
        for xattr in &self.xattrs {
            out.put_bytes(&xattr.name, limits::NAME_LENGTH_MAX);
            out.put_bytes(&xattr.value, limits::XATTR_LENGTH_MAX);
        }
    }

    /// Bytes that [`Entry::encode`] appends. The limits of its parts allow for more than a chunk
    /// can hold, so whoever gathers attributes has to look.
    pub fn encoded_length(&self) -> usize {
        let xattr = |xattr: &Xattr| 8 + xattr.name.len() + xattr.value.len();
        let xattrs = self.xattrs.iter().map(xattr).sum::<usize>();
        FIXED_LENGTH + self.path.len() + self.link_target.len() + xattrs
    }

    /// Reads an entry that fills `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Entry> {
        let mut take = Take::new("entry", bytes);
        let entry = Entry::take(&mut take)?;
        take.end()?;
        Ok(entry)
    }

    pub(crate) fn take(take: &mut Take<'_>) -> Result<Entry> {
        let kind = EntryKind::decode(take.u8()?)?;
        if take.u8()? != 0 {
            return Err(Error::Invalid { what: "entry", rule: "the reserved byte is 0" });
        }
        let mut entry = Entry::new([], kind);
        entry.mode = take.u16()?.into();
        if entry.mode > 0o7777 {
            return Err(Error::Invalid { what: "entry", rule: "mode has 12 bits" });
        }
        entry.uid = take.u32()?;
        entry.gid = take.u32()?;
        entry.mtime = Timestamp::decode(take)?;
        entry.ctime = Timestamp::decode(take)?;
        entry.size = take.u64_at_most(limits::CONTENT_LENGTH_MAX)?;
        entry.device = take.u64()?;
        entry.inode = take.u64()?;
        entry.device_node = (take.u32()?, take.u32()?);
        entry.link_group = take.u64()?;
        entry.path = take.bytes(limits::PATH_LENGTH_MAX)?.to_vec();
        entry.link_target = take.bytes(limits::PATH_LENGTH_MAX)?.to_vec();
        let count = take.count(limits::XATTR_COUNT_MAX, 8)?;
        entry.xattrs.reserve(count);
        for _ in 0..count {
            let name = take.bytes(limits::NAME_LENGTH_MAX)?.to_vec();
            let value = take.bytes(limits::XATTR_LENGTH_MAX)?.to_vec();
            entry.xattrs.push(Xattr { name, value });
        }
        Ok(entry)
    }

    /// Whether the path would stay below a target folder: the rule that a restorer must enforce.
    /// An entry that breaks it decodes all the same, so that it can be named and counted.
    pub fn path_is_safe(&self) -> bool {
        self.path.is_empty()
            || self.path.split(|byte| *byte == b'/').all(|component| {
                !component.is_empty()
                    && component != b"."
                    && component != b".."
                    && !component.contains(&0)
            })
    }
}

/// Compares paths component by component, the order of every walk and every index:
/// a folder comes before what is in it, and all of that before the folder's next sibling.
pub fn compare_paths(left: &[u8], right: &[u8]) -> std::cmp::Ordering {
    // `/` sorts before every other byte, which makes the comparison one of components.
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 };
    left.iter().map(rank).cmp(right.iter().map(rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_its_error() {
        let mut bytes = Vec::new();
        let entry = Entry { mode: 0o7777, ..Entry::new("a/b", EntryKind::File) };
        entry.encode(&mut bytes);
        assert_eq!(bytes.len(), entry.encoded_length());
        assert_eq!(Entry::decode(&bytes), Ok(entry));
        let check = |at: usize, value: &[u8], expected: fn(&Error) -> bool| {
            let mut bytes = bytes.clone();
            bytes[at..at + value.len()].copy_from_slice(value);
            let error = Entry::decode(&bytes).expect_err("it was changed");
            assert!(expected(&error), "{error}");
        };
        check(0, &[0], |error| matches!(error, Error::Unknown { what: "entry kind", .. }));
        check(0, &[8], |error| matches!(error, Error::Unknown { value: 8, .. }));
        check(1, &[1], |error| matches!(error, Error::Invalid { .. }));
        check(2, &[0, 0x10], |error| matches!(error, Error::Invalid { .. }));
        check(20, &[0xff; 4], |error| matches!(error, Error::Limit { limit: 999_999_999, .. }));
        check(32, &[0xff; 4], |error| matches!(error, Error::Limit { limit: 999_999_999, .. }));
        check(43, &[0x80], |error| matches!(error, Error::Limit { .. }));
        check(76, &[0xff; 4], |error| matches!(error, Error::Limit { limit: 1_048_576, .. }));
        check(76, &[4], |error| matches!(error, Error::Limit { .. } | Error::Truncated { .. }));
        check(87, &[1, 0x10], |error| matches!(error, Error::Limit { limit: 4096, .. }));
        check(87, &[1], |error| matches!(error, Error::Truncated { needed: 8, have: 0, .. }));
    }

    #[test]
    fn paths_that_leave_the_target_are_not_safe() {
        let check = |path: &[u8], safe| {
            assert_eq!(Entry::new(path, EntryKind::File).path_is_safe(), safe, "{path:?}");
        };
        for safe in [&b""[..], b"a", b"a/b", b".a", b"..a/...", b"a b\xff\n"] {
            check(safe, true);
        }
        for unsafe_path in
            [&b"/"[..], b"/a", b"a/", b"a//b", b".", b"..", b"a/../b", b"a/.", b"a\0b"]
        {
            check(unsafe_path, false);
        }
    }

    #[test]
    fn a_folder_comes_before_its_content_and_that_before_the_next_sibling() {
        let ordered: [&[u8]; 10] =
            [b"", b"a", b"a/\x01", b"a/b", b"a/b/c", b"a/b-", b"a\0b", b"a-b", b"a.b", b"ab"];
        assert!(ordered.is_sorted_by(|left, right| compare_paths(left, right).is_lt()));
    }
}

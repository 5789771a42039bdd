//! What is done to a target, as the fuzzer's bytes say: entries with hostile names, kinds, sizes,
//! links and attributes, in any order.
//!
//! Everything is read from the front and by the byte, so that a change of the bytes is a change of
//! one thing; names come from a short list, so that they meet each other, and a bug that lets them
//! out cannot hit a file of this machine's.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use format::{Entry, EntryKind, Timestamp, Xattr, limits};
use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// How a target is opened.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub overwrite: bool,
    pub was_empty: bool,
    pub owners: bool,
    pub as_user: bool,
    pub dry_run: bool,
    /// What is in the folder before; see [`crate::jail::Jail::set`].
    pub traps: u8,
}

impl Scene {
    /// The first two bytes.
    pub fn read(bytes: &mut Unstructured<'_>) -> Result<Scene> {
        let [flags, traps] = bytes.arbitrary::<[u8; 2]>()?;
        let flag = |bit: u8| flags >> bit & 1 == 1;
        Ok(Scene {
            overwrite: flag(0),
            was_empty: flag(1),
            owners: flag(2),
            as_user: flag(3),
            dry_run: flag(4) && flag(5),
            // A folder that is not empty is refused without `overwrite`.
            traps: if flag(0) { traps } else { 0 },
        })
    }
}

/// One call.
#[derive(Debug)]
pub enum Step {
    Begin(Entry, Content),
    Recall(Entry),
    Resume(Entry, Content),
    Glance(Entry),
}

/// What becomes of a file that wants content.
#[derive(Debug)]
pub struct Content {
    /// Offsets and lengths.
    pub writes: Vec<(u64, u8)>,
    pub end: End,
}

/// How the content ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Where the entry says.
    AsSaid,
    AsWritten,
    Cut,
    Dropped,
    Paused,
    /// Behind all other steps.
    Late,
}

const ENDS: [End; 6] =
    [End::AsSaid, End::AsWritten, End::Cut, End::Dropped, End::Paused, End::Late];

/// Names that mean something to a file system or to the folder of a restore.
const NAMES: [&[u8]; 24] = [
    b"a",
    b"b",
    b"c",
    b"d",
    b"e",
    b"f",
    b"file",
    b"link",
    b"linked",
    b"into",
    b"outside",
    b"..",
    b".",
    b"",
    b"\0",
    b"a\0b",
    b"..a",
    b"...",
    b" ",
    b"-rf",
    b"a\nb",
    b"\xff\xfe",
    // As long as a name can be, and longer.
    &[b'n'; 255],
    &[b'n'; 256],
];

const ATTRIBUTES: [&[u8]; 10] = [
    b"user.a",
    b"user.b",
    b"trusted.a",
    b"security.capability",
    b"system.posix_acl_access",
    b"system.posix_acl_default",
    b"user.",
    b"",
    b"user.\0",
    &[b'u'; 300],
];

const KINDS: [EntryKind; 7] = [
    EntryKind::File,
    EntryKind::Directory,
    EntryKind::Symlink,
    EntryKind::Fifo,
    EntryKind::CharDevice,
    EntryKind::BlockDevice,
    EntryKind::Socket,
];

const LARGE: [u64; 8] = [0, 1, 4, 4096, 1 << 20, 1 << 40, 1 << 62, limits::CONTENT_LENGTH_MAX];
const OWNERS: [u32; 5] = [0, 65534, 1000, u32::MAX - 1, u32::MAX];
const SECONDS: [i64; 6] = [0, 1_700_000_000, -1, i64::MIN, i64::MAX, 1 << 33];

impl Step {
    /// The next step.
    pub fn read(bytes: &mut Unstructured<'_>, outside: &Path) -> Result<Step> {
        let call = bytes.arbitrary::<u8>()?;
        let entry = entry(bytes, outside)?;
        Ok(match call % 8 {
            0..5 => Step::Begin(entry, content(bytes)?),
            5 => Step::Recall(entry),
            6 => Step::Resume(entry, content(bytes)?),
            _ => Step::Glance(entry),
        })
    }
}

fn pick<T: Copy>(bytes: &mut Unstructured<'_>, from: &[T]) -> Result<T> {
    Ok(from[usize::from(bytes.arbitrary::<u8>()?) % from.len()])
}

/// Kind, mode, link group and what follows by flags; then the path.
fn entry(bytes: &mut Unstructured<'_>, outside: &Path) -> Result<Entry> {
    let kind = pick(bytes, &KINDS)?;
    let [more, group, mode_low, mode_high] = bytes.arbitrary::<[u8; 4]>()?;
    let mut entry = Entry::new(path(bytes, outside)?, kind);
    entry.mode = u32::from(u16::from_le_bytes([mode_low, mode_high])) & 0o7777;
    entry.link_group = u64::from(group % 4);
    entry.mtime.seconds = 1_700_000_000;
    let flag = |bit: u8| more >> bit & 1 == 1;
    if flag(0) || kind == EntryKind::Symlink {
        entry.link_target = path(bytes, outside)?;
    }
    if flag(1) {
        entry.size = pick(bytes, &LARGE)?;
    }
    if flag(2) {
        (entry.uid, entry.gid) = (pick(bytes, &OWNERS)?, pick(bytes, &OWNERS)?);
    }
    if flag(3) {
        let nanoseconds = pick(bytes, &[0, 1, limits::NANOSECONDS_MAX])?;
        entry.mtime = Timestamp { seconds: pick(bytes, &SECONDS)?, nanoseconds };
    }
    if flag(4) {
        let [major, minor] = bytes.arbitrary::<[u8; 2]>()?;
        let number = |byte: u8| if byte == 0xff { u32::MAX } else { byte.into() };
        entry.device_node = (number(major), number(minor));
    }
    if flag(5) {
        for _ in 0..bytes.arbitrary::<u8>()? % 4 {
            let name = pick(bytes, &ATTRIBUTES)?.to_vec();
            let length = usize::from(bytes.arbitrary::<u8>()? % 64);
            entry.xattrs.push(Xattr { name, value: bytes.bytes(length)?.to_vec() });
        }
    }
    Ok(entry)
}

/// One byte says how many names there are and what is around them; then a byte for each.
fn path(bytes: &mut Unstructured<'_>, outside: &Path) -> Result<Vec<u8>> {
    let head = bytes.arbitrary::<u8>()?;
    let flag = |bit: u8| head >> bit & 1 == 1;
    let mut path = Vec::new();
    if flag(3) {
        path.push(b'/');
    }
    if flag(4) {
        path.extend_from_slice(outside.as_os_str().as_bytes());
        path.push(b'/');
    }
    let start = path.len();
    for place in 0..head & 7 {
        if place > 0 {
            path.push(b'/');
        }
        let name = bytes.arbitrary::<u8>()?;
        match name {
            // Any bytes but those of names that this machine has.
            0xf0.. => {
                let length = usize::from(name & 7);
                path.extend(bytes.bytes(length)?.iter().map(|byte| byte | 0x80));
            }
            name => path.extend_from_slice(NAMES[usize::from(name) % NAMES.len()]),
        }
    }
    if flag(5) {
        path.push(b'/');
    }
    if flag(6) {
        // Far deeper than folders stay open, and longer than a path may be in one call.
        let again = path[start..].to_vec();
        for _ in 0..bytes.arbitrary::<u8>()? {
            path.push(b'/');
            path.extend_from_slice(&again);
        }
    }
    Ok(path)
}

fn content(bytes: &mut Unstructured<'_>) -> Result<Content> {
    let head = bytes.arbitrary::<u8>()?;
    let end = ENDS[usize::from(head >> 2) % ENDS.len()];
    let mut writes = Vec::new();
    for _ in 0..head & 3 {
        writes.push((pick(bytes, &LARGE)?, bytes.arbitrary()?));
    }
    Ok(Content { writes, end })
}

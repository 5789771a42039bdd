//! Looks at one inode: everything of an entry but its content, in as few system calls as possible.

use std::io::Write;

use format::limits::XATTR_COUNT_MAX;
use format::{Entry, EntryKind, Timestamp, Xattr};
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, Statx, StatxFlags, StatxTimestamp, lgetxattr, llistxattr, makedev,
    readlinkat, statx,
};
use rustix::io::Errno;

use super::{Fault, shown};
use crate::{Error, ErrorKind, Result};

/// The kernel lets neither a list of attributes nor a value grow beyond 64 KiB.
const XATTR_BUFFER_SIZE: usize = 64 << 10;
/// The kernel allocates as much as the caller offers, and few lists are longer than this:
/// offering 64 KiB for each made the whole walk a fifth slower.
const XATTR_LIST_SIZE_USUAL: usize = 256;

/// Looks at inodes; holds the buffers that it does so with.
pub(super) struct Inspector {
    /// This process's folder of open files, which spares the kernel a link for each entry.
    open_files: Vec<u8>,
    list: Vec<u8>,
    value: Vec<u8>,
    place: Vec<u8>,
}

/// `statx` without following links and without setting off an automount.
pub(super) fn stat(folder: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    statx(folder, name, flags, StatxFlags::BASIC_STATS)
}

/// `statx` of an open file.
pub(super) fn stat_open(file: BorrowedFd<'_>) -> rustix::io::Result<Statx> {
    statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
}

pub(super) fn file_type(stat: &Statx) -> FileType {
    FileType::from_raw_mode(stat.stx_mode.into())
}

/// Device and inode number: what makes two names the same file.
pub(super) fn identity(stat: &Statx) -> (u64, u64) {
    (makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino)
}

pub(super) fn timestamp(time: StatxTimestamp) -> Timestamp {
    Timestamp { seconds: time.tv_sec, nanoseconds: time.tv_nsec }
}

impl Inspector {
    /// Refuses to work without `/proc`: an archive without attributes would be a silent loss.
    pub(super) fn new() -> Result<Inspector> {
        // Not by our own process id: `/proc` may be that of a namespace above.
        let process = readlinkat(CWD, "/proc/self", Vec::new()).map_err(|errno| {
            Error::io("reading attributes through", "/proc/self", errno)
                .way_out("mount -t proc proc /proc")
        })?;
        let open_files = [b"/proc/", process.as_bytes(), b"/fd/"].concat();
        Ok(Inspector {
            open_files,
            list: vec![0; XATTR_BUFFER_SIZE],
            value: vec![0; XATTR_BUFFER_SIZE],
            place: Vec::new(),
        })
    }

    /// The entry at `path`, and how many names it has.
    /// What else could not be read of it goes to `faults`.
    pub(super) fn inspect(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &[u8],
        path: &[u8],
        faults: &mut impl Extend<Fault>,
    ) -> Result<(Entry, u32), Fault> {
        let stat = stat(folder, name).map_err(|errno| Fault::io("reading", path, errno))?;
        let kind = match file_type(&stat) {
            FileType::RegularFile => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => EntryKind::Symlink,
            FileType::Fifo => EntryKind::Fifo,
            FileType::CharacterDevice => EntryKind::CharDevice,
            FileType::BlockDevice => EntryKind::BlockDevice,
            FileType::Socket => EntryKind::Socket,
            FileType::Unknown => {
                let message = format!("{} is of an unknown kind", shown(path).display());
                let error = Error::new(ErrorKind::Unsupported, message);
                return Err(Fault { path: path.to_vec(), error });
            }
        };
        let mut entry = Entry::new(path, kind);
        entry.mode = u32::from(stat.stx_mode) & 0o7777;
        entry.uid = stat.stx_uid;
        entry.gid = stat.stx_gid;
        entry.mtime = timestamp(stat.stx_mtime);
        entry.ctime = timestamp(stat.stx_ctime);
        (entry.device, entry.inode) = identity(&stat);
        match kind {
            EntryKind::File => entry.size = stat.stx_size,
            EntryKind::Symlink => {
                entry.link_target = readlinkat(folder, name, Vec::new())
                    .map_err(|errno| Fault::io("reading the link", path, errno))?
                    .into_bytes();
            }
            EntryKind::CharDevice | EntryKind::BlockDevice => {
                entry.device_node = (stat.stx_rdev_major, stat.stx_rdev_minor);
            }
            _ => {}
        }
        self.read_xattrs(folder, name, &mut entry, faults);
        let link_count = if kind == EntryKind::Directory { 1 } else { stat.stx_nlink };
        Ok((entry, link_count))
    }

    fn read_xattrs(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &[u8],
        entry: &mut Entry,
        faults: &mut impl Extend<Fault>,
    ) {
        // No call for attributes takes a folder and a name; through /proc, a path stays short
        // however deep the folder lies, and special files need not be opened.
        self.place.clone_from(&self.open_files);
        write!(self.place, "{}/", folder.as_raw_fd()).expect("memory takes it");
        self.place.extend_from_slice(name);
        let length = match llistxattr(&self.place[..], &mut self.list[..XATTR_LIST_SIZE_USUAL]) {
            Err(Errno::RANGE) => llistxattr(&self.place[..], &mut self.list[..]),
            result => result,
        };
        let length = match length {
            Ok(length) => length,
            Err(Errno::OPNOTSUPP) => return,
            Err(errno) => {
                let fault = Fault::io("listing the attributes of", &entry.path, errno);
                faults.extend([fault]);
                return;
            }
        };
        for name in self.list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            match lgetxattr(&self.place[..], name, &mut self.value[..]) {
                Ok(length) => {
                    let value = self.value[..length].to_vec();
                    entry.xattrs.push(Xattr { name: name.to_vec(), value });
                }
                // It was removed in between.
                Err(Errno::NODATA) => {}
                Err(errno) => {
                    let doing = format!("reading attribute {} of", name.escape_ascii());
                    faults.extend([Fault::io(&doing, &entry.path, errno)]);
                }
            }
        }
        entry.xattrs.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        if entry.xattrs.len() > XATTR_COUNT_MAX {
            let path = shown(&entry.path).display();
            let message = format!("{path} has more than {XATTR_COUNT_MAX} attributes");
            let error = Error::new(ErrorKind::Unsupported, message);
            faults.extend([Fault { path: entry.path.clone(), error }]);
            entry.xattrs.truncate(XATTR_COUNT_MAX);
        }
    }
}

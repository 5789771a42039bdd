//! Gives an inode its owner, mode, attributes and times, in the one order that keeps them all:
//! a change of owner drops set-user bits and capabilities, a read-only mode forbids attributes to
//! all but root, and everything changes times.

use format::{Entry, EntryKind, Timestamp};
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{
    AtFlags, Gid, Mode, Statx, StatxFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags,
    chmod, chownat, fchmod, flistxattr, fremovexattr, fsetxattr, futimens, makedev, removexattr,
    setxattr, statx, utimensat,
};
use rustix::io::{Errno, Result};

use super::Site;
use crate::{Error, ErrorKind};

const ACCESS_LIST: &[u8] = b"system.posix_acl_access";
const DEFAULT_LIST: &[u8] = b"system.posix_acl_default";
const SET_USER: u32 = 0o4000;
const SET_GROUP: u32 = 0o2000;

/// `statx` of an open file.
pub(super) fn stat_open(file: &OwnedFd) -> Result<Statx> {
    statx(file, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)
}

/// Device and inode number: what makes two names the same file.
pub(super) fn identity(stat: &Statx) -> (u64, u64) {
    (makedev(stat.stx_dev_major, stat.stx_dev_minor), stat.stx_ino)
}

/// Something that attributes are set on, without looking up its name again.
pub(super) enum Inode<'a> {
    /// A file or folder.
    Opened(&'a OwnedFd),
    /// Whatever cannot be opened, held by `O_PATH`.
    Named(&'a OwnedFd),
}

impl Inode<'_> {
    fn fd(&self) -> &OwnedFd {
        match self {
            Inode::Opened(fd) | Inode::Named(fd) => fd,
        }
    }

    /// Calls that do not take an `O_PATH` descriptor take this path, which leads nowhere else.
    fn place(&self) -> String {
        format!("/proc/self/fd/{}", self.fd().as_raw_fd())
    }

    fn change_mode(&self, mode: u32) -> Result<()> {
        let mode = Mode::from_raw_mode(mode);
        match self {
            Inode::Opened(fd) => fchmod(fd, mode),
            Inode::Named(_) => chmod(self.place(), mode),
        }
    }

    fn set_attribute(&self, name: &[u8], value: &[u8]) -> Result<()> {
        match self {
            Inode::Opened(fd) => fsetxattr(fd, name, value, XattrFlags::empty()),
            Inode::Named(_) => setxattr(self.place(), name, value, XattrFlags::empty()),
        }
    }

    fn remove_attribute(&self, name: &[u8]) -> Result<()> {
        match self {
            Inode::Opened(fd) => fremovexattr(fd, name),
            Inode::Named(_) => removexattr(self.place(), name),
        }
    }

    fn set_times(&self, mtime: Timestamp) -> Result<()> {
        let omit = Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT };
        let mtime = Timespec { tv_sec: mtime.seconds, tv_nsec: mtime.nanoseconds.into() };
        let times = Timestamps { last_access: omit, last_modification: mtime };
        match self {
            Inode::Opened(fd) => futimens(fd, &times),
            Inode::Named(fd) => utimensat(fd, c"", &times, AtFlags::EMPTY_PATH),
        }
    }
}

/// Sets everything that the entry says; what cannot be set is a fault each.
/// Something that was there before (not `is_new`) loses the attributes that the entry lacks.
pub(super) fn apply(site: &Site, inode: &Inode<'_>, entry: &Entry, is_new: bool) {
    let fault =
        |doing: &str, errno| site.fault(&entry.path, site.failed(doing, &entry.path, errno));
    if site.owners
        && let Err(errno) = change_owner(inode, entry)
    {
        fault("changing the owner of", errno);
    }
    let is_symlink = entry.kind == EntryKind::Symlink;
    if !is_symlink {
        remove_attributes(inode, entry, is_new);
    }
    let is_late = |name: &[u8]| name.starts_with(b"system.") || name == b"security.capability";
    let set = |late: bool| {
        for xattr in entry.xattrs.iter().filter(|xattr| is_late(&xattr.name) == late) {
            if let Err(errno) = inode.set_attribute(&xattr.name, &xattr.value) {
                let doing = format!("setting attribute {} of", xattr.name.escape_ascii());
                fault(&doing, errno);
            }
        }
    };
    set(false);
    if !is_symlink {
        // The bits that lend rights wait for the owner whose rights they lend.
        let mode = lendable_mode(site, inode, entry);
        if let Err(errno) = inode.change_mode(mode) {
            fault("changing the mode of", errno);
        }
    }
    set(true);
    if let Err(errno) = inode.set_times(entry.mtime) {
        fault("setting the times of", errno);
    }
}

fn change_owner(inode: &Inode<'_>, entry: &Entry) -> Result<()> {
    // Nobody has this number: to the system it says that the owner stays as it is.
    if entry.uid == u32::MAX || entry.gid == u32::MAX {
        return Err(Errno::INVAL);
    }
    let (uid, gid) = (Uid::from_raw(entry.uid), Gid::from_raw(entry.gid));
    chownat(inode.fd(), c"", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
}

/// The entry's mode, without the set-user and set-group bits if somebody else owns the inode now.
fn lendable_mode(site: &Site, inode: &Inode<'_>, entry: &Entry) -> u32 {
    let lends = entry.mode & (SET_USER | SET_GROUP);
    // On a folder, these bits lend nothing.
    if lends == 0 || entry.kind == EntryKind::Directory {
        return entry.mode;
    }
    let mut kept = entry.mode & !(SET_USER | SET_GROUP);
    if let Ok(stat) = stat_open(inode.fd()) {
        if stat.stx_uid == entry.uid {
            kept |= entry.mode & SET_USER;
        }
        if stat.stx_gid == entry.gid {
            kept |= entry.mode & SET_GROUP;
        }
    }
    if kept != entry.mode {
        let shown = site.show(&entry.path);
        let message = format!(
            "{} lost its set-user or set-group bit, because it has another owner now",
            shown.display()
        );
        let way_out = "restore as root, with owners";
        site.fault(&entry.path, Error::new(ErrorKind::Refused, message).way_out(way_out));
    }
    kept
}

fn remove_attributes(inode: &Inode<'_>, entry: &Entry, is_new: bool) {
    let has = |name: &[u8]| entry.xattrs.iter().any(|xattr| xattr.name == name);
    // What is new may have inherited lists from a folder that was there before.
    for name in [ACCESS_LIST, DEFAULT_LIST] {
        let applies = name == ACCESS_LIST || entry.kind == EntryKind::Directory;
        if applies && !has(name) {
            let _ = inode.remove_attribute(name);
        }
    }
    if is_new {
        return;
    }
    let mut list = vec![0; 64 << 10];
    let length = flistxattr(inode.fd(), &mut list[..]).unwrap_or(0);
    for name in list[..length].split(|byte| *byte == 0) {
        // Labels and the like belong to the system that is restored to.
        if name.starts_with(b"user.") && !has(name) {
            let _ = inode.remove_attribute(name);
        }
    }
}

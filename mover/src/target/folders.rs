//! The folders on the way from the target's root to the entry that is placed next.
//!
//! A folder that is left gets its mode, attributes and times; until then it belongs to us alone.

use std::sync::Arc;

use format::Entry;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, chmod, fchmod, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::attributes::{Inode, apply, identity, stat_open};
use super::{Site, last_name, parent_path};
use crate::{Error, ErrorKind, Result};

/// The deepest folders stay open, and those above are opened again on the way back.
const OPEN_FOLDERS_MAX: usize = 256;
/// The mode of folders that the archive, or the chosen part of it, says nothing of.
const UNSAID_MODE: u32 = 0o755;
const OPEN_FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A stack of open folders; the lowest is the target's root.
pub(super) struct Folders {
    levels: Vec<Level>,
    /// Paths of all levels but the root.
    path: Vec<u8>,
    /// Folders that their owner cannot pass once their mode is set: they wait for the end, so
    /// that hard links to what is in them can still be made.
    late: Vec<(Vec<u8>, u32)>,
}

struct Level {
    /// Closed while we are deep below.
    folder: Option<Arc<OwnedFd>>,
    identity: (u64, u64),
    path_length: usize,
    is_new: bool,
    leaving: Leaving,
}

/// What is to be done when a folder is left.
enum Leaving {
    /// It was there before, and no entry says anything of it.
    Nothing,
    /// It was made, now or by an earlier session, because something in it was.
    Open,
    Apply(Entry),
}

impl Folders {
    /// Nothing is ever placed when `root` is absent.
    pub(super) fn new(root: Option<Arc<OwnedFd>>) -> rustix::io::Result<Folders> {
        let mut levels = Vec::new();
        if let Some(root) = root {
            let identity = identity(&stat_open(&root)?);
            let folder = Some(root);
            let leaving = Leaving::Nothing;
            levels.push(Level { folder, identity, path_length: 0, is_new: false, leaving });
        }
        Ok(Folders { levels, path: Vec::new(), late: Vec::new() })
    }

    /// Makes the folder of an entry and goes into it.
    pub(super) fn place(&mut self, site: &Site, entry: &Entry) -> Result<()> {
        if !entry.path.is_empty() {
            let parent = self.open_parent(site, &entry.path)?;
            self.enter(site, &parent, last_name(&entry.path), true)?;
        } else {
            self.leave_to(site, b"");
        }
        let level = self.levels.last_mut().expect("the root is always there");
        level.leaving = Leaving::Apply(entry.clone());
        Ok(())
    }

    /// Goes to the folder that an entry lies in; makes what is missing on the way.
    pub(super) fn open_parent(&mut self, site: &Site, path: &[u8]) -> Result<Arc<OwnedFd>> {
        let parent = parent_path(path);
        self.leave_to(site, parent);
        while self.path.len() < parent.len() {
            let start = if self.path.is_empty() { 0 } else { self.path.len() + 1 };
            let rest = &parent[start..];
            let name = rest.split(|byte| *byte == b'/').next().unwrap_or(rest);
            let folder = self.top(site)?;
            self.enter(site, &folder, name, false).map_err(|error| {
                let message = format!("making {}", site.show(path).display());
                Error::new(error.kind(), message).because(error)
            })?;
        }
        self.top(site)
    }

    fn top(&self, site: &Site) -> Result<Arc<OwnedFd>> {
        let level = self.levels.last().expect("the root is always there");
        level.folder.clone().ok_or_else(|| {
            let message =
                format!("{} was moved during the restore", site.show(&self.path).display());
            Error::new(ErrorKind::Busy, message)
        })
    }

    /// Goes one folder down; makes it if it is missing.
    /// `is_said`: an entry says that there is a folder, so that something else may be replaced.
    fn enter(&mut self, site: &Site, parent: &OwnedFd, name: &[u8], is_said: bool) -> Result<()> {
        let path_length = self.path.len();
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
        let result =
            open_or_make(site, parent, &self.path, is_said).and_then(|(folder, is_new)| {
                match stat_open(&folder) {
                    Ok(stat) => Ok((folder, is_new, identity(&stat))),
                    Err(errno) => Err(site.failed("opening", &self.path, errno)),
                }
            });
        let (folder, is_new, identity) = match result {
            Ok(opened) => opened,
            Err(error) => {
                self.path.truncate(path_length);
                return Err(error);
            }
        };
        let leaving = if is_new || site.was_empty { Leaving::Open } else { Leaving::Nothing };
        let path_length = self.path.len();
        let folder = Some(Arc::new(folder));
        self.levels.push(Level { folder, identity, path_length, is_new, leaving });
        // The root stays open for hard links.
        if let Some(above) = self.levels.len().checked_sub(OPEN_FOLDERS_MAX + 1).filter(|n| *n > 0)
        {
            self.levels[above].folder = None;
        }
        Ok(())
    }

    /// Leaves all folders that do not hold `path`.
    fn leave_to(&mut self, site: &Site, path: &[u8]) {
        let holds = |folder: &[u8]| {
            folder.is_empty()
                || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        };
        while !holds(&self.path) {
            self.leave(site);
        }
    }

    fn leave(&mut self, site: &Site) {
        let level = self.levels.pop().expect("the caller has seen it");
        if let (Some(above), Some(below)) = (self.levels.last_mut(), &level.folder)
            && above.folder.is_none()
        {
            above.folder = openat(below, c"..", OPEN_FLAGS, Mode::empty())
                .ok()
                .filter(|folder| {
                    stat_open(folder).is_ok_and(|stat| identity(&stat) == above.identity)
                })
                .map(Arc::new);
        }
        match (level.folder, level.leaving) {
            (_, Leaving::Nothing) => {}
            (Some(folder), Leaving::Apply(entry)) => {
                self.settle(site, &folder, entry, level.is_new);
            }
            (Some(folder), Leaving::Open) => {
                if let Err(errno) = fchmod(&folder, Mode::from_raw_mode(UNSAID_MODE)) {
                    let error = site.failed("changing the mode of", &self.path, errno);
                    site.fault(&self.path, error);
                }
            }
            (None, _) => {
                let why = "was moved during the restore and lacks its attributes";
                site.fault(&self.path, site.refused(&self.path, why));
            }
        }
        self.path.truncate(self.levels.last().map_or(0, |level| level.path_length));
    }

    fn settle(&mut self, site: &Site, folder: &OwnedFd, mut entry: Entry, is_new: bool) {
        let is_root = entry.path.is_empty();
        if entry.mode & 0o700 != 0o700 && !is_root && !geteuid().is_root() {
            self.late.push((entry.path.clone(), entry.mode));
            entry.mode |= 0o700;
        }
        apply(site, &Inode::Opened(folder), &entry, is_new);
    }

    /// Leaves everything.
    pub(super) fn leave_all(&mut self, site: &Site) {
        let Some(root) = site.root.clone() else { return };
        while self.levels.len() > 1 {
            self.leave(site);
        }
        // In the order of leaving: what is inside comes before what closes the way to it.
        for (path, mode) in std::mem::take(&mut self.late) {
            let changed = open_below(&root, &path)
                .and_then(|folder| fchmod(folder, Mode::from_raw_mode(mode)));
            if let Err(errno) = changed {
                site.fault(&path, site.failed("changing the mode of", &path, errno));
            }
        }
        self.leave(site);
    }
}

/// Opens a folder by a path of any length, never through a link.
pub(super) fn open_below(root: &Arc<OwnedFd>, path: &[u8]) -> rustix::io::Result<Arc<OwnedFd>> {
    let mut folder = Arc::clone(root);
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        folder = Arc::new(openat(&folder, name, OPEN_FLAGS, Mode::empty())?);
    }
    Ok(folder)
}

fn open_or_make(
    site: &Site,
    parent: &OwnedFd,
    path: &[u8],
    is_said: bool,
) -> Result<(OwnedFd, bool)> {
    let name = last_name(path);
    let failed = |errno| site.failed("making", path, errno);
    for _ in 0..8 {
        let is_new = match mkdirat(parent, name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(errno) => return Err(failed(errno)),
        };
        match open_existing(parent, name, is_said) {
            Ok(folder) => return Ok((folder, is_new)),
            Err(Errno::NOENT) => {}
            Err(Errno::NOTDIR | Errno::LOOP) if is_said && site.overwrite => {
                unlinkat(parent, name, AtFlags::empty())
                    .map_err(|errno| site.failed("removing", path, errno))?;
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                return Err(site.refused(path, "is a link or a file where a folder must be"));
            }
            Err(errno) => return Err(site.failed("opening", path, errno)),
        }
    }
    Err(failed(Errno::EXIST))
}

/// Opens a folder. If its mode is to be set later anyway, its owner may work in it from now on.
fn open_existing(parent: &OwnedFd, name: &[u8], is_said: bool) -> rustix::io::Result<OwnedFd> {
    let open = |flags| openat(parent, name, OPEN_FLAGS | flags, Mode::empty());
    let opened = open(OFlags::empty());
    if !is_said || geteuid().is_root() {
        return opened;
    }
    let folder = match opened {
        Err(Errno::ACCESS) => open(OFlags::PATH)?,
        result => result?,
    };
    let mode = u32::from(stat_open(&folder)?.stx_mode) & 0o7777;
    if mode & 0o700 == 0o700 {
        return Ok(folder);
    }
    // What is not ours may be open to us all the same.
    let place = format!("/proc/self/fd/{}", folder.as_raw_fd());
    let _ = chmod(place, Mode::from_raw_mode(mode | 0o700));
    open(OFlags::empty())
}

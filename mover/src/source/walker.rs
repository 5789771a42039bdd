//! The walk: every entry below the roots, in the order of `format::compare_paths`.
//!
//! Names are looked up in open folders only, never by whole paths: so paths may be of any length,
//! and nothing that is moved or linked meanwhile leads out of the roots.

use std::collections::VecDeque;
use std::sync::Arc;
use std::vec::IntoIter;

use format::limits::PATH_LENGTH_MAX;
use format::{Entry, EntryKind, compare_paths};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{FileType, OFlags};

use super::inode::{Inspector, file_type, identity, stat, stat_open};
use super::links::LinkGroups;
use super::names::{Hint, Names};
use super::reader::{FileReader, open_quietly};
use super::roots::{Root, find};
use super::rules::Rules;
use super::{Fault, SourceConfig, shown};
use crate::{Error, ErrorKind, Result};

/// The deepest folders of the walk stay open, and those above are opened again on the way back.
const OPEN_FOLDERS_MAX: usize = 256;
/// Bytes of names fetched by one system call.
const LISTING_BUFFER_SIZE: usize = 64 << 10;

/// An entry that the walk has found.
#[derive(Debug)]
pub struct Found {
    /// Complete but for its content.
    pub entry: Entry,
    /// Whether content is to be read here: not at the second and later names of a file.
    pub first_link: bool,
    folder: Arc<OwnedFd>,
}

/// Goes through everything below the roots.
pub struct Walker {
    roots: IntoIter<Root>,
    frames: Vec<Frame>,
    rules: Rules,
    one_file_system: bool,
    /// Of the last name that was looked at.
    path: Vec<u8>,
    /// Nothing before this path is given.
    from: Option<Vec<u8>>,
    /// The folder that was given out last, to be entered next.
    ahead: Option<Ahead>,
    faults: VecDeque<Fault>,
    groups: LinkGroups,
    inspector: Inspector,
    listing: Vec<u8>,
}

/// A folder on the way from a root to where the walk stands.
struct Frame {
    /// Closed while the walk is deep below.
    folder: Option<Arc<OwnedFd>>,
    identity: (u64, u64),
    names: Names,
    path_length: usize,
    rules_before: usize,
    root_device: u64,
}

struct Ahead {
    /// Where its name is looked up.
    folder: Arc<OwnedFd>,
    is_root: bool,
    root_device: u64,
}

impl Found {
    /// Opens the content of a file.
    pub fn open(&self) -> Result<FileReader, Fault> {
        if self.entry.kind != EntryKind::File {
            let message = format!("{} is not a file", shown(&self.entry.path).display());
            let error = Error::new(ErrorKind::Usage, message);
            return Err(Fault { path: self.entry.path.clone(), error });
        }
        FileReader::open(self.folder.as_fd(), last_name(&self.entry.path), &self.entry)
    }
}

impl Walker {
    /// Finds the roots; nothing below them is looked at yet.
    pub fn open(config: &SourceConfig) -> Result<Walker> {
        Ok(Walker {
            roots: find(&config.roots)?.into_iter(),
            frames: Vec::new(),
            rules: Rules::new(config)?,
            one_file_system: config.one_file_system,
            path: Vec::new(),
            from: None,
            ahead: None,
            faults: VecDeque::new(),
            groups: LinkGroups::default(),
            inspector: Inspector::new()?,
            listing: Vec::with_capacity(LISTING_BUFFER_SIZE),
        })
    }

    /// Goes on where an earlier walk stood: gives nothing before `path`, and looks only at the
    /// folders that lead there. To be called before the first entry.
    pub fn go_on_from(&mut self, path: &[u8]) {
        self.from = Some(path.to_vec());
    }

    /// Takes over a file with several names whose first one an earlier walk has given.
    pub fn remember_link(&mut self, entry: &Entry) {
        self.groups.remember(entry.device, entry.inode, entry.link_group);
    }

    /// Whether the entry at `self.path` was given by an earlier walk.
    fn was_given(&mut self) -> bool {
        let Some(from) = &self.from else { return false };
        let before = compare_paths(&self.path, from).is_lt();
        if !before {
            self.from = None;
        }
        before
    }

    /// Whether the entry at `self.path` is a folder on the way to where the walk goes on.
    fn leads_on(&self) -> bool {
        let Some(from) = &self.from else { return false };
        let below = from.strip_prefix(&self.path[..]);
        self.path.is_empty() || below.is_some_and(|below| below.starts_with(b"/"))
    }

    /// The next entry, or the next that could not be read.
    #[expect(clippy::should_implement_trait, reason = "like the other `next` of this module")]
    pub fn next(&mut self) -> Option<Result<Found, Fault>> {
        loop {
            if let Some(fault) = self.faults.pop_front() {
                return Some(Err(fault));
            }
            if let Some(ahead) = self.ahead.take() {
                if let Err(fault) = self.enter(ahead) {
                    return Some(Err(fault));
                }
                continue;
            }
            let Some(frame) = self.frames.last_mut() else {
                let root = self.roots.next()?;
                self.path.clone_from(&root.path);
                let was_given = self.was_given();
                if was_given && !self.leads_on() {
                    continue;
                }
                match self.visit(root.folder, root.is_folder, root.device) {
                    Ok(_) if was_given => continue,
                    found => return Some(found),
                }
            };
            self.path.truncate(frame.path_length);
            let Some((name, hint)) = frame.names.next() else {
                self.leave();
                continue;
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name);
            let folder = frame.folder.clone().expect("the deepest folders are open");
            let root_device = frame.root_device;
            let was_given = self.was_given();
            if (was_given && !self.leads_on()) || self.is_excluded(&folder, hint) {
                continue;
            }
            match self.visit(folder, false, root_device) {
                Ok(_) if was_given => {}
                found => return Some(found),
            }
        }
    }

    fn is_excluded(&self, folder: &OwnedFd, hint: Hint) -> bool {
        let is_folder = match hint {
            Hint::Folder => true,
            Hint::Other => false,
            Hint::Unknown => stat(folder.as_fd(), last_name(&self.path))
                .is_ok_and(|stat| file_type(&stat) == FileType::Directory),
        };
        self.rules.exclude(&self.path, is_folder)
    }

    /// Makes the entry at `self.path`.
    fn visit(
        &mut self,
        folder: Arc<OwnedFd>,
        is_root: bool,
        root_device: u64,
    ) -> Result<Found, Fault> {
        if self.path.len() > PATH_LENGTH_MAX {
            let start = String::from_utf8_lossy(&self.path[..64]);
            let message = format!("{start}... is a path of over {PATH_LENGTH_MAX} bytes");
            let error = Error::new(ErrorKind::Unsupported, message);
            return Err(Fault { path: self.path.clone(), error });
        }
        let name = if is_root { b"." } else { last_name(&self.path) };
        let (mut entry, link_count) =
            self.inspector.inspect(folder.as_fd(), name, &self.path, &mut self.faults)?;
        let first_link = self.groups.assign(&mut entry, link_count);
        let stays = !self.one_file_system || entry.device == root_device;
        if entry.kind == EntryKind::Directory && stays {
            self.ahead = Some(Ahead { folder: Arc::clone(&folder), is_root, root_device });
        }
        Ok(Found { entry, first_link, folder })
    }

    /// Opens and lists the folder at `self.path`.
    fn enter(&mut self, ahead: Ahead) -> Result<(), Fault> {
        let failed = |errno| Fault::io("opening", &self.path, errno);
        let name = if ahead.is_root { b"." } else { last_name(&self.path) };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let folder = open_quietly(ahead.folder.as_fd(), name, flags).map_err(failed)?;
        let identity = identity(&stat_open(folder.as_fd()).map_err(failed)?);
        if self.one_file_system && identity.0 != ahead.root_device {
            // Opening it set off an automount.
            return Ok(());
        }
        let (mut names, failure) = Names::read(folder.as_fd(), self.listing.spare_capacity_mut());
        if let Some(errno) = failure {
            self.faults.push_back(Fault::io("listing", &self.path, errno));
        }
        let rules_before =
            self.rules.enter(folder.as_fd(), &self.path, &mut names, &mut self.faults);
        self.frames.push(Frame {
            folder: Some(Arc::new(folder)),
            identity,
            names,
            path_length: self.path.len(),
            rules_before,
            root_device: ahead.root_device,
        });
        if let Some(above) = self.frames.len().checked_sub(OPEN_FOLDERS_MAX + 1) {
            self.frames[above].folder = None;
        }
        Ok(())
    }

    /// Goes back to the folder above.
    fn leave(&mut self) {
        let left = self.frames.pop().expect("the caller has seen it");
        self.rules.leave(left.rules_before);
        let Some(above) = self.frames.last_mut().filter(|frame| frame.folder.is_none()) else {
            return;
        };
        let below = left.folder.expect("the deepest folders are open");
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let folder = open_quietly(below.as_fd(), b"..", flags).ok().filter(|folder| {
            stat_open(folder.as_fd()).is_ok_and(|stat| identity(&stat) == above.identity)
        });
        if folder.is_some() {
            above.folder = folder.map(Arc::new);
            return;
        }
        self.path.truncate(above.path_length);
        let message = format!(
            "{} was moved while it was walked; its rest is left out",
            shown(&self.path).display()
        );
        let error = Error::new(ErrorKind::Busy, message);
        self.faults.push_back(Fault { path: self.path.clone(), error });
        // There is no way back to the folders above either.
        let rest = self.frames[0].rules_before;
        self.frames.clear();
        self.rules.leave(rest);
    }
}

/// The last component of a path in the archive.
fn last_name(path: &[u8]) -> &[u8] {
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    &path[start..]
}

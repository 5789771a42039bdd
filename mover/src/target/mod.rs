//! Where restored entries go: a folder, with everything that the entries say about themselves.
//!
//! Invariant: nothing outside the folder is created, changed or removed, whatever the entries say.
//! Every path is resolved from the folder's descriptor, one component at a time, never through a
//! symbolic link; and nothing that was there before is written into: it is removed and made anew.
//!
//! Entries come in the order of `format::compare_paths`. Folders stay writable until they are
//! left, so that their modes and times hold.

mod folders;
mod file;
mod links;
mod attributes;

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use format::{Entry, EntryKind};
use rustix::fd::OwnedFd;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Statx, StatxFlags, makedev, mknodat, openat, statx,
    symlinkat, syncfs, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use crate::{Error, ErrorKind, Result};
use attributes::Inode;
use folders::Folders;
use links::Links;

pub use file::PlacedFile;

/// Where to restore to, and how.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// The folder that becomes the archive's root; made if it is missing.
    pub into: PathBuf,
    /// Go into a folder that is not empty, and replace what is in the way.
    pub overwrite: bool,
    /// The folder was empty when an earlier session began to restore into it: folders in it that
    /// no entry tells of are ours.
    pub was_empty: bool,
    /// Check everything, touch nothing.
    pub dry_run: bool,
    /// Give entries back to their owners, which takes privilege.
    pub owners: bool,
}

impl TargetConfig {
    /// The defaults; owners are restored by root alone.
    pub fn new(into: impl Into<PathBuf>) -> TargetConfig {
        let owners = geteuid().is_root();
        let into = into.into();
        TargetConfig { into, overwrite: false, was_empty: false, dry_run: false, owners }
    }
}

/// Something that could not be restored of an entry that is there.
#[derive(Debug)]
pub struct Fault {
    /// The entry's path in the archive.
    pub path: Vec<u8>,
    /// What happened; its message names the path too.
    pub error: Error,
}

/// What became of an entry.
#[derive(Debug)]
pub enum Placed {
    /// It is there; a folder's modes and times follow when it is left.
    Done,
    /// It is another name of a file that was placed before.
    LinkMade,
    /// It is a file and wants its content.
    NeedsContent(PlacedFile),
}

/// A folder that entries are restored into.
pub struct Target {
    site: Arc<Site>,
    folders: Folders,
    /// Where a dry run saw something last that is no folder.
    blocked: Option<Vec<u8>>,
}

/// What all open files of a target share.
struct Site {
    into: PathBuf,
    /// Absent in a dry run.
    root: Option<Arc<OwnedFd>>,
    overwrite: bool,
    was_empty: bool,
    owners: bool,
    faults: Mutex<Vec<Fault>>,
    links: Mutex<Links>,
}

impl Site {
    /// An archive's path as the operator knows it.
    fn show(&self, path: &[u8]) -> PathBuf {
        if path.is_empty() {
            return self.into.clone();
        }
        // An unsafe path must not look like the place that it points to.
        let mut shown = self.into.as_os_str().to_os_string();
        shown.push("/");
        shown.push(OsStr::from_bytes(path));
        shown.into()
    }

    fn failed(&self, doing: &str, path: &[u8], errno: Errno) -> Error {
        Error::io(doing, self.show(path), errno)
    }

    fn refused(&self, path: &[u8], why: &str) -> Error {
        Error::new(ErrorKind::Refused, format!("{} {why}", self.show(path).display()))
    }

    /// Whether something looks as an entry does that was restored to its end. Times are set last,
    /// so that nothing half-made has the right one.
    fn is_whole(&self, stat: &Statx, entry: &Entry) -> bool {
        let mtime = (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec);
        // Without owners, bits that lend their rights may be missing (`attributes::apply`).
        let modes = if self.owners { 0o7777 } else { 0o1777 };
        let same_mode = (u32::from(stat.stx_mode) ^ entry.mode) & modes == 0;
        kind_of(stat) == Some(entry.kind)
            && mtime == (entry.mtime.seconds, entry.mtime.nanoseconds)
            && (entry.kind != EntryKind::File || stat.stx_size == entry.size)
            && (entry.kind == EntryKind::Symlink || same_mode)
            && (!self.owners || (stat.stx_uid, stat.stx_gid) == (entry.uid, entry.gid))
            // Another name of it could be somebody else's.
            && (entry.link_group != 0 || stat.stx_nlink == 1)
    }

    fn fault(&self, path: &[u8], error: Error) {
        lock(&self.faults).push(Fault { path: path.to_vec(), error });
    }
}

/// A panic elsewhere leaves lists of faults and links as good as they were.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Target {
    /// Makes the folder, or checks that it may be used.
    pub fn open(config: TargetConfig) -> Result<Target> {
        let into = &config.into;
        match fs::read_dir(into) {
            Ok(mut listing) => {
                if !config.overwrite && listing.next().is_some() {
                    let message = format!("{} is not empty", into.display());
                    return Err(Error::new(ErrorKind::Exists, message)
                        .way_out("name another folder, or replace what is there: --overwrite"));
                }
            }
            Err(error) if error.kind() == IoErrorKind::NotFound => {
                if !config.dry_run {
                    fs::create_dir_all(into).map_err(|error| Error::io("making", into, error))?;
                }
            }
            Err(error) if error.kind() == IoErrorKind::NotADirectory => {
                let message = format!("{} is not a folder", into.display());
                return Err(Error::new(ErrorKind::Exists, message).way_out("name another folder"));
            }
            Err(error) => return Err(Error::io("opening", into, error)),
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || {
            openat(CWD, into, flags, Mode::empty())
                .map_err(|errno| Error::io("opening", into, errno))
        };
        let root = if config.dry_run { None } else { Some(Arc::new(open()?)) };
        let folders =
            Folders::new(root.clone()).map_err(|errno| Error::io("opening", into, errno))?;
        let site = Site {
            into: config.into,
            root,
            overwrite: config.overwrite,
            was_empty: config.was_empty,
            owners: config.owners,
            faults: Mutex::default(),
            links: Mutex::default(),
        };
        Ok(Target { site: Arc::new(site), folders, blocked: None })
    }

    /// Makes what an entry says; a file's content and attributes follow through [`PlacedFile`].
    /// After an error that entry is not there, and the next may be placed.
    pub fn begin(&mut self, entry: &Entry) -> Result<Placed> {
        if !entry.path_is_safe() {
            let why = "leads out of the folder that is restored into";
            return Err(self.site.refused(&entry.path, why));
        }
        if entry.path.is_empty() && entry.kind != EntryKind::Directory {
            let why = "is the archive's root, and yet not a folder";
            return Err(self.site.refused(&entry.path, why));
        }
        if self.site.root.is_none() {
            return self.pretend(entry);
        }
        if entry.kind == EntryKind::Directory {
            self.folders.place(&self.site, entry)?;
            return Ok(Placed::Done);
        }
        let folder = self.folders.open_parent(&self.site, &entry.path)?;
        if entry.link_group != 0 && links::make(&self.site, &folder, entry)? {
            return Ok(Placed::LinkMade);
        }
        if entry.kind == EntryKind::File {
            return Ok(Placed::NeedsContent(PlacedFile::create(&self.site, folder, entry)?));
        }
        self.make_node(folder, entry)?;
        Ok(Placed::Done)
    }

    /// A dry run: finds what can be found without touching anything.
    fn pretend(&mut self, entry: &Entry) -> Result<Placed> {
        if let Some(blocked) = &self.blocked
            && entry.path.strip_prefix(&blocked[..]).is_some_and(|rest| rest.starts_with(b"/"))
        {
            return Err(self.site.refused(&entry.path, "lies below something that is no folder"));
        }
        if entry.kind != EntryKind::Directory {
            self.blocked = Some(entry.path.clone());
        }
        let is_new = entry.link_group == 0 || lock(&self.site.links).pretend(entry.link_group);
        Ok(match entry.kind {
            EntryKind::File if is_new => {
                Placed::NeedsContent(PlacedFile::pretend(&self.site, entry))
            }
            _ if is_new => Placed::Done,
            _ => Placed::LinkMade,
        })
    }

    fn make_node(&self, folder: Arc<OwnedFd>, entry: &Entry) -> Result<()> {
        let site = &self.site;
        let name = last_name(&entry.path);
        let (major, minor) = entry.device_node;
        let node =
            |file_type, device| mknodat(&folder, name, file_type, Mode::RUSR | Mode::WUSR, device);
        make_anew(site, &folder, &entry.path, || match entry.kind {
            EntryKind::Symlink => symlinkat(&entry.link_target[..], &folder, name),
            EntryKind::Fifo => node(FileType::Fifo, 0),
            EntryKind::Socket => node(FileType::Socket, 0),
            EntryKind::CharDevice => node(FileType::CharacterDevice, makedev(major, minor)),
            EntryKind::BlockDevice => node(FileType::BlockDevice, makedev(major, minor)),
            EntryKind::File | EntryKind::Directory => unreachable!("made elsewhere"),
        })
        .map_err(|error| match entry.kind {
            EntryKind::CharDevice | EntryKind::BlockDevice if !geteuid().is_root() => {
                error.way_out("only root can make device nodes")
            }
            _ => error,
        })?;
        let node = links::open_name(&folder, name)
            .map_err(|errno| site.failed("opening", &entry.path, errno))?;
        // In a folder that others can write to, it may be a link to something else by now.
        let is_ours = attributes::stat_open(&node)
            .is_ok_and(|stat| stat.stx_nlink == 1 && kind_of(&stat) == Some(entry.kind));
        if !is_ours {
            return Err(site.refused(&entry.path, "was replaced as soon as it was made"));
        }
        attributes::apply(site, &Inode::Named(&node), entry, true);
        links::note(site, &node, entry, true)
    }

    /// An entry that an earlier session has restored, in its place in the order: its folder gets
    /// its times again, and links to it can be made. An error means that it has to be placed:
    /// it is not there, or somebody has changed it.
    pub fn recall(&mut self, entry: &Entry) -> Result<()> {
        if !entry.path_is_safe() || entry.kind == EntryKind::Directory {
            return self.begin(entry).map(|_| ());
        }
        if self.site.root.is_none() {
            return self.pretend(entry).map(|_| ());
        }
        let folder = self.folders.open_parent(&self.site, &entry.path)?;
        let node = links::open_name(&folder, last_name(&entry.path))
            .map_err(|errno| self.site.failed("opening", &entry.path, errno))?;
        let is_whole =
            attributes::stat_open(&node).is_ok_and(|stat| self.site.is_whole(&stat, entry));
        if !is_whole {
            return Err(self.site.refused(&entry.path, "is not as it was restored"));
        }
        links::recall(&self.site, &node, entry)
    }

    /// A guess at whether [`Target::recall`] will find an entry, without going to its place in the
    /// order; and the length of what is there.
    pub fn glance(&self, entry: &Entry) -> Option<(bool, u64)> {
        let root = self.site.root.as_ref()?;
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let stat = statx(root, &entry.path[..], flags, StatxFlags::BASIC_STATS).ok()?;
        Some((self.site.is_whole(&stat, entry), stat.stx_size))
    }

    /// Goes on with a file that an earlier session left half-written by [`PlacedFile::pause`] or
    /// by its death; `None` means that there is none, and that it has to be placed.
    pub fn resume(&mut self, entry: &Entry) -> Result<Option<PlacedFile>> {
        if entry.kind != EntryKind::File || !entry.path_is_safe() || self.site.root.is_none() {
            return Ok(None);
        }
        let folder = self.folders.open_parent(&self.site, &entry.path)?;
        PlacedFile::reopen(&self.site, folder, entry)
    }

    /// What could not be restored of entries that were: owners, attributes, times.
    /// To be called now and then, since the list grows until it is taken.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        mem::take(&mut lock(&self.site.faults))
    }

    /// For another thread, since syncing takes its time.
    pub fn syncer(&self) -> Syncer {
        Syncer(Arc::clone(&self.site))
    }

    /// Leaves all folders, and gives the faults that are left.
    /// Every [`PlacedFile`] must be finished before.
    pub fn finish(mut self) -> Vec<Fault> {
        self.folders.leave_all(&self.site);
        self.take_faults()
    }
}

/// Makes what was restored durable.
pub struct Syncer(Arc<Site>);

impl Syncer {
    /// Makes everything that was restored so far survive a power loss.
    pub fn sync(&self) -> Result<()> {
        let Some(root) = &self.0.root else { return Ok(()) };
        syncfs(root).map_err(|errno| self.0.failed("syncing", b"", errno))
    }
}

/// Makes something that must not be there yet; what is in the way is removed, if that is allowed.
fn make_anew<T>(
    site: &Site,
    folder: &OwnedFd,
    path: &[u8],
    make: impl Fn() -> rustix::io::Result<T>,
) -> Result<T> {
    let failed = |errno| site.failed("making", path, errno);
    // What is in the way may come back, but not for ever.
    for _ in 0..8 {
        match make() {
            Err(Errno::EXIST) if site.overwrite => {}
            Err(Errno::EXIST) => {
                return Err(failed(Errno::EXIST).way_out("replace what is there: --overwrite"));
            }
            result => return result.map_err(failed),
        }
        let name = last_name(path);
        match unlinkat(folder, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => match unlinkat(folder, name, AtFlags::REMOVEDIR) {
                Err(Errno::NOTEMPTY | Errno::EXIST) => {
                    let shown = site.show(path);
                    let message = format!("{} is a folder that is not empty", shown.display());
                    return Err(Error::new(ErrorKind::Exists, message).way_out("remove it first"));
                }
                result => result,
            },
            result => result,
        }
        .or_else(|errno| if errno == Errno::NOENT { Ok(()) } else { Err(errno) })
        .map_err(|errno| site.failed("removing", path, errno))?;
    }
    Err(failed(Errno::EXIST))
}

fn kind_of(stat: &Statx) -> Option<EntryKind> {
    Some(match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        FileType::Symlink => EntryKind::Symlink,
        FileType::Fifo => EntryKind::Fifo,
        FileType::Socket => EntryKind::Socket,
        FileType::CharacterDevice => EntryKind::CharDevice,
        FileType::BlockDevice => EntryKind::BlockDevice,
        FileType::Unknown => return None,
    })
}

/// The last component of a path in the archive.
fn last_name(path: &[u8]) -> &[u8] {
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    &path[start..]
}

/// The path of the folder that an entry lies in.
fn parent_path(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    &path[..end]
}

#[cfg(test)]
mod tests;

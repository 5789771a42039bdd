//! Where the roots of a walk lie in the archive.

use std::ffi::OsString;
use std::fs::canonicalize;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, StatxFlags, openat, statx};

use super::inode::{file_type, identity};
use crate::{Error, ErrorKind, Result};

/// One root, found.
pub(super) struct Root {
    /// Its path in the archive; empty when its content is the archive's root.
    pub(super) path: Vec<u8>,
    /// The folder that its name is looked up in; the root itself, if that is a folder.
    pub(super) folder: Arc<OwnedFd>,
    /// Whether the root is that folder.
    pub(super) is_folder: bool,
    /// The device of the file system that it lies on.
    pub(super) device: u64,
}

/// Finds all roots and sorts them by their paths in the archive.
pub(super) fn find(paths: &[PathBuf]) -> Result<Vec<Root>> {
    if paths.is_empty() {
        return Err(Error::new(ErrorKind::Usage, "nothing to archive was named"));
    }
    let alone = paths.len() == 1;
    let mut roots = Vec::new();
    for path in paths {
        roots.push((find_one(path, alone)?, path));
    }
    roots.sort_by(|(left, _), (right, _)| left.path.cmp(&right.path));
    if let Some([(_, left), (_, right)]) =
        roots.array_windows().find(|[(left, _), (right, _)]| left.path == right.path)
    {
        let (left, right) = (left.display(), right.display());
        let message = format!("{left} and {right} have the same last component");
        let way_out = "archive them one by one, or archive the folder that holds both";
        return Err(Error::new(ErrorKind::Usage, message).way_out(way_out));
    }
    Ok(roots.into_iter().map(|(root, _)| root).collect())
}

fn find_one(path: &Path, alone: bool) -> Result<Root> {
    let failed = |errno| Error::io("opening", path, errno);
    let bytes = path.as_os_str().as_bytes();
    let look = |flags| statx(CWD, path, flags, StatxFlags::BASIC_STATS).map_err(failed);
    let mut stat = look(AtFlags::SYMLINK_NOFOLLOW)?;
    let mut follow = OFlags::NOFOLLOW;
    if file_type(&stat) == FileType::Symlink && (alone || bytes.ends_with(b"/")) {
        // A dangling link is archived as a link.
        if let Ok(target) = look(AtFlags::empty())
            && file_type(&target) == FileType::Directory
        {
            stat = target;
            follow = OFlags::empty();
        }
    }
    let is_folder = file_type(&stat) == FileType::Directory;
    let opened = if is_folder {
        path
    } else {
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let flags = if is_folder { flags | follow } else { flags };
    let folder = openat(CWD, opened, flags, Mode::empty()).map_err(failed)?;
    Ok(Root {
        path: if is_folder && alone { Vec::new() } else { last_component(path)?.into_vec() },
        folder: Arc::new(folder),
        is_folder,
        device: identity(&stat).0,
    })
}

fn last_component(path: &Path) -> Result<OsString> {
    if let Some(name) = path.file_name() {
        return Ok(name.to_os_string());
    }
    // `.` and `..` are somebody's name, too; `/` is nobody's.
    let whole = canonicalize(path).map_err(|error| Error::io("opening", path, error))?;
    whole.file_name().map(OsString::from).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "/ has no name to lie under beside other roots")
            .way_out("archive it alone")
    })
}

//! Which entries are left out: globs of the whole walk, and of the ignore files in its folders.
//!
//! As in git, the deepest ignore file decides before those above it, and a later glob before an
//! earlier one. The globs of the walk decide before all of them.

use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use rustix::fd::{BorrowedFd, OwnedFd};

use super::names::Names;
use super::reader::open_regular;
use super::{Fault, SourceConfig, shown};
use crate::{Error, ErrorKind, Result};

const CACHE_TAG_NAME: &[u8] = b"CACHEDIR.TAG";
/// The first bytes of a valid tag; <https://bford.info/cachedir/>.
const CACHE_TAG: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";
/// An ignore file beyond this is none.
const IGNORE_FILE_SIZE_MAX: u64 = 4 << 20;

/// The rules in force at one place of the walk.
pub(super) struct Rules {
    whole: Gitignore,
    folders: Vec<FolderRules>,
    ignore_file_names: Vec<Vec<u8>>,
    exclude_caches: bool,
}

struct FolderRules {
    /// Bytes of the folder's path and its slash: where the paths that the globs see begin.
    prefix: usize,
    globs: Gitignore,
}

impl Rules {
    pub(super) fn new(config: &SourceConfig) -> Result<Rules> {
        let mut builder = GitignoreBuilder::new("");
        for glob in &config.excludes {
            add(&mut builder, glob)?;
        }
        for file in &config.exclude_from {
            let text = fs::read(file).map_err(|error| Error::io("reading", file, error))?;
            for line in lines(&text) {
                add(&mut builder, line?)
                    .map_err(|error| error.during(file.display().to_string()))?;
            }
        }
        let whole = builder
            .build()
            .map_err(|error| Error::new(ErrorKind::Usage, "excludes").because(error))?;
        let ignore_file_names =
            config.ignore_file_names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let exclude_caches = config.exclude_caches;
        Ok(Rules { whole, folders: Vec::new(), ignore_file_names, exclude_caches })
    }

    /// Whether the entry at a path in the archive is left out, and all below it.
    pub(super) fn exclude(&self, path: &[u8], is_folder: bool) -> bool {
        let matched = |globs: &Gitignore, path: &[u8]| match globs
            .matched(Path::new(OsStr::from_bytes(path)), is_folder)
        {
            Match::None => None,
            Match::Ignore(_) => Some(true),
            Match::Whitelist(_) => Some(false),
        };
        let of_folder = |rules: &FolderRules| matched(&rules.globs, &path[rules.prefix..]);
        matched(&self.whole, path)
            .or_else(|| self.folders.iter().rev().find_map(of_folder))
            .unwrap_or(false)
    }

    /// Takes up the rules of a folder that the walk enters, and answers how many there were
    /// before; [`Rules::leave`] wants that number back.
    pub(super) fn enter(
        &mut self,
        folder: BorrowedFd<'_>,
        path: &[u8],
        names: &mut Names,
        faults: &mut impl Extend<Fault>,
    ) -> usize {
        let before = self.folders.len();
        if self.exclude_caches && names.contains(CACHE_TAG_NAME) && is_cache(folder) {
            names.keep_only(CACHE_TAG_NAME);
        }
        let prefix = if path.is_empty() { 0 } else { path.len() + 1 };
        for name in &self.ignore_file_names {
            if !names.contains(name) {
                continue;
            }
            let mut path = path.to_vec();
            if prefix > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            match read_ignore_file(folder, name, &path, faults) {
                Ok(globs) if globs.is_empty() => {}
                Ok(globs) => self.folders.push(FolderRules { prefix, globs }),
                Err(error) => faults.extend([Fault { path, error }]),
            }
        }
        before
    }

    /// Drops the rules of the folder that the walk leaves.
    pub(super) fn leave(&mut self, before: usize) {
        self.folders.truncate(before);
    }
}

fn add(builder: &mut GitignoreBuilder, glob: &str) -> Result<()> {
    let wrong = |error| {
        Error::new(ErrorKind::Usage, format!("glob {glob}"))
            .because(error)
            .way_out("write it as in a gitignore file, such as *.tmp or /build/")
    };
    builder.add_line(None, glob).map(|_| ()).map_err(wrong)
}

fn lines(text: &[u8]) -> impl Iterator<Item = Result<&str>> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    text.split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        str::from_utf8(line).map_err(|error| {
            let message = format!("glob {}", line.escape_ascii());
            Error::new(ErrorKind::Usage, message).because(error)
        })
    })
}

/// The globs of a file; those that are wrong are faults, and the others hold.
fn read_ignore_file(
    folder: BorrowedFd<'_>,
    name: &[u8],
    path: &[u8],
    faults: &mut impl Extend<Fault>,
) -> Result<Gitignore> {
    let failed = |error| Error::io("reading", shown(path), error);
    let Some((file, _)) = open_regular(folder, name).map_err(|errno| failed(errno.into()))? else {
        // Something else of that name has no globs.
        return Ok(Gitignore::empty());
    };
    let text = read_start(file, IGNORE_FILE_SIZE_MAX).map_err(failed)?;
    let mut builder = GitignoreBuilder::new("");
    for line in lines(&text) {
        if let Err(error) = line.and_then(|line| add(&mut builder, line)) {
            let error =
                Error::new(ErrorKind::Usage, shown(path).display().to_string()).because(error);
            faults.extend([Fault { path: path.to_vec(), error }]);
        }
    }
    builder.build().map_err(|error| {
        Error::new(ErrorKind::Usage, shown(path).display().to_string()).because(error)
    })
}

fn is_cache(folder: BorrowedFd<'_>) -> bool {
    let Ok(Some((file, _))) = open_regular(folder, CACHE_TAG_NAME) else { return false };
    read_start(file, CACHE_TAG.len() as u64).is_ok_and(|start| start == CACHE_TAG)
}

fn read_start(file: OwnedFd, length: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::from(file).take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

//! Restores into temporary folders, and looks at what is there afterwards.
//!
//! Trees are copied by a walk over them, so that source and target prove each other; what matters
//! most is looked at through the standard library, too.

mod failures;
mod refusals;
mod round_trip;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use format::{Entry, EntryKind};
use rustix::fs::{Gid, Uid};
use rustix::process::geteuid;
use tempfile::TempDir;

use super::*;
use crate::source::{Piece, SourceConfig, Walker};

fn walk(root: &Path) -> Walker {
    let roots = vec![root.to_path_buf()];
    Walker::open(&SourceConfig { roots, ..SourceConfig::default() }).unwrap()
}

/// Restores a whole tree, and gives the faults.
fn copy(from: &Path, config: TargetConfig) -> Vec<String> {
    let mut target = Target::open(config).unwrap();
    let mut walker = walk(from);
    let mut faults = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    while let Some(found) = walker.next() {
        let found = found.unwrap();
        match target.begin(&found.entry) {
            Ok(Placed::NeedsContent(mut file)) => {
                let mut reader = found.open().unwrap();
                loop {
                    match reader.next(&mut buffer).unwrap() {
                        Piece::Data { offset, length } => {
                            file.write_at(offset, &buffer[..length]).unwrap();
                        }
                        Piece::Hole { .. } => {}
                        Piece::End => break,
                    }
                }
                reader.finish().unwrap();
                file.finish(found.entry.size).unwrap();
            }
            Ok(Placed::Done) => assert!(found.first_link),
            Ok(Placed::LinkMade) => assert!(!found.first_link),
            Err(error) => faults.push(error),
        }
    }
    faults.extend(target.finish().into_iter().map(|fault| fault.error));
    faults.iter().map(Error::to_string).collect()
}

/// Everything that a restore must keep, by path.
fn snapshot(root: &Path) -> BTreeMap<Vec<u8>, (Entry, Vec<u8>)> {
    let mut walker = walk(root);
    let mut tree = BTreeMap::new();
    let mut buffer = vec![0; 64 << 10];
    while let Some(found) = walker.next() {
        let found = found.unwrap();
        let mut content = Vec::new();
        if found.entry.kind == EntryKind::File {
            let mut reader = found.open().unwrap();
            while let piece @ (Piece::Data { .. } | Piece::Hole { .. }) =
                reader.next(&mut buffer).unwrap()
            {
                content.extend_from_slice(format!("{piece:?}").as_bytes());
                if let Piece::Data { length, .. } = piece {
                    content.extend_from_slice(&buffer[..length]);
                }
            }
        }
        let mut entry = found.entry;
        (entry.ctime, entry.device, entry.inode) = Default::default();
        tree.insert(entry.path.clone(), (entry, content));
    }
    tree
}

fn assert_same(left: &Path, right: &Path) {
    let (left, right) = (snapshot(left), snapshot(right));
    assert!(left.keys().eq(right.keys()), "not the same paths");
    for (path, entry) in &left {
        assert!(entry == &right[path], "{:?}\n{:?}", entry.0, right[path].0);
    }
}

fn file(path: &str) -> Entry {
    let mut entry = Entry::new(path, EntryKind::File);
    entry.mode = 0o644;
    (entry.uid, entry.gid) = (geteuid().as_raw(), rustix::process::getegid().as_raw());
    entry
}

fn folder(path: &str) -> Entry {
    let mut entry = file(path);
    (entry.kind, entry.mode) = (EntryKind::Directory, 0o755);
    entry
}

fn symlink_entry(path: &str, target: &str) -> Entry {
    let mut entry = file(path);
    (entry.kind, entry.link_target) = (EntryKind::Symlink, target.into());
    entry
}

/// Restores a file with its own path as content.
fn restore(target: &mut Target, entry: &Entry) -> Result<()> {
    if let Placed::NeedsContent(mut file) = target.begin(entry)? {
        file.write_at(0, &entry.path)?;
        file.finish(entry.path.len() as u64)?;
    }
    Ok(())
}

fn overwriting(into: &Path) -> TargetConfig {
    TargetConfig { overwrite: true, ..TargetConfig::new(into) }
}

/// Runs as a mere user, in a folder that belongs to that user; skipped where that is impossible.
fn as_user(run: impl FnOnce(&Path) + Send + 'static) {
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
    let folder = TempDir::new().unwrap();
    if !geteuid().is_root() {
        return run(folder.path());
    }
    let (user, group) = (Uid::from_raw(65534), Gid::from_raw(65534));
    rustix::fs::chown(folder.path(), Some(user), Some(group)).unwrap();
    // A thread can give up its rights without the rest of the process.
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            set_thread_res_gid(group, group, group).unwrap();
            set_thread_res_uid(user, user, user).unwrap();
            run(folder.path());
        });
        thread.join().unwrap();
    });
}

fn names(folder: &Path) -> Vec<String> {
    let listing = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        listing.map(|item| item.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

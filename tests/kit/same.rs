//! Whether two trees are the same, by tools that are not ours.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{output_of, tool};

/// Content and all metadata, by rsync and by bsdtar.
pub(crate) fn assert_same(original: &Path, restored: &Path) {
    assert_same_by_rsync(original, restored);
    assert_same_by_mtree(original, restored);
}

/// A dry run of rsync has nothing to do; it compares hard links, ACLs and extended attributes too.
pub(crate) fn assert_same_by_rsync(original: &Path, restored: &Path) {
    let mut rsync = tool("rsync", "rsync");
    rsync.args(["-aHAXn", "--checksum", "--delete", "--itemize-changes"]);
    rsync.args(["--numeric-ids", "--modify-window=-1"]);
    rsync.arg(original.join("")).arg(restored.join(""));
    let changes = output_of(&mut rsync);
    assert!(changes.is_empty(), "rsync sees a difference:\n{changes}");
}

/// bsdtar describes both in the same words.
pub(crate) fn assert_same_by_mtree(original: &Path, restored: &Path) {
    let (original, restored) = (mtree(original), mtree(restored));
    let count = original.len().max(restored.len());
    for at in 0..count {
        let pair = (original.get(at), restored.get(at));
        assert_eq!(pair.0, pair.1, "bsdtar sees a difference");
    }
}

fn mtree(folder: &Path) -> Vec<String> {
    const KEYS: &str = "mtree:!all,mtree:type,mtree:mode,mtree:uid,mtree:gid,mtree:size,\
                        mtree:time,mtree:link,mtree:nlink,mtree:device,mtree:sha256";
    let mut bsdtar = tool("bsdtar", "libarchive-tools");
    bsdtar.args(["-cf", "-", "--format=mtree", "--options", KEYS, "-C"]).arg(folder).arg(".");
    let mut lines: Vec<String> = output_of(&mut bsdtar).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The content of all regular files by their paths; for small trees.
pub(crate) fn contents(folder: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let Ok(listing) = std::fs::read_dir(&next) else { continue };
        for item in listing {
            let item = item.expect("a folder can be read");
            let kind = item.file_type().expect("an entry has a type");
            if kind.is_dir() {
                folders.push(item.path());
            } else if kind.is_file() {
                let path = item.path();
                let name = path.strip_prefix(folder).expect("it lies below").as_os_str().as_bytes();
                files.insert(name.to_vec(), std::fs::read(&path).expect("a file can be read"));
            }
        }
    }
    files
}

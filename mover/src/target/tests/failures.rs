//! What cannot be restored, and what becomes of the rest.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use format::Xattr;

use super::*;

/// A file system of one mebibyte, gone when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "none"])
            .arg(folder.path())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("skipped: no right to mount a small file system");
        }
        mounted.then(|| SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_takes_no_half_file() {
    let Some(disk) = SmallDisk::mount() else { return };
    let into = disk.0.path();
    let mut target = Target::open(TargetConfig::new(into)).unwrap();
    restore(&mut target, &file("a")).unwrap();
    let mut big = file("big");
    big.link_group = 3;
    let Placed::NeedsContent(mut writing) = target.begin(&big).unwrap() else { panic!() };
    big.path = b"big 2".to_vec();
    assert!(matches!(target.begin(&big).unwrap(), Placed::LinkMade));
    let error = (0..40).find_map(|number| writing.write_at(number << 16, &[1; 1 << 16]).err());
    let error = error.unwrap();
    assert_eq!(error.kind(), ErrorKind::Full);
    assert!(error.to_string().contains("big"), "{error}");
    drop(writing);
    assert_eq!(names(into), ["a"]);
    // The link that had been made is told of, and the rest goes on.
    assert_eq!(target.take_faults().len(), 1);
    assert!(matches!(target.begin(&big).unwrap(), Placed::NeedsContent(_)));
    restore(&mut target, &file("c")).unwrap();
    assert!(target.finish().is_empty());
    assert_eq!(fs::read(into.join("c")).unwrap(), b"c");
    assert_eq!(names(into), ["a", "c"]);
}

#[test]
fn an_unfinished_file_is_private_and_removed_when_dropped() {
    let into = TempDir::new().unwrap();
    let mut target = Target::open(TargetConfig::new(into.path())).unwrap();
    let Placed::NeedsContent(writing) = target.begin(&file("a")).unwrap() else { panic!() };
    let mode = fs::metadata(into.path().join("a")).unwrap().mode() & 0o7777;
    assert_eq!(mode, 0o600);
    drop(writing);
    assert_eq!(names(into.path()), [""; 0]);

    // What somebody else has put there meanwhile stays.
    let Placed::NeedsContent(writing) = target.begin(&file("a")).unwrap() else { panic!() };
    fs::write(into.path().join("b"), "other").unwrap();
    fs::rename(into.path().join("b"), into.path().join("a")).unwrap();
    drop(writing);
    assert_eq!(fs::read(into.path().join("a")).unwrap(), b"other");
}

#[test]
fn what_a_mere_user_may_not_set_is_a_fault_and_the_file_is_there() {
    as_user(|folder| {
        let mut config = TargetConfig::new(folder.join("into"));
        assert!(!config.owners);
        config.owners = true;
        let mut target = Target::open(config).unwrap();
        let mut entry = file("a");
        (entry.uid, entry.gid, entry.mode) = (0, 0, 0o6755);
        entry.xattrs = ["security.capability", "trusted.x"]
            .map(|name| Xattr { name: name.into(), value: vec![1; 20] })
            .to_vec();
        entry.mtime.seconds = 77;
        restore(&mut target, &entry).unwrap();
        let faults: Vec<String> =
            target.take_faults().iter().map(|fault| fault.error.to_string()).collect();
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults.iter().all(|fault| fault.contains("into/a")), "{faults:?}");

        let mut node = file("node");
        (node.kind, node.device_node) = (EntryKind::CharDevice, (1, 3));
        let error = target.begin(&node).unwrap_err();
        assert!(error.hint().unwrap().contains("root"), "{error}");
        assert!(target.finish().is_empty());

        let metadata = fs::metadata(folder.join("into/a")).unwrap();
        // Nobody's program must not run with the rights of whoever restores it.
        assert_eq!(metadata.mode() & 0o7777, 0o755);
        assert_eq!(metadata.mtime(), 77);
        assert_eq!(names(&folder.join("into")), ["a"]);
    });
}

#[test]
fn a_mere_user_restores_over_and_into_closed_folders() {
    as_user(|folder| {
        let into = folder.join("into");
        fs::create_dir_all(into.join("a")).unwrap();
        for mode in [0o000, 0o500, 0o300] {
            let closed = fs::Permissions::from_mode(mode);
            fs::set_permissions(into.join("a"), closed).unwrap();
            let mut target = Target::open(overwriting(&into)).unwrap();
            let mut parent = super::folder("a");
            parent.mode = 0o000;
            parent.mtime.seconds = 5;
            target.begin(&parent).unwrap();
            let mut first = file("a/x");
            first.link_group = 1;
            restore(&mut target, &first).unwrap();
            // The folder was left by now, but its name in there must still be within reach.
            let mut second = file("b");
            second.link_group = 1;
            assert!(matches!(target.begin(&second).unwrap(), Placed::LinkMade));
            let faults = target.finish();
            assert!(faults.is_empty(), "{faults:?}");
            let metadata = fs::metadata(into.join("a")).unwrap();
            assert_eq!((metadata.mode() & 0o7777, metadata.mtime()), (0, 5));
        }
        fs::set_permissions(into.join("a"), fs::Permissions::from_mode(0o700)).unwrap();
    });
}

#[test]
fn lists_of_rights_are_not_inherited_from_the_target() {
    let into = TempDir::new().unwrap();
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, id) in [(1_u16, u32::MAX), (2, 1234), (4, u32::MAX), (16, u32::MAX), (32, u32::MAX)] {
        list.extend(tag.to_le_bytes());
        list.extend(7_u16.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let name = "system.posix_acl_default";
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(into.path(), name, &list, flags).unwrap();
    let mut target = Target::open(TargetConfig::new(into.path())).unwrap();
    target.begin(&folder("a")).unwrap();
    restore(&mut target, &file("a/b")).unwrap();
    assert!(target.finish().is_empty());
    for (path, (entry, _)) in snapshot(into.path()) {
        assert!(path.is_empty() || entry.xattrs.is_empty(), "{entry:?}");
        assert!(path.is_empty() || entry.mode & 0o022 == 0, "{entry:?}");
    }
}

#[test]
fn an_owner_that_cannot_be_is_a_fault() {
    for numbers in [(u32::MAX, 0), (0, u32::MAX)] {
        let folder = TempDir::new().unwrap();
        let config = TargetConfig { owners: true, ..TargetConfig::new(folder.path()) };
        let mut target = Target::open(config).unwrap();
        let mut entry = file("a");
        (entry.uid, entry.gid) = numbers;
        restore(&mut target, &entry).unwrap();
        let faults = target.finish();
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert!(fault.error.to_string().contains("changing the owner"), "{}", fault.error);
        assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"a");
    }
}

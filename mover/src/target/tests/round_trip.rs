//! What is restored equals what was there.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use proptest::prelude::*;
use rustix::fs::{
    Timespec, Timestamps, XattrFlags, chown, getxattr, lsetxattr, mkdirat, utimensat,
};

use super::*;

/// An access list: version 2, then tag, rights and id each; user 1234 may read and write.
fn access_list() -> Vec<u8> {
    let mut list = 2_u32.to_le_bytes().to_vec();
    let none = u32::MAX;
    for (tag, rights, id) in
        [(1_u16, 7_u16, none), (2, 6, 1234), (4, 5, none), (16, 7, none), (32, 0, none)]
    {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

fn set_time(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

fn set_xattr(path: &Path, name: &str, value: &[u8]) {
    lsetxattr(path, name, value, XattrFlags::empty()).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// One of everything that a mere user can make.
fn make_nasty(root: &Path) {
    let at = |name: &str| root.join(name);
    fs::create_dir_all(at("empty/inner")).unwrap();
    fs::create_dir(at("closed")).unwrap();
    fs::write(at("closed/file"), "in a folder that cannot be written").unwrap();
    fs::write(at("a"), "linked").unwrap();
    fs::hard_link(at("a"), at("closed/a")).unwrap();
    fs::hard_link(at("a"), at("z")).unwrap();
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"\xff\xfe \n")), "strange name").unwrap();
    let sparse = fs::File::create(at("sparse")).unwrap();
    sparse.write_all_at(&[1; 5000], 0).unwrap();
    sparse.write_all_at(&[2; 5000], 16 << 20).unwrap();
    sparse.set_len(64 << 20).unwrap();
    fs::write(at("void"), "").unwrap();
    mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    fs::hard_link(at("pipe"), at("pipe 2")).unwrap();
    drop(UnixListener::bind(at("socket")).unwrap());
    symlink("../nowhere", at("dangling")).unwrap();
    symlink("/etc/passwd", at("absolute")).unwrap();
    symlink("closed", at("to a folder")).unwrap();
    set_xattr(&at("a"), "user.mover", b"\0value\xff");
    set_xattr(&at("a"), "user.empty", b"");
    set_xattr(&at("empty"), "user.folder", b"x");
    set_xattr(&at("sparse"), "system.posix_acl_access", &access_list());
    set_xattr(&at("empty"), "system.posix_acl_default", &access_list());
    fs::write(at("program"), "#!").unwrap();
    mode(&at("program"), 0o6755);
    mode(&at("void"), 0o444);
    set_xattr_on_read_only(&at("read-only"));
    fs::create_dir(at("sticky")).unwrap();
    mode(&at("sticky"), 0o3777);
    set_time(&at("a"), 1_700_000_000, 123_456_789);
    set_time(&at("void"), -1_000_000, 5);
    set_time(&at("dangling"), 1, 1);
    set_time(&at("empty/inner"), 7, 0);
    set_time(&at("empty"), 8, 999_999_999);
    mode(&at("closed"), 0o555);
    set_time(&at("closed"), 9, 0);
    set_time(root, -5, 0);
}

fn set_xattr_on_read_only(path: &Path) {
    fs::write(path, "x").unwrap();
    set_xattr(path, "user.kept", b"y");
    mode(path, 0o400);
}

#[test]
fn a_nasty_tree_is_restored_as_it_was() {
    as_user(|folder| {
        let (from, into) = (folder.join("from"), folder.join("new/into"));
        fs::create_dir(&from).unwrap();
        make_nasty(&from);
        assert_eq!(copy(&from, TargetConfig::new(&into)), [""; 0]);
        assert_same(&from, &into);

        let look = |name: &str| fs::symlink_metadata(into.join(name)).unwrap();
        assert_eq!(look("a").ino(), look("closed/a").ino());
        assert_eq!(look("a").nlink(), 3);
        assert_eq!((look("a").mtime(), look("a").mtime_nsec()), (1_700_000_000, 123_456_789));
        assert_eq!((look("void").mtime(), look("void").mtime_nsec()), (-1_000_000, 5));
        assert_eq!(look("empty").mtime_nsec(), 999_999_999);
        assert_eq!(look("").mtime(), -5);
        assert_eq!(look("program").mode() & 0o7777, 0o6755);
        assert_eq!(look("sparse").size(), 64 << 20);
        assert!(look("sparse").blocks() * 512 < 1 << 20, "holes stay holes");
        assert_eq!(fs::read_link(into.join("absolute")).unwrap(), PathBuf::from("/etc/passwd"));
        let mut value = [0; 100];
        let length = getxattr(into.join("a"), "user.mover", &mut value).unwrap();
        assert_eq!(&value[..length], b"\0value\xff");

        // What is there already is made anew, and comes out the same.
        assert_eq!(copy(&from, overwriting(&into)), [""; 0]);
        assert_same(&from, &into);
    });
}

#[test]
fn what_takes_privilege_is_restored_as_root() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can make owners, device nodes and capabilities");
        return;
    }
    let folder = TempDir::new().unwrap();
    let (from, into) = (folder.path().join("from"), folder.path().join("into"));
    fs::create_dir(&from).unwrap();
    make_nasty(&from);
    let (user, group) = (Some(Uid::from_raw(1234)), Some(Gid::from_raw(5678)));
    for name in ["program", "a", "closed"] {
        chown(from.join(name), user, group).unwrap();
    }
    mode(&from.join("program"), 0o6755);
    rustix::fs::chownat(CWD, from.join("dangling"), user, group, AtFlags::SYMLINK_NOFOLLOW)
        .unwrap();
    let node = |name: &str, kind, device| {
        mknodat(CWD, from.join(name), kind, Mode::RUSR, device).unwrap();
    };
    node("char", FileType::CharacterDevice, makedev(1, 3));
    node("block", FileType::BlockDevice, makedev(259, 70_000));
    // Version 2 of a capability, effective: the right to bind low ports.
    let mut capability = 0x0200_0001_u32.to_le_bytes().to_vec();
    capability.extend((1_u32 << 10).to_le_bytes());
    capability.extend([0; 12]);
    set_xattr(&from.join("program"), "security.capability", &capability);
    set_xattr(&from.join("dangling"), "trusted.link", b"on a link");
    assert_eq!(copy(&from, TargetConfig::new(&into)), [""; 0]);
    assert_same(&from, &into);

    let look = |name: &str| fs::symlink_metadata(into.join(name)).unwrap();
    assert_eq!((look("program").uid(), look("program").gid()), (1234, 5678));
    assert_eq!(look("program").mode() & 0o7777, 0o6755);
    assert_eq!(look("dangling").uid(), 1234);
    assert_eq!(look("block").rdev(), makedev(259, 70_000));
    let mut value = [0; 100];
    let length = getxattr(into.join("program"), "security.capability", &mut value).unwrap();
    assert_eq!(value[..length], capability);
}

#[test]
fn paths_may_be_long_and_folders_deep() {
    let folder = TempDir::new().unwrap();
    let (from, into) = (folder.path().join("from"), folder.path().join("into"));
    fs::create_dir(&from).unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut at = openat(CWD, &from, flags, Mode::empty()).unwrap();
    for depth in 0..600 {
        mkdirat(&at, "0123456789", Mode::RWXU).unwrap();
        if depth == 300 {
            mkdirat(&at, "after", Mode::RWXU).unwrap();
        }
        at = openat(&at, "0123456789", flags, Mode::empty()).unwrap();
    }
    let place = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&at));
    fs::write(Path::new(&place).join("file"), "deep").unwrap();
    // Both names lie beyond what one path can reach.
    fs::hard_link(Path::new(&place).join("file"), Path::new(&place).join("link")).unwrap();
    assert_eq!(copy(&from, TargetConfig::new(&into)), [""; 0]);
    assert_same(&from, &into);
}

#[test]
fn folders_that_no_entry_tells_of_are_made() {
    let into = TempDir::new().unwrap();
    let mut target = Target::open(TargetConfig::new(into.path())).unwrap();
    restore(&mut target, &file("a/b/c")).unwrap();
    restore(&mut target, &file("a/d")).unwrap();
    assert!(target.finish().is_empty());
    assert_eq!(fs::read(into.path().join("a/b/c")).unwrap(), b"a/b/c");
    let mode = fs::metadata(into.path().join("a/b")).unwrap().mode() & 0o7777;
    assert_eq!(mode, 0o755);
}

#[test]
fn several_threads_write_several_files() {
    let into = TempDir::new().unwrap();
    let mut target = Target::open(TargetConfig::new(into.path())).unwrap();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let entry = file(&format!("folder {}/{number}", number / 3));
            let Placed::NeedsContent(mut file) = target.begin(&entry).unwrap() else { panic!() };
            scope.spawn(move || {
                for piece in (0..100).rev() {
                    file.write_at(piece * 1000, &[number; 1000]).unwrap();
                }
                file.finish(100_000).unwrap();
            });
        }
    });
    assert!(target.finish().is_empty());
    assert_eq!(fs::read(into.path().join("folder 2/7")).unwrap(), vec![7; 100_000]);
}

#[test]
fn an_interrupted_file_goes_on_in_a_later_session() {
    let into = TempDir::new().unwrap();
    let mut link = file("d/link");
    let mut first = file("d/a");
    (link.link_group, first.link_group) = (7, 7);
    (link.size, first.size) = (3, 3);
    let mut parent = folder("d");
    parent.mtime.seconds = 99;

    let mut target = Target::open(TargetConfig::new(into.path())).unwrap();
    target.begin(&parent).unwrap();
    restore(&mut target, &first).unwrap();
    let Placed::NeedsContent(mut half) = target.begin(&file("d/b")).unwrap() else { panic!() };
    half.write_at(0, b"hel").unwrap();
    half.pause();
    drop(target);

    let mut target = Target::open(overwriting(into.path())).unwrap();
    target.recall(&parent).unwrap();
    target.recall(&first).unwrap();
    assert!(target.recall(&file("d/absent")).is_err());
    let mut half = target.resume(&file("d/b")).unwrap().unwrap();
    assert_eq!(half.length(), 3);
    assert!(half.holds(1, b"el") && !half.holds(1, b"eL") && !half.holds(1, b"elo"));
    half.cut(2).unwrap();
    half.write_at(2, b"llo").unwrap();
    half.finish(5).unwrap();
    // A finished file is not gone on with.
    assert!(target.resume(&file("d/b")).unwrap().is_none());
    assert!(matches!(target.begin(&link).unwrap(), Placed::LinkMade));
    assert!(target.finish().is_empty());
    assert_eq!(fs::read(into.path().join("d/b")).unwrap(), b"hello");
    assert_eq!(fs::metadata(into.path().join("d")).unwrap().mtime(), 99);
    assert_eq!(fs::metadata(into.path().join("d/link")).unwrap().nlink(), 2);
}

#[test]
fn only_what_is_as_it_was_restored_is_recalled() {
    let into = TempDir::new().unwrap();
    let sized = |path: &str, group| {
        let mut entry = file(path);
        (entry.size, entry.link_group) = (1, group);
        entry
    };
    let (single, first, second) = (sized("a", 0), sized("b", 7), sized("c", 7));
    let mut target = Target::open(TargetConfig::new(into.path())).unwrap();
    for entry in [&single, &first, &second] {
        restore(&mut target, entry).unwrap();
    }
    drop(target);
    let reopen = || Target::open(overwriting(into.path())).unwrap();
    let mut target = reopen();
    assert_eq!(target.glance(&single), Some((true, 1)));
    assert_eq!(target.glance(&file("absent")), None);
    for entry in [&single, &first, &second] {
        target.recall(entry).unwrap();
    }
    // Another mode, another name, another file that looks the same.
    mode(&into.path().join("a"), 0o600);
    assert!(reopen().recall(&single).is_err());
    mode(&into.path().join("a"), 0o644);
    reopen().recall(&single).unwrap();
    fs::hard_link(into.path().join("a"), into.path().join("other")).unwrap();
    assert!(reopen().recall(&single).is_err());
    fs::remove_file(into.path().join("c")).unwrap();
    fs::copy(into.path().join("b"), into.path().join("c")).unwrap();
    mode(&into.path().join("c"), 0o644);
    set_time(&into.path().join("c"), 0, 0);
    let mut target = reopen();
    target.recall(&first).unwrap();
    assert!(target.recall(&second).is_err());
    assert!(matches!(target.begin(&second).unwrap(), Placed::LinkMade));
}

#[derive(Clone, Debug)]
enum Kind {
    File(Vec<(u64, u8)>),
    Folder,
    Link(String),
    SameAs(usize),
}

fn tree() -> impl Strategy<Value = Vec<(String, Kind, u32, i64)>> {
    let kind = prop_oneof![
        3 => proptest::collection::vec((0_u64..1 << 20, any::<u8>()), 0..4).prop_map(Kind::File),
        2 => Just(Kind::Folder),
        1 => "[a-c/.]{1,5}".prop_map(Kind::Link),
        1 => (0_usize..9).prop_map(Kind::SameAs),
    ];
    let path = "[a-c](/[a-c][.]?){0,4}";
    proptest::collection::vec((path, kind, 0_u32..0o1000, -9_i64..9), 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_tree_is_restored_as_it_was(tree in tree()) {
        let folder = TempDir::new().unwrap();
        let (from, into) = (folder.path().join("from"), folder.path().join("into"));
        fs::create_dir(&from).unwrap();
        for (path, kind, ..) in &tree {
            let path = from.join(path);
            // Whatever is in the way of an earlier one is left out.
            let _ = fs::create_dir_all(path.parent().unwrap());
            // And what a link leads out of the tree: a second name out there is not in the archive.
            if !path.parent().unwrap().canonicalize().is_ok_and(|parent| parent.starts_with(&from)) {
                continue;
            }
            let _ = match kind {
                Kind::File(pieces) => fs::File::create_new(&path).map(|file| {
                    for (offset, byte) in pieces {
                        file.write_all_at(&[*byte; 3000], *offset).unwrap();
                    }
                }),
                Kind::Folder => fs::create_dir(&path),
                Kind::Link(target) => symlink(target, &path),
                Kind::SameAs(number) => match tree.get(*number) {
                    Some((other, ..)) => fs::hard_link(from.join(other), &path),
                    None => Ok(()),
                },
            };
        }
        for (path, _, bits, seconds) in tree.iter().rev() {
            let path = from.join(path);
            if path.symlink_metadata().is_ok_and(|found| !found.is_symlink()) {
                mode(&path, *bits);
                set_time(&path, *seconds, 500);
            }
        }
        if !geteuid().is_root() {
            // The tree itself may be unreadable then.
            return Ok(());
        }
        prop_assert_eq!(copy(&from, TargetConfig::new(&into)), [""; 0]);
        assert_same(&from, &into);
    }
}

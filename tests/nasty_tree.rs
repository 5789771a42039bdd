//! A tree with everything that a file system can hold comes back the same. Needs root.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, XattrFlags, lsetxattr, makedev,
    mkdirat, mknodat, openat, utimensat,
};

use crate::kit::random::Random;
use crate::kit::{Machine, args, assert_same, output_of, tool, tree};

fn node(path: &Path, kind: FileType, major: u32, minor: u32) {
    let mode = Mode::from_raw_mode(0o640);
    mknodat(CWD, path, kind, mode, makedev(major, minor))
        .unwrap_or_else(|error| panic!("making {path:?} takes root: {error}"));
}

fn set_time(path: &Path, seconds: i64, nanoseconds: i64) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("a time can be set");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode can be set");
}

fn set_xattr(path: &Path, name: &str, value: &[u8]) {
    lsetxattr(path, name, value, XattrFlags::empty())
        .unwrap_or_else(|error| panic!("{path:?}: {name}: {error}"));
}

fn set_acl(path: &Path, acl: &str) {
    output_of(tool("setfacl", "acl").arg("-m").arg(acl).arg(path));
}

fn names(folder: &Path) {
    let strange: [&[u8]; 14] = [
        b"not-utf8-\xff\xfe\x80",
        b"latin1-\xe9t\xe9",
        b"new\nline",
        b"tab\tand\rreturn",
        b"back\\slash",
        b"\"quoted\" and 'so'",
        b" leading and trailing ",
        b"-rf",
        b"*?[a]{b,c}!",
        b"\x01\x02\x1b[31mred",
        b"...",
        b"~",
        "\u{202e}right to left \u{1f600}".as_bytes(),
        &[b'n'; 255],
    ];
    for (number, name) in strange.iter().enumerate() {
        tree::write(&folder.join(OsStr::from_bytes(name)), format!("{number}"));
        let inside = folder.join("folders").join(OsStr::from_bytes(name));
        tree::write(&inside.join("file"), format!("{number}"));
    }
    // An order of bytes and an order of components differ here.
    for name in ["a", "a.b/c", "a-b/c", "ab/c", "a b/c", "A/c"] {
        tree::write(&folder.join("order").join(name), name);
    }
}

fn owners_modes_times(folder: &Path) {
    let modes = [0o000, 0o444, 0o600, 0o755, 0o777, 0o4755, 0o2755, 0o6711, 0o1777];
    for mode in modes {
        let path = folder.join(format!("mode-{mode:o}"));
        tree::write(&path, format!("{mode:o}"));
        chown(&path, Some(1234), Some(5678)).expect("root may");
        set_mode(&path, mode);
        let inside = folder.join(format!("folder-{mode:o}"));
        tree::write(&inside.join("file"), "x");
        set_mode(&inside, mode);
    }
    let owned = folder.join("owned");
    tree::write(&owned, "x");
    chown(&owned, Some(4_000_000_000), Some(3_999_999_999)).expect("root may");
    symlink("owned", folder.join("owned-link")).expect("a new link");
    lchown(folder.join("owned-link"), Some(77), Some(88)).expect("root may");
    let times = [(0, 0), (1, 1), (-1, 999_999_999), (-1_000_000_000, 5), (1 << 33, 123_456_789)];
    for (seconds, nanoseconds) in times {
        let path = folder.join(format!("time{seconds}.{nanoseconds}"));
        tree::write(&path, "x");
        set_time(&path, seconds, nanoseconds);
        symlink("nowhere", path.with_extension("link")).expect("a new link");
        set_time(&path.with_extension("link"), seconds, nanoseconds);
    }
}

fn attributes(folder: &Path) {
    let file = folder.join("file");
    tree::write(&file, "x");
    set_xattr(&file, "user.text", b"value");
    set_xattr(&file, "user.empty", b"");
    set_xattr(&file, "user.binary", &[0, 1, 255, 0]);
    set_xattr(&file, "user.long", &[7; 2000]);
    set_xattr(&file, "trusted.own", b"root's");
    // The capability to bind to low ports, as `setcap cap_net_bind_service+ep` writes it.
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    set_xattr(&file, "security.capability", &capability);
    let inside = folder.join("folder");
    tree::write(&inside.join("file"), "x");
    set_xattr(&inside, "user.of-a-folder", b"value");
    symlink("file", folder.join("link")).expect("a new link");
    set_xattr(&folder.join("link"), "trusted.of-a-link", b"value");
    node(&folder.join("fifo"), FileType::Fifo, 0, 0);
    set_xattr(&folder.join("fifo"), "trusted.of-a-fifo", b"value");

    tree::write(&folder.join("acl"), "x");
    set_acl(&folder.join("acl"), "u:1234:rw,g:5678:r,m::rwx");
    fs::create_dir_all(folder.join("acl-default")).expect("a new folder");
    set_acl(&folder.join("acl-default"), "u:1234:rwx,d:u:1234:rwx,d:g:5678:r-x");
    // What is restored into it must not inherit.
    tree::write(&folder.join("acl-default/inherits"), "x");
    tree::write(&folder.join("acl-default/does-not"), "x");
    output_of(tool("setfacl", "acl").arg("-b").arg(folder.join("acl-default/does-not")));
}

fn links_and_nodes(folder: &Path) {
    tree::write(&folder.join("first/name"), "one file of four names");
    for other in ["first/other", "second/third", "zero"] {
        let path = folder.join(other);
        fs::create_dir_all(path.parent().expect("it has one")).expect("a new folder");
        fs::hard_link(folder.join("first/name"), path).expect("a new hard link");
    }
    tree::write(&folder.join("outside"), "");
    for (number, target) in ["", ".", "..", "/", "/etc/passwd", "loop-5", "a\u{e9}/../b"]
        .iter()
        .enumerate()
        .filter(|(_, target)| !target.is_empty())
    {
        symlink(target, folder.join(format!("loop-{number}"))).expect("a new link");
    }
    let long = "l/".repeat(2000);
    symlink(&long, folder.join("long-target")).expect("a new link");
    fs::hard_link(folder.join("loop-1"), folder.join("loop-1-again")).expect("a new hard link");
    node(&folder.join("char"), FileType::CharacterDevice, 1, 3);
    node(&folder.join("block"), FileType::BlockDevice, 259, 70_000);
    node(&folder.join("fifo"), FileType::Fifo, 0, 0);
    fs::hard_link(folder.join("fifo"), folder.join("fifo-again")).expect("a new hard link");
    drop(UnixListener::bind(folder.join("socket")).expect("a new socket"));
    fs::create_dir_all(folder.join("empty/emptier/emptiest")).expect("a new folder");
}

/// A file of `length` with data at `places`, and holes elsewhere.
fn sparse_file(path: &Path, length: u64, places: &[u64]) {
    fs::create_dir_all(path.parent().expect("it has one")).expect("a new folder");
    let file = File::create(path).expect("a new file");
    file.set_len(length).expect("a length can be set");
    let mut random = Random::new(length);
    for place in places {
        file.write_all_at(&random.bytes(5000), *place).expect("it can be written");
    }
}

fn sparse_files(folder: &Path) {
    const MIB: u64 = 1 << 20;
    sparse_file(&folder.join("all-hole"), 100 * MIB, &[]);
    sparse_file(&folder.join("data-at-the-end"), 100 * MIB, &[100 * MIB - 5000]);
    sparse_file(&folder.join("data-at-the-start"), 50 * MIB + 1, &[0]);
    sparse_file(&folder.join("between"), 8 << 30, &[3 * MIB, 70 * MIB, 5 << 30]);
    tree::write(&folder.join("zeros-and-no-hole"), vec![0; 3 << 20]);
}

/// The start of every stretch of data and of every hole.
fn data_map(path: &Path) -> Vec<(u64, u64)> {
    use rustix::fs::{SeekFrom, seek};
    let file = File::open(path).expect("it can be opened");
    let (mut map, mut at) = (Vec::new(), 0);
    while let Ok(data) = seek(&file, SeekFrom::Data(at)) {
        let hole = seek(&file, SeekFrom::Hole(data)).expect("the end is a hole");
        map.push((data, hole));
        at = hole;
    }
    map
}

#[test]
fn everything_that_a_file_system_can_hold_comes_back() {
    let machine = Machine::new();
    let (source, store) = (machine.path("source"), machine.path("store"));
    names(&source.join("names"));
    owners_modes_times(&source.join("owners"));
    attributes(&source.join("attributes"));
    links_and_nodes(&source.join("links"));
    set_mode(&source, 0o2750);
    chown(&source, Some(42), Some(43)).expect("root may");
    set_xattr(&source, "user.of-the-root", b"value");
    set_time(&source, 1_000_000_000, 7);
    machine.ok(args!["init", store]);
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    assert_same(&source, &machine.restore(&store, "a", "restored"));
    // The second one takes all of it from the first.
    machine.ok(args!["archive", source, "--to", store, "--name", "b"]);
    assert_same(&source, &machine.restore(&store, "b", "restored-b"));
    // And into a tree that is there already.
    let into = machine.path("restored");
    machine.ok(args!["restore", store, "b", "--into", into, "--overwrite"]);
    assert_same(&source, &into);
}

#[test]
fn sparse_files_keep_their_holes() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    sparse_files(&source);
    let archived = machine.json(args!["archive", source, "--to", store, "--name", "a"]);
    assert!(archived.number("bytes_read") < 16 << 20, "holes are not read: {archived:?}");
    let restored = machine.restore(&store, "a", "restored");
    for item in fs::read_dir(&source).expect("a folder can be read") {
        let path = item.expect("a folder can be read").path();
        let copy = restored.join(path.file_name().expect("it has a name"));
        let (was, is) = (path.metadata().expect("there"), copy.metadata().expect("there"));
        assert_eq!(was.len(), is.len(), "{path:?}");
        assert!(is.blocks() <= was.blocks() + 64, "{path:?}: {} {}", was.blocks(), is.blocks());
        assert_eq!(data_map(&path), data_map(&copy), "{path:?}");
        // The 8 GiB one takes long to compare in full, and its data is all there is.
        for (start, end) in data_map(&path) {
            let read = |path: &Path| {
                let mut bytes = vec![0; usize::try_from(end - start).expect("it is small")];
                let file = File::open(path).expect("it can be opened");
                file.read_exact_at(&mut bytes, start).expect("it can be read");
                bytes
            };
            assert!(read(&path) == read(&copy), "{path:?} differs at {start}");
        }
    }
}

/// Goes down `depth` folders of long names, making them where they are missing.
fn deep(root: &Path, depth: usize) -> OwnedFd {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let name = "d".repeat(200);
    let mut folder = openat(CWD, root, flags, Mode::empty()).expect("it can be opened");
    for _ in 0..depth {
        let _ = mkdirat(&folder, &name, Mode::RWXU);
        folder = openat(&folder, &name, flags, Mode::empty()).expect("it can be opened");
    }
    folder
}

#[test]
fn paths_longer_than_4_kib_come_back() {
    use std::io::{Read, Write};
    const DEPTH: usize = 60;
    let (machine, store) = Machine::with_open_store();
    let source = machine.make_folder("source");
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let file = openat(deep(&source, DEPTH), "file", flags, Mode::RUSR).expect("a new file");
    File::from(file).write_all(b"deep down").expect("it can be written");
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let entries = machine.json(args!["list", store, "a"]).lines_of("entry");
    let longest = entries.iter().filter_map(|entry| entry["path"].as_str()).map(str::len).max();
    assert_eq!(longest, Some(DEPTH * 201 + 4));
    let restored = machine.restore(&store, "a", "restored");
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat(deep(&restored, DEPTH), "file", flags, Mode::empty()).expect("it is there");
    let mut content = String::new();
    File::from(file).read_to_string(&mut content).expect("it can be read");
    assert_eq!(content, "deep down");
}

#[test]
fn a_name_that_is_not_utf8_is_listed_and_can_be_named() {
    let (machine, store) = Machine::with_open_store();
    let source = machine.path("source");
    let name = OsStr::from_bytes(b"not-utf8-\xff");
    tree::write(&source.join(name), "x");
    tree::write(&source.join("other"), "y");
    machine.ok(args!["archive", source, "--to", store, "--name", "a"]);
    let entries = machine.json(args!["list", store, "a"]).lines_of("entry");
    let hex = entries.iter().find_map(|entry| entry["path_hex"].as_str());
    assert_eq!(hex, Some("6e6f742d757466382dff"), "{entries:?}");
    let into = machine.path("restored");
    machine.ok(args!["restore", store, "a", name, "--into", into]);
    assert!(into.join(name).is_file() && !into.join("other").exists());
}

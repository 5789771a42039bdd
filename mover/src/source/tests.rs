//! Walks over trees made for the purpose, in temporary folders.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use format::compare_paths;
use proptest::prelude::*;
use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat};
use tempfile::TempDir;

use super::*;
use crate::ErrorKind;

fn config(root: &Path) -> SourceConfig {
    SourceConfig { roots: vec![root.to_path_buf()], ..SourceConfig::default() }
}

fn walk(config: &SourceConfig) -> (Vec<Found>, Vec<Fault>) {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let mut walker = Walker::open(config).unwrap();
    while let Some(next) = walker.next() {
        match next {
            Ok(one) => found.push(one),
            Err(fault) => faults.push(fault),
        }
    }
    (found, faults)
}

fn paths(config: &SourceConfig) -> Vec<String> {
    let (found, faults) = walk(config);
    assert!(faults.is_empty(), "{faults:?}");
    found.iter().map(|found| String::from_utf8_lossy(&found.entry.path).into_owned()).collect()
}

fn make(folder: &Path, files: &[&str]) {
    for file in files {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if file.ends_with('/') {
            fs::create_dir_all(&path).unwrap();
        } else {
            fs::write(&path, file).unwrap();
        }
    }
}

fn read(found: &Found, piece_size: usize) -> (Vec<Piece>, Vec<u8>, Result<(), Fault>) {
    let mut reader = found.open().unwrap();
    let (mut pieces, mut content) = (Vec::new(), Vec::new());
    let mut buffer = vec![0; piece_size];
    loop {
        let piece = reader.next(&mut buffer).unwrap();
        pieces.push(piece);
        match piece {
            Piece::Data { offset, length } => {
                assert_eq!(offset, content.len() as u64);
                content.extend_from_slice(&buffer[..length]);
            }
            Piece::Hole { offset, length } => {
                assert_eq!(offset, content.len() as u64);
                content.resize(content.len() + usize::try_from(length).unwrap(), 0);
            }
            Piece::End => return (pieces, content, reader.finish()),
        }
    }
}

#[test]
fn one_folder_is_the_root_and_comes_first() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["a/x", "a.b", "a-b/y", "b"]);
    assert_eq!(paths(&config(folder.path())), ["", "a", "a/x", "a-b", "a-b/y", "a.b", "b"]);
}

#[test]
fn several_roots_lie_under_their_last_components() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["one/a", "two/b", "three"]);
    let roots = ["two", "three", "one"].map(|name| folder.path().join(name)).to_vec();
    let mut config = SourceConfig { roots, ..SourceConfig::default() };
    assert_eq!(paths(&config), ["one", "one/a", "three", "two", "two/b"]);

    config.roots = vec![folder.path().join("three")];
    assert_eq!(paths(&config), ["three"]);
    assert_eq!(read(&walk(&config).0[0], 9).1, b"three");
}

#[test]
fn two_roots_of_one_name_are_refused() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["one/x/", "two/x/"]);
    let roots = vec![folder.path().join("one/x"), folder.path().join("two/x/")];
    let error = Walker::open(&SourceConfig { roots, ..Default::default() }).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("one/x"), "{error}");

    let error = Walker::open(&SourceConfig::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let error = Walker::open(&config(&folder.path().join("no"))).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Missing);
}

#[test]
fn a_link_is_followed_only_as_a_root() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["real/a", "other/"]);
    symlink("real", folder.path().join("link")).unwrap();
    symlink("..", folder.path().join("real/loop")).unwrap();
    symlink("nowhere", folder.path().join("dangling")).unwrap();
    let link = folder.path().join("link");
    assert_eq!(paths(&config(&link)), ["", "a", "loop"]);
    assert_eq!(paths(&config(&folder.path().join("dangling"))), ["dangling"]);

    let other = folder.path().join("other");
    let mut config = SourceConfig { roots: vec![link, other.clone()], ..Default::default() };
    assert_eq!(paths(&config), ["link", "other"]);
    assert_eq!(walk(&config).0[0].entry.link_target, b"real");
    config.roots = vec![folder.path().join("link/"), other];
    assert_eq!(paths(&config), ["link", "link/a", "link/loop", "other"]);
}

#[test]
fn names_and_kinds_of_every_sort_are_found() {
    let folder = TempDir::new().unwrap();
    let name = OsString::from_vec(b"bad \xff\n name".to_vec());
    fs::write(folder.path().join(&name), b"x").unwrap();
    mknodat(CWD, folder.path().join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let _socket = UnixListener::bind(folder.path().join("socket")).unwrap();
    symlink("/absolute/\u{e9}", folder.path().join("link")).unwrap();
    let (found, faults) = walk(&config(folder.path()));
    assert!(faults.is_empty());
    let kinds: Vec<_> = found.iter().map(|found| found.entry.kind).collect();
    use format::EntryKind::{Directory, Fifo, File, Socket, Symlink};
    assert_eq!(kinds, [Directory, File, Symlink, Fifo, Socket]);
    assert_eq!(found[1].entry.path, name.as_bytes());
    for found in &found[2..] {
        // Opening the pipe would block for ever.
        assert!(found.open().is_err());
    }
}

#[test]
fn the_kinds_swapped_in_after_the_walk_are_not_opened() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["a", "b", "c", "d", "secret"]);
    let (found, _) = walk(&config(folder.path()));
    let at = |name: &str| folder.path().join(name);
    for name in ["a", "b", "c", "d"] {
        fs::remove_file(at(name)).unwrap();
    }
    mknodat(CWD, at("a"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    symlink("secret", at("b")).unwrap();
    fs::rename(at("secret"), at("c")).unwrap();
    for (found, kind) in found[1..5].iter().zip([
        ErrorKind::Busy,
        ErrorKind::Busy,
        ErrorKind::Busy,
        ErrorKind::Missing,
    ]) {
        let fault = found.open().unwrap_err();
        assert_eq!(fault.error.kind(), kind, "{fault}");
        assert_eq!(fault.path, found.entry.path);
    }
}

#[test]
fn names_of_one_file_share_a_group() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["a", "b", "d/"]);
    fs::hard_link(folder.path().join("a"), folder.path().join("d/a")).unwrap();
    let (found, _) = walk(&config(folder.path()));
    let seen: Vec<_> =
        found.iter().map(|found| (found.entry.link_group, found.first_link)).collect();
    assert_eq!(seen, [(0, true), (1, true), (0, true), (0, true), (1, false)]);
}

#[test]
fn excludes_follow_gitignore() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["a.o", "keep.o", "src/a.o", "src/b.c", "build/x", "src/build/y", "n/m"]);
    let mut config = config(folder.path());
    config.excludes = ["*.o", "!keep.o", "/build/"].map(String::from).to_vec();
    let list = folder.path().join("list");
    fs::write(&list, b"# comment\n\nn/m\r\nlist\n").unwrap();
    config.exclude_from = vec![list];
    assert_eq!(paths(&config), ["", "keep.o", "n", "src", "src/b.c", "src/build", "src/build/y"]);

    config.excludes = vec!["{a".into()];
    assert_eq!(Walker::open(&config).err().unwrap().kind(), ErrorKind::Usage);
}

#[test]
fn ignore_files_rule_their_folders() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["a/x.log", "a/y.log", "a/tmp", "b/tmp", "b/c/tmp", "b/c/x.log", "z.log"]);
    fs::write(folder.path().join(".moverignore"), "*.log\n").unwrap();
    fs::write(folder.path().join("a/.moverignore"), "!y.log\n/tmp\n").unwrap();
    let mut config = config(folder.path());
    config.ignore_file_names = vec![".moverignore".into()];
    config.excludes = vec![".moverignore".into()];
    assert_eq!(paths(&config), ["", "a", "a/y.log", "b", "b/c", "b/c/tmp", "b/tmp"]);

    fs::write(folder.path().join("b/.moverignore"), "{a\n/c/tmp\n").unwrap();
    let (found, faults) = walk(&config);
    assert_eq!(faults[0].path, b"b/.moverignore");
    assert!(found.iter().all(|found| found.entry.path != b"b/c/tmp"), "other globs hold");
}

#[test]
fn caches_are_left_out_but_for_their_tags() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["real/x", "fake/x", "fake/CACHEDIR.TAG"]);
    let tag = folder.path().join("real/CACHEDIR.TAG");
    fs::write(tag, "Signature: 8a477f597d28d172789f06886806bc55\n# more\n").unwrap();
    let mut config = config(folder.path());
    config.exclude_caches = true;
    let expected = ["", "fake", "fake/CACHEDIR.TAG", "fake/x", "real", "real/CACHEDIR.TAG"];
    assert_eq!(paths(&config), expected);
}

#[test]
fn what_vanishes_is_a_fault_and_the_walk_goes_on() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["a", "b", "c/d", "e"]);
    let mut walker = Walker::open(&config(folder.path())).unwrap();
    let mut next = || walker.next().map(|next| next.map(|found| found.entry.path));
    assert_eq!(next().unwrap().unwrap(), b"");
    assert_eq!(next().unwrap().unwrap(), b"a");
    fs::remove_file(folder.path().join("b")).unwrap();
    let fault = next().unwrap().unwrap_err();
    assert_eq!((&fault.path[..], fault.error.kind()), (&b"b"[..], ErrorKind::Missing));
    assert_eq!(next().unwrap().unwrap(), b"c");
    fs::remove_dir_all(folder.path().join("c")).unwrap();
    assert_eq!(next().unwrap().unwrap_err().path, b"c");
    assert_eq!(next().unwrap().unwrap(), b"e");
    assert!(next().is_none());
}

#[test]
fn paths_may_be_long_and_folders_deep() {
    let folder = TempDir::new().unwrap();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let mut at = openat(CWD, folder.path(), flags, Mode::empty()).unwrap();
    // Deeper than folders are kept open, and longer than the kernel takes a path.
    for _ in 0..600 {
        mkdirat(&at, "0123456789", Mode::RWXU).unwrap();
        at = openat(&at, "0123456789", flags, Mode::empty()).unwrap();
    }
    for name in ["a", "b"] {
        let flags = OFlags::CREATE | OFlags::WRONLY;
        fs::File::from(openat(&at, name, flags, Mode::RUSR).unwrap()).write_all(b"x").unwrap();
    }
    make(folder.path(), &["1"]);
    let (found, faults) = walk(&config(folder.path()));
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(found.len(), 1 + 600 + 2 + 1);
    assert_eq!(found[602].entry.path.len(), 600 * 11 + 1);
    assert_eq!(read(&found[602], 9).1, b"x");
    assert_eq!(found[603].entry.path, b"1");
}

#[test]
fn holes_are_told_and_not_read() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sparse");
    let file = fs::File::create(&path).unwrap();
    file.write_all_at(b"start", 0).unwrap();
    file.write_all_at(b"middle", 1 << 20).unwrap();
    file.set_len(3 << 20).unwrap();
    fs::write(folder.path().join("dense"), vec![7; 100_000]).unwrap();
    fs::File::create(folder.path().join("void")).unwrap().set_len(1 << 20).unwrap();
    let (found, _) = walk(&config(folder.path()));

    let (pieces, content, end) = read(&found[1], 64 << 10);
    assert_eq!(pieces.len(), 3);
    assert_eq!((content, end.is_ok()), (vec![7; 100_000], true));

    let (pieces, content, end) = read(&found[2], 64 << 10);
    assert!(end.is_ok());
    assert_eq!(content, fs::read(&path).unwrap());
    let data = |piece: &Piece| matches!(piece, Piece::Data { .. });
    assert_eq!(pieces.iter().filter(|piece| data(piece)).count(), 2, "{pieces:?}");

    let (pieces, ..) = read(&found[3], 1);
    assert_eq!(pieces, [Piece::Hole { offset: 0, length: 1 << 20 }, Piece::End]);

    let mut reader = found[2].open().unwrap();
    reader.seek((1 << 20) + 2);
    let mut buffer = [0; 4];
    assert_eq!(reader.next(&mut buffer).unwrap(), Piece::Data { offset: (1 << 20) + 2, length: 4 });
    assert_eq!(&buffer, b"ddle");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_a_fault() {
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["grows", "shrinks", "stays"]);
    let (found, _) = walk(&config(folder.path()));
    let mut file = fs::File::options().append(true).open(folder.path().join("grows")).unwrap();
    file.write_all(b" and grows").unwrap();
    fs::write(folder.path().join("shrinks"), b"shr").unwrap();

    let (_, content, end) = read(&found[1], 3);
    assert_eq!(content, b"grows", "not beyond the size that the entry has");
    let fault = end.unwrap_err();
    assert_eq!(fault.path, b"grows");
    assert_eq!(fault.error.to_string(), "grows changed while it was read");

    let (_, content, end) = read(&found[2], 100);
    assert_eq!(content, b"shr");
    assert!(end.is_err());
    assert!(read(&found[3], 100).2.is_ok());
}

#[test]
fn what_may_not_be_read_is_a_fault() {
    use rustix::thread::{set_thread_res_gid, set_thread_res_uid};
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can become somebody who may not read");
        return;
    }
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["closed/x", "open/x", "secret"]);
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["closed", "secret"] {
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o0)).unwrap();
    }
    let config = config(folder.path());
    // A thread can give up its rights without the rest of the process.
    let (found, faults) = std::thread::spawn(move || {
        let (user, group) = (rustix::fs::Uid::from_raw(65534), rustix::fs::Gid::from_raw(65534));
        set_thread_res_gid(group, group, group).unwrap();
        set_thread_res_uid(user, user, user).unwrap();
        let (found, mut faults) = walk(&config);
        faults.push(found.last().unwrap().open().unwrap_err());
        (found, faults)
    })
    .join()
    .unwrap();
    assert_eq!(found.len(), 5);
    let named: Vec<_> = faults.iter().map(|fault| &fault.path[..]).collect();
    assert_eq!(named, [&b"closed"[..], b"secret"]);
    assert!(faults[0].to_string().contains("denied"), "{}", faults[0]);
}

#[test]
fn mount_points_are_empty_folders_if_so_wished() {
    use std::process::Command;
    let folder = TempDir::new().unwrap();
    make(folder.path(), &["mount/", "z"]);
    let mount = folder.path().join("mount");
    let mounted = Command::new("mount").args(["-t", "tmpfs", "none"]).arg(&mount).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no right to mount a file system");
        return;
    }
    make(&mount, &["x"]);
    let mut config = config(folder.path());
    let all = walk(&config).0.len();
    config.one_file_system = true;
    let one = walk(&config).0.len();
    assert!(Command::new("umount").arg("-l").arg(&mount).status().unwrap().success());
    assert_eq!((all, one), (4, 3));
}

#[test]
fn the_limit_of_open_files_is_raised() {
    let limit = raise_open_file_limit().unwrap();
    assert_eq!(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), limit);
}

#[test]
fn the_types_cross_threads() {
    fn check<T: Send>() {}
    check::<Walker>();
    check::<Found>();
    check::<FileReader>();
}

fn tree() -> impl Strategy<Value = Vec<Vec<String>>> {
    let name = prop_oneof!["[ab]{1,2}", "[ab][.\\- ][ab]", "\u{e9}", "[ -.0-~]{1,9}"]
        .prop_filter("is no name", |name| name != "." && name != "..");
    proptest::collection::vec(proptest::collection::vec(name, 1..5), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_walk_gives_every_path_once_and_in_order(tree in tree()) {
        let folder = TempDir::new().unwrap();
        let mut expected = std::collections::BTreeSet::from([Vec::new()]);
        for components in &tree {
            let path = components.join("/");
            // What is a file already cannot become a folder.
            if fs::create_dir_all(folder.path().join(&path).parent().unwrap()).is_ok() {
                let _ = fs::File::create_new(folder.path().join(&path));
            }
            for count in 1..=components.len() {
                let path = components[..count].join("/");
                if folder.path().join(&path).symlink_metadata().is_ok() {
                    expected.insert(path.into_bytes());
                }
            }
        }
        let (found, faults) = walk(&config(folder.path()));
        prop_assert!(faults.is_empty());
        let found: Vec<Vec<u8>> = found.into_iter().map(|found| found.entry.path).collect();
        prop_assert!(found.is_sorted_by(|left, right| compare_paths(left, right).is_lt()));
        prop_assert_eq!(found.into_iter().collect::<std::collections::BTreeSet<_>>(), expected);
    }
}

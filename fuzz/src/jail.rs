//! A folder that a restore goes into, deep inside of things that it must leave alone.
//!
//! ```text
//! ROOT/1/2/3/4/5/into          the folder
//! ROOT/1/2/3/4/5/outside/...   what is precious, open to everybody, so that nothing protects it
//! ```
//!
//! Whatever happens to an inode moves its ctime, which no program can set: the canaries are
//! compared by that. Only for the file that a trap links to, whose names come and go, all else is
//! compared one by one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::geteuid;
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

/// Levels between the root and the folder: so many `..` stay where they are seen.
const DEPTH: usize = 6;
/// A user with no rights.
const NOBODY: u32 = 65534;

/// The folder, and what is around it.
pub struct Jail {
    root: PathBuf,
    into: PathBuf,
    outside: PathBuf,
    /// All around the folder, by path: inode number, and when it was changed.
    around: BTreeMap<PathBuf, (u64, i64, i64)>,
    linked: Linked,
}

/// What must stay of the file that a trap links to.
#[derive(Debug, PartialEq, Eq)]
struct Linked {
    content: Vec<u8>,
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, i64),
    attributes: Vec<u8>,
}

/// This process's own.
pub static JAIL: LazyLock<Jail> = LazyLock::new(Jail::new);

impl Jail {
    fn new() -> Jail {
        let root = std::env::temp_dir().join(format!("mover-fuzz-{}", std::process::id()));
        let cell = (1..DEPTH).fold(root.clone(), |path, level| path.join(level.to_string()));
        let (into, outside) = (cell.join("into"), cell.join("outside"));
        fs::create_dir_all(&into).expect("a folder for temporary files is there");
        fs::create_dir_all(outside.join("a/b")).expect("it is new");
        for file in ["file", "linked", "a/file"] {
            fs::write(outside.join(file), "gold").expect("it is new");
            open_to_all(&outside.join(file), 0o666);
        }
        symlink("file", outside.join("link")).expect("it is new");
        for folder in ["", "a", "a/b"] {
            open_to_all(&outside.join(folder), 0o777);
        }
        let linked = Linked::read(&outside);
        let mut jail = Jail { root, into, outside, around: BTreeMap::new(), linked };
        jail.around = jail.look();
        // The clock of changes is coarse: what comes now is later.
        std::thread::sleep(Duration::from_millis(20));
        jail
    }

    /// The folder to restore into.
    pub fn folder(&self) -> &Path {
        &self.into
    }

    /// What is precious.
    pub fn outside(&self) -> &Path {
        &self.outside
    }

    /// Empties the folder and puts traps into it, one for each bit.
    pub fn set(&self, traps: u8, as_user: bool) {
        self.empty();
        fs::create_dir(&self.into).expect("it was removed");
        let own = |path: &Path| {
            if as_user && geteuid().is_root() {
                let _ = std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY));
            }
        };
        let put: [(&str, &dyn Fn(&Path) -> std::io::Result<()>); 8] = [
            ("a", &|path| symlink("../outside", path)),
            ("b", &|path| fs::hard_link(self.outside.join("linked"), path)),
            ("c", &|path| {
                fs::create_dir(path)?;
                symlink("../../outside/file", path.join("link"))
            }),
            ("d", &|path| symlink(self.outside.join("file"), path)),
            ("e", &|path| Ok(rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0)?)),
            // As a restore that was cut leaves a file half-written.
            ("f", &|path| {
                fs::write(path, "half")?;
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))
            }),
            ("file", &|path| fs::create_dir(path)),
            ("link", &|path| symlink("..", path)),
        ];
        for (bit, (name, put)) in put.iter().enumerate() {
            if traps >> bit & 1 == 1 {
                let path = self.into.join(name);
                put(&path).expect("the folder is empty");
                if *name != "b" {
                    own(&path);
                }
            }
        }
        own(&self.into);
    }

    /// Panics where anything around the folder is not as it was.
    pub fn check(&self) {
        let now = self.look();
        for (path, before) in &self.around {
            assert_eq!(now.get(path), Some(before), "{} was changed", path.display());
        }
        let added: Vec<&PathBuf> = now.keys().filter(|it| !self.around.contains_key(*it)).collect();
        assert!(added.is_empty(), "{added:?} came to be");
        assert_eq!(Linked::read(&self.outside), self.linked);
    }

    /// All that is around the folder.
    fn look(&self) -> BTreeMap<PathBuf, (u64, i64, i64)> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.root.clone()];
        let cell = self.into.parent().expect("it lies in one");
        while let Some(path) = left.pop() {
            let meta = fs::symlink_metadata(&path).expect("it was just seen");
            let mut seen = (meta.ino(), meta.ctime(), meta.ctime_nsec());
            if path == cell {
                // The folder in it is made anew for each run.
                (seen.1, seen.2) = (0, 0);
            }
            if path == self.outside.join("linked") {
                (seen.1, seen.2) = (0, 0);
            }
            found.insert(path.clone(), seen);
            if meta.is_dir() {
                let listing = fs::read_dir(&path).expect("it was just seen");
                let paths = listing.map(|item| item.expect("it can be read").path());
                left.extend(paths.filter(|path| *path != self.into));
            }
        }
        found
    }

    fn empty(&self) {
        if fs::remove_dir_all(&self.into).is_err() {
            // Folders that their owner may not look into: root never meets them.
            unlock(&self.into);
            fs::remove_dir_all(&self.into).expect("it is ours");
        }
    }
}

impl Linked {
    fn read(outside: &Path) -> Linked {
        let path = outside.join("linked");
        let meta = fs::symlink_metadata(&path).expect("it is there");
        let mut attributes = vec![0; 4096];
        let length = rustix::fs::llistxattr(&path, &mut attributes[..]).unwrap_or(0);
        attributes.truncate(length);
        Linked {
            content: fs::read(&path).expect("it is there"),
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            attributes,
        }
    }
}

fn open_to_all(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    if geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
    }
}

fn unlock(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        if item.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&item.path());
        }
    }
}

/// Does something as a mere user, where this is root.
pub fn as_user<T>(what: impl FnOnce() -> T) -> T {
    if !geteuid().is_root() {
        return what();
    }
    let become_user = |user: u32| {
        let (root, user) = (rustix::fs::Uid::ROOT, rustix::fs::Uid::from_raw(user));
        set_thread_res_uid(root, user, root).expect("root may, and may again");
    };
    let become_group = |group: u32| {
        let (root, group) = (rustix::fs::Gid::ROOT, rustix::fs::Gid::from_raw(group));
        set_thread_res_gid(root, group, root).expect("root may");
    };
    become_group(NOBODY);
    become_user(NOBODY);
    let done = what();
    become_user(0);
    become_group(0);
    done
}

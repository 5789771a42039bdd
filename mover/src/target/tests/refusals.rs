//! Entries that must not have their way.

use std::os::unix::fs::{MetadataExt, symlink};

use super::*;

/// A target beside something precious, which must stay as it is.
struct Scene {
    folder: TempDir,
    target: Target,
}

fn scene(prepare: impl FnOnce(&Path), overwrite: bool) -> Scene {
    let folder = TempDir::new().unwrap();
    let into = folder.path().join("into");
    fs::create_dir(folder.path().join("precious")).unwrap();
    fs::write(folder.path().join("precious/file"), "gold").unwrap();
    fs::create_dir(&into).unwrap();
    prepare(&into);
    let config = TargetConfig { overwrite, ..TargetConfig::new(&into) };
    Scene { folder, target: Target::open(config).unwrap() }
}

impl Scene {
    fn place(&self) -> PathBuf {
        self.folder.path().join("into")
    }

    fn refuses(&mut self, entry: &Entry) {
        let error = restore(&mut self.target, entry).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        let shown = String::from_utf8_lossy(&entry.path).into_owned();
        assert!(error.to_string().contains(&shown), "{error}");
        self.check();
    }

    fn check(&self) {
        let precious = self.folder.path().join("precious");
        assert_eq!(fs::read(precious.join("file")).unwrap(), b"gold");
        assert_eq!(names(&precious), ["file"]);
        assert_eq!(fs::metadata(precious.join("file")).unwrap().nlink(), 1);
        assert_eq!(names(self.folder.path()), ["into", "precious"]);
    }
}

#[test]
fn paths_that_lead_out_are_refused() {
    let mut scene = scene(|_| {}, true);
    for path in ["../x", "/abs", "a/../../x", "..", ".", "a/./b", "a//b", "a/", "a\0b"] {
        for entry in [file(path), folder(path), symlink_entry(path, "x")] {
            scene.refuses(&entry);
        }
    }
    scene.refuses(&file(""));
    assert_eq!(names(&scene.place()), [""; 0]);
    restore(&mut scene.target, &file("good")).unwrap();
    assert!(scene.target.finish().is_empty());
}

#[test]
fn nothing_is_placed_through_a_link_of_the_archive() {
    for overwrite in [false, true] {
        let mut scene = scene(|_| {}, overwrite);
        for (link, target) in [("a", "../precious"), ("b", "c"), ("d", ".")] {
            restore(&mut scene.target, &symlink_entry(link, target)).unwrap();
            scene.refuses(&file(&format!("{link}/file")));
            scene.refuses(&folder(&format!("{link}/new")));
            scene.refuses(&file(&format!("{link}/deep/file")));
        }
        restore(&mut scene.target, &file("e")).unwrap();
        scene.refuses(&file("e/file"));
        assert!(scene.target.finish().is_empty());
    }
}

#[test]
fn nothing_is_placed_through_a_link_that_was_there() {
    let mut scene = scene(|into| symlink("../precious", into.join("a")).unwrap(), true);
    scene.refuses(&file("a/file"));
    // An entry that says that there is a folder replaces the link, not what it leads to.
    restore(&mut scene.target, &folder("a")).unwrap();
    restore(&mut scene.target, &file("a/file")).unwrap();
    scene.check();
    assert!(fs::symlink_metadata(scene.place().join("a")).unwrap().is_dir());
}

#[test]
fn a_link_planted_twice_does_not_become_a_way_out() {
    let mut scene = scene(|_| {}, true);
    restore(&mut scene.target, &folder("a")).unwrap();
    restore(&mut scene.target, &file("a/x")).unwrap();
    // The folder is not empty, and a link cannot take its place.
    let error = restore(&mut scene.target, &symlink_entry("a", "../precious")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    restore(&mut scene.target, &folder("b")).unwrap();
    restore(&mut scene.target, &symlink_entry("b", "../precious")).unwrap();
    scene.refuses(&file("b/file"));
    // The folder's mode and times must not go through the link, either.
    assert!(scene.target.finish().is_empty());
}

#[test]
fn what_is_in_the_way_is_replaced_and_never_written_into() {
    let prepare = |into: &Path| {
        symlink("../precious/file", into.join("link")).unwrap();
        fs::hard_link(into.join("../precious/file"), into.join("hard")).unwrap();
        fs::create_dir(into.join("empty")).unwrap();
        fs::create_dir(into.join("full")).unwrap();
        fs::write(into.join("full/x"), "").unwrap();
        fs::write(into.join("was a file"), "").unwrap();
    };
    let mut scene = scene(prepare, true);
    for path in ["empty", "hard", "link"] {
        restore(&mut scene.target, &file(path)).unwrap();
        let metadata = fs::symlink_metadata(scene.place().join(path)).unwrap();
        assert!(metadata.is_file());
        assert_eq!(metadata.nlink(), 1);
    }
    scene.check();
    let error = restore(&mut scene.target, &file("full")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    restore(&mut scene.target, &folder("was a file")).unwrap();
    restore(&mut scene.target, &file("was a file/x")).unwrap();
    assert!(scene.target.finish().is_empty());
}

#[test]
fn a_folder_that_is_not_empty_is_refused_without_overwrite() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("x"), "").unwrap();
    let error = Target::open(TargetConfig::new(folder.path())).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert!(error.hint().unwrap().contains("--overwrite"));
    let error = Target::open(TargetConfig::new(folder.path().join("x"))).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Exists);
}

#[test]
fn the_same_path_twice_is_refused_without_overwrite() {
    let mut scene = scene(|_| {}, false);
    restore(&mut scene.target, &file("a")).unwrap();
    let error = restore(&mut scene.target, &file("a")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists);
    assert_eq!(fs::read(scene.place().join("a")).unwrap(), b"a");
}

#[test]
fn a_dry_run_touches_nothing_and_refuses_the_same() {
    let folder = TempDir::new().unwrap();
    let into = folder.path().join("into");
    let config = TargetConfig { dry_run: true, ..TargetConfig::new(&into) };
    let mut target = Target::open(config).unwrap();
    restore(&mut target, &super::folder("")).unwrap();
    restore(&mut target, &symlink_entry("a", "..")).unwrap();
    for path in ["a/x", "../x"] {
        let error = restore(&mut target, &file(path)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
    }
    let mut linked = file("b");
    linked.link_group = 1;
    assert!(matches!(target.begin(&linked).unwrap(), Placed::NeedsContent(_)));
    assert!(matches!(target.begin(&linked).unwrap(), Placed::LinkMade));
    assert!(target.finish().is_empty());
    assert!(!into.exists());
}

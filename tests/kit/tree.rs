//! Trees to be archived, the same for the same seed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

use super::random::Random;

/// A file of bytes that no compressor makes shorter.
pub(crate) fn random_file(path: &Path, seed: u64, length: usize) {
    write(path, Random::new(seed).bytes(length));
}

/// So many files of noise, `file-0` and on: each has its number for its seed.
pub(crate) fn random_files(folder: &Path, count: u64, length: usize) {
    for number in 0..count {
        random_file(&folder.join(format!("file-{number}")), number, length);
    }
}

/// A file, and the folders above it.
pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).expect("a new folder");
    }
    fs::write(path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// About 120 files and 3 MB of all sizes: text, noise, nothing; folders, links, modes.
pub(crate) fn sample(folder: &Path, seed: u64) {
    let mut random = Random::new(seed);
    for number in 0..100 {
        let path = folder.join(format!("text/{}/file-{number}.txt", number % 7));
        let lines = (0..random.below(400)).map(|line| format!("{number}: line {line} of a text\n"));
        write(&path, lines.collect::<String>());
    }
    for (number, length) in
        [0, 1, 100, 4095, 4096, 65_537, 1 << 20, (1 << 20) + 1].iter().enumerate()
    {
        write(&folder.join(format!("noise/{number}")), random.bytes(*length));
    }
    write(&folder.join("bin/run"), "#!/bin/sh\nexit 0\n");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.join("bin/run"), executable).expect("a mode can be set");
    fs::create_dir_all(folder.join("empty/inside")).expect("a new folder");
    symlink("../text", folder.join("bin/link")).expect("a new link");
    fs::hard_link(folder.join("bin/run"), folder.join("run")).expect("a new hard link");
}

/// Many small files; their folders are `0000`, `0001`, ...
pub(crate) fn tiny_files(folder: &Path, folders: usize, files_each: usize, length: usize) {
    let mut random = Random::new(9);
    for number in 0..folders {
        let inside = folder.join(format!("{number:04}"));
        fs::create_dir_all(&inside).expect("a new folder");
        for file in 0..files_each {
            let path = inside.join(format!("file-{file:04}"));
            fs::write(path, random.bytes(length)).expect("a new file");
        }
    }
}

/// Files that were changed within a tick of the clock before an archive are read again by the
/// next, and rightly so; this lets the tick pass.
pub(crate) fn settle() {
    std::thread::sleep(Duration::from_millis(60));
}

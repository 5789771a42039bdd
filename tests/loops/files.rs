//! Folders of small files: walked, read, made again. What the kernel does for them is not counted.

use std::path::Path;

use format::EntryKind;
use mover::source::{Found, Piece, SourceConfig, Walker};
use mover::target::{Placed, Target, TargetConfig};

use crate::archive::entry;
use crate::counted;
use crate::random::Random;

const FOLDER_COUNT: usize = 40;
const FILE_COUNT: usize = 50;
const FILE_LENGTH: usize = 300;

/// Makes a tree and a walker for it.
fn tree(folder: &Path) -> Walker {
    let root = folder.join("tree");
    let mut random = Random::new(1);
    let bytes = random.bytes(FILE_LENGTH);
    for number in 0..FOLDER_COUNT {
        let folder = root.join(format!("package-{number:04}"));
        std::fs::create_dir_all(&folder).expect("a new folder");
        let name = |file| format!("chapter-{number:02}-{file:02}.txt");
        let mut names: Vec<_> = (0..FILE_COUNT).map(name).collect();
        // In no order, and of other names in each folder: neither a disk that lists what came
        // first nor one that hashes names may decide what the walk's sort takes.
        while !names.is_empty() {
            let name = names.swap_remove(random.below(names.len() as u64) as usize);
            std::fs::write(folder.join(name), &bytes).expect("a new file");
        }
    }
    Walker::open(&SourceConfig { roots: vec![root], ..SourceConfig::default() }).expect("a root")
}

fn walk(walker: &mut Walker) -> impl Iterator<Item = Found> {
    std::iter::from_fn(|| walker.next()).map(|found| found.expect("an entry"))
}

/// Entries in the order of paths, with all that is said of each.
pub(crate) fn walked(folder: &Path) -> u64 {
    let mut walker = tree(folder);
    // None is kept: what memory costs depends on what else is held.
    let count = counted(|| walk(&mut walker).count());
    assert_eq!(count, 1 + FOLDER_COUNT * (1 + FILE_COUNT));
    count as u64
}

/// Each opened, read, and looked at again.
pub(crate) fn read(folder: &Path) -> u64 {
    let is_file = |found: &Found| found.entry.kind == EntryKind::File;
    let found: Vec<_> = walk(&mut tree(folder)).filter(is_file).collect();
    let mut buffer = vec![0; 1 << 20];
    counted(|| {
        for found in &found {
            let mut reader = found.open().expect("a file");
            while reader.next(&mut buffer).expect("a read") != Piece::End {}
            reader.finish().expect("it has not changed");
        }
    });
    found.len() as u64
}

/// Each made, written, and given what its entry says.
pub(crate) fn restored(folder: &Path) -> u64 {
    let bytes = Random::new(1).bytes(FILE_LENGTH);
    let count = (FOLDER_COUNT * FILE_COUNT) as u64;
    let entries: Vec<_> = (0..count).map(|number| entry(number, FILE_LENGTH)).collect();
    // Whoever runs this, the same is asked of the kernel.
    let config = TargetConfig { owners: false, ..TargetConfig::new(folder.join("into")) };
    let mut target = Target::open(config).expect("a new folder");
    let faults = counted(|| {
        for entry in &entries {
            let Placed::NeedsContent(mut file) = target.begin(entry).expect("a new file") else {
                panic!("a file wants its content");
            };
            file.write_at(0, &bytes).expect("a write");
            file.finish(bytes.len() as u64).expect("a file");
        }
        target.finish()
    });
    assert!(faults.is_empty(), "{faults:?}");
    count
}

//! What fuzzing begins with: real encodings, made by the encoders themselves or taken from files of
//! the tree, in the form that each target reads.
//!
//! `fuzz/run.sh --seeds` has the targets write them into `corpus/`.

pub mod crafted;
pub mod format;
#[cfg(feature = "engine")]
pub mod manifest;
#[cfg(feature = "engine")]
pub mod policy;
#[cfg(feature = "engine")]
pub mod protocol;
#[cfg(feature = "engine")]
pub mod restore;
#[cfg(feature = "engine")]
pub mod tape;
#[cfg(feature = "engine")]
pub mod volume;

use std::path::{Path, PathBuf};

/// A name and bytes.
pub type Seed = (String, Vec<u8>);

/// The variable that names the folder to write seeds into, in the place of fuzzing.
const FOLDER: &str = "MOVER_FUZZ_SEEDS";

/// Writes seeds and ends the process, where that is asked for.
pub fn write_if_asked(seeds: fn() -> Vec<Seed>) {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    for (name, bytes) in seeds() {
        std::fs::write(Path::new(&folder).join(name), bytes).expect("the folder is there");
    }
    std::process::exit(0);
}

/// A file or folder of the tree.
pub fn tree(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn seed(name: impl Into<String>, parts: &[&[u8]]) -> Seed {
    (name.into(), parts.concat())
}

/// The golden files of the format, by name, in the order of their names.
fn golden() -> Vec<Seed> {
    let listing = std::fs::read_dir(tree("format/tests/golden/v1")).expect("the tree has them");
    let mut files: Vec<PathBuf> =
        listing.map(|item| item.expect("it is readable").path()).collect();
    files.sort();
    files.iter().map(|path| (stem(path), hex(path))).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("it is a file").to_string_lossy().into_owned()
}

fn hex(path: &Path) -> Vec<u8> {
    let text = std::fs::read_to_string(path).expect("it is text");
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("ASCII"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("two digits")).collect()
}

//! Tapes in files, read by a program that is not ours.

use std::path::Path;

/// The records of a tape in their order, by `simh.py`.
pub(crate) fn records(tape: &Path) -> Vec<u8> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("kit/simh.py");
    let mut python = super::tool("python3", "python3");
    let done = python.arg(script).arg(tape).output().expect("python runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done.stdout
}

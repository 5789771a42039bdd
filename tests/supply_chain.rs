//! What the binary is made of: where the host's own code is unsafe, and why each dependency is one.
//!
//! Licences and sources are `deny.toml`'s; that the committed components are what their sources
//! make is `plugin-build --check`'s. Both are run by `tests/run.sh`.

use std::fs;
use std::path::{Path, PathBuf};

/// Every block of unsafe code in the host, by file.
const UNSAFE: &[(&str, usize)] =
    &[("mover/src/media/scsi/sg.rs", 2), ("mover/src/plugin/engine.rs", 1)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).expect("a folder of sources") {
        let path = item.expect("it can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn unsafe_code_is_where_it_is_known_to_be_and_says_why() {
    let mut files = Vec::new();
    for folder in ["mover/src", "format/src"] {
        sources(&root().join(folder), &mut files);
    }
    files.sort();
    let mut counted = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a source");
        let lines: Vec<&str> = text.lines().collect();
        let is_unsafe = |line: &str| {
            let code = line.split("//").next().unwrap_or_default();
            ["unsafe {", "unsafe fn", "unsafe impl"].iter().any(|word| code.contains(word))
        };
        let at: Vec<usize> = (0..lines.len()).filter(|at| is_unsafe(lines[*at])).collect();
        for at in &at {
            let before = &lines[at.saturating_sub(6)..*at];
            assert!(
                before.iter().any(|line| line.contains("SAFETY:")),
                "{}:{} does not say why it is safe",
                path.display(),
                at + 1
            );
        }
        if !at.is_empty() {
            let name = path.strip_prefix(root()).expect("below the root").display().to_string();
            counted.push((name, at.len()));
        }
    }
    let known: Vec<(String, usize)> =
        UNSAFE.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(counted, known, "whoever adds unsafe code writes it down here");
}

#[test]
fn each_dependency_has_a_line_of_reason() {
    for manifest in ["format/Cargo.toml", "mover/Cargo.toml", "tests/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).expect("a manifest");
        let (mut is_dependencies, mut reason, mut count) = (false, false, 0);
        for line in text.lines().map(str::trim) {
            if let Some(section) = line.strip_prefix('[') {
                is_dependencies = section.contains("dependencies");
                reason = false;
            } else if line.starts_with('#') {
                reason = true;
            } else if line.is_empty() {
                reason = false;
            } else if is_dependencies && line.contains('=') {
                assert!(reason, "{manifest}: no reason above {line}");
                count += 1;
            }
        }
        assert!(count > 0, "{manifest} has dependencies");
    }
}

//! The examples in the documents are right.

use super::check;

/// The TOML blocks of a document, with their first lines.
fn blocks(document: &str) -> Vec<(usize, String)> {
    let mut blocks: Vec<(usize, String)> = Vec::new();
    let mut is_inside = false;
    for (number, line) in document.lines().enumerate() {
        match (is_inside, line) {
            (false, "```toml") => {
                blocks.push((number + 2, String::new()));
                is_inside = true;
            }
            (true, "```") => is_inside = false,
            (true, line) => {
                let text = &mut blocks.last_mut().expect("one was begun").1;
                text.push_str(line);
                text.push('\n');
            }
            (false, _) => {}
        }
    }
    blocks
}

/// Whole files have no complaints; a part has none when it is put where it belongs: under a version
/// and beside pools of the names that the book uses.
fn check_document(name: &str, document: &str, count_min: usize) {
    const BESIDE: &str = "version = 1\n[pools.disk]\nkind = \"disk\"\npath = \"/disk\"\n\
        [pools.tape]\nkind = \"tape\"\nfolder = \"/tapes\"\n\
        [pools.cloud]\nkind = \"object\"\nbucket = \"b\"\n\
        [pools.quarantine]\nkind = \"disk\"\npath = \"/quarantine\"\n";
    let blocks = blocks(document);
    assert!(blocks.len() >= count_min, "{name} has {} examples", blocks.len());
    for (line, text) in blocks {
        let is_whole = text.lines().any(|line| line.starts_with("version = "));
        let defines_pools = text.contains("[pools.");
        let text = match (is_whole, defines_pools) {
            (true, _) => text,
            (false, true) => format!("version = 1\n{text}"),
            (false, false) => format!("{BESIDE}{text}"),
        };
        let complaints = check(&text);
        assert!(complaints.is_empty(), "{name}, line {line}: {complaints:#?}");
    }
}

#[test]
fn every_example_of_the_book_is_right() {
    check_document("policy.md", include_str!("../../../docs/policy.md"), 10);
    check_document("guide.md", include_str!("../../../docs/guide.md"), 1);
}

#[test]
fn every_key_is_in_the_book() {
    use super::layout::{ARCHIVE, CONDITIONS, FILE, POOLS, RETENTION, RULE, SERVE};
    let book = include_str!("../../../docs/policy.md");
    let pools = POOLS.iter().map(|(_, keys)| *keys);
    let tables = [FILE, ARCHIVE, RULE, CONDITIONS, RETENTION, SERVE];
    for keys in tables.into_iter().chain(pools) {
        for key in keys {
            assert!(book.contains(&format!("`{}`", key.name)), "{} is not told of", key.name);
        }
    }
}

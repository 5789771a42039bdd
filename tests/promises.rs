//! What documents promise of themselves: `docs/promises.md` names tests, each as its module and its
//! name, and each of them has to exist; `docs/glossary.md` is in the order of the alphabet.

use std::path::{Path, PathBuf};

/// All sources that tests are in, by their paths.
fn sources(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            into.push((path, text));
        }
    }
}

/// Whether a file is the module of a name, or lies in its folder.
fn is_of(path: &Path, module: &str) -> bool {
    path.with_extension("").iter().any(|part| part == module)
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace is around it");
    let text = std::fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let mut files = Vec::new();
    for folder in ["mover/src", "tests", "format/tests"] {
        sources(&root.join(folder), &mut files);
    }
    // Every second piece lies between backticks.
    let quoted = text.split('`').skip(1).step_by(2);
    let named = quoted.filter(|quoted| !quoted.contains(char::is_whitespace));
    let named: Vec<_> = named
        .filter_map(|quoted| quoted.rsplit_once("::"))
        // Not the example, and not a whole module.
        .filter(|(_, name)| name.len() > 1)
        .collect();
    assert!(named.len() > 30, "{named:?}");
    for (module, name) in named {
        let is_there = files.iter().any(|(path, text)| {
            text.contains(&format!("fn {name}("))
                && module.split("::").all(|module| is_of(path, module))
        });
        assert!(is_there, "no test {module}::{name}");
    }
}

#[test]
fn the_glossary_is_in_the_order_of_the_alphabet() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace is around it");
    let text = std::fs::read_to_string(root.join("docs/glossary.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("|--")).skip(1);
    let words: Vec<String> =
        rows.filter_map(|row| Some(row.split('|').nth(1)?.trim().to_lowercase())).collect();
    assert!(words.len() > 100, "{words:?}");
    let wrong = words.windows(2).find(|pair| pair[0] >= pair[1]);
    assert_eq!(wrong, None, "these two stand the other way round, or one is there twice");
}

//! `docs/promises.md` names tests: each of them has to exist.

use std::path::Path;

/// All sources that tests are in.
fn sources(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" {
            sources(&path, into);
        } else if name.ends_with(".rs") {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_test_that_a_promise_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace is around it");
    let text = std::fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let mut code = String::new();
    for folder in ["mover/src", "tests", "format/tests"] {
        sources(&root.join(folder), &mut code);
    }
    // Every second piece lies between backticks.
    let quoted =
        text.split('`').skip(1).step_by(2).filter(|quoted| !quoted.contains(char::is_whitespace));
    let named = quoted.filter_map(|quoted| quoted.rsplit_once("::").map(|(_, name)| name));
    let named: Vec<&str> = named.filter(|name| name.len() > 1).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "no test {name}");
    }
}

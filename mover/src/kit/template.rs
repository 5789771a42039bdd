//! New projects: templates and the SDK, from the binary.

use std::fs;
use std::path::Path;

use format::Role;
use include_dir::{Dir, DirEntry, include_dir};

use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{builtin, role_name};

static TEMPLATES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../plugins/templates");
static SDK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../plugins/sdk");

/// Where the SDK goes in a project.
const VENDORED: &str = "vendor/mover-plugin";
/// Names that Rust, cargo or the templates have taken.
const TAKEN: &[&str] = &[
    "alloc",
    "as",
    "async",
    "await",
    "break",
    "config",
    "const",
    "continue",
    "core",
    "crate",
    "dedupe",
    "dyn",
    "else",
    "enum",
    "error",
    "extern",
    "false",
    "filter",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "match",
    "mod",
    "mover-plugin",
    "move",
    "mut",
    "output",
    "proc",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "serde-json",
    "snoop",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "transform",
    "true",
    "type",
    "unsafe",
    "use",
    "verdict",
    "where",
    "while",
];

/// The language of a new project.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Language {
    /// Rust, for all roles
    #[default]
    Rust,
    /// C, for all roles
    C,
    /// JavaScript, for all roles: second tier, slow
    Js,
    /// Python, for all roles: second tier, slow
    Python,
}

impl Language {
    fn folder(self) -> &'static str {
        match self {
            Language::Rust => "rust",
            Language::C => "c",
            Language::Js => "js",
            Language::Python => "python",
        }
    }

    /// The command that runs a new project's own tests.
    pub fn test_command(self) -> &'static str {
        match self {
            Language::Rust => "cargo test",
            Language::C => "cc tests/plugin.c src/plugin.c -o plugin-test && ./plugin-test",
            Language::Js => "node --test",
            Language::Python => "python3 -m unittest discover tests",
        }
    }
}

/// Makes a project in a folder that is not there yet, or is empty; gives its files.
pub fn new_project(
    folder: &Path,
    name: &str,
    role: Role,
    language: Language,
) -> Result<Vec<String>> {
    check_name(name)?;
    let parts = ["common", role_name(role)].map(|part| format!("{}/{part}", language.folder()));
    match fs::read_dir(folder).map(|mut files| files.next().is_none()) {
        Ok(false) => {
            let message = format!("{} is not empty", folder.display());
            return Err(Error::new(ErrorKind::Exists, message)
                .way_out("choose another name, or another folder with --into"));
        }
        Ok(true) => {}
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
        Err(cause) => return Err(Error::io("reading", folder, cause)),
    }
    let mut written = Vec::new();
    for path in parts {
        let template = TEMPLATES.get_dir(&path).expect("every language has every role");
        for (path, bytes) in files(template) {
            let path = path.strip_suffix(".in").unwrap_or(&path).to_owned();
            match std::str::from_utf8(bytes) {
                Ok(text) => write(folder, &path, fill(text, name).as_bytes())?,
                // An object file of the bindings.
                Err(_) => write(folder, &path, bytes)?,
            }
            written.push(path);
        }
    }
    if language == Language::Rust {
        for (path, bytes) in files(&SDK) {
            write(folder, &format!("{VENDORED}/{path}"), bytes)?;
        }
        written.push(format!("{VENDORED}/"));
    }
    Ok(written)
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<()> {
    let path = folder.join(path);
    let parent = path.parent().expect("it is below a folder");
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(&path, bytes))
        .map_err(|cause| Error::io("writing", &path, cause))
}

/// All files below an embedded folder, by their paths in it.
fn files<'a>(root: &'a Dir<'a>) -> Vec<(String, &'a [u8])> {
    fn below<'a>(dir: &'a Dir<'a>, root: &Path, files: &mut Vec<(String, &'a [u8])>) {
        for entry in dir.entries() {
            match entry {
                DirEntry::Dir(dir) => below(dir, root, files),
                DirEntry::File(file) => {
                    let path = file.path().strip_prefix(root).expect("it is below it");
                    let path = path.to_str().expect("names of templates are text").to_owned();
                    files.push((path, file.contents()));
                }
            }
        }
    }
    let mut found = Vec::new();
    below(root, root.path(), &mut found);
    found
}

fn fill(text: &str, name: &str) -> String {
    let type_name: String = name.split('-').map(capitalised).collect();
    text.replace("{{name}}", name)
        .replace("{{type}}", &type_name)
        .replace("{{crate}}", &name.replace('-', "_"))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn check_name(name: &str) -> Result<()> {
    let is_word = |word: &str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    let is_plain = name.len() <= 64
        && name.split('-').all(is_word)
        && name.starts_with(|c: char| c.is_ascii_lowercase());
    if !is_plain {
        let message = format!("{} cannot be the name of a plugin", name.escape_debug());
        return Err(Error::new(ErrorKind::Usage, message)
            .way_out("use lower-case words of letters and digits, with - between: log-filter"));
    }
    if TAKEN.contains(&name) || builtin::find(name).is_some() {
        return Err(Error::new(ErrorKind::Usage, format!("the name {name} is taken"))
            .way_out(format!("name it my-{name}, or by what it does")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 4] = [Role::Filter, Role::Snoop, Role::Dedupe, Role::Transform];

    #[test]
    fn every_role_has_a_project_with_nothing_left_to_fill_in() {
        for role in ROLES {
            let folder = tempfile::tempdir().unwrap();
            let written = new_project(folder.path(), "log-thing", role, Language::Rust).unwrap();
            for needed in ["Cargo.toml", "src/lib.rs", "README.md", ".gitignore"] {
                assert!(written.iter().any(|path| path == needed), "{needed}: {written:?}");
            }
            for path in written.iter().filter(|path| !path.ends_with('/')) {
                let text = fs::read_to_string(folder.path().join(path)).unwrap();
                assert!(!text.contains("{{name}}") && !text.contains("{{type}}"), "{path}");
            }
            let source = fs::read_to_string(folder.path().join("src/lib.rs")).unwrap();
            assert!(source.contains("LogThing"), "{source}");
            assert!(folder.path().join("vendor/mover-plugin/src/lib.rs").is_file());
            let error = new_project(folder.path(), "log-thing", role, Language::Rust).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Exists);
        }
    }

    #[test]
    fn a_project_in_c_has_its_bindings_as_they_are() {
        for role in ROLES {
            let folder = tempfile::tempdir().unwrap();
            let written = new_project(folder.path(), "log-thing", role, Language::C).unwrap();
            let role = role_name(role);
            let object = format!("kit/{role}_plugin_component_type.o");
            let shipped = TEMPLATES.get_file(format!("c/{role}/{object}")).unwrap().contents();
            assert!(fs::read(folder.path().join(&object)).unwrap() == shipped);
            for needed in ["src/component.c", "src/plugin.c", "kit/config.h", "manifest.json"] {
                assert!(written.iter().any(|path| path == needed), "{needed}: {written:?}");
            }
            for path in written.iter().filter(|path| **path != object) {
                let text = fs::read_to_string(folder.path().join(path)).unwrap();
                assert!(!text.contains("{{name}}"), "{path}");
            }
        }
    }

    #[test]
    fn a_project_of_the_second_tier_has_all_that_its_build_reads() {
        let js = ["package.json", "kit/build.js", "kit/ROLE.js", "src/plugin.js"];
        let python = ["pyproject.toml", "requirements.txt", "kit/ROLE.py", "src/plugin.py"];
        for (language, needed) in [(Language::Js, js), (Language::Python, python)] {
            for role in ROLES {
                let folder = tempfile::tempdir().unwrap();
                let written = new_project(folder.path(), "log-thing", role, language).unwrap();
                for needed in needed.iter().chain(&["manifest.json", "README.md", ".gitignore"]) {
                    let needed = needed.replace("ROLE", role_name(role));
                    assert!(written.contains(&needed), "{needed}: {written:?}");
                }
                for path in &written {
                    let text = fs::read_to_string(folder.path().join(path)).unwrap();
                    assert!(!text.contains("{{"), "{path}");
                }
            }
        }
    }

    #[test]
    fn names_that_cannot_be_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "A", "a--b", "-a", "a_b", "../a", "7z", "zstd", "transform", "serde"] {
            let into = folder.path().join("new");
            assert!(new_project(&into, name, Role::Snoop, Language::Rust).is_err(), "{name}");
            assert!(!into.exists());
        }
    }
}

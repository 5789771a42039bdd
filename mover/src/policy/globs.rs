//! Globs: of paths as in a gitignore file, and of plain words.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::{Error, ErrorKind, Result};

/// Several globs; among those of paths the last that matches decides, and one behind `!` excludes.
#[derive(Clone, Debug)]
pub(super) struct Globs {
    set: GlobSet,
    /// As they were written.
    texts: Vec<String>,
    /// Of each glob of the set: the place of its text.
    origins: Vec<usize>,
}

impl Globs {
    /// Of paths: a glob without a slash is of the last name; one that ends in a slash is of all in
    /// folders of that name; one with a slash elsewhere begins at the archive's root, and takes all
    /// that is below what it matches.
    pub(super) fn of_paths(texts: &[String]) -> Result<Globs> {
        Globs::build(texts, |text| {
            let text = text.strip_prefix('!').unwrap_or(text);
            let inner = text.trim_matches('/');
            if inner.is_empty() {
                return Err(no_glob(text));
            }
            let below = text.ends_with('/');
            let is_anchored = text.starts_with('/') || inner.contains('/');
            let whole = if is_anchored { inner.to_owned() } else { format!("**/{inner}") };
            let path = |text: &str| GlobBuilder::new(text).literal_separator(true).build();
            Ok(match (below, is_anchored) {
                (true, _) => vec![path(&format!("{whole}/**"))],
                (false, true) => vec![path(&whole), path(&format!("{whole}/**"))],
                (false, false) => vec![path(&whole)],
            })
        })
    }

    /// Of words without structure, such as content types: `*` matches slashes too.
    pub(super) fn of_words(texts: &[String]) -> Result<Globs> {
        Globs::build(texts, |text| match text.is_empty() {
            true => Err(no_glob(text)),
            false => Ok(vec![Glob::new(text)]),
        })
    }

    fn build(
        texts: &[String],
        globs: impl Fn(&str) -> Result<Vec<std::result::Result<Glob, globset::Error>>>,
    ) -> Result<Globs> {
        let (mut set, mut origins) = (GlobSetBuilder::new(), Vec::new());
        for (place, text) in texts.iter().enumerate() {
            for glob in globs(text)? {
                set.add(glob.map_err(|cause| no_glob(text).because(cause))?);
                origins.push(place);
            }
        }
        let set = set.build().map_err(|cause| no_glob(&texts.join(", ")).because(cause))?;
        Ok(Globs { set, texts: texts.to_vec(), origins })
    }

    /// The glob that takes a path; none where none does, or the last that matches excludes it.
    pub(super) fn path(&self, path: &[u8]) -> Option<&str> {
        self.last(Path::new(OsStr::from_bytes(path))).filter(|text| !text.starts_with('!'))
    }

    /// A glob that takes a word.
    pub(super) fn word(&self, word: &str) -> Option<&str> {
        self.last(Path::new(word))
    }

    fn last(&self, path: &Path) -> Option<&str> {
        // Most paths match nothing, and to know that costs no allocation.
        if !self.set.is_match(path) {
            return None;
        }
        let place = self.set.matches(path).into_iter().map(|at| self.origins[at]).max()?;
        Some(&self.texts[place])
    }

    /// As they were written, in one line.
    pub(super) fn text(&self) -> String {
        self.texts.join(", ")
    }
}

fn no_glob(text: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("{text:?} is no glob"))
        .way_out("write it as *.mp4, /folder/*.txt, folder/ or {a,b}*; \\ takes a sign as it is")
}

/// Globs of paths, as rules have them.
#[derive(Clone, Debug)]
pub struct PathGlobs(Globs);

impl PathGlobs {
    /// Refuses what is no glob.
    pub fn new(texts: &[String]) -> Result<PathGlobs> {
        Globs::of_paths(texts).map(PathGlobs)
    }

    /// Whether a path in an archive is among them.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.0.path(path).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(globs: &[&str], path: &str) -> bool {
        let globs: Vec<String> = globs.iter().map(|&glob| glob.to_owned()).collect();
        Globs::of_paths(&globs).unwrap().path(path.as_bytes()).is_some()
    }

    #[test]
    fn globs_of_paths_are_those_of_a_gitignore_file() {
        let cases: [(&[&str], &str, bool); 21] = [
            (&["*.mp4"], "a.mp4", true),
            (&["*.mp4"], "x/y/a.mp4", true),
            (&["*.mp4"], "a.mp4/x", false),
            (&["*.mp4"], "a.mp4.txt", false),
            (&["/a.txt"], "a.txt", true),
            (&["/a.txt"], "x/a.txt", false),
            (&["x/*.txt"], "x/a.txt", true),
            (&["x/*.txt"], "x/y/a.txt", false),
            (&["x/*.txt"], "z/x/a.txt", false),
            (&["**/x/*.txt"], "z/x/a.txt", true),
            (&["x/y"], "x/y/z/a", true),
            (&["build/"], "build/a", true),
            (&["build/"], "x/build/y/a", true),
            (&["build/"], "x/build", false),
            (&["/build/"], "x/build/a", false),
            (&["x/build/"], "x/build/a", true),
            (&["*.log", "!debug.log"], "x/debug.log", false),
            (&["*.log", "!debug.log"], "x/other.log", true),
            (&["!debug.log", "*.log"], "x/debug.log", true),
            (&["!debug.log"], "x", false),
            (&["{a,b}?[0-9]"], "b-7", true),
        ];
        for (globs, of, expect) in cases {
            assert_eq!(path(globs, of), expect, "{globs:?} {of}");
        }
    }

    #[test]
    fn paths_need_not_be_text() {
        let globs = Globs::of_paths(&["*.mp4".to_owned()]).unwrap();
        assert_eq!(globs.path(b"\xff\xfe/\x80.mp4"), Some("*.mp4"));
    }

    #[test]
    fn globs_of_words_know_no_slash() {
        let globs = Globs::of_words(&["*document".to_owned(), "text/*".to_owned()]).unwrap();
        assert_eq!(globs.word("application/x.document"), Some("*document"));
        assert_eq!(globs.word("text/plain"), Some("text/*"));
        assert_eq!(globs.word("image/png"), None);
    }

    #[test]
    fn what_is_no_glob_is_refused() {
        for wrong in ["[", "", "/", "!", "{a"] {
            assert!(Globs::of_paths(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
        assert!(Globs::of_words(&[String::new()]).is_err());
    }
}

//! Whether all that one rule takes is taken by an earlier one.
//!
//! What is found is always so; some that is so is not found, since globs can say the same in many
//! ways.

use super::bounds::Bounds;
use super::globs::Globs;
use super::rules::Conditions;

/// Whether whatever meets `later` meets `earlier`.
pub(super) fn covers(earlier: &Conditions, later: &Conditions) -> bool {
    let bounds = |one: &Option<Bounds>, other: &Option<Bounds>| match (one, other) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(one), Some(other)) => one.cover(other),
    };
    let among = |one: &[String], other: &[String]| {
        one.is_empty() || (!other.is_empty() && other.iter().all(|name| one.contains(name)))
    };
    let words = |one: &[String], other: &[String]| {
        let word = |of: &String| one.iter().any(|glob| word_covers(glob, of));
        one.is_empty() || (!other.is_empty() && other.iter().all(word))
    };
    paths(&earlier.path, &later.path)
        && bounds(&earlier.size, &later.size)
        && bounds(&earlier.age, &later.age)
        && among(&earlier.owner, &later.owner)
        && among(&earlier.group, &later.group)
        && words(&earlier.archive, &later.archive)
        && words(&earlier.r#type, &later.r#type)
        && bounds(&earlier.entropy, &later.entropy)
        && words(&earlier.tags, &later.tags)
        && words(&earlier.chunk_type, &later.chunk_type)
        && bounds(&earlier.chunk_entropy, &later.chunk_entropy)
}

fn paths(earlier: &[String], later: &[String]) -> bool {
    let is_excluding = |glob: &String| glob.starts_with('!');
    if earlier.is_empty() {
        return true;
    }
    if earlier.iter().any(is_excluding) {
        return earlier == later;
    }
    let mut taking = later.iter().filter(|glob| !is_excluding(glob)).peekable();
    taking.peek().is_some() && taking.all(|of| earlier.iter().any(|glob| path_covers(glob, of)))
}

/// Whether all paths of one glob are paths of another.
fn path_covers(glob: &str, of: &str) -> bool {
    if glob == of {
        return true;
    }
    let is_name = |glob: &str| !glob.contains('/');
    if is_name(glob) {
        return glob == "*" || glob == "**" || (is_name(of) && word_covers(glob, of));
    }
    // A folder from the root, and what is below it.
    let is_anchored =
        |glob: &str| glob.starts_with('/') || glob.trim_end_matches('/').contains('/');
    let folder = glob.strip_prefix('/').unwrap_or(glob).strip_suffix('/');
    folder.is_some_and(|folder| {
        let below = of.strip_prefix('/').unwrap_or(of).strip_prefix(folder);
        let is_below = below.and_then(|below| below.strip_prefix('/'));
        is_anchored(glob) && is_anchored(of) && is_plain(folder) && is_below.is_some()
    })
}

/// Whether all words of one glob are words of another.
fn word_covers(glob: &str, of: &str) -> bool {
    if glob == of || glob == "*" || glob == "**" {
        return true;
    }
    if is_plain(of) {
        let globs = Globs::of_words(&[glob.to_owned()]);
        return globs.is_ok_and(|globs| globs.word(of).is_some());
    }
    // `a*z` takes all that begins and ends so; of a glob, the ends that are plain say how.
    let Some((begin, end)) =
        glob.split_once('*').filter(|(begin, end)| is_plain(begin) && is_plain(end))
    else {
        return false;
    };
    let first = of.find(SIGNS).unwrap_or(of.len());
    let last = of.rfind(SIGNS).map_or(0, |at| at + 1);
    of[..first].starts_with(begin) && of[last..].ends_with(end)
}

/// What is not itself in a glob.
const SIGNS: [char; 9] = ['*', '?', '[', ']', '{', '}', '\\', ',', '!'];

fn is_plain(glob: &str) -> bool {
    !glob.contains(SIGNS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_plain_to_see_is_seen() {
        for (glob, of, expect) in [
            ("*.gz", "*.tar.gz", true),
            ("*.tar.gz", "*.gz", false),
            ("id_*", "id_rsa", true),
            ("id_*", "id_[rd]sa", true),
            ("*", "a/b", true),
            ("*.txt", "a/*.txt", false),
            ("/a/", "/a/b/*.txt", true),
            ("/a/", "a/b", true),
            ("a/", "/a/b", false),
            ("/a/", "b/a/", false),
            ("a/*", "a/b/", false),
        ] {
            assert_eq!(path_covers(glob, of), expect, "{glob} {of}");
        }
        assert!(word_covers("text/*", "text/x-*") && word_covers("text/*", "text/plain"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn a_covered_glob_takes_nothing_else(
            glob in "[/]?[ab*?.!]{1,3}([/][ab*]{0,2})?",
            of in "[/]?[ab*?.!]{1,3}([/][ab*]{0,2}){0,2}",
            words in proptest::collection::vec("[ab.!]{1,3}([/][ab]{1,2}){0,2}", 20),
        ) {
            let (one, other) = (vec![glob], vec![of]);
            let (Ok(paths_one), Ok(paths_other)) = (Globs::of_paths(&one), Globs::of_paths(&other))
            else {
                return Ok(());
            };
            let is_covered = paths(&one, &other);
            for word in words {
                if is_covered && paths_other.path(word.as_bytes()).is_some() {
                    prop_assert!(paths_one.path(word.as_bytes()).is_some(), "{word}");
                }
            }
        }
    }
}

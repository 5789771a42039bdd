//! Finds the archive that a person means.

use super::record::ArchiveRecord;
use crate::{Error, ErrorKind, Result};

/// Hex digits of an identity that are enough to look for it.
const PREFIX_LENGTH_MIN: usize = 4;
/// Names that a refusal lists, at most.
const NAMES_MAX: usize = 5;

/// See [`super::ReadStore::find_archive`].
pub(super) fn find(
    name: &str,
    store: &str,
    mut archives: Vec<ArchiveRecord>,
) -> Result<ArchiveRecord> {
    let shown = |record: &&ArchiveRecord| record.footer.is_some() && record.dropped.is_none();
    let named = |record: &&ArchiveRecord| name == "latest" || record.header.name == name;
    if let Some(at) = archives.iter().rposition(|record| shown(&record) && named(&record)) {
        return Ok(archives.swap_remove(at));
    }
    let prefix = name.to_ascii_lowercase();
    let is_prefix =
        prefix.len() >= PREFIX_LENGTH_MIN && prefix.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_prefix {
        let starts =
            |record: &ArchiveRecord| record.header.archive.to_string().starts_with(&prefix);
        let found: Vec<usize> = (0..archives.len()).filter(|at| starts(&archives[*at])).collect();
        match found[..] {
            [] => {}
            [at] => return Ok(archives.swap_remove(at)),
            _ => {
                let message = format!("{} archives begin with {prefix}", found.len());
                return Err(Error::new(ErrorKind::Usage, message).way_out("give more digits"));
            }
        }
    }
    Err(not_found(name, store, &archives))
}

fn not_found(name: &str, store: &str, archives: &[ArchiveRecord]) -> Error {
    let message = match name {
        "latest" => format!("store {store} holds no finished archive"),
        name => format!("no finished archive {name} in store {store}"),
    };
    let error = Error::new(ErrorKind::Missing, message);
    let visible = |record: &&ArchiveRecord| record.dropped.is_none();
    let unfinished =
        |record: &&ArchiveRecord| record.footer.is_none() && record.header.name == name;
    if archives.iter().filter(visible).any(|record| unfinished(&record)) {
        return error.way_out(
            "it is unfinished: run the command that wrote it once more, or name it by its id to \
             read or drop what arrived",
        );
    }
    let mut names: Vec<&str> =
        archives.iter().filter(visible).map(|record| record.header.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.sort_by_cached_key(|candidate| distance(name, candidate));
    names.truncate(NAMES_MAX);
    match names.is_empty() {
        true => error,
        false => error.way_out(format!("name one of these: {}", names.join(", "))),
    }
}

/// Edits that turn one name into the other; one that merely continues the other is near.
fn distance(one: &str, other: &str) -> usize {
    if !one.is_empty() && (other.starts_with(one) || one.starts_with(other)) {
        return 0;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, left) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, right) in other.iter().enumerate() {
            let change = diagonal + usize::from(left != *right);
            diagonal = row[place + 1];
            row[place + 1] = change.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

//! The numbers of owners and groups that a rule names.

use std::path::Path;

use crate::{Error, ErrorKind, Result};

/// The numbers of users, given by names or numbers.
pub(super) fn users(names: &[String]) -> Result<Vec<u32>> {
    numbers(names, Path::new("/etc/passwd"), "user")
}

/// The numbers of groups, given by names or numbers.
pub(super) fn groups(names: &[String]) -> Result<Vec<u32>> {
    numbers(names, Path::new("/etc/group"), "group")
}

/// Both files have the name first and the number third.
fn numbers(names: &[String], file: &Path, what: &str) -> Result<Vec<u32>> {
    let mut known = None;
    let number = |name: &String| {
        if let Ok(number) = name.parse() {
            return Ok(number);
        }
        let known = known.get_or_insert_with(|| std::fs::read_to_string(file).unwrap_or_default());
        find(known, name).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("there is no {what} {name} on this machine"))
                .way_out(format!("name one of {}, or give a number", file.display()))
        })
    };
    names.iter().map(number).collect()
}

fn find(known: &str, name: &str) -> Option<u32> {
    known.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_numbers_and_numbers_are_their_own() {
        let file = "root:x:0:0:root:/root:/bin/sh\nbob:x:1001:100::/home/bob:/bin/sh\nodd:x\n";
        assert_eq!(find(file, "bob"), Some(1001));
        assert_eq!(find(file, "bo"), None);
        assert_eq!(find(file, "odd"), None);
        let names = ["root".to_owned(), "4711".to_owned()];
        assert_eq!(users(&names).unwrap(), [0, 4711]);
        assert_eq!(groups(&names).unwrap(), [0, 4711]);
        let error = users(&["nobody of this name".to_owned()]).unwrap_err();
        assert!(error.hint().unwrap().contains("/etc/passwd"));
    }
}

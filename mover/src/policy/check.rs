//! What is wrong with a policy, or odd about it, by line and column: first what cannot be read, and
//! where all can, what makes no sense.

use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::form::{Mistake, mistakes};
use super::layout::FILE;
use super::read::place_of;
use super::serve::Policy;
use super::{sense_pools, sense_rules};
use crate::{Error, ErrorKind, Result};

/// A complaint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Complaint {
    /// Whether the policy cannot be used, or is merely odd.
    pub is_error: bool,
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What can be done.
    pub way_out: String,
}

/// All that is wrong with a policy, in the order of the file.
pub fn check(text: &str) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut add = |mistake: Mistake| complaints.push(mistake.complaint(text, true));
    let (tree, not_toml) = DeTable::parse_recoverable(text);
    if not_toml.is_empty() {
        let version = tree.get_ref().get("version").map(Spanned::get_ref);
        match version.and_then(|version| version.as_integer()).map(|version| version.as_str()) {
            // What is of another version has another form.
            Some(version) if version != "1" => add(Mistake {
                at: place(&tree, &["version"]),
                message: format!("this file is of version {version}, not 1"),
                way_out: "use a mover that knows this version".to_owned(),
            }),
            _ => mistakes(FILE, &tree).into_iter().for_each(&mut add),
        }
    }
    for error in &not_toml {
        add(unreadable(error));
    }
    if complaints.is_empty() {
        match toml::from_str::<Policy>(text) {
            Ok(policy) => {
                let mut sense = Sense { text, tree: &tree, policy: &policy, complaints };
                sense_pools::check(&mut sense);
                sense_rules::check(&mut sense);
                complaints = sense.complaints;
            }
            Err(error) => complaints.push(unreadable(&error).complaint(text, true)),
        }
    }
    complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
    complaints
}

/// Refuses a policy that has errors: tells the first of them.
pub(super) fn refuse(text: &str, path: &Path) -> Result<()> {
    let mut errors = check(text).into_iter().filter(|complaint| complaint.is_error);
    let Some(Complaint { line, column, message, way_out, .. }) = errors.next() else {
        return Ok(());
    };
    let more = match errors.count() {
        0 => String::new(),
        more => format!(" (and {more} more: see `mover policy check`)"),
    };
    let message = format!("{}:{line}:{column}: {message}{more}", path.display());
    Err(Error::new(ErrorKind::Usage, message).way_out(way_out))
}

fn unreadable(error: &toml::de::Error) -> Mistake {
    Mistake {
        at: error.span().unwrap_or(0..0),
        message: error.message().replace('\n', "; "),
        way_out: "see docs/policy.md for what can stand in a policy file".to_owned(),
    }
}

impl Mistake {
    fn complaint(self, text: &str, is_error: bool) -> Complaint {
        let (line, column) = place_of(text, self.at.start);
        Complaint { is_error, line, column, message: self.message, way_out: self.way_out }
    }
}

/// A policy that can be read, with the places of all that is in it.
pub(super) struct Sense<'a> {
    text: &'a str,
    tree: &'a Spanned<DeTable<'a>>,
    pub(super) policy: &'a Policy,
    complaints: Vec<Complaint>,
}

impl Sense<'_> {
    /// Complains of what stands at the end of these keys; numbers are places in lists.
    pub(super) fn error(&mut self, keys: &[&str], message: String, way_out: impl Into<String>) {
        self.complain(true, keys, message, way_out.into());
    }

    /// Likewise, of what is merely odd.
    pub(super) fn warn(&mut self, keys: &[&str], message: String, way_out: impl Into<String>) {
        self.complain(false, keys, message, way_out.into());
    }

    fn complain(&mut self, is_error: bool, keys: &[&str], message: String, way_out: String) {
        let mistake = Mistake { at: place(self.tree, keys), message, way_out };
        self.complaints.push(mistake.complaint(self.text, is_error));
    }
}

/// Where the value at the end of these keys stands, or the last of them that is there.
fn place(tree: &Spanned<DeTable<'_>>, keys: &[&str]) -> Range<usize> {
    let mut at = 0..0;
    let mut value: Option<&Spanned<DeValue<'_>>> = None;
    for (depth, key) in keys.iter().enumerate() {
        let next = match value.map(Spanned::get_ref) {
            None if depth == 0 => tree.get_ref().get(*key),
            Some(DeValue::Table(table)) => table.get(*key),
            Some(DeValue::Array(list)) => key.parse().ok().and_then(|at: usize| list.get(at)),
            _ => None,
        };
        let Some(next) = next else { break };
        at = next.span();
        value = Some(next);
    }
    at
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;

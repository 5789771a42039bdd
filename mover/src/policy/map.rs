//! The storage map: which rule an entry, and each part of it, falls under, and why.
//!
//! Rules are narrowed once for each entry by what is known before it is read, so that for each of
//! its parts only what its content decides is left.

use std::sync::Arc;
use std::time::Duration;

use super::accounts;
use super::condition::{Condition, Content};
use super::globs::Globs;
use super::rules::{Conditions, Rule};
use crate::{Error, ErrorKind, Result};

/// What is known of an entry before any of it is read.
#[derive(Clone, Debug)]
pub struct EntryFacts {
    /// Its path in the archive.
    pub path: Vec<u8>,
    /// Bytes of its content.
    pub size: u64,
    /// Time since it was changed.
    pub age: Duration,
    /// The number of its owner.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// The archive's name.
    pub archive: String,
}

/// What is known of its content.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContentFacts<'a> {
    /// Its first bytes: at most [`super::HEAD_LENGTH`], and the same ones for all its parts.
    pub head: &'a [u8],
    /// The part at hand; the same for an entry of one window.
    pub part: &'a [u8],
    /// What snoops found; none while they have not seen all of it.
    pub tags: Option<&'a [String]>,
}

/// Ordered rules, the first of which that matches is taken.
#[derive(Clone, Debug)]
pub struct StorageMap {
    rules: Arc<Vec<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    rule: Rule,
    /// What is known before an entry is read.
    of_entry: Vec<Condition>,
    /// What its content decides.
    of_content: Vec<Condition>,
}

/// The rule that was chosen, and what decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The rule's place; none where no rule matched.
    pub rule: Option<usize>,
    /// The conditions that held, in words.
    pub why: Vec<String>,
    /// The rules before it, none of which matched.
    pub passed: Vec<Passed>,
}

/// A rule that did not match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Its place.
    pub rule: usize,
    /// The first condition that did not hold, in words.
    pub because: String,
}

impl StorageMap {
    /// Refuses globs and owners that make no sense.
    pub fn new(rules: &[Rule]) -> Result<StorageMap> {
        let compiled: Result<Vec<_>> = rules.iter().map(Compiled::new).collect();
        Ok(StorageMap { rules: Arc::new(compiled?) })
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// A text that is another whenever a decision may be, and the same wherever the file is only
    /// written in another way: with comments, or other spaces.
    pub fn fingerprint(&self) -> String {
        let rules: Vec<&Rule> = self.rules().collect();
        serde_json::to_string(&rules).expect("rules came from text")
    }

    /// The rules that an entry can still fall under, whatever its content is.
    pub fn narrow(&self, facts: &EntryFacts) -> Narrowed {
        let mut left = Vec::new();
        for (place, compiled) in self.rules.iter().enumerate() {
            if !compiled.of_entry.iter().all(|condition| condition.holds_for_entry(facts)) {
                continue;
            }
            left.push(place);
            if compiled.of_content.is_empty() {
                break;
            }
        }
        Narrowed { rules: Arc::clone(&self.rules), left, facts: facts.clone() }
    }
}

/// The rules that are left for one entry.
#[derive(Clone, Debug)]
pub struct Narrowed {
    rules: Arc<Vec<Compiled>>,
    /// Places of rules whose conditions on the entry hold; the last may ask for nothing more.
    left: Vec<usize>,
    facts: EntryFacts,
}

impl Narrowed {
    /// Whether content has a say.
    pub fn asks_for_content(&self) -> bool {
        self.left.first().is_some_and(|place| !self.rules[*place].of_content.is_empty())
    }

    /// The first rule that holds; none where none does.
    pub fn rule(&self, facts: &ContentFacts<'_>) -> Option<usize> {
        let content = Content::new(*facts);
        self.left.iter().copied().find(|place| {
            let conditions = &self.rules[*place].of_content;
            conditions.iter().all(|condition| condition.holds_for_content(&content))
        })
    }

    /// The same, in words.
    pub fn route(&self, facts: &ContentFacts<'_>) -> Choice {
        let content = Content::new(*facts);
        let mut passed = Vec::new();
        for (place, compiled) in self.rules.iter().enumerate() {
            match compiled.failed(&self.facts, &content) {
                Some(because) => passed.push(Passed { rule: place, because }),
                None => {
                    let why = compiled.why(&self.facts, &content);
                    return Choice { rule: Some(place), why, passed };
                }
            }
        }
        Choice { rule: None, why: vec!["no rule matches".to_owned()], passed }
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Result<Compiled> {
        let conditions = conditions(&rule.when).map_err(|error| {
            let hint = error.hint().unwrap_or("see docs/policy.md").to_owned();
            Error::new(ErrorKind::Usage, format!("rule {}: {error}", rule.name)).way_out(hint)
        })?;
        let (of_content, of_entry) = conditions.into_iter().partition(Condition::is_of_content);
        Ok(Compiled { rule: rule.clone(), of_entry, of_content })
    }

    /// The first condition that does not hold.
    fn failed(&self, facts: &EntryFacts, content: &Content<'_>) -> Option<String> {
        let of_entry = self.of_entry.iter().find(|it| !it.holds_for_entry(facts));
        let failed =
            of_entry.or_else(|| self.of_content.iter().find(|it| !it.holds_for_content(content)));
        failed.map(|condition| condition.because(facts, content))
    }

    fn why(&self, facts: &EntryFacts, content: &Content<'_>) -> Vec<String> {
        let all = self.of_entry.iter().chain(&self.of_content);
        let why: Vec<String> = all.map(|condition| condition.why(facts, content)).collect();
        if why.is_empty() { vec!["it asks for nothing".to_owned()] } else { why }
    }
}

/// Those that were given, the cheapest first.
fn conditions(when: &Conditions) -> Result<Vec<Condition>> {
    let mut conditions = Vec::new();
    let words = |texts: &[String]| match texts {
        [] => Ok(None),
        texts => Globs::of_words(texts).map(Some),
    };
    conditions.extend(when.size.clone().map(Condition::Size));
    conditions.extend(when.age.clone().map(Condition::Age));
    if !when.owner.is_empty() {
        conditions.push(Condition::Owner(accounts::users(&when.owner)?, when.owner.clone()));
    }
    if !when.group.is_empty() {
        conditions.push(Condition::Group(accounts::groups(&when.group)?, when.group.clone()));
    }
    conditions.extend(words(&when.archive)?.map(Condition::Archive));
    if !when.path.is_empty() {
        conditions.push(Condition::Path(Globs::of_paths(&when.path)?));
    }
    conditions.extend(words(&when.tags)?.map(Condition::Tags));
    conditions.extend(words(&when.r#type)?.map(Condition::Type));
    conditions.extend(words(&when.chunk_type)?.map(Condition::ChunkType));
    conditions.extend(when.entropy.clone().map(Condition::Entropy));
    conditions.extend(when.chunk_entropy.clone().map(Condition::ChunkEntropy));
    Ok(conditions)
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;

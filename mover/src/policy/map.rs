//! The storage map: which rule an entry, and each part of it, falls under, and why.

use std::sync::Arc;
use std::time::Duration;

use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};

use super::content;
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
    /// The archive's name.
    pub archive: String,
}

/// What is known of its content.
#[derive(Clone, Copy, Debug, Default)]
pub struct ContentFacts<'a> {
    /// Its first bytes, up to a window.
    pub head: &'a [u8],
    /// The part at hand; the same for an entry of one window.
    pub part: &'a [u8],
    /// What snoops found; none while they have not seen all of it.
    pub tags: Option<&'a [String]>,
}

/// Ordered rules.
#[derive(Clone, Debug)]
pub struct StorageMap {
    rules: Arc<Vec<Compiled>>,
}

#[derive(Debug)]
struct Compiled {
    rule: Rule,
    path: GlobSet,
    archive: GlobSet,
    r#type: GlobSet,
    tags: GlobSet,
    chunk_type: GlobSet,
    owners: Vec<u32>,
}

/// The rule that was chosen, and what decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The rule's place; none where no rule matched.
    pub rule: Option<usize>,
    /// The conditions that held, in words.
    pub why: Vec<String>,
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

    /// The rules that an entry can still fall under, whatever its content is.
    pub fn narrow(&self, facts: &EntryFacts) -> Narrowed {
        let mut left = Vec::new();
        for (place, compiled) in self.rules.iter().enumerate() {
            let mut why = Vec::new();
            if !compiled.entry(facts, &mut why) {
                continue;
            }
            let is_decided = !compiled.asks_for_content();
            left.push((place, why));
            if is_decided {
                break;
            }
        }
        Narrowed { rules: Arc::clone(&self.rules), left }
    }
}

/// The rules that are left for one entry.
#[derive(Clone, Debug)]
pub struct Narrowed {
    rules: Arc<Vec<Compiled>>,
    left: Vec<(usize, Vec<String>)>,
}

impl Narrowed {
    /// Whether content has a say.
    pub fn asks_for_content(&self) -> bool {
        self.left.first().is_some_and(|(place, _)| self.rules[*place].asks_for_content())
    }

    /// The first rule that holds.
    pub fn route(&self, facts: &ContentFacts<'_>) -> Choice {
        for (place, why) in &self.left {
            let mut why = why.clone();
            if self.rules[*place].content(facts, &mut why) {
                if why.is_empty() {
                    why.push("it asks for nothing".to_owned());
                }
                return Choice { rule: Some(*place), why };
            }
        }
        Choice { rule: None, why: vec!["no rule matches".to_owned()] }
    }
}

impl Compiled {
    fn new(rule: &Rule) -> Result<Compiled> {
        let Conditions { path, owner, archive, r#type, tags, chunk_type, .. } = &rule.when;
        let of_rule = |error: Error| {
            let hint = error.hint().unwrap_or("see docs/policy.md").to_owned();
            Error::new(ErrorKind::Usage, format!("rule {}: {error}", rule.name)).way_out(hint)
        };
        let compile = || -> Result<Compiled> {
            Ok(Compiled {
                rule: rule.clone(),
                path: paths(path)?,
                archive: globs(archive)?,
                r#type: globs(r#type)?,
                tags: globs(tags)?,
                chunk_type: globs(chunk_type)?,
                owners: owner.iter().map(|name| uid(name)).collect::<Result<_>>()?,
            })
        };
        compile().map_err(of_rule)
    }

    fn asks_for_content(&self) -> bool {
        let when = &self.rule.when;
        !when.r#type.is_empty()
            || when.entropy.is_some()
            || !when.tags.is_empty()
            || !when.chunk_type.is_empty()
            || when.chunk_entropy.is_some()
    }

    fn entry(&self, facts: &EntryFacts, why: &mut Vec<String>) -> bool {
        use std::os::unix::ffi::OsStrExt;
        let when = &self.rule.when;
        if !when.path.is_empty() {
            let path = std::path::Path::new(std::ffi::OsStr::from_bytes(&facts.path));
            let Some(at) = self.path.matches(path).first().copied() else { return false };
            why.push(format!("path {}", when.path[at]));
        }
        if let Some(bound) = &when.size {
            if !bound.has(facts.size) {
                return false;
            }
            why.push(format!("size {}", crate::units::show(facts.size)));
        }
        if let Some(bound) = &when.age {
            if !bound.has(facts.age) {
                return false;
            }
            why.push(format!("age {} days", facts.age.as_secs() / 86_400));
        }
        if !when.owner.is_empty() {
            let Some(at) = self.owners.iter().position(|uid| *uid == facts.uid) else {
                return false;
            };
            why.push(format!("owner {}", when.owner[at]));
        }
        if !when.archive.is_empty() {
            if !self.archive.is_match(&facts.archive) {
                return false;
            }
            why.push(format!("archive {}", facts.archive));
        }
        true
    }

    fn content(&self, facts: &ContentFacts<'_>, why: &mut Vec<String>) -> bool {
        let when = &self.rule.when;
        let mut is_type = |globs: &GlobSet, asked: &[String], bytes: &[u8], what: &str| {
            if asked.is_empty() {
                return true;
            }
            let found = content::content_type(bytes);
            why.push(format!("{what} {found}"));
            globs.is_match(found)
        };
        if !is_type(&self.r#type, &when.r#type, facts.head, "type")
            || !is_type(&self.chunk_type, &when.chunk_type, facts.part, "part of type")
        {
            return false;
        }
        let bounds = [(when.entropy, facts.head, ""), (when.chunk_entropy, facts.part, "part of ")];
        for (bound, bytes, what) in bounds {
            let Some(bound) = bound else { continue };
            let bits = content::entropy(bytes);
            if bytes.is_empty() || !bound.has(bits) {
                return false;
            }
            why.push(format!("{what}entropy {bits:.1}"));
        }
        if !when.tags.is_empty() {
            let mut tags = facts.tags.into_iter().flatten();
            let Some(tag) = tags.find(|tag| self.tags.is_match(tag.as_str())) else { return false };
            why.push(format!("found {tag}"));
        }
        true
    }
}

fn bad_glob(glob: &str, cause: globset::Error) -> Error {
    Error::new(ErrorKind::Usage, format!("{glob} is no glob")).because(cause)
}

fn globs(globs: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(Glob::new(glob).map_err(|cause| bad_glob(glob, cause))?);
    }
    set.build().map_err(|cause| bad_glob(&globs.join(", "), cause))
}

/// As in a gitignore file: one without a slash is of the last name, one that begins with a slash of
/// the archive's root.
fn paths(globs: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let anchored = match glob.strip_prefix('/') {
            Some(rest) => rest.to_owned(),
            None if glob.trim_end_matches('/').contains('/') => glob.clone(),
            None => format!("**/{glob}"),
        };
        let whole = match anchored.strip_suffix('/') {
            Some(folder) => format!("{folder}/**"),
            None => anchored,
        };
        let built = GlobBuilder::new(&whole).literal_separator(true).build();
        set.add(built.map_err(|cause| bad_glob(glob, cause))?);
    }
    set.build().map_err(|cause| bad_glob(&globs.join(", "), cause))
}

/// The number of an owner, from `/etc/passwd` where it is a name.
fn uid(name: &str) -> Result<u32> {
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let of_name = |line: &str| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok()).flatten()
    };
    users.lines().find_map(of_name).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("there is no user {name} on this machine"))
            .way_out("name one of /etc/passwd, or give a number")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(text: &str) -> StorageMap {
        #[derive(serde::Deserialize)]
        struct Rules {
            rules: Vec<Rule>,
        }
        StorageMap::new(&toml::from_str::<Rules>(text).unwrap().rules).unwrap()
    }

    fn facts(path: &str, size: u64) -> EntryFacts {
        EntryFacts {
            path: path.as_bytes().to_vec(),
            size,
            age: Duration::from_secs(40 * 86_400),
            uid: 0,
            archive: "home".to_owned(),
        }
    }

    const RULES: &str = r#"
[[rules]]
name = "secret"
when = { path = ["*.key", "/private/"] }
[[rules]]
name = "old"
when = { age = ">30d", size = ">1M", owner = ["root"], archive = ["home*"] }
[[rules]]
name = "found"
when = { tags = ["eicar*"] }
[[rules]]
name = "pictures"
when = { type = ["image/*"] }
[[rules]]
name = "noise"
when = { chunk-entropy = ">7.5", path = ["*.bin"] }
[[rules]]
name = "text"
when = { chunk-type = ["text/*"], entropy = "<6" }
"#;

    fn name(map: &StorageMap, entry: &EntryFacts, content: &ContentFacts<'_>) -> String {
        let choice = map.narrow(entry).route(content);
        let rule = choice.rule.map(|place| map.rules().nth(place).unwrap().name.clone());
        rule.unwrap_or_default()
    }

    #[test]
    fn the_first_rule_that_holds_is_taken() {
        let map = map(RULES);
        let noise: Vec<u8> = crate::media::conformance::bytes(1, 100_000);
        let text = b"some text, and some more of it".as_slice();
        let of = |head, part| ContentFacts { head, part, tags: None };
        let same = |bytes| of(bytes, bytes);
        assert_eq!(name(&map, &facts("a/b/id.key", 9), &same(text)), "secret");
        assert_eq!(name(&map, &facts("private/a/b", 9), &same(text)), "secret");
        assert_eq!(name(&map, &facts("x/private/a", 9), &same(text)), "text");
        assert_eq!(name(&map, &facts("big", 2 << 20), &same(text)), "old");
        assert_eq!(name(&map, &facts("a.png", 9), &same(b"\x89PNG\r\n\x1a\n")), "pictures");
        assert_eq!(name(&map, &facts("a.bin", 9), &same(&noise)), "noise");
        // The part decides, and not only the beginning.
        assert_eq!(name(&map, &facts("a.bin", 9), &of(text, &noise)), "noise");
        assert_eq!(name(&map, &facts("a.bin", 9), &of(text, text)), "text");
        assert_eq!(name(&map, &facts("a.dat", 9), &same(&noise)), "");
        let tags = ["eicar-test".to_owned()];
        let found = ContentFacts { tags: Some(&tags), ..same(text) };
        assert_eq!(name(&map, &facts("a.txt", 9), &found), "found");
    }

    #[test]
    fn a_rule_of_paths_alone_needs_no_content() {
        let map = map(RULES);
        assert!(!map.narrow(&facts("a.key", 9)).asks_for_content());
        assert!(map.narrow(&facts("a.txt", 9)).asks_for_content());
        let choice = map.narrow(&facts("a.key", 9)).route(&ContentFacts::default());
        assert_eq!(choice, Choice { rule: Some(0), why: vec!["path *.key".to_owned()] });
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_the_name_of_its_rule() {
        #[derive(serde::Deserialize)]
        struct Rules {
            rules: Vec<Rule>,
        }
        for when in ["{ path = [\"[\"] }", "{ owner = [\"nobody-of-this-name\"] }"] {
            let text = format!("[[rules]]\nname = \"odd\"\nwhen = {when}");
            let error = StorageMap::new(&toml::from_str::<Rules>(&text).unwrap().rules);
            assert!(error.unwrap_err().to_string().starts_with("rule odd: "));
        }
        for when in ["{ size = \"1M\" }", "{ size = \">many\" }", "{ siez = \">1\" }"] {
            let text = format!("[[rules]]\nname = \"odd\"\nwhen = {when}");
            assert!(toml::from_str::<Rules>(&text).is_err(), "{when}");
        }
    }
}

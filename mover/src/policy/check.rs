//! What is wrong with a policy, or odd about it, by line and column.

use std::ops::Range;
use std::path::Path;

use serde::Serialize;
use toml::Spanned;

use super::map::StorageMap;
use super::read::place_of;
use super::rules::{Conditions, ENCRYPT, Rule, StageText};
use super::serve::{HOME_POOL, Policy};
use crate::media::MediumKind;
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

/// The stages that are built in, besides the cipher.
const BUILT_IN: [&str; 2] = ["zstd", "chacha20poly1305"];
/// Plain bytes of a chunk.
const CHUNK_SIZES: std::ops::RangeInclusive<u64> = 64 << 10..=8 << 20;

/// Reads a policy, and says all that is wrong with it; the first thing, where it cannot be read.
pub fn check(text: &str, path: &Path) -> Result<Vec<Complaint>> {
    let policy = Policy::parse(text, path)?;
    let mut checker = Checker { text, policy: &policy, complaints: Vec::new() };
    checker.pools();
    checker.rules();
    checker.complaints.sort_by_key(|complaint| (complaint.line, complaint.column));
    Ok(checker.complaints)
}

/// Refuses a policy that has errors: the first of them.
pub(super) fn refuse(text: &str, path: &Path) -> Result<()> {
    match check(text, path)?.into_iter().find(|complaint| complaint.is_error) {
        None => Ok(()),
        Some(Complaint { line, column, message, way_out, .. }) => {
            let message = format!("{}:{line}:{column}: {message}", path.display());
            Err(Error::new(ErrorKind::Usage, message).way_out(way_out))
        }
    }
}

struct Checker<'a> {
    text: &'a str,
    policy: &'a Policy,
    complaints: Vec<Complaint>,
}

impl Checker<'_> {
    fn complain(&mut self, is_error: bool, at: Range<usize>, message: String, way_out: &str) {
        let (line, column) = place_of(self.text, at.start);
        let way_out = way_out.to_owned();
        self.complaints.push(Complaint { is_error, line, column, message, way_out });
    }

    fn pools(&mut self) {
        if let Some(pool) = &self.policy.archive.hold_pool {
            self.pool(pool);
        }
        for (name, spec) in self.policy.pools() {
            // Others make a folder, or ask for a key pair, that this machine may not have.
            if spec.kind() == MediumKind::Tape
                && let Err(error) = spec.open(name, Path::new(""))
            {
                let at = self.text.find(&format!("[pools.{name}]")).unwrap_or(0);
                let way_out = error.hint().unwrap_or("see docs/policy.md").to_owned();
                self.complain(true, at..at, format!("pool {name}: {error}"), &way_out);
            }
        }
        for name in self.policy.retention.keys() {
            if name != HOME_POOL && !self.policy.pools().contains_key(name) {
                let at = self.text.find(&format!("[retention.{name}]")).unwrap_or(0);
                let message = format!("there is no pool {name} to keep anything in");
                self.complain(true, at..at, message, &self.known_pools());
            }
        }
    }

    fn known_pools(&self) -> String {
        let named = self.policy.pools().keys().map(String::as_str);
        let known: Vec<&str> = [HOME_POOL].into_iter().chain(named).collect();
        format!("the pools are {}; add one as [pools.NAME]", known.join(", "))
    }

    fn pool(&mut self, name: &Spanned<String>) {
        let is_known =
            name.get_ref() == HOME_POOL || self.policy.pools().contains_key(name.get_ref());
        if !is_known {
            let message = format!("there is no pool {}", name.get_ref());
            self.complain(true, name.span(), message, &self.known_pools());
        }
    }

    fn rules(&mut self) {
        let rules = &self.policy.rules;
        for (place, rule) in rules.iter().enumerate() {
            let at = rule.span();
            if let Err(error) = StorageMap::new(std::slice::from_ref(rule.get_ref())) {
                let way_out = error.hint().unwrap_or("see docs/policy.md").to_owned();
                self.complain(true, at.clone(), error.to_string(), &way_out);
            }
            self.rule(rule.get_ref());
            let earlier = &rules[..place];
            let name = &rule.get_ref().name;
            if let Some(first) = earlier.iter().find(|it| covers(it.get_ref(), rule.get_ref())) {
                let first = &first.get_ref().name;
                let message =
                    format!("rule {name} can never match: rule {first} before it takes all of it");
                self.complain(true, at, message, "put the rule that asks for more first");
            } else if is_contradiction(&rule.get_ref().when) {
                let message = format!("rule {name} can never match: its bounds exclude each other");
                self.complain(true, at, message, "mend the bounds");
            } else if earlier.iter().any(|it| it.get_ref().name == *name) {
                let message = format!("two rules are called {name}");
                self.complain(true, at, message, "give each rule a name of its own");
            }
        }
    }

    fn rule(&mut self, rule: &Rule) {
        for (place, pool) in rule.pools.iter().enumerate() {
            self.pool(pool);
            if rule.pools[..place].iter().any(|other| other.get_ref() == pool.get_ref()) {
                let message = format!("pool {} stands twice", pool.get_ref());
                self.complain(true, pool.span(), message, "a copy needs another pool");
            }
        }
        if let Some(size) = &rule.chunk_size
            && !CHUNK_SIZES.contains(&size.get_ref().0)
        {
            let message = "chunks of this size are not possible".to_owned();
            self.complain(true, size.span(), message, "use 64K to 8M");
        }
        let Some(stages) = &rule.stages else { return };
        let at = stages.span();
        let names: Vec<&str> = stages.get_ref().iter().map(StageText::component).collect();
        for name in &names {
            let is_file = name.ends_with(".wasm") || name.contains('/');
            if *name != ENCRYPT && !BUILT_IN.contains(name) && !is_file {
                let message = format!("there is no stage {name}");
                let way_out = "use zstd or encrypt, or give the path of a .wasm";
                self.complain(true, at.clone(), message, way_out);
            }
        }
        let is_cipher = |name: &&&str| **name == ENCRYPT || **name == BUILT_IN[1];
        if names.iter().filter(is_cipher).count() > 1 {
            let message = "it encrypts twice".to_owned();
            self.complain(true, at.clone(), message, "leave one of them out");
        }
        let cipher = names.iter().position(|name| *name == ENCRYPT || *name == BUILT_IN[1]);
        if cipher.is_some_and(|cipher| names[cipher..].contains(&"zstd")) {
            let message = "compression behind encryption makes nothing smaller".to_owned();
            self.complain(false, at.clone(), message, "put encrypt last");
        }
        if cipher.is_some() && !rule.encrypt {
            let message = "it encrypts among its stages, and says encrypt = false".to_owned();
            self.complain(true, at, message, "leave one of them out");
        }
    }
}

/// Whether everything that the later rule takes is taken by the earlier one.
fn covers(earlier: &Rule, later: &Rule) -> bool {
    let (first, second) = (&earlier.when, &later.when);
    let all = |one: &[String], other: &[String]| {
        one.is_empty() || (!other.is_empty() && other.iter().all(|glob| one.contains(glob)))
    };
    let same = |one: bool, equal: bool| !one || equal;
    all(&first.path, &second.path)
        && all(&first.owner, &second.owner)
        && all(&first.archive, &second.archive)
        && all(&first.r#type, &second.r#type)
        && all(&first.tags, &second.tags)
        && all(&first.chunk_type, &second.chunk_type)
        && same(first.size.is_some(), first.size == second.size)
        && same(first.age.is_some(), first.age == second.age)
        && same(first.entropy.is_some(), first.entropy == second.entropy)
        && same(first.chunk_entropy.is_some(), first.chunk_entropy == second.chunk_entropy)
}

fn is_contradiction(when: &Conditions) -> bool {
    use super::rules::Bound;
    let no_bits = |bound: &Option<Bound<super::rules::Decimal>>| match bound {
        Some(Bound::Over(bits)) => bits.0 >= 8.0,
        Some(Bound::Under(bits)) => bits.0 <= 0.0,
        None => false,
    };
    no_bits(&when.entropy) || no_bits(&when.chunk_entropy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> Vec<(bool, usize, String)> {
        let text = format!("version = 1\n{text}");
        let found = check(&text, Path::new("p.toml")).unwrap();
        found.into_iter().map(|it| (it.is_error, it.line, it.message)).collect()
    }

    #[test]
    fn each_mistake_is_told_with_its_line() {
        let cases = [
            ("[[rules]]\nname = \"a\"\npools = [\"tpae\"]", 4, "no pool tpae"),
            ("[[rules]]\nname = \"a\"\nstages = [\"zstdd\"]", 4, "no stage zstdd"),
            ("[[rules]]\nname = \"a\"\nstages = [\"encrypt\", \"encrypt\"]", 4, "encrypts twice"),
            ("[[rules]]\nname = \"a\"\nchunk-size = \"1G\"", 4, "not possible"),
            (
                "[[rules]]\nname = \"a\"\n[[rules]]\nname = \"b\"\nwhen = { path = [\"x\"] }",
                4,
                "never match",
            ),
            ("[[rules]]\nname = \"a\"\nwhen = { entropy = \">8\" }", 2, "exclude each other"),
            ("[[rules]]\nname = \"a\"\npools = [\"default\", \"default\"]", 4, "twice"),
            ("[archive]\nhold-pool = \"q\"", 3, "no pool q"),
            ("[retention.q]\nlast = 3", 2, "no pool q"),
        ];
        for (text, line, message) in cases {
            let found = complaints(text);
            let told = found
                .iter()
                .any(|(is_error, at, what)| *is_error && *at == line && what.contains(message));
            assert!(told, "{text}: {found:?}");
        }
    }

    #[test]
    fn what_is_merely_odd_is_no_error() {
        let found = complaints("[[rules]]\nname = \"a\"\nstages = [\"encrypt\", \"zstd\"]");
        assert_eq!(found.len(), 1);
        assert!(!found[0].0, "{found:?}");
    }

    #[test]
    fn a_rule_with_other_conditions_is_not_covered() {
        let text = "[[rules]]\nname = \"a\"\nwhen = { path = [\"*.a\"], size = \">1M\" }\n\
                    [[rules]]\nname = \"b\"\nwhen = { path = [\"*.a\"] }\n\
                    [[rules]]\nname = \"c\"";
        assert!(complaints(text).is_empty(), "{:?}", complaints(text));
    }

    #[test]
    fn an_unknown_key_is_told_with_its_place() {
        let error =
            check("version = 1\n[[rules]]\nname = \"a\"\npool = \"x\"", Path::new("p.toml"));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("p.toml:4:1") && error.contains("pools"), "{error}");
    }
}

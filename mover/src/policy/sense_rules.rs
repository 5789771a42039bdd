//! Rules that cannot do what they say: stages that do not fit, and conditions that never hold.

use super::check::Sense;
use super::cover::covers;
use super::form::suggest;
use super::map::StorageMap;
use super::rules::{Conditions, ENCRYPT, Rule, StageText};
use super::sense_pools::{NONE, pool};

/// The stages that are built in; the cipher by its own name, too.
const CIPHER: &str = "chacha20poly1305";
const COMPRESSOR: &str = "zstd";
/// Plain bytes of a chunk.
const CHUNK_SIZES: std::ops::RangeInclusive<u64> = 64 << 10..=8 << 20;

pub(super) fn check(sense: &mut Sense<'_>) {
    let rules: Vec<&Rule> = sense.policy.rules.iter().map(|rule| rule.get_ref()).collect();
    for (place, rule) in rules.iter().enumerate() {
        let place = &*place.to_string();
        name(sense, place, rule, &rules);
        pools(sense, place, rule);
        stages(sense, place, rule);
        let conditions_hold = possible(sense, place, rule);
        if conditions_hold {
            shadowed(sense, place, rule, &rules);
        }
        absolute(sense, place, rule);
    }
}

fn name(sense: &mut Sense<'_>, place: &str, rule: &Rule, rules: &[&Rule]) {
    let is_first = rules.iter().position(|it| it.name == rule.name).map(|at| at.to_string());
    if is_first.as_deref() != Some(place) {
        let message = format!("two rules are called {}", rule.name);
        sense.error(&["rules", place, "name"], message, "give each rule a name of its own");
    }
    if let Some(size) = &rule.chunk_size
        && !CHUNK_SIZES.contains(&size.get_ref().0)
    {
        let message = "chunks of this size are not possible".to_owned();
        sense.error(&["rules", place, "chunk-size"], message, "use 64K to 8M");
    }
}

fn pools(sense: &mut Sense<'_>, place: &str, rule: &Rule) {
    for (at, name) in rule.pools.iter().enumerate() {
        let keys = ["rules", place, "pools", &at.to_string()];
        pool(sense, &keys, name.get_ref());
        if rule.pools[..at].iter().any(|other| other.get_ref() == name.get_ref()) {
            let message = format!("pool {} stands twice", name.get_ref());
            sense.error(&keys, message, "a copy needs another pool");
        }
    }
    for (at, name) in rule.dedupe_with.iter().enumerate() {
        let keys = ["rules", place, "dedupe-with", &at.to_string()];
        pool(sense, &keys, name.get_ref());
        if rule.pools.iter().any(|own| own.get_ref() == name.get_ref()) && rule.pools.len() == 1 {
            let message = format!("{} is the rule's own pool", name.get_ref());
            sense.warn(&keys, message, "its blocks are referred to anyway; leave it out");
        }
    }
}

fn stages(sense: &mut Sense<'_>, place: &str, rule: &Rule) {
    let Some(stages) = &rule.stages else { return };
    let names: Vec<&str> = stages.get_ref().iter().map(StageText::component).collect();
    let at = |stage: usize| stage.to_string();
    for (stage, text) in stages.get_ref().iter().enumerate() {
        let name = text.component();
        let is_file = name.ends_with(".wasm") || name.contains('/');
        let is_built_in = [ENCRYPT, CIPHER, COMPRESSOR].contains(&name);
        let keys = ["rules", place, "stages", &at(stage)];
        if is_built_in || text.digest().is_some() {
            continue;
        }
        if is_file {
            let message = format!("{} is not pinned: it will not be used", name.escape_debug());
            let way_out = format!("write its digest, as `mover plugin inspect {name}` shows it");
            sense.warn(&keys, message, way_out);
        } else {
            let message = format!("there is no stage {}", name.escape_debug());
            let known = format!(
                "use {COMPRESSOR} or {ENCRYPT}, or one of your own with its digest: \
                 {{ component = {name:?}, digest = \"blake3:...\" }}"
            );
            let way_out = suggest(name, [COMPRESSOR, ENCRYPT].into_iter(), &known);
            sense.error(&keys, message, way_out);
        }
    }
    let is_cipher = |name: &&str| *name == ENCRYPT || *name == CIPHER;
    let Some(cipher) = names.iter().position(is_cipher) else { return };
    if let Some(again) = names[cipher + 1..].iter().position(is_cipher) {
        let keys = ["rules", place, "stages", &at(cipher + 1 + again)];
        sense.error(&keys, "it encrypts twice".to_owned(), "leave one of them out");
    }
    if let Some(behind) = names[cipher..].iter().position(|name| *name == COMPRESSOR) {
        let message = "compression makes no sense here: encrypted bytes do not compress".to_owned();
        let way_out = format!("put {ENCRYPT} behind it");
        sense.warn(&["rules", place, "stages", &at(cipher + behind)], message, way_out);
    }
    if !rule.encrypt {
        let message = "it encrypts among its stages, and says encrypt = false".to_owned();
        sense.error(&["rules", place, "encrypt"], message, "leave one of them out");
    }
}

/// Whether its conditions can hold; complains where they cannot.
fn possible(sense: &mut Sense<'_>, place: &str, rule: &Rule) -> bool {
    let never = |what: &str| format!("rule {} can never match: {what}", rule.name);
    let when = &rule.when;
    if let Err(error) = StorageMap::new(std::slice::from_ref(rule)) {
        let message = error.to_string();
        let of = |names: &[String]| names.iter().any(|name| message.contains(name));
        let key = if of(&when.owner) { "owner" } else { "group" };
        let way_out = error.hint().unwrap_or("see docs/policy.md").to_owned();
        sense.error(&["rules", place, "when", key], message, way_out);
        return false;
    }
    let mut can = true;
    let bounds = [
        ("size", &when.size),
        ("age", &when.age),
        ("entropy", &when.entropy),
        ("chunk-entropy", &when.chunk_entropy),
    ];
    for (key, bounds) in bounds {
        if let Some(bounds) = bounds.as_ref().filter(|bounds| bounds.is_empty()) {
            let message = never(&format!("no {key} is {}", bounds.text()));
            sense.error(&["rules", place, "when", key], message, "mend the bounds");
            can = false;
        }
    }
    if !when.path.is_empty() && when.path.iter().all(|glob| glob.starts_with('!')) {
        let way_out = "begin with what it takes: path = [\"*\", \"!*.tmp\"]";
        sense.error(&["rules", place, "when", "path"], never("it only excludes"), way_out);
        can = false;
    }
    let snoops = &sense.policy.archive.snoops;
    if !when.tags.is_empty() && snoops.iter().any(|snoop| snoop.component() == NONE) {
        let message = never("it asks for tags, and no snoop looks");
        sense.warn(&["rules", place, "when", "tags"], message, "leave out snoops = [\"none\"]");
    }
    can
}

fn shadowed(sense: &mut Sense<'_>, place: &str, rule: &Rule, rules: &[&Rule]) {
    let earlier = &rules[..place.parse::<usize>().expect("it came from one")];
    if let Some(first) = earlier.iter().find(|it| covers(&it.when, &rule.when)) {
        let message = match first.when.is_empty() {
            true => format!("rule {} can never match: rule {} takes all", rule.name, first.name),
            false => {
                format!("rule {} can never match: rule {} takes it before", rule.name, first.name)
            }
        };
        return sense.error(&["rules", place], message, "put the rule that asks for more first");
    }
    // Not all of it, but a part.
    for (at, glob) in rule.when.path.iter().enumerate() {
        let only = Conditions { path: vec![glob.clone()], ..rule.when.clone() };
        let keys = ["rules", place, "when", "path", &at.to_string()];
        if rule.when.path[..at].contains(glob) {
            sense.warn(&keys, format!("{glob} stands twice"), "leave one of them out");
        } else if let Some(first) = earlier.iter().find(|it| covers(&it.when, &only)) {
            let message = format!("{glob} is taken by rule {} before", first.name);
            sense.warn(&keys, message, "leave it out, or put this rule first");
        }
    }
}

/// Paths in a rule are those in the archive, which begin below what is archived.
fn absolute(sense: &mut Sense<'_>, place: &str, rule: &Rule) {
    let policy = sense.policy;
    for (at, glob) in rule.when.path.iter().enumerate() {
        let root = policy.archive.paths.iter().find(|root| {
            let below = glob.strip_prefix(&*root.to_string_lossy());
            root.has_root() && below.is_some_and(|below| below.starts_with('/'))
        });
        // Several roots lie in the archive under their last names.
        let Some(root) = root else { continue };
        let below = &glob[root.as_os_str().len()..];
        let name = root.file_name().filter(|_| policy.archive.paths.len() > 1);
        let name = name.map_or(String::new(), |name| format!("/{}", name.to_string_lossy()));
        let message =
            format!("{glob} is no path in the archive, which begins at {}", root.display());
        let keys = ["rules", place, "when", "path", &at.to_string()];
        sense.warn(&keys, message, format!("write {name}{below}"));
    }
}

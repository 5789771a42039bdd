//! The rules of a storage map, as they are written down.

use std::path::PathBuf;

use format::Digest;
use serde::{Deserialize, Deserializer, Serialize, de};
use toml::Spanned;

use super::bounds::{self, Bounds};
use crate::media::Parity;
use crate::pin;
use crate::units::Size;

/// What `mover archive --policy FILE` archives, and where to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ArchivePolicy {
    /// The store: a folder, or `mover://HOST:PORT/NAME`.
    pub store: Option<PathBuf>,
    /// The archive's name.
    pub name: Option<String>,
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Globs of what is left out.
    pub exclude: Vec<String>,
    /// Globs of what is taken; none takes all.
    pub include: Vec<String>,
    /// Do not cross into other file systems.
    pub one_file_system: bool,
    /// Snoops; none takes the usual ones, `["none"]` none.
    pub snoops: Vec<StageText>,
    /// What changes the bytes of files before they are cut, in this order.
    pub filters: Vec<FilterText>,
    /// The pool that held entries go to, where a snoop holds them before any of them is written.
    pub hold_pool: Option<Spanned<String>>,
    /// What becomes of entries that a snoop fails at; none leaves it to the command line.
    pub on_snoop_failure: Option<OnSnoopFailureText>,
    /// Bytes at which a volume of the store's own pool ends; none leaves it as it is.
    pub volume_size: Option<Size>,
    /// Parity of the store's own pool; none leaves it as it is.
    pub parity: Option<Parity>,
}

impl ArchivePolicy {
    /// What is left out, as lines of a gitignore file, of which the last that matches decides.
    pub fn excludes(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.include.is_empty() {
            // Everything is left out but folders, what is named, and what is below that: a name
            // alone would bring back a folder without anything in it.
            lines.extend(["*".to_owned(), "!*/".to_owned()]);
            for glob in &self.include {
                let glob = glob.trim_end_matches('/');
                lines.extend([format!("!{glob}"), format!("!{}/**", below(glob))]);
            }
        }
        lines.extend(self.exclude.iter().cloned());
        lines
    }
}

/// A name without a slash is one at any depth, and would not be in front of `/**`.
fn below(glob: &str) -> String {
    if glob.contains('/') { glob.to_owned() } else { format!("**/{glob}") }
}

/// A stage: a name, or a component with its configuration.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum StageText {
    /// A built-in component, or the path of a `.wasm`; `encrypt` is the store's cipher.
    Name(String),
    /// One with a configuration.
    Configured {
        /// The component.
        component: String,
        /// Its configuration.
        #[serde(default)]
        config: toml::Table,
        /// The one component that it may be, as `blake3:` and its digest.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_pin")]
        digest: Option<String>,
    },
}

/// A filter, and whose bytes it changes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FilterText {
    /// The component: a name in the plugin folder, or the path of a `.wasm`.
    pub component: String,
    /// Its configuration.
    #[serde(default)]
    pub config: toml::Table,
    /// The one component that it may be.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "some_pin")]
    pub digest: Option<String>,
    /// Globs of paths; none takes all files.
    #[serde(default)]
    pub path: Vec<String>,
    /// It may be one that cannot change everything back.
    #[serde(default)]
    pub lossy: bool,
}

impl FilterText {
    /// As a stage.
    pub fn stage(&self) -> StageText {
        let FilterText { component, config, digest, .. } = self.clone();
        StageText::Configured { component, config, digest }
    }
}

/// A digest that can be one.
fn some_pin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    pin::parse(&text).map_err(de::Error::custom)?;
    Ok(Some(text))
}

/// The name of the store's cipher among stages.
pub const ENCRYPT: &str = "encrypt";

impl StageText {
    /// The component.
    pub fn component(&self) -> &str {
        match self {
            StageText::Name(name) | StageText::Configured { component: name, .. } => name,
        }
    }

    /// The digest that it is pinned to.
    pub fn digest(&self) -> Option<Digest> {
        match self {
            StageText::Name(_) => None,
            StageText::Configured { digest, .. } => {
                digest.as_deref().map(|text| pin::parse(text).expect("checked when it was read"))
            }
        }
    }

    /// Its configuration, as JSON.
    pub fn config(&self) -> String {
        match self {
            StageText::Name(_) => "{}".to_owned(),
            StageText::Configured { config, .. } => {
                serde_json::to_string(config).expect("a table is an object")
            }
        }
    }
}

/// A rule: of all that it asks for, everything has to hold.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rule {
    /// For people.
    pub name: String,
    /// What it asks for; nothing matches everything.
    #[serde(default)]
    pub when: Conditions,
    /// Stages in the order of encoding; none given compresses.
    pub stages: Option<Spanned<Vec<StageText>>>,
    /// Encrypt, where the store has keys. Without it, content can be read by whoever has the medium.
    #[serde(default = "yes")]
    pub encrypt: bool,
    /// Plain bytes of a chunk.
    pub chunk_size: Option<Spanned<Size>>,
    /// How much context stands around chunks.
    #[serde(default)]
    pub framing: FramingText,
    /// Whether small files share chunks.
    #[serde(default)]
    pub grouping: Grouping,
    /// Where to; several are copies, of which the first is read first. None is the home pool.
    #[serde(default)]
    pub pools: Vec<Spanned<String>>,
    /// Pools besides, whose blocks may be referred to, so that they are needed to restore.
    #[serde(default)]
    pub dedupe_with: Vec<Spanned<String>>,
    /// What becomes of a chunk that a stage fails at.
    #[serde(default)]
    pub on_failure: OnFailureText,
}

/// What becomes of a chunk that a stage fails at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailureText {
    /// The session stops.
    #[default]
    Stop,
    /// The chunk is stored without the stages, but for encryption.
    Store,
}

/// What becomes of entries that a snoop fails at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSnoopFailureText {
    /// The session stops.
    Stop,
    /// They are tagged as `unscanned`.
    Tag,
}

/// Whether small files share chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// They do: they are written and compressed together.
    #[default]
    Together,
    /// Each file with content begins a chunk of its own.
    Apart,
}

fn yes() -> bool {
    true
}

/// How much context stands around chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FramingText {
    /// In every chunk header.
    #[default]
    Each,
    /// Once for a run of chunks.
    Run,
    /// Before and after each chunk.
    Both,
}

/// What a rule asks for.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Conditions {
    /// Globs of paths, as in a gitignore file: one without a slash is of the last name.
    pub path: Vec<String>,
    /// Bytes of the file.
    #[serde(deserialize_with = "bounds::size")]
    pub size: Option<Bounds>,
    /// Time since the file was changed.
    #[serde(deserialize_with = "bounds::age")]
    pub age: Option<Bounds>,
    /// Names or numbers of owners.
    pub owner: Vec<String>,
    /// Names or numbers of groups.
    pub group: Vec<String>,
    /// Globs of archives' names.
    pub archive: Vec<String>,
    /// Globs of content types, by the beginning of the file.
    pub r#type: Vec<String>,
    /// Bits for each byte of the beginning of the file, 0 to 8.
    #[serde(deserialize_with = "bounds::entropy")]
    pub entropy: Option<Bounds>,
    /// Globs of what snoops have found, where they have seen all of the file.
    pub tags: Vec<String>,
    /// Globs of content types of the part of the file at hand, about 1 MiB.
    pub chunk_type: Vec<String>,
    /// Bits for each byte of the part of the file at hand.
    #[serde(deserialize_with = "bounds::entropy")]
    pub chunk_entropy: Option<Bounds>,
}

impl Conditions {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        let lists = [&self.path, &self.owner, &self.group, &self.archive];
        let of_content = [&self.r#type, &self.tags, &self.chunk_type];
        let bounds = [&self.size, &self.age, &self.entropy, &self.chunk_entropy];
        lists.into_iter().chain(of_content).all(|list| list.is_empty())
            && bounds.into_iter().all(|bounds| bounds.is_none())
    }
}

#[cfg(test)]
mod tests {
    use ignore::gitignore::GitignoreBuilder;

    use super::*;

    #[test]
    fn what_is_included_is_there_with_all_below_it() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let policy = ArchivePolicy {
            include: names(&["alice", "/srv/www/", "*.conf"]),
            exclude: names(&["*.tmp"]),
            ..ArchivePolicy::default()
        };
        let mut builder = GitignoreBuilder::new("");
        for line in policy.excludes() {
            builder.add_line(None, &line).unwrap();
        }
        let rules = builder.build().unwrap();
        for (path, is_folder, is_taken) in [
            ("alice", true, true),
            ("alice/a.txt", false, true),
            ("alice/b/c/d.txt", false, true),
            ("x/alice/a.txt", false, true),
            ("alice/a.tmp", false, false),
            ("bob/b.txt", false, false),
            ("bob", true, true),
            ("srv/www/a/b", false, true),
            ("x/srv/www/a", false, false),
            ("bob/x.conf", false, true),
        ] {
            assert_eq!(!rules.matched(path, is_folder).is_ignore(), is_taken, "{path}");
        }
    }
}

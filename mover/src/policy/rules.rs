//! The rules of a storage map, as they are written down.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use toml::Spanned;

use crate::units::{Size, Time};

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
    /// The pool that held entries go to, where a snoop holds them before any of them is written.
    pub hold_pool: Option<Spanned<String>>,
}

/// A stage: a name, or a component with its configuration.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
    },
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
#[derive(Clone, Debug, Deserialize)]
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
    /// Where to; several are copies, of which the first is read first. None is the home pool.
    #[serde(default)]
    pub pools: Vec<Spanned<String>>,
}

fn yes() -> bool {
    true
}

/// How much context stands around chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Conditions {
    /// Globs of paths, as in a gitignore file: one without a slash is of the last name.
    pub path: Vec<String>,
    /// Bytes of the file.
    pub size: Option<Bound<Size>>,
    /// Time since the file was changed.
    pub age: Option<Bound<Time>>,
    /// Names or numbers of owners.
    pub owner: Vec<String>,
    /// Globs of archives' names.
    pub archive: Vec<String>,
    /// Globs of content types, by the beginning of the file.
    pub r#type: Vec<String>,
    /// Bits for each byte of the beginning of the file, 0 to 8.
    pub entropy: Option<Bound<Decimal>>,
    /// Globs of what snoops have found, where they have seen all of the file.
    pub tags: Vec<String>,
    /// Globs of content types of the part of the file at hand, about 1 MiB.
    pub chunk_type: Vec<String>,
    /// Bits for each byte of the part of the file at hand.
    pub chunk_entropy: Option<Bound<Decimal>>,
}

impl Conditions {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        let Conditions { path, size, age, owner, archive, r#type, entropy, .. } = self;
        let Conditions { tags, chunk_type, chunk_entropy, .. } = self;
        let lists = [path, owner, archive, r#type, tags, chunk_type];
        lists.iter().all(|list| list.is_empty())
            && size.is_none()
            && age.is_none()
            && entropy.is_none()
            && chunk_entropy.is_none()
    }
}

/// A number that can be ordered, as it is written: `7.5`.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Decimal(pub f64);

impl std::str::FromStr for Decimal {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Decimal> {
        text.parse().map(Decimal).map_err(|cause| {
            crate::Error::new(crate::ErrorKind::Usage, format!("{text} is not a number"))
                .because(cause)
                .way_out("write it as 7.5")
        })
    }
}

/// More than, or less than: `>1M`, `<30d`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound<T> {
    /// More than this.
    Over(T),
    /// Less than this.
    Under(T),
}

impl<'de, T: std::str::FromStr<Err = crate::Error>> Deserialize<'de> for Bound<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bound<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let explain = |error: crate::Error| {
            de::Error::custom(format!("{error}; {}", error.hint().unwrap_or_default()))
        };
        match text.split_at_checked(1) {
            Some((">", rest)) => rest.trim().parse().map(Bound::Over).map_err(explain),
            Some(("<", rest)) => rest.trim().parse().map(Bound::Under).map_err(explain),
            _ => Err(de::Error::custom(format!("{text} begins with neither > nor <"))),
        }
    }
}

impl<T> Bound<T> {
    fn holds(&self, value: f64, of: impl Fn(&T) -> f64) -> bool {
        match self {
            Bound::Over(bound) => value > of(bound),
            Bound::Under(bound) => value < of(bound),
        }
    }
}

impl Bound<Size> {
    #[allow(clippy::cast_precision_loss, reason = "nobody draws a line at the byte there")]
    pub(super) fn has(&self, size: u64) -> bool {
        self.holds(size as f64, |bound| bound.0 as f64)
    }
}

impl Bound<Time> {
    pub(super) fn has(&self, age: Duration) -> bool {
        self.holds(age.as_secs_f64(), |bound| bound.0.as_secs_f64())
    }
}

impl Bound<Decimal> {
    pub(super) fn has(&self, value: f64) -> bool {
        self.holds(value, |bound| bound.0)
    }
}

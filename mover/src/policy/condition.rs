//! One condition of a rule: whether it holds, and how people are told.

use std::cell::OnceCell;

use super::bounds::Bounds;
use super::content;
use super::globs::Globs;
use super::map::{ContentFacts, EntryFacts};
use crate::units::show;

/// A condition of a rule.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    Path(Globs),
    Size(Bounds),
    Age(Bounds),
    /// Numbers, and what was written.
    Owner(Vec<u32>, Vec<String>),
    /// Likewise.
    Group(Vec<u32>, Vec<String>),
    Archive(Globs),
    Type(Globs),
    Entropy(Bounds),
    Tags(Globs),
    ChunkType(Globs),
    ChunkEntropy(Bounds),
}

/// Content, measured once however many rules ask for it.
pub(super) struct Content<'a> {
    facts: ContentFacts<'a>,
    types: [OnceCell<&'static str>; 2],
    entropies: [OnceCell<Option<f64>>; 2],
}

const HEAD: usize = 0;
const PART: usize = 1;

impl<'a> Content<'a> {
    pub(super) fn new(facts: ContentFacts<'a>) -> Content<'a> {
        Content { facts, types: Default::default(), entropies: Default::default() }
    }

    fn bytes(&self, which: usize) -> &'a [u8] {
        [self.facts.head, self.facts.part][which]
    }

    fn content_type(&self, which: usize) -> &'static str {
        self.types[which].get_or_init(|| content::content_type(self.bytes(which)))
    }

    /// None where there are no bytes.
    fn entropy(&self, which: usize) -> Option<f64> {
        *self.entropies[which].get_or_init(|| {
            let bytes = self.bytes(which);
            (!bytes.is_empty()).then(|| content::entropy(bytes))
        })
    }

    fn tags(&self) -> &'a [String] {
        self.facts.tags.unwrap_or_default()
    }
}

impl Condition {
    /// Whether it cannot be decided before the entry is read.
    pub(super) fn is_of_content(&self) -> bool {
        use Condition::{ChunkEntropy, ChunkType, Entropy, Tags, Type};
        matches!(self, Type(_) | Entropy(_) | Tags(_) | ChunkType(_) | ChunkEntropy(_))
    }

    /// Whether a condition on the entry holds; one on content is not decided here, and does.
    #[allow(clippy::cast_precision_loss, reason = "nobody draws a line at the byte there")]
    pub(super) fn holds_for_entry(&self, facts: &EntryFacts) -> bool {
        match self {
            Condition::Path(globs) => globs.path(&facts.path).is_some(),
            Condition::Size(bounds) => bounds.hold(facts.size as f64),
            Condition::Age(bounds) => bounds.hold(facts.age.as_secs_f64()),
            Condition::Owner(numbers, _) => numbers.contains(&facts.uid),
            Condition::Group(numbers, _) => numbers.contains(&facts.gid),
            Condition::Archive(globs) => globs.word(&facts.archive).is_some(),
            _ => true,
        }
    }

    /// Whether a condition on content holds; one on the entry is not decided here, and does.
    pub(super) fn holds_for_content(&self, content: &Content<'_>) -> bool {
        let entropy =
            |bounds: &Bounds, of| content.entropy(of).is_some_and(|bits| bounds.hold(bits));
        match self {
            Condition::Type(globs) => globs.word(content.content_type(HEAD)).is_some(),
            Condition::ChunkType(globs) => globs.word(content.content_type(PART)).is_some(),
            Condition::Entropy(bounds) => entropy(bounds, HEAD),
            Condition::ChunkEntropy(bounds) => entropy(bounds, PART),
            Condition::Tags(globs) => content.tags().iter().any(|tag| globs.word(tag).is_some()),
            _ => true,
        }
    }

    /// Says what held.
    pub(super) fn why(&self, facts: &EntryFacts, content: &Content<'_>) -> String {
        let name = |numbers: &[u32], names: &[String], number: u32| {
            let at = numbers.iter().position(|known| *known == number);
            at.map_or_else(|| number.to_string(), |at| names[at].clone())
        };
        match self {
            Condition::Path(globs) => {
                format!("path {}", globs.path(&facts.path).unwrap_or_default())
            }
            Condition::Owner(numbers, names) => {
                format!("owner {}", name(numbers, names, facts.uid))
            }
            Condition::Group(numbers, names) => {
                format!("group {}", name(numbers, names, facts.gid))
            }
            Condition::Tags(globs) => {
                let tag = content.tags().iter().find(|tag| globs.word(tag).is_some());
                format!("found {}", tag.map_or("", |tag| tag))
            }
            _ => self.found(facts, content),
        }
    }

    /// Says what did not hold.
    pub(super) fn because(&self, facts: &EntryFacts, content: &Content<'_>) -> String {
        let wanted = match self {
            Condition::Path(globs) => return format!("path is not {}", globs.text()),
            Condition::Tags(globs) if content.facts.tags.is_none() => {
                return format!("nothing like {} is known before all of it is read", globs.text());
            }
            Condition::Tags(globs) => return format!("nothing like {} was found", globs.text()),
            Condition::Owner(_, names) | Condition::Group(_, names) => names.join(", "),
            Condition::Archive(globs) | Condition::Type(globs) | Condition::ChunkType(globs) => {
                globs.text()
            }
            Condition::Size(bounds)
            | Condition::Age(bounds)
            | Condition::Entropy(bounds)
            | Condition::ChunkEntropy(bounds) => bounds.text().to_owned(),
        };
        format!("{} is not {wanted}", self.found(facts, content))
    }

    /// Says what there is.
    fn found(&self, facts: &EntryFacts, content: &Content<'_>) -> String {
        let bits = |of| match content.entropy(of) {
            Some(bits) => format!("{bits:.1}"),
            None => "of nothing".to_owned(),
        };
        match self {
            Condition::Path(_) | Condition::Tags(_) => String::new(),
            Condition::Size(_) => format!("size {}", show(facts.size)),
            Condition::Age(_) => format!("age {}", age(facts.age.as_secs())),
            Condition::Owner(..) => format!("owner {}", facts.uid),
            Condition::Group(..) => format!("group {}", facts.gid),
            Condition::Archive(_) => format!("archive {}", facts.archive),
            Condition::Type(_) => format!("type {}", content.content_type(HEAD)),
            Condition::ChunkType(_) => format!("chunk type {}", content.content_type(PART)),
            Condition::Entropy(_) => format!("entropy {}", bits(HEAD)),
            Condition::ChunkEntropy(_) => format!("chunk entropy {}", bits(PART)),
        }
    }
}

/// In the largest unit that leaves a number of some size.
fn age(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let fits = units.iter().find(|(length, _)| seconds / length >= 2);
    let (length, unit) = fits.unwrap_or(&(1, "s"));
    format!("{}{unit}", seconds / length)
}

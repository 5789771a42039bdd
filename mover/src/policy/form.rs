//! What a policy file may look like: checked with places, all mistakes at once, before it is read.
//!
//! The same description is the JSON Schema for editors, so that the two never disagree.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::bounds::{Bounds, Unit};
use super::globs::Globs;
use super::nearest::nearest;
use crate::Error;
use crate::media::Parity;
use crate::pin;
use crate::units::{Size, Time};

/// What may stand behind a key.
#[derive(Debug)]
pub(super) enum Form {
    Text,
    /// A glob of paths.
    Glob,
    /// A glob of words.
    Word,
    Size,
    Time,
    /// Which component it is: `blake3:` and its digest.
    Digest,
    Bounds(Unit),
    /// Columns of data and of parity.
    Parity,
    /// A whole number.
    Count {
        least: i64,
        most: i64,
    },
    Flag,
    OneOf(&'static [&'static str]),
    Many(&'static Form),
    Table(&'static [Key]),
    /// A table whose keys are names that the operator chooses.
    Named(&'static Form),
    /// A table whose keys depend on its `kind`.
    ByKind(&'static [(&'static str, &'static [Key])]),
    /// A text, or a table.
    TextOr(&'static [Key]),
    /// A table of which nothing is known here.
    Free,
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What it was called once, where that is still read.
    pub(super) was: Option<&'static str>,
    pub(super) form: Form,
    pub(super) is_required: bool,
    /// For people who write the file.
    pub(super) about: &'static str,
}

/// Something that cannot stand there.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Where, in bytes of the file.
    pub(super) at: Range<usize>,
    pub(super) message: String,
    pub(super) way_out: String,
}

/// All mistakes in a table of these keys.
pub(super) fn mistakes(keys: &'static [Key], table: &Spanned<DeTable<'_>>) -> Vec<Mistake> {
    let mut checker = Checker { mistakes: Vec::new() };
    checker.table("a policy", keys, table.get_ref(), 0..0);
    checker.mistakes
}

struct Checker {
    mistakes: Vec<Mistake>,
}

impl Checker {
    fn add(&mut self, at: Range<usize>, message: String, way_out: impl Into<String>) {
        self.mistakes.push(Mistake { at, message, way_out: way_out.into() });
    }

    fn table(&mut self, of: &str, keys: &'static [Key], table: &DeTable<'_>, at: Range<usize>) {
        let mut mistaken = Vec::new();
        for (name, value) in table {
            let text = name.get_ref().as_ref();
            if let Some(key) = keys.iter().find(|key| key.name == text || key.was == Some(text)) {
                self.value(text, &key.form, value);
                continue;
            }
            let missing = keys.iter().map(|key| key.name).filter(|key| !table.contains_key(*key));
            let meant = nearest(text, missing);
            mistaken.extend(meant);
            let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
            let way_out = match meant {
                Some(meant) => format!("{meant} was meant, perhaps; {of} has {}", known.join(", ")),
                None => format!("{of} has {}", known.join(", ")),
            };
            let message = format!("there is no key {} here", text.escape_debug());
            self.add(name.span(), message, way_out);
        }
        for key in keys.iter().filter(|key| key.is_required && !table.contains_key(key.name)) {
            // Who wrote it wrong is told so once.
            if !mistaken.contains(&key.name) {
                let message = format!("{of} without {}", key.name);
                let way_out = match key.form {
                    Form::Count { least, most } if least == most => {
                        format!("add the line: {} = {least}", key.name)
                    }
                    _ => format!("add {} = ...: {}", key.name, key.about),
                };
                self.add(at.clone(), message, way_out);
            }
        }
    }

    fn value(&mut self, name: &str, form: &'static Form, value: &Spanned<DeValue<'_>>) {
        let at = value.span();
        match (form, value.get_ref()) {
            (Form::Table(keys), DeValue::Table(table)) => self.table(name, keys, table, at),
            (Form::TextOr(keys), DeValue::Table(table)) => self.table(name, keys, table, at),
            (Form::TextOr(_), DeValue::String(_)) | (Form::Free, DeValue::Table(_)) => {}
            (Form::Named(form), DeValue::Table(table)) => {
                for (key, value) in table {
                    self.value(key.get_ref(), form, value);
                }
            }
            (Form::ByKind(kinds), DeValue::Table(table)) => self.kind(name, kinds, table, at),
            (Form::Many(form), DeValue::Array(values)) => {
                values.iter().for_each(|value| self.value(name, form, value));
            }
            (Form::Many(_), DeValue::String(text)) => {
                let message = format!("{name} is a list");
                self.add(at, message, format!("write {name} = [{:?}]", text.as_ref()));
            }
            (Form::Flag, DeValue::Boolean(_)) => {}
            (Form::Count { least, most }, DeValue::Integer(number)) => {
                let digits = number.as_str();
                let number = i64::from_str_radix(digits, number.radix());
                if !number.is_ok_and(|number| (*least..=*most).contains(&number)) {
                    let message = format!("{name} cannot be {digits}");
                    self.add(at, message, format!("{least} to {most} are possible"));
                }
            }
            (form, DeValue::String(text)) if form.is_text() => {
                if let Err((message, way_out)) = form.text(name, text) {
                    self.add(at, message, way_out);
                }
            }
            (form, value) => {
                let message = format!("{name} is {}, not {}", form.name(), kind_of(value));
                let way_out = match value {
                    // A bare number where a size or a time stands.
                    DeValue::Integer(_) | DeValue::Float(_) if form.is_text() => {
                        "put it in quotes".to_owned()
                    }
                    _ => format!("write {name} = {}", form.example()),
                };
                self.add(at, message, way_out);
            }
        }
    }

    fn kind(
        &mut self,
        name: &str,
        kinds: &'static [(&'static str, &'static [Key])],
        table: &DeTable<'_>,
        at: Range<usize>,
    ) {
        let names = || kinds.iter().map(|(kind, _)| *kind);
        let known = || format!("the kinds are {}", names().collect::<Vec<_>>().join(", "));
        let Some(kind) = table.get("kind") else {
            let message = format!("{name} without kind: it has no medium");
            return self.add(at, message, format!("add kind = \"disk\"; {}", known()));
        };
        let found = kinds.iter().find(|(name, _)| kind.get_ref().as_str() == Some(name));
        match (found, kind.get_ref().as_str()) {
            (Some((kind, keys)), _) => self.table(&format!("a pool of {kind}"), keys, table, at),
            (None, Some(text)) => {
                let message = format!("there is no kind {}", text.escape_debug());
                self.add(kind.span(), message, suggest(text, names(), &known()));
            }
            (None, None) => self.add(kind.span(), "kind is a text".to_owned(), known()),
        }
    }
}

/// The nearest name, and all there are.
pub(super) fn suggest<'a>(text: &str, names: impl Iterator<Item = &'a str>, known: &str) -> String {
    match nearest(text, names) {
        Some(meant) => format!("{meant} was meant, perhaps; {known}"),
        None => known.to_owned(),
    }
}

impl Form {
    fn is_text(&self) -> bool {
        use Form::{Bounds, Digest, Glob, OneOf, Parity, Size, Text, Time, Word};
        matches!(self, Text | Glob | Word | Size | Time | Digest | Bounds(_) | Parity | OneOf(_))
    }

    /// Whether a text can stand there; what is wrong with it, and the way out.
    fn text(&self, name: &str, text: &str) -> Result<(), (String, String)> {
        let told = |error: Error| {
            (format!("{name}: {error}"), error.hint().unwrap_or("see docs/policy.md").to_owned())
        };
        let own = || [text.to_owned()];
        match self {
            Form::Size => text.parse::<Size>().map(drop).map_err(told),
            Form::Time => text.parse::<Time>().map(drop).map_err(told),
            Form::Digest => pin::parse(text).map(drop).map_err(told),
            Form::Parity => text.parse::<Parity>().map(drop).map_err(told),
            Form::Bounds(unit) => Bounds::parse(text, *unit).map(drop).map_err(told),
            Form::Glob => Globs::of_paths(&own()).map(drop).map_err(told),
            Form::Word => Globs::of_words(&own()).map(drop).map_err(told),
            Form::OneOf(names) if !names.contains(&text) => {
                let known = format!("{name} is one of {}", names.join(", "));
                let message = format!("{name} cannot be {}", text.escape_debug());
                Err((message, suggest(text, names.iter().copied(), &known)))
            }
            _ => Ok(()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Form::Text | Form::OneOf(_) => "a text",
            Form::Glob | Form::Word => "a glob",
            Form::Size => "a size",
            Form::Time => "a time",
            Form::Digest => "a digest",
            Form::Bounds(_) => "a bound",
            Form::Parity => "a text",
            Form::Count { .. } => "a whole number",
            Form::Flag => "true or false",
            Form::Many(_) => "a list",
            Form::TextOr(_) => "a text or a table",
            Form::Table(_) | Form::Named(_) | Form::ByKind(_) | Form::Free => "a table",
        }
    }

    fn example(&self) -> String {
        match self {
            Form::Text => "\"...\"".to_owned(),
            Form::Glob => "\"*.mp4\"".to_owned(),
            Form::Word => "\"text/*\"".to_owned(),
            Form::Size => "\"64M\"".to_owned(),
            Form::Time => "\"30d\"".to_owned(),
            Form::Digest => "\"blake3:...\"".to_owned(),
            Form::Parity => "\"10+2\"".to_owned(),
            Form::Bounds(Unit::Bytes) => "\">1M\"".to_owned(),
            Form::Bounds(Unit::Seconds) => "\">30d\"".to_owned(),
            Form::Bounds(Unit::Bits) => "\">7.5\"".to_owned(),
            Form::Count { least, .. } => least.max(&1).to_string(),
            Form::Flag => "true".to_owned(),
            Form::OneOf(names) => format!("\"{}\"", names[0]),
            Form::Many(form) => format!("[{}]", form.example()),
            Form::TextOr(_) => "\"...\"".to_owned(),
            Form::Table(_) | Form::Named(_) | Form::ByKind(_) | Form::Free => "{ ... }".to_owned(),
        }
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

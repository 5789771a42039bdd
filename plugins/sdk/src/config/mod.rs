//! A plugin's configuration: a typed struct, and its JSON Schema.
//!
//! `#[derive(Deserialize, Config)]` makes [`Config::SCHEMA`] of a struct's fields at compile time.
//! It goes into the manifest, and whatever an operator writes is checked against it before the
//! struct is made, so that every error names its key.

mod check;
mod json;
mod schema;
mod types;

pub use mover_plugin_derive::Config;
pub use schema::{Bound, Property, Schema};

pub(crate) use json::JsonWriter;

use crate::error::{Error, Result};
use check::Key;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What can stand in a configuration.
///
/// Derived for structs with named fields and for enums of unit variants; implemented for `bool`,
/// integers, floats, `String`, and for `Option`, `Vec`, `Box` and maps from `String` of those.
///
/// - A doc comment of a field becomes its `description`.
/// - `#[config(minimum = 1, maximum = 9)]` bounds a number, beyond what its type does.
/// - `#[config(default = 3)]` is what stands where the key is left out; also for `bool`, text
///   (`"fast"`, also for an enum) and lists (`[1, 2]`).
/// - A field without a default must be given, unless it is an `Option` or has `#[serde(default)]`.
/// - serde's `rename` and `rename_all` are honoured; attributes that change the form of a value,
///   such as `flatten`, `with` or `tag`, are refused.
/// - An unknown key is an error.
pub trait Config {
    /// What may stand there.
    const SCHEMA: Schema;
    /// Whether a key with it may be left out.
    const IS_OPTIONAL: bool = false;
}

/// The configuration of a plugin that has none: `{}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct NoConfig {}

impl Config for NoConfig {
    const SCHEMA: Schema = Schema::Object(&[]);
}

/// Reads a configuration; nothing at all means `{}`.
pub(crate) fn parse<C: Config + DeserializeOwned>(text: &str) -> Result<C> {
    let text = if text.trim().is_empty() { "{}" } else { text };
    let not_json = |error| Error::config(format_args!("the configuration is not JSON: {error}"));
    let mut value: Value = serde_json::from_str(text).map_err(not_json)?;
    check::check(&C::SCHEMA, &mut value, &Key::Whole)?;
    serde_json::from_value(value).map_err(Error::config)
}

#[cfg(test)]
mod tests;

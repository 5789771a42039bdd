//! Checks a configuration against its schema, and puts in what was left out.

use super::schema::{Property, Schema};
use crate::error::{Error, Result};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Where in a configuration something stands.
pub(super) enum Key<'a> {
    Whole,
    Field(&'a Key<'a>, &'a str),
    Item(&'a Key<'a>, usize),
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Whole => f.write_str("the configuration"),
            Key::Field(Key::Whole, name) => f.write_str(name),
            Key::Field(above, name) => write!(f, "{above}.{name}"),
            Key::Item(above, index) => write!(f, "{above}[{index}]"),
        }
    }
}

/// Refuses what does not fit, and fills in defaults.
pub(super) fn check(schema: &Schema, value: &mut Value, key: &Key<'_>) -> Result<()> {
    match (schema, value) {
        (Schema::Boolean, Value::Bool(_)) | (Schema::String, Value::String(_)) => Ok(()),
        (Schema::Integer { minimum, maximum }, Value::Number(number)) => {
            let whole = number.as_i128();
            let whole = whole.ok_or_else(|| wrong(key, "a whole number", "another number"))?;
            let fits = (*minimum..=*maximum).contains(&whole);
            if fits { Ok(()) } else { Err(outside(key, number, Some(minimum), Some(maximum))) }
        }
        (Schema::Number { minimum, maximum }, Value::Number(number)) => {
            let found = number.as_f64().unwrap_or(f64::NAN);
            let bound = |text: &Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
            let low = bound(minimum).is_none_or(|bound| bound <= found);
            let high = bound(maximum).is_none_or(|bound| found <= bound);
            if low && high { Ok(()) } else { Err(outside(key, number, *minimum, *maximum)) }
        }
        (Schema::Choice(words), Value::String(word)) => {
            if words.contains(&word.as_str()) {
                return Ok(());
            }
            let known = words.join(", ");
            Err(Error::config(format_args!("{key}: there is no {word:?}, but {known}")))
        }
        (Schema::Array(items), Value::Array(values)) => {
            let mut values = values.iter_mut().enumerate();
            values.try_for_each(|(index, value)| check(items, value, &Key::Item(key, index)))
        }
        (Schema::Map(items), Value::Object(values)) => values
            .iter_mut()
            .try_for_each(|(name, value)| check(items, value, &Key::Field(key, name))),
        (Schema::Object(properties), Value::Object(values)) => {
            check_object(properties, values, key)
        }
        (schema, value) => Err(wrong(key, expected(schema), found(value))),
    }
}

fn check_object(
    properties: &[Property],
    values: &mut Map<String, Value>,
    key: &Key<'_>,
) -> Result<()> {
    // First, so that a key that was misspelled is not told as one that is missing.
    let is_known = |name: &str| properties.iter().any(|property| property.name == name);
    if let Some(name) = values.keys().find(|name| !is_known(name)) {
        let key = Key::Field(key, name);
        let known: Vec<_> = properties.iter().map(|property| property.name).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(Error::config(format_args!("{key}: there is no such key; known: {known}")));
    }
    for property in properties {
        let field = Key::Field(key, property.name);
        if !property.is_required && values.get(property.name) == Some(&Value::Null) {
            values.remove(property.name);
        }
        match (values.get_mut(property.name), property.default) {
            (Some(value), _) => check(&property.schema, value, &field)?,
            (None, Some(default)) => {
                let mut value = serde_json::from_str(default).map_err(Error::config)?;
                check(&property.schema, &mut value, &field)?;
                values.insert(property.name.to_owned(), value);
            }
            (None, None) if property.is_required => {
                return Err(Error::config(format_args!("{field}: it must be given")));
            }
            (None, None) => {}
        }
    }
    Ok(())
}

fn outside(
    key: &Key<'_>,
    found: &Number,
    minimum: Option<impl fmt::Display>,
    maximum: Option<impl fmt::Display>,
) -> Error {
    let bounds = match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => format!("from {minimum} to {maximum}"),
        (Some(minimum), None) => format!("at least {minimum}"),
        (None, Some(maximum)) => format!("at most {maximum}"),
        (None, None) => "a number".to_owned(),
    };
    Error::config(format_args!("{key}: {found} is not {bounds}"))
}

fn wrong(key: &Key<'_>, expected: &str, found: &str) -> Error {
    Error::config(format_args!("{key}: it must be {expected}, not {found}"))
}

fn expected(schema: &Schema) -> &'static str {
    match schema {
        Schema::Boolean => "true or false",
        Schema::Integer { .. } => "a whole number",
        Schema::Number { .. } => "a number",
        Schema::String | Schema::Choice(_) => "text",
        Schema::Array(_) => "a list",
        Schema::Map(_) | Schema::Object(_) => "an object",
    }
}

fn found(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

//! Configurations that cannot be right.

use serde_json::{Map, Value, json};

use super::Broken;
use crate::error::ErrorKind;
use crate::kit::dice::Dice;
use crate::kit::subject::Subject;

/// Every one is answered with `invalid-config`; gives how many were tried.
pub(super) fn wrong_ones_are_refused(subject: &Subject, _: Dice) -> Result<usize, Broken> {
    let wrong = wrong_ones(subject);
    for config in &wrong {
        let opened = Subject { plugin: subject.plugin.clone(), config: config.clone() }.open();
        let shown: String = config.chars().take(200).collect();
        match opened {
            Ok(()) => {
                return Err(Broken::new(format!("it takes the wrong configuration {shown:?}")));
            }
            Err(error) if error.kind() == ErrorKind::Usage => {}
            Err(error) => {
                let message = format!("given {shown:?} it should say invalid-config: {error}");
                return Err(Broken::new(message));
            }
        }
    }
    Ok(wrong.len())
}

fn wrong_ones(subject: &Subject) -> Vec<String> {
    let mut wrong: Vec<String> =
        ["{", "[]", "7", "null", "\"text\"", "{}{}", "\u{0}"].map(str::to_owned).to_vec();
    // Deep enough to overflow a stack that nobody guards.
    wrong.push("[".repeat(20_000));
    let right: Map<String, Value> = serde_json::from_str(&subject.config).unwrap_or_default();
    let mut with = |key: &str, value: Value| {
        let mut config = right.clone();
        config.insert(key.to_owned(), value);
        wrong.push(Value::Object(config).to_string());
    };
    with("no such key", json!(1));
    let schema = &subject.plugin.manifest().config_schema;
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        for value in unfit(schema) {
            with(key, value);
        }
    }
    for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let mut config = right.clone();
        config.remove(key);
        wrong.push(Value::Object(config).to_string());
    }
    wrong
}

/// Values that a schema does not allow: of another type, and just out of bounds.
fn unfit(schema: &Value) -> Vec<Value> {
    let mut values = Vec::new();
    match schema["type"].as_str() {
        Some("integer") => values.extend([json!("text"), json!(1.5), json!([])]),
        Some("number") => values.extend([json!("text"), json!({})]),
        Some("string") => values.extend([json!(7), json!([])]),
        Some("boolean") => values.extend([json!("yes"), json!(1)]),
        Some("array") => values.extend([json!("text"), json!({})]),
        Some("object") => values.extend([json!("text"), json!([])]),
        _ if schema["enum"].is_array() => values.push(json!("no such choice")),
        _ => {}
    }
    if schema["type"] == "string" && schema["enum"].is_array() {
        values.push(json!("no such choice"));
    }
    if schema["type"] == "integer" {
        let beyond = |key: &str, step: i64| schema[key].as_i64()?.checked_add(step);
        values.extend(beyond("minimum", -1).map(Value::from));
        values.extend(beyond("maximum", 1).map(Value::from));
    }
    values
}

//! The JSON Schema of a component's configuration: is it one, and what does it say?
//!
//! Only what manifests use of JSON Schema is known: types, bounds, lists, objects, choices. What is
//! not known is told, and does no harm.

use serde::Serialize;
use serde_json::{Map, Value};

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];

/// A key of a configuration, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The key.
    pub key: String,
    /// Its type, or the values to choose from.
    pub kind: String,
    /// What it may be; empty where anything of its type may.
    pub bounds: String,
    /// What it is when it is not given.
    pub default: Option<Value>,
    /// Whether it has to be given.
    pub is_required: bool,
    /// What it is for.
    pub description: String,
}

/// What can be configured, as far as the schema says.
pub fn settings(schema: &Value) -> Vec<Setting> {
    let required = schema["required"].as_array();
    let is_required = |key: &str| {
        required.is_some_and(|keys| keys.iter().any(|required| required.as_str() == Some(key)))
    };
    let setting = |(key, schema): (&String, &Value)| Setting {
        key: key.clone(),
        kind: kind(schema),
        bounds: bounds(schema),
        default: schema.get("default").cloned(),
        is_required: is_required(key),
        description: schema["description"].as_str().unwrap_or_default().to_owned(),
    };
    schema["properties"].as_object().into_iter().flatten().map(setting).collect()
}

fn kind(schema: &Value) -> String {
    if let Some(choices) = schema["enum"].as_array() {
        return choices.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("array of {}", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | ")
        }
        _ => "anything".to_owned(),
    }
}

fn bounds(schema: &Value) -> String {
    let value = |key: &str| schema.get(key).map(Value::to_string);
    let mut all = Vec::new();
    match (value("minimum"), value("maximum")) {
        (Some(least), Some(most)) => all.push(format!("{least} to {most}")),
        (Some(least), None) => all.push(format!("at least {least}")),
        (None, Some(most)) => all.push(format!("at most {most}")),
        (None, None) => {}
    }
    let others = [
        ("exclusiveMinimum", "above"),
        ("exclusiveMaximum", "below"),
        ("minLength", "at least, in characters,"),
        ("maxLength", "at most, in characters,"),
        ("minItems", "at least, in items,"),
        ("maxItems", "at most, in items,"),
        ("multipleOf", "a multiple of"),
        ("pattern", "like"),
    ];
    all.extend(others.iter().filter_map(|(key, word)| Some(format!("{word} {}", value(key)?))));
    all.join(", ")
}

/// Something wrong with a schema, or merely odd.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SchemaMistake {
    pub(super) is_error: bool,
    /// Which part of it, such as `properties.level`; empty for the whole.
    pub(super) place: String,
    pub(super) message: String,
}

/// All that is wrong with the schema of a configuration.
pub(super) fn mistakes(schema: &Value) -> Vec<SchemaMistake> {
    let mut reader = Reader { mistakes: Vec::new() };
    let Value::Object(keys) = schema else {
        reader.error("", "it has to be an object that describes an object");
        return reader.mistakes;
    };
    if keys.get("type").and_then(Value::as_str) != Some("object") {
        reader.error("", r#"a configuration is an object: write "type": "object""#);
    }
    if keys.get("additionalProperties") != Some(&Value::Bool(false)) {
        let message = r#"unknown keys have to be refused: write "additionalProperties": false"#;
        reader.error("", message);
    }
    reader.schema("", schema);
    reader.mistakes
}

struct Reader {
    mistakes: Vec<SchemaMistake>,
}

impl Reader {
    fn error(&mut self, place: &str, message: impl Into<String>) {
        let place = place.trim_start_matches('.').to_owned();
        self.mistakes.push(SchemaMistake { is_error: true, place, message: message.into() });
    }

    fn schema(&mut self, place: &str, schema: &Value) {
        let keys = match schema {
            Value::Bool(_) => return,
            Value::Object(keys) => keys,
            _ => return self.error(place, "a schema is an object, true or false"),
        };
        for (key, value) in keys {
            self.keyword(&format!("{place}.{key}"), key, value, keys);
        }
        for (least, most) in
            [("minimum", "maximum"), ("minLength", "maxLength"), ("minItems", "maxItems")]
        {
            let number = |key: &str| keys.get(key).and_then(Value::as_f64);
            if let (Some(low), Some(high)) = (number(least), number(most))
                && low > high
            {
                self.error(place, format!("{least} is above {most}: nothing fits"));
            }
        }
        if let Some(default) = keys.get("default")
            && let Some(what) = misfit(schema, default)
        {
            self.error(place, format!("its default does not fit: {what}"));
        }
    }

    fn keyword(&mut self, place: &str, key: &str, value: &Value, beside: &Map<String, Value>) {
        match key {
            "type" => self.types(place, value),
            "properties" | "$defs" | "definitions" | "patternProperties" => match value {
                Value::Object(schemas) => {
                    for (name, schema) in schemas {
                        self.schema(&format!("{place}.{name}"), schema);
                    }
                }
                _ => self.error(place, "it has to be an object"),
            },
            "additionalProperties" | "items" | "not" | "propertyNames" | "contains" => {
                self.schema(place, value);
            }
            "oneOf" | "anyOf" | "allOf" | "prefixItems" => match value.as_array() {
                Some(schemas) if !schemas.is_empty() => {
                    for (at, schema) in schemas.iter().enumerate() {
                        self.schema(&format!("{place}.{at}"), schema);
                    }
                }
                _ => self.error(place, "it has to be a list with something in it"),
            },
            "required" => self.required(place, value, beside),
            "enum" if value.as_array().is_none_or(Vec::is_empty) => {
                self.error(place, "it has to be a list with something in it");
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
                if !value.is_number() =>
            {
                self.error(place, "it has to be a number");
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" if !value.is_u64() => {
                self.error(place, "it has to be a whole number");
            }
            "description" | "title" | "pattern" | "format" | "$schema" | "$id" | "$comment"
            | "$ref"
                if !value.is_string() =>
            {
                self.error(place, "it has to be a text");
            }
            "uniqueItems" | "deprecated" if !value.is_boolean() => {
                self.error(place, "it has to be true or false");
            }
            "enum" | "const" | "default" | "examples" | "minimum" | "maximum"
            | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minLength"
            | "maxLength" | "minItems" | "maxItems" | "description" | "title" | "pattern"
            | "format" | "$schema" | "$id" | "$comment" | "$ref" | "uniqueItems" | "deprecated" => {
            }
            _ => {
                let place = place.trim_start_matches('.').to_owned();
                let message = "this is no keyword of JSON Schema that is known here".to_owned();
                self.mistakes.push(SchemaMistake { is_error: false, place, message });
            }
        }
    }

    fn types(&mut self, place: &str, value: &Value) {
        let is_type = |name: &Value| name.as_str().is_some_and(|name| TYPES.contains(&name));
        let fits = match value {
            Value::Array(names) => !names.is_empty() && names.iter().all(is_type),
            name => is_type(name),
        };
        if !fits {
            self.error(place, format!("{value} is no type; these are: {}", TYPES.join(", ")));
        }
    }

    fn required(&mut self, place: &str, value: &Value, beside: &Map<String, Value>) {
        let Some(names) = value.as_array() else {
            return self.error(place, "it has to be a list");
        };
        for name in names {
            let is_known = |name: &str| {
                beside.get("properties").is_some_and(|properties| properties.get(name).is_some())
            };
            if !name.as_str().is_some_and(is_known) {
                self.error(place, format!("{name} is required, and not among the properties"));
            }
        }
    }
}

/// Why a value does not fit its schema, as far as types and bounds say.
fn misfit(schema: &Value, value: &Value) -> Option<String> {
    let is_of = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => true,
    };
    let fits = match &schema["type"] {
        Value::String(name) => is_of(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is_of),
        _ => true,
    };
    if !fits {
        return Some(format!("{value} is not of type {}", schema["type"]));
    }
    if let Some(choices) = schema["enum"].as_array()
        && !choices.contains(value)
    {
        return Some(format!("{value} is not among {}", schema["enum"]));
    }
    let number = value.as_f64()?;
    let bound = |key: &str| schema[key].as_f64();
    if bound("minimum").is_some_and(|least| number < least) {
        return Some(format!("{value} is below its minimum"));
    }
    bound("maximum")
        .is_some_and(|most| number > most)
        .then(|| format!("{value} is above its maximum"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plugin::{builtin, describe};

    #[test]
    fn the_schemas_of_the_built_in_components_are_right() {
        for name in builtin::names() {
            let manifest = describe(builtin::find(name).unwrap()).manifest.unwrap();
            assert_eq!(mistakes(&manifest.config_schema), [], "{name}");
        }
    }

    #[test]
    fn every_mistake_is_found_at_its_place() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["lost"], "odd": 1,
            "properties": {
                "a": { "type": "int" },
                "b": { "type": "integer", "minimum": 5, "maximum": 3 },
                "c": { "type": "integer", "maximum": 3, "default": 4 },
                "d": { "type": "array", "items": { "enum": [] } },
                "e": 7,
                "f": { "description": 1, "minLength": -1 },
            },
        });
        let found = mistakes(&schema);
        let mut places: Vec<_> =
            found.iter().filter(|it| it.is_error).map(|it| it.place.as_str()).collect();
        places.sort_unstable();
        let expect = [
            "properties.a.type",
            "properties.b",
            "properties.c",
            "properties.d.items.enum",
            "properties.e",
            "properties.f.description",
            "properties.f.minLength",
            "required",
        ];
        assert_eq!(places, expect, "{found:?}");
        assert!(found.iter().any(|it| !it.is_error && it.place == "odd"));
        for wrong in [json!(null), json!([]), json!({}), json!({ "type": "object" })] {
            assert!(!mistakes(&wrong).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn a_setting_says_type_bounds_and_default() {
        let manifest = describe(builtin::find("zstd").unwrap()).manifest.unwrap();
        let all = settings(&manifest.config_schema);
        let level = all.iter().find(|setting| setting.key == "level").unwrap();
        assert_eq!((level.kind.as_str(), level.bounds.as_str()), ("integer", "-7 to 22"));
        assert_eq!(level.default, Some(json!(3)));
    }
}

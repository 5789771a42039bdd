//! The JSON Schema of policy files, for editors that complete and check TOML.

use serde_json::{Map, Value, json};

use super::bounds::Unit;
use super::form::{Form, Key};
use super::layout::FILE;

/// The schema. It knows shapes; whether a pool exists and whether a rule can match is for
/// [`super::check`].
pub fn schema() -> Value {
    let mut schema = table(FILE);
    let head = [
        ("$schema", "http://json-schema.org/draft-07/schema#"),
        ("title", "A policy file of mover"),
        ("description", "See docs/policy.md"),
    ];
    for (key, value) in head {
        schema[key] = value.into();
    }
    schema
}

fn table(keys: &[Key]) -> Value {
    let property = |key: &Key| {
        let mut form = of(&key.form);
        form["description"] = key.about.into();
        (key.name.to_owned(), form)
    };
    let properties: Map<String, Value> = keys.iter().map(property).collect();
    let required: Vec<&str> =
        keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn of(form: &Form) -> Value {
    const SIZE: &str = "[0-9]+(\\.[0-9]+)?[KkMmGgTt]?[Ii]?[Bb]?";
    const TIME: &str = "[0-9]+[smhdw]?";
    let text = |pattern: String| json!({ "type": "string", "pattern": format!("^{pattern}$") });
    let bounds = |number: &str| {
        let one = format!(" *[<>]=? *{number} *");
        text(format!("{one}(,{one})?"))
    };
    match form {
        Form::Text => json!({ "type": "string" }),
        Form::Glob | Form::Word => json!({ "type": "string", "minLength": 1 }),
        Form::Size => text(SIZE.to_owned()),
        Form::Time => text(TIME.to_owned()),
        Form::Bounds(Unit::Bytes) => bounds(SIZE),
        Form::Bounds(Unit::Seconds) => bounds(TIME),
        Form::Bounds(Unit::Bits) => bounds("[0-8](\\.[0-9]+)?"),
        Form::Parity => text("[0-9]{1,3}\\+[0-9]{1,3}".to_owned()),
        Form::Count { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Form::Digest => text("blake3:[0-9a-fA-F]{64}".to_owned()),
        Form::Flag => json!({ "type": "boolean" }),
        Form::OneOf(names) => json!({ "enum": names }),
        Form::Many(form) => json!({ "type": "array", "items": of(form) }),
        Form::Table(keys) => table(keys),
        Form::Named(form) => json!({ "type": "object", "additionalProperties": of(form) }),
        Form::ByKind(kinds) => {
            let kinds: Vec<Value> = kinds.iter().map(|(_, keys)| table(keys)).collect();
            json!({ "oneOf": kinds })
        }
        Form::TextOr(keys) => json!({ "oneOf": [{ "type": "string" }, table(keys)] }),
        Form::Free => json!({ "type": "object" }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_schema_in_the_documents_is_that_of_the_code() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.schema.json");
        let text = serde_json::to_string_pretty(&super::schema()).unwrap() + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
            std::fs::write(&path, &text).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(there == text, "write it anew with UPDATE_GOLDEN=1");
    }
}

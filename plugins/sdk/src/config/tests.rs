//! What a derived schema says of a configuration, and what is read by it.

use super::*;
use crate::manifest::Manifest;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(rename_all = "kebab-case")]
enum Mode {
    FastOnly,
    #[serde(rename = "BEST")]
    Best,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
struct Limits {
    /// At most
    /// so many.
    count: u8,
}

#[derive(Debug, PartialEq, Deserialize, Config)]
#[serde(rename_all = "kebab-case")]
struct Everything {
    /// From 1 to 9.
    ///
    /// "Quoted".
    #[config(minimum = -1, maximum = 9, default = 3)]
    the_level: i32,
    #[config(maximum = 1_000)]
    window: Option<u64>,
    #[config(minimum = 0.5, default = 2)]
    ratio: f64,
    #[config(default = "BEST")]
    mode: Mode,
    #[config(default = ["a", "b"])]
    words: Vec<String>,
    #[serde(default)]
    limits: BTreeMap<String, Limits>,
    #[serde(rename = "on")]
    is_on: bool,
    #[serde(skip)]
    seen: u32,
}

struct Snoop;

impl crate::Snoop for Snoop {
    type Config = Everything;

    fn open(_: Everything) -> Result<Self> {
        Ok(Snoop)
    }

    fn look(&mut self, _: &[u8]) {}

    fn verdict(&mut self) -> crate::Verdict {
        crate::Verdict::pass()
    }

    fn save(&self, _: &mut crate::StateWriter) {}

    fn resume(&mut self, _: &mut crate::StateReader<'_>) -> Result<(), crate::StateError> {
        Ok(())
    }
}

#[test]
fn a_struct_gives_its_json_schema() {
    const MANIFEST: Manifest = Manifest::snoop::<Snoop>("snoop", "1.0.0");
    const JSON: [u8; MANIFEST.length()] = MANIFEST.to_json();
    let manifest: Value = serde_json::from_slice(&JSON).unwrap();
    let limits = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "count": {
                "type": "integer", "minimum": 0, "maximum": 255,
                "description": "At most so many.",
            },
        },
        "required": ["count"],
    });
    let expect = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "the-level": {
                "type": "integer", "minimum": -1, "maximum": 9, "default": 3,
                "description": "From 1 to 9.\n\"Quoted\".",
            },
            "window": {"type": "integer", "minimum": 0, "maximum": 1000},
            "ratio": {"type": "number", "minimum": 0.5, "default": 2},
            "mode": {"type": "string", "enum": ["fast-only", "BEST"], "default": "BEST"},
            "words": {"type": "array", "items": {"type": "string"}, "default": ["a", "b"]},
            "limits": {"type": "object", "additionalProperties": limits},
            "on": {"type": "boolean"},
        },
        "required": ["on"],
    });
    assert_eq!(manifest["config_schema"], expect);
}

#[test]
fn what_is_left_out_is_filled_in() {
    let found: Everything = parse(r#"{"on": true, "window": null}"#).unwrap();
    let expect = Everything {
        the_level: 3,
        window: None,
        ratio: 2.0,
        mode: Mode::Best,
        words: vec!["a".into(), "b".into()],
        limits: BTreeMap::new(),
        is_on: true,
        seen: 0,
    };
    assert_eq!(found, expect);
    assert_eq!(parse::<NoConfig>(" ").unwrap(), NoConfig {});
}

#[test]
fn a_wrong_configuration_is_told_by_its_key() {
    for (config, message) in [
        ("{}", "on: it must be given"),
        ("[]", "the configuration: it must be an object, not a list"),
        (r#"{"on": 1}"#, "on: it must be true or false, not a number"),
        (r#"{"on": true, "the-level": 10}"#, "the-level: 10 is not from -1 to 9"),
        (
            r#"{"on": true, "the-level": 1.5}"#,
            "the-level: it must be a whole number, not another number",
        ),
        (r#"{"on": true, "window": -1}"#, "window: -1 is not from 0 to 1000"),
        (r#"{"on": true, "ratio": 0.25}"#, "ratio: 0.25 is not at least 0.5"),
        (r#"{"on": true, "mode": "best"}"#, "mode: there is no \"best\", but fast-only, BEST"),
        (r#"{"on": true, "words": ["x", 2]}"#, "words[1]: it must be text, not a number"),
        (
            r#"{"on": true, "limits": {"a": {"count": 256}}}"#,
            "limits.a.count: 256 is not from 0 to 255",
        ),
        (r#"{"on": true, "limits": {"a": {}}}"#, "limits.a.count: it must be given"),
        (
            r#"{"on": true, "limits": {"a": {"cuont": 1}}}"#,
            "limits.a.cuont: there is no such key; known: count",
        ),
    ] {
        let error = parse::<Everything>(config).unwrap_err();
        assert_eq!(error, Error::config(message), "{config}");
    }
    let error = parse::<NoConfig>("{\"a\": 1}").unwrap_err();
    assert_eq!(error.message, "a: there is no such key; known: none");
    assert!(
        parse::<NoConfig>("x").unwrap_err().message.starts_with("the configuration is not JSON")
    );
}

/// The derive names keys and words as serde does, by every rule.
#[test]
fn every_rule_for_names_is_the_one_of_serde() {
    macro_rules! check {
        ($($rule:literal)*) => {$({
            #[derive(Deserialize, Config)]
            #[serde(rename_all = $rule)]
            #[allow(dead_code, reason = "only its names matter")]
            struct Keys {
                first: Word,
                a_second_one: Word,
                third3_x: Word,
            }
            #[derive(Deserialize, Config)]
            #[serde(rename_all = $rule)]
            enum Word {
                Simple,
                TwoWords,
                WithXIn3,
            }
            let (Schema::Object(keys), Schema::Choice(words)) = (Keys::SCHEMA, Word::SCHEMA) else {
                panic!("a struct is an object, and an enum a choice");
            };
            for word in words {
                let values = keys.iter().map(|key| (key.name.to_owned(), json!(word)));
                let config = Value::Object(values.collect()).to_string();
                // Past the schema it is serde that reads it, and refuses names of its own.
                assert!(parse::<Keys>(&config).is_ok(), "{config}");
            }
        })*};
    }
    check!("lowercase" "UPPERCASE" "PascalCase" "camelCase" "snake_case" "SCREAMING_SNAKE_CASE"
        "kebab-case" "SCREAMING-KEBAB-CASE");
}

//! Does a component fit this host, and does it say what it has to say?

use format::Role;
use serde::Serialize;

use super::schema::{self, settings};
use super::subject::Subject;
use crate::error::{Error, ErrorKind};
use crate::plugin::{Description, Engine, Limits, Manifest, Trust, describe};

/// Something that is wrong with a component, or merely odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it cannot be used so.
    pub is_error: bool,
    /// What is wrong.
    pub message: String,
    /// What its author can do.
    pub way_out: String,
}

impl Finding {
    fn error(message: impl Into<String>, way_out: impl Into<String>) -> Finding {
        Finding { is_error: true, message: message.into(), way_out: way_out.into() }
    }

    fn warning(message: impl Into<String>, way_out: impl Into<String>) -> Finding {
        Finding { is_error: false, ..Finding::error(message, way_out) }
    }

    fn of(error: &Error) -> Finding {
        Finding::error(error.to_string(), error.hint().unwrap_or("mend it in its source"))
    }
}

/// All that is wrong with a component. `config` is what it is opened with: JSON; none is `{}`.
pub fn check(engine: &Engine, bytes: &[u8], config: Option<&str>) -> (Description, Vec<Finding>) {
    let description = describe(bytes);
    let mut findings: Vec<Finding> = description.mistakes.iter().map(Finding::of).collect();
    if let Some(manifest) = &description.manifest {
        claims(manifest, &mut findings);
        configuration(manifest, &mut findings);
    }
    if description.mistakes.is_empty() {
        runs(engine, bytes, config, &mut findings);
    }
    (description, findings)
}

/// What the manifest claims, and can not or need not.
fn claims(manifest: &Manifest, findings: &mut Vec<Finding>) {
    let Manifest { memory_max, .. } = manifest;
    let limit = Limits::default().memory_max as u64;
    if *memory_max > limit {
        findings.push(Finding::error(
            format!("it asks for {} MiB of memory, and gets {}", memory_max >> 20, limit >> 20),
            "work in less: smaller tables, or parts of the input",
        ));
    } else if *memory_max == 0 {
        findings.push(Finding::warning(
            "its manifest has no memory_max",
            "say how many bytes it takes at most; `mover plugin bench` shows what it took",
        ));
    }
    let role = manifest.role().ok();
    let only = [
        ("lossy", manifest.lossy, Role::Filter, "filter"),
        ("keyed", manifest.keyed, Role::Transform, "transform"),
        ("authenticates", manifest.authenticates, Role::Transform, "transform"),
    ];
    for (key, is_set, of_role, name) in only {
        if is_set && role.is_some_and(|role| role != of_role) {
            let message = format!("its manifest says {key}, which only a {name} can be");
            findings.push(Finding::error(message, format!("leave {key} out")));
        }
    }
    if manifest.authenticates && !manifest.keyed {
        findings.push(Finding::error(
            "its manifest says authenticates, and not keyed",
            "say keyed, and use the key: without one nothing is authenticated",
        ));
    }
}

/// The schema of its configuration.
fn configuration(manifest: &Manifest, findings: &mut Vec<Finding>) {
    if manifest.config_schema.is_null() {
        findings.push(Finding::error(
            "its manifest has no config_schema",
            r#"add one; without settings: { "type": "object", "additionalProperties": false }"#,
        ));
        return;
    }
    for mistake in schema::mistakes(&manifest.config_schema) {
        let place = match &mistake.place[..] {
            "" => "config_schema".to_owned(),
            place => format!("config_schema.{place}"),
        };
        findings.push(Finding {
            is_error: mistake.is_error,
            message: format!("{place}: {}", mistake.message),
            way_out: "mend the schema in its manifest".to_owned(),
        });
    }
    for setting in settings(&manifest.config_schema) {
        if setting.description.is_empty() {
            findings.push(Finding::warning(
                format!("config_schema: {} has no description", setting.key),
                "say what it is for, in one line",
            ));
        }
    }
}

/// Whether it compiles, fits and opens.
fn runs(engine: &Engine, bytes: &[u8], config: Option<&str>, findings: &mut Vec<Finding>) {
    let plugin = match engine.load(bytes, Trust::Operator) {
        Ok(plugin) => plugin,
        Err(error) => return findings.push(Finding::of(&error)),
    };
    let required: Vec<String> = settings(&plugin.manifest().config_schema)
        .into_iter()
        .filter(|setting| setting.is_required)
        .map(|setting| setting.key)
        .collect();
    let subject = Subject { plugin, config: config.unwrap_or("{}").to_owned() };
    let Err(error) = subject.open() else {
        if config.is_none() && !required.is_empty() {
            findings.push(Finding::warning(
                format!("it opens with {{}}, and its schema requires {}", required.join(", ")),
                "refuse a configuration without them, or do not require them",
            ));
        }
        return;
    };
    findings.push(match (config, error.kind()) {
        (None, ErrorKind::Usage) if !required.is_empty() => Finding::warning(
            format!("it was not opened: it needs {}: {error}", required.join(", ")),
            "give --config, with these keys",
        ),
        (None, ErrorKind::Usage) => Finding::error(
            format!("it refuses {{}}, though its schema requires nothing: {error}"),
            "give every setting a default, or require it in the schema",
        ),
        (Some(_), ErrorKind::Usage) => {
            Finding::error(error.to_string(), "give it a configuration that it takes")
        }
        _ => Finding::of(&error),
    });
}

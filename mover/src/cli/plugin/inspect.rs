//! `mover plugin inspect`.

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::console::Console;
use crate::error::{Error, Result};
use crate::kit::{Setting, settings};
use crate::pin;
use crate::plugin::{Description, FoundPlugin, Manifest, describe};
use crate::units::show;

pub(super) fn run(found: &FoundPlugin, console: &Console) -> Result<Outcome> {
    let description = describe(&found.bytes);
    let built_in = found.path.is_none();
    for line in lines(&description, built_in) {
        console.line(&line)?;
    }
    console.document("component", document(&description, built_in))?;
    Ok(Outcome { faults: !description.mistakes.is_empty(), refused: false })
}

/// What a machine is told of a component.
pub(super) fn document(description: &Description, built_in: bool) -> Value {
    let Description { length, digest, manifest, imports, exports, mistakes } = description;
    let mistakes: Vec<String> = mistakes.iter().map(Error::to_string).collect();
    let mut document = json!({
        "length": length, "digest": pin::show(digest), "built_in": built_in,
        "imports": imports, "exports": exports, "mistakes": mistakes,
    });
    if let (Value::Object(fields), Some(manifest)) = (&mut document, manifest)
        && let Ok(Value::Object(more)) = serde_json::to_value(manifest)
    {
        fields.extend(more);
    }
    document
}

fn lines(description: &Description, built_in: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(manifest) = &description.manifest {
        lines.extend(of_manifest(manifest, built_in));
    }
    let names = |names: &[String]| match names {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    lines.push(field("size", &show(description.length)));
    lines.push(field("digest", &pin::show(&description.digest)));
    lines.push(field("imports", &names(&description.imports)));
    lines.push(field("exports", &names(&description.exports)));
    if let Some(manifest) = &description.manifest {
        lines.push(String::new());
        lines.extend(of_settings(&settings(&manifest.config_schema)));
    }
    for mistake in &description.mistakes {
        lines.push(format!("error: {mistake}"));
    }
    lines
}

fn field(name: &str, value: &str) -> String {
    format!("  {name:<9} {value}")
}

fn of_manifest(manifest: &Manifest, built_in: bool) -> Vec<String> {
    let built_in = if built_in { ", built in" } else { "" };
    let text = |text: &str| text.escape_debug().to_string();
    let (name, version, role) =
        (text(&manifest.name), text(&manifest.version), text(&manifest.role));
    let memory = match manifest.memory_max {
        0 => "not said".to_owned(),
        bytes => format!("at most {}", show(bytes)),
    };
    let claims: Vec<&str> = [
        (manifest.keyed, "keyed"),
        (manifest.authenticates, "authenticates"),
        (manifest.lossy, "lossy"),
        (manifest.sequential, "sequential"),
        (manifest.interpreted, "interpreted (second tier: slow)"),
    ]
    .iter()
    .filter_map(|(is_set, name)| is_set.then_some(*name))
    .collect();
    let mut lines = vec![
        format!("{name} {version}, {role}{built_in}"),
        field("contract", &format!("mover:plugin {}", text(&manifest.contract))),
        field("memory", &memory),
    ];
    if !claims.is_empty() {
        lines.push(field("says", &claims.join(", ")));
    }
    lines
}

/// A table for people: a row for each key.
fn of_settings(settings: &[Setting]) -> Vec<String> {
    if settings.is_empty() {
        return vec!["configuration: none".to_owned()];
    }
    let row = |setting: &Setting| {
        let default = match &setting.default {
            Some(default) => default.to_string(),
            None if setting.is_required => "required".to_owned(),
            None => "-".to_owned(),
        };
        let may_be = match (&setting.kind, &setting.bounds) {
            (kind, bounds) if bounds.is_empty() => kind.clone(),
            (kind, bounds) => format!("{kind}, {bounds}"),
        };
        [setting.key.clone(), may_be, default, setting.description.clone()]
            .map(|cell| cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    };
    let head = ["key", "type", "default", "description"].map(str::to_owned);
    let rows: Vec<[String; 4]> = [head].into_iter().chain(settings.iter().map(row)).collect();
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let (key, kind, default) = (width(0), width(1), width(2));
    let line = |row: &[String; 4]| {
        let [name, may_be, value, about] = row;
        format!("  {name:<key$}  {may_be:<kind$}  {value:<default$}  {about}").trim_end().to_owned()
    };
    ["configuration:".to_owned()].into_iter().chain(rows.iter().map(line)).collect()
}

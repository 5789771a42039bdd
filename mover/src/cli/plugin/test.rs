//! `mover plugin test`.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::arguments::{Stage, Test};
use super::subject;
use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::console::Console;
use crate::error::{Error, Result};
use crate::kit::{CheckReport, Failure, TestConfig, test};
use crate::plugin::{Description, Limits};

/// The limits of an archive, and what the component says of its memory where that is less.
fn limits(description: &Description) -> Limits {
    let limits = Limits::default();
    let said = description.manifest.as_ref().map_or(0, |manifest| manifest.memory_max);
    match usize::try_from(said) {
        Ok(said) if said > 0 => Limits { memory_max: limits.memory_max.min(said), ..limits },
        _ => limits,
    }
}

pub(super) fn run(command: &Test, global: &Global, console: &Console) -> Result<Outcome> {
    let subject = subject(&command.stage, &limits, global, console)?;
    let read =
        |path: &PathBuf| std::fs::read(path).map_err(|cause| Error::io("reading", path, cause));
    let config = TestConfig {
        seed: command.seed,
        cases: command.cases,
        input: command.input.as_ref().map(read).transpose()?,
    };
    // What cannot be opened fails in every check; it is said once.
    subject.open()?;
    let mut failed = 0;
    let manifest = subject.plugin.manifest();
    let reports = test(&subject, &config, |report| {
        failed += usize::from(report.failure.is_some());
        tell(report, &manifest.name, command, console)
    })?;
    let cases: usize = reports.iter().map(|report| report.cases).sum();
    let (name, version) = (&manifest.name, &manifest.version);
    let checks = reports.len();
    console.line(&match failed {
        0 => format!("{name} {version}: all {checks} checks hold, in {cases} cases"),
        _ => format!("{name} {version}: {failed} of {checks} checks FAILED"),
    })?;
    let report = json!({
        "name": name, "version": version, "checks": checks, "failed": failed, "cases": cases,
        "seed": command.seed,
    });
    console.document("report", report)?;
    Ok(Outcome { faults: failed > 0, refused: false })
}

fn tell(report: &CheckReport, name: &str, command: &Test, console: &Console) -> Result<()> {
    let CheckReport { name: check, slug, cases, seconds, failure } = report;
    let word = if failure.is_some() { "FAILED" } else { "ok" };
    console.line(&format!("{word:<6} {check:<46} {cases:>5} cases {seconds:>6.1} s"))?;
    let mut document =
        json!({ "check": slug, "name": check, "ok": failure.is_none(), "cases": cases });
    if let Some(failure) = failure {
        let Failure { message, found_with, example, run_arguments } = failure;
        let file = match example {
            Some(bytes) => Some(keep(bytes, &format!("{name}-{slug}.bin"), &command.out_dir)?),
            None => None,
        };
        console.line(&format!("       {message}"))?;
        console.line(&format!("       found with {found_with}"))?;
        let again = again(&command.stage, command.seed, file.as_deref(), run_arguments.as_deref());
        if let (Some(file), Some(bytes)) = (&file, example) {
            console.line(&format!("       {} bytes show it: {}", bytes.len(), file.display()))?;
        }
        console.line(&format!("       see it again: {again}"))?;
        document["message"] = message.as_str().into();
        document["found_with"] = found_with.as_str().into();
        document["example"] = file.map(|file| file.display().to_string()).into();
        document["again"] = again.into();
    }
    console.document("check", document)
}

/// Writes a counter-example where the author finds it.
fn keep(bytes: &[u8], file: &str, folder: &Path) -> Result<PathBuf> {
    // A component chooses its own name.
    let file: String =
        file.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    let path = folder.join(file.trim_start_matches('.'));
    std::fs::write(&path, bytes).map_err(|cause| Error::io("writing", &path, cause))?;
    Ok(path)
}

/// The command that shows a failure again.
fn again(stage: &Stage, seed: u64, example: Option<&Path>, run: Option<&[String]>) -> String {
    let mut words = vec!["mover".to_owned(), "plugin".to_owned()];
    words.push(if run.is_some() { "run" } else { "test" }.to_owned());
    words.push(quoted(&stage.component));
    if stage.config != "{}" {
        words.extend(["--config".to_owned(), quoted(&stage.config)]);
    }
    match run {
        Some(arguments) => words.extend(arguments.iter().cloned()),
        None => {
            words.extend(["--seed".to_owned(), seed.to_string()]);
            if example.is_some() {
                words.push("--input".to_owned());
            }
        }
    }
    words.extend(example.map(|path| quoted(&path.display().to_string())));
    words.join(" ")
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@+,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

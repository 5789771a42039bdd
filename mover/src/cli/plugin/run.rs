//! `mover plugin run`.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;

use serde_json::{Value, json};

use super::arguments::Run;
use super::subject;
use crate::cli::Outcome;
use crate::cli::arguments::Global;
use crate::cli::console::Console;
use crate::error::{Error, ErrorKind, Result};
use crate::kit::{self, Way};
use crate::pipeline::{Action, Cut, Finding, Verdict};
use crate::plugin::{Backtrace, Limits};

pub(super) fn run(command: &Run, global: &Global, console: &Console) -> Result<Outcome> {
    let subject = subject(&command.stage, &|_| Limits::default(), global, console)?;
    let input = read(command.input.as_deref())?;
    let way = match (command.decode, command.plain_length) {
        (true, plain_length) => Way::Back { plain_length },
        (false, None) => Way::Forth,
        (false, Some(_)) => {
            return Err(Error::new(ErrorKind::Usage, "--plain-length is for --decode alone")
                .way_out("leave it out, or add --decode"));
        }
    };
    let (outcome, usage) = match kit::run(&subject, &input, way) {
        Ok(done) => done,
        Err(error) => {
            backtrace(&error, console)?;
            return Err(error);
        }
    };
    let mut document = json!({ "input_bytes": input.len(), "usage": usage });
    match outcome {
        kit::Outcome::Bytes(bytes) => {
            let (before, after) = (input.len(), bytes.len());
            let back = match (way, subject.role()) {
                (Way::Forth, format::Role::Transform) => {
                    format!("; back with --decode --plain-length {before}")
                }
                _ => String::new(),
            };
            console.note(&format!("{before} bytes became {after}{back}"));
            document["output_bytes"] = after.into();
            write(command.output.as_deref(), &bytes, console)?;
        }
        kit::Outcome::Verdict(verdict) => show_verdict(&verdict, &mut document, console)?,
        kit::Outcome::Cuts(cuts) => show_cuts(&cuts, &mut document, console)?,
    }
    console.document("report", document)?;
    Ok(Outcome::default())
}

fn read(input: Option<&Path>) -> Result<Vec<u8>> {
    match input {
        Some(path) => std::fs::read(path).map_err(|cause| Error::io("reading", path, cause)),
        None => {
            let mut bytes = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut bytes);
            read.map_err(|cause| Error::io("reading", "standard input", cause))?;
            Ok(bytes)
        }
    }
}

fn write(output: Option<&Path>, bytes: &[u8], console: &Console) -> Result<()> {
    if let Some(path) = output {
        return std::fs::write(path, bytes).map_err(|cause| Error::io("writing", path, cause));
    }
    // Documents alone stand on standard output where they are asked for.
    if console.is_json() {
        return Ok(());
    }
    let mut stdout = std::io::stdout();
    if stdout.is_terminal() && std::str::from_utf8(bytes).is_err() {
        return Err(Error::new(ErrorKind::Usage, "the output is not for a terminal")
            .way_out("name a file with -o, or pipe it on"));
    }
    stdout.write_all(bytes).map_err(|cause| Error::io("writing", "standard output", cause))
}

fn show_verdict(verdict: &Verdict, document: &mut Value, console: &Console) -> Result<()> {
    let action = match verdict.action {
        Action::Pass => "pass",
        Action::Tag => "tag",
        Action::Hold => "hold",
        Action::Stop => "stop",
    };
    console.line(&format!("verdict: {action}"))?;
    let mut findings = Vec::new();
    for Finding { name, offset, length, detail } in &verdict.findings {
        let place = match length {
            0 => "all of it".to_owned(),
            length => format!("{length} bytes at {offset}"),
        };
        console.line(format!("  {name:<24} {place:<24} {detail}").trim_end())?;
        let finding = json!({ "name": name, "offset": offset, "length": length, "detail": detail });
        findings.push(finding);
    }
    document["verdict"] = action.into();
    document["findings"] = findings.into();
    Ok(())
}

fn show_cuts(cuts: &[Cut], document: &mut Value, console: &Console) -> Result<()> {
    let mut offset = 0_u64;
    let mut rows = Vec::new();
    console.line(&format!("{:>12}  {:>8}  crc-32c", "offset", "length"))?;
    for Cut { length, crc } in cuts {
        console.line(&format!("{offset:>12}  {length:>8}  {crc:08x}"))?;
        rows.push(json!({ "offset": offset, "length": length, "crc": crc }));
        offset += u64::from(*length);
    }
    console.note(&format!("{} blocks", cuts.len()));
    document["cuts"] = rows.into();
    Ok(())
}

/// Where it trapped, if it did: all functions, the innermost first.
fn backtrace(error: &Error, console: &Console) -> Result<()> {
    use std::error::Error as _;
    let backtrace = error.source().and_then(|cause| cause.downcast_ref::<Backtrace>());
    let Some(backtrace) = backtrace else { return Ok(()) };
    for (depth, function) in backtrace.frames().iter().enumerate() {
        console.detail(&format!("{depth:>4}: {function}"));
    }
    console.document("backtrace", json!({ "frames": backtrace.frames() }))
}

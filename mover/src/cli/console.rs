//! What a person or a machine sees: lines on a terminal with a bar below them, or JSON.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use format::{Finding, Verdict};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::session::{Observer, Progress};
use crate::threads;
use crate::units::{counted, path_text, show};

/// Where everything that a command says goes: results to standard output, the rest to standard
/// error. Clones share the bar.
#[derive(Clone)]
pub(crate) struct Console {
    json: bool,
    quiet: bool,
    bar: ProgressBar,
}

impl Console {
    /// A bar is drawn on a terminal only, and never with JSON or `--quiet`.
    pub(crate) fn new(json: bool, quiet: bool) -> Console {
        let wanted = !json && !quiet && std::io::stderr().is_terminal();
        let target = if wanted {
            ProgressDrawTarget::stderr_with_hz(8)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        Console { json, quiet, bar }
    }

    /// Whether documents are wanted.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line of the result, for people.
    pub(crate) fn line(&self, line: &str) -> Result<()> {
        match self.json || self.quiet {
            true => Ok(()),
            false => print(line),
        }
    }

    /// Lines of the result that tell how many there are of each, where there are any: what is
    /// said of one, and of several.
    pub(crate) fn counts<const N: usize>(&self, counts: [(u64, &str, &str); N]) -> Result<()> {
        let mut told = counts.into_iter().filter(|(count, ..)| *count > 0);
        told.try_for_each(|(count, one, many)| {
            self.line(&format!("  {}", counted(count, one, many)))
        })
    }

    /// A document, for machines.
    pub(crate) fn document(&self, kind: &str, value: impl Serialize) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut document = json!({ "type": kind });
        if let (Value::Object(fields), Ok(Value::Object(more))) =
            (&mut document, serde_json::to_value(value))
        {
            fields.extend(more);
        }
        print(&document.to_string())
    }

    fn tell(&self, line: &str) {
        // Above the bar, where there is one.
        self.bar.suspend(|| {
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }

    /// What ended the command.
    pub(crate) fn error(&self, error: &Error) {
        let _ = self.document(
            "error",
            json!({ "kind": format!("{:?}", error.kind()).to_lowercase(),
                    "error": error.to_string(), "try": error.hint() }),
        );
        self.tell(&format!("error: {error}"));
        if let Some(hint) = error.hint() {
            self.tell(&format!("  try: {hint}"));
        }
    }

    /// Draws the bar while `work` runs.
    pub(crate) fn watch<T>(&self, progress: &Progress, work: impl FnOnce() -> T) -> T {
        if self.bar.is_hidden() {
            return work();
        }
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let bar = self.bar.clone();
            // Without a thread there is no bar.
            let _drawing = threads::start_in(scope, "mover-bar", move || {
                bar.set_style(style());
                while stopped
                    .recv_timeout(Duration::from_millis(125))
                    .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
                {
                    draw(&bar, progress);
                }
                bar.finish_and_clear();
            });
            let done = work();
            drop(stop);
            done
        })
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed} {msg}").expect("a fixed template is right")
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    let now = progress.read();
    let seconds = bar.elapsed().as_secs_f64().max(0.1);
    #[allow(clippy::cast_possible_truncation, reason = "a rate for the eye")]
    #[allow(clippy::cast_sign_loss, reason = "never negative")]
    let rate = show((now.bytes as f64 / seconds) as u64);
    let of = |total: u64| match total {
        0 => String::new(),
        total => format!(" of {}", show(total)),
    };
    let stored = match now.stored {
        0 => String::new(),
        stored => format!(", {} stored", show(stored)),
    };
    let path = String::from_utf8_lossy(&now.current).into_owned();
    let width = 40;
    let tail = path.chars().rev().take(width).collect::<Vec<_>>().into_iter().rev();
    let cut = if path.chars().count() > width { "..." } else { "" };
    let tail: String = tail.map(|c| if c.is_control() { '?' } else { c }).collect();
    bar.set_message(format!(
        "{} entries, {}{}, {rate}/s{stored}  {cut}{tail}",
        now.entries,
        show(now.bytes),
        of(now.bytes_total),
    ));
    bar.tick();
}

fn print(line: &str) -> Result<()> {
    writeln!(std::io::stdout().lock(), "{line}")
        .map_err(|cause| Error::io("writing", "standard output", cause))
}

/// A path as text; what is not UTF-8 is told apart by its bytes.
pub(crate) fn path_fields(path: &[u8]) -> Value {
    match std::str::from_utf8(path) {
        Ok(text) => json!({ "path": text }),
        Err(_) => json!({
            "path": String::from_utf8_lossy(path),
            "path_hex": hex::encode(path),
        }),
    }
}

impl Console {
    /// A line that belongs to the error or the note beside it; for people.
    pub(crate) fn detail(&self, text: &str) {
        if !self.json {
            self.tell(text);
        }
    }

    /// A line of a component's log, for its author.
    pub(crate) fn log(&self, plugin: &str, level: &str, text: &str) {
        if self.json {
            let _ =
                self.document("log", json!({ "component": plugin, "level": level, "text": text }));
        } else {
            self.tell(&format!("{level}: {plugin}: {text}"));
        }
    }

    /// A line that is no result and no fault.
    pub(crate) fn note(&self, text: &str) {
        if self.json {
            let _ = self.document("note", json!({ "text": text }));
        } else if !self.quiet {
            self.tell(&format!("note: {text}"));
        }
    }
}

impl Observer for Console {
    fn fault(&self, path: &[u8], error: &Error) {
        let mut document = path_fields(path);
        if let Value::Object(fields) = &mut document {
            fields.insert("error".into(), error.to_string().into());
            fields.insert("try".into(), error.hint().into());
        }
        let _ = self.document("fault", document);
        // A message that names the path already need not do so twice.
        let (message, name) = (error.to_string(), path_text(path));
        match name.is_empty() || message.contains(&name) {
            true => self.tell(&format!("fault: {message}")),
            false => self.tell(&format!("fault: {name}: {message}")),
        }
        if let (Some(hint), ErrorKind::Refused | ErrorKind::Key) = (error.hint(), error.kind()) {
            self.tell(&format!("  try: {hint}"));
        }
    }

    fn found(&self, path: &[u8], verdict: Verdict, finding: &Finding) {
        if self.json {
            let mut document = path_fields(path);
            if let Value::Object(fields) = &mut document {
                fields.insert("verdict".into(), verdict_name(verdict).into());
                fields.insert("component".into(), finding.component.clone().into());
                fields.insert("name".into(), finding.name.clone().into());
                fields.insert("offset".into(), finding.offset.into());
                fields.insert("length".into(), finding.length.into());
                fields.insert("detail".into(), finding.detail.clone().into());
            }
            // Tags stand in the index; only what changes the archive is worth a line here.
            if verdict >= Verdict::Hold {
                let _ = self.document("finding", document);
            }
        } else if verdict >= Verdict::Hold && finding.length > 0 {
            self.tell(&format!(
                "{}: {} found {} in {}",
                match verdict {
                    Verdict::Stop => "left out",
                    _ => "held",
                },
                finding.component,
                finding.name,
                path_text(path)
            ));
        }
    }

    fn note(&self, text: &str) {
        Console::note(self, text);
    }
}

/// A verdict's name.
pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Tag => "tag",
        Verdict::Hold => "hold",
        Verdict::Stop => "stop",
    }
}

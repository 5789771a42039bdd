//! `mover status`: what runs on this machine or on a server; and has it wait, go on or stop.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::Outcome;
use super::arguments::{Global, Status};
use super::console::Console;
use super::open::cancel_on_signals;
use super::place::{Place, remote};
use crate::error::{Error, ErrorKind, Result};
use crate::net::{RemoteStore, Steering, state_folder};
use crate::pipeline::Cancel;
use crate::session::Progress;
use crate::session::board::{self, Notice, Posted};
use crate::units::{path_text, show};

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// Puts this session on the board. Where that cannot be, as in a home that is read-only, the session
/// goes on without being seen.
pub(super) fn post(
    notice: Notice,
    progress: &Arc<Progress>,
    cancel: &Cancel,
    console: &Console,
) -> Option<Posted> {
    let posted = state_folder(None).and_then(|it| board::post(&it, notice, progress, cancel));
    posted
        .inspect_err(|error| console.note(&format!("mover status does not show this: {error}")))
        .ok()
}

pub(super) fn run(command: &Status, global: &Global, console: &Console) -> Result<Outcome> {
    let cancel = cancel_on_signals()?;
    let server = match &command.server {
        None => None,
        Some(server) => match Place::of(std::path::Path::new(server))? {
            Place::Remote(address) => {
                Some(RemoteStore::open(remote(address, global, &cancel, console)?)?)
            }
            Place::Folder(_) => {
                return Err(Error::new(ErrorKind::Usage, format!("{server} is no address"))
                    .way_out("write it as mover://HOST:PORT/STORE; without it, this machine"));
            }
        },
    };
    if let Some((id, steering)) = steering(command) {
        match &server {
            Some(server) => server.steer(id, steering)?,
            None => drop(board::steer(&state_folder(None)?, id, steering.word())?),
        }
        console.line(&format!("told {id} to {}", steering.word()))?;
        return Ok(Outcome::default());
    }
    let look = || -> Result<Vec<Value>> {
        match &server {
            Some(server) => server.sessions_running(),
            None => board::statuses(&state_folder(None)?),
        }
    };
    let is_live = !command.once && !console.is_json() && std::io::stdout().is_terminal();
    if !is_live {
        let sessions = look()?;
        if sessions.is_empty() {
            console.line("nothing runs")?;
        }
        for session in sessions {
            console.document("session", &session)?;
            console.line(text(&session).trim_end())?;
        }
        return Ok(Outcome::default());
    }
    let mut drawn = 0;
    while !cancel.is_cancelled() {
        let sessions = look()?;
        let mut screen: String = sessions.iter().map(text).collect();
        if screen.is_empty() {
            screen = "nothing runs\n".to_owned();
        }
        screen += "Ctrl-C ends this view, and nothing else\n";
        let mut output = std::io::stdout().lock();
        // Up over what was drawn last, and clear from there.
        let up = match drawn {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\x1b[J"),
        };
        write!(output, "{up}{screen}")
            .and_then(|()| output.flush())
            .map_err(|cause| Error::io("writing", "standard output", cause))?;
        drawn = screen.lines().count();
        drop(output);
        std::thread::sleep(INTERVAL);
    }
    Ok(Outcome::default())
}

fn steering(command: &Status) -> Option<(&str, Steering)> {
    let pause = command.pause.as_deref().map(|id| (id, Steering::Pause));
    let go_on = command.r#continue.as_deref().map(|id| (id, Steering::Continue));
    let stop = command.stop.as_deref().map(|id| (id, Steering::Stop));
    pause.or(go_on).or(stop)
}

/// A session for people: a line for it, and one for each stage.
fn text(session: &Value) -> String {
    let number = |key: &str| session[key].as_u64().unwrap_or(0);
    let word = |key: &str| session[key].as_str().unwrap_or_default();
    let seconds = number("seconds");
    let rate = number("bytes") / seconds.max(1);
    let paused = if session["paused"] == true { "  PAUSED" } else { "" };
    let mut lines = String::new();
    if let Some(peer) = session["peer"].as_str() {
        // A server's view: it sees chunks, not entries.
        lines += &format!(
            "{}  archive {} into {} from {peer}{paused}\n  {} in {} chunks, {}/s, {}\n",
            &word("session")[..word("session").len().min(8)],
            word("archive"),
            word("store"),
            show(number("bytes")),
            number("chunks"),
            show(rate),
            time(seconds),
        );
        return lines;
    }
    let of = match number("bytes_total") {
        0 => String::new(),
        total => format!(" of {}", show(total)),
    };
    lines += &format!(
        "{}  {} {}, {}{paused}\n",
        word("id"),
        word("kind"),
        word("archive"),
        word("store")
    );
    lines += &format!(
        "  {} entries, {}{of}, {}/s, {} stored, {}\n",
        number("entries"),
        show(number("bytes")),
        show(rate),
        show(number("stored")),
        time(seconds),
    );
    if !word("current").is_empty() {
        lines += &format!("  at {}\n", path_text(word("current").as_bytes()));
    }
    let stages = session["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !stages.is_empty() {
        lines += "  stage     instances          in         out   busy   wait\n";
    }
    for stage in stages {
        let number = |key: &str| stage[key].as_u64().unwrap_or(0);
        let instances = number("instances").max(1);
        let share = |key: &str| 100 * number(key) / (seconds.max(1) * 1000 * instances);
        lines += &format!(
            "  {:9} {:9}  {:>10}  {:>10}  {:>4}%  {:>4}%\n",
            stage["stage"].as_str().unwrap_or_default(),
            instances,
            show(number("bytes_in")),
            show(number("bytes_out")),
            share("busy_ms").min(100),
            share("wait_ms").min(100),
        );
    }
    lines
}

fn time(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

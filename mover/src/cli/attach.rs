//! `mover attach`: this program's standard input becomes the head of a session that waits, or its
//! standard output the tail.

use std::io::{IsTerminal, Write};
use std::net::Shutdown;

use super::Outcome;
use super::arguments::Attach;
use crate::error::{Error, Result};
use crate::net::state_folder;
use crate::session::board;

pub(super) fn run(command: &Attach) -> Result<Outcome> {
    let socket = board::attach(&state_folder(None)?, &command.name)?;
    let failed = |cause| Error::io("talking to session", &command.name, cause);
    // A terminal has nothing to say: then this is the tail.
    if !std::io::stdin().is_terminal() {
        let mut to = &socket;
        std::io::copy(&mut std::io::stdin().lock(), &mut to).map_err(failed)?;
    }
    socket.shutdown(Shutdown::Write).map_err(failed)?;
    let mut output = std::io::stdout().lock();
    let mut from = &socket;
    std::io::copy(&mut from, &mut output).and_then(|_| output.flush()).map_err(failed)?;
    Ok(Outcome::default())
}

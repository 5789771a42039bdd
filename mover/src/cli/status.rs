//! `mover status`: what runs.

use super::Outcome;
use super::arguments::{Global, Status};
use super::console::Console;
use crate::error::{Error, ErrorKind, Result};

pub(super) fn run(_command: &Status, _global: &Global, _console: &Console) -> Result<Outcome> {
    Err(Error::new(ErrorKind::Unsupported, "status"))
}

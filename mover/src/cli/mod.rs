//! The command line: one file a command, and what they share.

mod arguments;
mod console;
mod open;
mod parity;
mod drives;
mod place;
mod init;
mod archive;
mod list;
mod restore;
mod verify;
mod drop;
mod prune;
mod copy;
mod media;
mod catalog;
mod policy;
mod plugin;
mod key;
mod agent;
mod serve;
mod trust;
mod resume;
mod attach;
mod status;
mod pages;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches};

use crate::error::{Error, ErrorKind, Result};
use arguments::{Arguments, Command};
use console::Console;

/// How a command ended, in the order of strength: 2, 3, 1, 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Something went wrong with parts of it; each was named.
    pub(crate) faults: bool,
    /// A policy or a snoop refused something.
    pub(crate) refused: bool,
}

impl Outcome {
    fn code(self) -> u8 {
        match self {
            Outcome { refused: true, .. } => 3,
            Outcome { faults: true, .. } => 1,
            Outcome { .. } => 0,
        }
    }
}

/// The command's definition, from which parsing, completions and man pages are made.
pub(crate) fn definition() -> clap::Command {
    Arguments::command()
}

/// Runs the command line, and gives the process its exit code:
/// 0 done, 1 done with faults, 2 failed, 3 something refused by policy or snoop.
pub fn run() -> ExitCode {
    // Without a handler a limit of the size of files kills; with one, the write says so.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let matches = match definition().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version are no failures; whether they could be printed is nobody's concern.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let arguments = match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(2);
        }
    };
    let console = Console::new(arguments.global.json, arguments.global.quiet);
    match dispatch(arguments, &console) {
        Ok(outcome) => ExitCode::from(outcome.code()),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            console.error(&error);
            ExitCode::from(2)
        }
    }
}

fn dispatch(arguments: Arguments, console: &Console) -> Result<Outcome> {
    let global = &arguments.global;
    match arguments.command {
        Command::Init(command) => init::run(command, global, console),
        Command::Archive(command) => archive::run(command, global, console),
        Command::List(command) => list::run(command, global, console),
        Command::Restore(command) => restore::run(command, global, console),
        Command::Verify(command) => verify::run(command, global, console),
        Command::Drop(command) => drop::run(command, global, console),
        Command::Prune(command) => prune::run(&command, console),
        Command::Copy(command) => copy::run(&command, console),
        Command::Policy(command) => policy::run(command, global, console),
        Command::Plugin(command) => plugin::run(command, global, console),
        Command::Media(command) => media::run(command, console),
        Command::Catalog(command) => catalog::run(command, global, console),
        Command::Key(command) => key::run(command, global, console),
        Command::Serve(command) => serve::run(&command, console),
        Command::Identity => trust::identity(console),
        Command::Trust(command) => trust::run(command, console),
        Command::Resume(command) => resume::run(&command, console),
        Command::Attach(command) => attach::run(&command),
        Command::Status(command) => status::run(&command, global, console),
        Command::Completions(command) => pages::completions(&command),
        Command::Man(command) => pages::man(&command),
    }
}

/// Whoever reads our output has seen enough, as `head` does.
fn is_closed_pipe(error: &Error) -> bool {
    use std::error::Error as _;
    error.kind() == ErrorKind::Io
        && error
            .source()
            .and_then(|cause| cause.downcast_ref::<std::io::Error>())
            .is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

//! The command line; all of it is in the library, so that tests and tools can use it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    mover::cli::run()
}

//! The command line; all of it is in the library, so that tests and tools can use it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Crash tests name the points at which to fail; a released binary has none.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    mover::cli::run()
}

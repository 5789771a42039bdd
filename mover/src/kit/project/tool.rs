//! Programs of other people, which a build runs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, ErrorKind, Result};

/// A program, and how a person gets it where it is missing.
pub(super) struct Tool<'a> {
    pub(super) program: &'a OsStr,
    pub(super) install: &'static str,
}

impl Tool<'_> {
    /// Runs it in a folder. What it says goes to standard error: standard output is Mover's own.
    pub(super) fn run<S: AsRef<OsStr>>(
        &self,
        folder: &Path,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<()> {
        let status = Command::new(self.program)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .status()
            .map_err(|cause| Error::io("starting", self.program, cause).way_out(self.install))?;
        if status.success() {
            return Ok(());
        }
        let program = self.program.to_string_lossy();
        let message = format!("{} does not build: {program} failed", folder.display());
        Err(Error::new(ErrorKind::Usage, message).way_out("mend what it told above"))
    }
}

//! Threads, whose start may fail: a limit on processes or on memory is an error like any other.

use std::error::Error as _;
use std::sync::OnceLock;
use std::thread::{Builder, JoinHandle, Scope, ScopedJoinHandle};

use rayon::ThreadPoolBuilder;

use crate::failpoint::{self, reach};
use crate::{Error, ErrorKind, Result};

/// Starts a thread, of whose name debuggers and `top -H` show 15 bytes.
pub(crate) fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    reach(failpoint::THREAD_STARTED)?;
    Builder::new().name(name.to_owned()).spawn(work).map_err(|cause| refused(name, cause))
}

/// Starts a thread that `scope` waits for. Where it fails, the caller has to see to it that the
/// others there come to an end.
pub(crate) fn start_in<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Result<ScopedJoinHandle<'scope, T>> {
    reach(failpoint::THREAD_STARTED)?;
    let thread = Builder::new().name(name.to_owned());
    thread.spawn_scoped(scope, work).map_err(|cause| refused(name, cause))
}

/// Starts the threads that all compiling shares, if that was not done before.
pub(crate) fn start_compilers() -> Result<()> {
    static REFUSED: OnceLock<Option<String>> = OnceLock::new();
    let start = || {
        reach(failpoint::THREAD_STARTED).map_err(|error| error.to_string())?;
        // An error without a cause says that they are there.
        match ThreadPoolBuilder::new().build_global() {
            Err(error) => error.source().map_or(Ok(()), |cause| Err(cause.to_string())),
            Ok(()) => Ok(()),
        }
    };
    match REFUSED.get_or_init(|| start().err()) {
        None => Ok(()),
        Some(cause) => Err(without_room("the system starts no threads to compile on".to_owned())
            .because(cause.clone())),
    }
}

fn refused(name: &str, cause: std::io::Error) -> Error {
    without_room(format!("the system starts no thread {name}")).because(cause)
}

/// The error of what a thread needs and does not get.
pub(crate) fn without_room(message: String) -> Error {
    Error::new(ErrorKind::Io, message)
        .way_out("raise the limits on processes and memory (ulimit -a), or use fewer --workers")
}

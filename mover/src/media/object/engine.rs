//! The one thread that moves the bytes of all requests, so that everything outside is blocking.

use std::future::Future;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{Error, ErrorKind, Result, threads};

/// A thread with an event loop, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    handle: Handle,
    /// Its being dropped is the signal.
    _running: oneshot::Sender<()>,
}

impl Engine {
    pub(super) fn start() -> Result<Engine> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|cause| {
            Error::new(ErrorKind::Io, "making an event loop for objects").because(cause)
        })?;
        let handle = runtime.handle().clone();
        let (running, stopped) = oneshot::channel::<()>();
        let run = move || drop(runtime.block_on(stopped));
        // Not joined: the last user of an engine can be a request on that very thread.
        threads::start("mover-objects", run)?;
        Ok(Engine { handle, _running: running })
    }

    /// Runs `future` on the calling thread, while the engine waits for its sockets.
    pub(super) fn wait<F: Future>(&self, future: F) -> F::Output {
        self.handle.block_on(future)
    }

    /// Runs `future` beside the caller.
    pub(super) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        self.handle.spawn(future)
    }
}

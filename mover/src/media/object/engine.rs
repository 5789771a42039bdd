//! The one thread that moves the bytes of all requests, so that everything outside is blocking.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A thread with an event loop, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Engine {
    handle: Handle,
    /// Its being dropped is the signal.
    _running: oneshot::Sender<()>,
}

impl Engine {
    pub(super) fn start() -> io::Result<Engine> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (running, stopped) = oneshot::channel::<()>();
        let run = move || drop(runtime.block_on(stopped));
        // Not joined: the last user of an engine can be a request on that very thread.
        std::thread::Builder::new().name("object-store".into()).spawn(run)?;
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

//! Puts that never replace an object, so that two writers of a volume cannot harm each other.
//!
//! `If-None-Match: *` has the server refuse a put where an object is. Some servers ignore it
//! (rclone does): there we look before each put. That keeps apart writers that come one after
//! the other; of two that put the same part at the same moment, the later one wins unnoticed.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use super::client::Client;
use super::failure::Failure;
use crate::{Error, ErrorKind, Result};

/// The wait before a put is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// What keeps a put from replacing an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// The server does.
    Conditional,
    /// We look before we put.
    Looking,
}

/// What is at a path.
enum There {
    Nothing,
    Same,
    Other,
}

impl Client {
    /// Puts an object where none is. Once it returns, the object is durable.
    ///
    /// Fails with [`ErrorKind::Exists`] where there is another one. One with the same bytes is
    /// ours: an answer got lost, and what was put twice is there once.
    pub(super) async fn put_new(&self, path: &Path, payload: PutPayload) -> Result<()> {
        let bytes = payload.content_length() as u64;
        let begun = Instant::now();
        let put = async {
            loop {
                let failure = match self.put_once(path, &payload).await {
                    Ok(true) => return Ok(Ok(())),
                    Ok(false) => match self.look(path, &payload).await? {
                        There::Same => return Ok(Ok(())),
                        There::Other => return Ok(Err(self.taken(path))),
                        // Another put is going on, or failed in the meantime.
                        There::Nothing if begun.elapsed() > self.patience => {
                            return Ok(Err(self.taken(path)));
                        }
                        There::Nothing => None,
                    },
                    Err(cause) => Some(cause),
                };
                if let Some(cause) = failure
                    && (!Failure::of(&cause).passing || begun.elapsed() > self.patience)
                {
                    return Err(cause);
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        self.limited("putting", path, bytes, put).await?
    }

    /// Whether it was put; otherwise something was in its way.
    async fn put_once(&self, path: &Path, payload: &PutPayload) -> object_store::Result<bool> {
        let mode = match self.guard.get().copied().unwrap_or(Guard::Conditional) {
            Guard::Conditional => PutMode::Create,
            Guard::Looking => match self.store.head(path).await {
                Ok(_) => return Ok(false),
                Err(object_store::Error::NotFound { .. }) => PutMode::Overwrite,
                Err(cause) => return Err(cause),
            },
        };
        match self.store.put_opts(path, payload.clone(), mode.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(cause) => Err(cause),
        }
    }

    /// Compares what is at a path with what should be.
    async fn look(&self, path: &Path, payload: &PutPayload) -> object_store::Result<There> {
        let found = match self.store.get(path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(There::Nothing),
            Err(cause) => return Err(cause),
        };
        if found.meta.size != payload.content_length() as u64 {
            return Ok(There::Other);
        }
        let mut ours = payload.iter().flat_map(|bytes| bytes.iter());
        let mut stream = found.into_stream();
        while let Some(chunk) = stream.try_next().await? {
            if !chunk.iter().all(|byte| ours.next() == Some(byte)) {
                return Ok(There::Other);
            }
        }
        Ok(if ours.next().is_none() { There::Same } else { There::Other })
    }

    fn taken(&self, path: &Path) -> Error {
        let message = format!("{} is there already, put by another writer", self.shown(path));
        Error::new(ErrorKind::Exists, message)
            .way_out("let only one mover write to a volume, and go on with a new volume")
    }

    /// Finds out whether the server honours conditional puts, with the marker of a volume, which
    /// it puts once more as it is.
    pub(super) fn probe(&self, marker: &Path) -> Result<()> {
        if self.guard.get().is_some() {
            return Ok(());
        }
        let probe = async {
            let content = self.store.get(marker).await?.bytes().await?;
            match self.store.put_opts(marker, content.into(), PutMode::Create.into()).await {
                Ok(_) => Ok(Guard::Looking),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(Guard::Conditional),
                Err(cause) => Err(cause),
            }
        };
        let guard = self.engine.wait(self.limited("probing", marker, 0, probe))?;
        // Another thread may have found out the same.
        self.guard.get_or_init(|| guard);
        Ok(())
    }
}

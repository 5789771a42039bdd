//! Requests to the server, each with a limit of time and with errors of ours.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use object_store::aws::AmazonS3;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};

use super::config::ObjectConfig;
use super::connect::{connect, request_timeout};
use super::engine::Engine;
use super::failure::Failure;
use super::parts::{Part, part_name, part_offset};
use super::put::Guard;
use crate::{Error, ErrorKind, Result};

/// The object that is there as long as the volume is, even if that has no bytes.
const MARKER: &str = "volume";

/// A pool of objects at a server.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) store: AmazonS3,
    /// For requests that the store cannot make.
    pub(super) plain: reqwest::Client,
    pub(super) engine: Engine,
    /// What keys begin with.
    prefix: Path,
    /// As people write it: `s3://bucket/prefix`.
    pub(super) place: String,
    pub(super) patience: Duration,
    pub(super) part_length: usize,
    /// What keeps two writers apart, once it is known.
    pub(super) guard: OnceLock<Guard>,
}

impl Client {
    pub(super) fn new(config: &ObjectConfig) -> Result<Client> {
        let (store, plain) = connect(config)?;
        let engine = Engine::start()?;
        let mut place = format!("s3://{}", config.bucket);
        if !config.prefix.is_empty() {
            place = format!("{place}/{}", config.prefix);
        }
        let guard = OnceLock::new();
        if !config.conditional_put {
            guard.get_or_init(|| Guard::Looking);
        }
        Ok(Client {
            store,
            plain,
            engine,
            prefix: Path::from(config.prefix.as_str()),
            place,
            patience: config.patience,
            part_length: usize::try_from(config.part_length).expect("at most 1 GiB"),
            guard,
        })
    }

    /// The volume or object as people write it.
    pub(super) fn shown(&self, path: &Path) -> String {
        let key = path.as_ref().strip_prefix(self.prefix.as_ref()).unwrap_or(path.as_ref());
        format!("{}/{}", self.place, key.trim_start_matches('/'))
    }

    pub(super) fn volume(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    pub(super) fn marker(&self, volume: &Path) -> Path {
        volume.clone().join(MARKER)
    }

    pub(super) fn part(&self, volume: &Path, offset: u64) -> Path {
        volume.clone().join(part_name(offset))
    }

    /// Runs a request that moves about so many bytes: `doing` is a gerund, such as `reading`.
    ///
    /// Whatever the crate retries, this ends after the patience and one more request.
    pub(super) async fn limited<T>(
        &self,
        doing: &str,
        path: &Path,
        bytes: u64,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T> {
        let limit = self.patience + request_timeout(bytes);
        match tokio::time::timeout(limit, request).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(cause)) => Err(Failure::of(&cause).error(doing, &self.shown(path))),
            Err(_) => {
                let message = format!("{doing} {}: no answer in {limit:.0?}", self.shown(path));
                Err(Error::new(ErrorKind::Io, message).way_out("see that the server runs"))
            }
        }
    }

    /// The names of all volumes, in ascending order.
    pub(super) fn volumes(&self) -> Result<Vec<String>> {
        let listing = self.store.list_with_delimiter(Some(&self.prefix));
        let listing = self.engine.wait(self.limited("listing", &self.prefix, 0, listing))?;
        let names = listing.common_prefixes.iter().filter_map(|prefix| prefix.filename());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The parts of a volume that are behind the one at `after`, in the order of their offsets;
    /// none where the volume does not exist at all.
    pub(super) fn parts(&self, volume: &Path, after: Option<u64>) -> Result<Option<Vec<Part>>> {
        let mut objects = match after {
            Some(after) => self.store.list_with_offset(Some(volume), &self.part(volume, after)),
            None => self.store.list(Some(volume)),
        };
        let (mut parts, mut exists) = (Vec::new(), false);
        // Limited for each object, thus for each page: a volume may have any number of pages.
        let next = async |objects: &mut futures_util::stream::BoxStream<'_, _>| {
            self.limited("listing", volume, 0, async { objects.next().await.transpose() }).await
        };
        self.engine.wait(async {
            while let Some(object) = next(&mut objects).await? {
                exists = true;
                let nested = object.location.parts_count() != volume.parts_count() + 1;
                let name = object.location.filename().filter(|_| !nested);
                if let Some(offset) = name.and_then(part_offset) {
                    parts.push(Part { offset, length: object.size });
                }
            }
            Ok::<_, Error>(())
        })?;
        // Some servers do not list in order.
        parts.sort_unstable_by_key(|part| part.offset);
        Ok(exists.then_some(parts))
    }

    /// Fills `bytes` from `offset` of an object on.
    pub(super) fn read(&self, path: &Path, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let length = bytes.len() as u64;
        let range = Some(GetRange::Bounded(offset..offset + length));
        let options = GetOptions { range, ..Default::default() };
        let shown = self.shown(path);
        let read = async {
            let mut stream = self.store.get_opts(path, options).await?.into_stream();
            let mut filled = 0;
            while let Some(chunk) = stream.try_next().await? {
                // More than was asked for is as wrong as less.
                let Some(rest) = bytes.get_mut(filled..filled + chunk.len()) else {
                    return Ok(usize::MAX);
                };
                rest.copy_from_slice(&chunk);
                filled += chunk.len();
            }
            Ok(filled)
        };
        let filled = self.engine.wait(self.limited("reading", path, length, read))?;
        if filled as u64 != length {
            let message = format!("{shown} does not have the length that is listed");
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        Ok(())
    }

    /// Removes objects, the first of them before any other.
    pub(super) fn remove(&self, volume: &Path, paths: Vec<Path>) -> Result<()> {
        let mut paths = paths.into_iter();
        let Some(first) = paths.next() else { return Ok(()) };
        self.engine.wait(async {
            self.limited("removing", &first, 0, self.store.delete(&first)).await?;
            let rest = futures_util::stream::iter(paths.map(Ok)).boxed();
            let mut removed = self.store.delete_stream(rest);
            let next = async |removed: &mut futures_util::stream::BoxStream<'_, _>| {
                self.limited("removing", volume, 0, async { removed.next().await.transpose() })
                    .await
            };
            while next(&mut removed).await?.is_some() {}
            Ok(())
        })
    }
}

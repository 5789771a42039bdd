//! Volumes as objects of an S3-compatible store.
//!
//! A volume is a prefix: `PREFIX/00000001.volume/`. Its bytes are part objects that never change,
//! each named by the offset of its first byte in 20 digits, so that a listing alone tells where
//! every byte is, and that a part is missing. Beside them an object `volume` marks that the volume
//! exists, though it may have no bytes yet; it holds a random name, by which the one that made the
//! volume is told from another one that tried to.
//!
//! A part is put when it is full, and at each sync. Each put is one request, all or nothing, and
//! on condition that no object is there (see `put.rs` for servers that do not know this condition).
//! A multipart upload would be several requests for the same, and on loopback it is no faster. A
//! volume that is synced often has many short parts; a sync with nothing new puts nothing.
//!
//! Retention is the bucket's business: set a default retention there, and all parts have it. The
//! crate that speaks S3 cannot sign headers for the retention of a single object.

// In suggested reading order.
mod config;
mod parts;
mod writer;
mod reader;
mod ahead;
mod client;
mod put;
mod lock;
mod connect;
mod failure;
mod engine;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use object_store::path::Path;

use self::client::Client;
use self::config::is_name;
use self::reader::{ObjectReader, list};
use self::writer::ObjectWriter;
use super::{AppendFile, MediumKind, MediumTraits, ReadFile, Storage};
use crate::{Error, ErrorKind, Result};

pub use config::{ObjectConfig, ObjectCredentials};

/// A prefix in a bucket.
#[derive(Clone)]
pub struct ObjectStorage {
    client: Arc<Client>,
}

impl ObjectStorage {
    /// Makes ready for a pool, without asking the server anything.
    ///
    /// Fails with [`ErrorKind::Usage`] where the configuration makes no sense or there is no key,
    /// and with [`ErrorKind::Refused`] for HTTP over a network.
    pub fn new(config: &ObjectConfig) -> Result<ObjectStorage> {
        Ok(ObjectStorage { client: Arc::new(Client::new(config)?) })
    }

    fn volume(&self, name: &str) -> Result<Path> {
        if !is_name(name) {
            let message = format!("{name:?} is no name of a volume");
            return Err(Error::new(ErrorKind::Usage, message));
        }
        Ok(self.client.volume(name))
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectStorage").field(&self.client.place).finish()
    }
}

impl Storage for ObjectStorage {
    fn traits(&self) -> MediumTraits {
        MediumTraits { kind: MediumKind::Object, record_length: 1, can_truncate: false }
    }

    fn list(&self) -> Result<Vec<String>> {
        self.client.volumes()
    }

    fn length(&self, name: &str) -> Result<u64> {
        Ok(list(&self.client, &self.volume(name)?)?.length())
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let volume = self.volume(name)?;
        // Parts whose marker is lost are a volume too.
        if self.client.parts(&volume, None)?.is_some() {
            let message = format!("there is a volume {} already", self.client.shown(&volume));
            return Err(Error::new(ErrorKind::Exists, message));
        }
        let marker = self.client.marker(&volume);
        let mut token = [0; 16];
        getrandom::fill(&mut token)
            .map_err(|cause| Error::new(ErrorKind::Io, "getting random bytes").because(cause))?;
        let content = format!("volume of mover, made as {}\n", hex::encode(token));
        self.client.engine.wait(self.client.put_new(&marker, content.into()))?;
        self.client.probe(&marker)?;
        Ok(Box::new(ObjectWriter::new(Arc::clone(&self.client), volume, 0)))
    }

    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        let volume = self.volume(name)?;
        let parts = list(&self.client, &volume)?;
        parts.check(&self.client.shown(&volume))?;
        self.client.probe(&self.client.marker(&volume))?;
        let length = parts.length();
        Ok(Box::new(ObjectWriter::new(Arc::clone(&self.client), volume, length)))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        let volume = self.volume(name)?;
        Ok(Arc::new(ObjectReader::open(Arc::clone(&self.client), volume)?))
    }

    /// Removes nothing where an object lock holds the newest part, whose lock ends last.
    ///
    /// In a bucket that keeps versions, removed objects are hidden and not freed: that is the
    /// business of its lifecycle rules.
    fn remove(&self, name: &str) -> Result<()> {
        let volume = self.volume(name)?;
        let parts = list(&self.client, &volume)?;
        let paths = parts.iter().rev().map(|part| self.client.part(&volume, part.offset));
        let paths: Vec<Path> = paths.collect();
        let newest = paths.first().cloned().unwrap_or_else(|| self.client.marker(&volume));
        self.client.refuse_if_locked(&newest)?;
        self.client.remove(&volume, paths)?;
        // Last, so that a removal that did not end can be found and ended.
        self.client.remove(&volume, vec![self.client.marker(&volume)])
    }

    fn sync(&self) -> Result<()> {
        // A marker is durable once it is put.
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        format!("{}/{name}", self.client.place).into()
    }
}

#[cfg(test)]
mod tests;

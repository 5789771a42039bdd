//! Writes a volume: gathers parts, and puts one while the next is gathered.

use std::sync::Arc;

use object_store::path::Path;
use tokio::task::JoinHandle;

use super::client::Client;
use crate::failpoint::{self, reach};
use crate::media::{AppendFile, Room};
use crate::{Error, ErrorKind, Result};

/// A volume that is written at its end.
///
/// At most two parts are in memory. They are put one after the other, so that whatever happens,
/// the parts that are there have no gap.
pub(super) struct ObjectWriter {
    client: Arc<Client>,
    volume: Path,
    /// Of the first byte that is gathered.
    offset: u64,
    gathered: Vec<u8>,
    flight: Option<JoinHandle<Result<()>>>,
    /// A part did not arrive: nothing may come behind it.
    failed: bool,
}

impl ObjectWriter {
    pub(super) fn new(client: Arc<Client>, volume: Path, length: u64) -> ObjectWriter {
        let gathered = Vec::new();
        ObjectWriter { client, volume, offset: length, gathered, flight: None, failed: false }
    }

    /// Sends what is gathered on its way.
    fn send(&mut self) -> Result<()> {
        self.land()?;
        if self.gathered.is_empty() {
            return Ok(());
        }
        let bytes = std::mem::take(&mut self.gathered);
        let path = self.client.part(&self.volume, self.offset);
        self.offset += bytes.len() as u64;
        let client = Arc::clone(&self.client);
        let put = async move {
            reach(failpoint::OBJECT_PUTTING)?;
            client.put_new(&path, bytes.into()).await?;
            reach(failpoint::OBJECT_PUT)
        };
        self.flight = Some(self.client.engine.spawn(put));
        Ok(())
    }

    /// Waits until what is on its way has arrived.
    fn land(&mut self) -> Result<()> {
        if self.failed {
            let message = format!("{} is not written on", self.client.shown(&self.volume));
            return Err(Error::new(ErrorKind::Io, message)
                .because("a part before this one did not arrive")
                .way_out("open the volume anew: it ends where the last part arrived"));
        }
        let Some(flight) = self.flight.take() else { return Ok(()) };
        let landed = self.client.engine.wait(flight).unwrap_or_else(|cause| {
            let message = format!("writing {}", self.client.shown(&self.volume));
            Err(Error::new(ErrorKind::Io, message).because(cause))
        });
        self.failed = landed.is_err();
        landed
    }
}

impl AppendFile for ObjectWriter {
    fn length(&self) -> u64 {
        self.offset + self.gathered.len() as u64
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<Room> {
        let full = self.client.part_length;
        while !bytes.is_empty() {
            if self.gathered.is_empty() {
                // All at once: a vector that grows by doubling would hold more than two parts.
                self.gathered.reserve_exact(full);
            }
            let (now, later) = bytes.split_at(bytes.len().min(full - self.gathered.len()));
            self.gathered.extend_from_slice(now);
            bytes = later;
            if self.gathered.len() == full {
                self.send()?;
            }
        }
        // A store that is full says so by an error.
        Ok(Room::Ample)
    }

    fn sync(&mut self) -> Result<()> {
        self.send()?;
        self.land()
    }

    fn truncate(&mut self, _: u64) -> Result<()> {
        let message = format!("{} cannot be cut", self.client.shown(&self.volume));
        Err(Error::new(ErrorKind::Unsupported, message).way_out("go on behind its end"))
    }
}

impl Drop for ObjectWriter {
    /// What was never synced need not arrive.
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            flight.abort();
        }
    }
}

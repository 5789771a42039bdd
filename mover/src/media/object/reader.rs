//! Reads a volume: finds the parts that hold the bytes, and gets ranges of them.

use std::sync::Arc;

use object_store::path::Path;
use parking_lot::Mutex;

use super::ahead::Ahead;
use super::client::Client;
use super::parts::{Part, Parts};
use crate::media::ReadFile;
use crate::{Error, ErrorKind, Result};

/// A volume that is read at any place.
pub(super) struct ObjectReader {
    client: Arc<Client>,
    volume: Path,
    shown: String,
    /// What was listed: parts never change, there only come more of them.
    parts: Mutex<Parts>,
    ahead: Ahead,
}

impl ObjectReader {
    /// Lists the parts of the volume. Fails with [`ErrorKind::Missing`] where there is none.
    pub(super) fn open(client: Arc<Client>, volume: Path) -> Result<ObjectReader> {
        let shown = client.shown(&volume);
        let parts = Mutex::new(list(&client, &volume)?);
        Ok(ObjectReader { client, volume, shown, parts, ahead: Ahead::new() })
    }

    /// The part that holds the byte at `offset`, after another look at the server where none does.
    fn find(&self, offset: u64) -> Result<Option<Part>> {
        let known = self.parts.lock().find(&self.shown, offset)?;
        if known.is_some() {
            return Ok(known);
        }
        self.refresh()?;
        self.parts.lock().find(&self.shown, offset)
    }

    /// Lists the parts that have come since.
    fn refresh(&self) -> Result<()> {
        // Not locked during the request.
        let last = self.parts.lock().last().map(|part| part.offset);
        if let Some(parts) = self.client.parts(&self.volume, last)? {
            self.parts.lock().extend(parts);
        }
        Ok(())
    }

    /// Fills `bytes` from `at` in a part on.
    fn get(&self, part: Part, at: u64, bytes: &mut [u8]) -> Result<()> {
        let path = self.client.part(&self.volume, part.offset);
        self.client.read(&path, at - part.offset, bytes).map_err(|error| {
            if error.kind() != ErrorKind::Missing {
                return error;
            }
            let message = format!("{} was listed and is gone", self.client.shown(&path));
            Error::new(ErrorKind::Damaged, message)
                .way_out("see who removed it, and repair from another copy")
        })
    }
}

/// All parts of a volume. Fails with [`ErrorKind::Missing`] where there is none.
pub(super) fn list(client: &Client, volume: &Path) -> Result<Parts> {
    let Some(listed) = client.parts(volume, None)? else {
        let message = format!("there is no volume {}", client.shown(volume));
        return Err(Error::new(ErrorKind::Missing, message));
    };
    let mut parts = Parts::default();
    parts.extend(listed);
    Ok(parts)
}

impl ReadFile for ObjectReader {
    fn length(&self) -> Result<u64> {
        self.refresh()?;
        Ok(self.parts.lock().length())
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            let Some(at) = offset.checked_add(filled as u64) else { break };
            let Some(part) = self.find(at)? else { break };
            let there = usize::try_from(part.end() - at).unwrap_or(usize::MAX);
            let rest = &mut bytes[filled..];
            let now = rest.len().min(there);
            self.ahead.read(at, &mut rest[..now], there, |bytes| self.get(part, at, bytes))?;
            filled += now;
        }
        Ok(filled)
    }
}

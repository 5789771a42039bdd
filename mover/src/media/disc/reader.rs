//! A volume that is read: from the disc, and its end from the spool.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::state::{Disc, Part};
use super::storage::DiscStorage;
use crate::media::{ReadFile, Storage};
use crate::{Error, Result};

pub(super) struct DiscReader {
    storage: DiscStorage,
    name: String,
}

impl DiscReader {
    pub(super) fn new(storage: &DiscStorage, name: &str) -> DiscReader {
        DiscReader { storage: storage.clone(), name: name.to_owned() }
    }

    /// Reads from the disc, up to the end of a part; none where the bytes were not burned.
    fn burned(&self, disc: &str, known: &Disc, at: u64, room: &mut [u8]) -> Result<Option<usize>> {
        let behind = known.segments.partition_point(|segment| segment.offset <= at);
        let segment = behind.checked_sub(1).map(|place| known.segments[place]);
        let Some(segment) = segment.filter(|it| at < it.offset + it.length) else {
            return Ok(None);
        };
        let within = at - segment.offset;
        let count = usize::try_from(segment.length - within)
            .map_or(room.len(), |left| left.min(room.len()));
        let part = Part { volume: self.name.clone(), segment };
        self.storage.burner.read(disc, &part, within, &mut room[..count])?;
        Ok(Some(count))
    }
}

impl ReadFile for DiscReader {
    fn length(&self) -> Result<u64> {
        self.storage.length(&self.name)
    }

    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let (mut disc, mut known) = self.storage.disc(&self.name)?;
        let mut filled = 0;
        while filled < bytes.len() {
            let at = offset + filled as u64;
            let room = &mut bytes[filled..];
            let count = match self.burned(&disc, &known, at, room)? {
                Some(count) => count,
                None => {
                    let path = self.storage.spool(&self.name, known.burned());
                    let within = at.saturating_sub(known.burned());
                    match File::open(&path).and_then(|file| file.read_at(room, within)) {
                        Ok(count) => count,
                        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                            // Another process may have burned it since.
                            self.storage.lock().refresh()?;
                            let now = self.storage.disc(&self.name)?;
                            if now.1.burned() == known.burned() {
                                break;
                            }
                            (disc, known) = now;
                            continue;
                        }
                        Err(cause) => return Err(Error::io("reading spool", &path, cause)),
                    }
                }
            };
            if count == 0 {
                break;
            }
            filled += count;
        }
        Ok(filled)
    }
}

//! Walks the frames of a volume, and finds the next one after damage.
//!
//! A prefix whose checksum agrees is trusted for its length, so that what lies inside a damaged
//! payload is never taken for frames of this volume. Only where a prefix itself is damaged does
//! the scan search for the magic. Memory is bounded by the largest frame.
//!
//! On a disk a bad sector is damage like any other: [`Scan::over_bad_sectors`] steps over it.

use format::{Frame, FrameKind, MAGIC, Prefix, find_magic};

use super::reader::VolumeReader;
use crate::{Error, ErrorKind, Result};

/// Bytes that are searched at a time.
const WINDOW_SIZE: usize = 256 << 10;
/// What a disk refuses, it refuses in pieces of this size.
pub const SECTOR_SIZE: usize = 4096;
/// Sectors in a row that may be bad: where more are, it is the disk that is not there.
const BAD_SECTORS_MAX: u32 = 256;

/// What to do with the payloads of chunks and components, which are nearly all bytes of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payloads {
    /// Read and check them: nothing vouches for these bytes.
    Check,
    /// Step over them; the frame that is given has an empty payload.
    Skip,
}

/// A step of a scan.
#[derive(Debug)]
pub enum Scanned<'a> {
    /// A frame whose checksums agreed.
    Frame {
        /// Where it begins.
        offset: u64,
        /// The frame; without its payload where that was skipped.
        frame: Frame<'a>,
    },
    /// Bytes that are no frame, with a valid one behind them.
    Damage {
        /// Where they begin.
        offset: u64,
        /// How many.
        length: u64,
        /// The medium refused to give some of them.
        unreadable: bool,
    },
    /// Bytes that are no frame, with nothing valid behind them: the last step.
    Torn {
        /// Where they begin.
        offset: u64,
        /// How many.
        length: u64,
        /// The medium refused to give some of them.
        unreadable: bool,
    },
}

/// A walk from a place of a volume to the end that the volume had when the walk began.
pub struct Scan {
    reader: VolumeReader,
    payloads: Payloads,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
    /// Bad sectors that may still follow without a good one between; none are stepped over.
    patience: Option<u32>,
    /// Some bytes of this step were refused.
    unreadable: bool,
}

enum Probe {
    Valid(Prefix),
    /// A damaged frame whose length can be trusted.
    Damaged(u64),
    /// A frame that goes on behind the end.
    Cut,
    Nothing,
    /// The medium refuses even the prefix.
    Unreadable,
}

impl Scan {
    /// `from` has to be where a frame begins.
    pub fn new(reader: VolumeReader, from: u64, payloads: Payloads) -> Result<Scan> {
        let end = reader.length()?;
        let (buffer, patience, unreadable) = (Vec::new(), None, false);
        Ok(Scan { reader, payloads, at: from.min(end), end, buffer, patience, unreadable })
    }

    /// Takes what the medium refuses to give for damage, and goes on behind it. For disks alone:
    /// elsewhere a failed read says nothing about the next one.
    pub fn over_bad_sectors(mut self) -> Scan {
        self.patience = Some(BAD_SECTORS_MAX);
        self
    }

    /// Where the walk ends.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The next step; none at the end.
    // Not an iterator: what it gives borrows the scan's buffer.
    #[allow(clippy::should_implement_trait, reason = "a lending iterator")]
    pub fn next(&mut self) -> Result<Option<Scanned<'_>>> {
        let offset = self.at;
        let mut at = offset;
        self.unreadable = false;
        while at < self.end {
            match self.probe(at)? {
                Probe::Valid(_) if at > offset => {
                    self.at = at;
                    let (length, unreadable) = (at - offset, self.unreadable);
                    return Ok(Some(Scanned::Damage { offset, length, unreadable }));
                }
                Probe::Valid(prefix) => {
                    self.at = offset + prefix.frame_length();
                    let (body, payload) = self.buffer.split_at(prefix.body_length as usize);
                    return Ok(Some(Scanned::Frame {
                        offset,
                        frame: Frame { prefix, body, payload },
                    }));
                }
                Probe::Damaged(length) => at += length,
                Probe::Cut => at = self.end,
                Probe::Nothing => at = self.find(at + 1)?,
                Probe::Unreadable => at = self.find(next_sector(at))?,
            }
        }
        self.at = self.end;
        let (length, unreadable) = (self.end - offset, self.unreadable);
        Ok((length > 0).then_some(Scanned::Torn { offset, length, unreadable }))
    }

    /// Looks at `at` for a frame, whose body and payload it leaves in the buffer.
    fn probe(&mut self, at: u64) -> Result<Probe> {
        let mut bytes = [0; Prefix::LEN];
        let have = self.reader.read_at(at, &mut bytes);
        let Some(have) = self.or_refused(have)? else { return Ok(Probe::Unreadable) };
        let prefix = match Prefix::decode(&bytes[..have]) {
            Ok(prefix) => prefix,
            Err(cause @ format::Error::Version { .. }) => {
                return Err(self.reader.unreadable(at, cause));
            }
            Err(_) => return Ok(Probe::Nothing),
        };
        let length = prefix.frame_length();
        if length > self.end - at {
            return Ok(Probe::Cut);
        }
        let bulk = matches!(prefix.kind, FrameKind::ChunkHeader | FrameKind::Component);
        let skip = bulk && self.payloads == Payloads::Skip;
        let wanted = match skip {
            true => u64::from(prefix.body_length),
            false => length - Prefix::LEN as u64,
        };
        self.buffer.resize(usize::try_from(wanted).expect("bounded by limits"), 0);
        let have = self.reader.read_at(at + Prefix::LEN as u64, &mut self.buffer);
        let Some(have) = self.or_refused(have)? else { return Ok(Probe::Damaged(length)) };
        if have < self.buffer.len() {
            let message = format!("{} shrinks while it is read", self.reader.path().display());
            return Err(Error::new(ErrorKind::Io, message));
        }
        let (body, payload) = self.buffer.split_at(prefix.body_length as usize);
        let sound =
            prefix.check_body(body).is_ok() && (skip || prefix.check_payload(payload).is_ok());
        Ok(if sound { Probe::Valid(prefix) } else { Probe::Damaged(length) })
    }

    /// Where the next magic is, at or after `at`; the end where there is none.
    fn find(&mut self, mut at: u64) -> Result<u64> {
        let mut window = vec![0; WINDOW_SIZE];
        let mut size = WINDOW_SIZE;
        while at < self.end {
            let left = usize::try_from(self.end - at).unwrap_or(usize::MAX);
            let wanted = left.min(size);
            let have = self.reader.read_at(at, &mut window[..wanted]);
            let Some(have) = self.or_refused(have)? else {
                let to_boundary = next_sector(at) - at;
                if wanted as u64 <= to_boundary {
                    at += to_boundary;
                } else {
                    // From here on sector by sector: a search is short, or all is lost anyway.
                    size = usize::try_from(to_boundary).expect("a sector is small");
                }
                continue;
            };
            size = size.max(SECTOR_SIZE);
            match find_magic(&window[..have]) {
                Some(found) if found + MAGIC.len() <= have => return Ok(at + found as u64),
                // The beginning of a magic at the window's end: look at it again, whole.
                Some(found) if found > 0 => at += found as u64,
                // Too few bytes are left for a magic, let alone for a frame.
                Some(_) => return Ok(self.end),
                None if have == 0 => return Ok(self.end),
                None => at += have as u64,
            }
        }
        Ok(self.end)
    }

    /// What was read; none where the medium refused it and that is to be stepped over.
    fn or_refused(&mut self, read: Result<usize>) -> Result<Option<usize>> {
        match (read, self.patience) {
            (Ok(have), patience) => {
                self.patience = patience.map(|_| BAD_SECTORS_MAX);
                Ok(Some(have))
            }
            (Err(error), Some(left)) if error.kind() == ErrorKind::Io && left > 0 => {
                self.patience = Some(left - 1);
                self.unreadable = true;
                Ok(None)
            }
            (Err(error), _) => Err(error),
        }
    }
}

/// The first byte of the next sector.
fn next_sector(at: u64) -> u64 {
    (at / SECTOR_SIZE as u64 + 1) * SECTOR_SIZE as u64
}

//! Reads what lies on one volume behind a place, and tells the catalog.

use format::{ChunkFooter, ChunkHeader, Frame, FrameKind};

use super::catalog::{Catalog, Indexing};
use super::change::Change;
use super::record::{ChunkPlace, Fault, FaultKind};
use crate::Result;
use crate::media::{Scan, Scanned};

/// What is known of the end of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// A later volume was begun, so this one was synced: whatever is wrong is damage.
    Synced,
    /// The catalog vouches that nothing behind was acknowledged: a torn end is given back.
    Unacknowledged,
    /// Nobody knows: a torn end stays, and nothing is written behind it.
    Unknown,
}

/// What of a volume the catalog does not know.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unindexed<'a> {
    pub(super) number: u32,
    pub(super) pool: &'a str,
    /// Where the walk begins: the catalog knows what lies in front.
    pub(super) from: u64,
    pub(super) tail: Tail,
    /// Nothing more is written to it, whatever is found.
    pub(super) closed: bool,
    /// It was missed, or a part of it: what it holds may have been acknowledged, and be spoken of
    /// by ends of archives that were read long ago.
    pub(super) is_back: bool,
}

/// What a walk came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walked {
    /// Where the volume is to end.
    pub(super) length: u64,
    pub(super) chunks: u64,
}

/// A walk over one volume.
struct Walk {
    number: u32,
    tail: Tail,
    /// A chunk's header, whose footer has to be next: where, how long, what.
    opened: Option<(u64, u64, ChunkHeader)>,
    closed: bool,
    faults: Vec<Fault>,
    chunks: u64,
    /// The end of the last thing that is whole.
    whole: u64,
}

/// Indexes what `scan` finds behind a place, and says in the catalog how far it got.
pub(super) fn walk(catalog: &mut Catalog, mut scan: Scan, volume: Unindexed<'_>) -> Result<Walked> {
    let Unindexed { number, pool, from, tail, closed, is_back } = volume;
    let (opened, faults) = (None, Vec::new());
    let mut walk = Walk { number, tail, opened, closed, faults, chunks: 0, whole: from };
    let mut indexing = catalog.begin()?;
    indexing.know(number, pool)?;
    if from == 0 {
        indexing.forget_damage(number)?;
    }
    while let Some(step) = scan.next()? {
        match step {
            Scanned::Frame { offset, frame } => walk.frame(&mut indexing, offset, &frame)?,
            Scanned::Damage { offset, length, unreadable } => {
                walk.damage(&mut indexing, (offset, length), unreadable)?;
            }
            Scanned::Torn { offset, length, unreadable } => {
                walk.torn(&mut indexing, (offset, length), unreadable)?;
            }
        }
        if indexing.is_full() && walk.opened.is_none() {
            walk.faults.drain(..).try_for_each(|fault| indexing.fault(&fault))?;
            indexing.volume(number, pool, walk.whole, walk.closed)?;
            indexing.commit()?;
            indexing = catalog.begin()?;
            indexing.know(number, pool)?;
        }
    }
    if walk.tail != Tail::Unacknowledged {
        // Nobody knows whether its footer was to come: the chunk may be read, and nothing written
        // behind it (SPEC 11, torn tail).
        walk.closed |= walk.opened.is_some();
        walk.without_footer(&mut indexing)?;
    }
    if is_back {
        // In one transaction: a recovery that ends in front of this one finds it missed again.
        indexing.found(number, walk.whole)?;
        indexing.sweep_late()?;
    }
    walk.faults.drain(..).try_for_each(|fault| indexing.fault(&fault))?;
    if walk.whole > 0 || walk.tail != Tail::Unacknowledged {
        indexing.volume(number, pool, walk.whole, walk.closed)?;
    }
    indexing.commit()?;
    Ok(Walked { length: walk.whole, chunks: walk.chunks })
}

impl Walk {
    fn frame(&mut self, indexing: &mut Indexing<'_>, offset: u64, frame: &Frame<'_>) -> Result<()> {
        let length = frame.prefix.frame_length();
        let read = match frame.prefix.kind {
            FrameKind::ChunkFooter => self.footer(indexing, offset, frame)?,
            kind => {
                self.without_footer(indexing)?;
                self.closed |= kind == FrameKind::VolumeFooter;
                if kind == FrameKind::ChunkHeader {
                    ChunkHeader::decode(frame.body)
                        .map(|header| self.opened = Some((offset, length, header)))
                } else {
                    match Change::decode(frame, self.number, offset) {
                        Ok(change) => Ok(change.iter().try_for_each(|it| indexing.apply(it))?),
                        Err(cause) => Err(cause),
                    }
                }
            }
        };
        if read.is_err() {
            // Its checksums agree, and it is not what the format lets it be.
            self.damage(indexing, (offset, length), false)?;
        }
        if self.opened.is_none() {
            self.whole = offset + length;
        }
        Ok(())
    }

    fn footer(
        &mut self,
        indexing: &mut Indexing<'_>,
        offset: u64,
        frame: &Frame<'_>,
    ) -> Result<format::Result<()>> {
        let footer = match ChunkFooter::decode(frame.body, frame.payload) {
            Ok(footer) => footer,
            Err(cause) => return Ok(Err(cause)),
        };
        let fits = |(at, length, header): &(u64, u64, ChunkHeader)| {
            at + length == offset && header.chunk == footer.chunk
        };
        match self.opened.take_if(|opened| fits(opened)) {
            Some(opened) => {
                let footer_length = frame.prefix.frame_length();
                self.chunk(indexing, opened, footer_length, footer.blocks)?;
            }
            // Its header is damaged: without that, the chunk is lost.
            None => self.without_footer(indexing)?,
        }
        Ok(Ok(()))
    }

    fn chunk(
        &mut self,
        indexing: &mut Indexing<'_>,
        (offset, length, header): (u64, u64, ChunkHeader),
        footer_length: u64,
        blocks: Vec<format::BlockEntry>,
    ) -> Result<()> {
        self.chunks += 1;
        let ChunkHeader { chunk, kind, session, .. } = header;
        let volume = self.number;
        let place = ChunkPlace { chunk, kind, session, volume, offset, length, footer_length };
        indexing.apply(&Change::Chunk(place, blocks))
    }

    /// A chunk can be read without its footer; only its blocks cannot be referred to.
    fn without_footer(&mut self, indexing: &mut Indexing<'_>) -> Result<()> {
        match self.opened.take() {
            Some(opened) => {
                self.whole = opened.0 + opened.1;
                self.chunk(indexing, opened, 0, Vec::new())
            }
            None => Ok(()),
        }
    }

    fn damage(
        &mut self,
        indexing: &mut Indexing<'_>,
        (offset, length): (u64, u64),
        unreadable: bool,
    ) -> Result<()> {
        self.without_footer(indexing)?;
        let kind = match self.tail {
            Tail::Unacknowledged => FaultKind::Unacknowledged,
            Tail::Synced | Tail::Unknown if unreadable => FaultKind::Unreadable,
            Tail::Synced | Tail::Unknown => FaultKind::Damaged,
        };
        self.faults.push(Fault { volume: self.number, offset, length, kind });
        self.whole = offset + length;
        Ok(())
    }

    fn torn(
        &mut self,
        indexing: &mut Indexing<'_>,
        (offset, length): (u64, u64),
        unreadable: bool,
    ) -> Result<()> {
        let kind = match self.tail {
            Tail::Unacknowledged => return Ok(()),
            Tail::Synced | Tail::Unknown if unreadable => FaultKind::Unreadable,
            Tail::Synced if self.closed => FaultKind::Damaged,
            // Its writer never closed it: it was killed, and a later one that had no catalog left
            // the torn end as it was.
            Tail::Synced | Tail::Unknown => FaultKind::Torn,
        };
        self.without_footer(indexing)?;
        self.faults.push(Fault { volume: self.number, offset, length, kind });
        self.whole = offset + length;
        self.closed = true;
        Ok(())
    }
}

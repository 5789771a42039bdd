//! Rows of bytes that a volume no longer has are taken out.

use rusqlite::params;

use super::Indexing;
use crate::Result;
use crate::store::record::{ChunkPlace, Fault, FaultKind};

impl Indexing<'_> {
    /// The volume is taken out: nothing of it is known any more, and nothing of it is missed.
    pub(in crate::store) fn forget_volume(&self, volume: u32) -> Result<()> {
        self.execute("DELETE FROM chunks WHERE volume = ?1", [volume])?;
        self.execute("DELETE FROM components WHERE volume = ?1", [volume])?;
        self.forget_faults(volume)?;
        self.execute("DELETE FROM volumes WHERE number = ?1", [volume])?;
        self.settle_after_loss()
    }

    /// Copies of chunks are damaged: nothing refers to them any more. The bytes stay where they are.
    pub(in crate::store) fn forget_copies(&self, copies: &[ChunkPlace]) -> Result<()> {
        for copy in copies {
            let place = params![copy.volume, copy.offset as i64];
            self.execute("DELETE FROM chunks WHERE volume = ?1 AND offset = ?2", place)?;
            let (volume, offset) = (copy.volume, copy.offset);
            let length = copy.length + copy.footer_length;
            self.fault(&Fault { volume, offset, length, kind: FaultKind::Damaged })?;
        }
        self.settle_after_loss()
    }

    /// The volume holds `length` bytes, fewer than were indexed; none where its file is missing.
    pub(in crate::store) fn cut(
        &self,
        (volume, pool): (u32, &str),
        length: Option<u64>,
        indexed_length: u64,
    ) -> Result<()> {
        let end = length.unwrap_or(0);
        let place = params![volume, end as i64];
        self.execute("DELETE FROM chunks WHERE volume = ?1 AND offset + length > ?2", place)?;
        self.execute(
            "UPDATE chunks SET footer_length = 0
             WHERE volume = ?1 AND offset + length + footer_length > ?2",
            params![volume, end as i64],
        )?;
        self.execute(
            "DELETE FROM components WHERE volume = ?1 AND offset + length > ?2",
            params![volume, end as i64],
        )?;
        self.settle_after_loss()?;
        let kind = if length.is_some() { FaultKind::Cut } else { FaultKind::Missing };
        let lost = indexed_length - end;
        self.fault(&Fault { volume, offset: end, length: lost, kind })?;
        match length {
            Some(length) => self.volume(volume, pool, length, true),
            // Should the file come back, it is scanned whole.
            None => self.execute("DELETE FROM volumes WHERE number = ?1", [volume]),
        }
    }

    fn settle_after_loss(&self) -> Result<()> {
        // What is lost must not be referred to.
        self.execute(
            "DELETE FROM blocks WHERE NOT EXISTS (SELECT 1 FROM chunks
             JOIN volumes ON volumes.number = chunks.volume
             WHERE chunks.archive = blocks.archive AND chunks.stream = blocks.stream
             AND chunks.number = blocks.number AND volumes.pool = blocks.pool)",
            [],
        )?;
        self.execute(
            "UPDATE archives SET (stored_length, chunk_count) = (
                SELECT coalesce(sum(length + footer_length), 0), count(*)
                FROM chunks WHERE chunks.archive = archives.id)",
            [],
        )
    }
}

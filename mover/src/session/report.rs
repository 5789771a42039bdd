//! What a session says at its end.

use serde::Serialize;

use crate::pipeline::MeterReading;

/// The end of an archive's session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ArchiveReport {
    /// The archive's id.
    pub archive: String,
    /// The name that it was given.
    pub name: String,
    /// Nothing was written: the operator only wanted to know.
    pub dry_run: bool,
    /// Entries that the archive shows.
    pub entries: u64,
    /// Files among all that was seen.
    pub files: u64,
    /// Files that were as in the parent archive, and were not read.
    pub unchanged_files: u64,
    /// Bytes of content that the archive shows, holes included.
    pub content_bytes: u64,
    /// Bytes of content that were read.
    pub bytes_read: u64,
    /// Bytes that were read and turned out to be known.
    pub deduplicated_bytes: u64,
    /// Bytes that the store has grown by.
    pub stored_bytes: u64,
    /// Entries that a snoop had something to say of.
    pub findings: u64,
    /// Entries that are kept, listed as held, and not restored.
    pub held: u64,
    /// Entries that were left out by a snoop.
    pub stopped: u64,
    /// Faults, each told when it happened.
    pub faults: u64,
    /// Chunks that were stored without their stages, since one of these failed.
    pub untransformed_chunks: u64,
    /// Entries of this session that a snoop has failed at; tagged as `unscanned`.
    pub unscanned: u64,
    /// Pools whose copies are not complete, each with the reason.
    pub behind: Vec<(String, String)>,
    /// It goes on with an archive that an earlier session did not finish.
    pub resumed: bool,
    /// Files that an interrupted archive came back to and read anew: they had changed, or a filter
    /// cannot go on in the middle.
    pub restarted_files: u64,
    /// Bytes of chunks that went over a network.
    pub bytes_sent: u64,
    /// Bytes of chunks that went over it once more, since they had not arrived.
    pub bytes_sent_again: u64,
    /// Connections that were made anew.
    pub retries: u64,
    /// Workers that compressed and encrypted; fewer than were asked for where the memory had no
    /// room for more.
    pub workers: u64,
    /// Wall time.
    pub seconds: f64,
    /// Where the time went.
    pub stages: Vec<MeterReading>,
}

/// The end of a restore.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RestoreReport {
    /// The archive's id.
    pub archive: String,
    /// The archive's name.
    pub name: String,
    /// Nothing was written: the operator only wanted to know.
    pub dry_run: bool,
    /// Entries that were restored, with those that were kept.
    pub entries: u64,
    /// Entries, without folders, that an earlier session of the same restore had finished.
    pub entries_kept: u64,
    /// Bytes of content that an earlier session had written, without holes.
    pub bytes_kept: u64,
    /// Half-written files that were gone on with.
    pub resumed_files: u64,
    /// Bytes of content that were written, without holes.
    pub bytes_written: u64,
    /// Chunks that were read.
    pub chunks_read: u64,
    /// Bytes that were read from volumes.
    pub stored_bytes_read: u64,
    /// Entries that would have left the target folder; each was named.
    pub refused: u64,
    /// Passes over tapes, by the name of the cartridge.
    pub tape_passes: Vec<(String, u64)>,
    /// Entries that are held, and were not restored.
    pub held: u64,
    /// Faults, refused entries among them.
    pub faults: u64,
    /// Connections to the store that were made anew.
    pub retries: u64,
    /// Wall time.
    pub seconds: f64,
}

impl RestoreReport {
    /// How much this session has done of what it has to, of an archive of so many entries and so
    /// many bytes of content, from 0 to 1; of the two, that which is less far. What an earlier
    /// session did took none of this one's time.
    pub(super) fn share_of(&self, (entries, bytes): (u64, u64)) -> f64 {
        let share = |done: u64, all: u64| if all == 0 { 1.0 } else { done as f64 / all as f64 };
        let entries_done = self.entries.saturating_sub(self.entries_kept);
        share(entries_done, entries.saturating_sub(self.entries_kept))
            .min(share(self.bytes_written, bytes.saturating_sub(self.bytes_kept)))
            .min(1.0)
    }
}

/// The end of a check.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VerifyReport {
    /// Archives that were checked.
    pub archives: u64,
    /// Chunks that were checked.
    pub chunks: u64,
    /// Bytes of volumes that were read.
    pub stored_bytes_read: u64,
    /// Entries whose content was found whole.
    pub entries: u64,
    /// Things that are damaged or missing; each was named.
    pub damaged: u64,
    /// Whether every chunk was decoded too.
    pub decoded: bool,
    /// Wall time.
    pub seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_earlier_session_did_is_no_part_of_the_share() {
        let mut report = RestoreReport {
            entries: 90,
            entries_kept: 90,
            bytes_kept: 900,
            ..RestoreReport::default()
        };
        assert_eq!(report.share_of((100, 1000)), 0.0);
        (report.entries, report.bytes_written) = (95, 80);
        assert_eq!(report.share_of((100, 1000)), 0.5);
        (report.entries, report.bytes_written) = (99, 50);
        assert_eq!(report.share_of((100, 1000)), 0.5);
        assert_eq!(RestoreReport::default().share_of((0, 0)), 1.0);
    }
}

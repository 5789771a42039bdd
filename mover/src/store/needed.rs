//! Which chunks the archives of a store need: what has to stay, whatever else goes.

use format::{ArchiveId, ChunkId, ChunkRange, StreamNumber};

use super::open::Store;
use super::record::ArchiveRecord;
use crate::{Error, ErrorKind, Result};

/// Sorts ranges, each a first and a last, and makes one of those of the same stream that overlap:
/// so a search finds the only one that can hold a key.
pub(super) fn join<K: Ord + Copy>(
    ranges: &mut Vec<(K, K)>,
    is_same_stream: impl Fn(&K, &K) -> bool,
) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let joins = is_same_stream(&next.0, &kept.0) && next.0 <= kept.1;
        if joins {
            kept.1 = kept.1.max(next.1);
        }
        joins
    });
}

/// Whether a key is in one of the ranges, which were joined. A range of one stream ends in it, and
/// keys are ordered by streams first.
pub(super) fn is_within<K: Ord>(ranges: &[(K, K)], key: &K) -> bool {
    let behind = ranges.partition_point(|(first, _)| first <= key);
    behind.checked_sub(1).is_some_and(|at| *key <= ranges[at].1)
}

/// Chunks that may have been lost, beyond those that are stored: more are a lie.
const LOST_MAX: u64 = 1 << 20;

/// Ranges of chunks, ascending and apart.
#[derive(Debug, Default)]
pub struct Needed {
    /// First and last of each.
    ranges: Vec<(ChunkId, ChunkId)>,
}

impl Needed {
    /// What these archives need: those that were dropped nothing, those that are unfinished all
    /// that arrived.
    pub fn by<'a>(archives: impl IntoIterator<Item = &'a ArchiveRecord>) -> Needed {
        let mut ranges = Vec::new();
        for record in archives.into_iter().filter(|record| record.dropped.is_none()) {
            let archive = record.header.archive;
            match &record.footer {
                None => ranges.extend(all_streams(archive)),
                Some(footer) => {
                    let count = footer.index_page_count + footer.index_root_count;
                    let index =
                        ChunkRange { archive, stream: StreamNumber::INDEX, first: 0, count };
                    let needs = footer.needs.iter().chain([&index]);
                    ranges.extend(needs.filter(|range| range.count > 0).map(ends));
                }
            }
        }
        join(&mut ranges, |one, other| (one.archive, one.stream) == (other.archive, other.stream));
        Needed { ranges }
    }

    /// Whether a chunk is among them.
    pub fn contains(&self, chunk: &ChunkId) -> bool {
        is_within(&self.ranges, chunk)
    }

    /// All chunks, one by one; of unfinished archives none, since nobody knows how many there are.
    ///
    /// Refused where they are far more than the `stored` chunks that there are: the lists of an
    /// archive's footer are not authenticated (SPEC 4.5), and must not make anybody work for ever.
    pub fn chunks(&self, stored: u64) -> Result<impl Iterator<Item = ChunkId>> {
        let known = self.ranges.iter().filter(|(_, last)| last.number < u64::MAX);
        let counts = known.clone().map(|(first, last)| last.number - first.number + 1);
        let count = counts.fold(0, u64::saturating_add);
        if count > stored.saturating_mul(2).saturating_add(LOST_MAX) {
            let message =
                format!("archives claim to need {count} chunks, and {stored} are stored in all");
            return Err(Error::new(ErrorKind::Damaged, message)
                .way_out("see which archive it is with `mover verify`, and drop that"));
        }
        Ok(known.flat_map(|(first, last)| {
            (first.number..=last.number).map(|number| ChunkId { number, ..*first })
        }))
    }
}

fn all_streams(archive: ArchiveId) -> [(ChunkId, ChunkId); 2] {
    [StreamNumber(0), StreamNumber::INDEX].map(|stream| {
        let chunk = |number| ChunkId { archive, stream, number };
        (chunk(0), chunk(u64::MAX))
    })
}

fn ends(range: &ChunkRange) -> (ChunkId, ChunkId) {
    let ChunkRange { archive, stream, first, count } = *range;
    let chunk = |number| ChunkId { archive, stream, number };
    (chunk(first), chunk(first.saturating_add(count - 1)))
}

impl Store {
    /// What all archives need that can be seen or gone on with.
    pub fn needed(&self) -> Result<Needed> {
        Ok(Needed::by(&self.archives()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use format::{ArchiveFooter, ArchiveHeader, Framing, SessionId, Timestamp};

    fn record(archive: u8, needs: Option<Vec<ChunkRange>>) -> ArchiveRecord {
        let archive = ArchiveId([archive; 16]);
        let footer = |needs| ArchiveFooter {
            archive,
            needs,
            index_page_count: 1,
            index_root_count: 1,
            ..ArchiveFooter::default()
        };
        ArchiveRecord {
            header: ArchiveHeader {
                archive,
                session: SessionId::default(),
                name: String::new(),
                source: [0; 32],
                started: Timestamp::default(),
                parent: ArchiveId::default(),
                framing: Framing::Each,
            },
            header_lost: false,
            footer: needs.map(footer),
            dropped: None,
            sessions: Vec::new(),
            stored_length: 0,
            chunk_count: 0,
        }
    }

    #[test]
    fn what_an_archive_needs_is_its_ranges_and_its_index() {
        let chunk = |archive, stream, number| ChunkId {
            archive: ArchiveId([archive; 16]),
            stream: StreamNumber(stream),
            number,
        };
        let range = |archive, first, count| ChunkRange {
            archive: ArchiveId([archive; 16]),
            stream: StreamNumber(0),
            first,
            count,
        };
        let one = record(1, Some(vec![range(1, 0, 3), range(2, 5, 2)]));
        let two = record(3, Some(vec![range(1, 2, 4)]));
        let open = record(4, None);
        let dropped =
            ArchiveRecord { dropped: Some(Timestamp::default()), ..record(5, Some(Vec::new())) };
        let needed = Needed::by([&one, &two, &open, &dropped]);
        let index = StreamNumber::INDEX.0;
        let inside = [(1, 0, 0), (1, 0, 5), (2, 0, 6), (1, index, 1), (4, 0, 999), (3, index, 0)];
        for (archive, stream, number) in inside {
            assert!(needed.contains(&chunk(archive, stream, number)), "{archive} {number}");
        }
        let outside = [(1, 0, 6), (2, 0, 4), (2, 0, 7), (1, index, 2), (5, index, 0), (3, 0, 0)];
        for (archive, stream, number) in outside {
            assert!(!needed.contains(&chunk(archive, stream, number)), "{archive} {number}");
        }
        let all: Vec<ChunkId> = needed.chunks(12).unwrap().collect();
        assert_eq!(all.len(), 6 + 2 + 2 + 2);
        assert!(all.iter().all(|chunk| needed.contains(chunk)));
    }

    #[test]
    fn a_list_that_claims_far_more_than_there_is_is_refused() {
        let archive = ArchiveId([1; 16]);
        let stream = StreamNumber(0);
        let claim = |count| {
            let range = ChunkRange { archive, stream, first: 0, count };
            Needed::by([&record(1, Some(vec![range]))])
        };
        assert_eq!(claim(100).chunks(10).unwrap().count(), 102, "some may be lost");
        let refused = claim(1 << 60).chunks(10).map(Iterator::count).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Damaged);
    }
}

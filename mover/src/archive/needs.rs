//! The set of chunks that an archive needs, as ranges of neighbouring numbers.

use std::collections::BTreeMap;

use format::{ArchiveId, ChunkId, ChunkRange, StreamNumber};

/// Chunks by archive, stream and number; small, since an archive needs long runs of them.
#[derive(Debug, Default)]
pub struct Needs {
    /// First number to the number behind the last.
    ranges: BTreeMap<(ArchiveId, StreamNumber), BTreeMap<u64, u64>>,
}

impl Needs {
    /// Adds a chunk.
    pub fn insert(&mut self, chunk: ChunkId) {
        let ranges = self.ranges.entry((chunk.archive, chunk.stream)).or_default();
        let (mut first, mut end) = (chunk.number, chunk.number + 1);
        if let Some((before_first, before_end)) = ranges.range(..=first).next_back() {
            let (before_first, before_end) = (*before_first, *before_end);
            if before_end >= end {
                return;
            }
            if before_end == first {
                ranges.remove(&before_first);
                first = before_first;
            }
        }
        if let Some(after_end) = ranges.remove(&end) {
            end = after_end;
        }
        ranges.insert(first, end);
    }

    /// The ranges in ascending order.
    pub fn ranges(&self) -> Vec<ChunkRange> {
        let of_stream =
            |((archive, stream), ranges): (&(ArchiveId, StreamNumber), &BTreeMap<_, _>)| {
                let (archive, stream) = (*archive, *stream);
                ranges
                    .iter()
                    .map(move |(first, end): (&u64, &u64)| ChunkRange {
                        archive,
                        stream,
                        first: *first,
                        count: end - first,
                    })
                    .collect::<Vec<_>>()
            };
        self.ranges.iter().flat_map(of_stream).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_any_order_give_the_fewest_ranges() {
        let mut needs = Needs::default();
        for number in [5, 3, 4, 9, 3, 0, 10] {
            needs.insert(ChunkId { number, ..ChunkId::default() });
        }
        let ranges: Vec<_> = needs.ranges().iter().map(|r| (r.first, r.count)).collect();
        assert_eq!(ranges, [(0, 1), (3, 3), (9, 2)]);
    }
}

//! Compares what is read of a volume with what an earlier set knows of it.
//!
//! A set that is made of damaged bytes would keep the damage; so whatever takes the place of a set
//! is made of bytes that the earlier one vouches for.

use format::{ParityColumn, checksum_more};

/// The checksums of one column of an earlier set.
pub(crate) struct Voucher {
    column: ParityColumn,
    shard_length: u64,
    checksums: Vec<u32>,
    /// Where in the column the next byte is expected, and the checksum of its shard up to there;
    /// none between two shards that were not both seen from their beginnings.
    at: Option<(u64, u32)>,
}

impl Voucher {
    pub(crate) fn new(column: ParityColumn, shard_length: u32, checksums: Vec<u32>) -> Voucher {
        Voucher { column, shard_length: shard_length.into(), checksums, at: None }
    }

    /// Looks at bytes of the volume, which come in order. Gives the place of a shard that is not
    /// what it was.
    pub(crate) fn see(&mut self, volume: u32, offset: u64, bytes: &[u8]) -> Result<(), u64> {
        let ParityColumn { offset: begin, .. } = self.column;
        let (from, to) = (offset.max(begin), (offset + bytes.len() as u64).min(self.column.end()));
        if volume != self.column.volume || from >= to {
            return Ok(());
        }
        let index = |at: u64| usize::try_from(at - offset).expect("within the bytes");
        let mut rest = &bytes[index(from)..index(to)];
        let mut at = from - begin;
        while !rest.is_empty() {
            let in_shard = at % self.shard_length;
            let left = (self.shard_length - in_shard).min(self.column.length - at);
            let (now, later) =
                rest.split_at(rest.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
            let before = match self.at {
                _ if in_shard == 0 => Some(0),
                Some((expected, sum)) if expected == at => Some(sum),
                _ => None,
            };
            self.at = before.map(|sum| (at + now.len() as u64, checksum_more(sum, now)));
            if now.len() as u64 == left
                && let Some((end, sum)) = self.at.take()
            {
                let shard = at / self.shard_length;
                if self.padded(sum, end) != self.checksums[usize::try_from(shard).unwrap_or(0)] {
                    return Err(begin + shard * self.shard_length);
                }
            }
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    /// Behind the end of a column are zeros, up to the end of its shard.
    fn padded(&self, sum: u32, end: u64) -> u32 {
        let missing = end.next_multiple_of(self.shard_length) - end;
        checksum_more(sum, &vec![0; usize::try_from(missing).expect("less than a shard")])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voucher(bytes: &[u8]) -> Voucher {
        let column = ParityColumn { volume: 1, offset: 100, length: bytes.len() as u64 };
        let mut padded = bytes.to_vec();
        padded.resize(bytes.len().next_multiple_of(4096), 0);
        let checksums = padded.chunks(4096).map(format::checksum).collect();
        Voucher::new(column, 4096, checksums)
    }

    #[test]
    fn a_byte_that_changed_is_found_however_the_bytes_come() {
        let bytes: Vec<u8> = (0..10_000u32).map(|it| (it * 7 % 251) as u8).collect();
        for piece in [1, 99, 4096, 5000, 20_000] {
            for wrong in [None, Some(0), Some(4095), Some(4096), Some(9_999)] {
                let mut volume = vec![9; 100];
                volume.extend(&bytes);
                volume.extend([7; 50]);
                if let Some(wrong) = wrong {
                    volume[100 + wrong] ^= 1;
                }
                let mut voucher = voucher(&bytes);
                let seen: Result<(), u64> = volume
                    .chunks(piece)
                    .enumerate()
                    .try_for_each(|(at, part)| voucher.see(1, (at * piece) as u64, part));
                let place = wrong.map(|wrong| 100 + (wrong as u64) / 4096 * 4096);
                assert_eq!(seen.err(), place, "pieces of {piece}, {wrong:?}");
            }
        }
    }

    #[test]
    fn it_says_nothing_of_shards_whose_beginning_was_not_seen() {
        let bytes = vec![3; 8192];
        let mut wrong = bytes.clone();
        wrong[0] = 4;
        assert_eq!(voucher(&bytes).see(1, 101, &wrong[1..]), Ok(()));
        assert_eq!(voucher(&bytes).see(2, 100, &wrong), Ok(()));
        wrong[5000] = 4;
        assert_eq!(voucher(&bytes).see(1, 101, &wrong[1..]), Err(100 + 4096));
    }
}

//! The files that stand beside volumes and heal them: header and table. SPEC 4.8.
//!
//! A set is a table of shards. Its columns are ranges of volumes and, behind them, columns of
//! parity, each of which is a file; a row can be told from the others if no more of its shards are
//! lost than there are columns of parity. The code itself, Reed-Solomon, is not here: it is
//! arithmetic on whole columns, and nothing of it stands in bytes.

use crate::error::{Error, Result};
use crate::id::{StoreId, Timestamp};
use crate::limits;
use crate::wire::{Put, Take};

/// The first 8 bytes of the SHA-256 of `mover parity`.
pub const PARITY_MAGIC: [u8; 8] = [0xcc, 0x4b, 0x62, 0x8f, 0xd9, 0x42, 0x6f, 0x57];
/// The version of parity files that this code writes, and the only one that it reads.
const VERSION: u16 = 1;

/// What the columns of a set are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ParityKind {
    /// Whole volumes: any of them can be lost.
    Across = 1,
    /// Parts of one volume: pieces of it can be lost.
    Within = 2,
}

/// A column of data: a range of a volume, with zeros behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParityColumn {
    /// The volume's number.
    pub volume: u32,
    /// Where the range begins.
    pub offset: u64,
    /// Bytes of it.
    pub length: u64,
}

impl ParityColumn {
    /// Where the range ends.
    pub fn end(&self) -> u64 {
        self.offset + self.length
    }
}

/// What a parity file says at its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParityHeader {
    /// What the columns are.
    pub kind: ParityKind,
    /// The store that the volumes belong to.
    pub store: StoreId,
    /// The set, the same in all its files.
    pub set: [u8; 16],
    /// When the set was made.
    pub created: Timestamp,
    /// Which column of parity this file is, from 0.
    pub number: u8,
    /// Columns of parity.
    pub parity_count: u8,
    /// Bytes of a shard: a power of two.
    pub shard_length: u32,
    /// Shards of a column.
    pub row_count: u32,
    /// The columns of data, in their order.
    pub columns: Vec<ParityColumn>,
}

impl ParityHeader {
    /// Bytes in front of the body.
    pub const PREFIX_LEN: usize = 18;
    /// Bytes of a shard, at least: what disks lose at once.
    pub const SHARD_LENGTH_MIN: u32 = 4096;
    const COLUMN_LEN: usize = 20;
    const FIXED_LEN: usize = 1 + 16 + 16 + 12 + 1 + 1 + 4 + 4 + 4;
    /// Bytes of the longest header there is.
    pub const LEN_MAX: usize =
        Self::PREFIX_LEN + Self::FIXED_LEN + limits::PARITY_COLUMN_COUNT_MAX * Self::COLUMN_LEN;

    /// Appends the header, prefix and body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut body = Vec::with_capacity(self.len());
        body.put_u8(self.kind as u8);
        body.put_raw(&self.store.0);
        body.put_raw(&self.set);
        self.created.encode(&mut body);
        body.put_u8(self.number);
        body.put_u8(self.parity_count);
        body.put_u32(self.shard_length);
        body.put_u32(self.row_count);
        body.put_count(self.columns.len(), limits::PARITY_COLUMN_COUNT_MAX);
        for ParityColumn { volume, offset, length } in &self.columns {
            body.put_u32(*volume);
            body.put_u64(*offset);
            body.put_u64(*length);
        }
        out.put_raw(&PARITY_MAGIC);
        out.put_u16(VERSION);
        out.put_u32(u32::try_from(body.len()).expect("bounded by its columns"));
        out.put_u32(crc32c::crc32c(&body));
        out.put_raw(&body);
    }

    /// Reads the header at the front of `bytes`, of which [`ParityHeader::LEN_MAX`] are always
    /// enough.
    pub fn decode(bytes: &[u8]) -> Result<ParityHeader> {
        let mut take = Take::new("parity file", bytes);
        if take.array()? != PARITY_MAGIC {
            return Err(take.invalid("it begins with its magic"));
        }
        match take.u16()? {
            VERSION => {}
            found => return Err(Error::Version { found }),
        }
        let length = take.u32_at_most(Self::LEN_MAX as u32)? as usize;
        let stored = take.u32()?;
        let body = take.raw(length)?;
        let computed = crc32c::crc32c(body);
        if stored != computed {
            return Err(Error::Checksum { what: "parity file", stored, computed });
        }
        Self::decode_body(body)
    }

    fn decode_body(body: &[u8]) -> Result<ParityHeader> {
        let mut take = Take::new("parity file", body);
        let kind = match take.u8()? {
            1 => ParityKind::Across,
            2 => ParityKind::Within,
            value => return Err(Error::Unknown { what: "kind of parity", value: value.into() }),
        };
        let mut header = ParityHeader {
            kind,
            store: StoreId(take.array()?),
            set: take.array()?,
            created: Timestamp::decode(&mut take)?,
            number: take.u8()?,
            parity_count: take.u8()?,
            shard_length: take.u32_at_most(limits::PARITY_SHARD_LENGTH_MAX)?,
            row_count: take.u32_at_most(limits::PARITY_ROW_COUNT_MAX)?,
            columns: Vec::new(),
        };
        let count = take.count(limits::PARITY_COLUMN_COUNT_MAX, Self::COLUMN_LEN)?;
        for _ in 0..count {
            let (volume, offset, length) = (take.u32()?, take.u64()?, take.u64()?);
            header.columns.push(ParityColumn { volume, offset, length });
        }
        let rules = [
            (header.number < header.parity_count, "its number is one of its set"),
            (count > 0, "a set has a column of data"),
            (
                count + usize::from(header.parity_count) <= limits::PARITY_COLUMN_COUNT_MAX,
                "a set has at most 255 columns",
            ),
            (
                header.shard_length.is_power_of_two()
                    && header.shard_length >= Self::SHARD_LENGTH_MIN,
                "a shard is a power of two from 4096 on",
            ),
            (header.row_length() <= limits::PARITY_ROW_LENGTH_MAX, "a row has at most 256 MiB"),
            (header.row_count > 0, "a set has a row"),
            (header.columns.iter().all(|it| header.holds(it)), "a column fits into its rows"),
        ];
        if let Some((_, rule)) = rules.into_iter().find(|(holds, _)| !holds) {
            return Err(take.invalid(rule));
        }
        take.end()?;
        Ok(header)
    }

    fn holds(&self, column: &ParityColumn) -> bool {
        column.volume > 0
            && column.length > 0
            && column.length <= self.column_length()
            && column.offset.checked_add(column.length).is_some_and(|end| end <= 1 << 62)
    }

    /// Bytes of the header.
    #[allow(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        Self::PREFIX_LEN + Self::FIXED_LEN + self.columns.len() * Self::COLUMN_LEN
    }

    /// Bytes of all shards of a row.
    pub fn row_length(&self) -> u64 {
        let columns = self.columns.len() as u64 + u64::from(self.parity_count);
        columns * u64::from(self.shard_length)
    }

    /// Bytes of a column, the zeros at its end included.
    pub fn column_length(&self) -> u64 {
        u64::from(self.shard_length) * u64::from(self.row_count)
    }

    /// Where the table begins: behind header and column.
    pub fn table_at(&self) -> u64 {
        self.len() as u64 + self.column_length()
    }

    /// Bytes of the table.
    pub fn table_length(&self) -> usize {
        (self.columns.len() + 1) * self.row_count as usize * 4 + 4
    }

    /// Bytes of the whole file.
    pub fn file_length(&self) -> u64 {
        self.table_at() + self.table_length() as u64
    }
}

/// The checksums at the end of a parity file: CRC-32C of each shard, column by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParityTable {
    /// Of the columns of data, in their order.
    pub columns: Vec<Vec<u32>>,
    /// Of the file's own column.
    pub own: Vec<u32>,
}

impl ParityTable {
    /// Appends the table, its own checksum last.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let begin = out.len();
        for column in self.columns.iter().chain([&self.own]) {
            column.iter().for_each(|crc| out.put_u32(*crc));
        }
        let crc = crc32c::crc32c(&out[begin..]);
        out.put_u32(crc);
    }

    /// Reads the table of a file with this header, of as many bytes as the header says.
    pub fn decode(header: &ParityHeader, bytes: &[u8]) -> Result<ParityTable> {
        let mut take = Take::new("table of a parity file", bytes);
        let covered = take.raw(header.table_length() - 4)?;
        let (stored, computed) = (take.u32()?, crc32c::crc32c(covered));
        if stored != computed {
            return Err(Error::Checksum { what: "table of a parity file", stored, computed });
        }
        take.end()?;
        let crc = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four of them"));
        let column = |bytes: &[u8]| bytes.chunks_exact(4).map(crc).collect::<Vec<u32>>();
        let mut columns: Vec<_> =
            covered.chunks_exact(header.row_count as usize * 4).map(column).collect();
        let own = columns.pop().expect("there is one more than columns of data");
        Ok(ParityTable { columns, own })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> ParityHeader {
        ParityHeader {
            kind: ParityKind::Across,
            store: StoreId([1; 16]),
            set: [2; 16],
            created: Timestamp::default(),
            number: 1,
            parity_count: 2,
            shard_length: 4096,
            row_count: 3,
            columns: vec![
                ParityColumn { volume: 1, offset: 0, length: 12_288 },
                ParityColumn { volume: 4, offset: 7, length: 1 },
            ],
        }
    }

    fn encoded(header: &ParityHeader) -> Vec<u8> {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        bytes
    }

    #[test]
    fn a_header_says_how_long_its_file_is() {
        let (header, bytes) = (header(), encoded(&header()));
        assert_eq!((header.len(), bytes.len()), (117, 117));
        assert_eq!(header.columns[1].end(), 8);
        assert_eq!(header.row_length(), 4 * 4096);
        assert_eq!(ParityHeader::LEN_MAX, 77 + 255 * 20);
        assert_eq!(header.table_at(), 117 + 3 * 4096);
        assert_eq!(header.table_length(), 3 * 3 * 4 + 4);
        assert_eq!(header.file_length(), 117 + 3 * 4096 + 40);
        assert_eq!(ParityHeader::decode(&bytes), Ok(header));
        assert!(matches!(ParityHeader::decode(&bytes[..116]), Err(Error::Truncated { .. })));
    }

    #[test]
    fn every_bit_of_a_header_is_covered() {
        let bytes = encoded(&header());
        for at in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(ParityHeader::decode(&bytes).is_err(), "bit {at}");
        }
    }

    #[test]
    fn a_header_that_makes_no_sense_is_refused() {
        let refused = |change: fn(&mut ParityHeader)| {
            let mut header = header();
            change(&mut header);
            match ParityHeader::decode(&encoded(&header)) {
                Err(Error::Invalid { rule, .. }) => rule,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(refused(|it| it.number = 2), "its number is one of its set");
        assert_eq!(refused(|it| it.columns.clear()), "a set has a column of data");
        let most = "a set has at most 255 columns";
        assert_eq!(refused(|it| it.parity_count = 254), most);
        let one_of_data =
            |it: &mut ParityHeader| (it.columns, it.parity_count) = (vec![it.columns[0]], 255);
        assert_eq!(refused(one_of_data), most);
        let shard = "a shard is a power of two from 4096 on";
        assert_eq!(refused(|it| it.shard_length = 2048), shard);
        assert_eq!(refused(|it| it.shard_length = 5000), shard);
        let long = |it: &mut ParityHeader| (it.shard_length, it.parity_count) = (16 << 20, 15);
        assert_eq!(refused(long), "a row has at most 256 MiB");
        assert_eq!(refused(|it| it.row_count = 0), "a set has a row");
        let column = "a column fits into its rows";
        assert_eq!(refused(|it| it.columns[0].length = 12_289), column);
        assert_eq!(refused(|it| it.columns[1].length = 0), column);
        assert_eq!(refused(|it| it.columns[1].volume = 0), column);
        assert_eq!(refused(|it| it.columns[1].offset = u64::MAX), column);
    }

    #[test]
    fn a_row_of_as_many_bytes_as_may_be_is_none_too_many() {
        let longest = ParityHeader { shard_length: 16 << 20, parity_count: 14, ..header() };
        assert_eq!(longest.row_length(), limits::PARITY_ROW_LENGTH_MAX);
        assert_eq!(ParityHeader::decode(&encoded(&longest)), Ok(longest));
    }

    #[test]
    fn a_table_is_whole_or_refused() {
        let table = ParityTable { columns: vec![vec![1, 2, 3], vec![4, 5, 6]], own: vec![7, 8, 9] };
        let mut bytes = Vec::new();
        table.encode(&mut bytes);
        assert_eq!(bytes.len(), header().table_length());
        assert_eq!(ParityTable::decode(&header(), &bytes), Ok(table));
        assert!(ParityTable::decode(&header(), &bytes[..39]).is_err());
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            let decoded = ParityTable::decode(&header(), &bytes);
            assert!(matches!(decoded, Err(Error::Checksum { .. })), "byte {at}");
        }
    }
}

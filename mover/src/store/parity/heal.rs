//! Gives the bytes of a volume as they were, as far as sets know them.

use std::collections::HashMap;
use std::sync::Arc;

use format::{ParityColumn, ParityHeader, ParityTable, checksum};
use reed_solomon_erasure::galois_8::ReedSolomon;

use super::files::{ParitySet, UNFINISHED, any_table, table, volume};
use super::{BATCH_LENGTH, code};
use crate::Result;
use crate::media::{AppendFile, ReadFile, SECTOR_SIZE, Storage, VolumeReader, volume_file};
use crate::store::volumes;

/// What became of a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mended {
    /// Bytes that were given back.
    pub(crate) healed: u64,
    /// Bytes that are not what they were, and of which too much else of their rows is lost too.
    pub(crate) lost: u64,
}

/// The sets of a pool, opened.
pub(crate) struct Healer<'a> {
    storage: &'a dyn Storage,
    sets: Vec<OpenSet>,
}

struct OpenSet {
    header: ParityHeader,
    table: ParityTable,
    /// The files of parity, by their numbers; none where one cannot be read.
    parity: Vec<Option<ParityFile>>,
    volumes: HashMap<u32, Option<Arc<dyn ReadFile>>>,
    code: ReedSolomon,
}

struct ParityFile {
    file: Arc<dyn ReadFile>,
    /// Of the shards of its column.
    checksums: Vec<u32>,
}

enum Shard {
    Sound(Vec<u8>),
    Healed(Vec<u8>),
    /// As it can be read; zeros where it cannot.
    Lost(Vec<u8>),
}

impl<'a> Healer<'a> {
    /// Opens those of `sets` that name the volume.
    pub(crate) fn new(storage: &'a dyn Storage, sets: &[ParitySet], number: u32) -> Healer<'a> {
        let naming = sets.iter().filter(|set| set.volumes().contains(&number));
        let sets = naming.filter_map(|set| OpenSet::new(storage, set)).collect();
        Healer { storage, sets }
    }

    /// Writes the volume as it was beside what is left of it, as a file that [`Healer::put`] puts in
    /// its place. `step` hears of bytes that were written.
    pub(crate) fn write(
        &self,
        number: u32,
        step: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Mended> {
        let name = volume_file(number) + UNFINISHED;
        if self.storage.list()?.contains(&name) {
            self.storage.remove(&name)?;
        }
        let file = self.storage.create(&name)?;
        let mut out = Out { file, buffer: Vec::new(), at: 0 };
        let mut mended = Mended::default();
        let there = volume(self.storage, number);
        let end = there.as_deref().map_or(Ok(0), ReadFile::length)?;
        for (set, place) in self.columns(number) {
            let column = set.header.columns[place];
            if column.end() <= out.at {
                continue;
            }
            // Behind what nobody knows nothing stands in for the rest of its volume.
            if column.offset > end.max(out.at) {
                mended.lost += column.length;
                continue;
            }
            copy(there.as_deref(), &mut out, column.offset)?;
            let shard_length = u64::from(set.header.shard_length);
            for row in 0..set.header.row_count {
                let begin = column.offset + u64::from(row) * shard_length;
                let length = shard_length.min(column.end().saturating_sub(begin));
                // Rows behind the end of a column that is shorter than others are zeros.
                if length == 0 || begin + length <= out.at {
                    continue;
                }
                let bytes = match set.shard(place, row) {
                    Shard::Sound(bytes) => bytes,
                    Shard::Healed(bytes) => {
                        mended.healed += length;
                        bytes
                    }
                    Shard::Lost(bytes) => {
                        mended.lost += length;
                        bytes
                    }
                };
                let skipped = usize::try_from(out.at - begin).expect("within a shard");
                let length = usize::try_from(length).expect("within a shard");
                out.write(&bytes[skipped..length])?;
                step((length - skipped) as u64)?;
            }
        }
        copy(there.as_deref(), &mut out, end)?;
        out.finish()?;
        Ok(mended)
    }

    /// Whether what was written is the volume that is there, and not another one of its number: no
    /// two have the same label.
    pub(crate) fn is_same(&self, number: u32) -> bool {
        let label = |name: &str| volumes::label(&VolumeReader::open(self.storage, name)?);
        let file = volume_file(number);
        match (label(&file), label(&format!("{file}{UNFINISHED}"))) {
            (Ok(there), Ok(written)) => there == written,
            _ => true,
        }
    }

    /// Puts what was written in the place of the volume.
    pub(crate) fn put(&self, number: u32) -> Result<()> {
        let file = volume_file(number);
        self.storage.rename(&format!("{file}{UNFINISHED}"), &file)?;
        self.storage.sync()
    }

    /// Leaves the volume as it is.
    pub(crate) fn discard(&self, number: u32) -> Result<()> {
        self.storage.remove(&(volume_file(number) + UNFINISHED))
    }

    /// The columns that are of the volume, in the order of their places; of two at one place the
    /// longer one first.
    fn columns(&self, number: u32) -> Vec<(&OpenSet, usize)> {
        let mut columns: Vec<(&OpenSet, usize)> = Vec::new();
        for set in &self.sets {
            let of_volume = |(_, column): &(usize, &ParityColumn)| column.volume == number;
            let places = set.header.columns.iter().enumerate().filter(of_volume);
            columns.extend(places.map(|(place, _)| (set, place)));
        }
        columns.sort_by_key(|(set, place)| {
            let column = set.header.columns[*place];
            (column.offset, std::cmp::Reverse(column.length))
        });
        columns
    }
}

impl OpenSet {
    /// None where no table is left.
    fn new(storage: &dyn Storage, set: &ParitySet) -> Option<OpenSet> {
        let header = set.header.clone();
        let known = any_table(storage, set)?;
        let open = |name: &Option<String>| {
            let file = storage.open(name.as_ref()?).ok()?;
            let checksums = table(&header, &*file).ok()?.own;
            Some(ParityFile { file, checksums })
        };
        let parity = set.files.iter().map(open).collect();
        let volumes = set.volumes().into_iter().map(|it| (it, volume(storage, it))).collect();
        let code = code(&header);
        Some(OpenSet { header, table: known, parity, volumes, code })
    }

    fn shard(&self, place: usize, row: u32) -> Shard {
        let (bytes, is_sound) = self.data(place, row);
        if is_sound {
            return Shard::Sound(bytes);
        }
        let mut shards: Vec<Option<Vec<u8>>> = Vec::new();
        for other in 0..self.header.columns.len() {
            let (bytes, is_sound) = self.data(other, row);
            shards.push(is_sound.then_some(bytes));
        }
        for parity in &self.parity {
            shards.push(parity.as_ref().and_then(|parity| self.own(parity, row)));
        }
        if self.code.reconstruct_data(&mut shards).is_err() {
            return Shard::Lost(bytes);
        }
        match shards.swap_remove(place) {
            Some(healed) if checksum(&healed) == self.table.columns[place][row as usize] => {
                Shard::Healed(healed)
            }
            _ => Shard::Lost(bytes),
        }
    }

    /// A shard of a volume, with zeros behind the end of its column, and whether it is what it was.
    fn data(&self, place: usize, row: u32) -> (Vec<u8>, bool) {
        let column = self.header.columns[place];
        let mut bytes = vec![0; self.header.shard_length as usize];
        let at = u64::from(row) * u64::from(self.header.shard_length);
        let left = usize::try_from(column.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let there = left.min(bytes.len());
        let mut have = 0;
        if let Some(Some(file)) = self.volumes.get(&column.volume) {
            have = file.read_at(column.offset + at, &mut bytes[..there]).unwrap_or(0);
        }
        bytes[have..].fill(0);
        let is_sound = have == there && checksum(&bytes) == self.table.columns[place][row as usize];
        (bytes, is_sound)
    }

    /// A shard of parity, if it is what it was.
    fn own(&self, parity: &ParityFile, row: u32) -> Option<Vec<u8>> {
        let bytes = parity_shard(&self.header, &*parity.file, row)?;
        (checksum(&bytes) == parity.checksums[row as usize]).then_some(bytes)
    }
}

/// A shard of a file of parity; none where it cannot be read.
pub(super) fn parity_shard(
    header: &ParityHeader,
    file: &dyn ReadFile,
    row: u32,
) -> Option<Vec<u8>> {
    let mut bytes = vec![0; header.shard_length as usize];
    let at = header.len() as u64 + u64::from(row) * u64::from(header.shard_length);
    let have = file.read_at(at, &mut bytes).ok()?;
    (have == bytes.len()).then_some(bytes)
}

/// Copies what no set knows, up to `end`; zeros where it cannot be read.
fn copy(there: Option<&dyn ReadFile>, out: &mut Out, end: u64) -> Result<()> {
    while out.at < end {
        let length = usize::try_from(end - out.at).unwrap_or(usize::MAX).min(BATCH_LENGTH);
        let mut bytes = vec![0; length];
        if let Some(file) = there
            && file.read_at(out.at, &mut bytes).is_err()
        {
            // One bad sector does not take the rest with it.
            for (place, sector) in bytes.chunks_mut(SECTOR_SIZE).enumerate() {
                let at = out.at + (place * SECTOR_SIZE) as u64;
                if file.read_at(at, sector).is_err() {
                    sector.fill(0);
                }
            }
        }
        out.write(&bytes)?;
    }
    Ok(())
}

/// The file that is written, in large pieces.
struct Out {
    file: Box<dyn AppendFile>,
    buffer: Vec<u8>,
    at: u64,
}

impl Out {
    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
        if self.buffer.len() >= BATCH_LENGTH {
            self.file.write(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn finish(mut self) -> Result<()> {
        self.file.write(&self.buffer)?;
        self.file.sync()
    }
}

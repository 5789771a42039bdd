//! Makes a set: reads its columns once, and writes the files of parity beside the volumes.

use std::sync::Arc;

use format::{ParityHeader, ParityTable, checksum};

use super::files::{UNFINISHED, file_name, volume};
use super::{BATCH_LENGTH, Voucher, code};
use crate::failpoint::{self, reach};
use crate::media::{AppendFile, ReadFile, Storage, volume_file};
use crate::{Error, ErrorKind, Result};

/// Makes all files of a set, durable when it returns; gives the bytes that were written.
///
/// Refuses bytes that one of `vouchers` knows otherwise. `step` hears of bytes that were read.
pub(crate) fn make(
    storage: &dyn Storage,
    header: &ParityHeader,
    vouchers: &mut [Voucher],
    step: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<u64> {
    let names: Vec<String> =
        (0..header.parity_count).map(|number| file_name(&header.set, number)).collect();
    let mut making = Making::new(storage, header, &names)?;
    making.columns(vouchers, step)?;
    making.finish()?;
    reach(failpoint::PARITY_WRITTEN)?;
    for name in &names {
        storage.rename(&format!("{name}{UNFINISHED}"), name)?;
    }
    storage.sync()?;
    reach(failpoint::PARITY_NAMED)?;
    Ok(header.file_length() * u64::from(header.parity_count))
}

struct Making<'a> {
    header: &'a ParityHeader,
    readers: Vec<Arc<dyn ReadFile>>,
    files: Vec<Box<dyn AppendFile>>,
    /// Of the columns of data, and behind them of parity.
    checksums: Vec<Vec<u32>>,
}

impl<'a> Making<'a> {
    fn new(
        storage: &dyn Storage,
        header: &'a ParityHeader,
        names: &[String],
    ) -> Result<Making<'a>> {
        let mut readers = Vec::new();
        for column in &header.columns {
            let gone = || {
                let message = format!("{} is not there", volume_file(column.volume));
                Error::new(ErrorKind::Missing, message)
            };
            readers.push(volume(storage, column.volume).ok_or_else(gone)?);
        }
        let mut files = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let mut file = storage.create(&format!("{name}{UNFINISHED}"))?;
            let number = u8::try_from(number).expect("fewer than 255");
            let mut bytes = Vec::new();
            ParityHeader { number, ..header.clone() }.encode(&mut bytes);
            file.write(&bytes)?;
            files.push(file);
        }
        let checksums = vec![Vec::new(); header.columns.len() + files.len()];
        Ok(Making { header, readers, files, checksums })
    }

    fn columns(
        &mut self,
        vouchers: &mut [Voucher],
        step: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<()> {
        let code = code(self.header);
        let shard = self.header.shard_length as usize;
        let batch = BATCH_LENGTH.max(shard);
        let mut data = vec![vec![0; batch]; self.readers.len()];
        let mut parity = vec![vec![0; batch]; self.files.len()];
        let mut at = 0;
        while at < self.header.column_length() {
            let left = usize::try_from(self.header.column_length() - at).unwrap_or(usize::MAX);
            let length = batch.min(left);
            data.iter_mut().chain(&mut parity).for_each(|column| column.resize(length, 0));
            for (place, bytes) in data.iter_mut().enumerate() {
                let read = self.read(place, at, bytes, vouchers)?;
                step(read as u64)?;
            }
            code.encode_sep(&data, &mut parity).expect("columns of one length, as many as it has");
            for (sums, bytes) in self.checksums.iter_mut().zip(data.iter().chain(&parity)) {
                sums.extend(bytes.chunks(shard).map(checksum));
            }
            for (file, bytes) in self.files.iter_mut().zip(&parity) {
                file.write(bytes)?;
            }
            at += length as u64;
        }
        Ok(())
    }

    /// Fills `bytes` with what a column has at `at`, and with zeros behind its end.
    fn read(
        &self,
        place: usize,
        at: u64,
        bytes: &mut [u8],
        vouchers: &mut [Voucher],
    ) -> Result<usize> {
        let column = self.header.columns[place];
        let left = usize::try_from(column.length.saturating_sub(at)).unwrap_or(usize::MAX);
        let (bytes, zeros) = bytes.split_at_mut(left.min(bytes.len()));
        zeros.fill(0);
        let offset = column.offset + at;
        let file = volume_file(column.volume);
        let have = self.readers[place].read_at(offset, bytes).map_err(|cause| {
            damaged(format!("{file} at {offset:#x} cannot be read")).because(cause)
        })?;
        if have < bytes.len() {
            return Err(damaged(format!("{file} is shorter than it was")));
        }
        for voucher in vouchers {
            voucher
                .see(column.volume, offset, bytes)
                .map_err(|at| damaged(format!("{file} at {at:#x} is not what its parity knows")))?;
        }
        Ok(bytes.len())
    }

    fn finish(mut self) -> Result<()> {
        let own = self.checksums.split_off(self.header.columns.len());
        let mut table = ParityTable { columns: self.checksums, own: Vec::new() };
        for (mut file, own) in self.files.into_iter().zip(own) {
            table.own = own;
            let mut bytes = Vec::new();
            table.encode(&mut bytes);
            file.write(&bytes)?;
            file.sync()?;
        }
        Ok(())
    }
}

/// A volume of which no parity can be made as it is.
pub(crate) fn damaged(message: String) -> Error {
    Error::new(ErrorKind::Damaged, message).way_out("run `mover verify --repair`")
}

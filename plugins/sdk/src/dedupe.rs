//! The role dedupe: cuts data into blocks by their content.

use crate::bindings::dedupe::exports::mover::plugin::dedupe as contract;
use crate::bindings::shared::mover::plugin::types;
use crate::config::{self, Config};
use crate::error::{Error, Result};
use mover_plugin_shared::crc::crc32c;
use mover_plugin_shared::window::parts;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// The contract's bound for a block, in bytes.
const BLOCK_LENGTH_MAX: usize = 1 << 20;

/// Cuts data into blocks, so that equal data gives equal blocks wherever it lies.
///
/// A cut depends on nothing before the block that it ends: the same bytes after any cut give the
/// same cuts again. The SDK gives each block its CRC-32C.
pub trait Dedupe: Sized + 'static {
    /// What an operator may configure; [`NoConfig`](crate::NoConfig) where that is nothing.
    type Config: Config + DeserializeOwned;

    /// Makes ready.
    fn open(config: Self::Config) -> Result<Self>;

    /// No block is ever longer, in bytes: from 1 to 1 MiB.
    fn block_length_max(&self) -> usize;

    /// How long the first block of `bytes` is: from 1 to all of `bytes`, which are never empty.
    ///
    /// `None` where no cut is certain whatever follows: more is needed. With `last` the entry ends
    /// with `bytes`, and `None` makes one block of them all. There is always a cut within
    /// [`block_length_max`](Self::block_length_max).
    fn cut(&self, bytes: &[u8], last: bool) -> Option<usize>;
}

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes.
    pub length: usize,
    /// The CRC-32C of them.
    pub crc: u32,
}

/// Cuts a window; `ends` are the positions in it at which an entry ends.
pub(crate) fn cut_window<T: Dedupe>(dedupe: &T, window: &[u8], ends: &[u32]) -> Result<Vec<Cut>> {
    let most = dedupe.block_length_max();
    let mut cuts = Vec::new();
    for part in parts(window, ends).map_err(Error::other)? {
        let mut rest = part.bytes;
        while !rest.is_empty() {
            let length = match dedupe.cut(rest, part.last) {
                Some(length) => length,
                None if part.last => rest.len(),
                None => break,
            };
            if !(1..=rest.len().min(most)).contains(&length) {
                return Err(Error::other(format!(
                    "a block of {length} bytes was cut from {}, and at most {most} may be",
                    rest.len()
                )));
            }
            let (block, after) = rest.split_at(length);
            cuts.push(Cut { length, crc: crc32c(block) });
            rest = after;
        }
    }
    Ok(cuts)
}

/// Opens a dedupe and checks what it says of itself.
pub(crate) fn open<T: Dedupe>(config: &str) -> Result<T> {
    let dedupe = T::open(config::parse(config)?)?;
    let most = dedupe.block_length_max();
    if !(1..=BLOCK_LENGTH_MAX).contains(&most) {
        let bound = format!("blocks of up to {most} bytes; from 1 to {BLOCK_LENGTH_MAX} may be");
        return Err(Error::other(bound));
    }
    Ok(dedupe)
}

/// What [`export!`](crate::export) exports for a dedupe.
#[doc(hidden)]
#[derive(Debug)]
pub struct Component<T>(PhantomData<T>);

/// A dedupe behind the contract's functions.
#[doc(hidden)]
#[derive(Debug)]
pub struct Cutter<T>(T);

impl<T: Dedupe> contract::Guest for Component<T> {
    type Cutter = Cutter<T>;
}

impl<T: Dedupe> contract::GuestCutter for Cutter<T> {
    fn open(config: String) -> Result<contract::Cutter, types::Error> {
        Ok(contract::Cutter::new(Cutter(open::<T>(&config)?)))
    }

    fn block_length_max(&self) -> u32 {
        self.0.block_length_max() as u32
    }

    fn cut(&self, window: Vec<u8>, ends: Vec<u32>) -> Result<Vec<contract::Cut>, types::Error> {
        let cuts = cut_window(&self.0, &window, &ends)?;
        let cut = |cut: Cut| contract::Cut { length: cut.length as u32, crc: cut.crc };
        Ok(cuts.into_iter().map(cut).collect())
    }
}

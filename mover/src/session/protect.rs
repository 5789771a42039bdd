//! Parity for what a command wrote, and from it what is damaged: with progress, and to be cancelled.

use std::collections::BTreeSet;

use super::archive::Watch;
use super::feed::cancelled;
use crate::error::Result;
use crate::store::{Healed, Protected, StoreWriter, WriteStore};

/// Makes parity of what has none; sets with one of the files `void` are made anew.
pub fn protect(
    writer: &mut dyn WriteStore,
    void: &BTreeSet<String>,
    watch: &Watch<'_>,
) -> Result<Protected> {
    writer.protect(void, &mut |bytes| step(watch, bytes))
}

/// Has parity give back what is damaged or lost; see [`StoreWriter::heal`].
pub fn heal(
    writer: &mut StoreWriter,
    damaged: &BTreeSet<u32>,
    watch: &Watch<'_>,
) -> Result<Healed> {
    writer.heal(damaged, &mut |bytes| step(watch, bytes))
}

fn step(watch: &Watch<'_>, bytes: u64) -> Result<()> {
    watch.progress.bytes(bytes);
    match watch.cancel.is_cancelled() {
        true => Err(cancelled()),
        false => Ok(()),
    }
}

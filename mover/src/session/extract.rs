//! Writes the content of one file of an archive to whatever takes bytes.

use std::io::Write;

use format::{ArchiveFooter, EntryKind, Extent, IndexEntry, Verdict};

use super::archive::Watch;
use super::cache::ChunkCache;
use super::contents::{Contents, PathFilter};
use super::decode::Decoding;
use super::feed::cancelled;
use super::filters::Unfiltered;
use super::restore::HELD_WAY_OUT;
use crate::archive::ChunkProvider;
use crate::error::{Error, ErrorKind, Result};

/// Chunks of one file are read in order; a few that others refer to come between them.
const CHUNK_COUNT: usize = 8;
/// Bytes of a hole that are written at once.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Writes the file at `path` to `output`; gives how many bytes it has. Nothing but this one file.
pub fn extract(
    decoding: &Decoding<'_>,
    footer: &ArchiveFooter,
    path: &[u8],
    output: &mut dyn Write,
    watch: &Watch<'_>,
) -> Result<u64> {
    let cache = ChunkCache::new(decoding, CHUNK_COUNT);
    let mut contents = Contents::open(&cache, footer, PathFilter::new([path]))?;
    let name = String::from_utf8_lossy(path).into_owned();
    let missing = || {
        Error::new(ErrorKind::Missing, format!("no entry {name} in the archive"))
            .way_out("see what is in it: mover list STORE ARCHIVE")
    };
    let entry = contents.next().ok_or_else(missing)??;
    if entry.entry.kind != EntryKind::File {
        return Err(Error::new(ErrorKind::Usage, format!("{name} is not a file"))
            .way_out("name one file, or restore into a folder: --into DIR"));
    }
    if entry.verdict >= Verdict::Hold {
        let message = format!("{name} is held by a snoop, and not restored");
        return Err(Error::new(ErrorKind::Refused, message).way_out(HELD_WAY_OUT));
    }
    content(decoding, &cache, &entry, output, watch)
}

/// Writes the content of an entry to `output`; gives how many bytes it has.
pub(super) fn content(
    decoding: &Decoding<'_>,
    cache: &ChunkCache<'_>,
    entry: &IndexEntry,
    output: &mut dyn Write,
    watch: &Watch<'_>,
) -> Result<u64> {
    let failed = |cause| Error::io("writing", "the output", cause);
    let mut unfiltered = Unfiltered::open(decoding, &entry.options)?;
    let mut written = 0;
    for extent in &entry.extents {
        if watch.cancel.is_cancelled() {
            return Err(cancelled());
        }
        match extent {
            Extent::Hole(length) => {
                written += *length;
                let mut left = *length;
                while left > 0 {
                    let count = left.min(ZEROS.len() as u64);
                    let zeros = &ZEROS[..usize::try_from(count).expect("a small number")];
                    output.write_all(zeros).map_err(failed)?;
                    left -= count;
                }
            }
            Extent::Data(run) => {
                let chunk = cache.chunk(&run.chunk)?;
                for block in chunk.run(run)? {
                    let bytes = match &mut unfiltered {
                        Some(unfiltered) => unfiltered.next(block)?,
                        None => block,
                    };
                    output.write_all(bytes).map_err(failed)?;
                    written += bytes.len() as u64;
                }
            }
        }
        watch.progress.bytes(extent.length());
    }
    if let Some(unfiltered) = &mut unfiltered {
        let rest = unfiltered.finish()?;
        output.write_all(rest).map_err(failed)?;
        written += rest.len() as u64;
    }
    output.flush().map_err(failed)?;
    Ok(written)
}

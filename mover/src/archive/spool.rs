//! Encoded chunks that wait for the end of their archive: its index, which comes last.
//!
//! They are spilled to an unlinked file, since an index grows with the number of entries and
//! memory must not. What lies there is encoded as it will be stored: encrypted where the archive is.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Seek, Write};
use std::path::Path;

use format::{ChunkFooter, ChunkHeader, Frame, FrameKind, Prefix};

use crate::error::{Error, ErrorKind, Result};

/// Chunks in the order in which they were pushed.
#[derive(Debug)]
pub struct Spool {
    file: BufWriter<File>,
    count: u64,
    frame: Vec<u8>,
}

impl Spool {
    /// An empty spool in a folder.
    pub fn create(folder: &Path) -> Result<Spool> {
        let file = tempfile::tempfile_in(folder)
            .map_err(|cause| Error::io("making a spool file in", folder, cause))?;
        Ok(Spool { file: BufWriter::new(file), count: 0, frame: Vec::new() })
    }

    /// Adds a chunk.
    pub fn push(
        &mut self,
        header: &ChunkHeader,
        payload: &[u8],
        footer: &ChunkFooter,
    ) -> Result<()> {
        let (mut body, mut table) = (Vec::new(), Vec::new());
        header.encode(&mut body);
        self.frame.clear();
        Frame::encode(FrameKind::ChunkHeader, &body, payload, &mut self.frame);
        body.clear();
        footer.encode(&mut body, &mut table);
        Frame::encode(FrameKind::ChunkFooter, &body, &table, &mut self.frame);
        self.count += 1;
        self.file.write_all(&self.frame).map_err(|cause| failed("writing", cause))
    }

    /// Takes all chunks back in order.
    pub fn drain(
        mut self,
        mut take: impl FnMut(&ChunkHeader, &[u8], &ChunkFooter) -> Result<()>,
    ) -> Result<()> {
        self.file.flush().map_err(|cause| failed("writing", cause))?;
        let mut file =
            self.file.into_inner().map_err(|error| failed("writing", error.into_error()))?;
        file.rewind().map_err(|cause| failed("reading", cause))?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let (mut header_frame, mut footer_frame) = (Vec::new(), Vec::new());
        for _ in 0..self.count {
            let header = read_frame(&mut file, &mut header_frame)?;
            let chunk = ChunkHeader::decode(header.body).map_err(damaged)?;
            let footer = read_frame(&mut file, &mut footer_frame)?;
            let footer = ChunkFooter::decode(footer.body, footer.payload).map_err(damaged)?;
            take(&chunk, header.payload, &footer)?;
        }
        Ok(())
    }
}

fn read_frame<'a>(file: &mut impl Read, bytes: &'a mut Vec<u8>) -> Result<Frame<'a>> {
    bytes.resize(Prefix::LEN, 0);
    file.read_exact(bytes).map_err(|cause| failed("reading", cause))?;
    let prefix = Prefix::decode(bytes).map_err(damaged)?;
    bytes.resize(usize::try_from(prefix.frame_length()).expect("bounded by limits"), 0);
    file.read_exact(&mut bytes[Prefix::LEN..]).map_err(|cause| failed("reading", cause))?;
    Ok(Frame::decode(bytes).map_err(damaged)?.0)
}

fn failed(doing: &str, cause: std::io::Error) -> Error {
    Error::io(doing, "the spool file of the index", cause)
}

fn damaged(cause: format::Error) -> Error {
    Error::new(ErrorKind::Damaged, "the spool file of the index").because(cause)
}

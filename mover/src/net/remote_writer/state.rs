//! What a session over the network has given to its channels, and what was answered of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use format::{Component, StreamNumber};

use crate::error::{Error, ErrorKind, Result};
use crate::net::link::Link;
use crate::net::wire::ChunkKey;
use crate::store::{ArchiveProof, Traffic};

pub(super) struct Outstanding {
    pub(super) chunk: Option<ChunkKey>,
    /// How many chunks were given before it.
    pub(super) chunks_before: u64,
    /// The frame of the run that was open before it.
    pub(super) run_before: Option<Arc<Vec<u8>>>,
}

/// What an append makes of the run that is open.
#[derive(Clone, Copy)]
pub(super) enum RunChange {
    None,
    Opens,
    Closes,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) components: Vec<(Component, Vec<u8>)>,
    /// Frames of the session's and the archive's header.
    pub(super) headers: Vec<u8>,
    /// The frame of the run that is open behind all that was given.
    pub(super) run: Option<Arc<Vec<u8>>>,
    pub(super) proof: Option<ArchiveProof>,
    pub(super) control: Option<Link>,
    /// Counts how often the session was begun on the server.
    pub(super) generation: u64,
    pub(super) attachment: [u8; 16],
    /// Data channels that the server grants.
    pub(super) channels_max: u16,
    pub(super) outstanding: BTreeMap<u64, Outstanding>,
    pub(super) next: u64,
    /// Chunks that were given, and what the answers said of them.
    pub(super) chunks: u64,
    pub(super) durable: u64,
    /// Chunks of earlier sessions: what the archive began with here. Data, index.
    pub(super) first_complete: [u64; 2],
    pub(super) chunks_answered: [u64; 2],
    /// Some of those were lost: how many there are without a gap says nothing of what comes behind.
    pub(super) has_gap: bool,
    /// The chunks that were given: the first of a row, and how many.
    pub(super) given: Vec<(ChunkKey, u64)>,
    pub(super) appended_bytes: u64,
    pub(super) traffic: Traffic,
    pub(super) failure: Option<(ErrorKind, String, Option<String>)>,
    pub(super) is_over: bool,
}

impl State {
    pub(super) fn healthy(&self) -> Result<()> {
        match &self.failure {
            None => Ok(()),
            Some((kind, message, way_out)) => {
                let error = Error::new(*kind, message.clone());
                Err(match way_out {
                    Some(way_out) => error.way_out(way_out.clone()),
                    None => error,
                })
            }
        }
    }

    /// Numbers an append, which is outstanding from here on.
    pub(super) fn give(
        &mut self,
        frames: &Arc<Vec<u8>>,
        chunk: Option<ChunkKey>,
        run: RunChange,
    ) -> u64 {
        let number = self.next;
        self.next += 1;
        let (chunks_before, run_before) = (self.chunks, self.run.clone());
        self.chunks += u64::from(chunk.is_some());
        if let Some((archive, stream, number)) = chunk {
            match self.given.last_mut() {
                Some(((_, of, first), count)) if *of == stream && *first + *count == number => {
                    *count += 1;
                }
                _ => self.given.push(((archive, stream, number), 1)),
            }
        }
        self.appended_bytes += frames.len() as u64;
        self.outstanding.insert(number, Outstanding { chunk, chunks_before, run_before });
        match run {
            RunChange::None => {}
            RunChange::Opens => self.run = Some(Arc::clone(frames)),
            RunChange::Closes => self.run = None,
        }
        number
    }

    /// The frame of the run that is open where the server goes on: before the first append that is
    /// sent again, which may be one of an older run than the one that is open here.
    pub(super) fn run_there(&self) -> Option<&Arc<Vec<u8>>> {
        match self.outstanding.values().next() {
            Some(first) => first.run_before.as_ref(),
            None => self.run.as_ref(),
        }
    }

    /// Chunks that are written on the other side, all before them too.
    pub(super) fn answered_chunks(&self) -> u64 {
        let first = self.outstanding.values().find(|append| append.chunk.is_some());
        first.map_or(self.chunks, |append| append.chunks_before)
    }

    /// The chunks that are to be there.
    pub(super) fn given_and_answered(&self) -> impl Iterator<Item = ChunkKey> {
        let outstanding: BTreeSet<ChunkKey> =
            self.outstanding.values().filter_map(|append| append.chunk).collect();
        let row = |((archive, stream, first), count): &(ChunkKey, u64)| {
            let (archive, stream) = (*archive, *stream);
            (*first..*first + *count).map(move |number| (archive, stream, number))
        };
        self.given.iter().flat_map(row).filter(move |chunk| !outstanding.contains(chunk))
    }

    pub(super) fn answered(&mut self, number: u64, durable: Option<u64>) {
        let Some(append) = self.outstanding.remove(&number) else { return };
        if let Some((_, stream, _)) = append.chunk {
            self.chunks_answered[usize::from(stream == StreamNumber::INDEX.0)] += 1;
        }
        self.durable = self.durable.max(durable.unwrap_or(0));
    }
}

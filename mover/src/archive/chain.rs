//! Takes one chunk through its chain of stages, and back.

use std::sync::Arc;

use format::{
    Binding, BlockEntry, ChunkFooter, ChunkHeader, ChunkId, ChunkKind, Digest, StageRecord,
};

use crate::ambient::Random;
use crate::buffer::Buffer;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{ChunkInfo, Transform};

/// A chunk before its chain.
#[derive(Debug)]
pub struct PlainChunk {
    /// Its address.
    pub chunk: ChunkId,
    /// What its bytes are.
    pub kind: ChunkKind,
    /// The route that it takes, as whoever packs it counts them.
    pub route: u16,
    /// Its bytes.
    pub plain: Buffer,
    /// Its block table.
    pub blocks: Vec<BlockEntry>,
    /// The chunks that its references need.
    pub needs: Vec<ChunkId>,
    /// No content is in it.
    pub is_bare: bool,
}

impl PlainChunk {
    /// The chunk behind a chain that made `payload` of its bytes, and did so by `stages`.
    pub fn encoded(self, stages: Vec<StageRecord>, payload: Buffer) -> EncodedChunk {
        let PlainChunk { chunk, kind, route, plain, blocks, needs, is_bare } = self;
        let plain_length = length_of(&plain);
        let footer = ChunkFooter { chunk, context: None, blocks, needs };
        EncodedChunk {
            chunk,
            kind,
            route,
            is_bare,
            plain_length,
            stages,
            payload,
            footer,
            failure: None,
        }
    }
}

/// A chunk behind its chain, ready for frames; the context comes from the framing.
#[derive(Debug)]
pub struct EncodedChunk {
    /// Its address.
    pub chunk: ChunkId,
    /// What its plain bytes are.
    pub kind: ChunkKind,
    /// The route that it takes.
    pub route: u16,
    /// No content is in it.
    pub is_bare: bool,
    /// Plain bytes.
    pub plain_length: u32,
    /// What each stage did.
    pub stages: Vec<StageRecord>,
    /// What is stored.
    pub payload: Buffer,
    /// Its block table and needs, for its footer.
    pub footer: ChunkFooter,
    /// Why it is stored untransformed, by another route than it was packed for.
    pub failure: Option<Error>,
}

/// Which encoded chunks are decoded again and compared before the plain bytes are let go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecodeVerify {
    /// Every one.
    Always,
    /// All of third-party stages; of the built-in ones one in 64.
    #[default]
    Sample,
    /// None.
    Never,
}

/// One chunk of so many is decoded again where only a sample is.
const SAMPLE: u64 = 64;

/// One stage with its instance of a component.
pub struct ChainStage {
    /// The component's name and version, for messages.
    pub title: String,
    /// The instance.
    pub transform: Box<dyn Transform>,
    /// Whether it takes a key, and so a nonce for each chunk.
    pub keyed: bool,
    /// Whether it is built in: then a sample is trusted.
    pub built_in: bool,
    /// Digests of component and configuration.
    pub digests: (Digest, Digest),
}

/// Bytes of a nonce: as many as XChaCha20 takes, random, never derived from a chunk's number.
pub const NONCE_LENGTH: usize = 24;

/// The stages of one worker, with the memory between them.
pub struct Chain {
    epoch: u32,
    stages: Vec<ChainStage>,
    digests: Vec<(Digest, Digest)>,
    random: Arc<dyn Random>,
    verify: DecodeVerify,
    scratch: Vec<u8>,
    decoded: Vec<u8>,
}

impl Chain {
    /// A chain of stages, in the order of encoding.
    pub fn new(
        epoch: u32,
        stages: Vec<ChainStage>,
        random: Arc<dyn Random>,
        verify: DecodeVerify,
    ) -> Chain {
        let digests = stages.iter().map(|stage| stage.digests).collect();
        let (scratch, decoded) = (Vec::new(), Vec::new());
        Chain { epoch, stages, digests, random, verify, scratch, decoded }
    }

    /// Encodes a chunk into `payload`, an empty buffer, and says what each stage did. It is done
    /// only when [`DecodeVerify`] is satisfied.
    pub fn encode(&mut self, plain: &PlainChunk, payload: &mut Buffer) -> Result<Vec<StageRecord>> {
        let (chunk, kind) = (plain.chunk, plain.kind);
        let records = self
            .encode_stages(plain, payload)
            .map_err(|cause| cause.during(format!("encoding {chunk}")))?;
        let plain_length = length_of(&plain.plain);
        if self.is_to_verify(chunk) {
            let mut decoded = std::mem::take(&mut self.decoded);
            let decoding =
                self.decode_stages(chunk, kind, plain_length, &records, payload, &mut decoded);
            let equal = decoded == **plain.plain;
            self.decoded = decoded;
            if decoding.is_err() || !equal {
                let suspects = self.suspects();
                let error = Error::new(
                    ErrorKind::Plugin,
                    format!("{suspects} did not give back the bytes of {chunk} that it was given"),
                )
                .way_out("archive without it; nothing of this chunk was kept");
                return Err(match decoding {
                    Err(cause) => error.because(cause),
                    Ok(()) => error,
                });
            }
        }
        Ok(records)
    }

    /// Decodes a stored chunk into `plain`.
    pub fn decode(
        &mut self,
        header: &ChunkHeader,
        payload: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<()> {
        let chunk = header.chunk;
        if header.stages.len() != self.stages.len() {
            let message = format!("{chunk}: its header and its context name different chains");
            return Err(Error::new(ErrorKind::Damaged, message));
        }
        let (kind, length) = (header.kind, header.plain_length);
        self.decode_stages(chunk, kind, length, &header.stages, payload, plain)
            .map_err(|cause| Error::new(cause.kind(), format!("decoding {chunk}")).because(cause))
    }

    fn encode_stages(
        &mut self,
        plain: &PlainChunk,
        payload: &mut Vec<u8>,
    ) -> Result<Vec<StageRecord>> {
        if self.stages.is_empty() {
            // What another chain has left in it goes.
            payload.clear();
            payload.extend_from_slice(&plain.plain);
        }
        let plain_length = length_of(&plain.plain);
        let mut records = Vec::with_capacity(self.stages.len());
        for (position, stage) in self.stages.iter_mut().enumerate() {
            let mut nonce = vec![0; if stage.keyed { NONCE_LENGTH } else { 0 }];
            self.random.fill(&mut nonce);
            let binding =
                bind(plain.chunk, plain.kind, self.epoch, plain_length, position, &self.digests);
            let input: &[u8] = if position == 0 { &plain.plain } else { &self.scratch };
            let record = StageRecord { plain_length: length_of(input), nonce };
            let info = ChunkInfo {
                plain_length: record.plain_length,
                nonce: &record.nonce,
                binding: &binding,
            };
            payload.clear();
            stage.transform.encode(&info, input, payload)?;
            records.push(record);
            if position + 1 < self.digests.len() {
                std::mem::swap(payload, &mut self.scratch);
            }
        }
        Ok(records)
    }

    fn decode_stages(
        &mut self,
        chunk: ChunkId,
        kind: ChunkKind,
        plain_length: u32,
        records: &[StageRecord],
        payload: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<()> {
        if self.stages.is_empty() {
            plain.clear();
            plain.extend_from_slice(payload);
        }
        let last = self.stages.len().saturating_sub(1);
        let stages = self.stages.iter_mut().zip(records).enumerate().rev();
        for (position, (stage, record)) in stages {
            let binding = bind(chunk, kind, self.epoch, plain_length, position, &self.digests);
            let info = ChunkInfo {
                plain_length: record.plain_length,
                nonce: &record.nonce,
                binding: &binding,
            };
            let input: &[u8] = if position == last { payload } else { &self.scratch };
            plain.clear();
            stage.transform.decode(&info, input, plain)?;
            if position > 0 {
                std::mem::swap(plain, &mut self.scratch);
            }
        }
        match length_of(plain) == plain_length {
            true => Ok(()),
            false => Err(Error::new(ErrorKind::Damaged, "its length is not the one it had")),
        }
    }

    /// Who may have lied: third-party stages, or, where there are none, any.
    fn suspects(&self) -> String {
        let foreign = || self.stages.iter().filter(|stage| !stage.built_in);
        let any = foreign().next().is_none();
        let names = self.stages.iter().filter(|stage| any || !stage.built_in);
        let names: Vec<_> = names.map(|stage| stage.title.as_str()).collect();
        format!("component {}", names.join(" or "))
    }

    fn is_to_verify(&self, chunk: ChunkId) -> bool {
        match self.verify {
            DecodeVerify::Always => true,
            DecodeVerify::Never => false,
            DecodeVerify::Sample => {
                chunk.number.is_multiple_of(SAMPLE)
                    || !self.stages.iter().all(|stage| stage.built_in)
            }
        }
    }
}

fn bind(
    chunk: ChunkId,
    kind: ChunkKind,
    epoch: u32,
    plain_length: u32,
    position: usize,
    chain: &[(Digest, Digest)],
) -> Vec<u8> {
    let position = u16::try_from(position).expect("a chain is short");
    Binding { chunk, kind, epoch, plain_length, position, chain }.encode()
}

fn length_of(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("chunks are bounded")
}

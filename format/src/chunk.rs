//! Chunks: header, context, footer with its block table, and runs of chunks. SPEC 5.

use crate::error::{Error, Result};
use crate::id::{BlockIdentity, ChunkId, SessionId, StreamNumber};
use crate::limits;
use crate::options::Options;
use crate::wire::{Put, Take};

/// What a chunk's plain bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ChunkKind {
    /// Tagged blocks.
    Data = 1,
    /// A page of an archive's index.
    IndexPage = 2,
    /// The list of an index's pages.
    IndexRoot = 3,
}

/// How the chunks around it are to be read: what the three framings repeat more or less often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The key epoch, opened by the chunk's session.
    pub epoch: u32,
    /// Places in the session's component table, in the order of encoding.
    pub chain: Vec<u16>,
    /// What else the destination has to know.
    pub options: Options,
}

impl Context {
    /// The option that names the pool which a chunk is meant for; several are copies. SPEC 6.2.
    pub const POOL: u16 = 32;

    /// The pools that the chunk is meant for; none leaves it to the destination.
    pub fn pools(&self) -> impl Iterator<Item = &str> {
        self.options.get(Context::POOL).filter_map(|name| std::str::from_utf8(name).ok())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32(self.epoch);
        put_chain_length(self.chain.len(), out);
        for place in &self.chain {
            out.put_u16(*place);
        }
        self.options.encode(out);
    }

    fn decode(take: &mut Take<'_>) -> Result<Context> {
        let epoch = take.u32()?;
        let count = chain_length(take)?;
        let chain = (0..count).map(|_| take.u16()).collect::<Result<_>>()?;
        Ok(Context { epoch, chain, options: Options::decode(take)? })
    }
}

fn put_chain_length(length: usize, out: &mut Vec<u8>) {
    assert!(length <= limits::CHAIN_LENGTH_MAX, "a chain is bounded by limits");
    out.put_u16(u16::try_from(length).expect("bounded by limits"));
}

fn chain_length(take: &mut Take<'_>) -> Result<usize> {
    let count = usize::from(take.u16()?);
    if count > limits::CHAIN_LENGTH_MAX {
        let limit = limits::CHAIN_LENGTH_MAX as u64;
        return Err(Error::Limit { what: "chain", limit, found: count as u64 });
    }
    Ok(count)
}

/// What one stage of the chain did to this chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StageRecord {
    /// Bytes before the stage, and so what decoding has to give back.
    pub plain_length: u32,
    /// Its nonce; empty where it has none.
    pub nonce: Vec<u8>,
}

/// Where a chunk's context stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContextPlace {
    /// In this header.
    Here(Context),
    /// In the run header of this number.
    Run(u64),
}

/// The body of a chunk header frame; its payload is the encoded chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// Its address.
    pub chunk: ChunkId,
    /// The session whose table and epochs it uses.
    pub session: SessionId,
    /// What its plain bytes are.
    pub kind: ChunkKind,
    /// Plain bytes.
    pub plain_length: u32,
    /// One for each stage of the chain, in order.
    pub stages: Vec<StageRecord>,
    /// Chain, epoch and options, or where they are.
    pub context: ContextPlace,
}

const CONTEXT_HERE: u8 = 1;
const CONTEXT_IN_RUN: u8 = 2;

impl ChunkHeader {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let length_max = limits::CHUNK_PLAIN_LENGTH_MAX;
        assert!(self.plain_length <= length_max, "a chunk is bounded by limits");
        self.chunk.encode(out);
        out.put_raw(&self.session.0);
        out.put_u8(self.kind as u8);
        out.put_u8(match self.context {
            ContextPlace::Here(_) => CONTEXT_HERE,
            ContextPlace::Run(_) => CONTEXT_IN_RUN,
        });
        out.put_u32(self.plain_length);
        put_chain_length(self.stages.len(), out);
        for stage in &self.stages {
            out.put_u32(stage.plain_length);
            out.put_bytes(&stage.nonce, limits::NONCE_LENGTH_MAX);
        }
        match &self.context {
            ContextPlace::Here(context) => context.encode(out),
            ContextPlace::Run(number) => out.put_u64(*number),
        }
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<ChunkHeader> {
        let what = "chunk header";
        let mut take = Take::new(what, body);
        let chunk = ChunkId::decode(&mut take)?;
        let session = SessionId(take.array()?);
        let kind = match take.u8()? {
            1 => ChunkKind::Data,
            2 => ChunkKind::IndexPage,
            3 => ChunkKind::IndexRoot,
            value => return Err(Error::Unknown { what: "chunk kind", value: value.into() }),
        };
        let place = take.u8()?;
        let plain_length = take.u32()?;
        if plain_length > limits::CHUNK_PLAIN_LENGTH_MAX {
            let limit = limits::CHUNK_PLAIN_LENGTH_MAX.into();
            return Err(Error::Limit { what: "chunk", limit, found: plain_length.into() });
        }
        let count = chain_length(&mut take)?;
        let mut stages = Vec::with_capacity(count);
        for _ in 0..count {
            let plain_length = take.u32()?;
            if plain_length > limits::FRAME_PAYLOAD_LENGTH_MAX {
                let limit = limits::FRAME_PAYLOAD_LENGTH_MAX.into();
                return Err(Error::Limit { what: "stage", limit, found: plain_length.into() });
            }
            let nonce = take.bytes(limits::NONCE_LENGTH_MAX)?.to_vec();
            stages.push(StageRecord { plain_length, nonce });
        }
        let context = match place {
            CONTEXT_HERE => ContextPlace::Here(Context::decode(&mut take)?),
            CONTEXT_IN_RUN => ContextPlace::Run(take.u64()?),
            value => return Err(Error::Unknown { what: "context place", value: value.into() }),
        };
        take.end()?;
        let header = ChunkHeader { chunk, session, kind, plain_length, stages, context };
        header.check()
    }

    fn check(self) -> Result<ChunkHeader> {
        let what = "chunk header";
        if (self.kind == ChunkKind::Data) == (self.chunk.stream == StreamNumber::INDEX) {
            return Err(Error::Invalid { what, rule: "the index stream holds the index only" });
        }
        if let ContextPlace::Here(context) = &self.context
            && context.chain.len() != self.stages.len()
        {
            return Err(Error::Invalid { what, rule: "every stage of the chain has its record" });
        }
        if self.stages.first().is_some_and(|first| first.plain_length != self.plain_length) {
            return Err(Error::Invalid {
                what,
                rule: "the first stage begins with the plain bytes",
            });
        }
        Ok(self)
    }
}

/// One block that can be referred to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockEntry {
    /// Its ordinal among the chunk's data blocks, from 0.
    pub ordinal: u32,
    /// Its plain bytes.
    pub length: u32,
    /// What it is known by.
    pub identity: BlockIdentity,
}

/// Closes a chunk. Block table and needs are the frame's payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkFooter {
    /// The chunk's address again.
    pub chunk: ChunkId,
    /// The context again, in the framing [`crate::Framing::Both`].
    pub context: Option<Context>,
    /// The blocks that can be referred to, in order of ordinals.
    pub blocks: Vec<BlockEntry>,
    /// The chunks that references in this one need, ascending.
    pub needs: Vec<ChunkId>,
}

const BLOCK_ENTRY_LEN: usize = 40;
/// What a chunk has room for is the only bound of its lists.
const LIST_COUNT_MAX: usize = limits::CHUNK_PLAIN_LENGTH_MAX as usize;

impl ChunkFooter {
    /// Appends the frame's body and payload.
    pub fn encode(&self, body: &mut Vec<u8>, payload: &mut Vec<u8>) {
        self.chunk.encode(body);
        body.put_u8(self.context.is_some().into());
        if let Some(context) = &self.context {
            context.encode(body);
        }
        payload.put_count(self.blocks.len(), LIST_COUNT_MAX);
        for block in &self.blocks {
            payload.put_u32(block.ordinal);
            payload.put_u32(block.length);
            payload.put_raw(&block.identity.0);
        }
        payload.put_count(self.needs.len(), LIST_COUNT_MAX);
        for need in &self.needs {
            need.encode(payload);
        }
    }

    /// Reads a frame's body and payload.
    pub fn decode(body: &[u8], payload: &[u8]) -> Result<ChunkFooter> {
        let what = "chunk footer";
        let mut take = Take::new(what, body);
        let chunk = ChunkId::decode(&mut take)?;
        let context = match crate::tag::decode_bool(what, take.u8()?)? {
            true => Some(Context::decode(&mut take)?),
            false => None,
        };
        take.end()?;
        let mut take = Take::new(what, payload);
        let count = take.count(LIST_COUNT_MAX, BLOCK_ENTRY_LEN)?;
        let mut blocks: Vec<BlockEntry> = Vec::with_capacity(count);
        for _ in 0..count {
            blocks.push(BlockEntry {
                ordinal: take.u32()?,
                length: take.u32_at_most(limits::BLOCK_LENGTH_MAX)?,
                identity: BlockIdentity(take.array()?),
            });
        }
        if !blocks.is_sorted_by(|left, right| left.ordinal < right.ordinal) {
            return Err(take.invalid("blocks ascend by ordinal"));
        }
        let count = take.count(LIST_COUNT_MAX, ChunkId::LEN)?;
        let needs: Vec<ChunkId> =
            (0..count).map(|_| ChunkId::decode(&mut take)).collect::<Result<_>>()?;
        if !needs.is_sorted_by(|left, right| left < right) {
            return Err(take.invalid("needs ascend"));
        }
        take.end()?;
        Ok(ChunkFooter { chunk, context, blocks, needs })
    }
}

/// Opens a run of chunks that share a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHeader {
    /// The address of the first chunk of the run; its number names the run.
    pub first: ChunkId,
    /// The session whose table and epochs the context uses.
    pub session: SessionId,
    /// What the chunks share.
    pub context: Context,
}

impl RunHeader {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.first.encode(out);
        out.put_raw(&self.session.0);
        self.context.encode(out);
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<RunHeader> {
        let mut take = Take::new("run header", body);
        let header = RunHeader {
            first: ChunkId::decode(&mut take)?,
            session: SessionId(take.array()?),
            context: Context::decode(&mut take)?,
        };
        take.end()?;
        Ok(header)
    }
}

/// A chunk of a run, as the run's footer lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunChunk {
    /// The chunk's number.
    pub number: u64,
    /// Bytes of its encoded payload.
    pub stored_length: u32,
    /// CRC-32C of its encoded payload.
    pub stored_crc: u32,
}

/// Closes a run: the context once more, and the chunks that it was for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFooter {
    /// The run's header once more.
    pub header: RunHeader,
    /// Its chunks in order.
    pub chunks: Vec<RunChunk>,
}

const RUN_CHUNK_LEN: usize = 16;

impl RunFooter {
    /// Appends the frame's body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut header = Vec::new();
        self.header.encode(&mut header);
        let length_max = limits::FRAME_BODY_LENGTH_MAX as usize;
        out.put_bytes(&header, length_max);
        out.put_count(self.chunks.len(), length_max);
        for chunk in &self.chunks {
            out.put_u64(chunk.number);
            out.put_u32(chunk.stored_length);
            out.put_u32(chunk.stored_crc);
        }
    }

    /// Reads a frame's body.
    pub fn decode(body: &[u8]) -> Result<RunFooter> {
        let mut take = Take::new("run footer", body);
        let length_max = limits::FRAME_BODY_LENGTH_MAX as usize;
        let header = RunHeader::decode(take.bytes(length_max)?)?;
        let count = take.count(length_max, RUN_CHUNK_LEN)?;
        let mut chunks: Vec<RunChunk> = Vec::with_capacity(count);
        for _ in 0..count {
            chunks.push(RunChunk {
                number: take.u64_at_most(limits::CHUNK_NUMBER_MAX)?,
                stored_length: take.u32_at_most(limits::FRAME_PAYLOAD_LENGTH_MAX)?,
                stored_crc: take.u32()?,
            });
        }
        let behind_first = chunks.first().is_none_or(|chunk| chunk.number >= header.first.number);
        if !behind_first || !chunks.is_sorted_by(|left, right| left.number < right.number) {
            return Err(take.invalid("chunks of a run ascend from its first"));
        }
        take.end()?;
        Ok(RunFooter { header, chunks })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> ChunkHeader {
        let stage = |plain_length, nonce| StageRecord { plain_length, nonce };
        ChunkHeader {
            chunk: ChunkId::default(),
            session: SessionId::default(),
            kind: ChunkKind::Data,
            plain_length: 100,
            stages: vec![stage(100, Vec::new()), stage(64, vec![9; 24])],
            context: ContextPlace::Here(Context { chain: vec![0, 1], ..Context::default() }),
        }
    }

    fn again(header: &ChunkHeader) -> Result<ChunkHeader> {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        ChunkHeader::decode(&bytes)
    }

    #[test]
    fn a_header_agrees_with_itself() {
        assert_eq!(again(&header()), Ok(header()));
        let mut wrong = header();
        wrong.stages[0].plain_length = 99;
        assert!(matches!(again(&wrong), Err(Error::Invalid { .. })));
        let mut wrong = header();
        wrong.stages.pop();
        assert!(matches!(again(&wrong), Err(Error::Invalid { .. })));
        let mut wrong = header();
        wrong.stages[1].plain_length = limits::FRAME_PAYLOAD_LENGTH_MAX + 1;
        assert!(matches!(again(&wrong), Err(Error::Limit { what: "stage", .. })));
    }

    #[test]
    fn the_index_stands_in_its_stream_and_nothing_else_does() {
        let index = ChunkId { stream: StreamNumber::INDEX, ..ChunkId::default() };
        let page = ChunkHeader { kind: ChunkKind::IndexPage, ..header() };
        assert!(matches!(again(&page), Err(Error::Invalid { .. })));
        assert!(again(&ChunkHeader { chunk: index, ..page }).is_ok());
        assert!(again(&ChunkHeader { chunk: index, ..header() }).is_err());
    }

    #[test]
    fn codes_and_lengths_are_known() {
        let mut bytes = Vec::new();
        header().encode(&mut bytes);
        let check = |at: usize, value: u8, expected: fn(&Error) -> bool| {
            let mut bytes = bytes.clone();
            bytes[at] = value;
            let error = ChunkHeader::decode(&bytes).expect_err("it was changed");
            assert!(expected(&error), "{error}");
        };
        check(44, 4, |error| matches!(error, Error::Unknown { what: "chunk kind", .. }));
        check(45, 3, |error| matches!(error, Error::Unknown { what: "context place", .. }));
        check(49, 2, |error| matches!(error, Error::Limit { what: "chunk", .. }));
        check(50, 17, |error| matches!(error, Error::Limit { what: "chain", .. }));
        check(56, 65, |error| matches!(error, Error::Limit { limit: 64, .. }));
    }

    #[test]
    fn a_header_at_the_limits_is_read() {
        let plain_length = limits::CHUNK_PLAIN_LENGTH_MAX;
        let nonce = vec![9; limits::NONCE_LENGTH_MAX];
        let stage = StageRecord { plain_length: limits::FRAME_PAYLOAD_LENGTH_MAX, nonce };
        let mut stages = vec![stage; limits::CHAIN_LENGTH_MAX];
        stages[0].plain_length = plain_length;
        let chain = vec![u16::MAX; limits::CHAIN_LENGTH_MAX];
        let context = ContextPlace::Here(Context { chain, ..Context::default() });
        let most = ChunkHeader { plain_length, stages, context, ..header() };
        assert_eq!(again(&most), Ok(most));
    }

    #[test]
    fn pools_are_the_values_of_their_option_and_text() {
        let mut context = Context::default();
        assert_eq!(context.pools().count(), 0);
        for (key, value) in [(Context::POOL, "b"), (Context::POOL, "a"), (Context::POOL + 1, "c")] {
            context.options.push(key, value);
        }
        context.options.push(Context::POOL, [0xff]);
        assert_eq!(context.pools().collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn a_chain_past_the_limit_is_not_written() {
        let long = ChunkHeader { stages: vec![StageRecord::default(); 17], ..header() };
        assert!(std::panic::catch_unwind(|| again(&long)).is_err());
    }

    #[test]
    fn lists_of_a_footer_ascend_and_their_counts_do_not_lie() {
        let again = |ordinals: &[u32], length, needs: &[u64]| {
            let identity = BlockIdentity::default();
            let block = |ordinal: &u32| BlockEntry { ordinal: *ordinal, length, identity };
            let need = |number: &u64| ChunkId { number: *number, ..ChunkId::default() };
            let footer = ChunkFooter {
                chunk: ChunkId::default(),
                context: None,
                blocks: ordinals.iter().map(block).collect(),
                needs: needs.iter().map(need).collect(),
            };
            let (mut body, mut payload) = (Vec::new(), Vec::new());
            footer.encode(&mut body, &mut payload);
            assert!(ChunkFooter::decode(&body, &payload[..payload.len() - 1]).is_err());
            ChunkFooter::decode(&body, &payload)
        };
        assert!(again(&[0, 2], 9, &[0, 1]).is_ok());
        assert!(matches!(again(&[2, 0], 9, &[]), Err(Error::Invalid { .. })));
        assert!(matches!(again(&[2, 2], 9, &[]), Err(Error::Invalid { .. })));
        assert!(matches!(again(&[], 9, &[1, 1]), Err(Error::Invalid { .. })));
        let over = again(&[0], limits::BLOCK_LENGTH_MAX + 1, &[]);
        assert!(matches!(over, Err(Error::Limit { .. })));
    }

    #[test]
    fn a_run_lists_its_chunks_in_order_from_the_first() {
        let again = |numbers: &[u64]| {
            let first = ChunkId { number: 4, ..ChunkId::default() };
            let header =
                RunHeader { first, session: SessionId::default(), context: Context::default() };
            let chunk =
                |number: &u64| RunChunk { number: *number, stored_length: 1, stored_crc: 2 };
            let footer = RunFooter { header, chunks: numbers.iter().map(chunk).collect() };
            let mut bytes = Vec::new();
            footer.encode(&mut bytes);
            RunFooter::decode(&bytes).map(|read| assert_eq!(read, footer))
        };
        assert_eq!(again(&[]), Ok(()));
        assert_eq!(again(&[4, 5, 9]), Ok(()));
        for wrong in [&[3, 4][..], &[5, 4], &[4, 4]] {
            assert!(matches!(again(wrong), Err(Error::Invalid { .. })));
        }
    }
}

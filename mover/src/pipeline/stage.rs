//! What a stage can do, whoever implements it; the components do, in `plugin`.

use crate::error::Result;

/// What is particular to one chunk at one position of its chain.
#[derive(Clone, Copy, Debug)]
pub struct ChunkInfo<'a> {
    /// Bytes before encoding, and so what decoding has to give back.
    pub plain_length: u32,
    /// The stage's nonce for this chunk; empty where it has none.
    pub nonce: &'a [u8],
    /// What the chunk is: associated data.
    pub binding: &'a [u8],
}

/// How long the encoded form of so many bytes may be: an eighth more, and 1 KiB.
pub fn encoded_length_max(plain_length: usize) -> usize {
    plain_length + plain_length / 8 + 1024
}

/// Encodes and decodes chunks in any order.
pub trait Transform: Send {
    /// Replaces `output` by the encoded form of `input`.
    fn encode(&mut self, chunk: &ChunkInfo<'_>, input: &[u8], output: &mut Vec<u8>) -> Result<()>;
    /// Replaces `output` by the `plain_length` bytes that `encode` was given.
    fn decode(&mut self, chunk: &ChunkInfo<'_>, input: &[u8], output: &mut Vec<u8>) -> Result<()>;
}

/// One block, as a dedupe component cuts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes of the block.
    pub length: u32,
    /// CRC-32C of the block.
    pub crc: u32,
}

/// Cuts windows into blocks.
pub trait Cutter: Send {
    /// No block is longer.
    fn block_length_max(&self) -> usize;
    /// Appends the cuts of `window` to `cuts`. `ends` are positions at which there must be a cut;
    /// bytes after the last end may be left uncut.
    fn cut(&mut self, window: &[u8], ends: &[u32], cuts: &mut Vec<Cut>) -> Result<()>;
}

/// What is to be done with an entry; the strongest of several wins, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Nothing.
    #[default]
    Pass,
    /// Keep the findings.
    Tag,
    /// Keep it, but do not restore it.
    Hold,
    /// Leave it out.
    Stop,
}

/// Something that a snoop found in an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub name: String,
    /// Where it begins.
    pub offset: u64,
    /// How long it is; 0 where it is about the whole entry.
    pub length: u32,
    /// A detail; may be empty.
    pub detail: String,
}

/// A snoop's answer for one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is to be done.
    pub action: Action,
    /// Why.
    pub findings: Vec<Finding>,
}

/// Looks at entries one after another.
pub trait Inspector: Send {
    /// The component's name, for its findings.
    fn name(&self) -> &str;
    /// Looks at the next bytes; one verdict for every end of an entry in them.
    fn inspect(&mut self, window: &[u8], ends: &[u32]) -> Result<Vec<Verdict>>;
    /// Everything that another instance needs to go on from here.
    fn save(&mut self) -> Result<Vec<u8>>;
}

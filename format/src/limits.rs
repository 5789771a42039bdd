//! Every bound of the format, in one place. SPEC 2 lists them under the same names.

/// Bytes of a chunk's payload before encoding, at most.
pub const CHUNK_PLAIN_LENGTH_MAX: u32 = 16 << 20;
/// Bytes of a frame's payload, at most: an encoded chunk may be larger than its plain bytes.
pub const FRAME_PAYLOAD_LENGTH_MAX: u32 = 64 << 20;
/// Bytes of a frame's body, at most.
pub const FRAME_BODY_LENGTH_MAX: u32 = 16 << 20;
/// Bytes of one block, at most.
pub const BLOCK_LENGTH_MAX: u32 = 1 << 20;
/// The highest number of a chunk in its stream, so that arithmetic on numbers cannot overflow.
pub const CHUNK_NUMBER_MAX: u64 = (1 << 62) - 1;
/// Bytes of an entry's content, holes included, at most: what a signed file offset can say.
pub const CONTENT_LENGTH_MAX: u64 = (1 << 63) - 1;
/// The highest value of a timestamp's nanoseconds.
pub const NANOSECONDS_MAX: u32 = 999_999_999;
/// Stages in one chain, at most.
pub const CHAIN_LENGTH_MAX: usize = 16;
/// Entries of a session's component table, at most.
pub const COMPONENT_COUNT_MAX: usize = 256;
/// Bytes of a component's configuration, at most.
pub const CONFIG_LENGTH_MAX: usize = 1 << 20;
/// Bytes of a stage's nonce, at most.
pub const NONCE_LENGTH_MAX: usize = 64;
/// Bytes of an options header, at most.
pub const OPTIONS_LENGTH_MAX: usize = 64 << 10;
/// Bytes of an archive's, a job's or a component's name, at most.
pub const NAME_LENGTH_MAX: usize = 1024;
/// Bytes of an entry's path or link target, at most.
pub const PATH_LENGTH_MAX: usize = 1 << 20;
/// Extended attributes of one entry, at most.
pub const XATTR_COUNT_MAX: usize = 4096;
/// Bytes of one extended attribute's value, at most.
pub const XATTR_LENGTH_MAX: usize = 1 << 20;
/// Key epochs opened by one session, at most.
pub const EPOCH_COUNT_MAX: usize = 64;
/// Members of a key group, at most.
pub const MEMBER_COUNT_MAX: usize = 1024;
/// Bytes of a wrapped key, at most.
pub const ENVELOPE_LENGTH_MAX: usize = 64 << 10;
/// Findings kept beside one entry, at most.
pub const FINDING_COUNT_MAX: usize = 64;
/// Extents of one index record, at most: an entry with more goes on in following records of the
/// same number.
pub const EXTENT_COUNT_MAX: usize = 65_536;
/// Columns of a parity set, of data and of parity together, at most.
pub const PARITY_COLUMN_COUNT_MAX: usize = 255;
/// Rows of a parity set, at most.
pub const PARITY_ROW_COUNT_MAX: u32 = 1 << 18;
/// Bytes of a shard of a parity set, at most.
pub const PARITY_SHARD_LENGTH_MAX: u32 = 16 << 20;
/// Bytes of a row of a parity set, at most: what whoever heals has to hold at once.
pub const PARITY_ROW_LENGTH_MAX: u64 = 256 << 20;

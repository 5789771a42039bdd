//! Questions and answers. New ones are added behind the last: the place is what is sent.

use serde::{Deserialize, Serialize};

use super::ArchiveInfo;
use super::record::{EndInfo, FaultInfo, PlaceInfo, SessionInfo, VolumeInfo};
use crate::error::{Error, ErrorKind};

/// A chunk's address: archive, stream, number.
pub type ChunkKey = ([u8; 16], u32, u64);

/// What one peer may do in one store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Append archives of its own.
    pub write: bool,
    /// Read everything.
    pub read: bool,
    /// Drop archives.
    pub delete: bool,
    /// Make the store, and change who can read it.
    pub keys: bool,
}

#[allow(missing_docs, reason = "fields are named for what they are; docs/protocol.md tells all")]
/// What a client asks of a server. `+` means that bytes come with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Nothing, but that the client is alive.
    Ping,
    /// Which store all that follows is about.
    Open { store: String },
    /// Makes the store, whose first key group comes with it. +
    Init,
    /// All key groups.
    Groups,
    /// Archives behind the first `after`.
    Archives { after: u64 },
    /// A session's header.
    Session { session: [u8; 16] },
    /// Sessions behind the first `after`.
    Sessions { after: u64 },
    /// A component's bytes.
    Component { digest: [u8; 32] },
    /// Where chunks lie.
    ChunkPlaces { chunks: Vec<ChunkKey> },
    /// A chunk.
    ReadChunk { chunk: ChunkKey },
    /// Checks a chunk; gives its footer.
    VerifyChunk { chunk: ChunkKey },
    /// Where blocks lie that are in all of these pools; none is the home pool.
    LookupBlocks { identities: Vec<[u8; 32]>, pools: Vec<String> },
    /// All volumes.
    Volumes,
    /// Chunks of a volume behind the first `after`.
    VolumeChunks { volume: u32, after: u64 },
    /// Checks a volume.
    CheckVolume { volume: u32 },
    /// What is known to be wrong.
    Faults,
    /// Where the streams of an unfinished archive end. Whoever writes to it is cut off.
    Unfinished { proof: [u8; 32] },
    /// Which of these components the server lacks.
    LackingComponents { digests: Vec<[u8; 32]> },
    /// A component that it lacks. +
    PutComponent { digest: [u8; 32], name: String, version: String },
    /// Begins, or takes up, a session and an archive in it; the frames of both headers, and of a
    /// run that is open, come with it. `outstanding` are appends without an answer, in order. +
    Begin { proof: [u8; 32], outstanding: Vec<(u64, Option<ChunkKey>)>, next: u64 },
    /// Makes this connection a data channel of a session.
    Attach { attachment: [u8; 16] },
    /// Appends frames: a chunk's two, or one of a run. +
    Append { number: u64 },
    /// Closes the archive; its footer's frame comes with it. +
    EndArchive,
    /// Closes the session; its footer's frame comes with it. +
    EndSession,
    /// Makes everything durable.
    Settle,
    /// Drops an archive.
    Drop { archive: [u8; 16], seconds: i64, nanoseconds: u32 },
    /// Puts a key group, whose frame comes with it. +
    PutGroup,
    /// What runs on the server.
    Status,
    /// Has a session wait, go on, or end.
    Steer { session: [u8; 16], kind: Steering },
    /// Asks an agent to archive one of its sources into a store that the asker lends, or to restore
    /// from there into it; or, with a ticket that is known, how that ended.
    Run { ticket: [u8; 16], source: String, job: AgentJob },
    /// Lends this connection to an agent's job: from the answer on the two change roles, and the
    /// agent asks.
    Lend { ticket: [u8; 16] },
    /// Which pools have chunks of these ranges: the first of each, and how many they are.
    PoolsOf { ranges: Vec<(ChunkKey, u64)> },
    /// Volumes behind the first `after`, as many as fit into an answer; none where there are no
    /// more.
    VolumesBehind { after: u64 },
}

/// What an agent is asked to do with one of its sources.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are named for what they are; docs/protocol.md tells all")]
pub enum AgentJob {
    /// Archive it under a name; `reread` also what seems unchanged.
    Archive { name: String, reread: bool },
    /// Restore an archive into it. `keys` are those of the epochs that the archive was written in:
    /// the digest of an epoch's envelope, and its key.
    Restore { archive: [u8; 16], overwrite: bool, keys: Vec<([u8; 32], [u8; 32])> },
}

impl std::fmt::Debug for AgentJob {
    /// Without keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            AgentJob::Archive { name, .. } => write!(f, "Archive({name:?})"),
            AgentJob::Restore { .. } => f.write_str("Restore"),
        }
    }
}

/// What is asked of a running session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Steering {
    /// Wait.
    Pause,
    /// Go on.
    Continue,
    /// End, so that it can be taken up later.
    Stop,
}

impl Steering {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Steering::Pause => "pause",
            Steering::Continue => "continue",
            Steering::Stop => "stop",
        }
    }
}

#[allow(missing_docs, reason = "fields are named for what they are; docs/protocol.md tells all")]
/// A server's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// It is being worked on; the answer follows.
    Working { why: Option<String> },
    /// It cannot be done.
    Failed { kind: FailureKind, message: String, way_out: Option<String> },
    /// The store is open.
    Opened { id: [u8; 16], rights: Rights },
    /// Bytes come with it, as the question says: frames, or a component. +
    Bytes,
    /// Archives; the lists of their footers come with it, one behind the other. +
    Archives { archives: Vec<ArchiveInfo>, more: bool },
    /// Sessions.
    Sessions { sessions: Vec<SessionInfo>, more: bool },
    /// Places, in the order of the question.
    Places { places: Vec<Option<PlaceInfo>> },
    /// Places of a volume's chunks.
    VolumeChunks { places: Vec<PlaceInfo>, more: bool },
    /// A chunk: its header's frame, with the context in it. +
    Chunk { place: PlaceInfo },
    /// Places of blocks, in the order of the question: chunk, ordinal, length.
    Blocks { blocks: Vec<Option<(ChunkKey, u32, u32)>> },
    /// Volumes.
    Volumes { volumes: Vec<VolumeInfo> },
    /// Faults.
    Faults { faults: Vec<FaultInfo> },
    /// Where streams end; none where the archive is not there or is finished.
    Unfinished { ends: Option<Vec<EndInfo>> },
    /// Components that are lacking.
    Lacking { digests: Vec<[u8; 32]> },
    /// The session is begun. `there` are outstanding appends that had arrived; `channels` and
    /// `window` are the credit: so many connections, and so many appends without an answer on each.
    Begun { attachment: [u8; 16], there: Vec<u64>, ends: Vec<EndInfo>, channels: u16, window: u16 },
    /// The append is written, and so are all before it; `durable` of this attachment's chunks
    /// survive a power loss.
    Written { durable: u64 },
    /// What runs, as JSON.
    Status { json: String },
    /// How a job of an agent ended, as JSON.
    Report { json: String },
    /// Names of pools.
    Pools { pools: Vec<String> },
}

/// What kind of failure it is, as [`ErrorKind`] tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named like the kinds of errors")]
pub enum FailureKind {
    Damaged,
    Missing,
    Exists,
    Busy,
    Refused,
    Unsupported,
    Key,
    Plugin,
    Full,
    Cancelled,
    Usage,
    Io,
    /// The session is not known here any more: begin it again.
    Unattached,
}

impl Reply {
    /// An error as an answer.
    pub fn failed(error: &Error) -> Reply {
        let kind = match error.kind() {
            ErrorKind::Damaged => FailureKind::Damaged,
            ErrorKind::Missing => FailureKind::Missing,
            ErrorKind::Exists => FailureKind::Exists,
            ErrorKind::Busy => FailureKind::Busy,
            ErrorKind::Refused => FailureKind::Refused,
            ErrorKind::Unsupported => FailureKind::Unsupported,
            ErrorKind::Key => FailureKind::Key,
            ErrorKind::Plugin => FailureKind::Plugin,
            ErrorKind::Full => FailureKind::Full,
            ErrorKind::Cancelled => FailureKind::Cancelled,
            ErrorKind::Usage => FailureKind::Usage,
            ErrorKind::Io => FailureKind::Io,
        };
        let cut = |text: &str| text.chars().take(4096).collect::<String>();
        Reply::Failed { kind, message: cut(&error.to_string()), way_out: error.hint().map(cut) }
    }
}

/// A failure as an error; the peer is named by whoever knows it.
pub fn error_of(kind: FailureKind, message: String, way_out: Option<String>) -> Error {
    let kind = match kind {
        FailureKind::Damaged => ErrorKind::Damaged,
        FailureKind::Missing => ErrorKind::Missing,
        FailureKind::Exists => ErrorKind::Exists,
        FailureKind::Busy => ErrorKind::Busy,
        FailureKind::Refused => ErrorKind::Refused,
        FailureKind::Unsupported => ErrorKind::Unsupported,
        FailureKind::Key => ErrorKind::Key,
        FailureKind::Plugin => ErrorKind::Plugin,
        FailureKind::Full => ErrorKind::Full,
        FailureKind::Cancelled => ErrorKind::Cancelled,
        FailureKind::Usage => ErrorKind::Usage,
        FailureKind::Io | FailureKind::Unattached => ErrorKind::Io,
    };
    let clean = |text: String| -> String {
        text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
    };
    let error = Error::new(kind, clean(message));
    match way_out {
        Some(way_out) => error.way_out(clean(way_out)),
        None => error,
    }
}

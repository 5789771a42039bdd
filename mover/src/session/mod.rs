//! The run of a job: an archive, a restore, a check; its faults and its report.
//!
//! This is where everything meets: the source feeds the head, the head fills chunks, workers
//! encode them, the tail appends them to the store; and the other way round for a restore.

mod access;
mod archive;
mod begin;
pub mod board;
mod budget;
mod cache;
mod compare;
mod contents;
mod copy;
mod decode;
mod examine;
mod look;
mod index_pools;
mod explain;
mod extract;
mod feed;
mod filters;
mod finisher;
mod head;
mod journal;
mod mapped;
mod merge;
mod plan;
mod staged;
mod previous;
mod protect;
mod prune;
mod progress;
mod repair;
mod report;
mod restart;
mod retention;
mod restore;
mod routes;
mod routing;
mod sink;
mod stages;
mod tail;
mod throttle;
mod unscanned;
mod verify;

pub use crate::store::{Healed, Protected};
pub use access::WriteAccess;
pub use archive::{Ambient, ArchiveConfig, Source, WORKER_MEMORY, Watch, archive};
pub use cache::ChunkCache;
pub use compare::{CompareReport, PathDifference, compare};
pub use contents::{Contents, PathFilter, unfinished_footer};
pub use copy::{CopyConfig, CopyReport, CopySource, copy};
pub use decode::{Decoder, Decoding};
pub use explain::explain;
pub use extract::extract;
pub use filters::FilterConfig;
pub use journal::{Interrupted, Job, interrupted};
pub use mapped::{MappedRoutes, stage_of};
pub use merge::{MergeReport, merge};
pub use plan::{RestorePlan, VolumePlan, plan};
pub use progress::{Observer, Progress, Reading};
pub use protect::{heal, protect};
pub use prune::{Decision, PruneConfig, PruneReport, prune};
pub use repair::{RepairReport, name_lost, repair};
pub use report::{ArchiveReport, RestoreReport, VerifyReport};
pub use restore::{RestoreConfig, restore};
pub use retention::Keep;
pub use routes::{
    CIPHER, ContentSoFar, Encryption, EntryRouter, OnFailure, OnSnoopFailure, OneWay, RouteConfig,
    Router,
};
pub use staged::Staged;
pub use stages::{Pin, StageSpec};
pub use verify::{Damage, VerifyConfig, verify};

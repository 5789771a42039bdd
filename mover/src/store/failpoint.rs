//! The steps at which a test can stop a writer.

pub(super) use crate::failpoint::reach;

pub(super) const VOLUME_CREATED: &str = "store-volume-created";
pub(super) const VOLUME_CLOSED: &str = "store-volume-closed";
pub(super) const CHUNK_APPENDED: &str = "store-chunk-appended";
pub(super) const BEFORE_WRITE: &str = "store-before-write";
pub(super) const AFTER_WRITE: &str = "store-after-write";
pub(super) const AFTER_SYNC: &str = "store-after-sync";
pub(super) const BEFORE_CATALOG: &str = "store-before-catalog";
pub(super) const AFTER_CATALOG: &str = "store-after-catalog";
pub(super) const RECOVERY_TRUNCATED: &str = "store-recovery-truncated";
pub(super) const RECOVERY_INDEXED: &str = "store-recovery-indexed";

/// All fail points of a store, in the order in which a writer comes by.
pub const FAIL_POINTS: &[&str] = &[
    RECOVERY_TRUNCATED,
    RECOVERY_INDEXED,
    VOLUME_CREATED,
    CHUNK_APPENDED,
    BEFORE_WRITE,
    AFTER_WRITE,
    AFTER_SYNC,
    BEFORE_CATALOG,
    AFTER_CATALOG,
    VOLUME_CLOSED,
];

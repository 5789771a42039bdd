//! The steps at which a test can stop the program, all of them.
//!
//! `FAILPOINTS="store-after-sync=return(abort)"` ends the process there as a kill does,
//! `=return` gives an error, `3*off->...` waits for the fourth time. Only with the feature
//! `failpoints`; without it they are nothing.

use crate::Result;

// Opening a store to be written: the tail of a volume, and a catalog that is made anew.
pub(crate) const RECOVERY_INDEXED: &str = "store-recovery-indexed";
pub(crate) const RECOVERY_TRUNCATED: &str = "store-recovery-truncated";
pub(crate) const CATALOG_MADE: &str = "store-catalog-made";
pub(crate) const CATALOG_SET_ASIDE: &str = "store-catalog-set-aside";

// Appending and committing.
pub(crate) const VOLUME_CREATED: &str = "store-volume-created";
pub(crate) const CHUNK_APPENDED: &str = "store-chunk-appended";
pub(crate) const BEFORE_WRITE: &str = "store-before-write";
pub(crate) const AFTER_WRITE: &str = "store-after-write";
pub(crate) const AFTER_SYNC: &str = "store-after-sync";
pub(crate) const BEFORE_CATALOG: &str = "store-before-catalog";
pub(crate) const AFTER_CATALOG: &str = "store-after-catalog";
pub(crate) const VOLUME_CLOSED: &str = "store-volume-closed";

// Taking a volume out.
pub(crate) const VOLUME_MARKED: &str = "store-volume-marked";
pub(crate) const VOLUME_FORGOTTEN: &str = "store-volume-forgotten";

// Parity, and healing by it.
pub(crate) const PARITY_WRITTEN: &str = "parity-written";
pub(crate) const PARITY_NAMED: &str = "parity-named";
pub(crate) const VOLUME_HEALED: &str = "parity-volume-healed";
pub(crate) const VOLUME_PUT_BACK: &str = "parity-volume-put-back";

// Whatever works beside something else.
pub(crate) const THREAD_STARTED: &str = "thread-started";

// Media.
pub(crate) const TAPE_WRITING: &str = "tape-writing";
pub(crate) const DISC_WRITING: &str = "disc-writing";
pub(crate) const DISC_BURNED: &str = "disc-burned";
pub(crate) const OBJECT_PUTTING: &str = "object-putting";
pub(crate) const OBJECT_PUT: &str = "object-put";

/// Comes by a fail point.
pub(crate) fn reach(name: &str) -> Result<()> {
    fail::fail_point!(name, |argument: Option<String>| {
        if argument.as_deref() == Some("abort") {
            std::process::abort();
        }
        Err(crate::Error::new(crate::ErrorKind::Io, format!("fail point {name}")))
    });
    let _ = name;
    Ok(())
}

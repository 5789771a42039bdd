//! What the fuzz targets share: making changed bytes pass their checksums, the folder that a
//! restore must not leave, devices that lie, and the seeds that fuzzing begins with.
//!
//! A target is a file of `targets/`; what it asserts stands there.
#![forbid(unsafe_code)]

pub mod mend;
pub mod seeds;
#[cfg(feature = "engine")]
pub mod jail;
#[cfg(feature = "engine")]
pub mod steps;
#[cfg(feature = "engine")]
pub mod device;

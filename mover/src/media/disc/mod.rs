//! Discs that are written once, and mount anywhere: images, or what a recorder burns.
//!
//! What is appended waits in a spool, a file that is synced like any other, so that a commit is
//! cheap. It is burned as files of an ISO 9660 file system, named by the offset of their first byte,
//! read back and compared, and only then leaves the spool. SPEC 4.7 has the names. An image grows by
//! disc sessions, whenever enough has come together or a session ends. A disc in a recorder takes
//! one session, so its volume is burned when it is finished.

// In suggested reading order.
mod state;
mod burner;
mod xorriso;
mod image;
mod iso;
mod recorder;
mod storage;
mod file;
mod burn;
mod reader;
mod scan;

pub use burner::{BurnedFile, Burner, Burning, Content};
pub use image::ImageBurner;
pub use recorder::RecorderBurner;
pub use state::{Disc, Part, Segment};
pub use storage::{DiscConfig, DiscStorage};

#[cfg(test)]
mod tests;

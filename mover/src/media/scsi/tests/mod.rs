//! Against real targets: tgt's tape library and its optical jukebox.

#[allow(dead_code, reason = "the tests through the binary use the rest")]
pub(crate) mod kit;
mod changer;
mod faults;
mod recorder;
mod tape;

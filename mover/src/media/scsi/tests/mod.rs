//! Against real targets: tgt's tape library and its optical jukebox.

pub(crate) mod kit;
mod changer;
mod faults;
mod recorder;
mod tape;

//! The proof of the format, through its public API.
//!
//! Goal: what is written is read back the same, by this build and by every later one; and no
//! bytes, however hostile, make a decoder panic. Method: properties over generated values, a
//! seeded fuzz loop over damaged ones, golden files, and the vectors of SPEC.md made again.
#![allow(clippy::disallowed_methods, reason = "the proof reads golden files and SPEC.md")]

/// Fixed values of every frame kind, and a whole tiny volume.
mod fixture;
/// Values of every type, generated.
mod strategy;
/// Encoding and decoding undo one another.
mod round_trip;
/// No bytes make a decoder panic.
mod hostile;
/// Bytes of released versions.
mod golden;
/// SPEC.md says what the code does.
mod specification;

//! Pools of discs: images, and what a recorder of tgt's burns.

mod image;
mod recorder;

//! Tapes: drives, cartridges, and volumes on them.
//!
//! A cartridge holds one volume in records of one length, with a filemark behind every 1024 of them
//! and nothing else: the records in their order are the volume. What is on which cartridge is
//! remembered in a file, since no one can look at them all; `scan` asks the cartridges.

// In suggested reading order.
mod device;
mod simh;
mod loader;
mod library;
mod drive;
mod label;
mod cartridge;
mod drives;
mod file;
mod storage;

pub use cartridge::Cartridge;
pub use device::{TapeDevice, TapeRead};
pub use library::LibraryLoader;
pub use loader::{FolderLoader, Loader};
pub use simh::SimhTape;
pub use storage::{Place, TapeConfig, TapeStorage};

#[cfg(test)]
mod tests;

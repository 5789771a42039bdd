//! Tapes: drives, cartridges, and volumes on them.

mod device;

pub use device::{TapeDevice, TapeRead};

//! What the built-in guests share: a window split into entries, and saved states.
//!
//! Plain Rust without the contract in it: each guest generates its own bindings from `wit/`,
//! because a guest must carry the type of one role only.

pub mod state;
pub mod window;

//! The policy file: what an operator writes down once. Now it says what `mover serve` offers, to
//! whom; the storage map comes next.

mod read;
mod serve;

pub use serve::{Policy, ServePolicy, SourcePolicy, SourceRights, StorePolicy, StoreRights};

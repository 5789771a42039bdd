//! Two movers over a network: who they are, what they say, and each end of it.
//!
//! `docs/protocol.md` is the protocol. A client is a [`crate::store::ReadStore`] and a
//! [`crate::store::WriteStore`] like a store in a folder, so that no session knows the difference.
//!
//! Threads, not an asynchronous runtime: a connection carries one question at a time, there are a
//! few for each session, and what is done for a question (checks, appends, syncs) blocks anyway.

pub mod wire;
mod address;
mod identity;
mod trust;
mod tls;
mod socket;
mod link;
mod retry;
mod remote;
mod remote_writer;
mod server;
mod borrow;

pub use address::{Address, DEFAULT_PORT, with_port};
pub use borrow::{AgentCall, call_agent, lent_config};
pub use identity::{Fingerprint, Identity, folder as state_folder};
pub use link::Link;
pub use remote::{Dial, Direct, RemoteConfig, RemoteStore};
pub use remote_writer::{RETRY_FOR, RemoteWriter};
pub use server::{Gate, Server, ServerConfig, StoreGrant};
pub use trust::{KnownPeers, fingerprint_at};
pub use wire::{AgentJob, Rights, Steering};

#[cfg(test)]
mod tests;

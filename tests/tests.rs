//! The proof, through the command line: what a user can do, and what must never happen to them.
//!
//! `cargo test --release` at the root runs everything (minutes, as root: device nodes and full
//! disks need it); `cargo test --release -p tests -- snoop` runs one part. The binary under test
//! is built by the first test that needs it, with its fail points; `MOVER_BINARY` names another.
//! `MOVER_LONG=1` makes the sizes those of the promises (1 GiB, a million files);
//! `MOVER_KILLS=1000` makes the campaign of kills long; `MOVER_SEED` replays it.

// What the tests are made with: a machine, trees, comparisons, small disks, volumes, components.
mod kit;

// What goes in comes out: every kind of key, framing and way to name a source.
mod round_trip;
// The same for a tree with everything that a file system can hold.
mod nasty_tree;
// What is left out, and what comes through standard input.
mod selection;
// What is unchanged is not read; what is known is not stored twice.
mod incremental;
// Files that change, vanish or cannot be read are named, and the rest is archived.
mod faults;
// Findings are tagged, held or stopped.
mod snoop;
// Components of other people, honest ones and hostile ones.
mod components;
// What changes bytes before they are cut, and changes them back.
mod filters;
// Hostile components through the host itself: every way to break out of what a call may do.
mod containment;
// The contract's track 0.1, and what was compiled for it.
mod golden;
// What the built-in components cost, in instructions.
mod instructions;
// What the host's own loops cost, likewise.
mod host_instructions;
// What authors of components have: looked at, checked, run, tested, measured, built, kept, pinned.
mod plugin;
// Who can read a store, and who can only write.
mod keys;
// Everything that an operator can get wrong: each its message, its exit code, and nothing lost.
mod bad_input;
// Entries that would leave the folder that they are restored into.
mod escape;
// Crafted stores: bombs, and lists that lie.
mod bombs;
// Disks that are full.
mod full_disk;
// An interrupted restore goes on.
mod restart_restore;
// {flip, truncate, delete} x {every kind of frame}: all else is restored.
mod damage;
// What is damaged is healed from another pool; what is lost is named.
mod repair;
// Parity beside the volumes gives back what is damaged or lost.
mod parity;
// The catalog is made anew, compared, and completed from another copy of the store.
mod catalog;
// System calls that fail, by strace.
mod injected;
// Two archives at once, and readers beside one.
mod concurrency;
// Long listings and short restores.
mod listing;
// Memory stays within its bound.
mod memory;
// What docs/promises.md names exists; the glossary is sorted.
mod promises;
// The tree is as its documents say: who knows whom, and how long a file may be.
mod tidy;
// What the binary is made of.
mod supply_chain;
// The command line itself: help, completions, JSON, dry runs.
mod cli;
// Killed at any moment, the store is whole.
mod crash;
// Stopped at each step that has a name, on each kind of medium.
mod steps;
// The same commands on a store with another mover, and what goes wrong between two.
mod network;
// An interrupted archive goes on, whatever became of source, journal and store.
mod restart_archive;
// Killed and cut at any moment, on either side: it goes on, and sends little again.
mod kill_campaign;
// The server calls the agent.
mod agent;
// Other programs as head and tail; sessions seen and steered.
mod unbound;
// Tapes, a second disk, S3: written, spanned, killed, lost and found.
mod media;
// One policy file decides what goes where.
mod policy;
// Peers that mean harm.
mod hostile_peer;

//! Other movers: who may use this one, and whom it trusts.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::net::Fingerprint;

/// Offer stores to other movers
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover serve --policy mover.toml

A policy file, with one store that one machine may write to and read:
  version = 1
  [serve]
  listen = [\"0.0.0.0:7373\"]
  [peers]
  laptop = \"K7QX-...\"                 # what `mover identity` prints there
  [stores.main]
  path = \"/backup/store\"
  [[stores.main.allow]]
  peer = \"laptop\"
  rights = [\"write\", \"read\"]          # and \"delete\", \"keys\" (init, change keys)

The default is nobody. SIGHUP rereads the file; SIGTERM ends the server, with all that arrived
made durable.")]
pub(crate) struct Serve {
    /// What is offered, and to whom
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: PathBuf,
}

/// Which servers this machine trusts
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover trust add nas:7373 K7QX-...     the fingerprint as `mover identity` prints it on nas
  mover trust add nas:7373              shows who answers there, and asks
  mover trust list")]
pub(crate) struct Trust {
    #[command(subcommand)]
    pub(crate) command: TrustCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrustCommand {
    /// Trust the server at an address
    #[command(after_help = "Example:\n  mover trust add nas:7373 K7QX-...")]
    Add {
        /// HOST or HOST:PORT
        address: String,
        /// Its fingerprint; without it the server is asked, and then you are
        fingerprint: Option<Fingerprint>,
    },
    /// List them
    #[command(after_help = "Example:\n  mover trust list")]
    List,
    /// Trust nobody at an address any more
    #[command(after_help = "Example:\n  mover trust remove nas:7373")]
    Remove {
        /// HOST or HOST:PORT
        address: String,
    },
}

//! Every command and option, with its help.

// In the order of the help.
mod archive;
mod store;
mod media;
mod catalog;
mod policy;
mod key;
mod serve;
mod run;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};

use crate::media::Parity;
use crate::units::Time;

pub(crate) use archive::{
    Archive, FramingArgument, OnFailureArgument, OnSnoopFailureArgument, Selection, VerifyArgument,
};
pub(crate) use catalog::{Catalog, CatalogCommand};
pub(crate) use key::{Key, KeyCommand};
pub(crate) use media::{Media, MediaCommand};
pub(crate) use policy::{Policy, PolicyCommand};
pub(crate) use run::{Attach, Resume, Status};
pub(crate) use serve::{Serve, Trust, TrustCommand};
pub(crate) use store::{Copy, Drop, List, Prune, Restore, Verify};

/// Archives files through sandboxed components into a store, and gets them back.
#[derive(Debug, Parser)]
#[command(name = "mover", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "\
Examples:
  mover init /backup/store                            make a store; asks for a passphrase
  mover archive ~/src --to /backup/store --name src   archive a folder
  mover list /backup/store                            what is in the store
  mover restore /backup/store latest --into ~/back    get the newest archive back
  mover verify /backup/store --read                   decode and check everything

The passphrase comes from MOVER_PASSPHRASE, --passphrase-file or a prompt.
Exit codes: 0 done, 1 done with faults, 2 failed, 3 something refused by policy or snoop.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes; behind its own options in its help.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct Global {
    /// Print one JSON document a line instead of text for people
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print nothing but faults and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Read the passphrase from the first line of a file
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Open the store with an age identity (AGE-SECRET-KEY-1...); may be given several times
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) identity: Vec<PathBuf>,
    /// The folder of components that are known by name [default: mover/plugins in your data folder]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath,
          env = "MOVER_PLUGIN_FOLDER")]
    pub(crate) plugins: Option<PathBuf>,
    /// Do not run components that a store carries, which are needed to read what they made
    #[arg(long, global = true)]
    pub(crate) no_carried: bool,
    /// Trust a component that a store carries as one that you named: blake3:DIGEST
    #[arg(long, global = true, value_name = "DIGEST")]
    pub(crate) trust_component: Vec<String>,
    /// How long a lost connection to another mover is tried anew
    #[arg(long, global = true, value_name = "TIME", default_value = "5m")]
    pub(crate) retry_for: Time,
    /// Connections that carry chunks to another mover
    #[arg(long, global = true, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u16).range(1..=16))]
    pub(crate) channels: u16,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one, for as long as the process lives")]
pub(crate) enum Command {
    Init(Init),
    Archive(Archive),
    List(List),
    Restore(Restore),
    Verify(Verify),
    Drop(Drop),
    Prune(Prune),
    Copy(Copy),
    Media(Media),
    Catalog(Catalog),
    Policy(Policy),
    Plugin(super::plugin::Plugin),
    Key(Key),
    Serve(Serve),
    /// Show who this machine is to other movers
    #[command(after_help = "\
Example:
  mover identity          the fingerprint that a server's policy file and its clients need")]
    Identity,
    Trust(Trust),
    Resume(Resume),
    Attach(Attach),
    Status(Status),
    Completions(Completions),
    Man(Man),
}

/// Make a store
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover init /backup/store                              with a passphrase
  mover init /backup/store --recipient age1qy...        this machine can write, and not read
  mover init /backup/store --no-encryption              no secrets at all
  mover init /backup/store --parity 10+2                heals what is damaged, for a fifth more room")]
pub(crate) struct Init {
    /// The folder to make, which must not exist or be empty; or mover://HOST:PORT/NAME
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// Encrypt for the owner of this age recipient; may be given several times
    #[arg(long, value_name = "AGE", conflicts_with = "no_encryption")]
    pub(crate) recipient: Vec<String>,
    /// Encrypt nothing
    #[arg(long)]
    pub(crate) no_encryption: bool,
    /// Keep parity beside the volumes, which heals damaged and lost ones: 10+2 is two files for ten
    #[arg(long, value_name = "N+M")]
    pub(crate) parity: Option<Parity>,
}

/// Print shell completions
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  mover completions bash > /etc/bash_completion.d/mover")]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Write man pages
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  mover man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// The folder to write them into
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) folder: PathBuf,
}

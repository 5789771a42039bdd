//! `mover key`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// Who can read the store
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover key list /backup/store
  mover key add /backup/store --recipient age1qy... --name alice
  mover key add /backup/store --name spare              asks for a new passphrase
  mover key remove /backup/store alice
  mover key export /backup/store > key-in-the-safe.txt")]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) command: KeyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Add a passphrase or a recipient
    #[command(
        after_help = "Example:\n  mover key add /backup/store --recipient age1qy... --name alice"
    )]
    Add {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// An age recipient
        #[arg(long, value_name = "AGE", conflicts_with = "new_passphrase_file")]
        recipient: Option<String>,
        /// Read the new passphrase from the first line of a file, instead of a prompt
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        new_passphrase_file: Option<PathBuf>,
        /// A name for it
        #[arg(long)]
        name: Option<String>,
    },
    /// Remove one: what is written from now on it cannot read
    #[command(after_help = "Example:\n  mover key remove /backup/store alice")]
    Remove {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// Its name, or the recipient
        name: String,
        /// Drop other passphrases that were not given, instead of refusing
        #[arg(long)]
        drop_others: bool,
    },
    /// List them
    #[command(after_help = "Example:\n  mover key list /backup/store")]
    List {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
    },
    /// Print the store's secret as an age identity, to keep in a safe place
    #[command(after_help = "Example:\n  mover key export /backup/store > key-in-the-safe.txt")]
    Export {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
    },
}

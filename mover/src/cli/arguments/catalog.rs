//! `mover catalog`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::Selection;

/// What the store knows of its media: make it anew, complete it, compare it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover catalog compare /backup/store                      the catalog against the media
  mover catalog compare /backup/store latest ~/src         an archive against the files themselves
  mover catalog rebuild /backup/store
  mover catalog merge /backup/store /mnt/usb/store         what another copy of the store has more")]
pub(crate) struct Catalog {
    #[command(subcommand)]
    pub(crate) command: CatalogCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Make the catalog anew from the media alone; needs no key
    #[command(after_help = "Example:\n  mover catalog rebuild /backup/store")]
    Rebuild {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
    },
    /// Take over what another copy of the same store has more: archives, lost chunks; needs no key
    #[command(after_help = "\
Examples:
  mover catalog merge /backup/store /mnt/usb/store
  mover catalog merge /backup/store /mnt/usb/store --to-pool second")]
    Merge {
        /// The store that is completed
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// The other copy, which is only read
        #[arg(value_hint = ValueHint::DirPath)]
        from: PathBuf,
        /// The pool that the chunks go to
        #[arg(long, value_name = "POOL", default_value = crate::store::HOME_POOL)]
        to_pool: String,
    },
    /// Hold the catalog against the media, or an archive against files; exits with 1 where they
    /// differ
    #[command(after_help = "\
Examples:
  mover catalog compare /backup/store                      the catalog against the media
  mover catalog compare /backup/store latest ~/src         names, sizes, times, owners, attributes
  mover catalog compare /backup/store src ~/src --read     every byte too")]
    Compare {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// An archive: a name, the beginning of an id, or `latest`
        #[arg(requires = "paths")]
        archive: Option<String>,
        /// What was archived
        #[arg(value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
        /// Compare content too
        #[arg(long, requires = "archive")]
        read: bool,
        #[command(flatten)]
        selection: Selection,
    },
}

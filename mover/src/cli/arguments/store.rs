//! What is done with a store that there is: list, restore, verify, drop, prune, copy.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::units::{Size, Time};

/// List archives, or the entries of one
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover list /backup/store                  the archives
  mover list /backup/store latest           every entry of the newest archive
  mover list /backup/store src docs/        what is at and below docs in the newest archive src")]
pub(crate) struct List {
    /// The store
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// A name, the beginning of an id, or `latest`
    pub(crate) archive: Option<String>,
    /// List only what is at and below these
    pub(crate) paths: Vec<PathBuf>,
    /// Show archives that were dropped, too
    #[arg(long)]
    pub(crate) all: bool,
}

/// Restore an archive, or a part of it
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover restore /backup/store latest --into ~/back
  mover restore /backup/store src docs/a.txt --into ~/back      one file
  mover restore /backup/store src --into ~/back --overwrite     replace what is there
  mover restore /backup/store db db.sql --stdout | psql db      one file, through a pipe

A restore that was interrupted goes on when the same command is run again.")]
pub(crate) struct Restore {
    /// The store
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// A name, the beginning of an id, or `latest`
    pub(crate) archive: String,
    /// Restore only what is at and below these
    pub(crate) paths: Vec<PathBuf>,
    /// The folder to restore into, made if it is missing; or mover://AGENT:PORT/SOURCE
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath,
          required_unless_present_any = ["stdout", "attach", "plan"])]
    pub(crate) into: Option<PathBuf>,
    /// Say which volumes would be needed, and restore nothing
    #[arg(long, conflicts_with_all = ["stdout", "attach"])]
    pub(crate) plan: bool,
    /// Write the content of one file to standard output
    #[arg(long, conflicts_with = "into")]
    pub(crate) stdout: bool,
    /// Wait for `mover attach NAME` to take the content of one file
    #[arg(long, value_name = "NAME", conflicts_with_all = ["into", "stdout"])]
    pub(crate) attach: Option<String>,
    /// Go into a folder that is not empty, and replace what is in the way
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Begin anew, even if this restore was interrupted before and could go on
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Check everything, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write at most so many bytes a second, such as 10M
    #[arg(long, value_name = "RATE")]
    pub(crate) limit_rate: Option<Size>,
    /// Workers that decrypt and decompress; by default one for each processor
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
}

/// Check a store: every chunk, and every chunk that an archive needs
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover verify /backup/store             checksums of all that is stored; needs no key
  mover verify /backup/store --read      decode everything, and walk every archive
  mover verify /backup/store src --read  one archive, with all that it needs
  mover verify /backup/store --repair    heal by parity and by copies, and name what is lost")]
pub(crate) struct Verify {
    /// The store
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// Only this archive: a name, the beginning of an id, or `latest`
    pub(crate) archive: Option<String>,
    /// Decode every chunk
    #[arg(long)]
    pub(crate) read: bool,
    /// Put damaged and lost volumes back by parity, write what is damaged beyond that anew from
    /// sound copies in other pools, take damaged volumes out, and name the files that are lost
    #[arg(long, conflicts_with = "archive")]
    pub(crate) repair: bool,
    /// Workers that check; by default one for each processor
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
}

/// Drop archives: they are no longer shown
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover drop /backup/store src --dry-run     which one would it be?
  mover drop /backup/store 5f3a9c01

Space is given back by `mover prune`.")]
pub(crate) struct Drop {
    /// The store
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// Names, beginnings of ids, or `latest`
    #[arg(required = true)]
    pub(crate) archives: Vec<String>,
    /// Say what would be dropped, and drop nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Forget old archives, and give back the room that only they took
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover prune /backup/store --keep-daily 7 --keep-weekly 4 --dry-run    what would go?
  mover prune /backup/store --keep-daily 7 --keep-weekly 4
  mover prune --policy home.toml                   as the pools' retention says
  mover prune /backup/store                        only give back what dropped archives took

Archives are kept by name; what any rule keeps stays, and without a rule all stay. Volumes on disk
and object media are emptied and removed; tapes and discs go when nothing on them is needed.")]
pub(crate) struct Prune {
    /// The store
    #[arg(value_hint = ValueHint::DirPath, required_unless_present = "policy")]
    pub(crate) store: Option<PathBuf>,
    /// Take store and retention from a policy file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// Keep the newest so many
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) keep_last: u32,
    /// Keep the newest of each of so many days
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) keep_daily: u32,
    /// Keep the newest of each of so many weeks
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) keep_weekly: u32,
    /// Keep the newest of each of so many months
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) keep_monthly: u32,
    /// Keep the newest of each of so many years
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) keep_yearly: u32,
    /// Keep all that are younger, such as 30d
    #[arg(long, value_name = "TIME")]
    pub(crate) keep_within: Option<Time>,
    /// Empty a volume when at most this part of it is in use, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 50,
          value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) used_max: u8,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Copy archives to another pool, as they are stored
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover copy /backup/store latest --to-pool tape
  mover copy /backup/store --all --to-pool offsite      complete a pool that was left behind

Nothing is decoded and nothing is read from the source: no key is needed. A copy that was
interrupted is run again, and goes on.")]
pub(crate) struct Copy {
    /// The store
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// Names, beginnings of ids, or `latest`
    #[arg(required_unless_present = "all")]
    pub(crate) archives: Vec<String>,
    /// All archives
    #[arg(long, conflicts_with = "archives")]
    pub(crate) all: bool,
    /// The pool to copy to
    #[arg(long, value_name = "POOL")]
    pub(crate) to_pool: String,
    /// Do not read back what was written
    #[arg(long)]
    pub(crate) no_verify: bool,
}

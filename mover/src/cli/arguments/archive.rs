//! `mover archive`: what is archived, and how.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::session::StageSpec;
use crate::source::SourceConfig;
use crate::units::Size;

/// What of a source is left out.
#[derive(Args, Clone, Debug)]
pub(crate) struct Selection {
    /// Leave out what matches, as in a gitignore file; may be given several times
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Leave out what the globs in a file match
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) exclude_from: Vec<PathBuf>,
    /// Honour files of this name in each folder, as git does .gitignore
    #[arg(long, value_name = "NAME")]
    pub(crate) ignore_file: Vec<std::ffi::OsString>,
    /// Leave out folders with a CACHEDIR.TAG
    #[arg(long)]
    pub(crate) exclude_caches: bool,
    /// Do not cross into other file systems
    #[arg(long)]
    pub(crate) one_file_system: bool,
}

impl Selection {
    /// The walk over `roots`.
    pub(crate) fn source(&self, roots: &[PathBuf]) -> SourceConfig {
        SourceConfig {
            roots: roots.to_vec(),
            excludes: self.exclude.clone(),
            exclude_from: self.exclude_from.clone(),
            ignore_file_names: self.ignore_file.clone(),
            one_file_system: self.one_file_system,
            exclude_caches: self.exclude_caches,
        }
    }
}

/// How much context stands around chunks.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum FramingArgument {
    /// In every chunk header
    #[default]
    Each,
    /// Once for a run of chunks
    Run,
    /// Before and after each chunk
    Both,
}

/// What becomes of a chunk that a stage fails at.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum OnFailureArgument {
    /// The session stops
    #[default]
    Stop,
    /// It is stored without the stages, but for encryption, and the session goes on
    Store,
}

/// What becomes of entries that a snoop fails at.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum OnSnoopFailureArgument {
    /// The session stops; the default
    Stop,
    /// They are tagged as unscanned, and the session goes on
    Tag,
}

/// Which chunks are decoded again and compared.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum VerifyArgument {
    /// Every one
    Always,
    /// All of third-party components, some of built-in ones
    #[default]
    Sample,
    /// None
    Never,
}

/// Archive files and folders into a store
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover archive ~/src --to /backup/store --name src
  mover archive /etc /home --to /backup/store --exclude '*.tmp' --one-file-system
  pg_dump db | mover archive --stdin db.sql --to /backup/store
  mover archive ~/src --to /backup/store --dry-run      what would be read?
  mover archive ~/src --to /backup/store --stage 'zstd={\"level\":9}'
  mover archive ~/src --to mover://nas/main             with another mover
  mover archive --from mover://laptop/home --to /backup/store
  mover archive --policy home.toml                      what, where and how from one file

One PATH that is a folder becomes the archive's root; several lie under their last names.
Files that have not changed since the last archive of the same paths are not read again.")]
pub(crate) struct Archive {
    /// What to archive
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present_any = ["stdin", "from", "policy"])]
    pub(crate) paths: Vec<PathBuf>,
    /// The store
    #[arg(long, value_name = "STORE", value_hint = ValueHint::DirPath,
          required_unless_present = "policy")]
    pub(crate) to: Option<PathBuf>,
    /// Archive as a policy file says: its paths, its pools, its storage map
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// Have another mover archive a source of its own into this store: mover://AGENT:PORT/SOURCE
    #[arg(long, value_name = "SOURCE", conflicts_with_all = ["paths", "stdin"])]
    pub(crate) from: Option<String>,
    /// The archive's name; by default that of the first PATH [it is not encrypted]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Archive standard input as a file of this name
    #[arg(long, value_name = "NAME", conflicts_with = "paths")]
    pub(crate) stdin: Option<String>,
    /// Wait for `mover attach NAME` to bring the bytes of --stdin, instead of standard input
    #[arg(long, value_name = "NAME", requires = "stdin")]
    pub(crate) attach: Option<String>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Read every file, changed or not
    #[arg(long)]
    pub(crate) reread: bool,
    /// Look, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Read at most so many bytes a second, such as 10M
    #[arg(long, value_name = "RATE")]
    pub(crate) limit_rate: Option<Size>,
    /// A transform: NAME or PATH.wasm, or either with =JSON; replaces the default zstd
    #[arg(long, value_name = "SPEC")]
    pub(crate) stage: Vec<StageSpec>,
    /// A filter, which changes bytes before they are cut: NAME or PATH.wasm, or either with =JSON
    #[arg(long, value_name = "FILTER")]
    pub(crate) filter: Vec<StageSpec>,
    /// A filter may be one that cannot change everything back
    #[arg(long, requires = "filter")]
    pub(crate) lossy: bool,
    /// A snoop: NAME or PATH.wasm, or either with =JSON; replaces the default ones; or `none`
    #[arg(long, value_name = "SPEC")]
    pub(crate) snoop: Vec<StageSpec>,
    /// The dedupe component: NAME or PATH.wasm, or either with =JSON
    #[arg(long, value_name = "SPEC", default_value = "crc-dedupe")]
    pub(crate) dedupe: StageSpec,
    /// Begin a new archive, even where an earlier one of this source was interrupted
    #[arg(long)]
    pub(crate) fresh: bool,
    /// How much context stands around chunks
    #[arg(long, value_enum, default_value_t)]
    pub(crate) framing: FramingArgument,
    /// Which chunks are decoded again and compared before their plain bytes are let go
    #[arg(long, value_enum, default_value_t)]
    pub(crate) verify: VerifyArgument,
    /// When a stage fails at a chunk, and again in a fresh instance; a policy's rules have their own
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_failure: OnFailureArgument,
    /// When a snoop fails at entries
    #[arg(long, value_enum)]
    pub(crate) on_snoop_failure: Option<OnSnoopFailureArgument>,
    /// Workers that compress and encrypt; by default one for each processor
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<usize>,
    /// Bytes that workers, their components and their buffers may take; fewer run where they do not
    /// fit
    #[arg(long, value_name = "SIZE", default_value = "1G")]
    pub(crate) memory: Size,
    /// Plain bytes of a chunk
    #[arg(long, value_name = "SIZE", default_value = "1M")]
    pub(crate) chunk_size: Size,
    /// Begin a new volume when one has reached this size, from now on [default: 1G, or as last said]
    #[arg(long, value_name = "SIZE")]
    pub(crate) volume_size: Option<Size>,
    /// Accept a store whose key has changed since this machine wrote to it last
    #[arg(long)]
    pub(crate) trust_new_key: bool,
}

//! Every command and option, with its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::media::Parity;
use crate::net::Fingerprint;
use crate::session::StageSpec;
use crate::source::SourceConfig;
use crate::units::{Size, Time};

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

/// What every command takes.
#[derive(Args, Debug)]
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
    /// Begin a new volume when one has reached this size
    #[arg(long, value_name = "SIZE")]
    pub(crate) volume_size: Option<Size>,
    /// Accept a store whose key has changed since this machine wrote to it last
    #[arg(long)]
    pub(crate) trust_new_key: bool,
}

/// List archives, or the entries of one
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover list /backup/store                  sessions and archives
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
    /// Show archives that are unfinished or dropped too
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
  mover verify /backup/store --repair    heal from copies in other pools, and name what is lost")]
pub(crate) struct Verify {
    /// The store
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// Only this archive: a name, the beginning of an id, or `latest`
    pub(crate) archive: Option<String>,
    /// Decode every chunk
    #[arg(long)]
    pub(crate) read: bool,
    /// Write what is damaged anew from sound copies, take damaged volumes out, and name the files
    /// that are lost
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

/// Volumes and the media that they lie on
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover media list /backup/store                       what lies where
  mover media migrate /backup/store 7 --to-pool tape   move a volume's chunks, and let it go
  mover media scan /backup/store                       make the catalog anew from the media")]
pub(crate) struct Media {
    #[command(subcommand)]
    pub(crate) command: MediaCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MediaCommand {
    /// Show pools and volumes
    #[command(after_help = "Example:\n  mover media list /backup/store")]
    List {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// Have the store remember the pools of a policy file first
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        policy: Option<PathBuf>,
    },
    /// Move what is needed of volumes to another pool, and take the volumes out
    #[command(after_help = "\
Examples:
  mover media migrate /backup/store 7 8 --to-pool tape
  mover media migrate /backup/store --from-pool disk --to-pool tape --keep")]
    Migrate {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// Numbers of volumes, as `media list` shows them
        #[arg(required_unless_present = "from_pool")]
        volumes: Vec<u32>,
        /// All closed volumes of a pool
        #[arg(long, value_name = "POOL", conflicts_with = "volumes")]
        from_pool: Option<String>,
        /// The pool to move to
        #[arg(long, value_name = "POOL")]
        to_pool: String,
        /// Leave the volumes where they are: a copy
        #[arg(long)]
        keep: bool,
        /// Do not read back what was written
        #[arg(long)]
        no_verify: bool,
    },
    /// Ask all media what is on them, and make the catalog anew from that
    #[command(after_help = "\
Examples:
  mover media scan /backup/store
  mover media scan /new/store --policy home.toml --adopt    with nothing left but the media")]
    Scan {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// Have the store remember the pools of a policy file first
        #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        policy: Option<PathBuf>,
        /// Make the store's folder if it is lost: tapes, discs and objects alone are enough
        #[arg(long)]
        adopt: bool,
    },
    /// End the volume that a pool is at, so that its medium can be taken away: a disc is burned
    #[command(after_help = "Example:\n  mover media close /backup/store discs")]
    Close {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// The pool
        pool: String,
    },
    /// Make parity of all that has none yet, or say how much parity a pool is to have
    #[command(after_help = "\
Examples:
  mover media protect /backup/store --parity 10+2        two files for ten volumes, from now on
  mover media protect /backup/store --pool nas --parity 4+1
  mover media protect /backup/store --parity none        take all parity away

Archives, copies and prunes end with the same. `mover verify --repair` heals by it.")]
    Protect {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// The pool that --parity is for; by default the store's own folder
        #[arg(long, value_name = "POOL", requires = "parity")]
        pool: Option<String>,
        /// Volumes of a set, and files of parity beside them: as many of all these may be lost
        #[arg(long, value_name = "N+M")]
        parity: Option<String>,
    },
    /// Let a cartridge be written, whatever is on it; or a blank disc, whatever was wrong with it
    #[command(after_help = "Example:\n  mover media label /backup/store tape --overwrite ARC007L6")]
    Label {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// The pool
        pool: String,
        /// The barcode of the cartridge, all on which is lost, or the name of a disc, which has to be
        /// blank
        #[arg(long, value_name = "BARCODE")]
        overwrite: String,
    },
    /// Puts cartridges or discs where they can be taken out: behind the library's door
    #[command(after_help = "Example:\n  mover media eject /backup/store tape ARC007L6 ARC008L6")]
    Eject {
        /// The store
        #[arg(value_hint = ValueHint::DirPath)]
        store: PathBuf,
        /// The pool
        pool: String,
        /// Their barcodes
        #[arg(required = true, value_name = "BARCODE")]
        cartridges: Vec<String>,
    },
}

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

/// Policy files: is one right, and where would each file go?
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover policy new > home.toml                write a commented one
  mover policy check home.toml                look for mistakes
  mover policy explain home.toml              which rule, which stages, which pool, and why
  mover policy explain home.toml ~/Pictures   of these alone")]
pub(crate) struct Policy {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Write a commented policy to standard output
    #[command(after_help = "Example:\n  mover policy new > home.toml")]
    New,
    /// Write the JSON Schema that editors check policies with
    #[command(after_help = "Example:\n  mover policy schema > policy.schema.json")]
    Schema,
    /// Look for mistakes
    #[command(after_help = "Example:\n  mover policy check home.toml")]
    Check {
        /// The policy
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Say which way each file would take, and why; writes nothing
    #[command(after_help = "\
Examples:
  mover policy explain home.toml
  mover policy explain home.toml ~/Pictures --json")]
    Explain {
        /// The policy
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Files and folders instead of those of the policy
        #[arg(value_hint = ValueHint::AnyPath)]
        paths: Vec<PathBuf>,
    },
}

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

/// Go on with what was interrupted
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover resume              the one archive that was interrupted on this machine, or a list of them
  mover resume 5f3a9c01     one of them, by the beginning of its id
  mover resume --list

An interrupted command goes on by itself, too, when it is run again.")]
pub(crate) struct Resume {
    /// The beginning of an archive's id
    pub(crate) archive: Option<String>,
    /// Only list what could be gone on with
    #[arg(long)]
    pub(crate) list: bool,
}

/// Be the other end of a session that waits under a name
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover archive --attach dump --stdin db.sql --to /backup/store     in one terminal, then
  pg_dump db | mover attach dump                                    in another
  mover restore /backup/store latest db.sql --attach back           and the other way round:
  mover attach back > db.sql")]
pub(crate) struct Attach {
    /// The name
    pub(crate) name: String,
}

/// What runs on this machine or on a server
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover status                                   sessions of this machine, live on a terminal
  mover status --once                            once
  mover status mover://nas/main                  sessions of a server
  mover status --pause 5f3a9c01                  have one wait; --continue, --stop
  mover --json status mover://nas/main")]
pub(crate) struct Status {
    /// A store with another mover; by default this machine
    pub(crate) server: Option<String>,
    /// Show it once, even on a terminal
    #[arg(long)]
    pub(crate) once: bool,
    /// Have a session wait
    #[arg(long, value_name = "SESSION")]
    pub(crate) pause: Option<String>,
    /// Have a session go on
    #[arg(long, value_name = "SESSION", conflicts_with = "pause")]
    pub(crate) r#continue: Option<String>,
    /// End a session, so that it can be gone on with later
    #[arg(long, value_name = "SESSION", conflicts_with_all = ["pause", "continue"])]
    pub(crate) stop: Option<String>,
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

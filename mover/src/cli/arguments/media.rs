//! `mover media`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

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

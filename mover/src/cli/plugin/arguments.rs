//! Options of `mover plugin`, with their help.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

/// Components of your own: look at them, build, check, test and keep them
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover plugin inspect zstd               what a component is, without running it
  mover plugin check mine.wasm            does it fit this mover?
  mover plugin add mine.wasm              keep it, and use it by its name: --stage mine")]
pub(crate) struct Plugin {
    #[command(subcommand)]
    pub(crate) command: PluginCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// Say what a component is, without running it
    #[command(after_help = "\
Examples:
  mover plugin inspect mine.wasm
  mover plugin inspect zstd --json        a built-in one")]
    Inspect {
        /// A path, a built-in name, or a name in the plugin folder
        #[arg(value_name = "FILE|NAME", value_hint = ValueHint::FilePath)]
        component: String,
    },
    /// Look for all that is wrong with a component: contract, manifest, limits
    #[command(after_help = "\
Examples:
  mover plugin check mine.wasm
  mover plugin check mine.wasm --config '{\"width\":4}'    one that cannot be without")]
    Check {
        /// A path, a built-in name, or a name in the plugin folder
        #[arg(value_name = "FILE|NAME", value_hint = ValueHint::FilePath)]
        component: String,
        /// The configuration to open it with [default: {}]
        #[arg(long, value_name = "JSON")]
        config: Option<String>,
    },
    Run(Run),
    Test(Test),
    /// Keep a component in the plugin folder, to be used by its name
    #[command(after_help = "Example:\n  mover plugin add mine.wasm")]
    Add {
        /// The component
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Remove a component from the plugin folder; archives keep theirs
    #[command(after_help = "\
Examples:
  mover plugin remove mine
  mover plugin remove mine --version 0.1.0")]
    Remove {
        /// Its name
        name: String,
        /// Only this version
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
    },
    /// List the components that are built in, and those in the plugin folder
    #[command(after_help = "Example:\n  mover plugin list --json")]
    List,
}

/// A component with its configuration.
#[derive(Args, Debug)]
pub(crate) struct Stage {
    /// A path, a built-in name, or a name in the plugin folder
    #[arg(value_name = "FILE|NAME", value_hint = ValueHint::FilePath)]
    pub(crate) component: String,
    /// Its configuration
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) config: String,
}

/// Take one file through one component, and see its log, its answer, and where it traps
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover plugin run mine.wasm input -o encoded
  mover plugin run mine.wasm --decode --plain-length 1234 encoded | cmp - input
  mover plugin run snoop-yara ~/Downloads/invoice.pdf       a verdict, with findings
  mover plugin run crc-dedupe big.iso                       a table of blocks

To a transform the input is one chunk, to all others one entry. Keyed components get a key and a
nonce that are the same in every run, and no secret.")]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// The way back: decode a chunk, or undo a filter
    #[arg(long, visible_alias = "undo")]
    pub(crate) decode: bool,
    /// Bytes that a chunk had before it was encoded
    #[arg(long, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(0..=i64::from(format::limits::CHUNK_PLAIN_LENGTH_MAX)))]
    pub(crate) plain_length: Option<u32>,
    /// The input [default: standard input]
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,
    /// Where the output goes [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// Examine a component: what every one of its role has to do, on all kinds of input
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover plugin test mine.wasm
  mover plugin test mine.wasm --config '{\"width\":4}' --seed 7 --cases 1000
  mover plugin test mine.wasm --input mine-round-trip.bin     one input, such as a counter-example

It compares round trips, runs, orders, windows and restarts on empty, tiny, huge, regular and random
input; feeds it damaged input and wrong configurations; and holds it to its limits. The smallest
input that shows a failure is written to a file, and named with the command that shows it again.
Exit code 1 when a check fails.")]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// What the generated inputs follow from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many inputs are generated, besides those that are always the same
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub(crate) cases: usize,
    /// Only this input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,
    /// Where counter-examples go
    #[arg(long, value_name = "DIR", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) out_dir: PathBuf,
}

//! Options of `mover plugin`, with their help.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use crate::kit::Language;

/// Components of your own: look at them, build, check, test and keep them
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover plugin new my-filter --role filter        a project with all that it needs
  mover plugin build my-filter                    one .wasm file
  mover plugin test my-filter/my-filter.wasm      does it keep the promises of its role?
  mover plugin check mine.wasm            does it fit this mover?
  mover plugin add mine.wasm              keep it, and use it by its name: --stage mine")]
pub(crate) struct Plugin {
    #[command(subcommand)]
    pub(crate) command: PluginCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    New(New),
    /// Build the project of a component, and check what comes out
    #[command(after_help = "\
Examples:
  mover plugin build
  mover plugin build ~/src/mine -o mine.wasm

A folder with a Cargo.toml is built by cargo for wasm32-unknown-unknown. The manifest is what the
SDK's export! put there, or else manifest.json beside Cargo.toml.
A folder with C in src and a manifest.json is built by clang and wasm-ld, or by $CC.
A folder with a package.json (npm and node) or a pyproject.toml (python3 with venv) becomes a
component of the second tier, in which an interpreter runs the plugin; the first build downloads it.")]
    Build {
        /// The project
        #[arg(default_value = ".", value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// The component [default: NAME.wasm in the project]
        #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
        output: Option<PathBuf>,
    },
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
    Bench(Bench),
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

/// What a component does.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RoleArgument {
    /// Changes entries before they are cut, and changes them back
    Filter,
    /// Looks at entries and says what it found
    Snoop,
    /// Cuts entries into blocks
    Dedupe,
    /// Encodes and decodes chunks
    Transform,
}

/// Make a project for a component, with a test, a README and all that it is built with
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover plugin new my-filter --role filter
  mover plugin new my-scanner --role snoop --into ~/src/scanner
  mover plugin new my-finder --role snoop --lang python     second tier: slow, for prototypes")]
pub(crate) struct New {
    /// Its name: lower-case words with - between
    pub(crate) name: String,
    /// What it does
    #[arg(long, value_enum)]
    pub(crate) role: RoleArgument,
    /// What it is written in
    #[arg(long, value_enum, default_value_t)]
    pub(crate) lang: Language,
    /// The folder to make [default: NAME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) into: Option<PathBuf>,
}

/// Measure a component beside the built-in one of its role
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  mover plugin bench mine.wasm
  mover plugin bench mine.wasm --input big.tar --json

Instructions are counted, and the same in every run; speed is that of this machine now, so read it
beside that of the built-in one, which is measured in the same run. Without --input the data is
64 MiB of text, records and noise, always the same.")]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) stage: Stage,
    /// What to measure it on
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) input: Option<PathBuf>,
}

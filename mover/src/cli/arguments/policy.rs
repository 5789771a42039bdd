//! `mover policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

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

//! What runs, and what was interrupted.

use clap::Args;

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

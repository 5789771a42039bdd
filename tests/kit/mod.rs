//! What the tests are made with.

pub(crate) mod component;
pub(crate) mod disk;
pub(crate) mod guest;
pub(crate) mod machine;
pub(crate) mod proxy;
pub(crate) mod random;
pub(crate) mod rclone;
pub(crate) mod same;
pub(crate) mod server;
pub(crate) mod step;
pub(crate) mod tape;
#[path = "../../mover/src/media/scsi/tests/kit.rs"]
#[allow(dead_code, reason = "the tests of the devices use the rest")]
pub(crate) mod tgt;
pub(crate) mod tree;
pub(crate) mod volume;

pub(crate) use machine::{Done, Machine, args};
pub(crate) use same::assert_same;

/// Whether the sizes are those of the promises, and not those that fit into minutes.
pub(crate) fn is_long() -> bool {
    std::env::var_os("MOVER_LONG").is_some()
}

/// A tool that is not ours; when it is missing, the test fails and says what to install.
pub(crate) fn tool(name: &str, apt_package: &str) -> std::process::Command {
    let is_there = std::env::var_os("PATH")
        .is_some_and(|paths| std::env::split_paths(&paths).any(|path| path.join(name).is_file()));
    assert!(is_there, "{name} is missing: apt-get install {apt_package}");
    std::process::Command::new(name)
}

/// Runs a tool that has to succeed, and gives what it printed.
pub(crate) fn output_of(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {stderr}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

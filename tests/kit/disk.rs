//! A small disk: a tmpfs in a mount namespace of its own, which goes when the test does.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::{args, output_of, tool};

/// A process that keeps the namespace; `prefix` lets others in.
pub(crate) struct SmallDisk {
    keeper: Child,
    folder: PathBuf,
}

impl SmallDisk {
    /// Mounts `size` (such as `8m`) on a folder that exists. Needs root.
    pub(crate) fn mount(folder: &Path, size: &str) -> SmallDisk {
        let mut keeper = tool("unshare", "util-linux");
        keeper.args(["--mount", "--propagation", "private", "sh", "-c"]);
        // It ends when its standard input does, and so with the test.
        keeper.arg(r#"mount -t tmpfs -o "size=$1" small "$2" && echo mounted && exec cat"#);
        keeper.args(["sh", size]).arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().expect("unshare runs");
        let mut line = String::new();
        let stdout = keeper.stdout.as_mut().expect("it is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a pipe can be read");
        assert_eq!(line, "mounted\n", "mounting a tmpfs takes root (CAP_SYS_ADMIN)");
        SmallDisk { keeper, folder: folder.to_owned() }
    }

    /// What makes a command see the disk.
    pub(crate) fn prefix(&self) -> Vec<OsString> {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.keeper.id());
        args!["nsenter", namespace, "--"]
    }

    /// Makes it larger or smaller.
    pub(crate) fn resize(&self, size: &str) {
        let option = format!("remount,size={size}");
        let prefix = self.prefix();
        let mut mount = Command::new(&prefix[0]);
        mount.args(&prefix[1..]).args(["mount", "-o", &option]).arg(&self.folder);
        output_of(&mut mount);
    }

    /// The same folder for the test's own eyes.
    pub(crate) fn seen_from_outside(&self) -> PathBuf {
        let below = self.folder.strip_prefix("/").expect("it is absolute");
        Path::new("/proc").join(self.keeper.id().to_string()).join("root").join(below)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // An error here would only hide the test's own.
        let _ = self.keeper.wait();
    }
}

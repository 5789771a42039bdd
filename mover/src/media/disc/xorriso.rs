//! Runs xorriso, and reads what it says: the one place that knows its options and its output.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use super::burner::BurnedFile;
use crate::{Error, ErrorKind, Result};

/// Bytes of a block of a disc.
pub(super) const BLOCK: u64 = 2048;

/// Keeps all others from a disc for as long as it, or the xorriso that was started with it, lives:
/// one whose mover was killed goes on burning, and must not be disturbed.
pub(super) fn hold(image: &Path) -> Result<File> {
    let path = image.with_extension("lock");
    let failed = |cause| Error::io("locking disc", &path, cause);
    let file = File::create(&path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Adds a file to a disc, as a disc session of its own; the first makes the file system.
pub(super) fn add(
    held: Option<&File>,
    image: &Path,
    name: &str,
    source: &Path,
    path: &str,
) -> Result<()> {
    let mut command = start(image, "-dev");
    // Reproducible owners and no surprises from a configuration file of the user.
    command.args(["-volid", name, "-joliet", "on", "-pathspecs", "off", "-map"]);
    command.arg(source).arg(path).args(["-commit"]);
    // The lock goes with the descriptor, to the child too.
    let held = held.map(File::try_clone).transpose();
    let held = held.map_err(|cause| Error::io("burning", image, cause))?;
    command.stdin(held.map_or_else(Stdio::null, Stdio::from));
    run(command, image, "burning").map(drop)
}

/// Makes an image of one disc session: each part is an offset in the source, bytes, and a path.
pub(super) fn make(
    image: &Path,
    name: &str,
    source: &Path,
    parts: &[(u64, u64, String)],
) -> Result<()> {
    let mut command = start(image, "-outdev");
    command.args(["-volid", name, "-joliet", "on"]);
    for (offset, length, path) in parts {
        command.arg("-cut_out").arg(source);
        command.args([offset.to_string(), length.to_string()]).arg(path);
    }
    command.arg("-commit").stdin(Stdio::null());
    run(command, image, "making").map(drop)
}

/// All files on a disc; none on a blank one.
pub(super) fn files(image: &Path) -> Result<Vec<BurnedFile>> {
    if std::fs::metadata(image).is_ok_and(|metadata| metadata.len() == 0) || !image.exists() {
        return Ok(Vec::new());
    }
    let mut command = start(image, "-indev");
    command.args(["-find", "/", "-type", "f", "-exec", "report_lba", "--"]);
    command.stdin(Stdio::null());
    let said = run(command, image, "reading")?;
    Ok(said.lines().filter_map(file).collect())
}

/// `File data lba:  0 ,     1561 ,    97657 ,    200000000 , '/s2/b.bin'`: extent, block, blocks,
/// bytes, path. Only names that we write are read, which have no quotes in them.
fn file(line: &str) -> Option<BurnedFile> {
    let mut fields = line.strip_prefix("File data lba:")?.splitn(5, ',').map(str::trim);
    let _extent = fields.next()?;
    let block: u64 = fields.next()?.parse().ok()?;
    let _blocks = fields.next()?;
    let length = fields.next()?.parse().ok()?;
    let path = fields.next()?.trim_matches('\'').to_owned();
    Some(BurnedFile { path, at: block * BLOCK, length })
}

fn start(image: &Path, how: &str) -> Command {
    let mut device = std::ffi::OsString::from("stdio:");
    device.push(image);
    let mut command = Command::new("xorriso");
    command.args([
        "-no_rc",
        "-pkt_output",
        "off",
        "-report_about",
        "WARNING",
        "-abort_on",
        "FATAL",
    ]);
    command.arg("-return_with").args(["SORRY", "32", how]).arg(device);
    command
}

fn run(mut command: Command, image: &Path, doing: &str) -> Result<String> {
    let output = command.output().map_err(|cause| {
        let missing = cause.kind() == std::io::ErrorKind::NotFound;
        let error = Error::io("running", "xorriso", cause);
        match missing {
            true => error.way_out("install it: apt-get install xorriso"),
            false => error,
        }
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rev().find(|line| line.contains("FAILURE") || line.contains("SORRY"));
    let said = said.unwrap_or("xorriso did not say why").trim();
    let message = format!("{doing} disc {}: {said}", image.display());
    Err(Error::new(ErrorKind::Io, message)
        .way_out("look at the disc; what was to be burned is kept"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xorriso_says_of_a_file_is_read() {
        let line = "File data lba:  0 ,     1561 ,    97657 ,    200000000 , '/mover/x'";
        let wanted =
            BurnedFile { path: "/mover/x".to_owned(), at: 1561 * 2048, length: 200_000_000 };
        assert_eq!(file(line), Some(wanted));
        for line in ["", "xorriso : UPDATE : 5 nodes", "File data lba: x , y"] {
            assert_eq!(file(line), None);
        }
    }
}

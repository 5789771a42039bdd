//! Discs that are images in a folder, made by xorriso: they grow by disc sessions.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::burner::{Burner, Burning, Content};
use super::state::{Part, part_path};
use super::xorriso;
use crate::{Error, ErrorKind, Result};

/// A folder of images: `NAME.iso`.
#[derive(Debug)]
pub struct ImageBurner {
    folder: PathBuf,
    discs: Vec<String>,
}

impl ImageBurner {
    /// `discs` are names, in the order in which they are used.
    pub fn new(folder: impl Into<PathBuf>, discs: Vec<String>) -> ImageBurner {
        ImageBurner { folder: folder.into(), discs }
    }
}

impl Burner for ImageBurner {
    fn is_write_once(&self) -> bool {
        false
    }

    fn is_unattended(&self) -> bool {
        true
    }

    fn candidates(&self) -> Result<Vec<String>> {
        Ok(self.discs.clone())
    }

    /// Those that were named, and those in the folder.
    fn inventory(&self) -> Result<Vec<String>> {
        let (mut names, folder) = (self.discs.clone(), &self.folder);
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                for entry in entries {
                    let entry =
                        entry.map_err(|cause| Error::io("reading folder", folder, cause))?;
                    let name = entry.file_name().into_string().unwrap_or_default();
                    names.extend(name.strip_suffix(".iso").map(str::to_owned));
                }
            }
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::io("reading folder", folder, cause)),
        }
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn hold(&self, disc: &str) -> Result<Option<File>> {
        let failed = |cause| Error::io("making the folder of discs", &self.folder, cause);
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        xorriso::hold(&self.path(disc)).map(Some)
    }

    fn look(&self, disc: &str) -> Result<Content> {
        let path = self.path(disc);
        let is_blank = !std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 0);
        Ok(Content { is_blank, created: String::new(), files: xorriso::files(&path)? })
    }

    fn prepare(&self, _disc: &str, _burning: &Burning<'_>) -> Result<()> {
        Ok(())
    }

    fn burn(&self, disc: &str, burning: &Burning<'_>, held: Option<&File>) -> Result<()> {
        let path = part_path(burning.volume, burning.offset);
        xorriso::add(held, &self.path(disc), disc, burning.spool, &path)
    }

    fn close(&self, disc: &str) -> Result<()> {
        let path = self.path(disc);
        let protect = || -> std::io::Result<()> {
            let mut permissions = std::fs::metadata(&path)?.permissions();
            permissions.set_readonly(true);
            std::fs::set_permissions(&path, permissions)
        };
        match path.exists() {
            true => protect().map_err(|cause| Error::io("protecting disc", &path, cause)),
            false => Ok(()),
        }
    }

    fn sync(&self, disc: &str) -> Result<()> {
        let path = self.path(disc);
        let synced = File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(|cause| Error::io("syncing disc", &path, cause))
    }

    fn read(&self, disc: &str, part: &Part, within: u64, bytes: &mut [u8]) -> Result<()> {
        let path = self.path(disc);
        let at = part.segment.at + within;
        let read = File::open(&path).and_then(|file| file.read_exact_at(bytes, at));
        read.map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => {
                Error::new(ErrorKind::Missing, format!("disc {disc} is not there"))
                    .way_out(format!("put {} back", path.display()))
            }
            std::io::ErrorKind::UnexpectedEof => {
                Error::new(ErrorKind::Damaged, format!("disc {disc} ends early"))
            }
            _ => Error::io("reading disc", &path, cause),
        })
    }

    fn eject(&self, disc: &str) -> Result<()> {
        let message = format!("the folder {} has no door", self.folder.display());
        Err(Error::new(ErrorKind::Unsupported, message)
            .way_out(format!("move {disc}.iso away with `mv`, and back when it is needed")))
    }

    fn path(&self, disc: &str) -> PathBuf {
        self.folder.join(format!("{disc}.iso"))
    }
}

//! Discs that a real recorder burns, in a jukebox or brought by a person.
//!
//! A disc takes one session and is closed: an image of a file system is made beside the spool and
//! burned as it is, so that the disc mounts anywhere.

use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use globset::GlobSet;

use super::burner::{Burner, Burning, Content};
use super::state::{Part, Segment, part_path};
use super::xorriso::BLOCK;
use super::{iso, xorriso};
use crate::failpoint::{self, reach};
use crate::media::library::{Library, hold};
use crate::media::scsi::{DiscState, Recorder};
use crate::{Error, ErrorKind, Result};

/// Bytes of a file on the disc: far less than the 4 GiB at which a file lies in several pieces.
const PART_LENGTH: u64 = 1 << 30;
/// Bytes that are read at once.
const WINDOW: u64 = 256 << 10;
/// Windows that are kept: what workers ask for is nearly in order, not quite.
const KEPT_WINDOWS: usize = 8;
/// Characters of a disc's name in its file system.
const LABEL_LENGTH: usize = 32;

/// A recorder, and what brings discs to it.
#[derive(Debug)]
pub struct RecorderBurner {
    pool: String,
    /// Where the image waits, and the lock is.
    spool: PathBuf,
    /// Which discs of a jukebox belong to the pool.
    barcodes: GlobSet,
    drive: Mutex<Drive>,
}

#[derive(Debug)]
struct Drive {
    library: Box<dyn Library>,
    loaded: Option<Loaded>,
    /// Held while a disc is in the drive: two that use one drive would get the disc of the other.
    held: Option<File>,
}

#[derive(Debug)]
struct Loaded {
    disc: String,
    recorder: Recorder,
    /// What it was found to hold, when it was looked at last.
    content: Option<Content>,
    /// The beginning of each, on the disc.
    kept: VecDeque<(u64, Vec<u8>)>,
}

impl RecorderBurner {
    /// The recorder is the first drive of the library. No device is spoken to yet.
    pub fn new(
        pool: impl Into<String>,
        spool: impl Into<PathBuf>,
        barcodes: GlobSet,
        library: Box<dyn Library>,
    ) -> RecorderBurner {
        let drive = Mutex::new(Drive { library, loaded: None, held: None });
        RecorderBurner { pool: pool.into(), spool: spool.into(), barcodes, drive }
    }

    fn lock(&self) -> MutexGuard<'_, Drive> {
        self.drive.lock().expect("no holder panics")
    }

    fn image(&self) -> PathBuf {
        self.spool.join("image.iso")
    }

    /// Does something with a disc, once it is in the drive. After an error of the device it is
    /// opened anew the next time.
    fn with<T>(&self, disc: &str, what: impl FnOnce(&mut Loaded) -> Result<T>) -> Result<T> {
        let mut drive = self.lock();
        drive.hold(&self.spool, &self.pool)?;
        if drive.loaded.as_ref().is_none_or(|loaded| loaded.disc != disc) {
            drive.unload()?;
            drive.library.load(disc, 0)?;
            let recorder = Recorder::open(&drive.library.drives()[0])?;
            let (disc, content, kept) = (disc.to_owned(), None, VecDeque::new());
            drive.loaded = Some(Loaded { disc, recorder, content, kept });
        }
        let done = what(drive.loaded.as_mut().expect("it was just loaded"));
        if done.as_ref().is_err_and(|error| error.kind() == ErrorKind::Io) {
            drive.loaded = None;
        }
        done
    }
}

impl Drive {
    fn hold(&mut self, spool: &Path, pool: &str) -> Result<()> {
        if self.held.is_none() {
            self.held = Some(hold(&spool.join("recorder.lock"), pool)?);
        }
        Ok(())
    }

    fn unload(&mut self) -> Result<()> {
        let Some(Loaded { disc, recorder, .. }) = self.loaded.take() else { return Ok(()) };
        drop(recorder);
        self.library.unload(&disc, 0)
    }
}

impl Drop for Drive {
    /// The disc goes back to where it belongs, so that others find it there.
    fn drop(&mut self) {
        let _ = self.unload();
    }
}

impl Loaded {
    fn look(&mut self) -> Result<Content> {
        let disc = self.recorder.disc()?.ok_or_else(|| {
            let message = format!("disc {} is not in the drive", self.disc);
            Error::new(ErrorKind::Missing, message).way_out(format!("put {} in", self.disc))
        })?;
        let (is_blank, created) = (disc.state == DiscState::Blank, String::new());
        let mut content = Content { is_blank, created, files: Vec::new() };
        // What is not closed cannot be read everywhere, and is never ours.
        if disc.state == DiscState::Complete
            && let Some(found) = iso::read(&mut |block, bytes| self.recorder.read(block, bytes))?
            && found.label == label(&self.disc)
        {
            (content.created, content.files) = (found.created, found.files);
        }
        Ok(content)
    }

    /// The wrong disc in the drive is found before anything of it is believed.
    fn check(&mut self, part: &Part) -> Result<()> {
        if self.content.is_none() {
            self.content = Some(self.look()?);
        }
        let wanted = part.file();
        if self.content.iter().any(|content| content.files.contains(&wanted)) {
            return Ok(());
        }
        // It is looked at again when somebody has put in another one.
        self.content = None;
        let message = format!("disc {} should hold {}, but it does not", self.disc, part.volume);
        Err(Error::new(ErrorKind::Refused, message)
            .way_out("put the right disc in, or look for it with `mover media scan`"))
    }

    /// A window that begins at a multiple of its length from the segment's beginning.
    fn window(&mut self, segment: &Segment, number: u64) -> Result<&[u8]> {
        let at = segment.at + number * WINDOW;
        if let Some(place) = self.kept.iter().position(|(kept, _)| *kept == at) {
            let found = self.kept.remove(place).expect("it was just found");
            self.kept.push_front(found);
        } else {
            let length = (segment.length - number * WINDOW).min(WINDOW).next_multiple_of(BLOCK);
            let mut bytes = vec![0; usize::try_from(length).expect("a window is short")];
            self.recorder.read(at / BLOCK, &mut bytes)?;
            self.kept.truncate(KEPT_WINDOWS - 1);
            self.kept.push_front((at, bytes));
        }
        Ok(&self.kept[0].1)
    }
}

/// The name of a disc, as it stands on it.
fn label(disc: &str) -> String {
    disc.chars().take(LABEL_LENGTH).collect()
}

impl Burner for RecorderBurner {
    fn is_write_once(&self) -> bool {
        true
    }

    fn is_unattended(&self) -> bool {
        self.lock().library.is_unattended()
    }

    fn candidates(&self) -> Result<Vec<String>> {
        self.inventory()
    }

    fn inventory(&self) -> Result<Vec<String>> {
        let all = self.lock().library.inventory()?.into_keys();
        Ok(all.filter(|disc| self.barcodes.is_match(disc)).collect())
    }

    fn hold(&self, _disc: &str) -> Result<Option<File>> {
        Ok(None)
    }

    fn look(&self, disc: &str) -> Result<Content> {
        self.with(disc, Loaded::look)
    }

    fn prepare(&self, disc: &str, burning: &Burning<'_>) -> Result<()> {
        let free = self.with(disc, |loaded| {
            loaded.recorder.check_blank()?;
            loaded.recorder.free_blocks()
        })?;
        let image = self.image();
        remove(&image)?;
        let starts = (0..burning.length).step_by(PART_LENGTH as usize);
        let parts: Vec<(u64, u64, String)> = starts
            .map(|start| {
                let length = (burning.length - start).min(PART_LENGTH);
                (start, length, part_path(burning.volume, burning.offset + start))
            })
            .collect();
        xorriso::make(&image, &label(disc), burning.spool, &parts)?;
        let length =
            std::fs::metadata(&image).map_err(|cause| Error::io("reading", &image, cause))?.len();
        match free {
            Some(free) if length.div_ceil(BLOCK) > free => {
                let room = free * BLOCK;
                let message = format!("disc {disc} has room for {room} bytes, and not {length}");
                Err(Error::new(ErrorKind::Refused, message)
                    .way_out("say what the discs take: capacity = \"...\""))
            }
            _ => Ok(()),
        }
    }

    fn burn(&self, disc: &str, _burning: &Burning<'_>, _held: Option<&File>) -> Result<()> {
        let path = self.image();
        let mut image = File::open(&path).map_err(|cause| Error::io("opening", &path, cause))?;
        let burned = self.with(disc, |loaded| {
            loaded.content = None;
            let mut written = |_| drop(reach(failpoint::DISC_WRITING));
            loaded.recorder.burn(&mut image, &mut written).map(drop)
        });
        burned.and(remove(&path))
    }

    fn close(&self, _disc: &str) -> Result<()> {
        // It was closed when it was burned.
        Ok(())
    }

    fn sync(&self, _disc: &str) -> Result<()> {
        Ok(())
    }

    fn read(&self, disc: &str, part: &Part, within: u64, bytes: &mut [u8]) -> Result<()> {
        self.with(disc, |loaded| {
            loaded.check(part)?;
            let mut filled = 0;
            while filled < bytes.len() {
                let at = within + filled as u64;
                let window = loaded.window(&part.segment, at / WINDOW)?;
                let from = usize::try_from(at % WINDOW).expect("a window is short");
                let count = (window.len() - from).min(bytes.len() - filled);
                bytes[filled..filled + count].copy_from_slice(&window[from..from + count]);
                filled += count;
            }
            Ok(())
        })
    }

    fn eject(&self, disc: &str) -> Result<()> {
        let mut drive = self.lock();
        drive.hold(&self.spool, &self.pool)?;
        if drive.loaded.as_ref().is_some_and(|loaded| loaded.disc == disc) {
            drive.unload()?;
        }
        drive.library.eject(disc)
    }

    fn path(&self, disc: &str) -> PathBuf {
        PathBuf::from(disc)
    }
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("removing", path, cause))
        }
        _ => Ok(()),
    }
}

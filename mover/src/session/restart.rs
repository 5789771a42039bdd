//! What a restore leaves on the machine while it runs, so that the same command goes on with it.
//!
//! A journal in the store's state folder, JSON by lines, named by archive, folder and filter.
//! It is held by a lock while the restore runs, and removed when the restore has come to its end.
//!
//! | line | what it says |
//! |---|---|
//! | `begins` | which folder it is, in which life, and whether it was empty |
//! | `goes_on` | another life: what was not synced in the one before may be lost |
//! | `opened` | a long file is written from here on; nobody else has this inode |
//! | `synced` | everything up to this place survives a power loss |
//!
//! A life ends with a reboot or with the mount of the folder: what was written in it and not synced
//! is known to be there no longer. Beyond the last synced place, a file is believed to be whole by
//! its looks only in the same life, and only if the folder was empty: an old file may look the same.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use format::{ArchiveId, compare_paths};
use rustix::fs::{AtFlags, CWD, FlockOperation, Statx, StatxFlags, flock, statx};
use serde::{Deserialize, Serialize};

use crate::ambient::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::target::Syncer;
use crate::threads;

/// Files below this length are written anew rather than gone on with.
pub(super) const LONG_FILE_MIN: u64 = 16 << 20;

/// How much work a power loss may cost.
const WORK_LOST_MAX: Duration = Duration::from_secs(5);
/// The last sync of a restore may be left out, and what was done since the one before is lost too.
const SYNC_INTERVAL: Duration = WORK_LOST_MAX.checked_div(2).expect("2 is not 0");

/// What makes two restores the same.
pub(super) struct Job<'a> {
    /// Where journals are kept.
    pub(super) journals: &'a Path,
    pub(super) archive: ArchiveId,
    pub(super) into: &'a Path,
    /// The paths that were asked for.
    pub(super) paths: Vec<&'a [u8]>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begins { archive: String, folder: String, identity: String, life: String, was_empty: bool },
    GoesOn { life: String },
    Opened(Place),
    Synced(Place),
}

/// A place in the order of entries: before `offset` of a file's content, or behind an entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Place {
    /// In hexadecimal, since a path can be any bytes.
    path: String,
    inode: u64,
    offset: Option<u64>,
}

impl Place {
    fn path(&self) -> Vec<u8> {
        hex::decode(&self.path).unwrap_or_default()
    }
}

/// What earlier sessions of a restore have left.
#[derive(Clone, Debug, Default)]
pub(super) struct Earlier {
    /// The folder was empty when the first of them began.
    pub(super) was_empty: bool,
    /// All that looks whole is whole.
    trusted: bool,
    synced: Option<Place>,
    opened: Option<Place>,
}

impl Earlier {
    /// Whether an entry that looks whole is whole.
    pub(super) fn covers(&self, path: &[u8]) -> bool {
        let is_synced = |place: &Place| {
            let order = compare_paths(path, &place.path());
            if place.offset.is_some() { order.is_lt() } else { order.is_le() }
        };
        self.trusted || self.synced.as_ref().is_some_and(is_synced)
    }

    /// If a file was left half-written: its inode, and how much of what is there can be right.
    pub(super) fn half(&self, path: &[u8]) -> Option<(u64, u64)> {
        let at = |place: &&Place| place.path() == path;
        if let Some(opened) = self.opened.as_ref().filter(at) {
            return Some((opened.inode, u64::MAX));
        }
        let synced = self.synced.as_ref().filter(at)?;
        Some((synced.inode, synced.offset?))
    }
}

/// The journal of a restore that runs.
pub(super) struct Journal {
    /// Locked.
    file: File,
    path: PathBuf,
}

impl Journal {
    /// The journal that an earlier session has left for the same job, if the folder is still the
    /// same one; otherwise, or if it is not `wanted`, what there is of it goes.
    pub(super) fn open(job: &Job<'_>, wanted: bool) -> Result<Option<(Journal, Earlier)>> {
        let Ok(folder) = fs::canonicalize(job.into) else { return Ok(None) };
        let path = journal_path(job, &folder);
        let mut file = match OpenOptions::new().read(true).append(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == IoErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("opening", &path, error)),
        };
        lock(&file, &path, job.into)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| Error::io("reading", &path, error))?;
        let journal = Journal { file, path };
        let (identity, life) = look_at(&folder)?;
        match read(&bytes, &identity, &life).filter(|_| wanted) {
            None => {
                journal.remove();
                Ok(None)
            }
            Some((earlier, same_life)) => {
                if !same_life {
                    journal.write(&Line::GoesOn { life }, true)?;
                }
                Ok(Some((journal, earlier)))
            }
        }
    }

    /// A new one; the folder is there by now.
    pub(super) fn create(job: &Job<'_>, was_empty: bool) -> Result<Journal> {
        let folder =
            fs::canonicalize(job.into).map_err(|error| Error::io("opening", job.into, error))?;
        let path = journal_path(job, &folder);
        let failed = |error| Error::io("writing", &path, error);
        DirBuilder::new().recursive(true).mode(0o700).create(job.journals).map_err(failed)?;
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(0o600).open(&path).map_err(failed)?;
        lock(&file, &path, job.into)?;
        file.set_len(0).map_err(failed)?;
        let (identity, life) = look_at(&folder)?;
        let journal = Journal { file, path: path.clone() };
        let (archive, folder) = (job.archive.to_string(), folder.display().to_string());
        journal.write(&Line::Begins { archive, folder, identity, life, was_empty }, true)?;
        File::open(job.journals).and_then(|folder| folder.sync_all()).map_err(failed)?;
        Ok(journal)
    }

    /// The restore has come to its end.
    pub(super) fn remove(&self) {
        // What stays is found to be about another folder, or makes the next run look twice.
        let _ = fs::remove_file(&self.path);
    }

    fn write(&self, line: &Line, durable: bool) -> Result<()> {
        // The line end before it closes a line that a power loss cut.
        let text = serde_json::to_string(line).expect("a line is plain data");
        (&self.file)
            .write_all(format!("\n{text}\n").as_bytes())
            .and_then(|()| if durable { self.file.sync_data() } else { Ok(()) })
            .map_err(|error| Error::io("writing", &self.path, error))
    }
}

/// Two sessions of one job would remove what the other one writes.
fn lock(file: &File, path: &Path, into: &Path) -> Result<()> {
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(|errno| {
        if errno != rustix::io::Errno::WOULDBLOCK {
            return Error::io("locking", path, errno);
        }
        let message = format!("another restore into {} is running", into.display());
        Error::new(ErrorKind::Busy, message).way_out("wait for its end, or name another folder")
    })
}

fn journal_path(job: &Job<'_>, folder: &Path) -> PathBuf {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&job.archive.0);
    for part in std::iter::once(folder.as_os_str().as_bytes()).chain(job.paths.iter().copied()) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    job.journals.join(format!("{}.journal", &hasher.finalize().to_hex()[..32]))
}

/// Which folder it is, and in which life. The birth time tells folders and disks apart whose
/// inode numbers are the same; device numbers change with a reboot.
fn look_at(folder: &Path) -> Result<(String, String)> {
    /// `STATX_MNT_ID_UNIQUE`: never used again, unlike `MNT_ID`.
    const MOUNT_UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
    let look = |flags| {
        statx(CWD, folder, AtFlags::empty(), flags)
            .map_err(|errno| Error::io("opening", folder, errno))
    };
    let stat: Statx = look(StatxFlags::BASIC_STATS | StatxFlags::BTIME | MOUNT_UNIQUE)?;
    let has = |flag: StatxFlags| stat.stx_mask & flag.bits() != 0;
    let origin = match has(StatxFlags::BTIME) {
        true => format!("born {}.{}", stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec),
        false => format!("device {}:{}", stat.stx_dev_major, stat.stx_dev_minor),
    };
    let mount = if has(MOUNT_UNIQUE) { stat.stx_mnt_id } else { 0 };
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let boot = boot.trim();
    // Where boots cannot be told apart, none is like another.
    let life = if boot.is_empty() { String::new() } else { format!("boot {boot} mount {mount}") };
    Ok((format!("inode {} {origin}", stat.stx_ino), life))
}

/// What a journal says, and whether its last session was in this life; `None` if it is about
/// another folder.
fn read(bytes: &[u8], identity: &str, life: &str) -> Option<(Earlier, bool)> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let mut lines = lines.filter_map(|line| serde_json::from_slice::<Line>(line).ok());
    let Some(Line::Begins { identity: other, life: mut last_life, was_empty, .. }) = lines.next()
    else {
        return None;
    };
    if other != identity {
        return None;
    }
    let mut earlier = Earlier { was_empty, trusted: was_empty, ..Earlier::default() };
    for line in lines {
        match line {
            Line::Begins { .. } => return None,
            Line::GoesOn { life } => {
                last_life = life;
                (earlier.trusted, earlier.opened) = (false, None);
            }
            Line::Opened(place) => earlier.opened = Some(place),
            Line::Synced(place) => earlier.synced = Some(place),
        }
    }
    let same_life = !life.is_empty() && last_life == life;
    if !same_life {
        (earlier.trusted, earlier.opened) = (false, None);
    }
    Some((earlier, same_life))
}

/// Writes the journal while the restore goes on.
pub(super) struct Marker {
    journal: Arc<Journal>,
    places: SyncSender<Place>,
    clock: Arc<dyn Clock>,
    began: Duration,
    next: Duration,
}

impl Marker {
    /// Syncs on a thread of its own, which nobody waits for but the end of the process: the kernel
    /// lets no thread go that syncs.
    pub(super) fn start(journal: Journal, syncer: Syncer, clock: Arc<dyn Clock>) -> Result<Marker> {
        let journal = Arc::new(journal);
        let (places, received) = sync_channel::<Place>(0);
        let writer = Arc::clone(&journal);
        threads::start("mover-journal", move || {
            for place in received {
                // A place that is not written costs work after a power loss, and nothing else.
                if syncer.sync().is_ok() {
                    let _ = writer.write(&Line::Synced(place), true);
                }
            }
        })?;
        let began = clock.elapsed();
        Ok(Marker { journal, places, clock, began, next: began + SYNC_INTERVAL })
    }

    /// A long file is about to be written.
    pub(super) fn opened(&self, path: &[u8], inode: u64) {
        // Without this line the file is written anew, and nothing else is lost.
        let place = Place { path: hex::encode(path), inode, offset: Some(0) };
        let _ = self.journal.write(&Line::Opened(place), false);
    }

    /// All up to here is written: behind the entry, or up to `offset` of its content; `share` of
    /// what this session has to do, from 0 to 1. Now and then that is made durable, unless the
    /// restore is at its end before a power loss is likely: syncing all of it would keep the
    /// operator waiting.
    pub(super) fn reached(&mut self, path: &[u8], inode: u64, offset: Option<u64>, share: f64) {
        let now = self.clock.elapsed();
        if now < self.next || !goes_on(now.saturating_sub(self.began), share) {
            return;
        }
        let place = Place { path: hex::encode(path), inode, offset };
        // While the last sync takes its time, the next one waits.
        if self.places.try_send(place).is_ok() {
            self.next = now + SYNC_INTERVAL;
        }
    }

    /// The restore has come to its end.
    pub(super) fn remove(&self) {
        self.journal.remove();
    }
}

/// Whether a restore that took so long for its share of the whole goes on for long enough to be
/// worth syncing.
fn goes_on(spent: Duration, share: f64) -> bool {
    spent.as_secs_f64() * (1.0 - share) >= SYNC_INTERVAL.as_secs_f64() * share
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn what_is_nearly_done_is_not_worth_syncing() {
        let spent = SYNC_INTERVAL * 2;
        assert!(goes_on(spent, 0.0) && goes_on(spent, 0.5) && goes_on(spent * 100, 0.99));
        assert!(!goes_on(spent, 0.7) && !goes_on(spent, 1.0) && !goes_on(spent * 1000, 1.0));
    }

    fn place(path: &str, inode: u64, offset: Option<u64>) -> Place {
        Place { path: hex::encode(path), inode, offset }
    }

    /// A journal as it is read in another session, perhaps in another life.
    fn read_again(was_empty: bool, lines: &[Line], life: &str) -> (Earlier, bool) {
        let (archive, folder) = (String::new(), String::new());
        let (identity, begun) = ("folder".to_owned(), "boot 1".to_owned());
        let begins = Line::Begins { archive, folder, identity, life: begun, was_empty };
        let text = |line: &Line| format!("\n{}\n", serde_json::to_string(line).unwrap());
        let mut bytes = text(&begins);
        bytes.extend(lines.iter().map(text));
        // A power loss may cut the last line.
        bytes.push_str("\n{\"synced\":{\"path\":\"7a");
        assert!(read(bytes.as_bytes(), "another folder", life).is_none());
        read(bytes.as_bytes(), "folder", life).unwrap()
    }

    #[test]
    fn in_the_same_life_all_of_an_empty_folder_is_believed() {
        let opened = || Line::Opened(place("m", 7, Some(0)));
        let (earlier, same_life) = read_again(true, &[opened()], "boot 1");
        assert!(same_life && earlier.covers(b"a") && earlier.covers(b"z"));
        assert_eq!(earlier.half(b"m"), Some((7, u64::MAX)));
        assert_eq!(earlier.half(b"z"), None);
        // What was there before may look the same; a file that we opened is ours.
        let (earlier, _) = read_again(false, &[opened()], "boot 1");
        assert!(!earlier.covers(b"a"));
        assert_eq!(earlier.half(b"m"), Some((7, u64::MAX)));
    }

    #[test]
    fn in_another_life_only_what_was_synced_is_believed() {
        let lines = || {
            let synced = |path, offset| Line::Synced(place(path, 7, offset));
            [synced("b", None), Line::Opened(place("m", 7, Some(0))), synced("m", Some(100))]
        };
        let (earlier, same_life) = read_again(true, &lines(), "boot 2");
        assert!(!same_life && earlier.covers(b"b") && earlier.covers(b"l"));
        assert!(!earlier.covers(b"m") && !earlier.covers(b"z"));
        assert_eq!(earlier.half(b"m"), Some((7, 100)));
        let (earlier, _) = read_again(true, &lines()[..1], "boot 2");
        assert!(earlier.covers(b"b") && !earlier.covers(b"b2"));
        // Leftovers of the first life are no better in the second session of the second life.
        let mut lines = Vec::from(lines());
        lines.push(Line::GoesOn { life: "boot 2".to_owned() });
        let (earlier, same_life) = read_again(true, &lines, "boot 2");
        assert!(same_life && !earlier.covers(b"z"));
        assert_eq!(earlier.half(b"m"), Some((7, 100)));
        // Where lives cannot be told apart, none is like another.
        assert!(!read_again(true, &[], "").1);
    }

    #[test]
    fn a_journal_is_found_by_its_job_and_its_folder_and_held_by_one() {
        let base = TempDir::new().unwrap();
        let (journals, into) = (base.path().join("journals"), base.path().join("into"));
        let archive = ArchiveId([1; 16]);
        let job = |paths| Job { journals: &journals, archive, into: &into, paths };
        let all = job(vec![]);
        assert!(Journal::open(&all, true).unwrap().is_none());
        fs::create_dir(&into).unwrap();
        let journal = Journal::create(&all, true).unwrap();
        let busy = |result: Result<Option<(Journal, Earlier)>>| {
            result.is_err_and(|error| error.kind() == ErrorKind::Busy)
        };
        assert!(busy(Journal::open(&all, true)));
        drop(journal);
        assert!(Journal::open(&job(vec![b"a", b"b"]), true).unwrap().is_none());
        let (_, earlier) = Journal::open(&all, true).unwrap().unwrap();
        assert!(earlier.was_empty && earlier.covers(b"a"));
        // Nobody wants it.
        assert!(Journal::open(&all, false).unwrap().is_none());
        assert!(Journal::open(&all, true).unwrap().is_none());
        // The folder is another one of the same name.
        drop(Journal::create(&all, true).unwrap());
        fs::rename(&into, base.path().join("away")).unwrap();
        fs::create_dir(&into).unwrap();
        assert!(Journal::open(&all, true).unwrap().is_none());
        assert_eq!(fs::read_dir(&journals).unwrap().count(), 0);
    }
}

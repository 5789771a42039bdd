//! What an operator writes down of a pool, and the media that come of it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use super::disc::{Burner, DiscConfig, DiscStorage, ImageBurner, RecorderBurner};
use super::library::{Ask, DriveKind, Library, Operator, Robot};
use super::object::{ObjectConfig, ObjectStorage};
use super::tape::{FolderLoader, LibraryLoader, Loader, TapeConfig, TapeStorage};
use super::{DiskStorage, MediumKind, Parity, Storage};
use crate::units::Size;
use crate::{Error, ErrorKind, Result};

/// A pool, as it stands in a policy file and in a store's `pools.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum PoolSpec {
    /// Files in a folder, local or on a NAS.
    Disk {
        /// The folder; made when it is needed.
        path: PathBuf,
        /// Bytes at which a volume ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        volume_size: Option<Size>,
        /// Files of parity beside the volumes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parity: Option<Parity>,
    },
    /// Tape cartridges: in a library with a robot, or files that stand for them.
    Tape {
        /// A folder with cartridges as files in the format of SIMH.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<PathBuf>,
        /// Cartridges that are in the folder from the beginning, blank until they are written; or
        /// those that a person has, for drives without a robot.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cartridges: Vec<String>,
        /// Bytes of a cartridge in the folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capacity: Option<Size>,
        /// The library's changer: `iscsi://HOST:PORT/IQN/LUN`, or a device such as `/dev/sg3`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        library: Option<String>,
        /// Its drives, in its order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        drives: Vec<String>,
        /// Globs of the barcodes that belong to the pool; none means all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        barcodes: Vec<String>,
        /// Cartridges that one archive is written to at once, at most; where nothing is said, as
        /// many as there are drives, and one where there is a folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        streams: Option<u8>,
        /// Bytes of a tape record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record_size: Option<Size>,
    },
    /// Discs that are written once: images that grow by disc sessions, or those of a recorder.
    Optical {
        /// The folder of the images.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        folder: Option<PathBuf>,
        /// The recorder: `iscsi://HOST:PORT/IQN/LUN`, or a device such as `/dev/sg1`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recorder: Option<String>,
        /// The changer of the jukebox whose first drive the recorder is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        library: Option<String>,
        /// Globs of the discs in the jukebox that belong to the pool; none means all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        barcodes: Vec<String>,
        /// Names of discs, in the order in which they are used: those of images, or those that a
        /// person has for a recorder without a jukebox.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        discs: Vec<String>,
        /// Bytes of a disc; those of a DVD+R where nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        capacity: Option<Size>,
        /// Bytes that are burned at once, if no session ends before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_size: Option<Size>,
        /// Where what is to be burned waits; the store's folder where nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spool: Option<PathBuf>,
    },
    /// An S3-compatible store. The key pair comes from `AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`, and is never written down.
    Object {
        /// The server, as `https://host:port`; none for Amazon itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        /// The bucket, which has to exist.
        bucket: String,
        /// What all keys begin with.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
        /// Where the bucket is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        region: Option<String>,
        /// Bytes of a part, two of which are in memory.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        part_size: Option<Size>,
        /// Plain HTTP to another machine is fine.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        allow_http: bool,
        /// Bytes at which a volume ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        volume_size: Option<Size>,
    },
}

/// Bytes of a tape record where nothing else is said: what drives take at full speed.
const RECORD_LENGTH: u64 = 256 << 10;
/// The shortest and the longest that drives and SIMH take.
const RECORD_LENGTHS: std::ops::RangeInclusive<u64> = 512..=8 << 20;
/// Stands in the folder of a pool on disk.
const MARK: &str = "mover-pool";
/// Bytes of a DVD+R of one layer.
const DISC_CAPACITY: u64 = 4_700_372_992;
/// Bytes that are burned at once, where nothing else is said: each disc session costs about one
/// MiB.
const SESSION_LENGTH: u64 = 256 << 20;
/// Bytes of a cartridge that is a file, where nothing else is said.
const CARTRIDGE_CAPACITY: u64 = 16 << 30;

impl PoolSpec {
    /// What its media are.
    pub fn kind(&self) -> MediumKind {
        match self {
            PoolSpec::Disk { .. } => MediumKind::Disk,
            PoolSpec::Tape { .. } => MediumKind::Tape,
            PoolSpec::Optical { .. } => MediumKind::Optical,
            PoolSpec::Object { .. } => MediumKind::Object,
        }
    }

    /// Bytes at which a volume ends, if its medium does not end before.
    pub fn volume_size(&self) -> u64 {
        match self {
            PoolSpec::Disk { volume_size, .. } | PoolSpec::Object { volume_size, .. } => {
                volume_size.map_or(1 << 30, |size| size.0)
            }
            // A cartridge or disc holds one volume, however long it is.
            PoolSpec::Tape { .. } | PoolSpec::Optical { .. } => u64::MAX,
        }
    }

    /// Files of parity beside the volumes; none where nothing is said.
    pub fn parity(&self) -> Option<Parity> {
        match self {
            PoolSpec::Disk { parity, .. } => *parity,
            _ => None,
        }
    }

    /// Volumes that are written at once, at most.
    pub fn streams(&self) -> usize {
        match self {
            PoolSpec::Tape { streams: Some(streams), .. } => usize::from(*streams),
            PoolSpec::Tape { drives, .. } => drives.len().max(1),
            _ => 1,
        }
    }

    /// The same with paths that mean the same wherever they are read: relative ones are relative to
    /// `folder`.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> PoolSpec {
        let absolute = |path: &mut PathBuf| {
            let joined = folder.join(&*path);
            *path = std::path::absolute(&joined).unwrap_or(joined);
        };
        match &mut self {
            PoolSpec::Disk { path, .. } => absolute(path),
            PoolSpec::Tape { folder, .. } => folder.iter_mut().for_each(absolute),
            PoolSpec::Optical { folder, spool, .. } => {
                folder.iter_mut().for_each(absolute);
                spool.iter_mut().for_each(absolute);
            }
            PoolSpec::Object { .. } => {}
        }
        self
    }

    /// Makes the folder of a pool that has one, and marks it, so that an empty mount point is never
    /// taken for it.
    pub fn prepare(&self) -> Result<()> {
        let PoolSpec::Disk { path, .. } = self else { return Ok(()) };
        let failed = |cause| Error::io("making the folder of a pool", path, cause);
        std::fs::create_dir_all(path).map_err(failed)?;
        std::fs::write(path.join(MARK), b"a pool of a store of mover\n").map_err(failed)
    }

    /// Whether its media are away: a disk or NAS that is not mounted. Others are fetched when they
    /// are needed.
    pub fn is_away(&self) -> bool {
        matches!(self, PoolSpec::Disk { path, .. } if !path.join(MARK).exists())
    }

    /// Makes ready for the media of the pool `name`; what has to be remembered of them is kept in
    /// the folder `state`. Nothing is fetched, and no device is spoken to.
    pub fn open(&self, name: &str, state: &Path) -> Result<Media> {
        match self {
            PoolSpec::Disk { path, .. } => Ok(Media::Disk(DiskStorage::new(path))),
            PoolSpec::Tape { .. } => self.open_tape(name, state).map(Media::Tape),
            PoolSpec::Optical { .. } => self.open_discs(name, state).map(Media::Disc),
            PoolSpec::Object {
                endpoint, bucket, prefix, region, part_size, allow_http, ..
            } => {
                let mut config = ObjectConfig::new(bucket, prefix);
                config.endpoint.clone_from(endpoint);
                config.region.clone_from(region);
                config.part_length = part_size.map_or(config.part_length, |size| size.0);
                config.allow_http = *allow_http;
                Ok(Media::Object(ObjectStorage::new(&config)?))
            }
        }
    }

    fn open_discs(&self, name: &str, state: &Path) -> Result<DiscStorage> {
        let PoolSpec::Optical {
            folder,
            recorder,
            library,
            barcodes,
            discs,
            capacity,
            session_size,
            spool,
        } = self
        else {
            unreachable!("only called for discs");
        };
        let spool = spool.clone().unwrap_or_else(|| state.join(format!("{name}-spool")));
        std::fs::create_dir_all(&spool)
            .map_err(|cause| Error::io("making the spool of a pool", &spool, cause))?;
        let recorder_with = |library: Box<dyn Library>| -> Result<Arc<dyn Burner>> {
            Ok(Arc::new(RecorderBurner::new(name, &spool, globs(barcodes)?, library)))
        };
        let burner: Arc<dyn Burner> = match (folder, recorder, library) {
            (Some(folder), None, None) => Arc::new(ImageBurner::new(folder, discs.clone())),
            (None, Some(recorder), Some(library)) => {
                let drives = vec![recorder.clone()];
                recorder_with(Box::new(Robot::new(library, drives, DriveKind::Disc)))?
            }
            (None, Some(recorder), None) => {
                let (drives, names) = (vec![recorder.clone()], discs.clone());
                recorder_with(Box::new(Operator::new(drives, names, DriveKind::Disc, ask())))?
            }
            _ => {
                return wrong(
                    "a pool of discs has either a folder or a recorder",
                    "write folder = \"...\" for images, or recorder = \"...\"",
                );
            }
        };
        let config = DiscConfig {
            pool: name.to_owned(),
            capacity: capacity.map_or(DISC_CAPACITY, |size| size.0),
            session_length: session_size.map_or(SESSION_LENGTH, |size| size.0),
            spool: spool.clone(),
        };
        DiscStorage::new(config, burner)
    }

    fn open_tape(&self, name: &str, state: &Path) -> Result<TapeStorage> {
        let PoolSpec::Tape {
            folder,
            cartridges,
            capacity,
            library,
            drives,
            barcodes,
            record_size,
            ..
        } = self
        else {
            unreachable!("only called for tapes");
        };
        let real = |library: Box<dyn Library>| Box::new(LibraryLoader::new(library));
        let loader: Box<dyn Loader> = match (folder, library) {
            (Some(folder), None) => {
                let capacity = capacity.map_or(CARTRIDGE_CAPACITY, |size| size.0);
                Box::new(FolderLoader::new(
                    folder,
                    cartridges.clone(),
                    capacity,
                    self.streams().max(2),
                ))
            }
            (None, Some(library)) if !drives.is_empty() => {
                real(Box::new(Robot::new(library, drives.clone(), DriveKind::Tape)))
            }
            (None, None) if !drives.is_empty() && !cartridges.is_empty() => {
                let (drives, names) = (drives.clone(), cartridges.clone());
                real(Box::new(Operator::new(drives, names, DriveKind::Tape, ask())))
            }
            (None, Some(_)) => {
                return wrong(
                    "a library without drives",
                    "name its drives, in its order: drives = [\"...\"]",
                );
            }
            _ => {
                return wrong(
                    "a pool of tapes has either a folder or a library",
                    "write folder = \"...\" for cartridges in files, or library = \"...\"",
                );
            }
        };
        let record_length = record_size.map_or(RECORD_LENGTH, |size| size.0);
        if !RECORD_LENGTHS.contains(&record_length) || !record_length.is_multiple_of(512) {
            return wrong(
                "tape records of this length are not possible",
                "use a multiple of 512 bytes, up to 8M; 256K is what most drives like best",
            );
        }
        let config = TapeConfig {
            pool: name.to_owned(),
            state: state.join(format!("{name}.json")),
            barcodes: globs(barcodes)?,
            record_length: u32::try_from(record_length).expect("checked to be small"),
        };
        TapeStorage::new(config, loader)
    }
}

fn wrong<T>(what: &str, way_out: &str) -> Result<T> {
    Err(Error::new(ErrorKind::Usage, what).way_out(way_out))
}

/// Takes what one of the globs takes; all, where there are none.
fn globs(globs: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    let all = ["*".to_owned()];
    for glob in if globs.is_empty() { &all[..] } else { globs } {
        set.add(Glob::new(glob).map_err(|cause| {
            Error::new(ErrorKind::Usage, format!("{glob} is no glob")).because(cause)
        })?);
    }
    let failed = |cause| Error::new(ErrorKind::Usage, "the globs of barcodes").because(cause);
    set.build().map_err(failed)
}

/// Asks on the terminal of whoever runs the command, and waits for the Enter key.
fn ask() -> Ask {
    Box::new(|what| {
        let failed = |cause| {
            Error::io("asking on", "/dev/tty", cause)
                .way_out(format!("{what}, and run the command in a terminal"))
        };
        let mut options = std::fs::OpenOptions::new();
        let mut terminal = options.read(true).write(true).open("/dev/tty").map_err(failed)?;
        writeln!(terminal, "{what}, then press Enter").map_err(failed)?;
        let mut line = String::new();
        BufReader::new(terminal).read_line(&mut line).map_err(failed)?;
        Ok(())
    })
}

/// The media of a pool: what `mover media` works on besides volumes.
#[derive(Clone, Debug)]
pub enum Media {
    /// Files in a folder.
    Disk(DiskStorage),
    /// Cartridges.
    Tape(TapeStorage),
    /// Discs.
    Disc(DiscStorage),
    /// Objects.
    Object(ObjectStorage),
}

impl Media {
    /// As what a store writes to.
    pub fn storage(&self) -> Arc<dyn Storage> {
        match self {
            Media::Disk(storage) => Arc::new(storage.clone()),
            Media::Tape(storage) => Arc::new(storage.clone()),
            Media::Disc(storage) => Arc::new(storage.clone()),
            Media::Object(storage) => Arc::new(storage.clone()),
        }
    }
}

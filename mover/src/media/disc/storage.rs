//! A pool of discs: each holds one volume.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use super::burner::Burner;
use super::file::DiscFile;
use super::reader::DiscReader;
use super::state::{Disc, Discs, with_volume};
use crate::media::{AppendFile, MediumKind, MediumTraits, ReadFile, Storage};
use crate::{Error, ErrorKind, Result, durable};

/// How a pool of discs is written.
#[derive(Clone, Debug)]
pub struct DiscConfig {
    /// The pool's name, for people.
    pub pool: String,
    /// Bytes of a disc.
    pub capacity: u64,
    /// Bytes at which the spool is burned, if no session ends before and the burner can go on with
    /// a disc.
    pub session_length: u64,
    /// Where the spool is, and what is remembered.
    pub spool: PathBuf,
}

/// A pool of discs.
#[derive(Clone, Debug)]
pub struct DiscStorage {
    pub(super) config: Arc<DiscConfig>,
    pub(super) burner: Arc<dyn Burner>,
    discs: Arc<Mutex<Discs>>,
}

pub(super) const FOREIGN: &str = "it is not blank, and none of ours";
/// Why a disc whose volume was removed is not written.
const LET_GO: &str = "its volume was let go";

impl DiscStorage {
    /// Makes ready for a pool; no disc is looked at.
    pub fn new(config: DiscConfig, burner: Arc<dyn Burner>) -> Result<DiscStorage> {
        let discs = Arc::new(Mutex::new(Discs::open(&config.spool.join("discs.json"))?));
        Ok(DiscStorage { config: Arc::new(config), burner, discs })
    }

    /// Bytes of a disc.
    pub fn capacity(&self) -> u64 {
        self.config.capacity
    }

    /// What is known of the discs of the pool, and which of them are at hand.
    pub fn discs(&self) -> Result<Vec<(String, Disc, bool)>> {
        let at_hand = self.burner.inventory()?;
        let discs = self.lock();
        let mut names: Vec<&String> = at_hand.iter().chain(discs.known.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let disc = |name: &String| {
            let known = discs.known.get(name).cloned().unwrap_or_default();
            (name.clone(), known, at_hand.contains(name))
        };
        Ok(names.into_iter().map(disc).collect())
    }

    /// Forgets what was wrong with a disc, if it is blank: another one is in its place.
    ///
    /// Fails with [`ErrorKind::Refused`] where it is not, since nothing is ever written over.
    pub fn take_over(&self, disc: &str) -> Result<()> {
        if let Some(volume) = self.lock().known.get(disc).and_then(|it| it.volume.clone()) {
            let message = format!("disc {disc} is that of {volume}");
            return Err(Error::new(ErrorKind::Refused, message).way_out("name another disc"));
        }
        if !self.burner.look(disc)?.is_blank {
            let message = format!("disc {disc} is not blank, and discs are written once");
            return Err(Error::new(ErrorKind::Refused, message)
                .way_out("put a blank disc in its place, or name another one"));
        }
        self.update(|discs| drop(discs.known.insert(disc.to_owned(), Disc::default())))
    }

    /// Puts a disc where a person can take it.
    pub fn eject(&self, disc: &str) -> Result<()> {
        self.burner.eject(disc)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Discs> {
        self.discs.lock().expect("no holder panics")
    }

    /// Changes what is known, durably. Another command may have changed something since.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Discs) -> T) -> Result<T> {
        let mut discs = self.lock();
        discs.refresh()?;
        let changed = change(&mut discs);
        discs.save()?;
        Ok(changed)
    }

    /// Where the bytes behind those that were burned wait. Its name says where they begin, so that
    /// what a kill leaves of a spool that was burned is never taken for more.
    pub(super) fn spool(&self, name: &str, burned: u64) -> PathBuf {
        self.config.spool.join(format!("{name}-{burned:020}.spool"))
    }

    /// The disc of a volume.
    pub(super) fn disc(&self, name: &str) -> Result<(String, Disc)> {
        let discs = self.lock();
        let found = with_volume(&discs, name);
        found.map(|(disc, known)| (disc.to_owned(), known.clone())).ok_or_else(|| {
            let message = format!("pool {} has no disc with {name}", self.config.pool);
            Error::new(ErrorKind::Missing, message)
        })
    }

    pub(super) fn spooled(&self, name: &str, burned: u64) -> Result<u64> {
        let path = self.spool(name, burned);
        match std::fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(cause) => Err(Error::io("reading", &path, cause)),
        }
    }

    /// The next blank disc, which becomes that of a volume in the place of the one that it had.
    pub(super) fn assign(&self, name: &str) -> Result<()> {
        let mut told = Vec::new();
        for disc in self.burner.candidates()? {
            let known = self.lock().known.get(&disc).cloned().unwrap_or_default();
            if let Some(problem) = &known.problem {
                told.push(format!("{disc}: {problem}"));
                continue;
            }
            if known.volume.is_some() {
                continue;
            }
            // Only a blank disc is written: what is on another one is somebody's. Nobody is asked
            // for a disc before there is something to burn; then it is looked at all the same.
            if self.burner.is_unattended() && !self.burner.look(&disc)?.is_blank {
                told.push(format!("{disc}: {FOREIGN}"));
                if self.burner.is_write_once() {
                    let problem = Some(FOREIGN.to_owned());
                    let foreign = Disc { problem, ..known };
                    self.update(|discs| drop(discs.known.insert(disc, foreign)))?;
                }
                continue;
            }
            return self.update(|discs| {
                let before = discs.known.values_mut().find(|it| it.volume.as_deref() == Some(name));
                let finished = before.is_some_and(|before| {
                    before.volume = None;
                    before.finished
                });
                let volume = Some(name.to_owned());
                discs.known.insert(disc, Disc { volume, finished, ..known });
            });
        }
        let message = format!("pool {} has no blank disc left", self.config.pool);
        let told = if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) };
        Err(Error::new(ErrorKind::Full, message).way_out(format!(
            "put blank discs into the library, or name more in the policy file, as discs = [...]; \
             what is not burned yet is kept in {}{told}",
            self.config.spool.display()
        )))
    }
}

impl Storage for DiscStorage {
    fn traits(&self) -> MediumTraits {
        // What is still in the spool can be cut; what was burned never is.
        MediumTraits { kind: MediumKind::Optical, record_length: 1, can_truncate: true }
    }

    fn list(&self) -> Result<Vec<String>> {
        let discs = self.lock();
        let mut volumes: Vec<String> =
            discs.known.values().filter_map(|disc| disc.volume.clone()).collect();
        volumes.sort_unstable();
        Ok(volumes)
    }

    fn length(&self, name: &str) -> Result<u64> {
        let burned = self.disc(name)?.1.burned();
        Ok(burned + self.spooled(name, burned)?)
    }

    fn create(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        if with_volume(&self.lock(), name).is_some() {
            let message = format!("pool {} holds {name} already", self.config.pool);
            return Err(Error::new(ErrorKind::Exists, message));
        }
        // A pool has one volume that is written to: what a kill left of another one is burned.
        self.burn_all()?;
        self.assign(name)?;
        Ok(Box::new(DiscFile::open(self, name)?))
    }

    fn append(&self, name: &str) -> Result<Box<dyn AppendFile>> {
        self.disc(name)?;
        Ok(Box::new(DiscFile::open(self, name)?))
    }

    fn open(&self, name: &str) -> Result<Arc<dyn ReadFile>> {
        self.disc(name)?;
        Ok(Arc::new(DiscReader::new(self, name)))
    }

    fn remove(&self, name: &str) -> Result<()> {
        let (disc, known) = self.disc(name)?;
        let path = self.spool(name, known.burned());
        self.update(|discs| {
            let known = discs.known.entry(disc).or_default();
            // A disc that was written cannot be written again: it goes with its volume.
            let problem = (known.burns > 0).then(|| LET_GO.to_owned());
            *known = Disc { burns: known.burns, problem, ..Disc::default() };
        })?;
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("removing", &path, cause))
            }
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<()> {
        durable::sync_folder(&self.config.spool)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.disc(name).map_or_else(|_| PathBuf::from(name), |(disc, _)| self.burner.path(&disc))
    }
}

//! From the spool to a disc, compared, and on to the next disc where one fails.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::burner::{Burner, Burning};
use super::state::{Disc, Part, parts};
use super::storage::DiscStorage;
use crate::failpoint::{self, reach};
use crate::{Error, ErrorKind, Result};

/// Bytes that are compared at a time.
const COMPARED: usize = 1 << 20;

/// Why a disc is retired.
const NOT_ENDED: &str = "its burning was cut off";
const NOT_THE_SAME: &str = "it is not what was burned on it";

impl DiscStorage {
    /// Burns what is spooled of every volume.
    pub fn burn_all(&self) -> Result<()> {
        let volumes: Vec<String> =
            self.lock().known.values().filter_map(|disc| disc.volume.clone()).collect();
        volumes.iter().try_for_each(|name| self.burn(name))
    }

    /// Burns what is spooled of a volume. Where a disc fails and cannot be written again, it is
    /// retired, and the volume is burned on the next blank one.
    pub(super) fn burn(&self, name: &str) -> Result<()> {
        loop {
            let (disc, mut known) = self.disc(name)?;
            let (start, spool) = (known.burned(), self.spool(name, known.burned()));
            let length = self.spooled(name, start)?;
            if length == 0 {
                return Ok(());
            }
            let burning = Burning { volume: name, offset: start, length, spool: &spool };
            let Some(problem) = self.burn_on(&disc, &mut known, &burning)? else {
                // Only now: until it is known where they lie, this is where the bytes are found.
                let removed = std::fs::remove_file(&spool);
                return removed.map_err(|cause| Error::io("removing", &spool, cause));
            };
            self.update(|discs| {
                let known = discs.known.entry(disc).or_default();
                (known.burning, known.problem) = (false, Some(problem));
            })?;
            self.assign(name)?;
        }
    }

    /// Burns on a disc. Gives what is wrong with it, where another one is to be taken.
    fn burn_on(
        &self,
        disc: &str,
        known: &mut Disc,
        burning: &Burning<'_>,
    ) -> Result<Option<String>> {
        if known.problem.is_some() {
            return Ok(known.problem.clone());
        }
        let held = self.burner.hold(disc)?;
        // A kill may have come between burning and remembering.
        if self.stands(disc, burning, known)? {
            return self.remember(disc, known).map(|()| None);
        }
        let is_write_once = self.burner.is_write_once();
        if is_write_once && known.burning {
            return Ok(Some(NOT_ENDED.to_owned()));
        }
        match self.burner.prepare(disc, burning) {
            // It is not blank, or does not take so much.
            Err(error) if is_write_once && error.kind() == ErrorKind::Refused => {
                return Ok(Some(error.to_string()));
            }
            prepared => prepared?,
        }
        self.update(|discs| {
            let known = discs.known.entry(disc.to_owned()).or_default();
            (known.burning, known.burns) = (is_write_once, known.burns + 1);
        })?;
        match self.burner.burn(disc, burning, held.as_ref()) {
            Err(error) if is_write_once => return Ok(Some(error.to_string())),
            burned => burned?,
        }
        reach(failpoint::DISC_BURNED)?;
        match self.stands(disc, burning, known) {
            Ok(true) => self.remember(disc, known).map(|()| None),
            Ok(false) if is_write_once => Ok(Some(NOT_THE_SAME.to_owned())),
            Err(error) if is_write_once && error.kind() == ErrorKind::Damaged => {
                Ok(Some(error.to_string()))
            }
            Ok(false) => {
                let path = self.burner.path(disc);
                let message = format!("disc {} is not what was burned on it", path.display());
                Err(Error::new(ErrorKind::Damaged, message).way_out(
                    "what was to be burned is kept in the spool: replace the disc, or move the \
                     volume to another pool with `mover media migrate`",
                ))
            }
            Err(error) => Err(error),
        }
    }

    fn remember(&self, disc: &str, known: &Disc) -> Result<()> {
        self.burner.sync(disc)?;
        self.update(|discs| {
            let now = discs.known.entry(disc.to_owned()).or_default();
            now.segments.clone_from(&known.segments);
            now.burning = false;
            now.burns = now.burns.max(1);
        })
    }

    /// Looks whether the spool stands on the disc, byte for byte: then it becomes a part of what is
    /// known of the volume.
    fn stands(&self, disc: &str, burning: &Burning<'_>, known: &mut Disc) -> Result<bool> {
        let (mut end, mut found) = (burning.offset, Vec::new());
        for part in parts(self.burner.look(disc)?.files) {
            if part.volume == burning.volume && part.segment.offset == end {
                end += part.segment.length;
                found.push(part);
            }
        }
        if end != burning.offset + burning.length {
            return Ok(false);
        }
        let spool = File::open(burning.spool)
            .map_err(|cause| Error::io("opening spool", burning.spool, cause))?;
        for part in &found {
            let start = part.segment.offset - burning.offset;
            if !same_bytes(&*self.burner, disc, part, (&spool, burning.spool), start)? {
                return Ok(false);
            }
        }
        known.adopt(found.into_iter().map(|part| part.segment));
        Ok(true)
    }
}

fn same_bytes(
    burner: &dyn Burner,
    disc: &str,
    part: &Part,
    (spool, path): (&File, &Path),
    start: u64,
) -> Result<bool> {
    let (mut left, mut right) = (vec![0; COMPARED], vec![0; COMPARED]);
    let (mut done, length) = (0, part.segment.length);
    while done < length {
        let count = usize::try_from(length - done).map_or(COMPARED, |left| left.min(COMPARED));
        burner.read(disc, part, done, &mut left[..count])?;
        spool
            .read_exact_at(&mut right[..count], start + done)
            .map_err(|cause| Error::io("reading spool", path, cause))?;
        if left[..count] != right[..count] {
            return Ok(false);
        }
        done += count as u64;
    }
    Ok(true)
}

//! What the discs alone tell, when nobody remembers.

use std::collections::BTreeMap;

use format::{Frame, VolumeLabel};

use super::burner::Content;
use super::state::{Disc, Part, parts};
use super::storage::{DiscStorage, FOREIGN};
use crate::{ErrorKind, Result};

/// A volume's label is no longer than this.
const LABEL_LENGTH_MAX: u64 = 4096;
/// A disc that holds a volume of which a later one has it too.
const REPLACED: &str = "its volume was burned again, on another disc";

impl DiscStorage {
    /// Asks every disc what is on it. A disc that cannot be asked is named in what is known of it,
    /// and the others go on.
    pub fn scan(&self) -> Result<()> {
        // The disc of each volume that was found, and when it was made.
        let mut found: BTreeMap<String, (String, String)> = BTreeMap::new();
        for disc in self.burner.inventory()? {
            let known = self.lock().known.get(&disc).cloned().unwrap_or_default();
            if known.is_retired() {
                continue;
            }
            let content = match self.burner.look(&disc) {
                // It is not this disc that is at fault.
                Err(error) if matches!(error.kind(), ErrorKind::Busy | ErrorKind::Io) => {
                    return Err(error);
                }
                Err(error) => {
                    self.mark(&disc, error.to_string())?;
                    continue;
                }
                Ok(content) if content.is_blank => {
                    if known.problem.is_some() && known.volume.is_none() {
                        self.update(|discs| discs.known.remove(&disc))?;
                    }
                    continue;
                }
                Ok(content) => content,
            };
            self.take(&disc, content, &mut found)?;
        }
        Ok(())
    }

    fn take(
        &self,
        disc: &str,
        content: Content,
        found: &mut BTreeMap<String, (String, String)>,
    ) -> Result<()> {
        let parts = parts(content.files);
        let Some(first) = parts.first().cloned() else {
            return match self.burner.is_write_once() {
                true => self.mark(disc, FOREIGN.to_owned()),
                false => Ok(()),
            };
        };
        if let Some(label) = self.label(disc, &first)
            && label.pool != self.config.pool
        {
            let VolumeLabel { volume, pool, store, .. } = label;
            let message = format!("it holds volume {volume} of pool {pool} of store {store}");
            return self.mark(disc, message);
        }
        let name = first.volume;
        if let Ok((_, known)) = self.disc(&name)
            && self.spooled(&name, known.burned())? > 0
        {
            // What waits is compared before anything of it is believed.
            return Ok(());
        }
        let remembered = || self.disc(&name).ok().map(|(disc, _)| (disc, None));
        let other = found.get(&name).map(|(disc, created)| (disc.clone(), Some(created.clone())));
        if let Some((other, created)) = other.or_else(remembered)
            && other != disc
        {
            // Where two discs hold one volume, the earlier was burned and found to be bad; and what
            // is remembered counts more than what is found.
            if created.is_none_or(|created| created > content.created) {
                return self.retire(disc);
            }
            self.retire(&other)?;
        }
        found.insert(name.clone(), (disc.to_owned(), content.created));
        self.update(|discs| {
            let known = discs.known.entry(disc.to_owned()).or_default();
            (known.volume, known.problem) = (Some(name.clone()), None);
            let here = parts.into_iter().filter(|part| part.volume == name);
            known.adopt(here.map(|part| part.segment));
            known.burns = known.burns.max(1);
            known.finished |= self.burner.is_write_once();
        })
    }

    fn label(&self, disc: &str, first: &Part) -> Option<VolumeLabel> {
        let length = first.segment.length.min(LABEL_LENGTH_MAX);
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        self.burner.read(disc, first, 0, &mut bytes).ok()?;
        Frame::decode(&bytes).and_then(|(frame, _)| VolumeLabel::decode(frame.body)).ok()
    }

    fn retire(&self, disc: &str) -> Result<()> {
        self.update(|discs| {
            let known = discs.known.entry(disc.to_owned()).or_default();
            let (burns, problem) = (known.burns.max(1), Some(REPLACED.to_owned()));
            *known = Disc { burns, problem, ..Disc::default() };
        })
    }

    fn mark(&self, disc: &str, problem: String) -> Result<()> {
        self.update(|discs| {
            discs.known.entry(disc.to_owned()).or_default().problem = Some(problem);
        })
    }
}

//! Parity behind what a command wrote: every command that writes chunks makes it before its report,
//! which is the last thing that is said.

use std::collections::BTreeSet;
use std::path::Path;

use super::Outcome;
use super::console::Console;
use super::open::cancel_on_signals;
use super::place::{Place, local};
use crate::error::{Error, ErrorKind, Result};
use crate::media::Parity;
use crate::pipeline::Cancel;
use crate::session::{self, Healed, Progress, Protected, Watch};
use crate::store::{HOME_POOL, Store, StoreWriter, WriteStore, remember_parity};
use crate::units::{counted, show};

/// Makes parity of what has none yet, and gives whether something stood in the way. Whatever that
/// is, what the command did is done.
pub(super) fn protect(
    writer: &mut dyn WriteStore,
    cancel: &Cancel,
    console: &Console,
) -> Result<bool> {
    protect_anew(writer, &BTreeSet::new(), cancel, console)
}

/// The same, and makes the sets anew that have one of the files `void`.
pub(super) fn protect_anew(
    writer: &mut dyn WriteStore,
    void: &BTreeSet<String>,
    cancel: &Cancel,
    console: &Console,
) -> Result<bool> {
    let progress = Progress::default();
    let watch = Watch { observer: console, progress: &progress, cancel };
    match console.watch(&progress, || session::protect(writer, void, &watch)) {
        Ok(done) => {
            tell(&done, console)?;
            done.troubles.iter().for_each(|trouble| console.error(trouble));
            Ok(!done.troubles.is_empty())
        }
        Err(error) => {
            let message = "what is new has no parity yet; all else is done";
            let way_out = "`mover media protect STORE` makes it, and so does the next archive";
            console.error(&Error::new(error.kind(), message).because(error).way_out(way_out));
            Ok(true)
        }
    }
}

fn tell(done: &Protected, console: &Console) -> Result<()> {
    if done.sets == 0 {
        return Ok(());
    }
    console.document("parity", done)?;
    console.line(&format!(
        "made {} of parity for {} that are new",
        show(done.stored_bytes),
        show(done.read_bytes)
    ))
}

/// Tells what parity gave back.
pub(super) fn tell_healed(healed: &Healed, console: &Console) -> Result<()> {
    console.document("heal", healed)?;
    console.line(&format!(
        "parity gave back {} in {}",
        show(healed.healed_bytes),
        counted(healed.volumes.len() as u64, "volume", "volumes")
    ))?;
    match healed.lost_bytes {
        0 => Ok(()),
        lost => console.line(&format!(
            "  {} are beyond it: more of their rows is lost than there is parity",
            show(lost)
        )),
    }
}

/// Refuses to ask for parity of a store that another mover has.
pub(super) fn is_made_here(parity: Option<Parity>, store: &Place) -> Result<()> {
    match (parity, store) {
        (Some(_), Place::Remote(address)) => {
            let message = format!("parity is kept by the mover that has the store, {address}");
            Err(Error::new(ErrorKind::Unsupported, message)
                .way_out("run `mover media protect STORE --parity N+M` on its machine"))
        }
        _ => Ok(()),
    }
}

/// `mover media protect`.
pub(super) fn run(
    store: &Path,
    pool: Option<&str>,
    parity: Option<&str>,
    console: &Console,
) -> Result<Outcome> {
    let cancel = cancel_on_signals()?;
    let pool = pool.unwrap_or(HOME_POOL);
    local(store, "protecting")?;
    if let Some(parity) = parity {
        let parity = match parity {
            "none" => None,
            text => Some(text.parse::<Parity>()?),
        };
        remember_parity(store, pool, parity)?;
    }
    let mut writer = StoreWriter::open(&local(store, "protecting")?, "media protect")?;
    if parity == Some("none") {
        writer.unprotect(pool)?;
        console.line(&format!("pool {pool} has no parity any more"))?;
        return Ok(Outcome::default());
    }
    let states = writer.parity()?;
    if states.iter().all(|state| state.parity.is_none()) {
        let message = format!("no pool of {} is to have parity", store.display());
        return Err(Error::new(ErrorKind::Usage, message)
            .way_out("say how much: mover media protect STORE --parity 10+2"));
    }
    let faults = protect(&mut writer, &cancel, console)?;
    list(&writer, console)?;
    Ok(Outcome { faults, refused: false })
}

/// What the parity of each pool protects.
pub(super) fn list(store: &Store, console: &Console) -> Result<()> {
    for state in store.parity()? {
        console.document("parity", &state)?;
        let how = state.parity.as_deref().unwrap_or("no more is made");
        console.line(&format!("parity of pool {}: {how}, {}", state.pool, show(state.length)))?;
        let (across, within) = (state.volumes_across.len(), state.volumes_within.len());
        console.counts([
            (
                across as u64,
                "volume in a set: a lost volume is healed",
                "volumes in sets: lost volumes are healed",
            ),
            (
                within as u64,
                "volume by itself: damage is healed, and not its loss",
                "volumes by themselves: damage is healed, and not their loss",
            ),
        ])?;
    }
    Ok(())
}

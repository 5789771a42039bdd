//! `mover init`: makes a store.

use std::path::Path;

use serde_json::json;

use super::Outcome;
use super::arguments::{Global, Init};
use super::console::Console;
use super::open::{ambient, cancel_on_signals, new_passphrase};
use super::parity::is_made_here;
use super::place::{Place, remote};
use crate::error::{Error, ErrorKind, Result};
use crate::key::{NewMember, StateFolder, create_group, unencrypted_group};
use crate::net::RemoteStore;
use crate::store::{HOME_POOL, Store, StoreConfig, remember_parity};

pub(super) fn run(command: Init, global: &Global, console: &Console) -> Result<Outcome> {
    let ambient = ambient();
    let (random, clock) = (&*ambient.random, &*ambient.clock);
    // Before a passphrase is asked for: a folder that cannot be used is told at once.
    let place = Place::of(&command.store)?;
    is_made_here(command.parity, &place)?;
    if let Place::Folder(path) = &place {
        check_new(path)?;
    }
    let group = if command.no_encryption {
        unencrypted_group(random, clock)
    } else {
        let members = members(&command, global)?;
        create_group(random, clock, &members)?.0
    };
    let id = match place {
        Place::Folder(path) => {
            let id = Store::create(&StoreConfig::open(&path)?, &group)?;
            if command.parity.is_some() {
                remember_parity(&path, HOME_POOL, command.parity)?;
            }
            id
        }
        Place::Remote(address) => {
            let cancel = cancel_on_signals()?;
            RemoteStore::create(&remote(address, global, &cancel, console)?, &group)?
        }
    };
    // This machine made the key, so it need not take the store's word for it later.
    StateFolder::open(None, id)?.trust_recipient(&group)?;
    console.line(&format!("made store {} ({id})", command.store.display()))?;
    let how = match (command.no_encryption, command.recipient.is_empty()) {
        (true, _) => "nothing is encrypted",
        (_, true) => "whoever has the passphrase can read it; without it nobody can, so keep it",
        (_, false) => "only the recipients' secret keys can read it",
    };
    console.line(how)?;
    console.document(
        "store",
        json!({ "id": id.to_string(), "path": command.store, "recipient": group.recipient }),
    )?;
    Ok(Outcome::default())
}

fn check_new(path: &Path) -> Result<()> {
    let mut listing = match std::fs::read_dir(path) {
        Ok(listing) => listing,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(cause) => return Err(Error::io("opening", path, cause)),
    };
    match listing.next() {
        None => Ok(()),
        Some(_) => Err(Error::new(ErrorKind::Exists, format!("{} is not empty", path.display()))
            .way_out("name a folder that is empty or does not exist yet")),
    }
}

fn members(command: &Init, global: &Global) -> Result<Vec<NewMember>> {
    if command.recipient.is_empty() {
        let what = format!("new passphrase of {}", command.store.display());
        let passphrase = new_passphrase(global.passphrase_file.as_deref(), &what)?;
        return Ok(vec![NewMember::Passphrase { name: "passphrase".to_owned(), passphrase }]);
    }
    let recipients = command.recipient.iter();
    Ok(recipients
        .map(|recipient| NewMember::Recipient { name: String::new(), recipient: recipient.clone() })
        .collect())
}

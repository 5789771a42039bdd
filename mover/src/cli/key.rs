//! `mover key`: who can read a store.

use std::path::{Path, PathBuf};

use format::{KeyGroup, MemberKind};
use serde_json::json;

use super::Outcome;
use super::arguments::{Global, Key, KeyCommand};
use super::console::Console;
use super::open::{access, ambient, cancel_on_signals, has_passphrase};
use super::place::{open_store, open_writer};
use crate::error::{Error, ErrorKind, Result};
use crate::key::{
    GroupSecret, NewMember, StateFolder, Unproven, add_member, member_label, member_recipient,
    passphrase, remove_member, unlock,
};
use crate::store::ReadStore;

pub(super) fn run(command: Key, global: &Global, console: &Console) -> Result<Outcome> {
    match command.command {
        KeyCommand::Add { store, recipient, new_passphrase_file, name } => {
            add(&store, recipient, new_passphrase_file, name, global, console)?;
        }
        KeyCommand::Remove { store, name, drop_others } => {
            remove(&store, &name, drop_others, global, console)?;
        }
        KeyCommand::List { store } => list(&store, global, console)?,
        KeyCommand::Export { store } => export(&store, global, console)?,
    }
    Ok(Outcome::default())
}

fn encrypted(group: KeyGroup) -> Result<KeyGroup> {
    match group.is_encrypted() {
        true => Ok(group),
        false => Err(Error::new(ErrorKind::Usage, "this store is not encrypted and has no keys")),
    }
}

fn open(store: &dyn ReadStore, group: &KeyGroup, global: &Global) -> Result<GroupSecret> {
    let access = access(global, &store.name(), has_passphrase(store)?)?;
    unlock(group, &access, &store.name())
}

fn add(
    path: &Path,
    recipient: Option<String>,
    new_passphrase_file: Option<PathBuf>,
    name: Option<String>,
    global: &Global,
    console: &Console,
) -> Result<()> {
    let cancel = cancel_on_signals()?;
    let mut writer = open_writer(path, |_| {}, "key add", global, &cancel, console)?;
    let store = writer.store();
    let group = encrypted(store.current_group()?)?;
    let secret = open(&*store, &group, global)?;
    let member = match recipient {
        Some(recipient) => NewMember::Recipient { name: name.unwrap_or_default(), recipient },
        None => NewMember::Passphrase {
            name: name.unwrap_or_else(|| format!("passphrase {}", group.members.len() + 1)),
            // Never MOVER_PASSPHRASE: that is the one that opens the store now.
            passphrase: match new_passphrase_file {
                Some(file) => passphrase::from_file(&file)?,
                None => passphrase::prompt_new("new passphrase")?,
            },
        },
    };
    let group = add_member(&*ambient().clock, &group, &secret, &member)?;
    writer.put_group(&group)?;
    let added = group.members.last().map_or("", |member| member_label(member));
    console.line(&format!("added {added}: it can read all archives of this store"))?;
    console.document("key", json!({ "added": added }))
}

fn remove(
    path: &Path,
    name: &str,
    drop_others: bool,
    global: &Global,
    console: &Console,
) -> Result<()> {
    let ambient = ambient();
    let cancel = cancel_on_signals()?;
    let mut writer = open_writer(path, |_| {}, "key remove", global, &cancel, console)?;
    let store = writer.store();
    let group = encrypted(store.current_group()?)?;
    let secret = open(&*store, &group, global)?;
    let given: Vec<_> = passphrase::find(global.passphrase_file.as_deref())?.into_iter().collect();
    let unproven = if drop_others { Unproven::Drop } else { Unproven::Refuse };
    let removal =
        remove_member(&*ambient.random, &*ambient.clock, &group, &secret, name, &given, unproven)?;
    // The new group first: were we stopped between the two, nobody would be locked out.
    writer.put_group(&removal.group)?;
    writer.put_group(&removal.previous)?;
    StateFolder::open(None, store.id())?.trust_recipient(&removal.group)?;
    console.line(&format!("removed {name}"))?;
    for dropped in &removal.dropped {
        console.line(&format!("dropped {dropped}, whose passphrase was not given"))?;
    }
    console.line(&removal.note)?;
    let (dropped, note) = (&removal.dropped, &removal.note);
    console.document("key", json!({ "removed": name, "dropped": dropped, "note": note }))
}

fn list(path: &Path, global: &Global, console: &Console) -> Result<()> {
    let store = open_store(path, global, &cancel_on_signals()?, console)?;
    let group = encrypted(store.current_group()?)?;
    for member in &group.members {
        let kind = match member.kind {
            MemberKind::Passphrase => "passphrase",
            MemberKind::Recipient => "recipient",
        };
        let recipient = member_recipient(member);
        let label = member_label(member);
        console.line(&format!("{kind:10}  {label}  {}", recipient.unwrap_or_default()))?;
        console.document("key", json!({ "kind": kind, "name": label, "recipient": recipient }))?;
    }
    Ok(())
}

fn export(path: &Path, global: &Global, console: &Console) -> Result<()> {
    use std::io::Write;
    let store = open_store(path, global, &cancel_on_signals()?, console)?;
    let group = encrypted(store.current_group()?)?;
    let secret = open(&*store, &group, global)?;
    let text = secret.export(&group, &path.display().to_string());
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|cause| Error::io("writing", "standard output", cause))
}

//! What a session may do with a store's keys: write under the current group, read what it can open.

use std::path::Path;

use format::KeyGroup;

use crate::ambient::Random;
use crate::error::Result;
use crate::key::{Access, DomainSecret, Keyring, StateFolder};
use crate::store::ReadStore;

/// All that archiving needs of keys.
pub struct WriteAccess {
    /// The group to write under.
    pub group: KeyGroup,
    /// What could be opened: with nothing, this machine writes and does not read.
    pub keyring: Keyring,
    /// The secret of the dedupe domain.
    pub domain: DomainSecret,
    /// What this machine keeps of the store.
    pub state: StateFolder,
    /// It cannot read what it writes, and so keeps a record of its own.
    pub keeps_record: bool,
}

impl WriteAccess {
    /// Opens what can be opened. Without anything to open with, an encrypted store is written to
    /// by its public recipient alone, if `may_write_only`.
    pub fn open(
        store: &dyn ReadStore,
        access: &Access,
        random: &dyn Random,
        state_base: Option<&Path>,
        writer: &str,
    ) -> Result<WriteAccess> {
        let group = store.current_group()?;
        let state = StateFolder::open(state_base, store.id())?;
        // Whoever can write to the store could have put another key there, or none at all.
        state.check_recipient(&group)?;
        if !group.is_encrypted() {
            let domain = DomainSecret::of_open_store(store.id(), writer);
            let (keyring, keeps_record) = (Keyring::empty(), !store.is_readable());
            return Ok(WriteAccess { group, keyring, domain, state, keeps_record });
        }
        if access.is_nothing() {
            let domain = state.domain_secret(random, writer)?;
            let (keyring, keeps_record) = (Keyring::empty(), true);
            return Ok(WriteAccess { group, keyring, domain, state, keeps_record });
        }
        let name = store.name();
        let keyring = Keyring::open(&store.groups()?, access, &name)?;
        let secret = match keyring.secret(group.group) {
            Some(secret) => secret.clone(),
            // Older groups may open while the one to write under does not.
            None => crate::key::unlock(&group, access, &name)?,
        };
        let domain = DomainSecret::of_group(&secret, writer);
        let keeps_record = !store.is_readable();
        Ok(WriteAccess { group, keyring, domain, state, keeps_record })
    }
}

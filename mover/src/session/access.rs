//! What a session may do with a store's keys: write under the current group, read what it can open.

use std::path::Path;

use format::KeyGroup;

use crate::ambient::Random;
use crate::error::Result;
use crate::key::{Access, DomainSecret, Keyring, StateFolder};
use crate::store::Store;

/// All that archiving needs of keys.
pub struct WriteAccess {
    /// The group to write under.
    pub group: KeyGroup,
    /// What could be opened: with nothing, this machine writes and does not read.
    pub keyring: Keyring,
    /// The secret of the dedupe domain.
    pub domain: DomainSecret,
    /// Where a machine that cannot read keeps its own record.
    pub state: Option<StateFolder>,
}

impl WriteAccess {
    /// Opens what can be opened. Without anything to open with, an encrypted store is written to
    /// by its public recipient alone, if `may_write_only`.
    pub fn open(
        store: &Store,
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
            return Ok(WriteAccess { group, keyring: Keyring::empty(), domain, state: None });
        }
        if access.is_nothing() {
            let domain = state.domain_secret(random, writer)?;
            let (keyring, state) = (Keyring::empty(), Some(state));
            return Ok(WriteAccess { group, keyring, domain, state });
        }
        let name = store.path().display().to_string();
        let keyring = Keyring::open(&store.groups()?, access, &name)?;
        let secret = match keyring.secret(group.group) {
            Some(secret) => secret.clone(),
            // Older groups may open while the one to write under does not.
            None => crate::key::unlock(&group, access, &name)?,
        };
        let domain = DomainSecret::of_group(&secret, writer);
        Ok(WriteAccess { group, keyring, domain, state: None })
    }
}

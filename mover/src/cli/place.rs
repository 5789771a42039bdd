//! Where a STORE is, as a command names it: a folder, or an address of another mover.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::Global;
use super::console::Console;
use crate::error::{Error, ErrorKind, Result};
use crate::net::{Address, Direct, Identity, KnownPeers, RemoteConfig, RemoteStore, RemoteWriter};
use crate::pipeline::Cancel;
use crate::policy::Policy;
use crate::store::{ReadStore, Store, StoreConfig, StoreWriter, WriteStore, remember_pools};

/// A store's place.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// A folder of this machine.
    Folder(PathBuf),
    /// With another mover.
    Remote(Address),
}

impl Place {
    /// From what was typed.
    pub(crate) fn of(store: &Path) -> Result<Place> {
        match store.to_str() {
            Some(text) if Address::is_address(text) => Address::parse(text).map(Place::Remote),
            _ => Ok(Place::Folder(store.to_owned())),
        }
    }
}

/// How another mover is reached; refuses one that is not trusted.
pub(crate) fn remote(
    address: Address,
    global: &Global,
    cancel: &Cancel,
    console: &Console,
) -> Result<RemoteConfig> {
    let pinned = KnownPeers::open(None)?.pinned(&address.host)?;
    let console = console.clone();
    let (host, identity) = (address.host.clone(), Arc::new(Identity::open(None)?));
    Ok(RemoteConfig {
        address,
        dial: Arc::new(Direct { host, identity, pinned }),
        retry_for: global.retry_for.0,
        channels: global.channels,
        notes: Arc::new(move |text| console.note(text)),
        cancel: cancel.clone(),
    })
}

/// Opens a store to read it.
pub(crate) fn open_store(
    store: &Path,
    global: &Global,
    cancel: &Cancel,
    console: &Console,
) -> Result<Arc<dyn ReadStore>> {
    Ok(match Place::of(store)? {
        Place::Folder(path) => Arc::new(Store::open(&StoreConfig::open(path)?)?),
        Place::Remote(address) => {
            Arc::new(RemoteStore::open(remote(address, global, cancel, console)?)?)
        }
    })
}

/// Opens a store to write to it; `doing` is for those who come after.
pub(crate) fn open_writer(
    store: &Path,
    change: impl FnOnce(&mut StoreConfig),
    doing: &str,
    global: &Global,
    cancel: &Cancel,
    console: &Console,
) -> Result<Box<dyn WriteStore>> {
    Ok(match Place::of(store)? {
        Place::Folder(path) => {
            let mut config = StoreConfig::open(path)?;
            change(&mut config);
            Box::new(StoreWriter::open(&config, doing)?)
        }
        Place::Remote(address) => {
            let store = RemoteStore::open(remote(address, global, cancel, console)?)?;
            Box::new(RemoteWriter::new(Arc::new(store)))
        }
    })
}

/// A store that has to be a folder of this machine for what is `doing`.
pub(crate) fn local(store: &Path, doing: &str) -> Result<StoreConfig> {
    match Place::of(store)? {
        Place::Folder(path) => StoreConfig::open(path),
        Place::Remote(address) => {
            let message = format!("{doing} works on a store of this machine, not on {address}");
            Err(Error::new(ErrorKind::Unsupported, message)
                .way_out("run the command on the machine that has the store"))
        }
    }
}

/// Has a store remember the pools of a policy file.
pub(crate) fn remember(store: &Path, policy: &Path) -> Result<()> {
    let policy = Policy::read(policy)?;
    remember_pools(store, policy.pools())
}

//! What commands share: the store, the keys, the engine, and the way to stop.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use etcetera::BaseStrategy;
use format::{Epoch, KeyGroup};

use super::arguments::Global;
use super::console::Console;
use crate::ambient::{SystemClock, SystemRandom};
use crate::error::{Error, ErrorKind, Result};
use crate::key::{Access, Keyring, Passphrase, passphrase};
use crate::pin;
use crate::pipeline::Cancel;
use crate::plugin::{CarriedPolicy, CompiledCache, Engine, Limits, PluginFolder};
use crate::session::Ambient;
use crate::store::ReadStore;

/// Time and randomness of the machine.
pub(super) fn ambient() -> Ambient {
    Ambient { clock: Arc::new(SystemClock::start()), random: Arc::new(SystemRandom) }
}

/// The cache of compiled code in the user's cache folder.
pub(super) fn compiled_cache() -> Option<CompiledCache> {
    let base = etcetera::choose_base_strategy().ok()?;
    let state = base.state_dir().unwrap_or_else(|| base.data_dir());
    CompiledCache::open(&base.cache_dir().join("mover/compiled"), &state.join("mover/cache.key"))
}

/// The plugin folder: the one that was named, or that of the user.
pub(super) fn plugin_folder(global: &Global) -> Option<PluginFolder> {
    let own = || Some(etcetera::choose_base_strategy().ok()?.data_dir().join("mover/plugins"));
    global.plugins.clone().or_else(own).map(PluginFolder::new)
}

/// The engine, which finds components in the plugin folder, too.
pub(super) fn engine(global: &Global, console: &Console) -> Result<Engine> {
    let trusted = global.trust_component.iter().map(|text| pin::parse(text));
    let carried =
        CarriedPolicy { may_decode: !global.no_carried, trusted: trusted.collect::<Result<_>>()? };
    let engine = engine_without_plugins(console)?.with_plugins(plugin_folder(global));
    Ok(engine.with_carried(carried))
}

/// The engine, with its cache in the user's cache folder, and components' logs on the console.
pub(super) fn engine_without_plugins(console: &Console) -> Result<Engine> {
    let log = {
        let console = console.clone();
        Arc::new(move |plugin: &str, _, line: &str| console.note(&format!("{plugin}: {line}")))
    };
    let engine = Engine::new(compiled_cache(), Limits::default(), log)?;
    let console = console.clone();
    // For whoever waits at a terminal, and no document.
    let notice = move || {
        if !console.is_json() {
            console.note("compiling components, once on this machine");
        }
    };
    Ok(engine.with_notice(Arc::new(notice)))
}

/// What the operator brought to open the store with; without anything, and if `prompt`, asks.
pub(super) fn access(global: &Global, store: &str, prompt: bool) -> Result<Access> {
    let mut access = Access::nothing();
    for identity in &global.identity {
        access = access.with_identity_file(identity)?;
    }
    if let Some(passphrase) = passphrase::find(global.passphrase_file.as_deref())? {
        access = access.with_passphrase(passphrase);
    }
    if access.is_nothing() && prompt {
        let what = format!("passphrase of {store}");
        access = access.with_passphrase(passphrase::prompt(&what)?);
    }
    Ok(access)
}

/// Whether somebody opens this store with a passphrase, so that asking for one makes sense.
pub(super) fn has_passphrase(store: &dyn ReadStore) -> Result<bool> {
    let groups = store.groups()?;
    Ok(groups.iter().any(|group| {
        group.members.iter().any(|member| member.kind == format::MemberKind::Passphrase)
    }))
}

/// The keys to read with.
pub(super) fn keyring(store: &dyn ReadStore, global: &Global) -> Result<Keyring> {
    let groups = store.groups()?;
    let lost = epochs_of_lost_groups(store, &groups)?;
    if lost.is_empty() && groups.iter().all(|group| !group.is_encrypted()) {
        return Ok(Keyring::empty());
    }
    let access = access(global, &store.name(), has_passphrase(store)?)?;
    let mut keyring = Keyring::open(&groups, &access, &store.name())?;
    if !keyring.open_lost(&lost, &access) && groups.is_empty() {
        let message = format!("store {} has no readable key group", store.name());
        return Err(Error::new(ErrorKind::Damaged, message)
            .way_out("give --identity FILE as mover key export wrote it, if there is one"));
    }
    Ok(keyring)
}

/// The epochs of key groups of which damage has left no frame.
fn epochs_of_lost_groups(store: &dyn ReadStore, groups: &[KeyGroup]) -> Result<Vec<Epoch>> {
    let sessions = store.sessions()?;
    let mut epochs: Vec<Epoch> = sessions.into_iter().flat_map(|it| it.header.epochs).collect();
    let is_known = |epoch: &Epoch| groups.iter().any(|group| group.group == epoch.group);
    epochs.retain(|epoch| !epoch.envelope.is_empty() && !is_known(epoch));
    Ok(epochs)
}

/// A new passphrase: from a file, the environment, or asked for twice.
pub(super) fn new_passphrase(file: Option<&Path>, what: &str) -> Result<Passphrase> {
    match passphrase::find(file)? {
        Some(passphrase) => Ok(passphrase),
        None => passphrase::prompt_new(what),
    }
}

/// A cancel flag that SIGINT and SIGTERM set; a second one ends the process at once.
pub(super) fn cancel_on_signals() -> Result<Cancel> {
    let cancel = Cancel::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 2, cancel.flag())
            .and_then(|_| signal_hook::flag::register(signal, cancel.flag()))
            .map_err(|cause| Error::new(ErrorKind::Io, "listening for signals").because(cause))?;
    }
    Ok(cancel)
}

/// One worker for each processor, unless the operator says more or less.
pub(super) fn workers(asked: Option<usize>) -> usize {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    asked.unwrap_or_else(processors).clamp(1, 256)
}

/// Paths as bytes.
pub(super) fn path_bytes(paths: &[PathBuf]) -> impl Iterator<Item = &[u8]> {
    use std::os::unix::ffi::OsStrExt;
    paths.iter().map(|path| path.as_os_str().as_bytes())
}

//! The file in which a store remembers its pools: whoever restores needs them, and has no policy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::{PoolConfig, StoreConfig};
use super::shelf::HOME_POOL;
use crate::media::{Media, Parity, PoolSpec};
use crate::units::Size;
use crate::{Error, ErrorKind, Result, durable};

const FILE: &str = "pools.toml";

/// The pools beside the home pool, by name, and the store's own map.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoolsFile {
    /// The parity of the home pool, which is written down nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parity: Option<Parity>,
    /// How long the volumes of the home pool become, as it was said last.
    #[serde(default, rename = "volume-size", skip_serializing_if = "Option::is_none")]
    volume_size: Option<Size>,
    #[serde(default)]
    pools: BTreeMap<String, PoolSpec>,
    /// See [`StoreConfig::map`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    map: BTreeMap<String, Vec<String>>,
}

impl StoreConfig {
    /// Every default, with the pools that the store remembers.
    pub fn open(path: impl Into<PathBuf>) -> Result<StoreConfig> {
        let mut config = StoreConfig::new(path);
        let PoolsFile { parity, volume_size, pools, map } = read(&config.path)?;
        (config.parity, config.map) = (parity, map);
        config.volume_size = volume_size.map_or(config.volume_size, |size| size.0);
        for (name, spec) in pools {
            if spec.is_away() {
                // Nothing of it is missed, and nothing is written to it: see `Shelf`.
                continue;
            }
            let storage = open_pool(&config.path, &name, &spec)?.storage();
            let (volume_size, streams, parity) =
                (spec.volume_size(), spec.streams(), spec.parity());
            config.pools.push(PoolConfig { name, storage, volume_size, streams, parity });
        }
        Ok(config)
    }
}

/// The media of a pool that a store remembers.
pub fn open_pool(store: &Path, name: &str, spec: &PoolSpec) -> Result<Media> {
    spec.open(name, &store.join("media")).map_err(|cause| {
        let hint = cause.hint().map(str::to_owned);
        let error = Error::new(cause.kind(), format!("pool {name}")).because(cause);
        match hint {
            Some(hint) => error.way_out(hint),
            None => error,
        }
    })
}

/// The pools that a store remembers.
pub fn pools(store: &Path) -> Result<BTreeMap<String, PoolSpec>> {
    read(store).map(|file| file.pools)
}

fn read(store: &Path) -> Result<PoolsFile> {
    let path = store.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Ok(PoolsFile::default());
        }
        Err(cause) => return Err(Error::io("reading", &path, cause)),
    };
    toml::from_str(&text).map_err(|cause| {
        Error::new(ErrorKind::Damaged, format!("{} cannot be read", path.display()))
            .because(cause)
            .way_out("mend the file, or give the pools anew with `mover media list --policy FILE`")
    })
}

fn write(store: &Path, file: &PoolsFile) -> Result<()> {
    if *file == read(store)? {
        return Ok(());
    }
    let text = toml::to_string_pretty(file)
        .map_err(|cause| Error::new(ErrorKind::Usage, "writing pools down").because(cause))?;
    durable::replace(&store.join(FILE), text.as_bytes())
}

/// Makes a store remember its own storage map, in the place of the one before.
///
/// Refused where it names a pool that the store does not have.
pub fn remember_map(store: &Path, map: &BTreeMap<String, Vec<String>>) -> Result<()> {
    let mut file = read(store)?;
    let known = |pool: &&String| *pool != HOME_POOL && !file.pools.contains_key(*pool);
    if let Some(unknown) = map.values().flatten().find(known) {
        let message = format!("store {} has no pool {unknown}", store.display());
        return Err(Error::new(ErrorKind::Usage, message)
            .way_out("its map can name the pools of the same policy file, under [pools]"));
    }
    file.map.clone_from(map);
    write(store, &file)
}

/// Makes a store remember how long the volumes of its home pool become from now on, and how much
/// parity it has; none leaves that as it is.
pub fn remember_home(
    store: &Path,
    volume_size: Option<Size>,
    parity: Option<Parity>,
) -> Result<()> {
    let mut file = read(store)?;
    file.volume_size = volume_size.or(file.volume_size);
    file.parity = parity.or(file.parity);
    write(store, &file)
}

/// Makes a store remember how much parity a pool has from now on; none makes no more.
///
/// Refused for a pool that is not on a disk.
pub fn remember_parity(store: &Path, pool: &str, parity: Option<Parity>) -> Result<()> {
    let mut file = read(store)?;
    match file.pools.get_mut(pool) {
        Some(PoolSpec::Disk { parity: of_pool, .. }) => *of_pool = parity,
        Some(spec) => {
            let message = format!("pool {pool} is of kind {}", spec.kind().name());
            return Err(Error::new(ErrorKind::Usage, message)
                .way_out("parity is for pools on disk; let several pools have copies instead"));
        }
        None if pool == HOME_POOL => file.parity = parity,
        None => {
            let message = format!("store {} has no pool {pool}", store.display());
            return Err(Error::new(ErrorKind::Missing, message)
                .way_out("`mover media list` shows which there are"));
        }
    }
    write(store, &file)
}

/// Makes a store remember pools, in the place of what it knew of those of the same names.
pub fn remember_pools(store: &Path, specs: &BTreeMap<String, PoolSpec>) -> Result<()> {
    let mut file = read(store)?;
    for (name, spec) in specs {
        // What cannot be opened is not remembered: it would stand in the way of everything.
        open_pool(store, name, spec)?;
        if pools(store)?.get(name).is_none_or(|known| known != spec) {
            spec.prepare()?;
        }
        if name == HOME_POOL {
            let message = format!("a pool cannot be called {HOME_POOL}");
            return Err(Error::new(ErrorKind::Usage, message)
                .way_out("that is the pool in the store's own folder; give another name"));
        }
        if let Some(before) = file.pools.insert(name.clone(), spec.clone())
            && before.kind() != spec.kind()
        {
            let (before, now) = (before.kind().name(), spec.kind().name());
            let message = format!("pool {name} of the store is of kind {before}, not {now}");
            return Err(Error::new(ErrorKind::Usage, message).way_out(
                "give the new pool another name: its volumes are not those of the old one",
            ));
        }
    }
    write(store, &file)
}

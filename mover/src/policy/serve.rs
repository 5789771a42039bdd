//! What a server offers, and to whom. The default is nobody.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::map::StorageMap;
use super::read;
use super::retention::Retention;
use super::rules::{ArchivePolicy, Rule};
use crate::error::{Error, Result};
use crate::media::PoolSpec;

/// The pool in a store's own folder.
pub(super) const HOME_POOL: &str = "default";

/// A policy file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Of this layout of the file: 1.
    #[serde(rename = "version")]
    _version: u32,
    /// How the server behaves.
    #[serde(default)]
    pub serve: ServePolicy,
    /// Names of peers, for the lists below.
    #[serde(default)]
    peers: BTreeMap<String, String>,
    /// The stores that are offered.
    #[serde(default)]
    stores: BTreeMap<String, StorePolicy>,
    /// What is archived.
    #[serde(default)]
    pub archive: ArchivePolicy,
    /// The storage map: the first rule that matches is taken.
    #[serde(default)]
    pub(super) rules: Vec<Spanned<Rule>>,
    /// How long pools keep what is in them.
    #[serde(default)]
    pub retention: BTreeMap<String, Retention>,
    /// The pools of a store, besides the one in its own folder.
    #[serde(default)]
    pools: BTreeMap<String, PoolSpec>,
    /// The sources that are offered.
    #[serde(default)]
    sources: BTreeMap<String, SourcePolicy>,
}

/// How a server behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServePolicy {
    /// Addresses to listen on.
    pub listen: Vec<String>,
    /// Where metrics scrapers are answered.
    pub metrics: Option<String>,
    /// Bytes that peers send and that are not appended yet, at most.
    #[serde(deserialize_with = "read::size")]
    pub memory: u64,
    /// Sessions that write at once, at most.
    #[serde(rename = "sessions-max", alias = "sessions_max")]
    pub sessions_max: usize,
    /// Channels of one session, at most.
    #[serde(rename = "channels-max", alias = "channels_max")]
    pub channels_max: u16,
    /// How long a writer is kept waiting on a full disk.
    #[serde(
        rename = "full-patience",
        alias = "full_patience",
        deserialize_with = "read::duration"
    )]
    pub full_patience: Duration,
}

impl Default for ServePolicy {
    fn default() -> ServePolicy {
        ServePolicy {
            listen: vec!["127.0.0.1:7373".to_owned()],
            metrics: None,
            memory: 256 << 20,
            sessions_max: 64,
            channels_max: 16,
            full_patience: Duration::from_secs(60),
        }
    }
}

/// A store that is offered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorePolicy {
    /// Its folder.
    pub path: PathBuf,
    #[serde(default)]
    allow: Vec<Allow<StoreRight>>,
    /// Its own storage map: where chunks go that are sent to the pool of a name.
    #[serde(default)]
    pub map: BTreeMap<String, Vec<String>>,
}

/// A source that is offered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourcePolicy {
    /// Its folder.
    pub path: PathBuf,
    /// Globs of what is never archived or restored.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Globs of what may be; none means all.
    #[serde(default)]
    pub include: Vec<String>,
    #[serde(default)]
    allow: Vec<Allow<SourceRight>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allow<R> {
    peer: String,
    rights: Vec<R>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum StoreRight {
    Write,
    Read,
    Delete,
    Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SourceRight {
    Archive,
    Restore,
}

/// What a peer may do in a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreRights {
    /// Append archives of its own.
    pub write: bool,
    /// Read everything.
    pub read: bool,
    /// Drop archives.
    pub delete: bool,
    /// Make the store, and change who can read it.
    pub keys: bool,
}

/// What a peer may do with a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceRights {
    /// Have it archived.
    pub archive: bool,
    /// Restore into it.
    pub restore: bool,
}

impl Policy {
    /// Reads a policy file; relative paths in it are relative to it.
    pub fn read(path: &Path) -> Result<Policy> {
        let text =
            std::fs::read_to_string(path).map_err(|cause| Error::io("reading", path, cause))?;
        let mut policy = Policy::parse(&text, path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for store in policy.stores.values_mut() {
            store.path = folder.join(&store.path);
        }
        let pools = std::mem::take(&mut policy.pools).into_iter();
        policy.pools = pools.map(|(name, pool)| (name, pool.below(folder))).collect();
        for path in &mut policy.archive.paths {
            *path = folder.join(&*path);
        }
        if let Some(store) = &mut policy.archive.store
            && !store.to_string_lossy().contains("://")
        {
            *store = folder.join(&*store);
        }
        for source in policy.sources.values_mut() {
            source.path = folder.join(&source.path);
        }
        Ok(policy)
    }

    pub(super) fn parse(text: &str, path: &Path) -> Result<Policy> {
        super::check::refuse(text, path)?;
        toml::from_str(text).map_err(|cause| read::wrong(path, text, &cause))
    }

    /// Every peer that may do something: of `stores` or `sources`, of which, at which place.
    pub(super) fn peers_allowed(&self) -> impl Iterator<Item = (&'static str, &str, usize, &str)> {
        let stores = self.stores.iter().flat_map(|(name, store)| {
            let peers = store.allow.iter().map(|allow| allow.peer.as_str()).enumerate();
            peers.map(move |(place, peer)| ("stores", name.as_str(), place, peer))
        });
        let sources = self.sources.iter().flat_map(|(name, source)| {
            let peers = source.allow.iter().map(|allow| allow.peer.as_str()).enumerate();
            peers.map(move |(place, peer)| ("sources", name.as_str(), place, peer))
        });
        stores.chain(sources)
    }

    /// Whether it is a name under `[peers]`, or may be a fingerprint.
    pub(super) fn knows_peer(&self, peer: &str) -> bool {
        self.peers.contains_key(peer) || looks_like_fingerprint(peer)
    }

    /// The names under `[peers]`.
    pub(super) fn peer_names(&self) -> impl Iterator<Item = &str> {
        self.peers.keys().map(String::as_str)
    }

    /// A store by its name.
    pub fn store(&self, name: &str) -> Option<&StorePolicy> {
        self.stores.get(name)
    }

    /// A source by its name.
    pub fn source(&self, name: &str) -> Option<&SourcePolicy> {
        self.sources.get(name)
    }

    /// The storage map.
    pub fn map(&self) -> Result<StorageMap> {
        let rules: Vec<Rule> = self.rules.iter().map(|rule| rule.get_ref().clone()).collect();
        StorageMap::new(&rules)
    }

    /// The pools that the map of an offered store names.
    pub fn pools_of_map(&self, store: &StorePolicy) -> BTreeMap<String, PoolSpec> {
        let is_named = |name: &String| store.map.values().flatten().any(|pool| pool == name);
        let named = self.pools.iter().filter(|(name, _)| is_named(name));
        named.map(|(name, spec)| (name.clone(), spec.clone())).collect()
    }

    /// The pools.
    pub fn pools(&self) -> &BTreeMap<String, PoolSpec> {
        &self.pools
    }

    /// The names of all stores.
    pub fn store_names(&self) -> impl Iterator<Item = &str> {
        self.stores.keys().map(String::as_str)
    }

    /// Every fingerprint that is written down, with where, so that whoever knows their form can
    /// check them.
    pub fn fingerprints(&self) -> impl Iterator<Item = (String, &str)> {
        let named =
            self.peers.iter().map(|(name, text)| (format!("[peers] {name}"), text.as_str()));
        let stores = self.stores.values().flat_map(|store| &store.allow).map(|allow| &allow.peer);
        let sources =
            self.sources.values().flat_map(|source| &source.allow).map(|allow| &allow.peer);
        let given = stores.chain(sources).filter(|peer| !self.peers.contains_key(*peer));
        named.chain(given.map(|peer| ("peer".to_owned(), peer.as_str())))
    }

    /// What a peer may do in a store; the union of all lines that name it.
    pub fn store_rights(&self, name: &str, is_peer: impl Fn(&str) -> bool) -> StoreRights {
        let mut rights = StoreRights::default();
        let Some(store) = self.store(name) else { return rights };
        for right in self.rights_of(&store.allow, is_peer) {
            match right {
                StoreRight::Write => rights.write = true,
                StoreRight::Read => rights.read = true,
                StoreRight::Delete => rights.delete = true,
                StoreRight::Keys => rights.keys = true,
            }
        }
        rights
    }

    /// What a peer may do with a source.
    pub fn source_rights(&self, name: &str, is_peer: impl Fn(&str) -> bool) -> SourceRights {
        let mut rights = SourceRights::default();
        let Some(source) = self.source(name) else { return rights };
        for right in self.rights_of(&source.allow, is_peer) {
            match right {
                SourceRight::Archive => rights.archive = true,
                SourceRight::Restore => rights.restore = true,
            }
        }
        rights
    }

    fn rights_of<R: Copy>(&self, allow: &[Allow<R>], is_peer: impl Fn(&str) -> bool) -> Vec<R> {
        let named = |peer: &String| self.peers.get(peer).unwrap_or(peer).clone();
        let mine = allow.iter().filter(|allow| is_peer(&named(&allow.peer)));
        mine.flat_map(|allow| allow.rights.iter().copied()).collect()
    }
}

/// Long enough to be no name; whether it is right is for whoever knows fingerprints.
fn looks_like_fingerprint(text: &str) -> bool {
    text.chars().filter(|c| c.is_ascii_alphanumeric()).count() == 32
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"
version = 1
[serve]
listen = ["127.0.0.1:0"]
metrics = "127.0.0.1:9373"
memory = "64M"
full-patience = "5s"
sessions-max = 3
channels-max = 4
[peers]
laptop = "AAAA"
[stores.main]
path = "store"
[[stores.main.allow]]
peer = "laptop"
rights = ["write"]
[[stores.main.allow]]
peer = "laptop"
rights = ["read"]
[sources.home]
path = "/home"
exclude = ["*.tmp"]
[[sources.home.allow]]
peer = "laptop"
rights = ["archive"]
"#;

    fn parse(text: &str) -> Result<Policy> {
        Policy::parse(text, Path::new("mover.toml"))
    }

    #[test]
    fn rights_add_up_and_the_default_is_nobody() {
        let policy = parse(FULL).unwrap();
        assert_eq!(policy.serve.memory, 64 << 20);
        let ServePolicy { sessions_max, channels_max, full_patience, .. } = policy.serve;
        let wanted = (3, 4, Duration::from_secs(5));
        assert_eq!((sessions_max, channels_max, full_patience), wanted);
        // As they were written once.
        let before = FULL.replace("s-max", "s_max").replace("full-patience", "full_patience");
        let before = parse(&before).unwrap().serve;
        assert_eq!((before.sessions_max, before.channels_max, before.full_patience), wanted);
        let rights = policy.store_rights("main", |peer| peer == "AAAA");
        let wanted = StoreRights { write: true, read: true, ..StoreRights::default() };
        assert_eq!(rights, wanted);
        assert_eq!(policy.store_rights("main", |peer| peer == "BBBB"), StoreRights::default());
        assert_eq!(policy.store_rights("other", |_| true), StoreRights::default());
        assert!(policy.source_rights("home", |_| true).archive);
        assert!(!policy.source_rights("home", |_| true).restore);
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mover.toml");
        std::fs::write(&path, FULL).unwrap();
        let policy = Policy::read(&path).unwrap();
        assert_eq!(policy.store("main").unwrap().path, folder.path().join("store"));
        assert_eq!(policy.source("home").unwrap().path, Path::new("/home"));
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_column() {
        let error = parse("version = 1\n[serve]\nlisten = 5\n").unwrap_err();
        assert!(error.to_string().starts_with("mover.toml:3:10"), "{error}");
        let error = parse("version = 1\n[stores.main]\npaht = \"x\"\n").unwrap_err();
        assert!(error.to_string().contains("mover.toml:3:1"), "{error}");
        assert!(error.to_string().contains("paht"), "{error}");
        let error = parse("version = 1\n[serve]\nmemory = \"many\"\n").unwrap_err();
        assert!(error.to_string().starts_with("mover.toml:3:10"), "{error}");
        assert!(parse("version = 2\n").unwrap_err().to_string().contains("version 2"));
        let error = parse(&FULL.replace("laptop = ", "desktop = ")).unwrap_err();
        assert!(error.to_string().contains("laptop"), "{error}");
        let error = parse(&FULL.replace("[\"write\"]", "[\"wriet\"]")).unwrap_err();
        assert!(error.to_string().contains("wriet"), "{error}");
    }
}

//! Which components an archive goes through, loaded and put into a session's table.

use std::borrow::Cow;
use std::sync::Arc;

use format::{ComponentEntry, Digest, Epoch, Role, SessionId};

use super::filters::{Filter, FilterConfig};
use super::routes::{OnFailure, OnSnoopFailure, RouteConfig};
use super::unscanned::Unscanned;
use crate::ambient::Random;
use crate::archive::{Chain, ChainStage, DecodeVerify, EncodedChunk, NONCE_LENGTH, PlainChunk};
use crate::buffer::Buffer;
use crate::error::{Error, ErrorKind, Result};
use crate::key::{EpochKey, stage_key};
use crate::pin;
use crate::pipeline::{ChunkInfo, Cutter, Inspector, Transform};
use crate::plugin::{Direction, Engine, Plugin, Trust, role_name};

/// Which component of a name may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pin {
    /// Any: somebody who named it is at hand.
    Free,
    /// None: a policy names one that is not built in, and does not say which it is. It works for
    /// years without anybody looking.
    Required,
    /// The one with this digest.
    Digest(Digest),
}

/// A component as an operator names it: `NAME` or `PATH`, either pinned by a following
/// `@blake3:DIGEST`, and then `=JSON`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageSpec {
    /// The name of a built-in component or of one in the plugin folder, or the path of a `.wasm`.
    pub component: String,
    /// Its configuration: JSON.
    pub config: String,
    /// Which one of that name it has to be.
    pub pin: Pin,
}

impl StageSpec {
    /// A component with a configuration.
    pub fn new(component: &str, config: &str) -> StageSpec {
        let (component, config) = (component.to_owned(), config.to_owned());
        StageSpec { component, config, pin: Pin::Free }
    }

    /// The same, which may be no other than its pin says.
    #[must_use]
    pub fn pinned(mut self, pin: Pin) -> StageSpec {
        self.pin = pin;
        self
    }
}

impl std::str::FromStr for StageSpec {
    type Err = Error;

    fn from_str(text: &str) -> Result<StageSpec> {
        let (component, config) = text.split_once('=').unwrap_or((text, "{}"));
        if let Err(cause) = serde_json::from_str::<serde_json::Value>(config) {
            let message = format!("the configuration of {component} is not JSON");
            return Err(Error::new(ErrorKind::Usage, message)
                .because(cause)
                .way_out(r#"write it as NAME={"key":value}, in single quotes for the shell"#));
        }
        if config.len() > format::limits::CONFIG_LENGTH_MAX {
            let message = format!("the configuration of {component} is too long");
            return Err(Error::new(ErrorKind::Usage, message).way_out("1 MiB is the most"));
        }
        match component.rsplit_once('@').filter(|(_, digest)| digest.starts_with(pin::PREFIX)) {
            Some((component, digest)) => {
                let pin = Pin::Digest(pin::parse(digest)?);
                Ok(StageSpec::new(component, config).pinned(pin))
            }
            None => Ok(StageSpec::new(component, config)),
        }
    }
}

/// A loaded component with its configuration.
#[derive(Clone)]
pub(super) struct LoadedStage {
    pub(super) plugin: Arc<Plugin>,
    pub(super) config: String,
    pub(super) bytes: Cow<'static, [u8]>,
    pub(super) built_in: bool,
}

impl LoadedStage {
    /// Loads what a spec names, and refuses a component of another role, and one that is not
    /// pinned where it has to be.
    pub(super) fn load(engine: &Engine, spec: &StageSpec, role: Role) -> Result<LoadedStage> {
        let pinned = match &spec.pin {
            Pin::Digest(digest) => Some(digest),
            Pin::Free | Pin::Required => None,
        };
        let found = engine.find(&spec.component, pinned)?;
        let trust = found.trust();
        if spec.pin == Pin::Required {
            let message =
                format!("the policy does not pin {}, which is not built in", spec.component);
            return Err(Error::new(ErrorKind::Refused, message).way_out(format!(
                "if you trust what it is now, write {{ component = {:?}, digest = {:?} }}",
                spec.component,
                pin::show(&found.digest)
            )));
        }
        let bytes = found.bytes;
        let plugin = engine.load(&bytes, trust).map_err(|cause| {
            cause.during(format!("component {} cannot be used", spec.component))
        })?;
        if plugin.role() != role {
            let message = format!(
                "{} is a {} and cannot be used as a {}",
                spec.component,
                role_name(plugin.role()),
                role_name(role)
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let built_in = trust == Trust::BuiltIn;
        let stage = LoadedStage { plugin, config: spec.config.clone(), bytes, built_in };
        stage.check_config(&spec.component)?;
        Ok(stage)
    }

    /// Opens an instance and lets it go: a wrong configuration is told before anything is begun,
    /// and leaves nothing that looks interrupted.
    fn check_config(&self, name: &str) -> Result<()> {
        if self.built_in && self.config == "{}" {
            return Ok(());
        }
        let key: &[u8] = if self.plugin.manifest().keyed { &[0; 32] } else { &[] };
        let opened = match self.plugin.role() {
            Role::Transform => self.plugin.transform(&self.config, key).map(drop),
            Role::Dedupe => self.plugin.cutter(&self.config).map(drop),
            Role::Snoop => self.plugin.inspector(&self.config).map(drop),
            Role::Filter => self.plugin.filter(&self.config, Direction::Apply).map(drop),
        };
        opened.map_err(|error| match error.hint() {
            Some(_) => error,
            None => error.way_out(format!("`mover plugin inspect {name}` shows what it takes")),
        })
    }

    /// Bytes of memory that an instance of this transform takes for a chunk.
    fn memory_at(&self, plain_length: usize) -> Result<u64> {
        let keyed = self.plugin.manifest().keyed;
        // As long as a stage's key, and none: what comes out is thrown away.
        let key: &[u8] = if keyed { &[0; 32] } else { &[] };
        let mut instance = self.plugin.transform(&self.config, key)?;
        let info = ChunkInfo {
            plain_length: u32::try_from(plain_length).expect("a chunk is far smaller than 4 GiB"),
            nonce: if keyed { &[0; NONCE_LENGTH] } else { &[] },
            binding: &[],
        };
        instance.encode(&info, &vec![0; plain_length], &mut Vec::new())?;
        Ok(instance.usage().memory_peak)
    }

    fn table_entry(&self) -> ComponentEntry {
        let manifest = self.plugin.manifest();
        ComponentEntry {
            role: self.plugin.role(),
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: self.plugin.digest(),
            config: self.config.clone(),
            config_digest: Digest(*blake3::hash(self.config.as_bytes()).as_bytes()),
            keyed: manifest.keyed,
        }
    }
}

/// All components of one archive.
pub(super) struct Recipe {
    /// Transforms of all routes, each once; first in the table, so that places are positions.
    transforms: Vec<LoadedStage>,
    /// Places of the chain of each route, in the order of encoding; behind those of the routes that
    /// were asked for come those of their fallbacks.
    chains: Vec<Vec<u16>>,
    /// By route: the one that a chunk takes which a stage has failed at.
    fallbacks: Vec<Option<u16>>,
    pub(super) dedupe: LoadedStage,
    pub(super) snoops: Vec<LoadedStage>,
    pub(super) filters: Vec<Filter>,
}

impl Recipe {
    /// Loads everything.
    pub(super) fn load(
        engine: &Engine,
        routes: &[RouteConfig],
        dedupe: &StageSpec,
        snoops: &[StageSpec],
        filters: &[FilterConfig],
        encrypted: bool,
    ) -> Result<Recipe> {
        let (mut specs, mut transforms) = (Vec::new(), Vec::new());
        let mut chains = Vec::new();
        for route in routes {
            let mut chain = Vec::new();
            for spec in route.chain(encrypted) {
                let known = specs.iter().position(|known| *known == spec);
                let place = match known {
                    Some(place) => place,
                    None => {
                        transforms.push(LoadedStage::load(engine, &spec, Role::Transform)?);
                        specs.push(spec);
                        specs.len() - 1
                    }
                };
                chain.push(u16::try_from(place).expect("a policy is short"));
            }
            if chain.len() > format::limits::CHAIN_LENGTH_MAX {
                let limit = format::limits::CHAIN_LENGTH_MAX;
                let message = format!("a chain of {} stages passes the limit", chain.len());
                return Err(Error::new(ErrorKind::Usage, message)
                    .way_out(format!("{limit} stages are the most")));
            }
            chains.push(chain);
        }
        let mut fallbacks = Vec::new();
        for (at, route) in routes.iter().enumerate() {
            let is_keyed = |place: &&u16| transforms[usize::from(**place)].plugin.manifest().keyed;
            let chain: Vec<u16> = chains[at].iter().filter(is_keyed).copied().collect();
            let wanted = route.on_failure == OnFailure::Store && chain != chains[at];
            fallbacks.push(wanted.then(|| u16::try_from(chains.len()).expect("a policy is short")));
            if wanted {
                chains.push(chain);
            }
        }
        let keyed = |stage: &&LoadedStage| stage.plugin.manifest().keyed;
        if let (false, Some(stage)) = (encrypted, transforms.iter().find(keyed)) {
            let name = &stage.plugin.manifest().name;
            let message = format!("{name} needs a key, and this store has none");
            return Err(Error::new(ErrorKind::Usage, message)
                .way_out("make the store without --no-encryption"));
        }
        let snoops = snoops.iter().map(|spec| LoadedStage::load(engine, spec, Role::Snoop));
        let filters = filters.iter().map(|config| {
            Filter::new(LoadedStage::load(engine, &config.spec, Role::Filter)?, config)
        });
        Ok(Recipe {
            filters: filters.collect::<Result<_>>()?,
            transforms,
            chains,
            fallbacks,
            dedupe: LoadedStage::load(engine, dedupe, Role::Dedupe)?,
            snoops: snoops.collect::<Result<_>>()?,
        })
    }

    /// The session's component table.
    pub(super) fn table(&self) -> Vec<ComponentEntry> {
        self.all().map(LoadedStage::table_entry).collect()
    }

    /// All stages in the order of the table.
    pub(super) fn all(&self) -> impl Iterator<Item = &LoadedStage> {
        let filters = self.filters.iter().map(|filter| &filter.stage);
        self.transforms.iter().chain([&self.dedupe]).chain(&self.snoops).chain(filters)
    }

    /// A route's places in the table.
    pub(super) fn places(&self, route: usize) -> Vec<u16> {
        self.chains[route].clone()
    }

    /// All routes that chunks may take: those that were asked for, and their fallbacks, each with
    /// the place of the one that it is in all but its chain.
    pub(super) fn routes(&self) -> Vec<usize> {
        let fallbacks = self.fallbacks.iter().enumerate();
        let fallbacks = fallbacks.filter(|(_, fallback)| fallback.is_some()).map(|(at, _)| at);
        (0..self.fallbacks.len()).chain(fallbacks).collect()
    }

    /// Whether a route's chain has a stage that takes a key.
    pub(super) fn is_sealed(&self, route: usize) -> bool {
        let keyed = |place: &u16| self.transforms[usize::from(*place)].plugin.manifest().keyed;
        self.chains[route].iter().any(keyed)
    }

    /// A cutter.
    pub(super) fn cutter(&self) -> Result<Box<dyn Cutter>> {
        Ok(Box::new(self.dedupe.plugin.cutter(&self.dedupe.config)?))
    }

    /// One inspector for each snoop; they go on from `states` where there are any.
    pub(super) fn inspectors(
        &self,
        states: &[Vec<u8>],
        on_failure: OnSnoopFailure,
    ) -> Result<Vec<Box<dyn Inspector>>> {
        let inspector = |(at, snoop): (usize, &LoadedStage)| -> Result<Box<dyn Inspector>> {
            let (plugin, config) = (&snoop.plugin, &snoop.config);
            let open = |state: Option<&[u8]>| -> Result<Box<dyn Inspector>> {
                Ok(Box::new(match state {
                    Some(state) => plugin.resume_inspector(config, state.to_vec())?,
                    None => plugin.inspector(config)?,
                }))
            };
            let state = states.get(at).map(Vec::as_slice);
            match on_failure {
                OnSnoopFailure::Stop => open(state),
                OnSnoopFailure::Tag => Ok(Box::new(Unscanned::open(state, open)?)),
            }
        };
        self.snoops.iter().enumerate().map(inspector).collect()
    }

    /// Bytes that the transforms of one worker may take at most.
    pub(super) fn worker_memory_max(&self) -> u64 {
        let chains = self.distinct_chains().flatten();
        chains.map(|place| self.transforms[usize::from(*place)].plugin.manifest().memory_max).sum()
    }

    /// Bytes that they take, measured at a chunk of so many zeros; what fails at that is taken to
    /// need all that it may.
    pub(super) fn worker_memory(&self, plain_length: usize) -> u64 {
        let measured = |place: &u16| {
            let stage = &self.transforms[usize::from(*place)];
            let most = stage.plugin.manifest().memory_max;
            stage.memory_at(plain_length).unwrap_or(most)
        };
        let places = self.distinct_chains().flatten();
        places.map(measured).sum()
    }

    fn distinct_chains(&self) -> impl Iterator<Item = &Vec<u16>> {
        let is_first = |(at, chain): &(usize, &Vec<u16>)| !self.chains[..*at].contains(chain);
        self.chains.iter().enumerate().filter(is_first).map(|(_, chain)| chain)
    }

    /// The chains of all routes for one worker; routes with the same stages share theirs.
    pub(super) fn worker_chains(
        &self,
        session: SessionId,
        epoch: &Epoch,
        key: Option<&EpochKey>,
        random: &Arc<dyn Random>,
        verify: DecodeVerify,
    ) -> Result<WorkerChains> {
        let (mut chains, mut of_routes) = (Vec::new(), Vec::new());
        for (route, places) in self.chains.iter().enumerate() {
            if let Some(same) = self.chains[..route].iter().position(|other| other == places) {
                of_routes.push(of_routes[same]);
                continue;
            }
            let stage = |(position, place): (usize, &u16)| -> Result<ChainStage> {
                let stage = &self.transforms[usize::from(*place)];
                let entry = stage.table_entry();
                let transform =
                    open_transform(&stage.plugin, &entry, session, epoch.number, position, key)?;
                Ok(ChainStage {
                    transform,
                    title: format!("{} {}", entry.name, entry.version),
                    keyed: entry.keyed,
                    built_in: stage.built_in,
                    digests: (entry.digest, entry.config_digest),
                })
            };
            let stages = places.iter().enumerate().map(stage).collect::<Result<_>>()?;
            chains.push(Chain::new(epoch.number, stages, Arc::clone(random), verify));
            of_routes.push(chains.len() - 1);
        }
        Ok(WorkerChains { chains, of_routes, fallbacks: self.fallbacks.clone() })
    }
}

/// What one worker encodes with.
pub(super) struct WorkerChains {
    chains: Vec<Chain>,
    of_routes: Vec<usize>,
    fallbacks: Vec<Option<u16>>,
}

impl WorkerChains {
    /// Encodes a chunk by the chain of its route, or by that of its fallback, where it has one.
    pub(super) fn encode(
        &mut self,
        mut plain: PlainChunk,
        mut payload: Buffer,
    ) -> Result<EncodedChunk> {
        let route = usize::from(plain.route);
        let failure = match self.chain(route).encode(&plain, &mut payload) {
            Ok(stages) => return Ok(plain.encoded(stages, payload)),
            Err(failure) => failure,
        };
        let Some(fallback) = self.fallbacks[route] else { return Err(failure) };
        plain.route = fallback;
        let stages = self.chain(usize::from(fallback)).encode(&plain, &mut payload)?;
        Ok(EncodedChunk { failure: Some(failure), ..plain.encoded(stages, payload) })
    }

    fn chain(&mut self, route: usize) -> &mut Chain {
        &mut self.chains[self.of_routes[route]]
    }
}

/// An instance of a transform, with its key where it takes one.
pub(super) fn open_transform(
    plugin: &Arc<Plugin>,
    entry: &ComponentEntry,
    session: SessionId,
    epoch: u32,
    position: usize,
    key: Option<&EpochKey>,
) -> Result<Box<dyn crate::pipeline::Transform>> {
    if !entry.keyed {
        return Ok(Box::new(plugin.transform(&entry.config, &[])?));
    }
    let key = key.ok_or_else(|| {
        Error::new(ErrorKind::Key, format!("{} needs a key, and its epoch has none", entry.name))
    })?;
    let position = u16::try_from(position).expect("a chain is short");
    let key = stage_key(key, session, epoch, position, entry.digest, entry.config_digest);
    Ok(Box::new(plugin.transform(&entry.config, key.bytes())?))
}

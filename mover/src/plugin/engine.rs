//! The engine, and components loaded into it.

use std::fmt;
use std::sync::Arc;

use format::{Digest, Role};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, OptLevel, Store};

use super::cache::CompiledCache;
use super::find::{FoundPlugin, find};
use super::folder::PluginFolder;
use super::guest::{State, link};
use super::inspect::inspect;
use super::limits::Limits;
use super::manifest::Manifest;
use super::{ComponentCutter, ComponentFilter, ComponentInspector, ComponentTransform, Direction};
use crate::error::{Error, ErrorKind, Result};

/// How much a line of a component's log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For who wrote it.
    Debug,
    /// What it does.
    Info,
    /// What the operator should look at.
    Warn,
    /// What went wrong.
    Error,
}

impl LogLevel {
    /// Its name, as the contract has it.
    pub fn name(self) -> &'static str {
        match self {
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }
}

/// Takes a component's name and a line that it logged.
pub type LogSink = Arc<dyn Fn(&str, LogLevel, &str) + Send + Sync>;

/// Where a component came from, and so what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Embedded in this binary.
    BuiltIn,
    /// Named by the operator.
    Operator,
    /// Found on a medium: it may decode in its sandbox, never encode, and never authenticate.
    Carried,
}

/// Runs components.
pub struct Engine {
    engine: wasmtime::Engine,
    linker: Arc<Linker<State>>,
    cache: Option<CompiledCache>,
    limits: Limits,
    log: LogSink,
    plugins: Option<PluginFolder>,
}

fn config() -> Config {
    let mut config = Config::new();
    config
        // Components work on every byte of an archive; compiling is paid once and cached.
        .cranelift_opt_level(OptLevel::Speed)
        // Fuel bounds a call exactly and repeatably, and costs less than epochs on loops such as
        // a compressor's: 7 % against 18 % in a first measurement.
        .consume_fuel(true)
        // 64 by 64 to 128 bits in one step: Poly1305 takes a third of the time.
        .wasm_wide_arithmetic(true)
        // The same component, configuration and input give the same bytes on every machine.
        .wasm_relaxed_simd(false)
        .cranelift_nan_canonicalization(true)
        // No component needs them, and every feature that is off cannot be attacked.
        .wasm_memory64(false)
        // On, though no component uses it: wasmtime joins the parts of a composed component with
        // modules of its own that do, and panics where they are not valid.
        .wasm_multi_memory(true)
        // Deep recursion in a component ends long before the stack of a worker does.
        .max_wasm_stack(512 << 10);
    // Left as they are: 4 GiB reservations with guard pages, so that bounds checks cost nothing;
    // and on-demand allocation, since pooling pays for churn only and instances here live long.
    config
}

impl Engine {
    /// An engine with a cache of compiled code, or without.
    pub fn new(cache: Option<CompiledCache>, limits: Limits, log: LogSink) -> Result<Engine> {
        let broken = |cause: wasmtime::Error| {
            let message = "this machine cannot run WebAssembly";
            Error::new(ErrorKind::Unsupported, message).because(cause.to_string())
        };
        let engine = wasmtime::Engine::new(&config()).map_err(broken)?;
        let mut linker = Linker::new(&engine);
        link(&mut linker).map_err(broken)?;
        Ok(Engine { engine, linker: Arc::new(linker), cache, limits, log, plugins: None })
    }

    /// The same engine, which finds components by name in a folder, too.
    #[must_use]
    pub fn with_plugins(mut self, folder: Option<PluginFolder>) -> Engine {
        self.plugins = folder;
        self
    }

    /// Finds a component as an operator names it; see [`find`].
    pub fn find(&self, text: &str, digest: Option<&Digest>) -> Result<FoundPlugin> {
        find(text, digest, self.plugins.as_ref())
    }

    /// Checks a component, and compiles it if that was not done before.
    pub fn load(&self, bytes: &[u8], trust: Trust) -> Result<Arc<Plugin>> {
        let manifest = inspect(bytes)?;
        if trust == Trust::Carried && manifest.authenticates {
            let message = format!(
                "{} {} authenticates, and is known only from the medium",
                manifest.name, manifest.version
            );
            return Err(Error::new(ErrorKind::Refused, message)
                .way_out("use a mover that has this version of it built in"));
        }
        let digest = Digest(*blake3::hash(bytes).as_bytes());
        let component = self.compile(bytes, &digest).map_err(|cause| {
            let message = format!("{} {} cannot be compiled", manifest.name, manifest.version);
            Error::new(ErrorKind::Plugin, message).because(format!("{cause:#}"))
        })?;
        // Types are checked here, before anything of it runs.
        self.linker.instantiate_pre(&component).map_err(|cause| {
            let message = format!("{} {} does not fit", manifest.name, manifest.version);
            Error::new(ErrorKind::Plugin, message).because(format!("{cause:#}"))
        })?;
        let name: Arc<str> = manifest.name.as_str().into();
        Ok(Arc::new(Plugin {
            manifest,
            name,
            digest,
            trust,
            component,
            engine: self.engine.clone(),
            linker: Arc::clone(&self.linker),
            limits: self.limits,
            log: Arc::clone(&self.log),
        }))
    }

    fn compile(&self, bytes: &[u8], digest: &Digest) -> wasmtime::Result<Component> {
        let Some(cache) = &self.cache else { return Component::new(&self.engine, bytes) };
        let name = format!("{digest}-{:016x}", self.compatibility());
        if let Some(code) = cache.get(&name)
            && let Some(component) = deserialize(&self.engine, &code)
        {
            return Ok(component);
        }
        let code = self.engine.precompile_component(bytes)?;
        cache.put(&name, &code);
        match deserialize(&self.engine, &code) {
            Some(component) => Ok(component),
            None => Component::new(&self.engine, bytes),
        }
    }

    /// Changes with wasmtime's version, the processor's features and the configuration.
    fn compatibility(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }
}

#[allow(unsafe_code, reason = "the only way to load compiled code")]
fn deserialize(engine: &wasmtime::Engine, code: &[u8]) -> Option<Component> {
    // SAFETY: `code` is what this engine's `precompile_component` gave: either just now, or in
    // an earlier run of this installation, whose signature `CompiledCache::get` has checked over
    // these very bytes in memory. Nobody else can have signed it, and nobody can change it since.
    unsafe { Component::deserialize(engine, code) }.ok()
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A loaded component: what instances are made from, by any thread.
pub struct Plugin {
    manifest: Manifest,
    name: Arc<str>,
    digest: Digest,
    trust: Trust,
    pub(super) component: Component,
    engine: wasmtime::Engine,
    pub(super) linker: Arc<Linker<State>>,
    limits: Limits,
    log: LogSink,
}

impl Plugin {
    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its role.
    pub fn role(&self) -> Role {
        self.manifest.role().expect("checked when it was loaded")
    }

    /// BLAKE3 of its bytes.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How messages name it.
    pub(super) fn title(&self) -> String {
        format!("component {} {}", self.manifest.name, self.manifest.version)
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn may_encode(&self) -> bool {
        self.trust != Trust::Carried
    }

    pub(super) fn store(&self) -> Store<State> {
        let limits = &self.limits;
        let log = Arc::clone(&self.log);
        let state =
            State::new(Arc::clone(&self.name), limits.memory_max, log, limits.log_lines_max);
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.meter);
        store
    }

    /// An instance that encodes and decodes; `key` is empty for one that takes none.
    pub fn transform(self: &Arc<Plugin>, config: &str, key: &[u8]) -> Result<ComponentTransform> {
        ComponentTransform::open(Arc::clone(self), config, key)
    }

    /// An instance that cuts blocks.
    pub fn cutter(self: &Arc<Plugin>, config: &str) -> Result<ComponentCutter> {
        ComponentCutter::open(Arc::clone(self), config)
    }

    /// An instance that looks at entries.
    pub fn inspector(self: &Arc<Plugin>, config: &str) -> Result<ComponentInspector> {
        ComponentInspector::open(Arc::clone(self), config, None)
    }

    /// An instance that goes on where a saved one stood.
    pub fn resume_inspector(
        self: &Arc<Plugin>,
        config: &str,
        state: Vec<u8>,
    ) -> Result<ComponentInspector> {
        ComponentInspector::open(Arc::clone(self), config, Some(state))
    }

    /// An instance that changes entries, or changes them back.
    pub fn filter(
        self: &Arc<Plugin>,
        config: &str,
        direction: Direction,
    ) -> Result<ComponentFilter> {
        ComponentFilter::open(Arc::clone(self), config, direction)
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plugin({} {})", self.manifest.name, self.manifest.version)
    }
}

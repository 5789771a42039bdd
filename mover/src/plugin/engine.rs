//! The engine, and components loaded into it.

use std::fmt;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Once};

use format::{Digest, Role};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, OptLevel, Store};

use super::cache::CompiledCache;
use super::carried::CarriedPolicy;
use super::find::{FoundPlugin, find};
use super::folder::{KeptPlugin, PluginFolder};
use super::guest::{State, link};
use super::inspect::inspect;
use super::limits::Limits;
use super::manifest::Manifest;
use super::{ComponentCutter, ComponentFilter, ComponentInspector, ComponentTransform, Direction};
use crate::error::{Error, ErrorKind, Result};
use crate::{pin, threads};

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
    /// Built into an earlier version, and found on a medium: it may decode and authenticate, and
    /// never encode.
    Former,
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
    carried: CarriedPolicy,
    /// Told once that compiling takes a while.
    compiling: Once,
    notice: Notice,
}

/// Whom to tell that components are compiled which no cache has.
type Notice = Arc<dyn Fn() + Send + Sync>;

/// Handles of one instance.
const HANDLE_COUNT_MAX: usize = 1024;

fn config() -> Config {
    let mut config = Config::new();
    config
        // Components work on every byte of an archive; compiling is paid once and cached.
        .cranelift_opt_level(OptLevel::Speed)
        // Fuel bounds a call exactly and repeatably, and costs less than epochs on loops such as
        // a compressor's: 7 % against 18 % in a first measurement. Copies and fills of memory take
        // fuel by the byte (wasmtime's default costs), and calls of the host by `guest::charge`:
        // without both, a loop around them would run for hours on the fuel of seconds.
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
        // Places in the component of each instruction: a tenth and more of the code, which every
        // start reads and checks. Functions are told by their names without it.
        .generate_address_map(false)
        // Deep recursion in a component ends long before the 2 MiB stack of a worker does.
        .max_wasm_stack(512 << 10);
    // Left as they are:
    // - `signals_based_traps`, 4 GiB reservations and guard pages: bounds checks cost nothing, and
    //   explicit ones would cost a fifth to a half. What is reserved is not memory that is used.
    // - On-demand allocation: pooling pays for churn only, and instances here live as long as their
    //   worker. A fresh mapping for each holds nothing of another's keys.
    // - Backtraces on: whoever writes a component needs to know where it trapped.
    // - SIMD, bulk memory, reference types, multi-value, tail calls: part of the standard, and
    //   compilers emit them unasked.
    // - Threads, garbage collection, exceptions, stack switching, async: not compiled into this
    //   binary (see the features in Cargo.toml), and so refused when a component is read.
    // - The compiler's own limits on types, functions and nesting bound what a component may be;
    //   its length is bounded by `inspect`. Time to compile is not: only the operator's own
    //   components and those of media are compiled, once, and the result is kept.
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
        let (plugins, carried) = (None, CarriedPolicy::default());
        let (linker, compiling, notice) = (Arc::new(linker), Once::new(), Arc::new(|| {}));
        Ok(Engine { engine, linker, cache, limits, log, plugins, carried, compiling, notice })
    }

    /// The same engine, which finds components by name in a folder, too.
    #[must_use]
    pub fn with_plugins(mut self, folder: Option<PluginFolder>) -> Engine {
        self.plugins = folder;
        self
    }

    /// The same engine, with another word on components that media carry.
    #[must_use]
    pub fn with_carried(mut self, policy: CarriedPolicy) -> Engine {
        self.carried = policy;
        self
    }

    /// The same engine, which tells once when it compiles what its cache does not have.
    #[must_use]
    pub fn with_notice(mut self, notice: Arc<dyn Fn() + Send + Sync>) -> Engine {
        self.notice = notice;
        self
    }

    pub(super) fn carried(&self) -> &CarriedPolicy {
        &self.carried
    }

    /// The component of a digest that the operator has in the plugin folder.
    pub(super) fn kept(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let Some(folder) = &self.plugins else { return Ok(None) };
        let of_digest = folder.list()?.into_iter().find(|kept| kept.description.digest == *digest);
        Ok(of_digest.map(KeptPlugin::into_bytes))
    }

    pub(super) fn tell(&self, plugin: &Plugin, level: LogLevel, line: &str) {
        (self.log)(&plugin.name, level, line);
    }

    /// Finds a component as an operator names it; see [`find`].
    pub fn find(&self, text: &str, digest: Option<&Digest>) -> Result<FoundPlugin> {
        find(text, digest, self.plugins.as_ref())
    }

    /// Checks a component, and compiles it if that was not done before.
    pub fn load(&self, bytes: &[u8], trust: Trust) -> Result<Arc<Plugin>> {
        let (manifest, digest) = inspect(bytes)?;
        if trust == Trust::Carried && manifest.authenticates {
            let message = format!(
                "{} {} authenticates, and is known only from the medium",
                manifest.name, manifest.version
            );
            return Err(Error::new(ErrorKind::Refused, message).way_out(format!(
                "if you know who made it, trust it: --trust-component {}",
                pin::show(&digest)
            )));
        }
        let component = match self.compiled(&digest) {
            Some(component) => component,
            None => {
                // The compiler starts them otherwise, and panics where it cannot.
                threads::start_compilers()?;
                self.compile(bytes, &digest).map_err(|cause| {
                    let (name, version) = (&manifest.name, &manifest.version);
                    let message = format!("{name} {version} cannot be compiled");
                    Error::new(ErrorKind::Plugin, message).because(format!("{cause:#}"))
                })?
            }
        };
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

    /// What was compiled before, if that can be read.
    fn compiled(&self, digest: &Digest) -> Option<Component> {
        let code = self.cache.as_ref()?.get(&self.compiled_name(digest))?;
        deserialize(&self.engine, &code)
    }

    fn compile(&self, bytes: &[u8], digest: &Digest) -> wasmtime::Result<Component> {
        let Some(cache) = &self.cache else { return Component::new(&self.engine, bytes) };
        self.compiling.call_once(|| (self.notice)());
        let code = self.engine.precompile_component(bytes)?;
        cache.put(&self.compiled_name(digest), &code);
        match deserialize(&self.engine, &code) {
            Some(component) => Ok(component),
            None => Component::new(&self.engine, bytes),
        }
    }

    /// Changes with wasmtime's version, the processor's features and the configuration.
    fn compiled_name(&self, digest: &Digest) -> String {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.engine.precompile_compatibility_hash().hash(&mut hasher);
        format!("{digest}-{:016x}", hasher.finish())
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
        !matches!(self.trust, Trust::Former | Trust::Carried)
    }

    pub(super) fn store(&self, log_lines_left: &Arc<AtomicU32>) -> Store<State> {
        let limits = &self.limits;
        let (name, log) = (Arc::clone(&self.name), Arc::clone(&self.log));
        let state = State::new(name, limits.memory_max, log, Arc::clone(log_lines_left));
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.meter);
        // What a component returns is copied before it can be judged: its length is bounded first.
        store.set_hostcall_fuel(limits.answer_length_max);
        // Handles cost the host memory, and a component has a few: what it opened, and a sink.
        store.set_max_component_handles(HANDLE_COUNT_MAX);
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

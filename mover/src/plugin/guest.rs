//! One instance of a component, its limits, and what happens when it breaks them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasmtime::component::{Linker, Resource, ResourceAny, ResourceType, WasmList, WasmStr};
use wasmtime::{Store, StoreContextMut, Trap};

use super::backtrace::Backtrace;
use super::bindings::snoop::mover::plugin::log::Level;
use super::engine::{LogLevel, LogSink, Plugin};
use super::limits::Meter;
use super::thread::get_ready;
use super::usage::Usage;
use crate::error::{Error, ErrorKind, Result};

/// The host's resource `sink`: where it writes to is in the instance's [`State`].
#[allow(unreachable_pub, reason = "the generated bindings re-export it, and go no further")]
#[derive(Debug)]
pub struct Sink;

/// What the host keeps for an instance.
pub(super) struct State {
    /// The output of the call that is under way.
    output: Vec<u8>,
    output_max: usize,
    output_refused: bool,
    pub(super) meter: Meter,
    plugin: Arc<str>,
    log: LogSink,
    /// Shared with the instances that take its place after a trap.
    log_lines_left: Arc<AtomicU32>,
    log_lines_dropped: u64,
}

impl State {
    pub(super) fn new(
        plugin: Arc<str>,
        memory_max: usize,
        log: LogSink,
        log_lines_left: Arc<AtomicU32>,
    ) -> State {
        State {
            output: Vec::new(),
            output_max: 0,
            output_refused: false,
            meter: Meter::new(memory_max),
            plugin,
            log,
            log_lines_left,
            log_lines_dropped: 0,
        }
    }
}

/// Bytes of a message from a component that reach a person.
const MESSAGE_LENGTH_MAX: usize = 1024;

/// A component's words, not too many of them, and without what would make a terminal or an eye
/// read something else: control characters, and those that turn the direction of writing.
pub(super) fn clean(text: &str) -> String {
    clean_to(text, MESSAGE_LENGTH_MAX)
}

/// The same, of as many whole characters as fit into so many bytes.
pub(super) fn clean_to(text: &str, length_max: usize) -> String {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut kept = String::with_capacity(text.len().min(length_max));
    for c in text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }) {
        if kept.len() + c.len_utf8() > length_max {
            break;
        }
        kept.push(c);
    }
    kept
}

/// Fuel of a call of the host: what such a call takes, in instructions of a component.
const HOST_CALL_FUEL: u64 = 500;

/// Takes fuel for a call of the host that looks at so many bytes. Without this, a loop around such
/// a call would be bounded by what its own few instructions cost, and the host's work by nothing.
fn charge(store: &mut StoreContextMut<'_, State>, length: usize) -> wasmtime::Result<()> {
    let cost = HOST_CALL_FUEL.saturating_add(length as u64);
    match store.get_fuel()?.checked_sub(cost) {
        Some(left) => store.set_fuel(left),
        None => {
            store.set_fuel(0)?;
            Err(Trap::OutOfFuel.into())
        }
    }
}

/// Links what this host offers: `log` and `output`.
pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut output = linker.instance("mover:plugin/output@0.1.0")?;
    output.resource("sink", ResourceType::host::<Sink>(), |_, _| Ok(()))?;
    output.func_wrap(
        "[method]sink.write",
        |mut store: StoreContextMut<'_, State>, (_, data): (Resource<Sink>, WasmList<u8>)| {
            // Out of the store while the component's memory, which is in it too, is borrowed.
            let mut bytes = std::mem::take(&mut store.data_mut().output);
            let data = data.as_le_slice(&store);
            let length = data.len();
            let fits = bytes.len().saturating_add(data.len()) <= store.data().output_max;
            if fits {
                bytes.extend_from_slice(data);
            }
            let state = store.data_mut();
            state.output = bytes;
            state.output_refused |= !fits;
            if fits {
                charge(&mut store, length)
            } else {
                Err(wasmtime::Error::msg("output limit"))
            }
        },
    )?;
    linker.instance("mover:plugin/log@0.1.0")?.func_wrap(
        "write",
        |mut store: StoreContextMut<'_, State>, (level, line): (Level, WasmStr)| {
            charge(&mut store, 0)?;
            let state = store.data_mut();
            // One instance after another: nobody else counts meanwhile.
            let Some(left) = state.log_lines_left.load(Ordering::Relaxed).checked_sub(1) else {
                // Not even looked at: it stays in the component's memory.
                state.log_lines_dropped += 1;
                return Ok(());
            };
            state.log_lines_left.store(left, Ordering::Relaxed);
            let (log, plugin) = (Arc::clone(&state.log), Arc::clone(&state.plugin));
            let level = match level {
                Level::Debug => LogLevel::Debug,
                Level::Info => LogLevel::Info,
                Level::Warn => LogLevel::Warn,
                Level::Error => LogLevel::Error,
            };
            log(&plugin, level, &clean(&line.to_str(&store)?));
            Ok(())
        },
    )
}

/// What a component answers when it fails as the contract lets it.
pub(super) struct GuestError {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
}

/// How the generated types of one role are opened.
pub(super) trait Bindings: Sized + Send + 'static {
    /// What `open` takes besides the configuration.
    type Arguments: Send;

    /// The function that an instance with these arguments is made by.
    fn opened_by(_arguments: &Self::Arguments) -> &'static str {
        "open"
    }

    /// The instance is lost, with all that it has seen: makes the arguments those of another one.
    fn lost(_arguments: &mut Self::Arguments) {}

    fn instantiate(store: &mut Store<State>, plugin: &Plugin) -> wasmtime::Result<Self>;

    fn open(
        &self,
        store: &mut Store<State>,
        config: &str,
        arguments: &Self::Arguments,
    ) -> wasmtime::Result<Result<ResourceAny, GuestError>>;
}

struct Live<B> {
    store: Store<State>,
    bindings: B,
    handle: ResourceAny,
}

/// A component that is opened, and opened anew whenever it has trapped.
pub(super) struct Guest<B: Bindings> {
    plugin: Arc<Plugin>,
    config: String,
    arguments: B::Arguments,
    live: Option<Box<Live<B>>>,
    log_lines_left: Arc<AtomicU32>,
    usage: Usage,
}

/// What goes into a call.
#[derive(Clone, Copy)]
pub(super) struct Input {
    /// Bytes that are copied into the component.
    pub(super) length: usize,
    /// Bytes that the fuel of the call is for: a little input may be much work.
    pub(super) work: usize,
}

impl From<usize> for Input {
    fn from(length: usize) -> Input {
        Input { length, work: length }
    }
}

/// Where the output of a call goes, and how much of it there may be.
pub(super) struct Output<'a> {
    pub(super) bytes: &'a mut Vec<u8>,
    pub(super) length_max: usize,
}

impl<B: Bindings> Guest<B> {
    /// Opens it at once, so that a wrong configuration is told before anything else happens.
    pub(super) fn open(
        plugin: Arc<Plugin>,
        config: &str,
        arguments: B::Arguments,
    ) -> Result<Guest<B>> {
        let config = config.to_owned();
        let log_lines_left = Arc::new(AtomicU32::new(plugin.limits().log_lines_max));
        let usage = Usage::default();
        let mut guest = Guest { plugin, config, arguments, live: None, log_lines_left, usage };
        guest.live = Some(guest.start()?);
        Ok(guest)
    }

    pub(super) fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// What all calls have used so far.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    fn start(&mut self) -> Result<Box<Live<B>>> {
        get_ready()?;
        let mut store = self.plugin.store(&self.log_lines_left);
        let fuel = self.plugin.limits().fuel(self.config.len());
        let opened = store.set_fuel(fuel).and_then(|()| {
            let bindings = B::instantiate(&mut store, &self.plugin)?;
            let handle = bindings.open(&mut store, &self.config, &self.arguments)?;
            Ok((bindings, handle))
        });
        match opened {
            Ok((bindings, Ok(handle))) => Ok(Box::new(Live { store, bindings, handle })),
            Ok((_, Err(error))) => Err(self.refused(B::opened_by(&self.arguments), error)),
            Err(trap) => {
                self.usage.traps += 1;
                Err(self.trapped(B::opened_by(&self.arguments), &trap, store.data()))
            }
        }
    }

    /// Calls the component. `may_retry` where the call depends on none before it.
    pub(super) fn call<T>(
        &mut self,
        name: &'static str,
        input: impl Into<Input>,
        may_retry: bool,
        mut output: Option<Output<'_>>,
        mut call: impl FnMut(
            &B,
            &mut Store<State>,
            ResourceAny,
        ) -> wasmtime::Result<Result<T, GuestError>>,
    ) -> Result<T> {
        let input = input.into();
        let fuel = self.plugin.limits().fuel(input.work);
        let mut retries = u32::from(may_retry);
        // An instance may have been opened by another thread.
        get_ready()?;
        loop {
            let mut live = match self.live.take() {
                Some(live) => live,
                None => self.start()?,
            };
            let state = live.store.data_mut();
            let dropped_before = state.log_lines_dropped;
            if let Some(output) = &mut output {
                output.bytes.clear();
                state.output = std::mem::take(output.bytes);
                state.output_max = output.length_max;
            }
            let result = live
                .store
                .set_fuel(fuel)
                .and_then(|()| call(&live.bindings, &mut live.store, live.handle));
            if let Some(output) = &mut output {
                *output.bytes = std::mem::take(&mut live.store.data_mut().output);
            }
            let state = live.store.data();
            self.usage.calls += 1;
            self.usage.bytes_in += input.length as u64;
            self.usage.bytes_out += output.as_ref().map_or(0, |output| output.bytes.len() as u64);
            self.usage.fuel += fuel.saturating_sub(live.store.get_fuel().unwrap_or(fuel));
            self.usage.memory_peak = self.usage.memory_peak.max(state.meter.peak as u64);
            self.usage.log_lines_dropped += state.log_lines_dropped - dropped_before;
            self.usage.traps += u64::from(result.is_err());
            match result {
                Ok(answer) => {
                    self.live = Some(live);
                    return answer.map_err(|error| self.refused(name, error));
                }
                // The trapped instance is dropped here, with everything in it.
                Err(_) if retries > 0 => {
                    B::lost(&mut self.arguments);
                    retries -= 1;
                }
                Err(trap) => {
                    B::lost(&mut self.arguments);
                    return Err(self.trapped(name, &trap, live.store.data()));
                }
            }
        }
    }

    /// The component said no.
    fn refused(&self, name: &str, error: GuestError) -> Error {
        let message = format!("{} in {name}: {}", self.plugin.title(), clean(&error.message));
        Error::new(error.kind, message)
    }

    /// The component answered with something that the contract does not allow.
    pub(super) fn lied(&mut self, name: &str, what: impl fmt::Display) -> Error {
        self.live = None;
        B::lost(&mut self.arguments);
        Error::new(ErrorKind::Plugin, format!("{} in {name}: {what}", self.plugin.title()))
    }

    fn trapped(&self, name: &str, trap: &wasmtime::Error, state: &State) -> Error {
        let title = self.plugin.title();
        let cause = match trap.downcast_ref::<Trap>() {
            _ if state.meter.refused => {
                format!("passed its memory limit of {} MiB", self.plugin.limits().memory_max >> 20)
            }
            _ if state.output_refused => {
                format!("passed its output limit of {} bytes", state.output_max)
            }
            Some(Trap::OutOfFuel) => "passed its time limit".to_owned(),
            Some(Trap::StackOverflow) => "passed its stack limit".to_owned(),
            Some(trap) => format!("trapped: {trap}"),
            // Around it stands where it happened, which is told below.
            None => format!("trapped: {}", clean(&trap.root_cause().to_string())),
        };
        let mut error = Error::new(ErrorKind::Plugin, format!("{title} in {name} {cause}"))
            .way_out("archive without this component, or with another version of it");
        if let Some(backtrace) = trap.downcast_ref::<wasmtime::WasmBacktrace>() {
            let backtrace = Backtrace::new(backtrace);
            if !backtrace.frames().is_empty() {
                error = error.because(backtrace);
            }
        }
        error
    }
}

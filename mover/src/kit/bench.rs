//! What a component costs: time, instructions, memory, and what it takes to start.

use std::sync::Arc;
use std::time::{Duration, Instant};

use format::Role;
use serde::Serialize;

use super::dice::Dice;
use super::subject::{Subject, WINDOW_LENGTH, cut, look};
use crate::error::{Error, Result};
use crate::pipeline::Transform;
use crate::plugin::{
    CompiledCache, Direction, Engine, FoundPlugin, Limits, LogSink, Plugin, Usage,
};

/// Bytes of the data that is made where none is given.
const DATA_LENGTH: usize = 64 << 20;
/// Instances that are opened to see how long one takes.
const OPEN_COUNT: usize = 20;

/// The figures of one component.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// While archiving.
    pub forth: Pace,
    /// While restoring, where there is a way back.
    pub back: Option<Pace>,
    /// Bytes that come out for each that goes in, where bytes come out.
    pub ratio: Option<f64>,
    /// The largest that its memory was, in bytes.
    pub memory_peak: u64,
    /// Seconds to compile it, once for each version of it.
    pub compile_seconds: f64,
    /// Seconds to load it from the cache of compiled code.
    pub load_seconds: f64,
    /// Seconds to make an instance and open it: the median of several.
    pub open_seconds: f64,
}

/// One way through a component.
#[derive(Clone, Debug, Serialize)]
pub struct Pace {
    /// Millions of plain bytes a second.
    pub megabytes_per_second: f64,
    /// Fuel for each plain byte: about as many instructions, and the same in every run.
    pub fuel_per_byte: f64,
    /// How often it was called.
    pub calls: u64,
    /// Bytes that were copied into it.
    pub bytes_in: u64,
    /// Bytes that it wrote.
    pub bytes_out: u64,
}

/// Text, records and noise by turns, a few kilobytes to a megabyte each; always the same.
pub fn bench_data() -> Vec<u8> {
    let mut dice = Dice::new(64);
    let mut bytes = Vec::with_capacity(DATA_LENGTH);
    while bytes.len() < DATA_LENGTH {
        let length = (4096 + dice.below(1 << 20)).min(DATA_LENGTH - bytes.len());
        let part = match dice.below(3) {
            0 => dice.text(length),
            1 => dice.records(length),
            _ => dice.noise(length),
        };
        bytes.extend_from_slice(&part);
    }
    bytes
}

/// Measures a component on data, in chunks and windows of 1 MiB.
pub fn bench(found: &FoundPlugin, config: &str, data: &[u8]) -> Result<Figures> {
    let (plugin, compile) = load(found, None)?;
    let load_time = load_from_cache(found)?;
    let subject = Subject { plugin, config: config.to_owned() };
    let mut open_times = Vec::new();
    for _ in 0..OPEN_COUNT {
        let begin = Instant::now();
        match subject.role() {
            // Opening a subject opens a filter twice.
            Role::Filter => drop(subject.filter(Direction::Apply)?),
            _ => subject.open()?,
        }
        open_times.push(begin.elapsed());
    }
    open_times.sort_unstable();
    let Measured { forth, back, usage } = measure(&subject, data)?;
    let writes = matches!(subject.role(), Role::Transform | Role::Filter);
    let manifest = subject.plugin.manifest();
    Ok(Figures {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        ratio: writes.then(|| forth.bytes_out as f64 / data.len().max(1) as f64),
        forth,
        back,
        memory_peak: usage.memory_peak,
        compile_seconds: compile.as_secs_f64(),
        load_seconds: load_time.as_secs_f64(),
        open_seconds: open_times[OPEN_COUNT / 2].as_secs_f64(),
    })
}

/// Loads a component with an engine that has nothing in memory, and says how long that took.
fn load(found: &FoundPlugin, cache: Option<CompiledCache>) -> Result<(Arc<Plugin>, Duration)> {
    let quiet: LogSink = Arc::new(|_, _, _| {});
    let engine = Engine::new(cache, Limits::default(), quiet)?;
    let begin = Instant::now();
    let plugin = engine.load(&found.bytes, found.trust())?;
    Ok((plugin, begin.elapsed()))
}

/// How long loading takes with the code in a cache, as at every start but the first.
fn load_from_cache(found: &FoundPlugin) -> Result<Duration> {
    let folder = tempfile::tempdir()
        .map_err(|cause| Error::io("making a folder in", std::env::temp_dir(), cause))?;
    let cache =
        || CompiledCache::open(&folder.path().join("cache"), &folder.path().join("state/key"));
    load(found, cache())?;
    Ok(load(found, cache())?.1)
}

struct Measured {
    forth: Pace,
    back: Option<Pace>,
    usage: Usage,
}

/// What was used between two looks, as a pace.
fn pace(length: usize, begin: Instant, before: Usage, after: Usage) -> Pace {
    let seconds = begin.elapsed().as_secs_f64().max(1e-9);
    let length = length.max(1) as f64;
    Pace {
        megabytes_per_second: length / 1e6 / seconds,
        fuel_per_byte: (after.fuel - before.fuel) as f64 / length,
        calls: after.calls - before.calls,
        bytes_in: after.bytes_in - before.bytes_in,
        bytes_out: after.bytes_out - before.bytes_out,
    }
}

fn measure(subject: &Subject, data: &[u8]) -> Result<Measured> {
    let length = data.len();
    let nothing = Usage::default();
    match subject.role() {
        Role::Transform => {
            let mut transform = subject.transform()?;
            let mut encoded: Vec<Vec<u8>> = vec![Vec::new(); length.div_ceil(WINDOW_LENGTH)];
            let begin = Instant::now();
            for (chunk, output) in data.chunks(WINDOW_LENGTH).zip(&mut encoded) {
                transform.encode(&subject.chunk(chunk.len()), chunk, output)?;
            }
            let between = transform.usage();
            let forth = pace(length, begin, nothing, between);
            let mut decoded = Vec::with_capacity(WINDOW_LENGTH);
            let begin = Instant::now();
            for (chunk, input) in data.chunks(WINDOW_LENGTH).zip(&encoded) {
                transform.decode(&subject.chunk(chunk.len()), input, &mut decoded)?;
            }
            let usage = transform.usage();
            let back = Some(pace(length, begin, between, usage));
            Ok(Measured { forth, back, usage })
        }
        Role::Filter => {
            let mut filter = subject.filter(Direction::Apply)?;
            let mut some = Vec::new();
            let mut changed = Vec::new();
            let begin = Instant::now();
            for piece in data.chunks(WINDOW_LENGTH) {
                filter.next(piece, &mut some)?;
                changed.push(some.clone());
            }
            filter.finish(&mut some)?;
            changed.push(some.clone());
            let forth = pace(length, begin, nothing, filter.usage());
            let mut undo = subject.filter(Direction::Undo)?;
            let begin = Instant::now();
            for piece in &changed {
                undo.next(piece, &mut some)?;
            }
            undo.finish(&mut some)?;
            let back = Some(pace(length, begin, nothing, undo.usage()));
            let mut usage = filter.usage();
            usage.memory_peak = usage.memory_peak.max(undo.usage().memory_peak);
            Ok(Measured { forth, back, usage })
        }
        Role::Snoop => {
            let mut inspector = subject.inspector()?;
            let begin = Instant::now();
            look(&mut inspector, data, &[])?;
            let usage = inspector.usage();
            Ok(Measured { forth: pace(length, begin, nothing, usage), back: None, usage })
        }
        Role::Dedupe => {
            let mut cutter = subject.cutter()?;
            let begin = Instant::now();
            cut(&mut cutter, data, WINDOW_LENGTH)?;
            let usage = cutter.usage();
            Ok(Measured { forth: pace(length, begin, nothing, usage), back: None, usage })
        }
    }
}

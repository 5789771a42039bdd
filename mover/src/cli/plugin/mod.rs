//! `mover plugin`: what the author of a component needs.

mod arguments;
mod build;
mod inspect;
mod check;
mod keep;
mod run;
mod test;
mod bench;

use std::sync::Arc;

pub(crate) use arguments::Plugin;
use arguments::{PluginCommand, Stage};

use super::Outcome;
use super::arguments::Global;
use super::console::Console;
use super::open::{compiled_cache, plugin_folder};
use crate::error::{Error, ErrorKind, Result};
use crate::kit::Subject;
use crate::plugin::{Description, Engine, FoundPlugin, Limits, LogLevel, describe, find};

pub(super) fn run(command: Plugin, global: &Global, console: &Console) -> Result<Outcome> {
    match command.command {
        PluginCommand::New(command) => build::new(&command, console),
        PluginCommand::Build { folder, output } => {
            build::run(&folder, output.as_deref(), global, console)
        }
        PluginCommand::Inspect { component } => inspect::run(&found(&component, global)?, console),
        PluginCommand::Check { component, config } => {
            let found = found(&component, global)?;
            check::run(&component, &found.bytes, config.as_deref(), global, console)
        }
        PluginCommand::Run(command) => run::run(&command, global, console),
        PluginCommand::Test(command) => test::run(&command, global, console),
        PluginCommand::Bench(command) => bench::run(&command, global, console),
        PluginCommand::Add { file } => keep::add(&file, global, console),
        PluginCommand::Remove { name, version } => {
            keep::remove(&name, version.as_deref(), global, console)
        }
        PluginCommand::List => keep::list(global, console),
    }
}

/// A component by path or name.
fn found(text: &str, global: &Global) -> Result<FoundPlugin> {
    find(text, None, plugin_folder(global).as_ref())
}

/// A component that is loaded, with its configuration. `limits` follow from what it is.
fn subject(
    stage: &Stage,
    limits: &dyn Fn(&Description) -> Limits,
    global: &Global,
    console: &Console,
) -> Result<Subject> {
    let Stage { component, config } = stage;
    if let Err(cause) = serde_json::from_str::<serde_json::Value>(config) {
        return Err(Error::new(ErrorKind::Usage, "the configuration is not JSON")
            .because(cause)
            .way_out(r#"write it as --config '{"key":value}'"#));
    }
    let found = found(component, global)?;
    let limits = limits(&describe(&found.bytes));
    let engine = Engine::new(compiled_cache(), limits, log(console))?;
    let plugin = engine.load(&found.bytes, found.trust()).map_err(|cause| {
        let error = Error::new(cause.kind(), format!("{component} cannot be run"));
        error.because(cause).way_out(format!("mover plugin check {component}"))
    })?;
    Ok(Subject { plugin, config: config.clone() })
}

/// What components log, with its level.
fn log(console: &Console) -> crate::plugin::LogSink {
    let console = console.clone();
    Arc::new(move |plugin: &str, level: LogLevel, line: &str| {
        console.log(plugin, level.name(), line);
    })
}

//! The role filter: changes entries before they are cut, and changes them back.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Resource, ResourceAny};

use super::bindings::filter::FilterPlugin;
use super::bindings::filter::exports::mover::plugin::filter as wit;
use super::bindings::filter::mover::plugin::types as wit_types;
use super::engine::Plugin;
use super::guest::{Bindings, Guest, GuestError, Output, Sink, State};
use super::usage::Usage;
use crate::error::{ErrorKind, Result};

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// While archiving.
    Apply,
    /// While restoring.
    Undo,
}

impl Bindings for FilterPlugin {
    type Arguments = Direction;

    fn instantiate(store: &mut Store<State>, plugin: &Plugin) -> wasmtime::Result<Self> {
        FilterPlugin::instantiate(store, &plugin.component, &plugin.linker)
    }

    fn open(
        &self,
        store: &mut Store<State>,
        config: &str,
        direction: &Direction,
    ) -> wasmtime::Result<Result<ResourceAny, GuestError>> {
        let direction = match direction {
            Direction::Apply => wit::Direction::Apply,
            Direction::Undo => wit::Direction::Undo,
        };
        let opened = self.mover_plugin_filter().rewriter().call_open(store, config, direction)?;
        Ok(opened.map_err(guest_error))
    }
}

fn guest_error(error: wit_types::Error) -> GuestError {
    let kind = match error.kind {
        wit_types::ErrorKind::InvalidConfig => ErrorKind::Usage,
        wit_types::ErrorKind::CorruptInput => ErrorKind::Damaged,
        _ => ErrorKind::Plugin,
    };
    GuestError { kind, message: error.message }
}

/// An instance of a filter, for one entry after another.
pub struct ComponentFilter {
    guest: Guest<FilterPlugin>,
}

/// What a call may write: 16 times its input, and 1 MiB.
fn output_length_max(input_length: usize) -> usize {
    input_length * 16 + (1 << 20)
}

impl ComponentFilter {
    pub(super) fn open(
        plugin: Arc<Plugin>,
        config: &str,
        direction: Direction,
    ) -> Result<ComponentFilter> {
        Ok(ComponentFilter { guest: Guest::open(plugin, config, direction)? })
    }

    /// What it has used so far.
    pub fn usage(&self) -> Usage {
        self.guest.usage()
    }

    /// Replaces `output` by what can be written of the entry now.
    pub fn next(&mut self, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        let length_max = output_length_max(input.len());
        let output = Output { bytes: output, length_max };
        self.guest.call("next", input.len(), false, Some(output), |bindings, store, stream| {
            let sink = Resource::<Sink>::new_borrow(0);
            let streams = bindings.mover_plugin_filter().rewriter();
            Ok(streams.call_next(store, stream, input, sink)?.map_err(guest_error))
        })
    }

    /// Replaces `output` by the rest of the entry; then another may follow.
    pub fn finish(&mut self, output: &mut Vec<u8>) -> Result<()> {
        let output = Output { bytes: output, length_max: output_length_max(0) };
        self.guest.call("finish", 0, false, Some(output), |bindings, store, stream| {
            let sink = Resource::<Sink>::new_borrow(0);
            let streams = bindings.mover_plugin_filter().rewriter();
            Ok(streams.call_finish(store, stream, sink)?.map_err(guest_error))
        })
    }
}

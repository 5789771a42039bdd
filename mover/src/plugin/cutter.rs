//! The role dedupe: cuts windows into blocks.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::bindings::dedupe::DedupePlugin;
use super::bindings::dedupe::mover::plugin::types as wit_types;
use super::engine::Plugin;
use super::guest::{Bindings, Guest, GuestError, State};
use super::usage::Usage;
use crate::error::{ErrorKind, Result};
use crate::pipeline::{Cut, Cutter};

impl Bindings for DedupePlugin {
    type Arguments = ();

    fn instantiate(store: &mut Store<State>, plugin: &Plugin) -> wasmtime::Result<Self> {
        DedupePlugin::instantiate(store, &plugin.component, &plugin.linker)
    }

    fn open(
        &self,
        store: &mut Store<State>,
        config: &str,
        (): &(),
    ) -> wasmtime::Result<Result<ResourceAny, GuestError>> {
        let opened = self.mover_plugin_dedupe().cutter().call_open(store, config)?;
        Ok(opened.map_err(guest_error))
    }
}

fn guest_error(error: wit_types::Error) -> GuestError {
    let kind = match error.kind {
        wit_types::ErrorKind::InvalidConfig => ErrorKind::Usage,
        _ => ErrorKind::Plugin,
    };
    GuestError { kind, message: error.message }
}

/// An instance of a dedupe component.
pub struct ComponentCutter {
    guest: Guest<DedupePlugin>,
    block_length_max: usize,
}

impl ComponentCutter {
    pub(super) fn open(plugin: Arc<Plugin>, config: &str) -> Result<ComponentCutter> {
        let mut guest = Guest::<DedupePlugin>::open(plugin, config, ())?;
        let length = guest.call("block-length-max", 0, true, None, |bindings, store, cutter| {
            let cutters = bindings.mover_plugin_dedupe().cutter();
            Ok(Ok(cutters.call_block_length_max(store, cutter)?))
        })?;
        if length == 0 || length > format::limits::BLOCK_LENGTH_MAX {
            let what = format!("blocks of at most {length} bytes are not allowed");
            return Err(guest.lied("block-length-max", what));
        }
        Ok(ComponentCutter { guest, block_length_max: length as usize })
    }

    /// What it has used so far.
    pub fn usage(&self) -> Usage {
        self.guest.usage()
    }

    /// What is wrong with the cuts of a window, if anything is.
    fn wrong(&self, window: &[u8], ends: &[u32], cuts: &[Cut]) -> Option<&'static str> {
        let mut ends = ends.iter().copied().filter(|end| *end > 0).peekable();
        let mut at = 0usize;
        for cut in cuts {
            let length = cut.length as usize;
            if length == 0 || length > self.block_length_max {
                return Some("a block is empty or too long");
            }
            at += length;
            while ends.next_if(|end| (*end as usize) == at).is_some() {}
            if at > window.len() || ends.peek().is_some_and(|end| (*end as usize) < at) {
                return Some("a block goes beyond the end of its entry");
            }
            // A wrong one would be found by whoever restores, when it is too late.
            if cut.crc != format::checksum(&window[at - length..at]) {
                return Some("the CRC of a block is wrong");
            }
        }
        if ends.peek().is_some() {
            return Some("an entry was not cut to its end");
        }
        if window.len() - at >= self.block_length_max {
            return Some("more was left uncut than a block can hold");
        }
        None
    }
}

impl Cutter for ComponentCutter {
    fn block_length_max(&self) -> usize {
        self.block_length_max
    }

    fn cut(&mut self, window: &[u8], ends: &[u32], cuts: &mut Vec<Cut>) -> Result<()> {
        // Every call begins at a cut, so it depends on none before it.
        let answer =
            self.guest.call("cut", window.len(), true, None, |bindings, store, cutter| {
                let cutters = bindings.mover_plugin_dedupe().cutter();
                Ok(cutters.call_cut(store, cutter, window, ends)?.map_err(guest_error))
            })?;
        cuts.clear();
        cuts.extend(answer.iter().map(|cut| Cut { length: cut.length, crc: cut.crc }));
        match self.wrong(window, ends, cuts) {
            Some(what) => Err(self.guest.lied("cut", what)),
            None => Ok(()),
        }
    }
}

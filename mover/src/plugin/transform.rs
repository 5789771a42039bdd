//! The role transform: encodes and decodes chunks.

use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{Resource, ResourceAny};
use zeroize::Zeroizing;

use super::bindings::transform::TransformPlugin;
use super::bindings::transform::exports::mover::plugin::transform as wit;
use super::bindings::transform::mover::plugin::types as wit_types;
use super::engine::Plugin;
use super::guest::{Bindings, Guest, GuestError, Input, Output, Sink, State};
use super::usage::Usage;
use crate::error::{Error, ErrorKind, Result};
use crate::pipeline::{ChunkInfo, Transform, encoded_length_max};

impl Bindings for TransformPlugin {
    /// The key.
    type Arguments = Zeroizing<Vec<u8>>;

    fn instantiate(store: &mut Store<State>, plugin: &Plugin) -> wasmtime::Result<Self> {
        TransformPlugin::instantiate(store, &plugin.component, &plugin.linker)
    }

    fn open(
        &self,
        store: &mut Store<State>,
        config: &str,
        key: &Zeroizing<Vec<u8>>,
    ) -> wasmtime::Result<Result<ResourceAny, GuestError>> {
        let opened = self.mover_plugin_transform().codec().call_open(store, config, key)?;
        Ok(opened.map_err(guest_error))
    }
}

fn guest_error(error: wit_types::Error) -> GuestError {
    GuestError { kind: error_kind(error.kind), message: error.message }
}

fn error_kind(kind: wit_types::ErrorKind) -> ErrorKind {
    match kind {
        wit_types::ErrorKind::InvalidConfig => ErrorKind::Usage,
        wit_types::ErrorKind::CorruptInput | wit_types::ErrorKind::AuthenticationFailed => {
            ErrorKind::Damaged
        }
        wit_types::ErrorKind::Unsupported => ErrorKind::Unsupported,
        wit_types::ErrorKind::LimitExceeded | wit_types::ErrorKind::Other => ErrorKind::Plugin,
    }
}

/// An instance of a transform. Its keys are wiped with it.
pub struct ComponentTransform {
    guest: Guest<TransformPlugin>,
}

impl ComponentTransform {
    pub(super) fn open(plugin: Arc<Plugin>, config: &str, key: &[u8]) -> Result<Self> {
        let key = Zeroizing::new(key.to_vec());
        Ok(ComponentTransform { guest: Guest::open(plugin, config, key)? })
    }

    /// What it has used so far.
    pub fn usage(&self) -> Usage {
        self.guest.usage()
    }
}

fn wit_chunk(chunk: &ChunkInfo<'_>) -> wit::ChunkInfo {
    wit::ChunkInfo {
        plain_length: chunk.plain_length,
        nonce: chunk.nonce.to_vec(),
        binding: chunk.binding.to_vec(),
    }
}

impl Transform for ComponentTransform {
    fn encode(&mut self, chunk: &ChunkInfo<'_>, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        if !self.guest.plugin().may_encode() {
            let message = format!("{} came with the medium", self.guest.plugin().title());
            return Err(Error::new(ErrorKind::Refused, message)
                .way_out("name the component yourself; a medium's own may only decode"));
        }
        let info = wit_chunk(chunk);
        let output = Output { bytes: output, length_max: encoded_length_max(input.len()) };
        self.guest.call("encode", input.len(), true, Some(output), |bindings, store, codec| {
            let sink = Resource::<Sink>::new_borrow(0);
            let codecs = bindings.mover_plugin_transform().codec();
            let done = codecs.call_encode(store, codec, &info, input, sink)?;
            Ok(done.map_err(guest_error))
        })
    }

    fn decode(&mut self, chunk: &ChunkInfo<'_>, input: &[u8], output: &mut Vec<u8>) -> Result<()> {
        let info = wit_chunk(chunk);
        let length = chunk.plain_length as usize;
        // Fuel follows what goes in and what comes out: a little input may be much work.
        let work = Input { length: input.len(), work: input.len() + length };
        let sized = Output { bytes: &mut *output, length_max: length };
        self.guest.call("decode", work, true, Some(sized), |bindings, store, codec| {
            let sink = Resource::<Sink>::new_borrow(0);
            let codecs = bindings.mover_plugin_transform().codec();
            let done = codecs.call_decode(store, codec, &info, input, sink)?;
            Ok(done.map_err(guest_error))
        })?;
        if output.len() != length {
            let given = output.len();
            let what = format!("it gave {given} bytes of {length}");
            return Err(self.guest.lied("decode", what));
        }
        Ok(())
    }
}

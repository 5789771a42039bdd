//! Components and their manifests: the first byte says whether the rest is a component, or a
//! manifest that is put into one.
//!
//! Nothing here is compiled or run: that is what `tests/containment` is for.
#![no_main]

use std::sync::{Arc, LazyLock};

use fuzz::seeds::{self, manifest::component};
use libfuzzer_sys::fuzz_target;
use mover::kit;
use mover::plugin::{Engine, Limits, describe};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let silent = Arc::new(|_: &str, _, _: &str| {});
    Engine::new(None, Limits::default(), silent).expect("WebAssembly runs here")
});

fuzz_target!(init: seeds::write_if_asked(seeds::manifest::all), |input: &[u8]| {
    match input.split_first() {
        Some((choice, bytes)) if choice & 1 == 0 => look(bytes),
        Some((_, json)) => look(&component(json)),
        None => {}
    }
});

fn look(bytes: &[u8]) {
    let description = describe(bytes);
    assert_eq!(description.length, bytes.len() as u64);
    // What a person reads has no control characters in it.
    let is_plain = |text: &String| !text.chars().any(char::is_control);
    assert!(description.imports.iter().chain(&description.exports).all(is_plain));
    for mistake in &description.mistakes {
        assert!(is_plain(&mistake.to_string()), "{mistake}");
    }
    if let Some(manifest) = &description.manifest {
        let _ = (manifest.role(), kit::settings(&manifest.config_schema));
        // What was read can be written, and read again.
        let json = serde_json::to_vec(manifest).expect("it came from JSON");
        let again = describe(&component(&json)).manifest.expect("it was one");
        assert_eq!((&again.name, again.memory_max), (&manifest.name, manifest.memory_max));
    }
    // One without a mistake would be compiled.
    if !description.mistakes.is_empty() {
        let (_, findings) = kit::check(&ENGINE, bytes, None);
        assert!(findings.iter().any(|finding| finding.is_error), "{findings:?}");
    }
}

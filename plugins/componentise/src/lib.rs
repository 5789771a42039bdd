//! From a core module to a component that carries its manifest: what `plugin-build` does for the
//! built-in components, and `mover plugin build` for those of everybody.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::borrow::Cow;
use wasm_encoder::{ComponentSection, CustomSection, RawSection};
use wasmparser::{Parser, Payload};

/// The custom section that a manifest is in: JSON.
pub const MANIFEST_SECTION: &str = "mover:manifest";
/// The track of the contract that components are built for...
pub const CONTRACT: &str = "0.1";
/// ... and its version.
pub const CONTRACT_VERSION: &str = "0.1.0";

/// Makes a component of a core module that `wit-bindgen` made ready, with a manifest at its
/// outermost level.
pub fn component(module: &[u8], manifest: &Value) -> Result<Vec<u8>> {
    let mut bytes = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .context("read the core module")?
        .encode()
        .context("make a component of the core module")?;
    append_manifest(&mut bytes, manifest)?;
    Ok(bytes)
}

/// Puts a manifest at the outermost level of a component that other tools made.
pub fn append_manifest(component: &mut Vec<u8>, manifest: &Value) -> Result<()> {
    if !Parser::is_component(component) {
        bail!("it is not a component");
    }
    let mut manifest = manifest.clone();
    // The order must not depend on the features that serde_json happens to be built with.
    manifest.sort_all_objects();
    let data = serde_json::to_vec(&manifest)?;
    let section =
        CustomSection { name: Cow::Borrowed(MANIFEST_SECTION), data: Cow::Borrowed(&data) };
    section.append_to_component(component);
    Ok(())
}

/// Takes the manifest out of a core module that carries it, and gives the module without it.
pub fn take_manifest(module: &[u8]) -> Result<(Vec<u8>, Option<Value>)> {
    let mut manifest = None;
    let mut rest = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("read the core module")?;
        match &payload {
            Payload::Version { encoding: wasmparser::Encoding::Component, .. } => {
                bail!("it is a component already");
            }
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                let read = serde_json::from_slice(section.data())
                    .context("read the manifest in the core module")?;
                manifest = Some(read);
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    let range = usize::try_from(range.start)?..usize::try_from(range.end)?;
                    let data = module.get(range).context("a section ends behind the module")?;
                    rest.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok((rest.finish(), manifest))
}

/// Completes a manifest that was written by hand with what is known elsewhere.
pub fn complete(manifest: &mut Value, version: &str) -> Result<()> {
    let object = manifest.as_object_mut().context("a manifest is an object")?;
    object.insert("contract".to_owned(), Value::from(CONTRACT));
    object.insert("version".to_owned(), Value::from(version));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use wasm_encoder::{Module, Section};

    fn module(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut module = Module::new();
        for (name, data) in sections {
            module.section(&CustomSection { name: (*name).into(), data: (*data).into() });
        }
        module.finish()
    }

    #[test]
    fn the_manifest_is_taken_out_and_all_else_stays() {
        let with = module(&[("a", b"1"), (MANIFEST_SECTION, b"{\"name\":\"x\"}"), ("b", b"2")]);
        let without = module(&[("a", b"1"), ("b", b"2")]);
        assert_eq!(take_manifest(&with).unwrap(), (without.clone(), Some(json!({"name": "x"}))));
        assert_eq!(take_manifest(&without).unwrap(), (without, None));
    }

    #[test]
    fn what_is_no_manifest_and_no_module_is_refused() {
        assert!(take_manifest(&module(&[(MANIFEST_SECTION, b"{}{}")])).is_err());
        assert!(take_manifest(b"nonsense").is_err());
        assert!(complete(&mut json!([]), "1").is_err());
        assert!(component(b"nonsense", &json!({})).is_err());
        assert!(append_manifest(&mut module(&[]), &json!({})).is_err());
        assert!(append_manifest(&mut Vec::new(), &json!({})).is_err());
    }

    #[test]
    fn sections_have_the_ids_that_they_had() {
        // A type section, which is not custom: id 1, no types.
        let mut module = Module::new();
        module.section(&RawSection { id: 1, data: &[0] });
        let bytes = module.finish();
        assert_eq!(wasm_encoder::TypeSection::new().id(), 1);
        assert_eq!(take_manifest(&bytes).unwrap().0, bytes);
    }
}

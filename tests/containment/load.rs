//! Components that do not get as far as being loaded.

use mover::plugin::{Engine, Trust};
use mover::{Error, ErrorKind};
use serde_json::json;

use super::{engine, within};
use crate::kit::component::{manifest, with_section};
use crate::kit::guest::Guest;

/// Why it is not loaded; all of it is told by words that fit a terminal.
fn refusal(bytes: &[u8]) -> Error {
    let error = engine().0.load(bytes, Trust::Operator).expect_err("it must not be loaded");
    assert!(error.to_string().len() < 4096, "{error}");
    assert!(!error.to_string().contains(char::is_control), "{error}");
    error
}

fn refused_with(bytes: &[u8], cause: &str) {
    let error = refusal(bytes);
    assert!(error.to_string().contains(cause), "not {cause:?}: {error}");
}

fn with_manifest(section: &[u8]) -> Vec<u8> {
    with_section(Guest::transform().bare(), "mover:manifest", section)
}

/// A component in text, behind whose parts stands an honest manifest.
fn in_text(text: &str) -> Vec<u8> {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"));
    let manifest = manifest("guest", "transform").to_string();
    with_section(bytes, "mover:manifest", manifest.as_bytes())
}

#[test]
fn a_huge_manifest_is_refused_unread() {
    within(|| {
        let mut long = manifest("guest", "transform");
        long["config_schema"] = json!({ "description": "x".repeat(10 << 20) });
        refused_with(&with_manifest(long.to_string().as_bytes()), "at most 65536 may be");
    });
}

#[test]
fn a_manifest_that_is_no_json_or_nested_without_end_is_refused() {
    for section in [&b"{"[..], b"", b"\xff\xfe", b"[]", b"{\"name\":1}", b"null"] {
        refused_with(&with_manifest(section), "its manifest is not what it should be");
    }
    let deep = format!("{{\"name\":{}", "[".repeat(60_000));
    refused_with(&with_manifest(deep.as_bytes()), "its manifest is not what it should be");
}

#[test]
fn a_manifest_with_an_unknown_key_or_a_name_that_steers_a_terminal_is_refused() {
    let mut odd = manifest("guest", "transform");
    odd["permissions"] = json!("all");
    refused_with(&with_manifest(odd.to_string().as_bytes()), "permissions");
    for (key, value) in [("name", "a\u{1b}[2J"), ("version", "1\n2"), ("role", "\u{1b}c")] {
        let mut odd = manifest("guest", "transform");
        odd[key] = json!(value);
        refusal(&with_manifest(odd.to_string().as_bytes()));
    }
}

#[test]
fn a_second_manifest_is_refused() {
    let second = manifest("other", "transform").to_string();
    let twice = with_section(Guest::transform().build(), "mover:manifest", second.as_bytes());
    refused_with(&twice, "more than one manifest");
}

#[test]
fn a_manifest_in_an_inner_component_or_module_counts_for_nothing() {
    let bare = Guest::transform().bare();
    let json = manifest("guest", "transform").to_string();
    let escaped: String = json.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let inner = format!("(component (core module (@custom \"mover:manifest\" \"{escaped}\")))");
    refused_with(&wat::parse_str(inner).unwrap(), "it has no section mover:manifest");
    refused_with(&bare, "it has no section mover:manifest");
}

#[test]
fn wasi_is_refused_by_name() {
    for name in ["wasi:cli/environment@0.2.0", "wasi:filesystem/types@0.2.3", "env", "my:own/thing"]
    {
        let error = refusal(&in_text(&format!("(component (import \"{name}\" (instance)))")));
        assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn other_versions_and_other_interfaces_of_the_contract_are_refused_with_what_is_offered() {
    for name in [
        "mover:plugin/log@0.2.0",
        "mover:plugin/log@1.0.0",
        "mover:plugin/log",
        "mover:plugin/keys@0.1.0",
    ] {
        let bytes = in_text(&format!("(component (import \"{name}\" (instance)))"));
        refused_with(
            &bytes,
            &format!("it asks for {name}; this mover offers types, log and output"),
        );
    }
}

#[test]
fn a_function_that_the_contract_does_not_have_is_refused_before_anything_runs() {
    let text = r#"(component
        (import "mover:plugin/log@0.1.0" (instance
            (export "read-file" (func (param "path" string) (result string)))))
        (instance $i) (export "mover:plugin/transform@0.1.0" (instance $i)))"#;
    refused_with(&in_text(text), "guest 1.0.0 does not fit");
}

#[test]
fn an_export_of_another_shape_is_refused_when_it_is_opened() {
    let text = r#"(component
        (instance $i) (export "mover:plugin/transform@0.1.0" (instance $i)))"#;
    let plugin = engine().0.load(&in_text(text), Trust::Operator);
    let error = match plugin {
        Err(error) => error,
        Ok(plugin) => plugin.transform("{}", &[]).err().expect("it has no codec"),
    };
    assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
}

#[test]
fn a_hundred_thousand_imports_or_exports_are_refused_quickly() {
    let parts = |begin: &str, part: &dyn Fn(usize) -> String| {
        let parts: String = (0..100_000).map(part).collect();
        in_text(&format!("(component {begin} {parts})"))
    };
    let imports = parts("", &|place| format!("(import \"a:b/c{place}\" (instance))"));
    let exports =
        parts("(instance $i)", &|place| format!("(export \"a:b/c{place}\" (instance $i))"));
    within(|| {
        let began = std::time::Instant::now();
        refused_with(&imports, "more than 64 imports or exports");
        refused_with(&exports, "more than 64 imports or exports");
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    });
}

#[test]
fn more_memories_tables_or_instances_than_a_component_takes_are_refused() {
    let mut text = String::from("(component (core module $m (memory 1) (table 1 funcref))");
    for _ in 0..1000 {
        text.push_str("(core instance (instantiate $m))");
    }
    text.push_str("(instance $i) (export \"mover:plugin/transform@0.1.0\" (instance $i)))");
    let error = match engine().0.load(&in_text(&text), Trust::Operator) {
        Err(error) => error,
        Ok(plugin) => plugin.transform("{}", &[]).err().expect("it takes too much"),
    };
    assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
    assert!(error.to_string().len() < 4096, "{error}");
}

/// Two parts with memories of their own, one of which hands a list to the other.
#[test]
fn a_component_that_is_composed_of_others_is_no_reason_to_panic() {
    let memory = r#"(memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))"#;
    let text = format!(
        r#"(component
        (component $taker
          (core module $m {memory} (func (export "take") (param i32 i32)))
          (core instance $i (instantiate $m))
          (func (export "take") (param "bytes" (list u8))
            (canon lift (core func $i "take")
              (memory (core memory $i "memory"))
              (realloc (core func $i "realloc")))))
        (component $giver
          (import "take" (func $take (param "bytes" (list u8))))
          (core module $memory {memory})
          (core instance $memory (instantiate $memory))
          (core func $lowered (canon lower (func $take) (memory (core memory $memory "memory"))))
          (core module $m
            (import "" "take" (func $take (param i32 i32)))
            (func (export "give") (call $take (i32.const 0) (i32.const 8))))
          (core instance $i (instantiate $m
            (with "" (instance (export "take" (func $lowered))))))
          (func (export "give") (canon lift (core func $i "give"))))
        (instance $taker (instantiate $taker))
        (instance $giver (instantiate $giver (with "take" (func $taker "take"))))
        (instance $role (export "give" (func $giver "give")))
        (export "mover:plugin/transform@0.1.0" (instance $role)))"#
    );
    let error = match engine().0.load(&in_text(&text), Trust::Operator) {
        Err(error) => error,
        Ok(plugin) => plugin.transform("{}", &[]).err().expect("it is no codec"),
    };
    assert_eq!(error.kind(), ErrorKind::Plugin, "{error}");
}

#[test]
fn a_core_module_a_fragment_and_nonsense_are_no_components() {
    let whole = Guest::transform().build();
    refused_with(&wat::parse_str("(module)").unwrap(), "it is a core module, not a component");
    refused_with(b"nonsense", "it is not a WebAssembly component");
    refused_with(b"", "it is not a WebAssembly component");
    for cut in [7, 8, 100, whole.len() / 2, whole.len() - 1] {
        refusal(&whole[..cut]);
    }
    let nested = "(component".repeat(200) + &")".repeat(200);
    refusal(&wat::parse_str(nested).unwrap_or_default());
}

#[test]
fn compiled_code_is_never_taken_for_a_component() {
    let (engine, _): (Engine, _) = engine();
    let elf = wasmtime_precompiled();
    let error = engine.load(&elf, Trust::Operator).expect_err("it is native code");
    assert!(error.to_string().contains("it is not a WebAssembly component"), "{error}");
}

/// What a cache of compiled code holds: native code, made by a mover on this machine.
fn wasmtime_precompiled() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (cache, key) = (folder.path().join("cache"), folder.path().join("key/key"));
    let cache = mover::plugin::CompiledCache::open(&cache, &key).expect("a new folder");
    let (engine, _) = super::engine_with(super::limits(), Some(cache));
    engine.load(&Guest::transform().build(), Trust::Operator).expect("it is honest");
    let mut files = std::fs::read_dir(folder.path().join("cache")).expect("the cache");
    let entry = files.next().expect("it was kept").expect("an entry");
    std::fs::read(entry.path()).expect("it can be read")
}

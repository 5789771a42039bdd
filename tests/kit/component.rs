//! Components of other people: small core modules in text, made to fit `wit/`.
//!
//! Each is an honest one with a few instructions put in front of its work.

use std::path::Path;

use serde_json::{Value, json};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The instructions of a component's one call.
pub(crate) enum Behaviour {
    /// Does its work: a transform that changes nothing, a snoop that passes everything.
    Honest,
    /// Hits `unreachable`.
    Trap,
    /// Never comes back.
    Loop,
    /// Writes without end (transforms only).
    Flood,
    /// Takes all memory that it can get, and more.
    MemoryBomb,
    /// Encodes to something that does not decode to what it was given (transforms only).
    Lie,
    /// Encodes to nothing at all (transforms only).
    Swallow,
    /// Answers with an error of its own.
    Fail,
}

/// What a [`Behaviour::Fail`] says.
pub(crate) const COMPLAINT: &str = "no luck today";

impl Behaviour {
    fn instructions(&self) -> &'static str {
        match self {
            Behaviour::Honest | Behaviour::Lie | Behaviour::Swallow => "",
            Behaviour::Trap => "unreachable",
            Behaviour::Loop => "(loop $again (br $again))",
            Behaviour::Flood => {
                "(loop $again
                   (call $write (local.get $output) (i32.const 0) (i32.const 65536))
                   (br $again))"
            }
            Behaviour::MemoryBomb => {
                "(loop $again
                   (br_if $again (i32.ne (memory.grow (i32.const 256)) (i32.const -1))))
                 unreachable"
            }
            Behaviour::Fail => {
                "(i32.store8 (i32.const 16) (i32.const 1))
                 (i32.store8 (i32.const 20) (i32.const 5))
                 (i32.store (i32.const 24) (i32.const 64))
                 (i32.store (i32.const 28) (i32.const 13))
                 (call $drop_sink (local.get $output))
                 (return (i32.const 16))"
            }
        }
    }
}

/// What all modules share: memory, and a bump allocator that every call starts afresh.
const COMMON: &str = r#"
  (memory (export "memory") 2)
  (global $free (mut i32) (i32.const 4096))
  (data (i32.const 64) "no luck today")
  (func $allocate (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16))))))
    (local.get $at))
  (func $opened (param $handle i32) (result i32)
    (global.set $free (i32.const 4096))
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (local.get $handle))
    (i32.const 16))
"#;

/// A component of the role transform.
pub(crate) fn transform(name: &str, behaviour: Behaviour) -> Vec<u8> {
    let world = "mover:plugin/transform-plugin";
    transform_for(world, behaviour, "", manifest(name, "transform"))
}

/// A transform that asks for a clock of WASI and uses it.
pub(crate) fn transform_with_wasi(name: &str) -> Vec<u8> {
    let clock = r#"(import "wasi:clocks/monotonic-clock@0.2.0" "now" (func $now (result i64)))"#;
    let manifest = manifest(name, "transform");
    transform_for("tests:hostile/wasi-transform", Behaviour::Honest, clock, manifest)
}

/// A transform whose manifest claims another track of the contract.
pub(crate) fn transform_of_track(name: &str, track: &str) -> Vec<u8> {
    let mut manifest = manifest(name, "transform");
    manifest["contract"] = json!(track);
    let world = "mover:plugin/transform-plugin";
    transform_for(world, Behaviour::Honest, "", manifest)
}

/// A transform whose manifest has one key changed.
pub(crate) fn transform_with(name: &str, key: &str, value: Value) -> Vec<u8> {
    let mut manifest = manifest(name, "transform");
    manifest[key] = value;
    transform_for("mover:plugin/transform-plugin", Behaviour::Honest, "", manifest)
}

/// A component with no manifest.
pub(crate) fn without_manifest() -> Vec<u8> {
    let world = "mover:plugin/transform-plugin";
    component(world, &transform_module(&Behaviour::Honest, ""))
}

fn transform_for(world: &str, behaviour: Behaviour, import: &str, manifest: Value) -> Vec<u8> {
    let bytes = component(world, &transform_module(&behaviour, import));
    with_section(bytes, "mover:manifest", manifest.to_string().as_bytes())
}

fn transform_module(behaviour: &Behaviour, import: &str) -> String {
    let hostile = behaviour.instructions();
    let uses_clock = if import.is_empty() { "" } else { "(drop (call $now))" };
    // What is written by `encode`; a liar writes as many bytes from elsewhere.
    let written = match behaviour {
        Behaviour::Lie => "(i32.const 4096) (local.get $input_length)",
        Behaviour::Swallow => "(i32.const 0) (i32.const 0)",
        _ => "(local.get $input) (local.get $input_length)",
    };
    // The nonce's and the binding's address and length stand between `plain` and `input`.
    let parameters = "(param $self i32) (param $plain i32) (param i32 i32 i32 i32)
                      (param $input i32) (param $input_length i32) (param $output i32)";
    let done = "(call $drop_sink (local.get $output))
                (global.set $free (i32.const 4096))
                (i32.store8 (i32.const 16) (i32.const 0))
                (i32.const 16)";
    format!(
        r#"(module
  (import "mover:plugin/output@0.1.0" "[method]sink.write" (func $write (param i32 i32 i32)))
  (import "mover:plugin/output@0.1.0" "[resource-drop]sink" (func $drop_sink (param i32)))
  (import "[export]mover:plugin/transform@0.1.0" "[resource-new]codec"
    (func $new (param i32) (result i32)))
  {import}
  {COMMON}
  (func (export "mover:plugin/transform@0.1.0#[static]codec.open")
    (param i32 i32 i32 i32) (result i32)
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/transform@0.1.0#[method]codec.encode") {parameters} (result i32)
    {hostile}
    {uses_clock}
    (call $write (local.get $output) {written})
    {done})
  (func (export "mover:plugin/transform@0.1.0#[method]codec.decode") {parameters} (result i32)
    (call $write (local.get $output) (local.get $input) (local.get $input_length))
    {done}))"#
    )
}

/// A component of the role snoop.
pub(crate) fn snoop(name: &str, behaviour: Behaviour) -> Vec<u8> {
    let hostile = behaviour.instructions();
    // A verdict takes 12 bytes, and all of them 0 is a pass without findings.
    let module = format!(
        r#"(module
  (import "[export]mover:plugin/snoop@0.1.0" "[resource-new]inspector"
    (func $new (param i32) (result i32)))
  (func $drop_sink (param i32))
  {COMMON}
  (func (export "mover:plugin/snoop@0.1.0#[static]inspector.open") (param i32 i32) (result i32)
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/snoop@0.1.0#[static]inspector.resume")
    (param i32 i32 i32 i32) (result i32)
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/snoop@0.1.0#[method]inspector.inspect")
    (param $self i32) (param i32 i32 i32) (param $ends i32) (result i32)
    (local $output i32) (local $length i32) (local $verdicts i32)
    {hostile}
    (local.set $length (i32.mul (local.get $ends) (i32.const 12)))
    (local.set $verdicts
      (call $allocate (i32.const 0) (i32.const 0) (i32.const 4) (local.get $length)))
    (memory.fill (local.get $verdicts) (i32.const 0) (local.get $length))
    (global.set $free (i32.const 4096))
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (local.get $verdicts))
    (i32.store (i32.const 24) (local.get $ends))
    (i32.const 16))
  (func (export "mover:plugin/snoop@0.1.0#[method]inspector.save") (param i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (i32.const 64))
    (i32.store (i32.const 24) (i32.const 0))
    (i32.const 16)))"#
    );
    let bytes = component("mover:plugin/snoop-plugin", &module);
    with_section(bytes, "mover:manifest", manifest(name, "snoop").to_string().as_bytes())
}

/// A component of the role filter: it turns bits, and adds a byte at the end; a liar turns others
/// back.
pub(crate) fn filter(name: &str, behaviour: Behaviour, is_lossy: bool) -> Vec<u8> {
    let hostile = behaviour.instructions();
    let back = if matches!(behaviour, Behaviour::Lie) { 0x54 } else { 0x55 };
    let done = "(call $drop_sink (local.get $output))
                (global.set $free (i32.const 4096))
                (i32.store8 (i32.const 16) (i32.const 0))
                (i32.const 16)";
    let module = format!(
        r#"(module
  (import "mover:plugin/output@0.1.0" "[method]sink.write" (func $write (param i32 i32 i32)))
  (import "mover:plugin/output@0.1.0" "[resource-drop]sink" (func $drop_sink (param i32)))
  (import "[export]mover:plugin/filter@0.1.0" "[resource-new]rewriter"
    (func $new (param i32) (result i32)))
  {COMMON}
  (global $undoes (mut i32) (i32.const 0))
  (global $holds (mut i32) (i32.const 0))
  (func (export "mover:plugin/filter@0.1.0#[static]rewriter.open")
    (param i32 i32) (param $direction i32) (result i32)
    (global.set $undoes (local.get $direction))
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/filter@0.1.0#[method]rewriter.next")
    (param $self i32) (param $input i32) (param $length i32) (param $output i32) (result i32)
    (local $at i32)
    {hostile}
    (block $turned
      (loop $again
        (br_if $turned (i32.eq (local.get $at) (local.get $length)))
        (i32.store8 (i32.add (local.get $input) (local.get $at))
          (i32.xor (i32.load8_u (i32.add (local.get $input) (local.get $at)))
            (select (i32.const {back}) (i32.const 0x55) (global.get $undoes))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $again)))
    (if (i32.and (global.get $undoes) (i32.ne (local.get $length) (i32.const 0)))
      (then
        ;; The last byte may be the one that was added.
        (if (global.get $holds)
          (then (call $write (local.get $output) (i32.const 32) (i32.const 1))))
        (call $write (local.get $output) (local.get $input)
          (i32.sub (local.get $length) (i32.const 1)))
        (i32.store8 (i32.const 32) (i32.load8_u (i32.sub
          (i32.add (local.get $input) (local.get $length)) (i32.const 1))))
        (global.set $holds (i32.const 1)))
      (else (call $write (local.get $output) (local.get $input) (local.get $length))))
    {done})
  (func (export "mover:plugin/filter@0.1.0#[method]rewriter.finish")
    (param $self i32) (param $output i32) (result i32)
    (if (i32.eqz (global.get $undoes))
      (then (call $write (local.get $output) (i32.const 32) (i32.const 1))))
    (global.set $holds (i32.const 0))
    {done}))"#
    );
    let bytes = component("mover:plugin/filter-plugin", &module);
    let mut manifest = manifest(name, "filter");
    manifest["lossy"] = json!(is_lossy);
    with_section(bytes, "mover:manifest", manifest.to_string().as_bytes())
}

/// Puts a component where a command can name it.
pub(crate) fn save(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(format!("{name}.wasm"));
    std::fs::write(&path, bytes).expect("a new file");
    path
}

pub(crate) fn manifest(name: &str, role: &str) -> Value {
    json!({
        "name": name, "version": "1.0.0", "role": role, "contract": "0.1",
        "keyed": false, "authenticates": false, "sequential": false, "memory_max": 67_108_864,
        "config_schema": { "type": "object", "additionalProperties": false },
    })
}

/// Makes a component of a core module; a world is `package/world`.
pub(crate) fn component(world: &str, module: &str) -> Vec<u8> {
    const WASI: &str = "package wasi:clocks@0.2.0;
                        interface monotonic-clock { now: func() -> u64; }";
    const HOSTILE: &str = "package tests:hostile;
                           world wasi-transform {
                             include mover:plugin/transform-plugin@0.1.0;
                             import wasi:clocks/monotonic-clock@0.2.0;
                           }";
    let mut resolve = Resolve::default();
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/0.1");
    let (plugin, _) = resolve.push_dir(contract).expect("wit/0.1 is sound");
    resolve.push_source("wasi.wit", WASI).expect("it is sound");
    let hostile = resolve.push_source("hostile.wit", HOSTILE).expect("it is sound");
    let (package, name) = world.split_once('/').expect("package/world");
    let package = if package == "tests:hostile" { hostile } else { plugin };
    let world = resolve.select_world(&[package], Some(name)).expect("the world is there");
    let mut bytes = wat::parse_str(module).unwrap_or_else(|error| panic!("{error}\n{module}"));
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8, false)
        .expect("it can be embedded");
    ComponentEncoder::default()
        .validate(true)
        .module(&bytes)
        .and_then(|encoder| encoder.encode())
        .unwrap_or_else(|error| panic!("{error:?}\n{module}"))
}

/// Appends a custom section.
pub(crate) fn with_section(mut bytes: Vec<u8>, name: &str, data: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    put_leb(name.len(), &mut content);
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    bytes.push(0);
    put_leb(content.len(), &mut bytes);
    bytes.extend_from_slice(&content);
    bytes
}

fn put_leb(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

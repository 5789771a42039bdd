//! Guests: an honest component of each role in text, with places where a test puts instructions
//! of its own.

use super::component::{component, manifest, with_section};

/// An honest component, and what a test has changed in it.
pub(crate) struct Guest {
    role: &'static str,
    places: Vec<(&'static str, String)>,
}

impl Guest {
    /// Changes nothing; its places are `module`, `memory`, `realloc`, and at the beginning of its
    /// functions `open`, `encode`, `decode`; `written` and `decoded` are what it writes.
    pub(crate) fn transform() -> Guest {
        Guest::of("transform")
    }

    /// Passes everything; its places are `module`, `memory`, `realloc`, `open`, `resume`,
    /// `inspect`, `save`.
    pub(crate) fn snoop() -> Guest {
        Guest::of("snoop")
    }

    /// Cuts at every 64 KiB; its places are `module`, `memory`, `realloc`, `open`, `longest`,
    /// `cut`, and `cut-made` where `$length` and `$crc` of a cut may be changed.
    pub(crate) fn dedupe() -> Guest {
        Guest::of("dedupe")
    }

    /// Writes what it is given; its places are `module`, `memory`, `realloc`, `open`, `next`,
    /// `finish`.
    pub(crate) fn filter() -> Guest {
        Guest::of("filter")
    }

    fn of(role: &'static str) -> Guest {
        Guest { role, places: Vec::new() }
    }

    /// Puts instructions at a place.
    pub(crate) fn with(mut self, place: &'static str, instructions: &str) -> Guest {
        self.places.push((place, instructions.to_owned()));
        self
    }

    /// The same, where the text has the address of a string that stands at 2048.
    pub(crate) fn saying(self, text: &str) -> Guest {
        let escaped: String = text.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        self.with("module", &format!("(data (i32.const 2048) \"{escaped}\")"))
    }

    /// The component without a manifest.
    pub(crate) fn bare(&self) -> Vec<u8> {
        component(&format!("mover:plugin/{}-plugin", self.role), &self.text())
    }

    /// The component, under the name `guest`.
    pub(crate) fn build(&self) -> Vec<u8> {
        self.named("guest")
    }

    /// The component under a name.
    pub(crate) fn named(&self, name: &str) -> Vec<u8> {
        let manifest = manifest(name, self.role).to_string();
        with_section(self.bare(), "mover:manifest", manifest.as_bytes())
    }

    fn text(&self) -> String {
        let role = match self.role {
            "transform" => TRANSFORM,
            "snoop" => SNOOP,
            "dedupe" => DEDUPE,
            _ => FILTER,
        };
        let mut text = role.replace("{common}", COMMON);
        let defaults = [
            ("memory", "2"),
            ("longest", "(i32.const 65536)"),
            ("written", "(local.get $input) (local.get $length)"),
            ("decoded", "(local.get $input) (local.get $length)"),
        ];
        for (place, default) in defaults {
            if !self.places.iter().any(|(known, _)| *known == place) {
                text = text.replace(&format!("{{{place}}}"), default);
            }
        }
        let names = [
            "module", "memory", "realloc", "open", "resume", "inspect", "save", "encode", "decode",
            "written", "decoded", "next", "finish", "cut", "cut-made", "longest",
        ];
        for name in names {
            let here = self.places.iter().filter(|(place, _)| *place == name);
            let here: Vec<&str> = here.map(|(_, text)| text.as_str()).collect();
            text = text.replace(&format!("{{{name}}}"), &here.join("\n"));
        }
        text
    }
}

/// What all share: memory, a bump allocator that every call starts afresh, answers at 16.
const COMMON: &str = r#"
  (memory (export "memory") {memory})
  (global $free (mut i32) (i32.const 8192))
  (global $count (mut i32) (i32.const 0))
  (func $allocate (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
    (local $at i32)
    {realloc}
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get $size)))
    (block $fits
      (br_if $fits (i32.le_u (global.get $free) (i32.mul (memory.size) (i32.const 65536))))
      (drop (memory.grow (i32.add (i32.const 1) (i32.shr_u (local.get $size) (i32.const 16))))))
    (local.get $at))
  (func $done (result i32)
    (global.set $free (i32.const 8192))
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.const 16))
  (func $opened (param $handle i32) (result i32)
    (i32.store (i32.const 20) (local.get $handle))
    (call $done))
  (func $list (param $at i32) (param $count i32) (result i32)
    (i32.store (i32.const 20) (local.get $at))
    (i32.store (i32.const 24) (local.get $count))
    (call $done))
  (func $fail (param $at i32) (param $length i32) (result i32)
    (drop (call $done))
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store8 (i32.const 20) (i32.const 5))
    (i32.store (i32.const 24) (local.get $at))
    (i32.store (i32.const 28) (local.get $length))
    (i32.const 16))
  (func $grow_to (param $bytes i32)
    (drop (memory.grow (i32.sub
      (i32.shr_u (i32.add (local.get $bytes) (i32.const 65535)) (i32.const 16))
      (memory.size)))))
  {module}
"#;

const TRANSFORM: &str = r#"(module
  (import "mover:plugin/output@0.1.0" "[method]sink.write" (func $write (param i32 i32 i32)))
  (import "mover:plugin/output@0.1.0" "[resource-drop]sink" (func $drop_sink (param i32)))
  (import "mover:plugin/log@0.1.0" "write" (func $log (param i32 i32 i32)))
  (import "[export]mover:plugin/transform@0.1.0" "[resource-new]codec"
    (func $new (param i32) (result i32)))
  {common}
  (func (export "mover:plugin/transform@0.1.0#[static]codec.open")
    (param i32 i32 i32 i32) (result i32)
    {open}
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/transform@0.1.0#[method]codec.encode")
    (param $self i32) (param $plain i32) (param i32 i32 i32 i32)
    (param $input i32) (param $length i32) (param $output i32) (result i32)
    {encode}
    (call $write (local.get $output) {written})
    (call $drop_sink (local.get $output))
    (call $done))
  (func (export "mover:plugin/transform@0.1.0#[method]codec.decode")
    (param $self i32) (param $plain i32) (param i32 i32 i32 i32)
    (param $input i32) (param $length i32) (param $output i32) (result i32)
    {decode}
    (call $write (local.get $output) {decoded})
    (call $drop_sink (local.get $output))
    (call $done)))"#;

const FILTER: &str = r#"(module
  (import "mover:plugin/output@0.1.0" "[method]sink.write" (func $write (param i32 i32 i32)))
  (import "mover:plugin/output@0.1.0" "[resource-drop]sink" (func $drop_sink (param i32)))
  (import "[export]mover:plugin/filter@0.1.0" "[resource-new]rewriter"
    (func $new (param i32) (result i32)))
  {common}
  (func (export "mover:plugin/filter@0.1.0#[static]rewriter.open")
    (param i32 i32 i32) (result i32)
    {open}
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/filter@0.1.0#[method]rewriter.next")
    (param $self i32) (param $input i32) (param $length i32) (param $output i32) (result i32)
    {next}
    (call $write (local.get $output) (local.get $input) (local.get $length))
    (call $drop_sink (local.get $output))
    (call $done))
  (func (export "mover:plugin/filter@0.1.0#[method]rewriter.finish")
    (param $self i32) (param $output i32) (result i32)
    {finish}
    (call $drop_sink (local.get $output))
    (call $done)))"#;

// A verdict takes 12 bytes, and all of them 0 is a pass without findings.
const SNOOP: &str = r#"(module
  (import "[export]mover:plugin/snoop@0.1.0" "[resource-new]inspector"
    (func $new (param i32) (result i32)))
  {common}
  (func (export "mover:plugin/snoop@0.1.0#[static]inspector.open") (param i32 i32) (result i32)
    {open}
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/snoop@0.1.0#[static]inspector.resume")
    (param i32 i32 i32 i32) (result i32)
    {resume}
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/snoop@0.1.0#[method]inspector.inspect")
    (param $self i32) (param $input i32) (param $length i32)
    (param $ends i32) (param $end_count i32) (result i32)
    (local $verdicts i32) (local $size i32)
    {inspect}
    (local.set $size (i32.mul (local.get $end_count) (i32.const 12)))
    (local.set $verdicts
      (call $allocate (i32.const 0) (i32.const 0) (i32.const 4) (local.get $size)))
    (memory.fill (local.get $verdicts) (i32.const 0) (local.get $size))
    (call $list (local.get $verdicts) (local.get $end_count)))
  (func (export "mover:plugin/snoop@0.1.0#[method]inspector.save") (param i32) (result i32)
    {save}
    (call $list (i32.const 64) (i32.const 0))))"#;

// A cut is at every end, and where a block is as long as it may be; what is left waits.
const DEDUPE: &str = r#"(module
  (import "[export]mover:plugin/dedupe@0.1.0" "[resource-new]cutter"
    (func $new (param i32) (result i32)))
  {common}
  (func $crc (param $at i32) (param $length i32) (result i32)
    (local $crc i32) (local $bit i32)
    (local.set $crc (i32.const -1))
    (block $over (loop $byte
      (br_if $over (i32.eqz (local.get $length)))
      (local.set $crc (i32.xor (local.get $crc) (i32.load8_u (local.get $at))))
      (local.set $bit (i32.const 8))
      (loop $next
        (local.set $crc (i32.xor
          (i32.shr_u (local.get $crc) (i32.const 1))
          (i32.and (i32.const 0x82f63b78)
            (i32.sub (i32.const 0) (i32.and (local.get $crc) (i32.const 1))))))
        (br_if $next (local.tee $bit (i32.sub (local.get $bit) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (local.set $length (i32.sub (local.get $length) (i32.const 1)))
      (br $byte)))
    (i32.xor (local.get $crc) (i32.const -1)))
  (func (export "mover:plugin/dedupe@0.1.0#[static]cutter.open") (param i32 i32) (result i32)
    {open}
    (call $opened (call $new (i32.const 1))))
  (func (export "mover:plugin/dedupe@0.1.0#[method]cutter.block-length-max")
    (param i32) (result i32) {longest})
  (func (export "mover:plugin/dedupe@0.1.0#[method]cutter.cut")
    (param $self i32) (param $input i32) (param $window i32)
    (param $ends i32) (param $end_count i32) (result i32)
    (local $cuts i32) (local $count i32) (local $at i32) (local $rest i32)
    (local $length i32) (local $crc i32)
    {cut}
    (local.set $cuts (call $allocate (i32.const 0) (i32.const 0) (i32.const 4) (i32.mul
      (i32.add (local.get $end_count) (i32.add (i32.const 2)
        (i32.shr_u (local.get $window) (i32.const 16))))
      (i32.const 8))))
    (block $over (loop $again
      ;; Ends that are behind us are done with.
      (block $ahead (loop $skip
        (br_if $ahead (i32.eqz (local.get $end_count)))
        (br_if $ahead (i32.gt_u (i32.load (local.get $ends)) (local.get $at)))
        (local.set $ends (i32.add (local.get $ends) (i32.const 4)))
        (local.set $end_count (i32.sub (local.get $end_count) (i32.const 1)))
        (br $skip)))
      (local.set $rest (i32.sub
        (select (i32.load (local.get $ends)) (local.get $window) (local.get $end_count))
        (local.get $at)))
      (local.set $length (select (local.get $rest) (i32.const 65536)
        (i32.lt_u (local.get $rest) (i32.const 65536))))
      (br_if $over (i32.eqz (local.get $rest)))
      (br_if $over (i32.and (i32.eqz (local.get $end_count))
        (i32.lt_u (local.get $rest) (i32.const 65536))))
      (local.set $crc
        (call $crc (i32.add (local.get $input) (local.get $at)) (local.get $length)))
      (local.set $at (i32.add (local.get $at) (local.get $length)))
      {cut-made}
      (i32.store (i32.add (local.get $cuts) (i32.mul (local.get $count) (i32.const 8)))
        (local.get $length))
      (i32.store offset=4 (i32.add (local.get $cuts) (i32.mul (local.get $count) (i32.const 8)))
        (local.get $crc))
      (local.set $count (i32.add (local.get $count) (i32.const 1)))
      (br $again)))
    (call $list (local.get $cuts) (local.get $count))))"#;

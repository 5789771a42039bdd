//! The manifest: what a plugin says of itself, readable without running it.
//!
//! [`export!`](crate::export) puts it, as one JSON object in UTF-8, into the custom section
//! `mover:manifest` of the core module, exactly once, with nothing before or after it.
//! `mover plugin build` lifts the section to the outermost level of the component.
//! Its keys, in this order:
//!
//! | key | value |
//! |---|---|
//! | `authenticates` | it tells changed input from what it wrote |
//! | `config_schema` | JSON Schema of the configuration |
//! | `contract` | `"0.1"` |
//! | `keyed` | it takes a key, and a nonce for each chunk |
//! | `lossy` | only where true: a filter that cannot be undone |
//! | `memory_max` | bytes of linear memory that it takes, at most |
//! | `name` | the package's name |
//! | `role` | `"transform"`, `"snoop"`, `"dedupe"` or `"filter"` |
//! | `sequential` | always `false` |
//! | `version` | the package's version |

use crate::config::{Config, JsonWriter, Schema};
use crate::{Dedupe, Filter, Snoop, Transform};

/// The track of the contract that this SDK is made for.
pub const CONTRACT: &str = "0.1";
/// Memory of a plugin that says nothing of it: 64 MiB.
const MEMORY_MAX: u64 = 64 << 20;

/// A manifest, made at compile time by [`export!`](crate::export).
#[derive(Clone, Copy, Debug)]
pub struct Manifest {
    name: &'static str,
    version: &'static str,
    role: &'static str,
    keyed: bool,
    authenticates: bool,
    lossy: bool,
    memory_max: u64,
    schema: Schema,
}

impl Manifest {
    const fn new(
        role: &'static str,
        schema: Schema,
        name: &'static str,
        version: &'static str,
    ) -> Self {
        Self {
            name,
            version,
            role,
            keyed: false,
            authenticates: false,
            lossy: false,
            memory_max: MEMORY_MAX,
            schema,
        }
    }

    /// Of a transform.
    pub const fn transform<T: Transform>(name: &'static str, version: &'static str) -> Self {
        Self::new("transform", T::Config::SCHEMA, name, version)
    }

    /// Of a snoop.
    pub const fn snoop<T: Snoop>(name: &'static str, version: &'static str) -> Self {
        Self::new("snoop", T::Config::SCHEMA, name, version)
    }

    /// Of a dedupe.
    pub const fn dedupe<T: Dedupe>(name: &'static str, version: &'static str) -> Self {
        Self::new("dedupe", T::Config::SCHEMA, name, version)
    }

    /// Of a filter.
    pub const fn filter<T: Filter>(name: &'static str, version: &'static str) -> Self {
        Self::new("filter", T::Config::SCHEMA, name, version)
    }

    /// Another name than the package's.
    pub const fn name(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Bytes of linear memory, at most; the host allows 512 MiB.
    pub const fn memory_max(self, memory_max: u64) -> Self {
        Self { memory_max, ..self }
    }

    /// Whether a transform takes a key, and a nonce for each chunk.
    pub const fn keyed(self, keyed: bool) -> Self {
        Self { keyed, ..self }
    }

    /// Whether a transform tells changed input from what it wrote.
    pub const fn authenticates(self, authenticates: bool) -> Self {
        Self { authenticates, ..self }
    }

    /// Whether a filter cannot change back what it changes.
    pub const fn lossy(self, lossy: bool) -> Self {
        Self { lossy, ..self }
    }

    /// Bytes of its JSON.
    ///
    /// # Panics
    ///
    /// When something is said that its role does not have: at compile time, in the macro.
    pub const fn length(&self) -> usize {
        self.write::<0>().length
    }

    /// Its JSON; `N` is [`length`](Self::length).
    pub const fn to_json<const N: usize>(&self) -> [u8; N] {
        self.write::<N>().bytes
    }

    const fn write<const N: usize>(&self) -> JsonWriter<N> {
        // The first letter is enough to tell the roles apart.
        let role = self.role.as_bytes()[0];
        let has_key = self.keyed || self.authenticates;
        assert!(!has_key || role == b't', "only a transform is `keyed` or `authenticates`");
        assert!(!self.lossy || role == b'f', "only a filter is `lossy`");
        let mut writer = JsonWriter::new();
        writer.raw("{\"authenticates\":");
        writer.boolean(self.authenticates);
        writer.raw(",\"config_schema\":");
        writer.schema(&self.schema);
        writer.raw(",\"contract\":");
        writer.string(CONTRACT);
        writer.raw(",\"keyed\":");
        writer.boolean(self.keyed);
        if self.lossy {
            writer.raw(",\"lossy\":true");
        }
        writer.raw(",\"memory_max\":");
        writer.integer(self.memory_max as i128);
        writer.raw(",\"name\":");
        writer.string(self.name);
        writer.raw(",\"role\":");
        writer.string(self.role);
        writer.raw(",\"sequential\":false,\"version\":");
        writer.string(self.version);
        writer.raw("}");
        writer
    }
}

/// Makes a component of a type that implements a role: `export!(transform: MyType);`, once in a
/// crate of the type `cdylib`.
///
/// Exports the role's functions, and writes the [manifest](crate::manifest). The name and the
/// version are the package's. After the type may follow, as `option = value`, what else the
/// manifest says: `memory_max` (bytes; 64 MiB), `keyed` and `authenticates` (of a transform;
/// `false`), `lossy` (of a filter; `false`), `name`.
///
/// ```
/// # use mover_plugin::*;
/// # struct Rot13;
/// # impl Filter for Rot13 {
/// #     type Config = NoConfig;
/// #     fn open(_: NoConfig, _: Direction) -> Result<Self> { Ok(Rot13) }
/// #     fn next(&mut self, _: &[u8], _: &mut Output<'_>) -> Result<()> { Ok(()) }
/// #     fn finish(&mut self, _: &mut Output<'_>) -> Result<()> { Ok(()) }
/// # }
/// mover_plugin::export!(filter: Rot13, memory_max = 4 << 20);
/// ```
///
/// Outside of WebAssembly it only checks: `cargo test` needs nothing but the type.
#[macro_export]
macro_rules! export {
    ($role:ident: $type:ty $(, $option:ident = $value:expr)* $(,)?) => {
        const _: () = {
            const MANIFEST: $crate::manifest::Manifest = $crate::manifest::Manifest::$role::<$type>(
                ::core::env!("CARGO_PKG_NAME"),
                ::core::env!("CARGO_PKG_VERSION"),
            )$(.$option($value))*;
            const LENGTH: usize = MANIFEST.length();

            #[cfg(target_arch = "wasm32")]
            #[used]
            #[unsafe(link_section = "mover:manifest")]
            static SECTION: [u8; LENGTH] = MANIFEST.to_json();

            #[cfg(target_arch = "wasm32")]
            type Component = $crate::$role::Component<$type>;
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::$role::export!(Component with_types_in $crate::bindings::$role);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_manifest_is_json_with_all_that_was_said() {
        const MANIFEST: Manifest =
            Manifest::new("filter", Schema::Object(&[]), "a \"name\"\\\n\u{1}ü", "1.2.3")
                .lossy(true)
                .memory_max(0);
        const JSON: [u8; MANIFEST.length()] = MANIFEST.to_json();
        let found: Value = serde_json::from_slice(&JSON).unwrap();
        let expect = json!({
            "name": "a \"name\"\\\n\u{1}ü",
            "version": "1.2.3",
            "role": "filter",
            "contract": "0.1",
            "keyed": false,
            "authenticates": false,
            "sequential": false,
            "lossy": true,
            "memory_max": 0,
            "config_schema": {"type": "object", "additionalProperties": false, "properties": {}},
        });
        assert_eq!(found, expect);
    }

    #[test]
    #[should_panic(expected = "only a transform is `keyed`")]
    fn what_its_role_does_not_have_cannot_be_said() {
        Manifest::new("snoop", Schema::Object(&[]), "", "").keyed(true).length();
    }
}

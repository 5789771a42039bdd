//! The contract as Rust types, one module for each role; generated from `wit/`.
//!
//! The sink is not linked through these, but by hand in `guest`, so that what a component writes
//! is copied once, straight out of its memory.

macro_rules! world {
    ($name:ident, $world:literal $(, $with:literal: $type:ty)?) => {
        pub(super) mod $name {
            #![allow(missing_docs, unreachable_pub, reason = "generated; the docs are in wit/")]
            wasmtime::component::bindgen!({
                path: "../wit/0.1",
                world: $world,
                with: { $($with: $type)? },
            });
        }
    };
}

world!(transform, "transform-plugin", "mover:plugin/output.sink": crate::plugin::guest::Sink);
world!(snoop, "snoop-plugin");
world!(dedupe, "dedupe-plugin");
world!(filter, "filter-plugin", "mover:plugin/output.sink": crate::plugin::guest::Sink);

//! For WebAssembly puts `c/narrow.c` between Rust and the library: `c/wide.h` says why.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=c");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|architecture| architecture != "wasm32") {
        return;
    }
    let headers = std::env::var("DEP_ZSTD_INCLUDE").expect("zstd-sys says where its headers are");
    let library = headers.split(';').next().expect("one folder");
    let mut build = cc::Build::new();
    build.include(library);
    // zstd-sys has the few headers of a C library that there are, too.
    build.include(Path::new(library).join("../../wasm-shim"));
    build.flag("-include").flag("c/wide.h").file("c/narrow.c").compile("narrow");
}

//! `#[derive(Config)]` of the crate `mover-plugin`, which says what it does.
//!
//! Read in this order: `attributes` (what is said of a field), `expand` (the code).

mod attributes;
mod expand;
mod rename;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Says what may stand in a configuration: see the trait of the same name.
#[proc_macro_derive(Config, attributes(config, serde))]
pub fn derive_config(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::config(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
